//! Constants, other names for values, and tensors made of shapes.

use std::sync::Arc;

use crate::network::host::{Cast, ConstantOfShape, Shape};
use crate::network::{Tensor, TensorData};
use crate::onnx::attributes::Attributes;
use crate::onnx::constant::{self, Constant, type_name};
use crate::onnx::error::{Refusal, quoted};
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::{Translation, Value};

/// Constant: a tensor, or numbers.
pub fn constant(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let unsupported = |found: String| {
        Refusal::new(found, "value, value_float, value_floats, value_int and value_ints", "store the constant as a tensor")
    };
    let constant = if let Some(proto) = attributes.optional_tensor("value")? {
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
            let kinds: Vec<String> = node.proto.attribute.iter().map(|attribute| quoted(&attribute.name)).collect();
            return Err(unsupported(format!("a constant with attributes [{}]", kinds.join(", "))));
        };
        Constant::of(Tensor::new(shape, data).map_err(|error| unsupported(error.to_string()))?)
    };
    let output = cx.result(node)?;
    cx.set(output, Value::Constant(constant));
    Ok(())
}

/// Identity: another name for a value.
pub fn identity(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    let input = cx.operand(node, 0, "input")?;
    let output = cx.result(node)?;
    cx.set(output, cx.value(input).clone());
    Ok(())
}

/// Dropout in inference: another name for a value.
pub fn dropout(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    attributes.int("seed", 0)?;
    attributes.optional_float("ratio")?;
    if let Some(training) = cx.constant(node, 2, "training_mode")?
        && training.tensor.i64s().is_none_or(|values| values != [0])
    {
        return Err(Refusal::new("training_mode = 1", "training_mode = 0", "export the model in inference mode"));
    }
    identity(cx, node, attributes)
}

/// Cast to another type.
pub fn cast(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    attributes.int("saturate", 1)?; // Only float8 heeds it.
    attributes.string("round_mode", "up")?; // Likewise.
    let code = attributes.int("to", 0)?;
    let Some(to) = i32::try_from(code).ok().and_then(constant::dtype) else {
        let name = i32::try_from(code).map_or_else(|_| code.to_string(), type_name);
        let supported = "float32, int8, uint8, int32 and int64";
        return Err(Refusal::new(format!("a cast to {name}"), supported, "export the model in float32"));
    };
    cx.operand(node, 0, "input")?;
    cx.host(node, Arc::new(Cast { to }), 0)
}

/// Shape: constant where the sizes are.
pub fn shape(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let (start, end) = (attributes.int("start", 0)?, attributes.optional_int("end")?);
    cx.operand(node, 0, "data")?;
    cx.host(node, Arc::new(Shape { start, end }), 0)
}

/// ConstantOfShape.
pub fn constant_of_shape(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let value = match attributes.optional_tensor("value")? {
        None => TensorData::F32(vec![0.0]),
        Some(proto) => constant::convert(proto)?.tensor.data().clone(),
    };
    if value.len() != 1 {
        let found = format!("a value of {} elements", value.len());
        return Err(Refusal::new(found, "one element", "export the model again"));
    }
    cx.operand(node, 0, "input")?;
    cx.host(node, Arc::new(ConstantOfShape { value }), 0)
}
