//! Operands and attributes of QONNX's nodes: constant scale, zero point and width, read as NumPy broadcasts them.

use crate::network::DType;
use crate::network::host::{QonnxQuantizer, QonnxRounding, QonnxRule};
use crate::onnx::attributes::Attributes;
use crate::onnx::constant::Constant;
use crate::onnx::error::{Refusal, quoted};
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::{Translation, Value};

/// Widest integers: those of a quantized bias.
const WIDEST: u8 = 32;
/// Widest integers of activations and weights.
pub const WIDEST_ON_ARRAY: u8 = 8;
/// Whole numbers up to here are float32 exactly.
const WHOLE_END: f32 = 16_777_216.0;
const EXPORT: &str = "export the model again, with constants folded (qonnx.util.cleanup)";

/// Parameters of Quant (IntQuant): x, scale, zero point, bits.
pub fn quant(cx: &Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<QonnxQuantizer, Refusal> {
    let signed = flag(attributes, "signed", None)?;
    let narrow = flag(attributes, "narrow", None)?;
    let rounding = rounding(attributes, Some("ROUND"))?;
    let bits = width(cx, node, 3, "bit width")?;
    let rule = if signed && bits == 1 { QonnxRule::SignOfScaled } else { QonnxRule::Round(rounding) };
    let quantizer =
        QonnxQuantizer { scales: Vec::new(), zero_points: Vec::new(), axis: None, rank: 0, bits, signed, narrow, rule };
    slices(cx, node, quantizer, true)
}

/// Parameters of BipolarQuant: x, scale.
pub fn bipolar(cx: &Translation<'_>, node: &GraphNode<'_>) -> Result<QonnxQuantizer, Refusal> {
    let quantizer = QonnxQuantizer {
        scales: Vec::new(),
        zero_points: Vec::new(),
        axis: None,
        rank: 0,
        bits: 1,
        signed: true,
        narrow: false,
        rule: QonnxRule::SignOfInput,
    };
    slices(cx, node, quantizer, false)
}

/// Reads scale (operand 1) and zero point (operand 2) into a quantizer of known width.
fn slices(
    cx: &Translation<'_>,
    node: &GraphNode<'_>,
    mut quantizer: QonnxQuantizer,
    has_zero_point: bool,
) -> Result<QonnxQuantizer, Refusal> {
    let rank = match cx.value(cx.operand(node, 0, "x")?) {
        Value::Tensor(id) | Value::Dequantized(id, ..) => cx.network.tensor(*id).shape.as_ref().map(Vec::len),
        Value::Constant(constant) | Value::DequantizedConstant(constant, ..) => Some(constant.tensor.shape().len()),
        Value::Undefined => None,
    };
    let scale = floats(cx, node, 1, "scale")?;
    let scale_axis = axis("scale", scale.tensor.shape(), rank)?;
    let scales = scale.tensor.floats().unwrap_or(&[]);
    let zero_point = if has_zero_point { Some(floats(cx, node, 2, "zero point")?) } else { None };
    let (zeros, zero_shape) = zero_point
        .as_ref()
        .map_or((&[0.0][..], &[][..]), |constant| (constant.tensor.floats().unwrap_or(&[]), constant.tensor.shape()));
    let zero_axis = axis("zero point", zero_shape, rank)?;
    let (axis, count) = match (scale_axis, zero_axis) {
        (None, None) => (None, 1),
        (Some(axis), None) => (Some(axis), scales.len()),
        (None, Some(axis)) => (Some(axis), zeros.len()),
        (Some(a), Some(b)) if a == b && scales.len() == zeros.len() => (Some(a), scales.len()),
        _ => {
            let found = format!("scale {:?} with zero point {zero_shape:?}", scale.tensor.shape());
            return Err(Refusal::new(found, "parameters along one dimension", "quantize per tensor or per channel"));
        }
    };
    cx.charge(count.saturating_mul(16))?;
    let repeated = |values: &[f32]| match values {
        [one] => vec![*one; count],
        _ => values.to_vec(),
    };
    let (scales, zero_points) = (repeated(scales), repeated(zeros));
    let smallest = f32::MIN_POSITIVE * 256.0;
    if let Some(bad) = scales.iter().find(|scale| !(scale.is_finite() && **scale >= smallest)) {
        let supported = format!("finite scales of at least {smallest:e}");
        return Err(Refusal::new(format!("scale {bad:e}"), supported, "train or calibrate the model again"));
    }
    let dtype = if quantizer.signed { DType::I8 } else { DType::U8 };
    let (low, high) = match quantizer.bits {
        0..=WIDEST_ON_ARRAY => {
            let (low, high) = dtype.range(quantizer.container());
            (low as f32, high as f32)
        }
        _ => (-WHOLE_END, WHOLE_END),
    };
    if let Some(bad) = zero_points.iter().find(|zero| !(zero.fract() == 0.0 && (low..=high).contains(zero))) {
        let supported = format!("whole numbers from {low} to {high}");
        return Err(Refusal::new(format!("zero point {bad}"), supported, "quantize with zero points that are integers"));
    }
    (quantizer.scales, quantizer.zero_points, quantizer.axis) = (scales, zero_points, axis);
    quantizer.rank = scale.tensor.shape().len().max(zero_shape.len());
    Ok(quantizer)
}

/// A constant float32 operand.
fn floats(cx: &Translation<'_>, node: &GraphNode<'_>, slot: usize, name: &str) -> Result<Constant, Refusal> {
    let constant = constant(cx, node, slot, name)?;
    if constant.tensor.dtype() != DType::F32 {
        return Err(Refusal::new(format!("a {name} of {}", constant.tensor.dtype()), "float32", EXPORT));
    }
    Ok(constant)
}

fn constant(cx: &Translation<'_>, node: &GraphNode<'_>, slot: usize, name: &str) -> Result<Constant, Refusal> {
    let id = cx.operand(node, slot, name)?;
    match cx.value(id) {
        Value::Constant(constant) => Ok(constant.clone()),
        _ => {
            let found = format!("a {name} that is computed");
            Err(Refusal::new(found, "constants (initializers, Constant nodes, and what follows from them)", EXPORT))
        }
    }
}

/// The one float32 of a constant operand.
pub fn scalar(cx: &Translation<'_>, node: &GraphNode<'_>, slot: usize, name: &str) -> Result<f32, Refusal> {
    let constant = floats(cx, node, slot, name)?;
    match constant.tensor.floats() {
        Some(&[value]) if constant.tensor.shape().len() <= 1 => Ok(value),
        _ => Err(Refusal::new(format!("a {name} of shape {:?}", constant.tensor.shape()), "one value", "quantize per tensor")),
    }
}

/// A width in bits: one whole number, as a float or as an integer.
pub fn width(cx: &Translation<'_>, node: &GraphNode<'_>, slot: usize, name: &str) -> Result<u8, Refusal> {
    let constant = constant(cx, node, slot, name)?;
    let value = match (constant.tensor.floats(), constant.tensor.i64s().as_deref()) {
        (Some(&[value]), _) => value,
        (_, Some(&[value])) => value as f32,
        _ => {
            let found = format!("a {name} of shape {:?}", constant.tensor.shape());
            return Err(Refusal::new(found, "one width for the whole tensor", "quantize the tensor at one width"));
        }
    };
    if value.fract() == 0.0 && (1.0..=f32::from(WIDEST)).contains(&value) {
        return Ok(value as u8);
    }
    Err(Refusal::new(format!("a {name} of {value}"), format!("1 to {WIDEST_ON_ARRAY}"), "quantize to whole bits, 8 or fewer"))
}

/// An attribute that is 0 or 1; refused where it is missing and there is no default.
pub fn flag(attributes: &Attributes<'_>, name: &'static str, default: Option<bool>) -> Result<bool, Refusal> {
    match (attributes.optional_int(name)?, default) {
        (Some(0), _) => Ok(false),
        (Some(1), _) => Ok(true),
        (None, Some(default)) => Ok(default),
        (None, None) => Err(Refusal::new(format!("no attribute {name}"), "0 or 1", EXPORT)),
        (Some(value), _) => Err(Refusal::new(format!("{name} = {value}"), "0 or 1", EXPORT)),
    }
}

/// The rounding mode; refused where it is missing and there is no default.
pub fn rounding(attributes: &Attributes<'_>, default: Option<&str>) -> Result<QonnxRounding, Refusal> {
    let name = attributes.string("rounding_mode", default.unwrap_or(""))?;
    QonnxRounding::named(&name).ok_or_else(|| {
        let names: Vec<_> = QonnxRounding::NAMES.iter().map(|(name, _)| *name).collect();
        Refusal::new(format!("rounding_mode {}", quoted(&name)), names.join(", "), "train with one of these roundings")
    })
}

/// The dimension along which a parameter has several values; `None` if it has one.
fn axis(name: &str, shape: &[usize], rank: Option<usize>) -> Result<Option<usize>, Refusal> {
    let refuse = |what: &str| {
        let found = format!("a {name} of shape {shape:?}{what}");
        let supported = "one value, or one for each slice along one dimension of the input";
        Err(Refusal::new(found, supported, "quantize per tensor or per channel"))
    };
    let long: Vec<usize> = (0..shape.len()).filter(|&at| shape[at] != 1).collect();
    if rank.is_some_and(|rank| shape.len() > rank) {
        return refuse(" for an input of fewer dimensions");
    }
    match (long.as_slice(), rank) {
        ([], _) => Ok(None),
        (&[at], Some(rank)) if shape[at] > 0 => Ok(Some(rank - shape.len() + at)),
        (&[_], None) => refuse(" for an input of unknown rank"),
        _ => refuse(""),
    }
}
