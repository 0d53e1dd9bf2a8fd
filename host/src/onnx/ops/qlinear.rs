//! onnxruntime's operators on quantized tensors, as its quantizer writes them, and as its optimiser makes them of the same operators
//! between DequantizeLinear and QuantizeLinear.

use std::sync::Arc;

use super::pooling;
use crate::network::host::{QLinear, QLinearKind};
use crate::network::{Op, QuantParams, TensorId};
use crate::onnx::attributes::Attributes;
use crate::onnx::error::Refusal;
use crate::onnx::graph::{GraphNode, ValueId};
use crate::onnx::ops::{operands, quantization};
use crate::onnx::translation::{Epilogue, Translation, Value};

/// Makes an operator on integers of a node whose operands are all dequantized, for the whole tensor and from one type, and whose
/// only reader is a quantizer to that type, behind a Relu or Clip that its range implies or none; `false` if it is none, and
/// float32 it is.
pub fn fuse(cx: &mut Translation<'_>, node: &GraphNode<'_>, kind: QLinearKind, data: usize) -> Result<bool, Refusal> {
    let ids: Option<Vec<ValueId>> = node.inputs.iter().take(data).copied().collect();
    let Some(ids) = ids.filter(|ids| !ids.is_empty() && ids.iter().all(|&id| cx.is_direct(id))) else { return Ok(false) };
    let quant = |id: &ValueId| match cx.value(*id) {
        Value::Dequantized(_, quantizer, _) | Value::DequantizedConstant(_, quantizer, _) if quantizer.dtype.is_byte() => {
            quantizer.per_tensor()
        }
        _ => None,
    };
    let quants: Option<Vec<QuantParams>> = ids.iter().map(quant).collect();
    let Some(quants) = quants else { return Ok(false) };
    if !ids.iter().any(|id| matches!(cx.value(*id), Value::Dequantized(..))) {
        return Ok(false);
    }
    let Some(epilogue) = cx.epilogue(cx.result(node)?).filter(Epilogue::implies_clamp) else { return Ok(false) };
    let output = epilogue.quantizer;
    if quants.iter().any(|quant| quant.dtype != output.dtype || quant.bits != 8) || output.bits != 8 {
        return Ok(false);
    }
    let mut tensors = Vec::with_capacity(ids.len());
    for id in ids {
        tensors.push(cx.integers(id)?.map(|(tensor, _)| tensor));
    }
    let op = QLinear { kind, operands: quants, output };
    cx.absorb(&epilogue.nodes);
    emit(cx, node, op, tensors, epilogue.output, (epilogue.node, 1))?;
    Ok(true)
}

fn emit(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    op: QLinear,
    tensors: Vec<Option<TensorId>>,
    output: ValueId,
    (writer, scale): (usize, usize),
) -> Result<(), Refusal> {
    let quant = op.output;
    let name = cx.graph.values[output].name;
    let tensor = cx.emit(node.label, &[name], Op::Host(Arc::new(op)), tensors, Some(quant))?[0];
    cx.site(writer, scale, tensor, Some(0));
    cx.set(output, Value::Tensor(tensor));
    Ok(())
}

/// A quantized operand at `slot`, its scale and zero point behind it.
fn operand(cx: &mut Translation<'_>, node: &GraphNode<'_>, slot: usize) -> Result<(TensorId, QuantParams), Refusal> {
    let (tensor, dtype) = operands::byte_tensor(cx, node, slot, "operand")?;
    let quant = pair(cx, node, slot + 1, Some(dtype))?;
    cx.note_quant(tensor, Some(quant));
    cx.site(node.index, slot + 1, tensor, None);
    Ok((tensor, quant))
}

/// A scale at `slot` and the zero point behind it.
fn pair(
    cx: &Translation<'_>,
    node: &GraphNode<'_>,
    slot: usize,
    dtype: Option<crate::network::DType>,
) -> Result<QuantParams, Refusal> {
    let found = cx.constant(node, slot + 1, "zero point")?.map(|constant| constant.tensor.dtype());
    let dtype = dtype.or(found).filter(|dtype| dtype.is_byte());
    let dtype = dtype.ok_or_else(|| Refusal::new("no zero point", "one of int8 or uint8", "export the model again"))?;
    let quantizer = quantization::parameters_of(cx, node, slot, dtype, 8, None)?;
    quantizer.per_tensor().ok_or_else(|| Refusal::new("several scales", "one", "quantize per tensor"))
}

/// A node with these data operands, whose output's scale is at `scale`.
fn quantized(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    kind: QLinearKind,
    data: impl IntoIterator<Item = usize>,
    scale: usize,
) -> Result<(), Refusal> {
    let (mut tensors, mut quants) = (Vec::new(), Vec::new());
    for slot in data {
        let (tensor, quant) = operand(cx, node, slot)?;
        tensors.push(Some(tensor));
        quants.push(quant);
    }
    let dtype = quants.first().map(|quant| quant.dtype);
    let output = pair(cx, node, scale, dtype)?;
    let written = cx.result(node)?;
    emit(cx, node, QLinear { kind, operands: quants, output }, tensors, written, (node.index, scale))
}

/// QLinearAdd.
pub fn add(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    quantized(cx, node, QLinearKind::Add, [0, 3], 6)
}

/// QLinearMul.
pub fn mul(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    quantized(cx, node, QLinearKind::Mul, [0, 3], 6)
}

/// QLinearSigmoid.
pub fn sigmoid(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    quantized(cx, node, QLinearKind::Sigmoid, [0], 3)
}

/// QLinearLeakyRelu.
pub fn leaky_relu(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let alpha = attributes.optional_float("alpha")?.unwrap_or(0.01);
    quantized(cx, node, QLinearKind::LeakyRelu(alpha), [0], 3)
}

fn channels_first(attributes: &Attributes<'_>) -> Result<(), Refusal> {
    match attributes.int("channels_last", 0)? {
        0 => Ok(()),
        other => {
            let found = format!("channels_last = {other}");
            Err(Refusal::new(found, "channels_last = 0", "quantize the model without layout changes"))
        }
    }
}

/// QLinearAveragePool.
pub fn average_pool(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    channels_first(attributes)?;
    let planes = pooling::planes(attributes)?;
    let count_include_pad = attributes.int("count_include_pad", 0)? != 0;
    quantized(cx, node, QLinearKind::AveragePool(planes, count_include_pad), [0], 3)
}

/// QLinearGlobalAveragePool.
pub fn global_average_pool(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    channels_first(attributes)?;
    quantized(cx, node, QLinearKind::GlobalAveragePool, [0], 3)
}

/// QLinearConcat: the output's parameters come first.
pub fn concat(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let axis = attributes.optional_int("axis")?;
    let axis = axis.ok_or_else(|| Refusal::new("no axis", "the attribute axis", "export the model again"))?;
    let count = node.inputs.len();
    if count < 5 || count % 3 != 2 {
        let found = format!("{count} operands");
        return Err(Refusal::new(found, "scale and zero point, then three for each tensor", "export the model again"));
    }
    quantized(cx, node, QLinearKind::Concat(axis), (2..count).step_by(3), 0)
}

/// QLinearSoftmax.
pub fn softmax(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let opset = attributes.int("opset", cx.graph.opset)?;
    let flattened = opset < 13;
    let axis = attributes.int("axis", if flattened { 1 } else { -1 })?;
    quantized(cx, node, QLinearKind::Softmax { axis, flattened }, [0], 3)
}
