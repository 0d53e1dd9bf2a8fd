//! What a network is made of, node by node, and its sums.

use crate::network::{ArrayLayer, DType, Known, Network, Node, Op, ReadOut};
use serde::Serialize;
use std::collections::BTreeMap;

/// One node of the network; an array layer's name is the one that plans use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeRow {
    /// Its name in the file.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// Dimensions of its first output; symbols and `?` where sizes are open.
    pub shape: Vec<String>,
    /// Elements of all its outputs, if their shapes are known.
    pub elements: Option<u64>,
    /// What only the array's layers have.
    pub layer: Option<LayerRow>,
}

/// A layer of the array.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerRow {
    /// Multiply-accumulates, if the shapes are known.
    pub macs: Option<u64>,
    /// Type of the activations in the file.
    pub activations: String,
    /// Type of the weights in the file.
    pub weights: String,
    /// Widths of both there.
    pub act_bits: u8,
    /// As above.
    pub weight_bits: u8,
    /// Bytes of weights in the machine, one for each; 0 where they are computed.
    pub weight_bytes: u64,
    /// Bytes of its input, one for each element, if the shape is known.
    pub input_bytes: Option<u64>,
    /// Which operands have zero points: `none`, `input`, `weights` or `input, weights`.
    pub zero_points: &'static str,
    /// How the output leaves the array.
    pub output: String,
    /// Other layers that read the same input, and so share its width.
    pub shares_input_with: Vec<String>,
}

/// Sums over a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Multiply-accumulates of the array.
    pub macs: Option<u64>,
    /// Bytes of weights in the machine.
    pub weight_bytes: u64,
    /// Bytes of all layers' inputs, each read once.
    pub input_bytes: Option<u64>,
    /// Nodes, and those of the host among them.
    pub nodes: usize,
    /// As above.
    pub host_nodes: usize,
    /// Elements that nodes write, and those of the host among them.
    pub elements: Option<u64>,
    /// As above.
    pub host_elements: Option<u64>,
}

/// `int4`, `uint8`, ...
fn type_name(dtype: DType, bits: u8) -> String {
    format!("{}int{bits}", if dtype == DType::U8 { "u" } else { "" })
}

/// The nodes of a network; `known` is what is known of its tensors, `types` are those of constant weights.
pub fn rows(network: &Network, known: Option<&[Known]>, types: &BTreeMap<String, String>, concrete: bool) -> Vec<NodeRow> {
    network.nodes.iter().map(|node| row(network, node, known, types, concrete)).collect()
}

fn row(network: &Network, node: &Node, known: Option<&[Known]>, types: &BTreeMap<String, String>, concrete: bool) -> NodeRow {
    let sizes = |id: usize| known.and_then(|known| known.get(id)).and_then(Known::sizes);
    let elements = |id: usize| sizes(id)?.iter().try_fold(1u64, |product, &size| product.checked_mul(size as u64));
    let outputs: Option<Vec<u64>> = node.outputs.iter().map(|id| elements(id.0)).collect();
    let first = node.outputs.first().copied();
    let declared = || {
        let dims = network.tensor(first?).shape.as_ref()?;
        Some(dims.iter().map(ToString::to_string).collect())
    };
    let given = first.filter(|_| concrete).and_then(|id| sizes(id.0));
    let shape = given.map(|sizes| sizes.iter().map(ToString::to_string).collect()).or_else(declared);
    let layer = node.op.array_layer().map(|layer| {
        let left = node.inputs.first().copied().flatten();
        let k = if layer.k > 0 { Some(layer.k) } else { left.and_then(|id| sizes(id.0)).and_then(|sizes| sizes.last().copied()) };
        let macs = first.and_then(|id| elements(id.0)).zip(k).and_then(|(elements, k)| elements.checked_mul(k as u64));
        let input_bytes = left.and_then(|id| elements(id.0));
        LayerRow { macs, input_bytes, ..layer_row(network, node, layer, types) }
    });
    NodeRow {
        name: node.name.clone(),
        operator: node.op.kind().to_string(),
        shape: shape.unwrap_or_else(|| vec!["?".into()]),
        elements: outputs.and_then(|counts| counts.iter().try_fold(0u64, |sum, &count| sum.checked_add(count))),
        layer,
    }
}

fn layer_row(network: &Network, node: &Node, layer: &ArrayLayer, types: &BTreeMap<String, String>) -> LayerRow {
    let operand = |slot: usize| node.inputs.get(slot).copied().flatten();
    let right = operand(1).map(|id| type_name(network.tensor(id).dtype, layer.file_bits) + " computed");
    let stored = types.get(&layer.name).cloned().unwrap_or_else(|| format!("{} bits", layer.file_bits));
    // uint8 weights are kept 128 lower, zero point too, so 0 here is 128 there.
    let weight_zero = operand(3).is_some() || layer.weight_zero_points.iter().any(|&zero| zero != 0);
    let input_zero = operand(2).is_some() || layer.input.zero_point != 0;
    let shares = network.nodes.iter().filter(|other| other.inputs.first() == node.inputs.first());
    let shares = shares.filter_map(|other| other.op.array_layer()).filter(|other| other.name != layer.name);
    LayerRow {
        macs: None,
        input_bytes: None,
        activations: type_name(layer.input.dtype, layer.input.bits),
        weights: right.unwrap_or(stored),
        act_bits: layer.input.bits,
        weight_bits: layer.file_bits,
        weight_bytes: layer.weights.len() as u64,
        zero_points: match (input_zero, weight_zero) {
            (false, false) => "none",
            (true, false) => "input",
            (false, true) => "weights",
            (true, true) => "input, weights",
        },
        output: match (layer.read_out(), layer.output_quant()) {
            (None, Some(quant)) => format!("requantized on chip to {}", type_name(quant.dtype, quant.bits)),
            (reason, _) => format!("int32 read out: {}", reason.unwrap_or(ReadOut::Sums)),
        },
        shares_input_with: shares.map(|other| other.name.clone()).collect(),
    }
}

/// The sums of a network's rows.
pub fn totals(network: &Network, rows: &[NodeRow]) -> Totals {
    let host = |row: &&NodeRow| row.layer.is_none();
    let layers = || rows.iter().filter_map(|row| row.layer.as_ref());
    Totals {
        macs: sum(layers().map(|layer| layer.macs)),
        weight_bytes: layers().map(|layer| layer.weight_bytes).fold(0, u64::saturating_add),
        input_bytes: sum(layers().map(|layer| layer.input_bytes)),
        nodes: network.nodes.len(),
        host_nodes: network.nodes.iter().filter(|node| matches!(node.op, Op::Host(_))).count(),
        elements: sum(rows.iter().map(|row| row.elements)),
        host_elements: sum(rows.iter().filter(host).map(|row| row.elements)),
    }
}

/// The sum of numbers that are all known.
fn sum(mut each: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    each.try_fold(0u64, |sum, value| sum.checked_add(value?))
}
