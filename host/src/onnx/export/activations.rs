//! Activations at fewer bits: integers of A bits, held in the upper bits of 8-bit ones.
//!
//! ```text
//!   8 bits   x ──quantize s, z──▶ q ──▶ readers with s, z
//!   A bits   x ──quantize s 2^(8-A), z_A──▶ dequantize ──▶ Clip to the range of A bits ──▶ quantize s, z_A 2^(8-A)──▶ readers
//! ```
//!
//! `(q_A - z_A) 2^(8-A)` is what readers see, so that their scales, their biases and the sums of integer layers stay those of the
//! 8-bit layer; only a zero point that is no multiple of `2^(8-A)` moves. Every step is exact: the scales differ by a power of
//! two, and a value `n s` divided by `s` is rounded to `n` for all |n| below 2^12.

use std::collections::{BTreeMap, HashSet};

use super::constants::{self, data_type};
use super::edits::{Edits, Place, Stored};
use super::{ExportError, of_node};
use crate::network::arithmetic::{Arithmetic, Float32Arithmetic};
use crate::network::{DType, LayerOutput, Narrowed, Network, Op, QuantParams, Tensor, TensorId};
use crate::onnx::error::Refusal;
use crate::onnx::provenance::{Provenance, QuantSite};

/// Opset since which Clip has its bounds as inputs, as the importer wants them.
const CLIP_INPUTS: i64 = 11;

/// Narrows every tensor to the width that it runs at.
pub fn narrow(
    edits: &mut Edits<'_>,
    network: &Network,
    provenance: &Provenance,
    bits: &[u8],
    opset: i64,
) -> Result<(), ExportError> {
    let computed = kept(network);
    let outputs = free_outputs(edits, network, bits)?;
    for (index, info) in network.tensors.iter().enumerate() {
        let (id, bits) = (TensorId(index), bits.get(index).copied().unwrap_or(8));
        let Some(quant) = narrower(network, id, bits) else { continue };
        check(network, id, quant, bits, opset).map_err(|refusal| refusal.of_tensor(&info.name))?;
        let sites: Vec<QuantSite> = provenance.quantizers.iter().filter(|site| site.tensor == id).copied().collect();
        for site in &sites {
            narrow_site(edits, site, bits).map_err(of_node(edits.graph, site.node))?;
        }
        let origin = match &info.constant {
            Some(constant) => narrow_constant(edits, &sites, constant, quant, bits),
            None if computed.contains(&id) => Ok(()),
            None => narrow_origin(edits, network, &sites, id, quant, bits),
        };
        origin.map_err(|refusal| refusal.of_tensor(&info.name))?;
    }
    outputs.iter().for_each(|(name, narrowed)| narrow_output(edits, name, narrowed));
    Ok(())
}

/// A tensor's quantizer, if it has more bits than the tensor runs at; int32 always runs whole.
fn narrower(network: &Network, id: TensorId, bits: u8) -> Option<QuantParams> {
    network.tensor(id).quant.filter(|quant| quant.dtype.is_byte() && bits < quant.bits)
}

/// Tensors whose integers are those of another one.
fn kept(network: &Network) -> HashSet<TensorId> {
    let keeps = |op: &Op| matches!(op, Op::Host(host) if host.keeps_integers());
    network.nodes.iter().filter(|node| keeps(&node.op)).flat_map(|node| node.outputs.iter().copied()).collect()
}

/// Refuses tensors whose integers mean something to readers that know no scale.
fn check(network: &Network, id: TensorId, quant: QuantParams, bits: u8, opset: i64) -> Result<(), Refusal> {
    let at_8 = "run its readers at 8 bits";
    if quant.bits < 8 {
        let found = format!("{}-bit integers at {bits} bits", quant.bits);
        return Err(Refusal::new(found, "int8 and uint8 at fewer bits, narrower types as they are", "give it the file's width"));
    }
    if opset < CLIP_INPUTS {
        let advice = "convert it: onnx.version_converter.convert_version(model, 13)";
        return Err(Refusal::new(format!("fewer activation bits in opset {opset}"), "opset 11 and later", advice));
    }
    let narrowed = quant.at_bits(bits);
    if !(narrowed.scale * 256.0).is_finite() || quant.scale < f32::MIN_POSITIVE {
        return Err(Refusal::new(format!("scale {:e}", quant.scale), "normal float32 numbers at every width", at_8));
    }
    let moved = upper(&narrowed) != quant.zero_point;
    for node in network.nodes.iter().filter(|node| node.inputs.contains(&Some(id))) {
        let known = match &node.op {
            Op::Host(host) => {
                let scaled = host.kind().starts_with("QLinear");
                scaled || host.keeps_integers() || matches!(host.kind(), "DequantizeLinear" | "Shape")
            }
            op => !(moved && op.array_layer().is_some_and(|layer| layer.output == LayerOutput::Sums)),
        };
        if !known {
            let found = format!("{} node {:?} that reads it as plain integers", node.op.kind(), node.name);
            return Err(Refusal::new(found, "readers with a scale and a zero point", at_8));
        }
    }
    Ok(())
}

