//! Pools over one or two spatial dimensions, and global ones over any number.

use std::sync::Arc;

use super::{qlinear, window};
use crate::network::Window;
use crate::network::host::{AveragePool, MaxPool, Planes, QLinearKind};
use crate::onnx::attributes::Attributes;
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::Translation;

/// The windows of a pool, with the kernel that its attributes give.
pub fn planes(attributes: &Attributes<'_>) -> Result<Planes, Refusal> {
    let Some(kernel) = attributes.optional_ints("kernel_shape")? else {
        return Err(Refusal::new("no kernel_shape", "the attribute kernel_shape", "export the model again"));
    };
    let spatial = kernel.len();
    if !(1..=2).contains(&spatial) {
        let found = format!("a kernel_shape of {spatial} dimensions");
        return Err(Refusal::new(found, "one or two spatial dimensions", "reshape the data to two dimensions"));
    }
    let kernel = window::pair(attributes, "kernel_shape", 1, 1, spatial)?;
    let ceil = attributes.int("ceil_mode", 0)? != 0;
    let window = Window { ceil, ..window::window(attributes, spatial, kernel)? };
    if let crate::network::Padding::Explicit([top, left, bottom, right]) = window.padding
        && [(top, 0), (bottom, 0), (left, 1), (right, 1)]
            .iter()
            .any(|&(pad, axis)| pad >= kernel[axis].saturating_mul(window.dilations[axis]))
    {
        let found = format!("pads {:?} for a kernel of {kernel:?}", [top, left, bottom, right]);
        return Err(Refusal::new(found, "padding smaller than the kernel", "pad the input with a Pad node"));
    }
    Ok(Planes { window: Some(window), spatial })
}

/// MaxPool, on floats or on integers.
pub fn max_pool(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let planes = planes(attributes)?;
    attributes.int("storage_order", 0)?; // Only the output of indices heeds it.
    cx.operand(node, 0, "X")?;
    cx.host(node, Arc::new(MaxPool(planes)), 1)
}

/// GlobalMaxPool.
pub fn global_max_pool(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    cx.operand(node, 0, "X")?;
    cx.host(node, Arc::new(MaxPool(Planes { window: None, spatial: 2 })), 1)
}

/// AveragePool.
pub fn average_pool(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let planes = planes(attributes)?;
    let count_include_pad = attributes.int("count_include_pad", 0)? != 0;
    let opset_19 = cx.graph.opset >= 19;
    cx.operand(node, 0, "X")?;
    if qlinear::fuse(cx, node, QLinearKind::AveragePool(planes, count_include_pad), 1)? {
        return Ok(());
    }
    cx.host(node, Arc::new(AveragePool { planes, count_include_pad, opset_19 }), 0)
}

/// GlobalAveragePool.
pub fn global_average_pool(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    cx.operand(node, 0, "X")?;
    if qlinear::fuse(cx, node, QLinearKind::GlobalAveragePool, 1)? {
        return Ok(());
    }
    let planes = Planes { window: None, spatial: 2 };
    cx.host(node, Arc::new(AveragePool { planes, count_include_pad: false, opset_19: false }), 0)
}
