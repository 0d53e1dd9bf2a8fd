//! Operators by family. Each function translates one ONNX node into the network, or says why not.

pub mod activation;
pub mod arithmetic;
mod array_layer;
pub mod constants;
pub mod convolution;
mod float_bias;
pub mod layout;
pub mod matrix;
pub mod normalisation;
mod operands;
pub mod pooling;
pub mod qlinear;
pub mod qonnx;
mod qonnx_parameters;
pub mod quantization;
pub mod rearrange;
mod window;
