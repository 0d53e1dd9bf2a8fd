//! What Conv, Gemm and MatMul have in common: an integer layer out of operands and what follows.

use std::sync::Arc;

use super::operands::{BiasOperand, Operands, Right, Target};
use super::{float_bias, qonnx};
use crate::network::{ArrayLayer, Bias, DType, LayerOutput, Op, Quantizer, TensorData};
use crate::onnx::constant::Constant;
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::provenance::LayerSource;
use crate::onnx::translation::{Epilogue, Translation, Value};

/// Largest relative difference between a bias's scale and `input scale * weight scale`: exporters that multiply in
/// float64 or in another order differ by a few units in the last place. The integers are used as they are, which is
/// what onnxruntime's integer kernels do.
const BIAS_SCALE_TOLERANCE: f32 = 1e-5;
/// The requantizer shifts right only: a multiplier has no more than 24 integer bits.
pub const MULTIPLIER_END: f32 = 16_777_216.0;

/// A layer without weights, for operands that are computed.
pub fn without_weights(cx: &mut Translation<'_>, node: &GraphNode<'_>, operands: &Operands, quantizer: &Quantizer) -> ArrayLayer {
    ArrayLayer {
        name: cx.layer_name(node.label),
        weights: Arc::from([]),
        file_bits: quantizer.bits,
        out_channels: 0,
        k: 0,
        weight_scales: quantizer.scales.clone(),
        weight_zero_points: stored_zero_points(quantizer),
        bias: None,
        input: operands.left.quant,
        alpha: 1.0,
        output: LayerOutput::Float,
    }
}

/// Zero points of weights as they are stored: uint8 ones are 128 lower.
fn stored_zero_points(quantizer: &Quantizer) -> Vec<i32> {
    let shift = if quantizer.dtype == DType::U8 { 128 } else { 0 };
    quantizer.zero_points.iter().map(|zero| zero - shift).collect()
}

/// Builds a layer of constant weights. `channel_axis` is the weights' axis of output channels; `order` gives the index in the
/// file's weights of weight `k` of output channel `channel`.
pub fn build(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    operands: &Operands,
    (constant, quantizer): (&Constant, &Quantizer),
    channel_axis: usize,
    [out_channels, k]: [usize; 2],
    order: impl Fn(usize, usize) -> usize,
) -> Result<ArrayLayer, Refusal> {
    if quantizer.axis.is_some_and(|axis| axis != channel_axis) {
        let found = format!("weight scales along axis {:?}", quantizer.axis.unwrap_or(0));
        let supported = format!("one scale, or one for each output channel (axis {channel_axis})");
        return Err(Refusal::new(found, supported, "quantize weights per tensor or per output channel"));
    }
    if out_channels == 0 || k == 0 {
        let found = format!("weights of shape {:?}", constant.tensor.shape());
        return Err(Refusal::new(found, "at least one output channel and one weight each", "remove the empty layer"));
    }
    for (what, count) in [("scales", quantizer.scales.len()), ("zero points", quantizer.zero_points.len())] {
        if count != 1 && count != out_channels {
            let found = format!("{count} {what} for {out_channels} output channels");
            return Err(Refusal::new(found, "one, or one for each output channel", "export the model again"));
        }
    }
    cx.charge(constant.tensor.data().len().saturating_add(quantizer.scales.len() * 8))?;
    // Narrower integers stand in the upper bits; `w - z` is the same when both are 128 less.
    let scale = 1i16 << (8 - quantizer.bits.clamp(2, 8));
    let values: Box<dyn Fn(usize) -> i8 + '_> = match constant.tensor.data() {
        TensorData::I8(values) => Box::new(move |index| (i16::from(values[index]) * scale) as i8),
        TensorData::U8(values) => Box::new(move |index| (i16::from(values[index]) * scale - 128) as i8),
        other => {
            let found = format!("weights of {}", other.dtype());
            return Err(Refusal::new(found, "int8 or uint8", "quantize the weights to 8 bits or fewer"));
        }
    };
    let indices = (0..out_channels).flat_map(|channel| (0..k).map(move |k| (channel, k)));
    let weights = indices.map(|(channel, k)| values(order(channel, k))).collect();
    let mut layer = ArrayLayer { weights, out_channels, k, ..without_weights(cx, node, operands, quantizer) };
    check_scales(&layer)?;
    layer.bias = match &operands.bias {
        None => None,
        Some(bias) if bias.values.tensor.dtype() == DType::F32 && matches!(operands.target, Target::Epilogue) => {
            float_bias::integers(cx, &bias.values.tensor, &layer)?
        }
        Some(bias) => Some(read_bias(cx, bias, &layer)?),
    };
    let bound = layer.accumulator_bound();
    if bound > i32::MAX as u128 {
        return Err(Refusal::new(
            format!("accumulators of up to k * max|a| * max|w| + max|bias| = {bound} (k = {k})"),
            format!("up to {} (int32)", i32::MAX),
            "split the layer along its reduction, or reduce the bias",
        ));
    }
    if let Right::Constant(_, _, weights) = &operands.right {
        let bias = operands.bias.as_ref().map(|bias| bias.place);
        cx.layer_source(LayerSource { layer: layer.name.clone(), node: node.index, weights: *weights, bias });
    }
    Ok(layer)
}

