//! The host of the Crumb accelerator: import, tiling, backends, reference, and the `crumb` command.

pub mod backend;
pub mod benchmark;
pub mod cli;
pub mod digits;
pub mod energy;
pub mod estimate;
pub mod fpga;
pub mod gemm;
pub mod network;
pub mod npy;
pub mod onnx;
pub mod planner;
pub mod refine;
pub mod report;
pub mod session;
pub mod sweep;
pub mod verify;
