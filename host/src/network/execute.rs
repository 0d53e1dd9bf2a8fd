//! The walk over a network: the host's operations in float32, the array's layers by an [`Engine`].
//!
//! ```text
//!   inputs --> node by node --> host: quantize, dequantize, relu, flatten
//!                          \--> engine: Conv, Gemm       (plain loops, or a machine)
//! ```
//! Quantize divides (it does not multiply by a reciprocal), as onnxruntime does.

use super::arithmetic::round_to_range;
use super::layer::Narrowed;
use super::{
    Arithmetic, DType, Dequantize, LayerPrecision, Network, NetworkError, Node, Op, PrecisionPlan, Quantize, Relu, Tensor,
    TensorData, TensorId, TensorInfo,
};

/// All tensors of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// Values, indexed as [`Network::tensors`]; `None` for tensors that nothing computes.
    pub tensors: Vec<Option<Tensor>>,
    /// int32 accumulators `acc8` of each array layer, indexed as [`Network::nodes`]; empty for the host's nodes.
    pub accumulators: Vec<Vec<i32>>,
    /// Width of each tensor, indexed as [`Network::tensors`].
    pub tensor_bits: Vec<u8>,
    outputs: Vec<TensorId>,
}

impl Execution {
    /// The network's outputs, in its order.
    pub fn outputs(&self) -> Vec<&Tensor> {
        self.outputs.iter().filter_map(|id| self.tensors[id.0].as_ref()).collect()
    }
}

/// One layer to compute.
#[derive(Debug)]
pub struct Work<'a> {
    /// Index of its node.
    pub node: usize,
    /// The layer.
    pub op: &'a Op,
    /// Its input, at `precision.act_bits` bits.
    pub input: &'a Tensor,
    /// Shape of its output.
    pub shape: &'a [usize],
    /// Its precision.
    pub precision: LayerPrecision,
    /// Width of its output, if that is integers.
    pub output_bits: u8,
}

/// What computes the array's layers.
pub trait Engine {
    /// What can go wrong beside the network itself.
    type Error: From<NetworkError>;

