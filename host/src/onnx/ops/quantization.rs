//! QuantizeLinear and DequantizeLinear, opset 10 to 26, one scale or one for each slice along an axis.

use std::rc::Rc;

use crate::network::arithmetic::round_to_range;
use crate::network::{DType, Op, Quantize, Tensor, TensorData};
use crate::onnx::attributes::Attributes;
use crate::onnx::constant::type_name;
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
    let params = read_quantizer(cx, node, attributes)?;
    let input = cx.operand(node, 0, "x")?;
    let output = cx.result(node)?;
    let value = match cx.value(input).clone() {
        Value::Dequantized(tensor, from, _) if cancels(&from, &params) => Value::Tensor(tensor),
        Value::DequantizedConstant(tensor, from) if cancels(&from, &params) => Value::Constant(tensor),
        Value::Constant(tensor) if tensor.dtype() == DType::F32 => {
            cx.charge(tensor.data().len())?;
            Value::Constant(Rc::new(fold(&tensor, &params)?))
        }
        _ => {
            let tensor = cx.float_operand(input)?;
            let name = cx.graph.values[output].name;
            let (dtype, quant) = (params.dtype, params.per_tensor());
            Value::Tensor(cx.emit(node.label, name, Op::Quantize(params), tensor, dtype, quant)?)
        }
    };
    cx.set(output, value);
    Ok(())
}

/// DequantizeLinear. Emits nothing: whoever reads the result decides whether it is needed in float32.
pub fn dequantize_linear(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let input = cx.operand(node, 0, "x")?;
    let output = cx.result(node)?;
    let (dtype, rank) = match cx.value(input) {
        Value::Constant(tensor) => (tensor.dtype(), Some(tensor.shape().len())),
        Value::Tensor(id) => {
            let info = cx.network.tensor(*id);
            (info.dtype, info.shape.as_ref().map(Vec::len))
        }
        _ => (DType::F32, None),
    };
    if !dtype.is_byte() && dtype != DType::I32 {
        return Err(unsupported_type(format!("an input of {dtype}")));
    }
    if cx.graph.opset >= PRECISION {
        expect_code(attributes, "output_dtype", &[0, 1])?;
    }
    let params = parameters(cx, node, attributes, dtype, rank)?;
    let value = match cx.value(input).clone() {
        Value::Constant(tensor) => {
            if let Some(axis) = params.axis {
                check_slices(&params, tensor.shape().get(axis).copied().unwrap_or(0))?;
            }
            Value::DequantizedConstant(tensor, Rc::new(params))
        }
        Value::Tensor(id) => {
            cx.note_quant(id, params.per_tensor().filter(|_| dtype.is_byte()));
            Value::Dequantized(id, Rc::new(params), None)
        }
        _ => return Err(unsupported_type("an input that is not quantized".into())),
    };
    cx.set(output, value);
    Ok(())
}

/// Parameters of a QuantizeLinear node that is looked at from outside.
pub fn quantizer(cx: &Translation<'_>, node: &GraphNode<'_>) -> Result<Quantize, Refusal> {
    let attributes = Attributes::new(node.proto);
    let params = read_quantizer(cx, node, &attributes)?;
    attributes.finish(cx.graph.opset)?;
    Ok(params)
}