/// The zero point in the upper bits.
fn upper(narrowed: &Narrowed) -> i32 {
    narrowed.zero_point << (8 - narrowed.bits)
}

/// Gives a node the parameters of the narrow integers: those that it writes, or, of those that it reads, the zero point.
fn narrow_site(edits: &mut Edits<'_>, site: &QuantSite, bits: u8) -> Result<(), Refusal> {
    if site.writes.is_some()
        && let Some(name) = edits.operand(site.node, site.scale)?
    {
        let (scale, _) = constants::read(edits, name, "scale", &[data_type::FLOAT])?;
        let step = f32::from(1u16 << (8 - bits));
        let scales: Vec<f32> = scale.tensor.floats().unwrap_or(&[]).iter().map(|scale| scale * step).collect();
        let stored = constants::floats(constants::dims(&scale.tensor), &scales);
        let name = edits.add_tensor(&format!("{name}_{bits}bit"), stored);
        edits.set_operand(site.node, site.scale, name);
    }
    // A zero point that is left out is 0, at every width.
    let Some(name) = edits.operand(site.node, site.scale + 1)? else { return Ok(()) };
    let (zero_point, code) = constants::read(edits, name, "zero point", &[data_type::INT8, data_type::UINT8])?;
    let dtype = zero_point.tensor.dtype();
    let values = zero_point.tensor.ints().unwrap_or_default();
    let narrow = |&zero_point: &i32| {
        let narrowed = QuantParams { scale: 1.0, zero_point, dtype, bits: 8 }.at_bits(bits);
        if site.writes.is_some() { narrowed.zero_point } else { upper(&narrowed) }
    };
    let narrowed: Vec<i32> = values.iter().map(narrow).collect();
    if narrowed != values {
        let stored = constants::integers(constants::dims(&zero_point.tensor), code, &narrowed);
        let name = edits.add_tensor(&format!("{name}_{bits}bit"), stored);
        edits.set_operand(site.node, site.scale + 1, name);
    }
    Ok(())
}

/// Narrows integers where they come from: behind the node that writes them, or at the graph's input.
fn narrow_origin(
    edits: &mut Edits<'_>,
    network: &Network,
    sites: &[QuantSite],
    id: TensorId,
    quant: QuantParams,
    bits: u8,
) -> Result<(), Refusal> {
    let narrowed = quant.at_bits(bits);
    if network.inputs.contains(&id) {
        let value = network.tensor(id).name.clone();
        Steps { edits, value: &value, place: Place::First, dtype: quant.dtype }.divide(quant, narrowed);
        return Ok(());
    }
    // Several nodes write a tensor where the file computes it more than once.
    let writers: Vec<(usize, usize)> = sites.iter().filter_map(|site| Some((site.node, site.writes?))).collect();
    if writers.is_empty() {
        let found = "integers that no QuantizeLinear and no layer writes";
        return Err(Refusal::new(found, "tensors with a quantizer", "run its readers at 8 bits"));
    }
    for (node, output) in writers {
        let Some(value) = edits.node(node)?.output.get(output).cloned() else {
            return Err(Refusal::new("no output", "the file that the network came from", "import this file again"));
        };
        let (written, _) = edits.current(&value);
        Steps { edits, value: &value, place: Place::Behind(node), dtype: quant.dtype }.clip_and_lift(written, quant, narrowed);
    }
    Ok(())
}

/// The nodes that bring narrow integers of a value into the upper bits.
struct Steps<'e, 'a> {
    edits: &'e mut Edits<'a>,
    value: &'e str,
    place: Place,
    dtype: DType,
}

impl Steps<'_, '_> {
    /// Integers of 8 bits, divided as such, whatever they mean: by scales 1 and `2^(8-A)`.
    fn divide(mut self, quant: QuantParams, narrowed: Narrowed) {
        let step = f32::from(1u16 << (8 - narrowed.bits));
        let floats = self.node("DequantizeLinear", self.value.to_string(), "dequantized", 1.0, quant.zero_point);
        let integers = self.node("QuantizeLinear", floats, "narrow", step, narrowed.zero_point);
        self.clip_and_lift(integers, QuantParams { scale: 1.0, ..quant }, Narrowed { scale: step, ..narrowed });
    }

