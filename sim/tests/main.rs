//! Tests of the simulator on whole programs: one program, linked once.

mod activity;
mod common;
mod vcd;
