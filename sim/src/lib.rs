//! The native cycle-accurate simulator of the Crumb accelerator: same commands in, same stream out, same counters, same cycles.
//!
//! Every block of `docs/microarchitecture.md` is a file here and its twin in `crumb-hdl`; every register has the same name.
#![forbid(unsafe_code)]

mod accumulator;
mod activation_buffer;
pub mod activity;
mod array;
mod column_sum;
mod combiner;
pub mod counters;
pub mod datapath;
pub mod decoder;
pub mod drain;
pub mod machine;
pub mod output_fifo;
pub mod packer;
mod parameter_memory;
pub mod read_stage;
pub mod requantizer;
mod row_sum;
pub mod sequencer;
mod skew;
pub mod stream_in;
pub mod stream_out;
pub mod tile_queue;
pub mod trace;
pub mod vcd;
mod weight_memory;

pub use machine::Machine;
