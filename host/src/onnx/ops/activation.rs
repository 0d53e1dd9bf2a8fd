//! Elementwise activations. ReLU after a quantized layer has become part of that layer's clamp before it gets here.

use std::rc::Rc;

use crate::network::{DType, Op, Relu, Tensor, TensorData};
use crate::onnx::attributes::Attributes;
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::{Translation, Value};

/// Relu. On dequantized bytes it acts on the integers: `relu((q - z) * s) = (max(q, z) - z) * s`, exactly, as s > 0.
pub fn relu(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    let input = cx.operand(node, 0, "X")?;
    let output = cx.result(node)?;
    let name = cx.graph.values[output].name;
    let value = match cx.value(input).clone() {
        Value::Dequantized(tensor, params, _) if params.axis.is_none() && params.dtype.is_byte() => {
            let quant = params.per_tensor();
            let name = format!("{name}_quantized");
            let tensor = cx.emit(node.label, &name, Op::Relu(Relu { quant }), tensor, params.dtype, quant)?;
            Value::Dequantized(tensor, params, None)
        }
        Value::Constant(tensor) if tensor.dtype() == DType::F32 => {
            cx.charge(tensor.data().len().saturating_mul(4))?;
            let values = tensor.floats().unwrap_or(&[]).iter().map(|&v| if v.is_nan() || v > 0.0 { v } else { 0.0 });
            let folded = Tensor::new(tensor.shape().to_vec(), TensorData::F32(values.collect()));
            Value::Constant(Rc::new(folded.map_err(|error| Refusal::new(error.to_string(), "tensors", "export again"))?))
        }
        _ => {
            let tensor = cx.float_operand(input)?;
            Value::Tensor(cx.emit(node.label, name, Op::Relu(Relu { quant: None }), tensor, DType::F32, None)?)
        }
    };
    cx.set(output, value);
    Ok(())
}
