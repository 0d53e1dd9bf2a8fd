//! Operators by family. Each function translates one ONNX node into the network, or says why not.

pub mod activation;
mod array_layer;
pub mod constants;
pub mod convolution;
pub mod gemm;
pub mod layout;
pub mod quantization;