    /// Integers that a quantizer of the coarser step has written.
    fn clip_and_lift(mut self, integers: String, quant: QuantParams, narrowed: Narrowed) {
        let floats = self.node("DequantizeLinear", integers, "narrow_dequantized", narrowed.scale, narrowed.zero_point);
        let wish = self.wish("clipped");
        let bounds = [narrowed.low, narrowed.high].map(|bound| {
            let stored = constants::floats(Vec::new(), &[narrowed.dequantize(bound)]);
            self.edits.add_tensor(&format!("{wish}_bound"), stored)
        });
        let clipped = self.edits.fresh(&wish);
        self.edits.add_node(self.place, "Clip", [floats].into_iter().chain(bounds).collect(), &clipped);
        let lifted = self.node("QuantizeLinear", clipped, "upper_bits", quant.scale, upper(&narrowed));
        self.edits.read_instead(self.value, lifted);
    }

    fn wish(&self, what: &str) -> String {
        format!("{}_{what}", self.value)
    }

    /// A QuantizeLinear or DequantizeLinear; the name of its output.
    fn node(&mut self, op_type: &str, input: String, what: &str, scale: f32, zero_point: i32) -> String {
        let wish = self.wish(what);
        let inputs = parameters(self.edits, input, &wish, self.dtype, scale, zero_point);
        let output = self.edits.fresh(&wish);
        self.edits.add_node(self.place, op_type, inputs, &output);
        output
    }
}

/// Operands of a QuantizeLinear or DequantizeLinear, its scale and zero point as new initializers.
fn parameters(edits: &mut Edits<'_>, input: String, wish: &str, dtype: DType, scale: f32, zero_point: i32) -> Vec<String> {
    let code = if dtype == DType::U8 { data_type::UINT8 } else { data_type::INT8 };
    let scale = edits.add_tensor(&format!("{wish}_scale"), constants::floats(Vec::new(), &[scale]));
    let stored: Stored = constants::integers(Vec::new(), code, &[zero_point]);
    let zero_point = edits.add_tensor(&format!("{wish}_zero_point"), stored);
    vec![input, scale, zero_point]
}

/// Integers of a constant, narrowed here as the reference narrows what comes from outside.
fn narrow_constant(
    edits: &mut Edits<'_>,
    sites: &[QuantSite],
    constant: &Tensor,
    quant: QuantParams,
    bits: u8,
) -> Result<(), Refusal> {
    let to = quant.at_bits(bits);
    let dropped = i32::from(8 - bits);
    let narrow = |value: i32| {
        let value = value.wrapping_sub(quant.zero_point);
        Float32Arithmetic.requantize(value, 1.0, dropped, to.zero_point, to.low, to.high) << dropped
    };
    let values: Vec<i32> = constant.ints().unwrap_or_default().into_iter().map(narrow).collect();
    let code = if quant.dtype == DType::U8 { data_type::UINT8 } else { data_type::INT8 };
    let stored = constants::integers(constants::dims(constant), code, &values);
    for site in sites {
        let slot = site.scale.saturating_sub(1);
        let name = edits.operand(site.node, slot)?.unwrap_or_default();
        let name = edits.add_tensor(&format!("{name}_{bits}bit"), stored.clone());
        edits.set_operand(site.node, slot, name);
    }
    Ok(())
}

/// Outputs of the graph that are narrow integers, each with its type. Their names are set free for nodes that bring the integers
/// into the lower bits, as the plan has them.
fn free_outputs<'n>(
    edits: &mut Edits<'_>,
    network: &'n Network,
    bits: &[u8],
) -> Result<BTreeMap<&'n str, (DType, Narrowed)>, ExportError> {
    let mut outputs = BTreeMap::new();
    for (id, name) in network.outputs.iter().zip(&network.output_names) {
        let bits = bits.get(id.0).copied().unwrap_or(8);
        let Some(quant) = narrower(network, *id, bits) else { continue };
        if edits.producer(name).is_none() {
            let found = "an output that is an input or a constant";
            return Err(Refusal::new(found, "outputs of nodes", "run its readers at 8 bits").of_tensor(name).into());
        }
        if outputs.insert(name.as_str(), (quant.dtype, quant.at_bits(bits))).is_none() {
            let free = edits.fresh(&format!("{name}_upper_bits"));
            edits.write_instead(name, free);
        }
    }
    Ok(outputs)
}

/// The nodes that write an output: integers divided as such, by scales 1 and `2^(8-A)`.
fn narrow_output(edits: &mut Edits<'_>, name: &str, (dtype, narrowed): &(DType, Narrowed)) {
    let (_, source) = edits.current(name);
    let wish = format!("{name}_in_units");
    let inputs = parameters(edits, source, &wish, *dtype, 1.0, upper(narrowed));
    let floats = edits.fresh(&wish);
    edits.add_node(Place::Last, "DequantizeLinear", inputs, &floats);
    let step = f32::from(1u16 << (8 - narrowed.bits));
    let inputs = parameters(edits, floats, &format!("{name}_narrow"), *dtype, step, narrowed.zero_point);
    edits.add_node(Place::Last, "QuantizeLinear", inputs, name);
}
