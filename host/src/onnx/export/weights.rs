//! Weights and biases: each layer's constants at its weight width, in the units of the 8-bit layer.
//!
//! ```text
//!   w_W = the switch of w to W bits        the file gets  w_W << (8 - W)   in place of w
//!   sum (a - za) * ((w_W << (8 - W)) - zw) + bias     is acc8 of the reference: scales and zero points stay as they are
//! ```
//!
//! A constant that is read at several widths is stored once for each of them.

use std::collections::{BTreeMap, HashMap};

use crumb_arch::WeightFormat;
use crumb_arch::precision::WeightBits;

use super::constants::{data_type, integers, tensor, type_of};
use super::edits::{Edits, Stored};
use super::{ExportError, of_layer, of_node};
use crate::network::{ArrayLayer, DType, LayerPrecision, Network, Op, PrecisionPlan};
use crate::onnx::constant;
use crate::onnx::error::Refusal;
use crate::onnx::provenance::{Import, LayerSource, Operand};

/// An operand that is to be another constant.
struct Use<'a> {
    /// The constant's name in the file.
    constant: &'a str,
    node: usize,
    operand: Operand,
    stored: Stored,
}

/// Switches the weights of every layer of `network`, and puts its biases in place, where that changes what `import` has.
pub fn switch(edits: &mut Edits<'_>, import: &Import, network: &Network, plan: &PrecisionPlan) -> Result<(), ExportError> {
    let mut uses = Vec::new();
    let in_file: HashMap<&str, &ArrayLayer> =
        import.network.array_layers().map(|(_, layer)| (layer.name.as_str(), layer)).collect();
    for (index, layer) in network.array_layers() {
        let op = &network.nodes[index].op;
        let precision = LayerPrecision { weight_bits: plan.of(op).effective_weight_bits(), ..plan.of(op) };
        let source = import.provenance.layers.iter().find(|source| source.layer == layer.name);
        match (source, in_file.get(layer.name.as_str())) {
            (Some(source), Some(old)) => {
                collect(edits, op, (layer, old), source, precision, &mut uses).map_err(of_node(edits.graph, source.node))?;
            }
            _ if precision.weight_bits == 8 => {}
            _ => {
                let found = format!("weights that are computed, at {} bits", precision.weight_bits);
                let advice = "give this layer weight_bits = 8 in the plan";
                let refusal = Refusal::new(found, "8 bits for weights that are computed", advice);
                return Err(of_layer(network, &layer.name, refusal).into());
            }
        }
    }
    place(edits, &uses);
    Ok(())
}

/// Notes the constants of a layer that are not those of the file: `old` is the layer that the file has.
fn collect<'a>(
    edits: &Edits<'a>,
    op: &Op,
    (layer, old): (&ArrayLayer, &ArrayLayer),
    source: &LayerSource,
    precision: LayerPrecision,
    uses: &mut Vec<Use<'a>>,
) -> Result<(), Refusal> {
    let bits = WeightBits::try_from(precision.weight_bits)
        .map_err(|error| Refusal::new(error.to_string(), "8, 6, 4 and 2", "change the plan"))?;
    let format = WeightFormat::top(bits, precision.rounding);
    let switched: Vec<i8> = layer.weights.iter().map(|&w| (format.apply(w) << (8 - bits.bits())) as i8).collect();
    if switched[..] != old.weights[..] {
        let (constant, dims) = (constant_of(edits, source.node, source.weights)?, weight_dims(edits, op, source)?);
        let code = type_of(edits, constant)?;
        let stored = integers(dims, code, &file_integers(edits, op, layer, source, code, &switched)?);
        uses.push(Use { constant, node: source.node, operand: source.weights, stored });
    }
    let biases = |layer: &ArrayLayer, bits: u8| (0..layer.out_channels).map(|c| layer.bias_at(c, bits)).collect::<Vec<_>>();
    let wanted = biases(layer, precision.weight_bits);
    if wanted != biases(old, 8) {
        let Some(operand) = source.bias else {
            let advice = "export the model with a bias of zeros, or leave this layer out of the plan's biases";
            return Err(Refusal::new("a bias in the plan for a layer that has none", "layers with a bias", advice));
        };
        let constant = constant_of(edits, source.node, operand)?;
        uses.push(Use { constant, node: source.node, operand, stored: bias(edits, constant, layer, &wanted)? });
    }
    Ok(())
}

