//! Changes of shape that move no data: they commute with DequantizeLinear of one scale, so they act on the integers.

use crate::network::{Flatten, Op};
use crate::onnx::attributes::Attributes;
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::{Translation, Value};

/// Flatten, any axis.
pub fn flatten(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let op = Op::Flatten(Flatten { axis: attributes.int("axis", 1)? });
    let input = cx.operand(node, 0, "input")?;
    let output = cx.result(node)?;
    let name = cx.graph.values[output].name;
    let value = match cx.value(input).clone() {
        Value::Dequantized(tensor, params, _) if params.axis.is_none() => {
            let name = format!("{name}_quantized");
            let tensor = cx.emit(node.label, &name, op, tensor, params.dtype, params.per_tensor())?;
            Value::Dequantized(tensor, params, None)
        }
        _ => {
            let tensor = cx.materialise(input)?;
            let info = cx.network.tensor(tensor);
            let (dtype, quant) = (info.dtype, info.quant);
            Value::Tensor(cx.emit(node.label, name, op, tensor, dtype, quant)?)
        }
    };
    cx.set(output, value);
    Ok(())
}
