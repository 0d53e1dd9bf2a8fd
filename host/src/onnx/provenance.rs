//! Where in the file a network's layers and quantizers came from, for those who change the file: see [`super::export`].

use crate::network::{Network, TensorId};

/// A network and where it came from.
#[derive(Debug, Clone)]
pub struct Import {
    /// The network.
    pub network: Network,
    /// Where in the file its parts came from.
    pub provenance: Provenance,
}

/// Where in the file a network's parts came from. Nodes are places in the file's list of nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Layers with constant weights.
    pub layers: Vec<LayerSource>,
    /// Parameters of quantizers.
    pub quantizers: Vec<QuantSite>,
}

/// A layer's node and the operands that a precision changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSource {
    /// The layer's name in the network.
    pub layer: String,
    /// Its node.
    pub node: usize,
    /// The node's operand that is the weights.
    pub weights: Operand,
    /// The node's operand that is the bias, if it has one.
    pub bias: Option<Operand>,
}

/// An operand: a constant, or a constant behind a DequantizeLinear of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// Which input of the layer's node.
    pub slot: usize,
    /// The DequantizeLinear between the constant and the node, if there is one.
    pub dequantizer: Option<usize>,
}

/// A node's parameters for the integers of one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuantSite {
    /// The node.
    pub node: usize,
    /// Which of its inputs is the scale; the next one is the zero point.
    pub scale: usize,
    /// The tensor.
    pub tensor: TensorId,
    /// Which of the node's outputs is the tensor, if it makes its integers.
    pub writes: Option<usize>,
}
