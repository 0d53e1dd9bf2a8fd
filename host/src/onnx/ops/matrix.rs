//! Gemm, MatMul and their relatives. With constant weights of two dimensions they are fully connected layers; other products of two
//! operands are products of pairs of matrices, the right one loaded as weights when it is computed.

use super::array_layer;
use super::operands::{self, Operands, Right, Slots};
use crate::network::host::{FloatGemm, FloatMatMul};
use crate::network::{Gemm, MatMul, Op};
use crate::onnx::attributes::Attributes;
use crate::onnx::error::Refusal;
use crate::onnx::graph::{GraphNode, ValueId};
use crate::onnx::translation::{Translation, Value};
use std::sync::Arc;

/// Gemm between DequantizeLinear and (Relu, Clip,) QuantizeLinear, alpha = beta = 1; of float32, on the host.
pub fn gemm(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    if is_float(cx, node)? {
        let factor = |name| Ok(attributes.optional_float(name)?.unwrap_or(1.0));
        let (alpha, beta) = (factor("alpha")?, factor("beta")?);
        let (trans_a, trans_b) = (attributes.int("transA", 0)? != 0, attributes.int("transB", 0)? != 0);
        let packed = is_constant_matrix(cx, node)?;
        return cx.host(node, Arc::new(FloatGemm { trans_a, trans_b, alpha, beta, packed }), 0);
    }
    for name in ["alpha", "beta"] {
        if let Some(value) = attributes.optional_float(name)?
            && value != 1.0
        {
            return Err(Refusal::new(format!("{name} = {value}"), format!("{name} = 1"), "fold the factor into the weights"));
        }
    }
    let transposed = transposed(attributes)?;
    let operands = operands::qdq(cx, node)?;
    fully_connected(cx, node, &operands, transposed, 1.0)
}

/// QGemm of onnxruntime's own domain: `alpha * A * B + C` in integers, requantized or scaled to float32.
pub fn qgemm(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let alpha = attributes.optional_float("alpha")?.unwrap_or(1.0);
    if !(alpha.is_finite() && alpha > 0.0) {
        return Err(Refusal::new(format!("alpha = {alpha}"), "finite factors above zero", "fold the factor into the weights"));
    }
    let transposed = transposed(attributes)?;
    let slots = Slots { left: 0, right: 3, bias: Some(6), output: 7, float_output: true };
    let operands = operands::qlinear(cx, node, &slots, if transposed { 0 } else { 1 })?;
    fully_connected(cx, node, &operands, transposed, alpha)
}

fn transposed(attributes: &Attributes<'_>) -> Result<bool, Refusal> {
    let trans_a = attributes.int("transA", 0)?;
    if trans_a != 0 {
        let found = format!("transA = {trans_a}");
        return Err(Refusal::new(found, "transA = 0", "transpose the input before the layer"));
    }
    Ok(attributes.int("transB", 0)? != 0)
}

/// Whether neither operand, or only one of two computed ones, is integers behind DequantizeLinear: then the host multiplies floats.
fn is_float(cx: &Translation<'_>, node: &GraphNode<'_>) -> Result<bool, Refusal> {
    let quantized = |id: ValueId| match cx.value(id) {
        Value::Dequantized(_, quantizer, _) | Value::DequantizedConstant(_, quantizer, _) => quantizer.dtype.is_byte(),
        _ => false,
    };
    let [a, b] = [cx.operand(node, 0, "A")?, cx.operand(node, 1, "B")?];
    let b_computed = matches!(cx.value(b), Value::Tensor(_) | Value::Dequantized(..));
    Ok((!quantized(a) && !quantized(b)) || (b_computed && !(quantized(a) && quantized(b))))
}

/// Whether the right operand is a constant of two dimensions.
fn is_constant_matrix(cx: &Translation<'_>, node: &GraphNode<'_>) -> Result<bool, Refusal> {
    let b = cx.value(cx.operand(node, 1, "B")?);
    Ok(matches!(b, Value::Constant(constant) if constant.tensor.shape().len() == 2))
}

/// MatMul between DequantizeLinear and QuantizeLinear; of float32, on the host.
pub fn matmul(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    if is_float(cx, node)? {
        return cx.host(node, Arc::new(FloatMatMul { packed: is_constant_matrix(cx, node)? }), 0);
    }
    let operands = operands::qdq(cx, node)?;
    product(cx, node, operands)
}

/// QLinearMatMul.
pub fn qlinear_matmul(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    let slots = Slots { left: 0, right: 3, bias: None, output: 6, float_output: false };
    let operands = operands::qlinear(cx, node, &slots, 1)?;
    product(cx, node, operands)
}

/// MatMulInteger.
pub fn matmul_integer(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    let operands = operands::integer(cx, node)?;
    product(cx, node, operands)
}

fn product(cx: &mut Translation<'_>, node: &GraphNode<'_>, mut operands: Operands) -> Result<(), Refusal> {
    if let Right::Constant(constant, _, _) = &operands.right
        && constant.tensor.shape().len() == 2
    {
        return fully_connected(cx, node, &operands, false, 1.0);
    }
    if let Right::Constant(_, quantizer, place) = &operands.right {
        let (quantizer, id) = (quantizer.clone(), cx.operand(node, place.slot, "weights")?);
        let tensor = match cx.integers(id)? {
            Some((tensor, _)) => tensor,
            None => cx.materialise(id)?,
        };
        cx.note_quant(tensor, quantizer.per_tensor());
        operands.right = Right::Computed(tensor, quantizer, None);
    }
    let Right::Computed(tensor, quantizer, _) = &operands.right else { return Ok(()) };
    let rank = cx.network.tensor(*tensor).shape.as_ref().map(Vec::len);
    if quantizer.axis.is_some() && rank != Some(2) {
        let found = format!(
            "{} scales of an operand of {} dimensions",
            quantizer.scales.len(),
            rank.map_or("?".into(), |rank| rank.to_string())
        );
        return Err(Refusal::new(found, "one scale, or one for each column of a matrix", "quantize the operand per tensor"));
    }
    let layer = array_layer::without_weights(cx, node, &operands, quantizer);
    array_layer::emit(cx, node, &operands, layer, |layer| Op::MatMul(MatMul { layer }))
}

fn fully_connected(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    operands: &Operands,
    transposed: bool,
    alpha: f32,
) -> Result<(), Refusal> {
    let Right::Constant(constant, quantizer, _) = &operands.right else {
        let advice = "make the weights an initializer, or use MatMul";
        return Err(Refusal::new("weights that are computed", "constant weights", advice));
    };
    let &[rows, columns] = constant.tensor.shape() else {
        let found = format!("weights of shape {:?}", constant.tensor.shape());
        return Err(Refusal::new(found, "two dimensions", "reshape the weights to [out, in] with transB = 1"));
    };
    let weights = (constant, quantizer.as_ref());
    let mut layer = if transposed {
        let order = |channel, k| channel * columns + k;
        array_layer::build(cx, node, operands, weights, 0, [rows, columns], order)?
    } else {
        let order = |channel, k| k * columns + channel;
        array_layer::build(cx, node, operands, weights, 1, [columns, rows], order)?
    };
    layer.alpha = alpha;
    array_layer::emit(cx, node, operands, layer, |layer| Op::Gemm(Gemm { layer }))
}
