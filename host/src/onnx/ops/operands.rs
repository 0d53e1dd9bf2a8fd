//! Operands of the array's layers in the three forms that quantized files have.
//!
//! ```text
//!   QDQ          DequantizeLinear on both sides, (Relu, Clip and) QuantizeLinear behind       Conv, Gemm, MatMul
//!   QOperator    integers, their scales and zero points as operands of the node               QLinearConv, QLinearMatMul, QGemm
//!   QONNX        as QDQ, but a float32 bias may stand beside quantized weights
//!   integer      integers and zero points, computed or not; int32 sums out                    ConvInteger, MatMulInteger
//! ```

use std::sync::Arc;

use super::{qonnx, quantization};
use crate::network::{DType, LayerOutput, QuantParams, Quantizer, TensorId};
use crate::onnx::constant::Constant;
use crate::onnx::error::Refusal;
use crate::onnx::graph::{GraphNode, ValueId};
use crate::onnx::provenance;
use crate::onnx::translation::{Translation, Value};

const QUANTIZE: &str = "quantize it statically in QDQ form: onnxruntime.quantization.quantize_static";

/// The left operand: activations.
pub struct Left {
    pub tensor: TensorId,
    pub quant: QuantParams,
    /// Its zero point, where another node computes it.
    pub zero_point: Option<TensorId>,
}

/// The right operand: weights.
pub enum Right {
    /// Constant integers.
    Constant(Constant, Arc<Quantizer>, provenance::Operand),
    /// Integers that are computed, and their zero point where another node computes it.
    Computed(TensorId, Arc<Quantizer>, Option<TensorId>),
}

/// The bias: constant int32, with its scales where it is behind a DequantizeLinear; constant float32 beside QONNX's weights.
pub struct BiasOperand {
    pub values: Constant,
    pub quantizer: Option<Arc<Quantizer>>,
    pub place: provenance::Operand,
}

/// What becomes of the sums.
pub enum Target {
    /// What follows the node decides.
    Epilogue,
    /// This, as the node says.
    Fixed(LayerOutput),
}

/// All operands of a layer.
pub struct Operands {
    pub left: Left,
    pub right: Right,
    pub bias: Option<BiasOperand>,
    pub target: Target,
    /// Which input is the output's scale, if the node has one.
    pub output_scale: Option<usize>,
}

pub fn describe(cx: &Translation<'_>, value: &Value) -> String {
    match value {
        Value::Undefined => "nothing".into(),
        Value::Tensor(id) => format!("{} that is not behind DequantizeLinear", cx.network.tensor(*id).dtype),
        Value::Constant(constant) => format!("a constant of {} that is not behind DequantizeLinear", constant.tensor.dtype()),
        Value::DequantizedConstant(constant, ..) => format!("a dequantized constant of {}", constant.tensor.dtype()),
        Value::Dequantized(_, quantizer, _) => format!("dequantized {} that is computed", quantizer.dtype),
    }
}

/// Operands of a node between DequantizeLinear and QuantizeLinear: 0 activations, 1 weights, 2 the bias.
pub fn qdq(cx: &mut Translation<'_>, node: &GraphNode<'_>) -> Result<Operands, Refusal> {
    let left_id = cx.operand(node, 0, "X")?;
    let Some((tensor, quantizer)) = cx.integers(left_id)? else {
        let found = format!("{} as input", describe(cx, cx.value(left_id)));
        return Err(Refusal::new(found, "int8 or uint8 data behind DequantizeLinear", QUANTIZE));
    };
    let Some(quant) = quantizer.per_tensor() else {
        let found = format!("an input with {} scales along axis {}", quantizer.scales.len(), quantizer.axis.unwrap_or(0));
        return Err(Refusal::new(found, "one scale for the whole input", "quantize activations per tensor"));
    };
    let right = match cx.value(cx.operand(node, 1, "W")?) {
        Value::DequantizedConstant(constant, quantizer, dequantizer) if quantizer.dtype.is_byte() => {
            let place = provenance::Operand { slot: 1, dequantizer: Some(*dequantizer) };
            Right::Constant(constant.clone(), quantizer.clone(), place)
        }
        Value::Dequantized(tensor, quantizer, _) if quantizer.dtype.is_byte() => {
            Right::Computed(*tensor, quantizer.clone(), None)
        }
        other => {
            let found = format!("{} as weights", describe(cx, other));
            return Err(Refusal::new(found, "a constant of int8 or uint8 behind DequantizeLinear", QUANTIZE));
        }
    };
    let bias = match node.inputs.get(2).copied().flatten() {
        None => None,
        Some(id) => Some(qdq_bias(cx, id, &right)?),
    };
    let left = Left { tensor, quant, zero_point: None };
    Ok(Operands { left, right, bias, target: Target::Epilogue, output_scale: None })
}