fn check_scales(layer: &ArrayLayer) -> Result<(), Refusal> {
    let usable = |scale: &f32| scale.is_finite() && *scale >= f32::MIN_POSITIVE;
    match (0..layer.weight_scales.len()).map(|channel| layer.accumulator_scale(channel)).find(|scale| !usable(scale)) {
        None => Ok(()),
        Some(scale) => Err(Refusal::new(
            format!("input scale * weight scale = {scale}"),
            "normal float32 numbers",
            "calibrate the model again",
        )),
    }
}

fn read_bias(cx: &Translation<'_>, bias: &BiasOperand, layer: &ArrayLayer) -> Result<Bias, Refusal> {
    let advice = "quantize the bias to int32 with scale input scale * weight scale, as quantize_static does";
    let tensor = &bias.values.tensor;
    if tensor.dtype() != DType::I32 {
        return Err(Refusal::new(format!("a bias of {}", tensor.dtype()), "int32", advice));
    }
    // Broadcast as Gemm's C: [n], [1, n], and one value for all.
    let (leading, last) = match tensor.shape().split_last() {
        None => (1, 1),
        Some((last, leading)) => (leading.iter().product(), *last),
    };
    if leading != 1 || !(last == layer.out_channels || last == 1) {
        let found = format!("a bias of shape {:?}", tensor.shape());
        let supported = format!("[{0}], [1, {0}] or one value", layer.out_channels);
        return Err(Refusal::new(found, supported, "give one bias for each output channel"));
    }
    if let Some(quantizer) = &bias.quantizer {
        check_bias_scales(tensor.shape().len(), quantizer, layer)?;
    }
    let values = tensor.ints().unwrap_or_default();
    cx.charge(layer.out_channels.saturating_mul(4))?;
    // In the file it is in units of the file's integers; those of the layer are finer, where either has fewer than 8 bits.
    let shift = finer_by(layer);
    let value = |channel: usize| {
        let value = values.get(if last == 1 { 0 } else { channel }).copied().unwrap_or(0);
        value.checked_shl(u32::from(shift)).filter(|shifted| shifted >> shift == value).ok_or_else(|| {
            let found = format!("bias {value} for {}-bit activations and {}-bit weights", layer.input.bits, layer.file_bits);
            Refusal::new(found, format!("up to {} (int32 in 8-bit units)", i32::MAX >> shift), "reduce the bias")
        })
    };
    let values = (0..layer.out_channels).map(value).collect::<Result<_, _>>()?;
    Ok(Bias { values, ..Bias::default() })
}

/// Bits by which the accumulators' unit is finer than the product of the file's units.
fn finer_by(layer: &ArrayLayer) -> u8 {
    16 - layer.file_bits.clamp(2, 8) - layer.input.bits.clamp(2, 8)
}

