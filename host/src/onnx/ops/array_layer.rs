//! What Conv and Gemm have in common: an integer layer out of dequantized operands and what follows.

use crate::network::{ArrayLayer, Bias, DType, Op, QuantParams, Quantize, Tensor, TensorData, TensorId};
use crate::onnx::error::Refusal;
use crate::onnx::graph::{GraphNode, ValueId};
use crate::onnx::translation::{Epilogue, Translation, Value};

/// Largest relative difference between a bias's scale and `input scale * weight scale`: exporters that multiply in
/// float64 or in another order differ by a few units in the last place. The integers are used as they are, which is
/// what onnxruntime's integer kernels do.
const BIAS_SCALE_TOLERANCE: f32 = 1e-5;
/// The requantizer shifts right only: a multiplier has no more than 24 integer bits.
const MULTIPLIER_END: f32 = 16_777_216.0;
const QUANTIZE: &str = "quantize it statically in QDQ form: onnxruntime.quantization.quantize_static";

/// The operands of a layer.
pub struct Operands {
    input: TensorId,
    input_params: QuantParams,
    /// The weights, in the file's shape.
    pub weights: std::rc::Rc<Tensor>,
    weight_params: std::rc::Rc<Quantize>,
    bias: Option<ValueId>,
}

/// Reads a layer's operands: input 0 dequantized bytes, input 1 dequantized constant bytes, input 2 the bias.
pub fn operands(cx: &Translation<'_>, node: &GraphNode<'_>) -> Result<Operands, Refusal> {
    let (input, input_params) = match cx.value(cx.operand(node, 0, "X")?) {
        Value::Dequantized(tensor, params, _) if params.dtype.is_byte() => match params.per_tensor() {
            Some(quant) => (*tensor, quant),
            None => {
                let found = format!("an input with {} scales along axis {}", params.scales.len(), params.axis.unwrap_or(0));
                return Err(Refusal::new(found, "one scale for the whole input", "quantize activations per tensor"));
            }
        },
        other => {
            let found = format!("{} as input", describe(cx, other));
            let supported = "int8 or uint8 data behind DequantizeLinear";
            return Err(Refusal::new(found, supported, QUANTIZE));
        }
    };
    let (weights, weight_params) = match cx.value(cx.operand(node, 1, "W")?) {
        Value::DequantizedConstant(tensor, params) if params.dtype.is_byte() => (tensor.clone(), params.clone()),
        other => {
            let found = format!("{} as weights", describe(cx, other));
            let supported = "a constant of int8 or uint8 behind DequantizeLinear";
            return Err(Refusal::new(found, supported, QUANTIZE));
        }
    };
    let bias = node.inputs.get(2).copied().flatten();
    Ok(Operands { input, input_params, weights, weight_params, bias })
}

fn describe(cx: &Translation<'_>, value: &Value) -> String {
    match value {
        Value::Undefined => "nothing".into(),
        Value::Tensor(id) => format!("{} that is not behind DequantizeLinear", cx.network.tensor(*id).dtype),
        Value::Constant(tensor) => format!("a constant of {} that is not behind DequantizeLinear", tensor.dtype()),
        Value::DequantizedConstant(tensor, _) => format!("a dequantized constant of {}", tensor.dtype()),
        Value::Dequantized(_, params, _) => format!("dequantized {} that is computed", params.dtype),
    }
}

