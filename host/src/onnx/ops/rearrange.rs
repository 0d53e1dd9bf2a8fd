//! Parts of tensors, put together in another way: they commute with DequantizeLinear of one scale.

use std::sync::Arc;

use super::layout::with_list;
use super::qlinear;
use crate::network::Narrowed;
use crate::network::host::{Concat, Coordinates, Gather, Nearest, Pad, PadMode, QLinearKind, Resize, Slice, Split};
use crate::onnx::attributes::Attributes;
use crate::onnx::error::{Refusal, quoted};
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::{Translation, Value};

/// Opset since which Split has its sizes as an input; since which Pad has its pads as inputs.
const SPLIT_INPUT: i64 = 13;
const PAD_INPUTS: i64 = 11;

/// Concat.
pub fn concat(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let axis = attributes.optional_int("axis")?;
    let axis = axis.ok_or_else(|| Refusal::new("no axis", "the attribute axis", "export the model again"))?;
    cx.operand(node, 0, "inputs")?;
    if qlinear::fuse(cx, node, QLinearKind::Concat(axis), usize::MAX)? {
        return Ok(());
    }
    cx.host(node, Arc::new(Concat { axis }), usize::MAX)
}

/// Split into parts of given sizes, or of equal ones.
pub fn split(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let axis = attributes.int("axis", 0)?;
    let parts = node.outputs.len();
    if cx.graph.opset >= 18
        && let Some(declared) = attributes.optional_int("num_outputs")?
        && usize::try_from(declared) != Ok(parts)
    {
        let found = format!("num_outputs {declared} for {parts} outputs");
        return Err(Refusal::new(found, "the number of outputs", "export the model again"));
    }
    cx.operand(node, 0, "input")?;
    let op = Arc::new(Split { axis, parts });
    if cx.graph.opset < SPLIT_INPUT
        && let Some(sizes) = attributes.optional_ints("split")?
    {
        return with_list(cx, node, sizes, op);
    }
    cx.host(node, op, 1)
}

/// Slice.
pub fn slice(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    cx.operand(node, 1, "starts")?;
    cx.operand(node, 2, "ends")?;
    cx.host(node, Arc::new(Slice), 1)
}

/// Gather.
pub fn gather(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let op = Gather { axis: attributes.int("axis", 0)? };
    cx.operand(node, 1, "indices")?;
    cx.host(node, Arc::new(op), 1)
}

/// Pad. On integers if the value is one that they can mean.
pub fn pad(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    if cx.graph.opset < PAD_INPUTS {
        let advice = "convert it: onnx.version_converter.convert_version(model, 13)";
        return Err(Refusal::new(format!("Pad of opset {}", cx.graph.opset), "opset 11 and later", advice));
    }
    let mode = attributes.string("mode", "constant")?;
    let mode = match mode.as_str() {
        "constant" => PadMode::Constant,
        "edge" => PadMode::Edge,
        "reflect" => PadMode::Reflect,
        "wrap" => PadMode::Wrap,
        other => {
            let found = format!("mode {}", quoted(other));
            return Err(Refusal::new(found, "constant, edge, reflect and wrap", "export the model again"));
        }
    };
    let data = cx.operand(node, 0, "data")?;
    cx.operand(node, 1, "pads")?;
    let quant = match cx.value(data) {
        Value::Dequantized(_, quantizer, _) if quantizer.dtype.is_byte() => quantizer.per_tensor(),
        _ => None,
    };
    let value = match cx.constant(node, 2, "value") {
        Ok(None) => Some(0.0),
        Ok(Some(constant)) => constant.tensor.floats().and_then(|values| values.first()).copied(),
        Err(_) => None,
    };
    // Zero is exact at every width; other values only where they are a step of the narrowest.
    let exact = |narrowed: Narrowed, value: f32| narrowed.dequantize(narrowed.quantize(value)) == value;
    let quant = quant.filter(|quant| {
        mode != PadMode::Constant || value.is_some_and(|value| [8, 4, 2].iter().all(|&bits| exact(quant.at_bits(bits), value)))
    });
    cx.host(node, Arc::new(Pad { mode, quant }), if quant.is_some() { 1 } else { 0 })
}

/// Resize by the nearest element.
pub fn resize(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let unsupported = |what: &str, found: &str, supported: &str| {
        Err(Refusal::new(format!("{what} {}", quoted(found)), supported, "resize by the nearest element in the exporter"))
    };
    let mode = attributes.string("mode", "nearest")?;
    if mode != "nearest" {
        return unsupported("mode", &mode, "nearest");
    }
    if cx.graph.opset < 11 {
        return Err(Refusal::new(format!("Resize of opset {}", cx.graph.opset), "opset 11 and later", "convert the model"));
    }
    let coordinates = match attributes.string("coordinate_transformation_mode", "half_pixel")?.as_str() {
        "half_pixel" => Coordinates::HalfPixel,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "asymmetric" => Coordinates::Asymmetric,
        "align_corners" => Coordinates::AlignCorners,
        other => {
            let supported = "half_pixel, pytorch_half_pixel, asymmetric and align_corners";
            return unsupported("coordinate_transformation_mode", other, supported);
        }
    };
    let nearest = match attributes.string("nearest_mode", "round_prefer_floor")?.as_str() {
        "round_prefer_floor" => Nearest::RoundPreferFloor,
        "round_prefer_ceil" => Nearest::RoundPreferCeil,
        "floor" => Nearest::Floor,
        "ceil" => Nearest::Ceil,
        other => return unsupported("nearest_mode", other, "round_prefer_floor, round_prefer_ceil, floor and ceil"),
    };
    // Of cubic and linear interpolation, and of regions: without a meaning here.
    attributes.optional_float("cubic_coeff_a")?;
    attributes.optional_float("extrapolation_value")?;
    attributes.int("exclude_outside", 0)?;
    let policy = attributes.string("keep_aspect_ratio_policy", "stretch")?;
    if policy != "stretch" {
        return unsupported("keep_aspect_ratio_policy", &policy, "stretch");
    }
    let data = cx.operand(node, 0, "X")?;
    // The region of interest is read by tf_crop_and_resize only.
    let operands = [Some(data), None, node.inputs.get(2).copied().flatten(), node.inputs.get(3).copied().flatten()];
    cx.host_on(node, Arc::new(Resize { coordinates, nearest }), &operands, 1)
}
