//! Export: the same file, edited so that any implementation of ONNX computes at 8 bits what the machine computes at a plan's
//! precision.
//!
//! ```text
//!   bytes ──proto──▶ what stands where          (read only)
//!     +  provenance ──weights, activations──▶ edits ──wire──▶ the bytes with the edits, all others as they were
//! ```

mod activations;
mod constants;
mod edits;
mod rewrite;
mod types;
mod weights;
mod wire;

pub use types::weight_types;

use prost::Message;

use super::error::{ImportError, Refusal, quoted};
use super::graph::domain;
use super::ops::qonnx::DOMAINS;
use super::proto::{GraphProto, ModelProto};
use super::provenance::Import;
use crate::network::{Network, NetworkError, PrecisionPlan};

/// Why a model is not exported.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExportError {
    /// Something in the file.
    #[error(transparent)]
    Model(#[from] ImportError),
    /// The plan does not fit the network.
    #[error(transparent)]
    Plan(#[from] NetworkError),
}

/// The bytes of a model, edited: run at 8 bits, it gives the outputs that `network` gives at `plan`. `import` came from the same
/// bytes; `network` is its network, perhaps with other weights, or with biases for some widths, as a plan's file gives them.
///
/// # Errors
/// Plans that the network cannot meet, and what a file of 8-bit types cannot express; the node or tensor is named.
pub fn export(bytes: &[u8], import: &Import, network: &Network, plan: &PrecisionPlan) -> Result<Vec<u8>, ExportError> {
    let model = ModelProto::decode(bytes).map_err(|error| ImportError::NotOnnx { reason: error.to_string() })?;
    let Some(graph) = &model.graph else {
        return Err(Refusal::new("no graph", "a model with a graph", "check that the file is a .onnx model").of_model().into());
    };
    if let Some(at) = graph.node.iter().position(|node| DOMAINS.contains(&node.domain.as_str())) {
        let supported = "QuantizeLinear, DequantizeLinear and integer operators";
        let refusal = Refusal::new("an operator of QONNX", supported, "write the model in QDQ form");
        return Err(of_node(graph, at)(refusal).into());
    }
    let own = model.opset_import.iter().find(|import| domain(&import.domain).is_empty());
    let bits = plan.tensor_bits(network)?;
    if let Some(layer) = plan.important.keys().next() {
        let refusal = Refusal::new("input channels of two widths", "one width for a tensor", "leave out important_channels");
        let source = import.provenance.layers.iter().find(|source| source.layer == *layer);
        return Err(source
            .map_or_else(|| of_layer(network, layer, refusal.clone()), |s| of_node(graph, s.node)(refusal.clone()))
            .into());
    }
    let mut edits = edits::Edits::new(graph);
    weights::switch(&mut edits, import, network, plan)?;
    activations::narrow(&mut edits, network, &import.provenance, &bits, own.map_or(0, |own| own.version))?;
    edits.apply(bytes).ok_or_else(|| {
        let advice = "save it again: onnx.save(onnx.load(path), path)";
        Refusal::new("a file that is written in an unusual way", "one graph, in one piece", advice).of_model().into()
    })
}

/// The refusal of a layer, by the name that plans use.
fn of_layer(network: &Network, layer: &str, refusal: Refusal) -> ImportError {
    let node = network.nodes.iter().find(|node| node.op.array_layer().is_some_and(|other| other.name == layer));
    let operator = node.map_or(String::new(), |node| node.op.kind().to_string());
    let Refusal { found, supported, advice } = refusal;
    ImportError::Node { node: quoted(layer), operator, found, supported, advice }
}

/// The refusal of a node of the file.
fn of_node(graph: &GraphProto, index: usize) -> impl Fn(Refusal) -> ImportError {
    move |Refusal { found, supported, advice }| {
        let node = graph.node.get(index);
        let first_output = || node.and_then(|node| node.output.first());
        let label = node.map(|node| &node.name).filter(|name| !name.is_empty()).or_else(first_output);
        let operator = node.map_or(String::new(), |node| quoted(&node.op_type).trim_matches('"').to_string());
        ImportError::Node { node: quoted(label.map_or("", String::as_str)), operator, found, supported, advice }
    }
}