fn qdq_bias(cx: &Translation<'_>, id: ValueId, weights: &Right) -> Result<BiasOperand, Refusal> {
    let float_bias = match weights {
        Right::Constant(_, _, place) => {
            let node = place.dequantizer.and_then(|node| cx.graph.nodes.get(node));
            node.is_some_and(qonnx::is_quantizer)
        }
        Right::Computed(..) => false,
    };
    match cx.value(id) {
        Value::Constant(values) if float_bias && values.tensor.dtype() == DType::F32 => {
            let place = provenance::Operand { slot: 2, dequantizer: None };
            Ok(BiasOperand { values: values.clone(), quantizer: None, place })
        }
        Value::DequantizedConstant(values, quantizer, dequantizer) if quantizer.dtype == DType::I32 => {
            let place = provenance::Operand { slot: 2, dequantizer: Some(*dequantizer) };
            Ok(BiasOperand { values: values.clone(), quantizer: Some(quantizer.clone()), place })
        }
        other => {
            let found = format!("{} as bias", describe(cx, other));
            let advice = "quantize the bias to int32 with scale input scale * weight scale, as quantize_static does";
            Err(Refusal::new(found, "a constant of int32 behind DequantizeLinear", advice))
        }
    }
}

/// Where a QOperator node has its operands.
pub struct Slots {
    /// Activations; scale and zero point follow.
    pub left: usize,
    /// Weights; scale and zero point follow.
    pub right: usize,
    /// The bias, if the operator has one.
    pub bias: Option<usize>,
    /// The output's scale; its zero point follows.
    pub output: usize,
    /// Whether the output may be float32, with no scale.
    pub float_output: bool,
}

/// Operands of a QOperator node. `axis` is the axis of the weights that per-channel scales belong to.
pub fn qlinear(cx: &mut Translation<'_>, node: &GraphNode<'_>, slots: &Slots, axis: usize) -> Result<Operands, Refusal> {
    let (tensor, dtype) = byte_tensor(cx, node, slots.left, "activations")?;
    let quantizer = quantization::parameters_of(cx, node, slots.left + 1, dtype, 8, None)?;
    let Some(quant) = quantizer.per_tensor() else {
        return Err(Refusal::new("several scales of the input", "one", "quantize activations per tensor"));
    };
    cx.note_quant(tensor, Some(quant));
    cx.site(node.index, slots.left + 1, tensor, None);
    let left = Left { tensor, quant, zero_point: None };
    let right = match cx.value(cx.operand(node, slots.right, "weights")?).clone() {
        Value::Constant(constant) if constant.tensor.dtype().is_byte() => {
            let dtype = constant.tensor.dtype();
            let quantizer = quantization::parameters_of(cx, node, slots.right + 1, dtype, constant.bits, Some(axis))?;
            Right::Constant(constant, Arc::new(quantizer), provenance::Operand { slot: slots.right, dequantizer: None })
        }
        _ => {
            let (tensor, dtype) = byte_tensor(cx, node, slots.right, "weights")?;
            let quantizer = quantization::parameters_of(cx, node, slots.right + 1, dtype, 8, Some(axis))?;
            cx.note_quant(tensor, quantizer.per_tensor());
            cx.site(node.index, slots.right + 1, tensor, None);
            Right::Computed(tensor, Arc::new(quantizer), None)
        }
    };
    let bias = match slots.bias {
        Some(slot) if node.inputs.get(slot).copied().flatten().is_some() => {
            let values = cx.constant(node, slot, "bias")?;
            let place = provenance::Operand { slot, dequantizer: None };
            values.map(|values| BiasOperand { values, quantizer: None, place })
        }
        _ => None,
    };
    let has_scale = node.inputs.get(slots.output).copied().flatten().is_some();
    let output = if has_scale || !slots.float_output {
        let zero_point = cx.constant(node, slots.output + 1, "y_zero_point")?;
        let dtype = zero_point.map_or(quant.dtype, |zero_point| zero_point.tensor.dtype());
        if !dtype.is_byte() {
            return Err(Refusal::new(format!("an output of {dtype}"), "int8 or uint8", QUANTIZE));
        }
        let quantizer = quantization::parameters_of(cx, node, slots.output, dtype, 8, None)?;
        let Some(quant) = quantizer.per_tensor() else {
            return Err(Refusal::new("several scales of the output", "one", "quantize activations per tensor"));
        };
        LayerOutput::Quantized { quant, clamp: [f32::NEG_INFINITY, f32::INFINITY] }
    } else {
        LayerOutput::Float
    };
    Ok(Operands { left, right, bias, target: Target::Fixed(output), output_scale: has_scale.then_some(slots.output) })
}

