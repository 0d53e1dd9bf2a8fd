//! A network as the host sees it: typed tensors and layers, in topological order.
//!
//! ```text
//!   ONNX bytes ──onnx::import──▶ Network ──▶ reference   (plain loops, the meaning)
//!                                   │
//!                                   └──────▶ machine     (lowering: implicit GEMM, what the array is fed)
//! ```
//!
//! Every layer is integer arithmetic with explicit scales; what the array does not compute ([`Quantize`],
//! [`Dequantize`], float [`Relu`]) is a host operator in float32. Invariant: a node reads only network inputs,
//! constants and outputs of earlier nodes, and every [`TensorId`] indexes [`Network::tensors`].

pub mod arithmetic;
mod error;
mod execute;
pub mod layer;
pub mod lowering;
pub mod machine;
pub mod plan_file;
pub mod precision;
pub mod reference;
mod shape;
mod tensor;

pub use arithmetic::{Arithmetic, Contract, Float32Arithmetic};
pub use crumb_arch::Rounding;
pub use error::NetworkError;
pub use execute::{Engine, Execution, Work, execute};
pub use layer::{ArrayLayer, Bias, Conv, Dequantize, Flatten, Gemm, Padding, QuantParams, Quantize, Relu};
pub use lowering::Lowering;
pub use precision::{LayerPrecision, PrecisionPlan};
pub use reference::run;
pub(crate) use shape::infer as infer_shape;
pub use shape::{Dim, MAX_ELEMENTS};
pub use tensor::{DType, Tensor, TensorData};

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
    /// The value, for a constant.
    pub constant: Option<Tensor>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// float32 to integers, on the host.
    Quantize(Quantize),
    /// Integers to float32, on the host.
    Dequantize(Dequantize),
    /// Two-dimensional convolution, on the array.
    Conv(Conv),
    /// Fully connected layer, on the array.
    Gemm(Gemm),
    /// `max(x, 0)`, where it could not be merged into a layer's clamp.
    Relu(Relu),
    /// To two dimensions; moves no data.
    Flatten(Flatten),
}

impl Op {
    /// The layer parameters, when the array computes this operation.
    pub fn array_layer(&self) -> Option<&ArrayLayer> {
        match self {
            Op::Conv(conv) => Some(&conv.layer),
            Op::Gemm(gemm) => Some(&gemm.layer),
            _ => None,
        }
    }

    /// Same, to change (a bias per precision, for instance).
    pub fn array_layer_mut(&mut self) -> Option<&mut ArrayLayer> {
        match self {
            Op::Conv(conv) => Some(&mut conv.layer),
            Op::Gemm(gemm) => Some(&mut gemm.layer),
            _ => None,
        }
    }

    /// Name of the kind of operation.
    pub fn kind(&self) -> &'static str {
        match self {
            Op::Quantize(_) => "Quantize",
            Op::Dequantize(_) => "Dequantize",
            Op::Conv(_) => "Conv",
            Op::Gemm(_) => "Gemm",
            Op::Relu(_) => "Relu",
            Op::Flatten(_) => "Flatten",
        }
    }
}

/// One operation with its operands. Every operation so far has one input and one output that are not parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Name in the model file, or one made from the operator and its position.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// Tensors read.
    pub inputs: Vec<TensorId>,
    /// Tensor written.
    pub output: TensorId,
}

/// A network, ready to be run, lowered or planned.
#[derive(Debug, Clone, PartialEq, Default)]
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

    /// Shapes of all tensors when the inputs have these shapes, indexed as [`Network::tensors`].
    ///
    /// # Errors
    /// Inputs that do not fit the declared shapes, and shapes on which a layer is not defined.
    pub fn shapes(&self, inputs: &[Vec<usize>]) -> Result<Vec<Vec<usize>>, NetworkError> {
        shape::bind(self, inputs)
    }
}
