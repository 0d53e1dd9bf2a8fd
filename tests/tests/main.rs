//! Tests across all models: one program, so that it is linked once and no core waits for a file's last test.

mod bad_models;
mod bridge;
mod channels;
mod digits;
mod estimates;
mod exhaustive;
mod exports;
mod hostile;
mod onnxruntime;
mod programs;
mod registers;
mod throughput;
