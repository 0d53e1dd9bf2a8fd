//! What can go wrong, and the way out.

use std::path::{Path, PathBuf};

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum EnergyError {
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// `read`, `write` or `create`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The cell library cannot be used.
    #[error("{}: {what}", path.display())]
    Liberty {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A program cannot be started.
    #[error("`{tool}` could not be started: {source}; install the Debian package {package}")]
    NotStarted {
        /// The program.
        tool: &'static str,
        /// What brings it.
        package: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A program did not succeed.
    #[error("`{tool}` failed ({status}): {cause}; its output is in {}", log.display())]
    ToolFailed {
        /// The program.
        tool: &'static str,
        /// How it ended.
        status: String,
        /// Its own words.
        cause: String,
        /// Its output.
        log: PathBuf,
    },
    /// A netlist is not one of mapped cells.
    #[error("netlist of {block}: {what}")]
    Netlist {
        /// The block.
        block: String,
        /// What is wrong with it.
        what: String,
    },
    /// The gates do something else than the machine.
    #[error("the gates of {block} differ from the machine in cycle {cycle}: {port} is {found:#x}, expected {expected:#x}")]
    Differs {
        /// The block.
        block: String,
        /// The output.
        port: String,
        /// Cycle of the recording.
        cycle: usize,
        /// What the gates say.
        found: u64,
        /// What the machine says.
        expected: u64,
    },
    /// The workload cannot be run or does not show what is to be measured.
    #[error("workload {name}: {what}")]
    Workload {
        /// Its name.
        name: String,
        /// Why.
        what: String,
    },
    /// An energy file cannot be used, or not for this machine.
    #[error(transparent)]
    Estimate(#[from] crumb::energy::EnergyError),
}

impl EnergyError {
    /// For `map_err`: the file and what was to be done with it.
    pub fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
