//! Machines that the host can drive: one trait, one command stream, four ways to carry it out.
//!
//! | backend | what runs | cycles |
//! |---|---|---|
//! | `reference` | plain loops over the commands | none |
//! | `sim` | the native simulator | exact |
//! | `rtl` | the rust-hdl circuit in rust-hdl's simulator | exact |
//! | `verilog` | the generated Verilog under Verilator, in a process of its own | exact |

pub mod cosim;
mod reference;
mod rtl;
mod sim;
pub mod verilator;
pub mod verilog;

pub use reference::Reference;
pub use sim::{Sim, WaveError};

use crumb_arch::ArrayConfig;
use crumb_arch::config::ConfigError;
use crumb_arch::driver::{Batch, DriveError, Outcome};
use crumb_sim::activity::Activity;
use std::str::FromStr;

/// A machine that carries out batches of its input stream.
pub trait Backend {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// The sizes of the machine.
    fn config(&self) -> &ArrayConfig;

    /// Drives a batch to its end. A backend without a clock reports 0 cycles and ignores stalls.
    ///
    /// # Errors
    /// If the batch cannot be driven, or the machine has gone.
    fn run(&mut self, batch: &Batch) -> Result<Outcome, BackendError>;

    /// Whether it has a clock, and so counters and cycles.
    fn is_clocked(&self) -> bool {
        true
    }

    /// Toggles of its registers since it was opened, if it counts them.
    fn activity(&self) -> Option<Activity> {
        None
    }
}

/// Why a backend cannot be opened or has failed.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The name is unknown.
    #[error("no backend is named '{found}': choose reference, sim, rtl or verilog")]
    UnknownName {
        /// The name asked for.
        found: String,
    },
    /// The configuration breaks rules.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The batch does not fit the machine.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The waveform cannot be written.
    #[error(transparent)]
    Wave(#[from] WaveError),
    /// The RTL cannot be simulated.
    #[error("backend rtl: {0}")]
    Rtl(String),
    /// The Verilog cannot be simulated.
    #[error("backend verilog: {0}")]
    Verilog(String),
}

/// Names of the backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum BackendKind {
    /// Plain loops, no clock.
    Reference,
    /// The native cycle-accurate simulator.
    Sim,
    /// The rust-hdl circuit.
    Rtl,
    /// The Verilog under Verilator.
    Verilog,
}

impl BackendKind {
    /// Every backend.
    pub const ALL: [Self; 4] = [Self::Reference, Self::Sim, Self::Rtl, Self::Verilog];

    /// Opens a machine of this kind.
    ///
    /// # Errors
    /// If the configuration is invalid, or the RTL or Verilog of it does not exist or cannot be built.
    pub fn open(self, config: &ArrayConfig) -> Result<Box<dyn Backend>, BackendError> {
        Ok(match self {
            Self::Reference => Box::new(Reference::new(config)?),
            Self::Sim => Box::new(Sim::new(config)?),
            Self::Rtl => Box::new(rtl::Rtl::open(config)?),
            Self::Verilog => Box::new(verilog::Verilog::open(config, None)?),
        })
    }

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Sim => "sim",
            Self::Rtl => "rtl",
            Self::Verilog => "verilog",
        }
    }
}

impl FromStr for BackendKind {
    type Err = BackendError;
    fn from_str(s: &str) -> Result<Self, BackendError> {
        Self::ALL.into_iter().find(|b| b.name() == s).ok_or_else(|| BackendError::UnknownName { found: s.to_owned() })
    }
}
