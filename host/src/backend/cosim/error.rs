//! What can go wrong with a co-simulation.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crumb_arch::driver::DriveError;

/// What can go wrong with a co-simulation.
#[derive(Debug, Error)]
pub enum CosimError {
    /// The configuration is not among those built.
    #[error(
        "the Verilog of `{config}` was not built into this co-simulation, which has: {}; build it with `--features {config}`, or `--features all`",
        list(.available)
    )]
    NotBuilt {
        /// The one asked for.
        config: String,
        /// Those there are.
        available: Vec<&'static str>,
    },
    /// Waveforms were asked for, but the models were compiled without.
    #[error("the co-simulation was built without waveforms: build it with `--features trace`")]
    NoTrace,
    /// Only one waveform a circuit.
    #[error("a waveform of this circuit is being written already")]
    TraceTwice,
    /// The VCD file cannot be written.
    #[error("cannot write the waveform `{}`", path.display())]
    TraceFile {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The batch cannot be driven.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The program cannot be started.
    #[error("cannot start the co-simulation `{}`: build it with `cargo build --release --package crumb-cosim`", program.display())]
    Launch {
        /// Its path.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The other side speaks another version.
    #[error(
        "the other side speaks version {found} of the co-simulation protocol, this one version {expected}: build both from the same sources"
    )]
    Version {
        /// Its version.
        found: u16,
        /// This version.
        expected: u16,
    },
    /// The other side is not a co-simulation.
    #[error("not a frame of the co-simulation protocol: {0}")]
    Protocol(String),
    /// The other side refused a request.
    #[error("the co-simulation refused: {0}")]
    Refused(String),
    /// The pipe broke.
    #[error("the connection to the co-simulation broke")]
    Io(#[from] io::Error),
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ") }
}
