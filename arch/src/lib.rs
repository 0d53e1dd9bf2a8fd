//! The contract of the Crumb accelerator: each rule of the machine, once.
//!
//! RTL (`crumb-hdl`), simulator (`crumb-sim`), reference and host are each checked against this crate; none restates it.

pub mod boundary;
pub mod brick;
pub mod command;
pub mod config;
pub mod counters;
pub mod document;
pub mod driver;
pub mod error;
pub mod lanes;
pub mod precision;
pub mod register;
pub mod requantizer;
pub mod stall;
pub mod status;
pub mod switch;
pub mod timing;

pub use command::{Command, Drain, Op, Requantize, Tile};
pub use config::ArrayConfig;
pub use counters::{Counter, Counters, Derived};
pub use error::MachineError;
pub use precision::{ActBits, Rounding, WeightBits};
pub use register::Register;
pub use switch::WeightFormat;
