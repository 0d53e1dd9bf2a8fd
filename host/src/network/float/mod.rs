//! Float operators equal to onnxruntime's CPU kernels (1.31.1, x86-64 with AVX-512), bit for bit; the payload of a NaN is left
//! open.
//!
//! The functions are pure and work on slices. Fused multiply-adds are `f32::mul_add`, which is exact on every machine, and fast
//! only where the program is compiled for processors that have the instruction (`-C target-feature=+fma`); elsewhere each one is
//! a call of the C library.

pub mod batch_norm;
pub mod cast;
pub mod elementwise;
pub mod erf;
pub mod exponential;
pub mod gelu;
pub mod gemm;
mod gemv;
pub mod layer_norm;
pub mod logistic;
pub mod matmul;
pub mod matmul_stack;
pub mod pool;
pub mod pool_mlas;
pub mod quantize;
pub mod reduce;
mod reduction_order;
mod sgemm;
pub mod softmax;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod product_tests;