fn read_quantizer(cx: &Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<Quantize, Refusal> {
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
    let zero_point = constant_operand(cx, node, 2, "y_zero_point")?;
    let dtype = match (zero_point, asked) {
        (Some(tensor), 0) => tensor.dtype(),
        (None, 0 | 2) => DType::U8,
        (None, 3) => DType::I8,
        (Some(tensor), code) if crate::onnx::constant::dtype(i32::try_from(code).unwrap_or(-1)) == Some(tensor.dtype()) => {
            tensor.dtype()
        }
        (_, code) => {
            let name = i32::try_from(code).map_or_else(|_| code.to_string(), type_name);
            return Err(unsupported_type(format!("output_dtype {name}")));
        }
    };
    if !dtype.is_byte() {
        return Err(unsupported_type(format!("a zero point of {dtype}")));
    }
    let rank = cx.operand(node, 0, "x").ok().and_then(|input| match cx.value(input) {
        Value::Tensor(id) | Value::Dequantized(id, ..) => cx.network.tensor(*id).shape.as_ref().map(Vec::len),
        Value::Constant(tensor) | Value::DequantizedConstant(tensor, _) => Some(tensor.shape().len()),
        Value::Undefined => None,
    });
    parameters(cx, node, attributes, dtype, rank)
}

/// Scale, zero point and axis, which both operators have alike.
fn parameters(
    cx: &Translation<'_>,
    node: &GraphNode<'_>,
    attributes: &Attributes<'_>,
    dtype: DType,
    rank: Option<usize>,
) -> Result<Quantize, Refusal> {
    let opset = cx.graph.opset;
    let axis = if opset >= AXIS { attributes.int("axis", 1)? } else { 1 };
    let block = if opset >= BLOCKS { attributes.int("block_size", 0)? } else { 0 };
    if block != 0 {
        let found = format!("block_size {block}");
        return Err(Refusal::new(found, "one scale per tensor or per axis", "quantize without blocks"));
    }
    let Some(scale) = constant_operand(cx, node, 1, "scale")? else {
        return Err(Refusal::new("no scale", "a constant float32 scale", "export the model again"));
    };
    let Some(scales) = scale.floats() else {
        return Err(unsupported_type(format!("a scale of {}", scale.dtype())));
    };
    if let Some(bad) = scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
        return Err(Refusal::new(format!("scale {bad}"), "finite scales above zero", "calibrate the model again"));
    }
    if scale.shape().len() > 1 || scales.is_empty() || (opset < AXIS && scales.len() != 1) {
        let found = format!("a scale of shape {:?} (opset {opset})", scale.shape());
        let supported = format!("a scalar, or from opset {AXIS} one dimension");
        return Err(Refusal::new(found, supported, "quantize per tensor or per axis"));
    }
    let zero_points = match constant_operand(cx, node, 2, "zero_point")? {
        None => vec![0; scales.len()],
        Some(zero_point) => {
            if zero_point.dtype() != dtype {
                let found = format!("a zero point of {} for data of {dtype}", zero_point.dtype());
                return Err(Refusal::new(found, "the type of the data", "export the model again"));
            }
            let values = zero_point.ints().unwrap_or_default();
            if values.len() != scales.len() {
                let found = format!("{} zero points for {} scales", values.len(), scales.len());
                return Err(Refusal::new(found, "as many as scales", "export the model again"));
            }
            values
        }
    };
    cx.charge(scales.len().saturating_mul(8))?;
    // A one-element vector is one scale for everything unless the axis has several slices, which is refused later.
    let axis = if scales.len() == 1 { None } else { Some(normalised(axis, rank)?) };
    Ok(Quantize { scales: scales.to_vec(), zero_points, axis, dtype })
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

fn check_slices(params: &Quantize, slices: usize) -> Result<(), Refusal> {
    if params.scales.len() == slices {
        return Ok(());
    }
    let found = format!("{} scales for an axis of size {slices}", params.scales.len());
    Err(Refusal::new(found, "one scale for each slice", "export the model again"))
}

/// An operand that must be constant if it is there.
fn constant_operand<'t>(
    cx: &'t Translation<'_>,
    node: &GraphNode<'_>,
    index: usize,
    name: &str,
) -> Result<Option<&'t Tensor>, Refusal> {
    let Some(id) = node.inputs.get(index).copied().flatten() else { return Ok(None) };
    match cx.value(id) {
        Value::Constant(tensor) => Ok(Some(tensor)),
        _ => Err(Refusal::new(
            format!("a {name} that is computed"),
            "constants (initializers, or Constant nodes)",
            "quantize statically: onnxruntime.quantization.quantize_static",
        )),
    }
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
        "int8 and uint8 data (int32 for biases) with float32 scales",
        "quantize with QuantType.QInt8 or QUInt8 and a float32 model",
    )
}

/// DequantizeLinear and QuantizeLinear of the same parameters give every integer back: `f32(f32(n * s) / s)` is within
/// two roundings of n, and |n| is at most 255, as long as `n * s` neither overflows nor loses bits as a denormal.
fn cancels(from: &Quantize, to: &Quantize) -> bool {
    let safe = |&scale: &f32| scale >= f32::MIN_POSITIVE && (scale * 256.0).is_finite();
    from == to && from.axis.is_none() && from.dtype.is_byte() && from.scales.iter().all(safe)
}

fn fold(tensor: &Tensor, params: &Quantize) -> Result<Tensor, Refusal> {
    if let Some(axis) = params.axis {
        check_slices(params, tensor.shape().get(axis).copied().unwrap_or(0))?;
    }
    let (low, high) = params.dtype.range(8);
    let values = tensor.floats().unwrap_or(&[]).iter().enumerate().map(|(index, &value)| {
        let at = params.at(tensor.shape(), index);
        round_to_range(value / at.scale, at.zero_point, low, high)
    });
    let data = TensorData::from_ints(params.dtype, values).unwrap_or(TensorData::I8(Vec::new()));
    Tensor::new(tensor.shape().to_vec(), data).map_err(|error| unsupported_type(error.to_string()))
}
