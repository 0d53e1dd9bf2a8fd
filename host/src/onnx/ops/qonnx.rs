//! QONNX: Quant (IntQuant), BipolarQuant and Trunc, as Brevitas and `qonnx` write them.
//!
//! Each of these nodes quantizes and dequantizes at once, on float32. Here a Quant on weights becomes dequantized integers, and
//! so does one on activations, after an operator of the host that makes the integers; a layer between them is then one of the
//! array's, as in QDQ files.
//!
//! ```text
//!   constant ──Quant──▶ DequantizedConstant                       read by a layer
//!   constant ──Quant──▶ constant                                  read by others: a bias, at any width
//!   float32 ──Quant──▶ Dequantized                                emitted: integers; values where a zero's sign is seen
//!   layer ──(Relu, Clip,) Quant──▶ the layer's own output         where the requantizer computes the same
//! ```

use std::sync::Arc;

use super::array_layer::MULTIPLIER_END;
use super::qonnx_parameters::{self as parameters, WIDEST_ON_ARRAY};
use crate::network::host::{
    HostOperator, Operand, Outline, QonnxQuantize, QonnxQuantizer, QonnxRounding, QonnxRule, QonnxTrunc, QonnxValues, Transpose,
    TruncOutput,
};
use crate::network::{ArrayLayer, DType, Known, Op, QuantParams, Quantizer, Tensor, TensorData};
use crate::onnx::attributes::Attributes;
use crate::onnx::constant::Constant;
use crate::onnx::error::Refusal;
use crate::onnx::graph::{GraphNode, ValueId, domain};
use crate::onnx::translation::{Chain, Translation, Value};

/// The names under which QONNX's operators are written.
pub const DOMAINS: [&str; 3] = ["qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"];

/// Quant, IntQuant.
pub fn quant(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let quantizer = parameters::quant(cx, node, attributes)?;
    quantize(cx, node, quantizer)
}

/// BipolarQuant.
pub fn bipolar_quant(cx: &mut Translation<'_>, node: &GraphNode<'_>, _: &Attributes<'_>) -> Result<(), Refusal> {
    let quantizer = parameters::bipolar(cx, node)?;
    quantize(cx, node, quantizer)
}

/// Trunc: version 1 has five operands, version 2 six, the output's scale before its width.
pub fn trunc(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let rounding = parameters::rounding(attributes, None)?;
    let (scale, zero_point) = (parameters::scalar(cx, node, 1, "scale")?, parameters::scalar(cx, node, 2, "zero point")?);
    check_scale(scale)?;
    let input_bits = parameters::width(cx, node, 3, "input bit width")?;
    let (divisor, output) = if node.inputs.len() > 5 {
        let output_scale = parameters::scalar(cx, node, 4, "output scale")?;
        check_scale(output_scale)?;
        let bits = parameters::width(cx, node, 5, "output bit width")?;
        let narrow = parameters::flag(attributes, "narrow", Some(false))?;
        let signed = parameters::flag(attributes, "signed", Some(true))?;
        let rule = QonnxRule::Round(rounding);
        let (scales, zero_points) = (vec![output_scale], vec![0.0]);
        let quantizer = QonnxQuantizer { scales, zero_points, axis: None, rank: 0, bits, signed, narrow, rule };
        let ratio = f64::from(output_scale / scale).log2();
        // The package rounds the exponent; one that is far from whole is no truncation.
        if (ratio - ratio.round()).abs() > 0.01 {
            let found = format!("an output scale of {} input scales", output_scale / scale);
            return Err(Refusal::new(found, "powers of two", "train with a power of two between the scales"));
        }
        (ratio.round().exp2() as f32, Some(TruncOutput { range: quantizer.range(), scale: output_scale }))
    } else {
        let bits = parameters::width(cx, node, 4, "output bit width")?;
        ((f64::from(input_bits) - f64::from(bits)).exp2() as f32, None)
    };
    let input = cx.operand(node, 0, "x")?;
    cx.float_operand(input)?;
    cx.host_on(node, Arc::new(QonnxTrunc { scale, zero_point, divisor, rounding, output }), &[Some(input)], 0)
}

fn check_scale(scale: f32) -> Result<(), Refusal> {
    if scale.is_finite() && scale >= f32::MIN_POSITIVE {
        return Ok(());
    }
    let found = format!("scale {scale:e}");
    Err(Refusal::new(found, "normal float32 numbers above zero", "train or calibrate the model again"))
}

