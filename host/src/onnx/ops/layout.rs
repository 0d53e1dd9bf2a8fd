//! Changes of shape and order: they commute with DequantizeLinear of one scale, so they act on the integers.

use std::sync::Arc;

use super::qonnx;
use crate::network::host::{Expand, Flatten, Reshape, Squeeze, Transpose, Unsqueeze};
use crate::network::{Tensor, TensorData};
use crate::onnx::attributes::Attributes;
use crate::onnx::constant::Constant;
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::Translation;

/// Opset since which Squeeze and Unsqueeze have their axes as an input.
const AXES_INPUT: i64 = 13;

/// Flatten, any axis.
pub fn flatten(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let op = Flatten { axis: attributes.int("axis", 1)? };
    cx.operand(node, 0, "input")?;
    cx.host(node, Arc::new(op), 1)
}

/// Reshape to a shape that is constant or computed.
pub fn reshape(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let allow_zero = attributes.int("allowzero", 0)? != 0;
    cx.operand(node, 1, "shape")?;
    cx.host(node, Arc::new(Reshape { allow_zero }), 1)
}

/// Transpose.
pub fn transpose(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let permutation = match attributes.optional_ints("perm")? {
        None => None,
        Some(perm) => {
            let axes: Option<Vec<usize>> = perm.iter().map(|&axis| usize::try_from(axis).ok()).collect();
            let found = || Refusal::new(format!("perm {perm:?}"), "each axis once", "export the model again");
            Some(axes.ok_or_else(found)?)
        }
    };
    let (data, op) = (cx.operand(node, 0, "data")?, Transpose { permutation });
    if let Some(value) = qonnx::transposed(cx, cx.value(data), &op)? {
        let output = cx.result(node)?;
        cx.set(output, value);
        return Ok(());
    }
    cx.host(node, Arc::new(op), 1)
}

/// Expand.
pub fn expand(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    cx.operand(node, 1, "shape")?;
    cx.host(node, Arc::new(Expand), 1)
}

/// Squeeze.
pub fn squeeze(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    cx.operand(node, 0, "data")?;
    if cx.graph.opset >= AXES_INPUT {
        return cx.host(node, Arc::new(Squeeze), 1);
    }
    match attributes.optional_ints("axes")? {
        None => cx.host(node, Arc::new(Squeeze), 1),
        Some(axes) => with_list(cx, node, axes, Arc::new(Squeeze)),
    }
}

/// Unsqueeze.
pub fn unsqueeze(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    cx.operand(node, 0, "data")?;
    if cx.graph.opset >= AXES_INPUT {
        cx.operand(node, 1, "axes")?;
        return cx.host(node, Arc::new(Unsqueeze), 1);
    }
    let axes = attributes.optional_ints("axes")?;
    let axes = axes.ok_or_else(|| Refusal::new("no axes", "the attribute axes", "export the model again"))?;
    with_list(cx, node, axes, Arc::new(Unsqueeze))
}

/// A node of older opsets, with its list of axes as the second operand.
pub fn with_list(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    list: &[i64],
    op: Arc<dyn crate::network::HostOperator>,
) -> Result<(), Refusal> {
    let list = Tensor::new(vec![list.len()], TensorData::I64(list.to_vec()));
    let list = list.map_err(|error| Refusal::new(error.to_string(), "axes", "export the model again"))?;
    let axes = cx.new_constant(Constant::of(list));
    let data = node.inputs.first().copied().flatten();
    cx.host_on(node, op, &[data, Some(axes)], 1)
}