fn check_bias_scales(rank: usize, quantizer: &Quantizer, layer: &ArrayLayer) -> Result<(), Refusal> {
    let advice = "quantize the bias to int32 with scale input scale * weight scale, as quantize_static does";
    if quantizer.axis.is_some_and(|axis| axis + 1 != rank) || quantizer.zero_points.iter().any(|&z| z != 0) {
        let supported = "scales for each output channel and zero point 0";
        return Err(Refusal::new("a bias with another axis or a zero point", supported, advice));
    }
    let file_units = f32::from(1u16 << finer_by(layer));
    for channel in 0..layer.out_channels {
        let slice = if quantizer.scales.len() == 1 { 0 } else { channel };
        let found = quantizer.scales.get(slice).copied().unwrap_or(f32::NAN);
        let expected = layer.accumulator_scale(channel) * file_units;
        if found.is_nan() || (found - expected).abs() > expected * BIAS_SCALE_TOLERANCE {
            let found = format!("bias scale {found:e} in output channel {channel}");
            return Err(Refusal::new(found, format!("input scale * weight scale = {expected:e}"), advice));
        }
    }
    Ok(())
}

/// Emits a layer: what it puts out is said by the node, or by what follows: integers if a quantizer does, float32 otherwise.
pub fn emit(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    operands: &Operands,
    mut layer: ArrayLayer,
    op: impl FnOnce(ArrayLayer) -> Op,
) -> Result<(), Refusal> {
    let result = cx.result(node)?;
    let mut quantizer_node = operands.output_scale.map(|slot| (node.index, slot));
    let mut output = result;
    // A float32 bias that is no whole number of the sums' units follows the layer.
    let float_bias = operands.bias.as_ref().filter(|_| layer.bias.is_none()).map(|bias| bias.values.tensor.clone());
    let mut dequantizer = None;
    layer.output = match operands.target {
        Target::Fixed(fixed) => fixed,
        Target::Epilogue if float_bias.is_some() => LayerOutput::Float,
        Target::Epilogue => match cx.epilogue(result) {
            Some(Epilogue { clamp, quantizer, node, output: written, nodes }) => {
                cx.absorb(&nodes);
                quantizer_node = Some((node, 1));
                output = written;
                LayerOutput::Quantized { quant: quantizer, clamp }
            }
            None => match qonnx::take_epilogue(cx, result, &layer) {
                Some(fused) => {
                    output = fused.output;
                    dequantizer = Some(fused.quantizer);
                    LayerOutput::Quantized { quant: fused.quant, clamp: fused.clamp }
                }
                None => LayerOutput::Float,
            },
        },
    };
    let multipliers = (0..layer.weight_scales.len()).filter_map(|channel| layer.multiplier(channel));
    if let Some(bad) = multipliers.into_iter().find(|m| !((f32::MIN_POSITIVE..MULTIPLIER_END).contains(m))) {
        let found = format!("input scale * weight scale / output scale = {bad}");
        return Err(Refusal::new(found, "normal float32 numbers below 2^24", "calibrate the model again"));
    }
    let quant = layer.output_quant();
    let name = layer.name.clone();
    let (right, right_zero) = match &operands.right {
        Right::Constant(..) => (None, None),
        Right::Computed(tensor, _, zero_point) => (Some(*tensor), *zero_point),
    };
    let mut inputs = vec![Some(operands.left.tensor), right, operands.left.zero_point, right_zero];
    while inputs.last() == Some(&None) {
        inputs.pop();
    }
    let op = op(layer);
    let trailing = if let Op::Conv(conv) = &op { conv.spatial } else { 0 };
    let output_name = cx.graph.values[output].name;
    let tensor_name = match (&float_bias, &dequantizer) {
        (None, None) => output_name.to_string(),
        (Some(_), _) => format!("{output_name}_unbiased"),
        (None, Some(_)) => format!("{output_name}_quantized"),
    };
    let tensor = cx.emit(&name, &[&tensor_name], op, inputs, quant)?[0];
    if let Some((node, scale)) = quantizer_node {
        cx.site(node, scale, tensor, Some(0));
    }
    let value = match (float_bias, dequantizer) {
        (Some(bias), _) => Value::Tensor(float_bias::add(cx, &bias, trailing, (&name, tensor), output_name)?),
        (None, Some(quantizer)) => Value::Dequantized(tensor, quantizer, None),
        (None, None) => Value::Tensor(tensor),
    };
    cx.set(output, value);
    Ok(())
}
