//! The Crumb accelerator in rust-hdl: every block of `docs/microarchitecture.md` is a file here, and its twin in `crumb-sim`.
//!
//! ```text
//! blocks --> machine (wiring only) --> configs: tiny .. huge --> RtlMachine (simulation), verilog (merged, readable modules)
//! ```

pub mod accumulator;
pub mod activation_buffer;
pub mod array;
pub mod brick_column;
pub mod bytes;
pub mod column_sum;
pub mod combiner;
pub mod configs;
pub mod counters;
pub mod datapath;
pub mod decoder;
pub mod distributed_ram;
pub mod drain;
pub mod edge;
pub mod extend;
pub mod header_check;
pub mod issue;
pub mod machine;
pub mod multiplier;
pub mod output_fifo;
pub mod packer;
pub mod parameter_memory;
pub mod pe;
pub mod precision_switch;
pub mod preset;
pub mod ram;
pub mod read_stage;
pub mod registers;
pub mod requantizer;
pub mod row_offset;
pub mod row_sum;
pub mod sequencer;
pub mod skew;
pub mod step;
pub mod stream_in;
pub mod stream_out;
pub mod tile_queue;
pub mod verilog;
pub mod weight_bus;
pub mod weight_memory;

#[cfg(test)]
mod cosim;

pub use configs::{HdlError, RtlMachine, netlist_for, untidy_verilog_for, verilog_for};
