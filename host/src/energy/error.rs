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
    /// There is no energy file of this name.
    #[error("no energy file is named {found}: expected {known}, or a file that ends in .toml")]
    Name {
        /// What was asked for.
        found: String,
        /// What there is.
        known: String,
    },
    /// The figures do not say at what activity they hold.
    #[error(
        "energy figures {model}: {event} has no toggles, so activity is missing: use osu018, or a file that `cargo xtask energy` wrote"
    )]
    Activity {
        /// The figures' name.
        model: String,
        /// The first event without.
        event: &'static str,
    },
    /// The machine is one that the figures are not of.
    #[error("configuration '{config}': depth is {depth}, but energies are known of PEs of depth 1 only; give one of depth 1")]
    Depth {
        /// The configuration's name.
        config: String,
        /// Its depth.
        depth: usize,
    },
    /// The work is beyond what is counted.
    #[error("configuration '{config}': the work moves more bits than 64 bits can count; estimate parts of it")]
    Large {
        /// The configuration's name.
        config: String,
    },
}
