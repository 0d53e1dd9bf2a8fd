//! Arithmetic of two operands.

use std::sync::Arc;

use super::qlinear;
use crate::network::host::{Binary, BinaryKind, QLinearKind};
use crate::onnx::attributes::Attributes;
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::Translation;

fn binary(cx: &mut Translation<'_>, node: &GraphNode<'_>, kind: BinaryKind) -> Result<(), Refusal> {
    cx.operand(node, 0, "A")?;
    cx.operand(node, 1, "B")?;
    cx.host(node, Arc::new(Binary(kind)), 0)
}

/// Add.
pub fn add(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    if qlinear::fuse(cx, node, QLinearKind::Add, 2)? {
        return Ok(());
    }
    binary(cx, node, BinaryKind::Add)
}

/// Sub.
pub fn sub(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    binary(cx, node, BinaryKind::Sub)
}

/// Mul.
pub fn mul(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    if qlinear::fuse(cx, node, QLinearKind::Mul, 2)? {
        return Ok(());
    }
    binary(cx, node, BinaryKind::Mul)
}

/// Div.
pub fn div(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    binary(cx, node, BinaryKind::Div)
}

/// Pow.
pub fn pow(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    binary(cx, node, BinaryKind::Pow)
}

/// Min of any number.
pub fn min(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    cx.operand(node, 0, "data")?;
    cx.host(node, Arc::new(Binary(BinaryKind::Min)), 0)
}

/// Max of any number.
pub fn max(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    cx.operand(node, 0, "data")?;
    cx.host(node, Arc::new(Binary(BinaryKind::Max)), 0)
}