    /// The layer's output, and its int32 accumulators if they are read out.
    ///
    /// # Errors
    /// If the layer cannot be computed exactly.
    fn layer(&mut self, work: &Work<'_>) -> Result<(TensorData, Vec<i32>), Self::Error>;
}

/// Runs `network` on `inputs` (one for each of [`Network::inputs`]) at the precisions of `plan`, its layers on `engine`.
///
/// # Errors
/// Inputs that do not fit, plans that cannot be met, and what the engine refuses.
pub fn execute<E: Engine>(
    network: &Network,
    inputs: &[Tensor],
    plan: &PrecisionPlan,
    arithmetic: &impl Arithmetic,
    engine: &mut E,
) -> Result<Execution, E::Error> {
    let shapes = network.shapes(&inputs.iter().map(|input| input.shape().to_vec()).collect::<Vec<_>>())?;
    let bits = plan.tensor_bits(network)?;
    let mut tensors: Vec<Option<Tensor>> = network.tensors.iter().map(|info| info.constant.clone()).collect();
    for (&id, input) in network.inputs.iter().zip(inputs) {
        expect_type(network.tensor(id), input, network.tensor(id).dtype)?;
        tensors[id.0] = Some(input.clone());
    }
    for (id, info) in network.tensors.iter().enumerate() {
        if bits[id] < 8
            && let Some(tensor) = &tensors[id]
        {
            tensors[id] = Some(narrow_given(info, tensor, bits[id], arithmetic)?);
        }
    }
    let mut accumulators = vec![Vec::new(); network.nodes.len()];
    for (index, node) in network.nodes.iter().enumerate() {
        let (Some(&input_id), output_id) = (node.inputs.first(), node.output) else { continue };
        let Some(input) = &tensors[input_id.0] else { continue };
        let shape = shapes[output_id.0].clone();
        let widths = [bits[input_id.0], bits[output_id.0]];
        let output = match &node.op {
            Op::Quantize(op) => quantize(op, floats(network, node, input)?, &shape, widths[1]),
            Op::Dequantize(op) => dequantize(op, &ints(network, node, input)?, &shape, widths[0]),
            Op::Flatten(_) => input.data().clone(),
            Op::Relu(op) => relu(op, input, widths[0]),
            Op::Conv(_) | Op::Gemm(_) => {
                let precision = node.op.array_layer().map_or_else(LayerPrecision::default, |layer| plan.of(&layer.name));
                let work = Work { node: index, op: &node.op, input, shape: &shape, precision, output_bits: widths[1] };
                let (output, sums) = engine.layer(&work)?;
                accumulators[index] = sums;
                output
            }
        };
        tensors[output_id.0] = Some(Tensor::new(shape, output)?);
    }
    Ok(Execution { tensors, accumulators, tensor_bits: bits, outputs: network.outputs.clone() })
}

fn quantize(op: &Quantize, input: &[f32], shape: &[usize], bits: u8) -> TensorData {
    let values = input.iter().enumerate().map(|(index, &value)| {
        let Narrowed { scale, zero_point, low, high, .. } = op.at(shape, index).at_bits(bits);
        round_to_range(value / scale, zero_point, low, high)
    });
    TensorData::from_ints(op.dtype, values).unwrap_or(TensorData::I32(Vec::new()))
}

fn dequantize(op: &Dequantize, input: &[i32], shape: &[usize], bits: u8) -> TensorData {
    let value = |(index, &integer): (usize, &i32)| {
        let params = op.0.at(shape, index);
        if op.0.dtype == DType::I32 {
            return integer.wrapping_sub(params.zero_point) as f32 * params.scale;
        }
        let Narrowed { scale, zero_point, .. } = params.at_bits(bits);
        (integer - zero_point) as f32 * scale
    };
    TensorData::F32(input.iter().enumerate().map(value).collect())
}

fn relu(op: &Relu, input: &Tensor, bits: u8) -> TensorData {
    let zero = op.quant.map_or(0, |quant| quant.at_bits(bits).zero_point);
    match input.data() {
        // As onnxruntime: NaN stays NaN, -0.0 becomes 0.0.
        TensorData::F32(values) => TensorData::F32(values.iter().map(|&v| if v.is_nan() || v > 0.0 { v } else { 0.0 }).collect()),
        TensorData::I8(values) => TensorData::I8(values.iter().map(|&v| v.max(zero.clamp(-128, 127) as i8)).collect()),
        TensorData::U8(values) => TensorData::U8(values.iter().map(|&v| v.max(zero.clamp(0, 255) as u8)).collect()),
        TensorData::I32(values) => TensorData::I32(values.iter().map(|&v| v.max(zero)).collect()),
        TensorData::I64(values) => TensorData::I64(values.iter().map(|&v| v.max(i64::from(zero))).collect()),
    }
}

/// An integer input from outside arrives at 8 bits; a plan that wants fewer has it requantized on entry.
fn narrow_given(info: &TensorInfo, tensor: &Tensor, bits: u8, arithmetic: &impl Arithmetic) -> Result<Tensor, NetworkError> {
    let (Some(quant), Some(values)) = (info.quant, tensor.ints()) else { return Ok(tensor.clone()) };
    let Narrowed { zero_point, low, high, .. } = quant.at_bits(bits);
    let values = values
        .iter()
        .map(|&value| arithmetic.requantize(value - quant.zero_point, 1.0, i32::from(8 - bits), zero_point, low, high));
    Tensor::new(tensor.shape().to_vec(), TensorData::from_ints(quant.dtype, values).unwrap_or(tensor.data().clone()))
}

fn expect_type(info: &TensorInfo, tensor: &Tensor, expected: DType) -> Result<(), NetworkError> {
    if tensor.dtype() == expected {
        return Ok(());
    }
    let (tensor, found, expected) = (info.name.clone(), tensor.dtype(), expected.name().to_string());
    Err(NetworkError::Type { tensor, found, expected })
}

fn ints(network: &Network, node: &Node, tensor: &Tensor) -> Result<Vec<i32>, NetworkError> {
    tensor.ints().ok_or_else(|| wrong_type(network, node, tensor, "int8, uint8 or int32"))
}

fn floats<'a>(network: &Network, node: &Node, tensor: &'a Tensor) -> Result<&'a [f32], NetworkError> {
    tensor.floats().ok_or_else(|| wrong_type(network, node, tensor, "float32"))
}

fn wrong_type(network: &Network, node: &Node, tensor: &Tensor, expected: &str) -> NetworkError {
    let name = node.inputs.first().map_or_else(String::new, |id| network.tensor(*id).name.clone());
    NetworkError::Type { tensor: name, found: tensor.dtype(), expected: expected.into() }
}
