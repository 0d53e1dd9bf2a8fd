//! Float kernels equal to onnxruntime's, bit for bit.
pub mod batch_norm;
pub mod cast;
pub mod erf;
pub mod exponential;
pub mod gelu;
pub mod layer_norm;
pub mod logistic;
pub mod pool;
pub mod pool_mlas;
pub mod quantize;
pub mod reduce;
mod reduction_order;
pub mod softmax;

pub use erf::erf;
pub use exponential::exp;
pub use gelu::{gelu, gelu_tanh};
pub use logistic::{sigmoid, tanh};
