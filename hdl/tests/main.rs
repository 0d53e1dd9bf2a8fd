//! Tests of the circuits in rust-hdl, and of their Verilog in Yosys.

mod blocks;
mod common;
mod datapath;
mod drain_banks;
mod equivalence;
mod merge;