/// Builds a layer. `channel_axis` is the weights' axis of output channels; `order` gives the index in the file's weights
/// of weight `k` of output channel `channel`.
pub fn build(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    operands: &Operands,
    channel_axis: usize,
    [out_channels, k]: [usize; 2],
    order: impl Fn(usize, usize) -> usize,
) -> Result<ArrayLayer, Refusal> {
    let params = &operands.weight_params;
    if params.axis.is_some_and(|axis| axis != channel_axis) {
        let found = format!("weight scales along axis {:?}", params.axis.unwrap_or(0));
        let supported = format!("one scale, or one for each output channel (axis {channel_axis})");
        return Err(Refusal::new(found, supported, "quantize weights per tensor or per output channel"));
    }
    if out_channels == 0 || k == 0 {
        let found = format!("weights of shape {:?}", operands.weights.shape());
        return Err(Refusal::new(found, "at least one output channel and one weight each", "remove the empty layer"));
    }
    cx.charge(operands.weights.data().len().saturating_add(params.scales.len() * 8))?;
    let values: Box<dyn Fn(usize) -> i8 + '_> = match operands.weights.data() {
        TensorData::I8(values) => Box::new(|index| values[index]),
        // w - z is the same when both are 128 less.
        TensorData::U8(values) => Box::new(|index| (i16::from(values[index]) - 128) as i8),
        other => return Err(Refusal::new(format!("weights of {}", other.dtype()), "int8 or uint8", QUANTIZE)),
    };
    let shift = if params.dtype == DType::U8 { 128 } else { 0 };
    let indices = (0..out_channels).flat_map(|channel| (0..k).map(move |k| (channel, k)));
    let mut layer = ArrayLayer {
        name: cx.layer_name(node.label),
        weights: indices.map(|(channel, k)| values(order(channel, k))).collect(),
        out_channels,
        k,
        weight_scales: params.scales.clone(),
        weight_zero_points: params.zero_points.iter().map(|zero| zero - shift).collect(),
        bias: None,
        input: operands.input_params,
        output: None,
        fused_relu: false,
    };
    check_scales(&layer)?;
    layer.bias = bias(cx, operands.bias, &layer)?;
    let bound = layer.accumulator_bound();
    if bound > i32::MAX as u128 {
        return Err(Refusal::new(
            format!("accumulators of up to k * max|a| * max|w| + max|bias| = {bound} (k = {k})"),
            format!("up to {} (int32)", i32::MAX),
            "split the layer along its reduction, or reduce the bias",
        ));
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

fn bias(cx: &Translation<'_>, id: Option<ValueId>, layer: &ArrayLayer) -> Result<Option<Bias>, Refusal> {
    let Some(id) = id else { return Ok(None) };
    let advice = "quantize the bias to int32 with scale input scale * weight scale, as quantize_static does";
    let (tensor, params) = match cx.value(id) {
        Value::DequantizedConstant(tensor, params) if params.dtype == DType::I32 => (tensor, params),
        other => {
            let found = format!("{} as bias", describe(cx, other));
            return Err(Refusal::new(found, "a constant of int32 behind DequantizeLinear", advice));
        }
    };
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
    if params.axis.is_some_and(|axis| axis + 1 != tensor.shape().len()) || params.zero_points.iter().any(|&z| z != 0) {
        let supported = "scales for each output channel and zero point 0";
        return Err(Refusal::new("a bias with another axis or a zero point", supported, advice));
    }
    let values = tensor.ints().unwrap_or_default();
    cx.charge(layer.out_channels.saturating_mul(4))?;
    for channel in 0..layer.out_channels {
        let slice = if params.scales.len() == 1 { 0 } else { channel };
        let found = params.scales.get(slice).copied().unwrap_or(f32::NAN);
        let expected = layer.accumulator_scale(channel);
        if found.is_nan() || (found - expected).abs() > expected * BIAS_SCALE_TOLERANCE {
            let found = format!("bias scale {found:e} in output channel {channel}");
            return Err(Refusal::new(found, format!("input scale * weight scale = {expected:e}"), advice));
        }
    }
    let value = |channel: usize| values.get(if last == 1 { 0 } else { channel }).copied().unwrap_or(0);
    let values = (0..layer.out_channels).map(value).collect();
    Ok(Some(Bias { values, ..Bias::default() }))
}

/// Emits a layer: with integer output if a quantizer follows, otherwise with float32 output.
pub fn emit(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    operands: &Operands,
    mut layer: ArrayLayer,
    op: impl FnOnce(ArrayLayer) -> Op,
) -> Result<(), Refusal> {
    let result = cx.result(node)?;
    let epilogue = cx.take_epilogue(result);
    let (output, dtype, quant) = match epilogue {
        Some(Epilogue { relu, quantizer, output }) => {
            layer.output = Some(quantizer);
            layer.fused_relu = relu;
            (output, quantizer.dtype, Some(quantizer))
        }
        None => (result, DType::F32, None),
    };
    let multipliers = (0..layer.weight_scales.len()).filter_map(|channel| layer.multiplier(channel));
    if let Some(bad) = multipliers.into_iter().find(|m| !((f32::MIN_POSITIVE..MULTIPLIER_END).contains(m))) {
        let found = format!("input scale * weight scale / output scale = {bad}");
        return Err(Refusal::new(found, "normal float32 numbers below 2^24", "calibrate the model again"));
    }
    let name = layer.name.clone();
    let tensor = cx.emit(&name, cx.graph.values[output].name, op(layer), operands.input, dtype, quant)?;
    cx.set(output, Value::Tensor(tensor));
    Ok(())
}
