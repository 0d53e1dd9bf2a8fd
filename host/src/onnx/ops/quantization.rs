//! QuantizeLinear and DequantizeLinear, opset 10 to 26, one scale or one for each slice along an axis.

use std::sync::Arc;

use crate::network::host;
use crate::network::{DType, Op, Quantizer, Tensor, TensorData};
use crate::onnx::attributes::Attributes;
use crate::onnx::constant::{self, Constant, type_name};
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::{Translation, Value};

/// Opset since which scales can belong to an axis; since which blocks and an output type can be asked for; since which
/// DequantizeLinear has an output type and QuantizeLinear a precision.
const AXIS: i64 = 13;
const SATURATE: i64 = 19;
const BLOCKS: i64 = 21;
const PRECISION: i64 = 23;

/// QuantizeLinear.
pub fn quantize_linear(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let quantizer = read_quantizer(cx, node, attributes)?;
    let input = cx.operand(node, 0, "x")?;
    let output = cx.result(node)?;
    let value = match cx.value(input).clone() {
        Value::Dequantized(tensor, from, _) if cancels(&from, &quantizer) => {
            cx.site(node.index, 1, tensor, None);
            Value::Tensor(tensor)
        }
        Value::DequantizedConstant(constant, from, _) if cancels(&from, &quantizer) => Value::Constant(constant),
        Value::Constant(constant) if constant.tensor.dtype() == DType::F32 => {
            cx.charge(constant.tensor.data().len())?;
            let (tensor, bits) = (Arc::new(fold(&constant.tensor, &quantizer)?), quantizer.bits);
            Value::Constant(Constant { tensor, bits })
        }
        _ => {
            let tensor = cx.float_operand(input)?;
            let (name, quant, bits) = (cx.graph.values[output].name, quantizer.per_tensor(), quantizer.bits);
            let op = Op::Host(Arc::new(host::Quantize(quantizer)));
            let integers = cx.emit(node.label, &[name], op, vec![Some(tensor)], quant)?[0];
            cx.note_bits(integers, bits);
            cx.site(node.index, 1, integers, Some(0));
            Value::Tensor(integers)
        }
    };
    cx.set(output, value);
    Ok(())
}

/// DequantizeLinear. Emits nothing: whoever reads the result decides whether it is needed in float32.
pub fn dequantize_linear(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let input = cx.operand(node, 0, "x")?;
    let output = cx.result(node)?;
    let (dtype, bits, rank) = match cx.value(input) {
        Value::Constant(constant) => (constant.tensor.dtype(), constant.bits, Some(constant.tensor.shape().len())),
        Value::Tensor(id) => {
            let info = cx.network.tensor(*id);
            (info.dtype, info.bits, info.shape.as_ref().map(Vec::len))
        }
        _ => (DType::F32, 8, None),
    };
    if !dtype.is_byte() && dtype != DType::I32 {
        return Err(unsupported_type(format!("an input of {dtype}")));
    }
    if cx.graph.opset >= PRECISION {
        expect_code(attributes, "output_dtype", &[0, 1])?;
    }
    let quantizer = parameters(cx, node, attributes, dtype, bits, rank)?;
    let value = match cx.value(input).clone() {
        Value::Constant(constant) => {
            if let Some(axis) = quantizer.axis {
                check_slices(&quantizer, constant.tensor.shape().get(axis).copied().unwrap_or(0))?;
            }
            Value::DequantizedConstant(constant, Arc::new(quantizer), node.index)
        }
        Value::Tensor(id) => {
            if dtype.is_byte() {
                cx.note_quant(id, quantizer.per_tensor());
                cx.site(node.index, 1, id, None);
            }
            Value::Dequantized(id, Arc::new(quantizer), None)
        }
        _ => return Err(unsupported_type("an input that is not quantized".into())),
    };
    cx.set(output, value);
    Ok(())
}

/// DynamicQuantizeLinear.
pub fn dynamic_quantize_linear(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    let input = cx.operand(node, 0, "x")?;
    cx.float_operand(input)?;
    cx.host(node, Arc::new(host::DynamicQuantize), 0)
}

/// Parameters of a QuantizeLinear node that is looked at from outside.
pub fn quantizer(cx: &Translation<'_>, node: &GraphNode<'_>) -> Result<Quantizer, Refusal> {
    let attributes = Attributes::new(node.proto);
    let quantizer = read_quantizer(cx, node, &attributes)?;
    attributes.finish(cx.graph.opset)?;
    Ok(quantizer)
}