fn quantize(cx: &mut Translation<'_>, node: &GraphNode<'_>, quantizer: QonnxQuantizer) -> Result<(), Refusal> {
    let (input, output) = (cx.operand(node, 0, "x")?, cx.result(node)?);
    let uses = Uses::of(cx, output);
    let value = match cx.value(input).clone() {
        Value::Constant(constant) if constant.tensor.dtype() == DType::F32 => {
            let tensor = &constant.tensor;
            check_slices(&quantizer, tensor.shape())?;
            cx.charge(tensor.data().len().saturating_mul(4))?;
            let floats = tensor.floats().unwrap_or(&[]);
            if uses.layers {
                check_width(&quantizer)?;
                let integers = quantizer.integers(tensor.shape(), floats, quantizer.container()).map_err(not_a_number)?;
                let constant = Constant { bits: quantizer.container(), ..folded(tensor.shape(), integers)? };
                Value::DequantizedConstant(constant, Arc::new(quantizer.quantizer()), node.index)
            } else {
                let values = quantizer.values(tensor.shape(), floats);
                Value::Constant(folded(tensor.shape(), TensorData::F32(values))?)
            }
        }
        _ => {
            check_width(&quantizer)?;
            let float = cx.float_operand(input)?;
            let name = cx.graph.values[output].name;
            let params = Arc::new(quantizer.quantizer());
            let (op, quant) = (Op::Host(Arc::new(QonnxQuantize(quantizer.clone()))), params.per_tensor());
            let integers = cx.emit(node.label, &[&format!("{name}_quantized")], op, vec![Some(float)], quant)?[0];
            cx.note_bits(integers, quantizer.container());
            if uses.elsewhere && quantizer.has_negative_zero() {
                let (op, inputs) = (Op::Host(Arc::new(QonnxValues(quantizer))), vec![Some(integers), Some(float)]);
                let values = cx.emit(node.label, &[name], op, inputs, None)?[0];
                if uses.layers { Value::Dequantized(integers, params, Some(values)) } else { Value::Tensor(values) }
            } else {
                Value::Dequantized(integers, params, None)
            }
        }
    };
    cx.set(output, value);
    Ok(())
}

fn not_a_number(problem: String) -> Refusal {
    Refusal::new(problem, "weights that are numbers", "train the model again")
}

fn folded(shape: &[usize], data: TensorData) -> Result<Constant, Refusal> {
    let tensor = Tensor::new(shape.to_vec(), data);
    tensor.map(Constant::of).map_err(|error| Refusal::new(error.to_string(), "constants", "export the model again"))
}

fn check_width(quantizer: &QonnxQuantizer) -> Result<(), Refusal> {
    if quantizer.bits <= WIDEST_ON_ARRAY {
        return Ok(());
    }
    let supported = format!("1 to {WIDEST_ON_ARRAY} bits for activations and weights");
    Err(Refusal::new(format!("{} bits", quantizer.bits), supported, "train the model at 8 bits or fewer"))
}

fn check_slices(quantizer: &QonnxQuantizer, shape: &[usize]) -> Result<(), Refusal> {
    let Some(axis) = quantizer.axis else { return Ok(()) };
    match shape.get(axis) {
        Some(&size) if size == quantizer.scales.len() => Ok(()),
        _ => {
            let found = format!("{} scales along dimension {axis} of {shape:?}", quantizer.scales.len());
            Err(Refusal::new(found, "as many as there are slices", "export the model again"))
        }
    }
}

/// Who reads a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Uses {
    /// Products of the array, as an operand that must be integers; layout operators between do not count.
    layers: bool,
    /// Others, which take values.
    elsewhere: bool,
}

impl Uses {
    fn of(cx: &Translation<'_>, value: ValueId) -> Self {
        let mut uses = Uses { layers: false, elsewhere: false };
        let mut open = vec![value];
        // Each node here has one data operand, so no node is visited for two quantizers, nor twice for one.
        while let Some(value) = open.pop() {
            let edge = &cx.graph.values[value];
            uses.elsewhere |= edge.is_output;
            for &reader in &edge.readers {
                let node = &cx.graph.nodes[reader];
                let reads = |slot: usize| node.inputs.get(slot) == Some(&Some(value));
                let product = ["Conv", "Gemm", "MatMul"].iter().any(|name| node.is(name));
                let keeps = KEEP_INTEGERS.iter().any(|name| node.is(name));
                match node.outputs.first() {
                    _ if product && (reads(0) || reads(1)) => uses.layers = true,
                    Some(&Some(output)) if keeps && reads(0) => open.push(output),
                    _ => uses.elsewhere = true,
                }
            }
        }
        uses
    }
}

/// Operators that act on the integers of a dequantized operand 0.
const KEEP_INTEGERS: [&str; 9] =
    ["Dropout", "Flatten", "Identity", "MaxPool", "Relu", "Reshape", "Squeeze", "Transpose", "Unsqueeze"];

/// Whether a node of the file is a quantizer of QONNX.
pub fn is_quantizer(node: &GraphNode<'_>) -> bool {
    DOMAINS.contains(&domain(&node.proto.domain)) && ["Quant", "IntQuant", "BipolarQuant"].contains(&&*node.proto.op_type)
}

/// A Quant that a layer's requantizer computes.
pub struct Fused {
    /// The value that the Quant writes.
    pub output: ValueId,
    pub quantizer: Arc<Quantizer>,
    pub quant: QuantParams,
    /// Ends of its range, and bounds by Relu and Clip before it.
    pub clamp: [f32; 2],
}

