//! The generated Verilog under Verilator, driven from Rust.
//!
//! ```text
//!  crumb_<config>.v --verilator--> C++ --cpp/shim.cpp--> shim --> Verilated: Boundary --> Driver
//!                                                                                           ^
//!  host --Client-- pipe: protocol ---------------------------- crumb-cosim (the program) ---+
//! ```
//!
//! The parts that know nothing of Verilator are shared: [`boundary`], [`stall`] and [`driver`] by all backends, [`protocol`]
//! and [`client`] with the host.

mod model;
pub mod server;
mod shim;

pub use crumb::backend::cosim::{CosimError, client, protocol};
pub use crumb_arch::boundary::{Boundary, Inputs, Outputs};
pub use crumb_arch::{boundary, driver, stall};
pub use model::{PowerUp, VERILATOR_VERSION, Verilated, available, verilog_path};
