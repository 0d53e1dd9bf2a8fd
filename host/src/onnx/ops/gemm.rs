//! Gemm as a fully connected layer: `X [rows, k] * W + C`, alpha = beta = 1.

use super::array_layer;
use crate::network::{Gemm, Op};
use crate::onnx::attributes::Attributes;
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::Translation;

/// Gemm between DequantizeLinear and (Relu,) QuantizeLinear.
pub fn gemm(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    for name in ["alpha", "beta"] {
        if let Some(value) = attributes.optional_float(name)?
            && value != 1.0
        {
            return Err(Refusal::new(format!("{name} = {value}"), format!("{name} = 1"), "fold the factor into the weights"));
        }
    }
    let trans_a = attributes.int("transA", 0)?;
    if trans_a != 0 {
        let found = format!("transA = {trans_a}");
        return Err(Refusal::new(found, "transA = 0", "transpose the input before the layer"));
    }
    let transposed = attributes.int("transB", 0)? != 0;
    let operands = array_layer::operands(cx, node)?;
    let &[rows, columns] = operands.weights.shape() else {
        let found = format!("weights of shape {:?}", operands.weights.shape());
        return Err(Refusal::new(found, "two dimensions", "reshape the weights to [out, in] with transB = 1"));
    };
    let layer = if transposed {
        array_layer::build(cx, node, &operands, 0, [rows, columns], |channel, k| channel * columns + k)?
    } else {
        array_layer::build(cx, node, &operands, 1, [columns, rows], |channel, k| k * columns + channel)?
    };
    array_layer::emit(cx, node, &operands, layer, |layer| Op::Gemm(Gemm { layer }))
}
