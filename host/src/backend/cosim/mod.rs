//! The conversation with `crumb-cosim`, the program that runs the generated Verilog: shared by both sides.

pub mod client;
mod error;
pub mod protocol;

pub use error::CosimError;
