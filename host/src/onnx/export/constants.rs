//! Constants of the file, looked up by name: what they hold, and of which type they are where a chain of nodes makes them.

use super::edits::{Edits, Stored};
use crate::network::Tensor;
use crate::onnx::constant::{self, Constant};
use crate::onnx::error::{Refusal, quoted};
use crate::onnx::graph::domain;
use crate::onnx::proto::{NodeProto, TensorProto};

/// `TensorProto.DataType`.
pub mod data_type {
    pub const FLOAT: i32 = 1;
    pub const UINT8: i32 = 2;
    pub const INT8: i32 = 3;
    pub const INT32: i32 = 6;
}

/// Operators whose output has the type of their first input.
const KEEP_TYPE: [&str; 11] =
    ["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Concat", "Gather", "Expand", "Pad"];

/// A constant that stands in the file: an initializer, or the tensor of a Constant node, perhaps behind Identity nodes.
pub fn tensor<'a>(edits: &Edits<'a>, name: &'a str) -> Option<&'a TensorProto> {
    let mut name = name;
    // No chain is longer than the graph.
    for _ in 0..=edits.graph.node.len() {
        if let Some(index) = edits.initializer(name) {
            return edits.graph.initializer.get(index);
        }
        let node = edits.graph.node.get(edits.producer(name)?)?;
        match (domain(&node.domain), node.op_type.as_str()) {
            ("", "Identity") => name = node.input.first()?,
            ("", "Constant") => return value(node),
            _ => return None,
        }
    }
    None
}

/// The tensor of a Constant node.
fn value(node: &NodeProto) -> Option<&TensorProto> {
    node.attribute.iter().find(|attribute| attribute.name == "value")?.t.as_deref()
}

/// The same, its elements too, of one of these types.
///
/// # Errors
/// If it is computed, or of another type.
pub fn read(edits: &Edits<'_>, name: &str, what: &str, types: &[i32]) -> Result<(Constant, i32), Refusal> {
    let advice = "fold the model's constants first: onnxruntime's optimizer or onnxsim";
    let Some(proto) = tensor(edits, name) else {
        return Err(Refusal::new(format!("a {what} {} that nodes compute", quoted(name)), "stored constants", advice));
    };
    if !types.contains(&proto.data_type) {
        let found = format!("a {what} of {}", constant::type_name(proto.data_type));
        let supported: Vec<String> = types.iter().map(|&code| constant::type_name(code)).collect();
        return Err(Refusal::new(found, supported.join(", "), "convert the model: float32 scales, 8-bit activations"));
    }
    Ok((constant::convert(proto)?, proto.data_type))
}

/// Element type of a constant, stored or made by nodes.
///
/// # Errors
/// If nodes make it whose output type is not known here.
pub fn type_of(edits: &Edits<'_>, name: &str) -> Result<i32, Refusal> {
    let mut name = name;
    for _ in 0..=edits.graph.node.len() {
        if let Some(proto) = tensor(edits, name) {
            return Ok(proto.data_type);
        }
        let Some(node) = edits.producer(name).and_then(|index| edits.graph.node.get(index)) else { break };
        let integer = |name: &str| node.attribute.iter().find(|a| a.name == name).and_then(|a| i32::try_from(a.i).ok());
        let zero_point = node.input.get(2).filter(|name| !name.is_empty());
        name = match (node.op_type.as_str(), node.input.first(), zero_point) {
            ("QuantizeLinear", _, Some(zero_point)) => zero_point,
            ("QuantizeLinear", ..) => {
                return Ok(integer("output_dtype").filter(|&code| code != 0).unwrap_or(data_type::UINT8));
            }
            ("Cast", ..) => return integer("to").ok_or_else(|| unknown(name)),
            (kind, Some(input), _) if KEEP_TYPE.contains(&kind) => input,
            _ => return Err(unknown(name)),
        };
    }
    Err(unknown(name))
}

fn unknown(name: &str) -> Refusal {
    let found = format!("weights {} that other nodes compute", quoted(name));
    let advice = "fold the model's constants first: onnxruntime's optimizer or onnxsim";
    Refusal::new(found, "initializers, Constant nodes, and QuantizeLinear of these", advice)
}

/// Integers as a stored tensor of a type: int32, or 8, 4 or 2 bits, which are packed low bits first.
pub fn integers(dims: Vec<i64>, data_type: i32, values: &[i32]) -> Stored {
    let bits = constant::packed(data_type).map_or(8, |(_, bits)| bits);
    let raw = match data_type {
        data_type::INT32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        _ => {
            let mask = (1u32 << bits) - 1;
            let pack = |group: &[i32]| {
                let place = |(at, &value): (usize, &i32)| (value as u32 & mask) << (at as u32 * u32::from(bits));
                group.iter().enumerate().map(place).sum::<u32>() as u8
            };
            values.chunks(usize::from(8 / bits)).map(pack).collect()
        }
    };
    Stored { dims, data_type, raw }
}

/// float32 numbers as a stored tensor.
pub fn floats(dims: Vec<i64>, values: &[f32]) -> Stored {
    Stored { dims, data_type: data_type::FLOAT, raw: values.iter().flat_map(|value| value.to_le_bytes()).collect() }
}

/// Dimensions of a tensor as the file has them.
pub fn dims(tensor: &Tensor) -> Vec<i64> {
    tensor.shape().iter().map(|&size| size as i64).collect()
}