/// The constant behind an operand.
fn constant_of<'a>(edits: &Edits<'a>, node: usize, operand: Operand) -> Result<&'a str, Refusal> {
    let (node, slot) = operand.dequantizer.map_or((node, operand.slot), |dequantizer| (dequantizer, 0));
    let missing = || Refusal::new("no operand where the weights were", "the file that the network came from", "import it again");
    edits.operand(node, slot)?.ok_or_else(missing)
}

/// Whether the file has `[k][output channel]` weights: products of matrices without transB.
fn is_transposed(edits: &Edits<'_>, op: &Op, source: &LayerSource) -> Result<bool, Refusal> {
    let node = edits.node(source.node)?;
    let trans_b = node.attribute.iter().any(|attribute| attribute.name == "transB" && attribute.i != 0);
    Ok(matches!(op, Op::Gemm(_)) && !trans_b)
}

/// Dimensions of the weights in the file.
fn weight_dims(edits: &Edits<'_>, op: &Op, source: &LayerSource) -> Result<Vec<i64>, Refusal> {
    let sizes = match op {
        Op::Conv(conv) => {
            let kernel = conv.window.kernel.iter().skip(2usize.saturating_sub(conv.spatial));
            let leading = [conv.layer.out_channels, conv.in_channels / conv.group.max(1)];
            leading.iter().chain(kernel).map(|&size| size as i64).collect()
        }
        Op::Gemm(gemm) => {
            let (n, k) = (gemm.layer.out_channels as i64, gemm.layer.k as i64);
            if is_transposed(edits, op, source)? { vec![k, n] } else { vec![n, k] }
        }
        Op::MatMul(_) | Op::Host(_) => Vec::new(),
    };
    Ok(sizes)
}

/// Weights in the file's order, type and width. The layer has uint8 ones 128 lower, and narrow ones in the upper bits.
fn file_integers(
    edits: &Edits<'_>,
    op: &Op,
    layer: &ArrayLayer,
    source: &LayerSource,
    code: i32,
    weights: &[i8],
) -> Result<Vec<i32>, Refusal> {
    let packed = constant::packed(code);
    let Some((dtype, bits)) = packed.or_else(|| constant::dtype(code).filter(|dtype| dtype.is_byte()).map(|dtype| (dtype, 8)))
    else {
        let found = format!("weights of {}", constant::type_name(code));
        return Err(Refusal::new(found, "int8, uint8 and their 4- and 2-bit kin", "import the model again"));
    };
    let offset = if dtype == DType::U8 { 128 } else { 0 };
    let integer = |&weight: &i8| (i32::from(weight) + offset) >> (8 - bits);
    let (n, k) = (layer.out_channels, layer.k);
    if !is_transposed(edits, op, source)? {
        return Ok(weights.iter().map(integer).collect());
    }
    Ok((0..k).flat_map(|row| weights.iter().skip(row).step_by(k.max(1)).take(n)).map(integer).collect())
}

/// The plan's bias, in the units of the file: 4- and 2-bit operands have coarser ones.
fn bias(edits: &Edits<'_>, constant: &str, layer: &ArrayLayer, wanted: &[i32]) -> Result<Stored, Refusal> {
    let coarser = 16 - layer.file_bits.clamp(2, 8) - layer.input.bits.clamp(2, 8);
    if let Some(value) = wanted.iter().find(|&&value| value >> coarser << coarser != value) {
        let found = format!("bias {value} for {}-bit activations and {}-bit weights", layer.input.bits, layer.file_bits);
        return Err(Refusal::new(found, format!("multiples of {}", 1i64 << coarser), "round the plan's bias"));
    }
    let values: Vec<i32> = wanted.iter().map(|value| value >> coarser).collect();
    let known = tensor(edits, constant).map(|proto| proto.dims.clone());
    let fits = |dims: &Vec<i64>| dims.iter().product::<i64>() == values.len() as i64;
    let dims = known.filter(fits).unwrap_or_else(|| vec![values.len() as i64]);
    Ok(integers(dims, data_type::INT32, &values))
}

