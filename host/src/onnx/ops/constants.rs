//! Constant and Identity: values under a name.

use std::rc::Rc;

use crate::network::{Tensor, TensorData};
use crate::onnx::attributes::Attributes;
use crate::onnx::constant;
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::{Translation, Value};

/// Constant: a tensor, or numbers.
pub fn constant(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let unsupported = |found: String| {
        Refusal::new(found, "value, value_float, value_floats, value_int and value_ints", "store the constant as a tensor")
    };
    let tensor = if let Some(proto) = attributes.optional_tensor("value")? {
        constant::convert(proto)?
    } else {
        let (shape, data) = if let Some(value) = attributes.optional_float("value_float")? {
            (vec![], TensorData::F32(vec![value]))
        } else if let Some(value) = attributes.optional_int("value_int")? {
            (vec![], TensorData::I64(vec![value]))
        } else if let Some(values) = attributes.optional_floats("value_floats")? {
            (vec![values.len()], TensorData::F32(values.to_vec()))
        } else if let Some(values) = attributes.optional_ints("value_ints")? {
            (vec![values.len()], TensorData::I64(values.to_vec()))
        } else {
            return Err(unsupported("a constant of another kind".into()));
        };
        Tensor::new(shape, data).map_err(|error| unsupported(error.to_string()))?
    };
    let output = cx.result(node)?;
    cx.set(output, Value::Constant(Rc::new(tensor)));
    Ok(())
}

/// Identity: another name for a value.
pub fn identity(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    let input = cx.operand(node, 0, "input")?;
    let output = cx.result(node)?;
    cx.set(output, cx.value(input).clone());
    Ok(())
}
