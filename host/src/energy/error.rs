//! Why there is no estimate.

use std::path::PathBuf;

/// Why there is no estimate.
#[derive(Debug, thiserror::Error)]
pub enum EnergyError {
    /// An energy file cannot be used.
    #[error("{}: {what}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The machine is one that the figures are not of.
    #[error("workload {name}: {what}")]
    Workload {
        /// The configuration's name.
        name: String,
        /// Why.
        what: String,
    },
}
