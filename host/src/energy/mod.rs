//! The energy of a run: what the machine counted, times what each event costs in a technology.
//!
//! The figures stand in energy files ([`model`]); the crate `crumb-energy` measures those of the gates.

pub mod activity;
mod error;
pub mod estimate;
pub mod mode;
pub mod model;
mod parts;
mod tables;
pub mod vocabulary;

pub use activity::{Observed, by_activity};
pub use error::EnergyError;
pub use estimate::{Work, estimate};
pub use mode::Mode;
pub use model::Model;
pub use parts::{Estimate, PARTS};