/// Operands of ConvInteger and MatMulInteger: 0 activations, 1 weights, 2 and 3 their zero points.
pub fn integer(cx: &mut Translation<'_>, node: &GraphNode<'_>) -> Result<Operands, Refusal> {
    let (tensor, dtype) = byte_tensor(cx, node, 0, "activations")?;
    let (zeros, computed) = zero_point(cx, node, 2, dtype)?;
    let &[zero_point] = zeros.as_slice() else {
        let found = format!("{} zero points of the input", zeros.len());
        return Err(Refusal::new(found, "one", "quantize activations per tensor"));
    };
    // Sums have no scale; where the tensor's own is known, it says how the tensor can be narrowed.
    let own = cx.network.tensor(tensor).quant.filter(|own| own.zero_point == zero_point && computed.is_none());
    let quant = own.unwrap_or(QuantParams { scale: 1.0, zero_point, dtype, bits: 8 });
    let left = Left { tensor, quant, zero_point: computed };
    let right_id = cx.operand(node, 1, "weights")?;
    let right = match cx.value(right_id).clone() {
        Value::Constant(constant) if constant.tensor.dtype().is_byte() => {
            let dtype = constant.tensor.dtype();
            let (zero_points, computed) = zero_point_list(cx, node, dtype)?;
            if computed.is_some() {
                let found = "a zero point that is computed, for weights that are constant";
                return Err(Refusal::new(found, "a constant zero point", "fold the model's constants first"));
            }
            let quantizer = Quantizer { scales: vec![1.0], zero_points, axis: None, dtype, bits: 8 };
            Right::Constant(constant, Arc::new(quantizer), provenance::Operand { slot: 1, dequantizer: None })
        }
        _ => {
            let (tensor, dtype) = byte_tensor(cx, node, 1, "weights")?;
            let (zero_points, computed) = zero_point_list(cx, node, dtype)?;
            let quantizer = Quantizer { scales: vec![1.0], zero_points, axis: None, dtype, bits: 8 };
            Right::Computed(tensor, Arc::new(quantizer), computed)
        }
    };
    Ok(Operands { left, right, bias: None, target: Target::Fixed(LayerOutput::Sums), output_scale: None })
}

fn zero_point_list(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    dtype: DType,
) -> Result<(Vec<i32>, Option<TensorId>), Refusal> {
    zero_point(cx, node, 3, dtype)
}

/// Values of a zero point, or 0 and the tensor that holds it.
fn zero_point(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    slot: usize,
    dtype: DType,
) -> Result<(Vec<i32>, Option<TensorId>), Refusal> {
    let Some(id) = node.inputs.get(slot).copied().flatten() else { return Ok((vec![0], None)) };
    let (found, result) = match cx.value(id).clone() {
        Value::Constant(constant) => (constant.tensor.dtype(), (constant.tensor.ints().unwrap_or_default(), None)),
        _ => {
            let tensor = cx.materialise(id)?;
            (cx.network.tensor(tensor).dtype, (vec![0], Some(tensor)))
        }
    };
    if found != dtype {
        let found = format!("a zero point of {found} for data of {dtype}");
        return Err(Refusal::new(found, "the type of the data", "export the model again"));
    }
    Ok(result)
}

/// A tensor of int8 or uint8.
pub fn byte_tensor(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    slot: usize,
    name: &str,
) -> Result<(TensorId, DType), Refusal> {
    let id = cx.operand(node, slot, name)?;
    let (found, bits) = match cx.value(id) {
        Value::Tensor(tensor) => (cx.network.tensor(*tensor).dtype, cx.network.tensor(*tensor).bits),
        Value::Constant(constant) => (constant.tensor.dtype(), constant.bits),
        _ => (DType::F32, 8),
    };
    if !found.is_byte() || bits != 8 {
        let found = if bits == 8 { format!("{name} of {found}") } else { format!("{name} of {bits} bits") };
        return Err(Refusal::new(found, "int8 or uint8", QUANTIZE));
    }
    Ok((cx.materialise(id)?, found))
}
