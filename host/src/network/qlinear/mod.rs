//! Quantized operators on integers, bit for bit as onnxruntime's x86-64 CPU kernels (with FMA) compute them.
//!
//! Every function works on 8-bit integers already widened to `i32`. Order of operations, fused multiply-adds and the
//! place of each rounding are those of the kernels; where a kernel saturates to its integer type, these functions
//! saturate to [`Narrowed::low`](crate::network::Narrowed::low) and `high`, so that tensors of fewer bits run by the same rules.

mod add;
mod average_pool;
mod broadcast;
mod convert;
mod global_average_pool;
#[cfg(test)]
mod golden;
mod lookup;
mod mul;
mod softmax;

pub use add::add;
pub use average_pool::{Pool, average_pool};
pub use broadcast::Broadcast;
pub use global_average_pool::global_average_pool;
pub use lookup::{leaky_relu, requantize, sigmoid};
pub use mul::mul;
pub use softmax::SoftmaxTable;