/// One reader of a constant, directly or through a DequantizeLinear, and what it is to read.
struct Leaf<'u> {
    dequantizer: Option<usize>,
    node: usize,
    slot: usize,
    stored: Option<&'u Stored>,
}

/// All readers of a constant; an output of the graph counts as one that wants it as it is.
fn leaves<'u>(edits: &Edits<'_>, constant: &str, uses: &[&'u Use<'_>]) -> Vec<Leaf<'u>> {
    let as_output = Leaf { dequantizer: None, node: usize::MAX, slot: 0, stored: None };
    let wanted = |node: usize, slot: usize, dequantizer: Option<usize>| {
        let operand = Operand { slot, dequantizer };
        uses.iter().find(|wanted| wanted.node == node && wanted.operand == operand).map(|wanted| &wanted.stored)
    };
    let mut leaves: Vec<Leaf<'u>> = edits.is_output(constant).then_some(as_output).into_iter().collect();
    for &(node, slot) in edits.readers(constant) {
        let through = uses.iter().any(|wanted| wanted.operand.dequantizer == Some(node)) && slot == 0;
        let Some(output) = edits.graph.node.get(node).and_then(|node| node.output.first()).filter(|_| through) else {
            leaves.push(Leaf { dequantizer: None, node, slot, stored: wanted(node, slot, None) });
            continue;
        };
        let dequantizer = Some(node);
        if edits.is_output(output) {
            leaves.push(Leaf { dequantizer, node: usize::MAX, slot: 0, stored: None });
        }
        let readers = edits.readers(output).iter();
        leaves.extend(readers.map(|&(node, slot)| Leaf { dequantizer, node, slot, stored: wanted(node, slot, dequantizer) }));
    }
    leaves
}

/// Puts the constants into the file: in place where every reader wants the same, beside the old one where not.
fn place(edits: &mut Edits<'_>, uses: &[Use<'_>]) {
    let mut by_constant: BTreeMap<&str, Vec<&Use<'_>>> = BTreeMap::new();
    uses.iter().for_each(|wanted| by_constant.entry(wanted.constant).or_default().push(wanted));
    for (constant, uses) in by_constant {
        let leaves = leaves(edits, constant, &uses);
        let mut kept = leaves.iter().any(|leaf| leaf.stored.is_none());
        let mut variants: Vec<&Stored> = Vec::new();
        for stored in leaves.iter().filter_map(|leaf| leaf.stored) {
            if variants.contains(&stored) {
                continue;
            }
            variants.push(stored);
            match edits.initializer(constant).filter(|_| !std::mem::replace(&mut kept, true)) {
                Some(initializer) => edits.replace(initializer, stored.clone()),
                None => {
                    let name = edits.add_tensor(&format!("{constant}_switched"), stored.clone());
                    rewire(edits, &leaves, stored, &name);
                }
            }
        }
    }
}

/// Lets the readers that want a constant read it under this name; a DequantizeLinear that others share is copied.
fn rewire(edits: &mut Edits<'_>, leaves: &[Leaf<'_>], stored: &Stored, name: &str) {
    let mut done = BTreeMap::new();
    for leaf in leaves.iter().filter(|leaf| leaf.stored == Some(stored)) {
        let Some(dequantizer) = leaf.dequantizer else {
            edits.set_operand(leaf.node, leaf.slot, name.to_string());
            continue;
        };
        let shared = leaves.iter().any(|other| other.dequantizer == Some(dequantizer) && other.stored != Some(stored));
        if !shared {
            edits.set_operand(dequantizer, 0, name.to_string());
            continue;
        }
        let copy = done
            .entry(dequantizer)
            .or_insert_with(|| edits.copy_node(dequantizer, name.to_string(), &format!("{name}_dequantized")))
            .clone();
        edits.set_operand(leaf.node, leaf.slot, copy);
    }
}
