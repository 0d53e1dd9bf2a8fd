//! A network as the host sees it: typed tensors and layers, in topological order.
//!
//! ```text
//!   ONNX bytes ──onnx::import──▶ Network ──▶ reference   (plain loops, the meaning)
//!                                   │
//!                                   └──────▶ machine     (lowering: implicit GEMM, what the array is fed)
//! ```
//!
//! Layers on the array are integer arithmetic with explicit scales; what the array does not compute is a [`HostOperator`] in
//! onnxruntime's arithmetic. Invariant: a node reads only network inputs, constants and outputs of earlier nodes, and every
//! [`TensorId`] indexes [`Network::tensors`].

pub mod arithmetic;
mod convolution;
mod error;
mod execute;
pub mod float;
pub mod host;
pub mod importance;
pub mod layer;
pub mod lowering;
pub mod machine;
mod matmul;
pub mod packing;
pub mod plan_file;
pub mod precision;
pub mod qlinear;
mod quantizer;
pub mod reference;
mod shape;
mod tensor;
mod vectorised;

use std::sync::Arc;

pub use arithmetic::{Arithmetic, Contract, Float32Arithmetic};
pub use convolution::{Conv, Padding, Window};
pub use crumb_arch::Rounding;
pub use error::NetworkError;
pub(crate) use error::excerpt;
pub use execute::{Engine, Execution, Watched, Work, execute};
pub use host::HostOperator;
pub use layer::{ArrayLayer, Bias, Gemm, LayerOutput, MatMul, ReadOut};
pub use lowering::Lowering;
pub(crate) use matmul::Pairs;
pub use precision::{LayerPrecision, PrecisionPlan};
pub use quantizer::{Narrowed, QuantParams, Quantizer};
pub use reference::{PlainLoops, run};
pub use shape::{Dim, Known, MAX_ELEMENTS, MAX_RANK};
pub(crate) use shape::{bounded, infer_values};
pub use tensor::{DType, Tensor, TensorData};
pub use vectorised::Vectorised;

/// Index of a tensor in [`Network::tensors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub usize);

/// What is known about a tensor before any data is there.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorInfo {
    /// Name in the model file.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Shape, or `None` where the file does not even give the rank.
    pub shape: Option<Vec<Dim>>,
    /// Meaning of an integer tensor's values, where it is one scale for the whole tensor.
    pub quant: Option<QuantParams>,
    /// Most bits that the integers of a byte tensor have: 8, 4 or 2. 8 for all others.
    pub bits: u8,
    /// The value, for a constant.
    pub constant: Option<Arc<Tensor>>,
}

/// One operation.
#[derive(Debug, Clone)]
pub enum Op {
    /// Convolution in one or two dimensions, on the array. Operands: input, none, zero point of the input if it is computed.
    Conv(Conv),
    /// Fully connected layer, on the array. Operands as of a convolution.
    Gemm(Gemm),
    /// Product of two computed operands, on the array. Operands: left, right, and their zero points if these are computed.
    MatMul(MatMul),
    /// What the host computes.
    Host(Arc<dyn HostOperator>),
}

impl Op {
    /// The layer parameters, when the array computes this operation.
    pub fn array_layer(&self) -> Option<&ArrayLayer> {
        match self {
            Op::Conv(conv) => Some(&conv.layer),
            Op::Gemm(gemm) => Some(&gemm.layer),
            Op::MatMul(matmul) => Some(&matmul.layer),
            Op::Host(_) => None,
        }
    }

    /// Same, to change (a bias per precision, for instance).
    pub fn array_layer_mut(&mut self) -> Option<&mut ArrayLayer> {
        match self {
            Op::Conv(conv) => Some(&mut conv.layer),
            Op::Gemm(gemm) => Some(&mut gemm.layer),
            Op::MatMul(matmul) => Some(&mut matmul.layer),
            Op::Host(_) => None,
        }
    }

    /// Name of the kind of operation.
    pub fn kind(&self) -> &'static str {
        match self {
            Op::Conv(_) => "Conv",
            Op::Gemm(_) => "Gemm",
            Op::MatMul(_) => "MatMul",
            Op::Host(host) => host.kind(),
        }
    }
}

/// One operation with its operands.
#[derive(Debug, Clone)]
pub struct Node {
    /// Name in the model file, or one made from the operator and its position.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// Tensors read; `None` where an operand is left out.
    pub inputs: Vec<Option<TensorId>>,
    /// Tensors written.
    pub outputs: Vec<TensorId>,
}

impl Node {
    /// The refusal of a node whose inputs do not fit it.
    fn refuse(&self, inputs: &[Option<Known>], problem: String) -> NetworkError {
        let shapes = inputs.iter().flatten().map(|known| known.dims.clone()).collect();
        NetworkError::Shape { node: self.name.clone(), operator: self.op.kind(), shapes, problem }
    }
}

/// A network, ready to be run, lowered or planned.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Name of the graph in the model file.
    pub name: String,
    /// Tensors given from outside, in the file's order; constants are not among them.
    pub inputs: Vec<TensorId>,
    /// Tensors asked for, in the file's order.
    pub outputs: Vec<TensorId>,
    /// Their names there; the tensors may go by others, as an output can repeat one.
    pub output_names: Vec<String>,
    /// Operations in topological order.
    pub nodes: Vec<Node>,
    /// All tensors.
    pub tensors: Vec<TensorInfo>,
}

impl Network {
    /// The array's layers, in order, with the index of their node.
    pub fn array_layers(&self) -> impl Iterator<Item = (usize, &ArrayLayer)> {
        self.nodes.iter().enumerate().filter_map(|(index, node)| Some((index, node.op.array_layer()?)))
    }

    /// A layer by its name.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchLayer`], with the names there are.
    pub fn layer_mut(&mut self, name: &str) -> Result<&mut ArrayLayer, NetworkError> {
        let known = self.layer_names();
        let found = self.nodes.iter_mut().filter_map(|node| node.op.array_layer_mut()).find(|layer| layer.name == name);
        found.ok_or_else(|| NetworkError::NoSuchLayer { layer: name.to_string(), known })
    }

    /// Names of the array's layers, in order.
    pub fn layer_names(&self) -> Vec<String> {
        self.array_layers().map(|(_, layer)| layer.name.clone()).collect()
    }

    /// Information about a tensor.
    pub fn tensor(&self, id: TensorId) -> &TensorInfo {
        &self.tensors[id.0]
    }

    /// What is known of every tensor when the inputs have these shapes, indexed as [`Network::tensors`]: all shapes, but those that
    /// follow from data.
    ///
    /// # Errors
    /// Inputs that do not fit the declared shapes, and shapes on which a layer is not defined.
    pub fn known(&self, inputs: &[Vec<usize>]) -> Result<Vec<Known>, NetworkError> {
        shape::bind(self, inputs)
    }
}
