//! Energy of the accelerator's events, measured on gates.
//!
//! ```text
//! generated Verilog --Yosys--> gates of a cell library --+
//! simulator at work: recorded registers -- stimulus -----+--> event-driven simulation --> edges --> pJ per event
//! liberty file: capacitances, delays, energies ----------+
//! ```

pub mod assemble;
pub mod beside;
pub mod blocks;
pub mod compare;
pub mod energies;
pub mod error;
mod fixed;
pub mod function;
#[cfg(test)]
mod hand_computed;
pub mod liberty;
pub mod library;
pub mod measure;
pub mod netlist;
pub mod power;
pub mod record;
pub mod report;
pub mod second_opinion;
pub mod simulate;
pub mod sta;
pub mod subject;
pub mod synthesis;
pub mod table;
pub mod tap;
pub mod timing;
pub mod workload;
pub mod zeros;

pub use crumb::energy::{estimate, model, vocabulary};