fn read_quantizer(cx: &Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<Quantizer, Refusal> {
    let opset = cx.graph.opset;
    if opset >= SATURATE {
        attributes.int("saturate", 1)?; // Only float8 heeds it.
    }
    let mut asked = 0;
    if opset >= BLOCKS {
        asked = attributes.int("output_dtype", 0)?;
    }
    if opset >= PRECISION {
        expect_code(attributes, "precision", &[0, 1])?;
    }
    let zero_point = cx.constant(node, 2, "y_zero_point")?;
    let code = i32::try_from(asked).unwrap_or(-1);
    let asked_for = constant::packed(code).or_else(|| constant::dtype(code).map(|dtype| (dtype, 8)));
    let found = zero_point.map(|constant| (constant.tensor.dtype(), constant.bits));
    let (dtype, bits) = match (found, asked_for) {
        (Some(found), None) if asked == 0 => found,
        (None, None) if asked == 0 => (DType::U8, 8),
        (Some(found), Some(asked)) if found == asked => found,
        (None, Some(asked)) if asked.0.is_byte() => asked,
        _ => {
            let name = i32::try_from(asked).map_or_else(|_| asked.to_string(), type_name);
            return Err(unsupported_type(format!("output_dtype {name}")));
        }
    };
    if !dtype.is_byte() {
        return Err(unsupported_type(format!("a zero point of {dtype}")));
    }
    let rank = cx.operand(node, 0, "x").ok().and_then(|input| match cx.value(input) {
        Value::Tensor(id) | Value::Dequantized(id, ..) => cx.network.tensor(*id).shape.as_ref().map(Vec::len),
        Value::Constant(constant) | Value::DequantizedConstant(constant, ..) => Some(constant.tensor.shape().len()),
        Value::Undefined => None,
    });
    parameters(cx, node, attributes, dtype, bits, rank)
}

/// Scale, zero point and axis, which both operators have alike.
fn parameters(
    cx: &Translation<'_>,
    node: &GraphNode<'_>,
    attributes: &Attributes<'_>,
    dtype: DType,
    bits: u8,
    rank: Option<usize>,
) -> Result<Quantizer, Refusal> {
    let opset = cx.graph.opset;
    let axis = if opset >= AXIS { attributes.int("axis", 1)? } else { 1 };
    let block = if opset >= BLOCKS { attributes.int("block_size", 0)? } else { 0 };
    if block != 0 {
        let found = format!("block_size {block}");
        return Err(Refusal::new(found, "one scale per tensor or per axis", "quantize without blocks"));
    }
    let mut quantizer = parameters_of(cx, node, 1, dtype, bits, Some(0))?;
    if opset < AXIS && quantizer.scales.len() != 1 {
        let found = format!("a scale of shape {:?} (opset {opset})", [quantizer.scales.len()]);
        let supported = format!("a scalar, or from opset {AXIS} one dimension");
        return Err(Refusal::new(found, supported, "quantize per tensor or per axis"));
    }
    // A one-element vector is one scale for everything unless the axis has several slices, which is refused later.
    quantizer.axis = if quantizer.scales.len() == 1 { None } else { Some(normalised(axis, rank)?) };
    Ok(quantizer)
}

/// The constant scale at operand `slot` and the constant zero point behind it, for integers of a type and width: one of each, or as
/// many as there are slices along `axis`, if that may be.
pub fn parameters_of(
    cx: &Translation<'_>,
    node: &GraphNode<'_>,
    slot: usize,
    dtype: DType,
    bits: u8,
    axis: Option<usize>,
) -> Result<Quantizer, Refusal> {
    let Some(scale) = cx.constant(node, slot, "scale")? else {
        return Err(Refusal::new("no scale", "a constant float32 scale", "export the model again"));
    };
    let Some(scales) = scale.tensor.floats() else {
        return Err(unsupported_type(format!("a scale of {}", scale.tensor.dtype())));
    };
    if let Some(bad) = scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
        return Err(Refusal::new(format!("scale {bad}"), "finite scales above zero", "calibrate the model again"));
    }
    if scale.tensor.shape().len() > 1 || scales.is_empty() || (axis.is_none() && scales.len() != 1) {
        let found = format!("a scale of shape {:?}", scale.tensor.shape());
        let supported = if axis.is_none() { "a scalar" } else { "a scalar, or one dimension" };
        return Err(Refusal::new(found, supported, "quantize per tensor or per axis"));
    }
    let zero_points = match cx.constant(node, slot + 1, "zero_point")? {
        None => vec![0; scales.len()],
        Some(zero_point) => {
            if zero_point.tensor.dtype() != dtype || (dtype.is_byte() && zero_point.bits != bits) {
                let found = format!("a zero point of {} for data of {dtype}", zero_point.tensor.dtype());
                return Err(Refusal::new(found, "the type of the data", "export the model again"));
            }
            let values = zero_point.tensor.ints().unwrap_or_default();
            match values.len() {
                1 => vec![values[0]; scales.len()],
                count if count == scales.len() => values,
                count => {
                    let found = format!("{count} zero points for {} scales", scales.len());
                    return Err(Refusal::new(found, "as many as scales", "export the model again"));
                }
            }
        }
    };
    cx.charge(scales.len().saturating_mul(8))?;
    let axis = axis.filter(|_| scales.len() != 1);
    if !dtype.is_byte() {
        return Ok(Quantizer { scales: scales.to_vec(), zero_points, axis, dtype, bits: 32 });
    }
    // In 8-bit form: see `network::quantizer`.
    let step = f32::from(1u16 << (8 - bits));
    if let Some(bad) = scales.iter().find(|scale| bits < 8 && **scale / step < f32::MIN_POSITIVE) {
        let found = format!("scale {bad:e} of {bits}-bit integers");
        return Err(Refusal::new(found, format!("at least {:e}", f32::MIN_POSITIVE * step), "calibrate the model again"));
    }
    let scales = scales.iter().map(|scale| scale / step).collect();
    let zero_points = zero_points.iter().map(|zero| zero << (8 - bits)).collect();
    Ok(Quantizer { scales, zero_points, axis, dtype, bits })
}