/// Takes the (Relu, Clip and) Quant that follow a layer, if the requantizer makes the same integers.
pub fn take_epilogue(cx: &mut Translation<'_>, value: ValueId, layer: &ArrayLayer) -> Option<Fused> {
    let Chain { clamp, nodes } = cx.chain(value)?;
    let graph = cx.graph;
    let node = &graph.nodes[*nodes.last()?];
    if !is_quantizer(node) || node.proto.op_type == "BipolarQuant" {
        return None;
    }
    let output = cx.result(node).ok()?;
    let attributes = Attributes::new(node.proto);
    // A faulty Quant is not taken, and is refused when its own turn comes.
    let quantizer = parameters::quant(cx, node, &attributes).ok()?;
    attributes.finish(graph.opset).ok()?;
    let sign_is_lost = quantizer.has_negative_zero() && clamp[0] < 0.0 && Uses::of(cx, output).elsewhere;
    if sign_is_lost || !requantizes(&quantizer, layer) {
        return None;
    }
    let (low, high) = quantizer.range();
    let params = quantizer.quantizer();
    let scale = quantizer.scales[0];
    let clamp = clamp.map(|bound| bound.max(low * scale).min(high * scale));
    let quant = params.per_tensor()?;
    cx.absorb(&nodes);
    Some(Fused { output, quantizer: Arc::new(params), quant, clamp })
}

/// Whether the requantizer computes what this Quant makes of a layer's float32 output.
///
/// The layer's output is `t = f32(f32(acc) * S)` with `S` its accumulator scale, and Quant makes
/// `rint(clamp(f32(t / s) + 0))` of it. For `s = 2^g` the division only changes the exponent, before the product is rounded as
/// well as after, as long as nothing overflows or becomes denormal: `f32(t / s) = f32(f32(acc) * (S / s))`, and `m = S / s` is
/// exact. That is the requantizer's product, which it rounds half to even and clamps; the ends are integers, so rounding and
/// clamping commute. With `|acc| < 2^32`, `m` in `[2^-126, 2^24)` and `s` in `[2^-60, 2^60]`, products `acc * S = acc * m * s`
/// stay below 2^116; `S` is a normal number, and a product other than 0 is no smaller. Relu and Clip before Quant clamp, and
/// dividing and rounding keep order, so they are bounds of the integers.
fn requantizes(quantizer: &QonnxQuantizer, layer: &ArrayLayer) -> bool {
    let (&[scale], &[zero_point]) = (quantizer.scales.as_slice(), quantizer.zero_points.as_slice()) else { return false };
    let power_of_two = scale.to_bits().trailing_zeros() >= f32::MANTISSA_DIGITS - 1;
    let moderate = (-60f32).exp2() <= scale && scale <= 60f32.exp2();
    let scaled = |channel| layer.accumulator_scale(channel) / (scale / f32::from(1u16 << (8 - quantizer.container())));
    let representable = |m: f32| (f32::MIN_POSITIVE..MULTIPLIER_END).contains(&m);
    quantizer.rule == QonnxRule::Round(QonnxRounding::HalfEven)
        && zero_point == 0.0
        && quantizer.rank <= 1
        && quantizer.bits <= WIDEST_ON_ARRAY
        && power_of_two
        && moderate
        && (0..layer.weight_scales.len()).all(|channel| representable(scaled(channel)))
}

/// Weights behind a Quant, transposed with their scales, so that they stay constant integers; `None` for other values.
pub fn transposed(cx: &Translation<'_>, value: &Value, op: &Transpose) -> Result<Option<Value>, Refusal> {
    let Value::DequantizedConstant(constant, quantizer, node) = value else { return Ok(None) };
    if !cx.graph.nodes.get(*node).is_some_and(is_quantizer) {
        return Ok(None);
    }
    let unfit = |problem: String| Refusal::new(problem, "a permutation of the dimensions", "export the model again");
    let known = op.infer(&[Some(Known::of(&constant.tensor))]).map_err(unfit)?;
    let shape = known.first().and_then(Known::sizes).unwrap_or_default();
    cx.charge(constant.tensor.data().len())?;
    let outlines = [Outline { shape: shape.clone(), bits: 8 }];
    let data = op.compute(&[Some(Operand::whole(&constant.tensor))], &outlines).map_err(unfit)?;
    let data = data.into_iter().next().unwrap_or(TensorData::empty(constant.tensor.dtype()));
    let axis = quantizer.axis.and_then(|axis| match &op.permutation {
        None => shape.len().checked_sub(axis + 1),
        Some(permutation) => permutation.iter().position(|&from| from == axis),
    });
    let quantizer = Quantizer { axis, ..quantizer.as_ref().clone() };
    let constant = Constant { bits: constant.bits, ..folded(&shape, data)? };
    Ok(Some(Value::DequantizedConstant(constant, Arc::new(quantizer), *node)))
}
