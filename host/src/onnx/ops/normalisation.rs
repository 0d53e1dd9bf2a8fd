//! Softmax, normalisations and reductions: float32 on the host.

use std::sync::Arc;

use super::layout::with_list;
use super::qlinear;
use crate::network::float::reduce::Reduction;
use crate::network::host::{BatchNormalization, LayerNormalization, QLinearKind, Reduce, RmsNormalization, Softmax};
use crate::onnx::attributes::Attributes;
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::Translation;

/// LogSoftmax.
pub fn log_softmax(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let flattened = cx.graph.opset < 13;
    let axis = attributes.int("axis", if flattened { 1 } else { -1 })?;
    cx.operand(node, 0, "input")?;
    cx.host(node, Arc::new(Softmax { axis, flattened, logarithm: true }), 0)
}

/// Softmax.
pub fn softmax(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let flattened = cx.graph.opset < 13;
    let axis = attributes.int("axis", if flattened { 1 } else { -1 })?;
    cx.operand(node, 0, "input")?;
    if qlinear::fuse(cx, node, QLinearKind::Softmax { axis, flattened }, 1)? {
        return Ok(());
    }
    cx.host(node, Arc::new(Softmax { axis, flattened, logarithm: false }), 0)
}

/// LayerNormalization.
pub fn layer_normalization(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let axis = attributes.int("axis", -1)?;
    let epsilon = attributes.optional_float("epsilon")?.unwrap_or(1e-5);
    let stash = attributes.int("stash_type", 1)?;
    if stash != 1 {
        return Err(Refusal::new(format!("stash_type {stash}"), "1 (float32)", "export the model in float32"));
    }
    cx.operand(node, 1, "Scale")?;
    cx.host(node, Arc::new(LayerNormalization { axis, epsilon }), 0)
}

/// RMSNormalization.
pub fn rms_normalization(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let axis = attributes.int("axis", -1)?;
    let epsilon = attributes.optional_float("epsilon")?.unwrap_or(1e-5);
    let stash = attributes.int("stash_type", 1)?;
    if stash != 1 {
        return Err(Refusal::new(format!("stash_type {stash}"), "1 (float32)", "export the model in float32"));
    }
    cx.operand(node, 1, "scale")?;
    cx.host(node, Arc::new(RmsNormalization { axis, epsilon }), 0)
}

/// BatchNormalization in inference.
pub fn batch_normalization(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let epsilon = attributes.optional_float("epsilon")?.unwrap_or(1e-5);
    attributes.optional_float("momentum")?; // Of training.
    let training = attributes.int("training_mode", 0)?;
    if training != 0 {
        return Err(Refusal::new("training_mode = 1", "training_mode = 0", "export the model in inference mode"));
    }
    cx.operand(node, 4, "variance")?;
    cx.host(node, Arc::new(BatchNormalization { epsilon }), 0)
}

fn reduction(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    attributes: &Attributes<'_>,
    reduction: Reduction,
    axes_input: i64,
) -> Result<(), Refusal> {
    let keep_dims = attributes.int("keepdims", 1)? != 0;
    cx.operand(node, 0, "data")?;
    if cx.graph.opset >= axes_input {
        let empty_means_none = attributes.int("noop_with_empty_axes", 0)? != 0;
        return cx.host(node, Arc::new(Reduce { reduction, keep_dims, empty_means_none }), 0);
    }
    let op = Arc::new(Reduce { reduction, keep_dims, empty_means_none: false });
    match attributes.optional_ints("axes")? {
        None => cx.host(node, op, 0),
        Some(axes) => with_list(cx, node, axes, op),
    }
}

/// ReduceMean.
pub fn reduce_mean(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    reduction(cx, node, attributes, Reduction::Mean, 18)
}

/// ReduceSum.
pub fn reduce_sum(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    reduction(cx, node, attributes, Reduction::Sum, 13)
}

/// ReduceMax.
pub fn reduce_max(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    reduction(cx, node, attributes, Reduction::Max, 18)
}