fn normalised(axis: i64, rank: Option<usize>) -> Result<usize, Refusal> {
    let from_end = |rank: usize| usize::try_from(axis.saturating_add(rank as i64)).ok();
    let found = match (usize::try_from(axis), rank) {
        (Ok(axis), None) => Some(axis),
        (Ok(axis), Some(rank)) => Some(axis).filter(|&axis| axis < rank),
        (Err(_), Some(rank)) => from_end(rank),
        (Err(_), None) => None,
    };
    found.ok_or_else(|| {
        let rank = rank.map_or_else(|| "unknown".to_string(), |rank| rank.to_string());
        Refusal::new(format!("axis {axis} of a tensor of rank {rank}"), "an axis that exists", "export the model again")
    })
}

fn check_slices(params: &Quantizer, slices: usize) -> Result<(), Refusal> {
    if params.scales.len() == slices {
        return Ok(());
    }
    let found = format!("{} scales for an axis of size {slices}", params.scales.len());
    Err(Refusal::new(found, "one scale for each slice", "export the model again"))
}

fn expect_code(attributes: &Attributes<'_>, name: &'static str, allowed: &[i64]) -> Result<(), Refusal> {
    let code = attributes.int(name, 0)?;
    if allowed.contains(&code) {
        return Ok(());
    }
    let shown = i32::try_from(code).map_or_else(|_| code.to_string(), type_name);
    Err(unsupported_type(format!("{name} {shown}")))
}

fn unsupported_type(found: String) -> Refusal {
    Refusal::new(
        found,
        "integers of 8, 4 and 2 bits (int32 for biases) with float32 scales",
        "quantize with QuantType.QInt8 or QUInt8 and a float32 model",
    )
}

/// DequantizeLinear and QuantizeLinear of the same parameters give every integer back: `f32(f32(n * s) / s)` is within
/// two roundings of n, and |n| is at most 255, as long as `n * s` neither overflows nor loses bits as a denormal.
fn cancels(from: &Quantizer, to: &Quantizer) -> bool {
    let safe = |&scale: &f32| scale >= f32::MIN_POSITIVE && (scale * 256.0).is_finite();
    from == to && from.axis.is_none() && from.dtype.is_byte() && from.scales.iter().all(safe)
}

fn fold(tensor: &Tensor, params: &Quantizer) -> Result<Tensor, Refusal> {
    if let Some(axis) = params.axis {
        check_slices(params, tensor.shape().get(axis).copied().unwrap_or(0))?;
    }
    let values = tensor.floats().unwrap_or(&[]).iter().enumerate();
    let values = values.map(|(index, &value)| params.at(tensor.shape(), index).at_bits(params.bits).quantize(value));
    let data = TensorData::from_ints(params.dtype, values).unwrap_or(TensorData::empty(params.dtype));
    Tensor::new(tensor.shape().to_vec(), data).map_err(|error| unsupported_type(error.to_string()))
}
