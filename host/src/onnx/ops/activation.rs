//! Functions of one element. ReLU and Clip between a layer and its quantizer have become part of that layer's clamp before they
//! get here.

use std::sync::Arc;

use super::qlinear;
use crate::network::DType;
use crate::network::host::{IntegerRelu, QLinearKind, Unary, UnaryKind};
use crate::onnx::attributes::Attributes;
use crate::onnx::error::{Refusal, quoted};
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::{Translation, Value};

/// Bounds of a Relu or of a Clip with constant bounds, to be merged into a layer; `None` for other nodes.
pub fn bounds(cx: &Translation<'_>, node: &GraphNode<'_>) -> Option<[f32; 2]> {
    if node.is("Relu") && node.proto.attribute.is_empty() {
        return Some([0.0, f32::INFINITY]);
    }
    if !node.is("Clip") || cx.graph.opset < CLIP_INPUTS || !node.proto.attribute.is_empty() {
        return None;
    }
    let bound = |index: usize, none: f32| match cx.constant(node, index, "bound").ok()? {
        None => Some(none),
        Some(constant) => match constant.tensor.floats() {
            Some(&[value]) if !value.is_nan() => Some(value),
            _ => None,
        },
    };
    Some([bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?])
}

/// Opset since which Clip has its bounds as inputs.
const CLIP_INPUTS: i64 = 11;

/// Relu. On dequantized bytes it acts on the integers: `relu((q - z) * s) = (max(q, z) - z) * s`, exactly, as s > 0.
pub fn relu(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    let quant = match cx.value(cx.operand(node, 0, "X")?) {
        Value::Dequantized(_, quantizer, _) if quantizer.dtype.is_byte() => quantizer.per_tensor(),
        _ => None,
    };
    match quant {
        Some(quant) => cx.host(node, Arc::new(IntegerRelu { quant }), 1),
        None => unary(cx, node, UnaryKind::Relu),
    }
}

fn unary(cx: &mut Translation<'_>, node: &GraphNode<'_>, kind: UnaryKind) -> Result<(), Refusal> {
    if let Value::Tensor(id) = cx.value(cx.operand(node, 0, "X")?)
        && cx.network.tensor(*id).dtype != DType::F32
    {
        let found = format!("an input of {}", cx.network.tensor(*id).dtype);
        return Err(Refusal::new(found, "float32, or integers behind DequantizeLinear", "insert a DequantizeLinear before it"));
    }
    cx.host(node, Arc::new(Unary(kind)), 0)
}

/// Clip from opset 11, where bounds are inputs.
pub fn clip(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    if cx.graph.opset < CLIP_INPUTS {
        let found = format!("Clip of opset {}", cx.graph.opset);
        let advice = "convert it: onnx.version_converter.convert_version(model, 13)";
        return Err(Refusal::new(found, format!("opset {CLIP_INPUTS} and later"), advice));
    }
    unary(cx, node, UnaryKind::Clip)
}

/// LeakyRelu.
pub fn leaky_relu(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let alpha = attributes.optional_float("alpha")?.unwrap_or(0.01);
    if qlinear::fuse(cx, node, QLinearKind::LeakyRelu(alpha), 1)? {
        return Ok(());
    }
    unary(cx, node, UnaryKind::LeakyRelu(alpha))
}

/// HardSigmoid.
pub fn hard_sigmoid(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let (alpha, beta) = (attributes.optional_float("alpha")?, attributes.optional_float("beta")?);
    unary(cx, node, UnaryKind::HardSigmoid(alpha.unwrap_or(0.2), beta.unwrap_or(0.5)))
}

/// HardSwish.
pub fn hard_swish(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    unary(cx, node, UnaryKind::HardSwish)
}

/// Gelu, exact or by tanh.
pub fn gelu(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let approximate = attributes.string("approximate", "none")?;
    match approximate.as_str() {
        "none" => unary(cx, node, UnaryKind::Gelu),
        "tanh" => unary(cx, node, UnaryKind::GeluTanh),
        other => Err(Refusal::new(format!("approximate {}", quoted(other)), "none and tanh", "export the model again")),
    }
}

/// Sigmoid.
pub fn sigmoid(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    if qlinear::fuse(cx, node, QLinearKind::Sigmoid, 1)? {
        return Ok(());
    }
    unary(cx, node, UnaryKind::Sigmoid)
}

/// Tanh.
pub fn tanh(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    unary(cx, node, UnaryKind::Tanh)
}

/// Erf.
pub fn erf(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    unary(cx, node, UnaryKind::Erf)
}

/// Exp.
pub fn exp(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    unary(cx, node, UnaryKind::Exp)
}

/// Sqrt.
pub fn sqrt(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    unary(cx, node, UnaryKind::Sqrt)
}

/// Reciprocal.
pub fn reciprocal(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    unary(cx, node, UnaryKind::Reciprocal)
}

/// Neg.
pub fn neg(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    unary(cx, node, UnaryKind::Neg)
}

/// Abs.
pub fn abs(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    unary(cx, node, UnaryKind::Abs)
}
