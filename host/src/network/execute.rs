//! The walk over a network: the host's operations in onnxruntime's arithmetic, the array's layers by an [`Engine`].
//!
//! ```text
//!   inputs --> node by node --> host: quantize, dequantize, pools, softmax, ...
//!                          \--> engine: Conv, Gemm, MatMul     (plain loops, or a machine)
//! ```

use std::borrow::Cow;
use std::sync::Arc;

use super::host::{HostOperator, Operand, Outline};
use super::shape::{Known, check_inputs, infer};
use super::{
    Arithmetic, ArrayLayer, DType, LayerPrecision, Network, NetworkError, Node, Op, PrecisionPlan, Tensor, TensorData, TensorId,
    TensorInfo, matmul,
};

/// All tensors of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// Values, indexed as [`Network::tensors`]; `None` for tensors that nothing computes.
    pub tensors: Vec<Option<Arc<Tensor>>>,
    /// int32 accumulators `acc8` of each array layer, indexed as [`Network::nodes`]; empty for the host's nodes.
    pub accumulators: Vec<Vec<i32>>,
    /// Width of each tensor, indexed as [`Network::tensors`].
    pub tensor_bits: Vec<u8>,
    outputs: Vec<TensorId>,
}

impl Execution {
    /// The network's outputs, in its order.
    pub fn outputs(&self) -> Vec<&Tensor> {
        self.outputs.iter().filter_map(|id| self.tensors[id.0].as_deref()).collect()
    }
}

/// One layer to compute, its weights constant: a product of two computed operands comes as one [`super::Gemm`] for each pair of
/// matrices.
#[derive(Debug)]
pub struct Work<'a> {
    /// Index of its node.
    pub node: usize,
    /// Which of the node's products it is.
    pub part: usize,
    /// The layer.
    pub op: &'a Op,
    /// Its input, at `precision.act_bits` bits.
    pub input: &'a Tensor,
    /// Shape of its output.
    pub shape: &'a [usize],
    /// Its precision.
    pub precision: LayerPrecision,
    /// Input channels at 8 bits, where the others alone have `precision.act_bits`: then the input has 8 bits.
    pub important: Option<&'a [usize]>,
    /// Width of its output, if that is integers.
    pub output_bits: u8,
    /// Whether its weights are another node's result.
    pub computed: bool,
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

/// An engine that is watched: something is told after each layer.
pub struct Watched<'a, E> {
    engine: &'a mut E,
    done: &'a dyn Fn(&Work<'_>),
}

impl<'a, E> Watched<'a, E> {
    /// Tells `done` of each layer that `engine` has computed.
    pub fn new(engine: &'a mut E, done: &'a dyn Fn(&Work<'_>)) -> Self {
        Self { engine, done }
    }
}

impl<E: Engine> Engine for Watched<'_, E> {
    type Error = E::Error;

    fn layer(&mut self, work: &Work<'_>) -> Result<(TensorData, Vec<i32>), E::Error> {
        let result = self.engine.layer(work);
        (self.done)(work);
        result
    }
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
    check_inputs(network, &inputs.iter().map(|input| input.shape().to_vec()).collect::<Vec<_>>())?;
    let bits = plan.tensor_bits(network)?;
    let mut tensors: Vec<Option<Arc<Tensor>>> = network.tensors.iter().map(|info| info.constant.clone()).collect();
    for (&id, input) in network.inputs.iter().zip(inputs) {
        expect_type(network.tensor(id), input, network.tensor(id).dtype)?;
        expect_range(network.tensor(id), input)?;
        tensors[id.0] = Some(Arc::new(input.clone()));
    }
    for (id, info) in network.tensors.iter().enumerate() {
        if let Some(tensor) = &tensors[id] {
            tensors[id] = Some(narrow_given(info, tensor, bits[id], arithmetic)?);
        }
    }
    let mut accumulators = vec![Vec::new(); network.nodes.len()];
    for (index, node) in network.nodes.iter().enumerate() {
        let operands: Vec<Option<&Arc<Tensor>>> = node.inputs.iter().map(|id| id.and_then(|id| tensors[id.0].as_ref())).collect();
        let known: Vec<Option<Known>> = operands.iter().map(|operand| operand.map(Known::of)).collect();
        let refuse = |problem| node.refuse(&known, problem);
        let shapes: Option<Vec<Vec<usize>>> = infer(&node.op, &known).map_err(refuse)?.iter().map(Known::sizes).collect();
        let shapes = shapes.ok_or_else(|| refuse("its output's shape does not follow from its inputs".into()))?;
        let outputs = match &node.op {
            Op::Host(host) => {
                let operand = |(id, tensor): (&Option<TensorId>, &Option<&'_ Arc<Tensor>>)| {
                    let (id, tensor) = ((*id)?, (*tensor)?);
                    Some((tensor.clone(), bits[id.0]))
                };
                let owned: Vec<Option<(Arc<Tensor>, u8)>> = node.inputs.iter().zip(&operands).map(operand).collect();
                let operands: Vec<_> =
                    owned.iter().map(|o| o.as_ref().map(|(tensor, bits)| Operand { tensor, bits: *bits })).collect();
                let outline = |(shape, id): (&Vec<usize>, &TensorId)| Outline { shape: shape.clone(), bits: bits[id.0] };
                let outlines: Vec<Outline> = shapes.iter().zip(&node.outputs).map(outline).collect();
                host_outputs(host.as_ref(), &operands, &outlines).map_err(refuse)?
            }
            Op::Conv(_) | Op::Gemm(_) | Op::MatMul(_) => {
                let widths = node.inputs.iter().map(|id| id.map_or(8, |id| bits[id.0])).collect::<Vec<_>>();
                let output_bits = node.outputs.first().map_or(8, |id| bits[id.0]);
                let (output, sums) = array_node(index, node, &operands, &widths, &shapes[0], output_bits, plan, engine)?;
                accumulators[index] = sums;
                vec![Tensor::new(shapes[0].clone(), output)?]
            }
        };
        for (&id, output) in node.outputs.iter().zip(outputs) {
            tensors[id.0] = Some(Arc::new(output));
        }
    }
    Ok(Execution { tensors, accumulators, tensor_bits: bits, outputs: network.outputs.clone() })
}

fn host_outputs(host: &dyn HostOperator, operands: &[Option<Operand<'_>>], outlines: &[Outline]) -> Result<Vec<Tensor>, String> {
    let data = host.compute(operands, outlines)?;
    let tensor =
        |(data, outline): (TensorData, &Outline)| Tensor::new(outline.shape.clone(), data).map_err(|error| error.to_string());
    data.into_iter().zip(outlines).map(tensor).collect()
}

/// A node of the array: with its computed zero points and weights in place, as one layer or many.
#[allow(clippy::too_many_arguments)]
fn array_node<E: Engine>(
    index: usize,
    node: &Node,
    operands: &[Option<&Arc<Tensor>>],
    widths: &[u8],
    shape: &[usize],
    output_bits: u8,
    plan: &PrecisionPlan,
    engine: &mut E,
) -> Result<(TensorData, Vec<i32>), E::Error> {
    let missing = || NetworkError::Layer { layer: node.name.clone(), problem: "an operand is missing".into() };
    let input = operands.first().copied().flatten().ok_or_else(missing)?;
    let important = plan.important(&node.op);
    let precision = plan.at_widths(&node.op, widths);
    let op = with_zero_points(&node.op, operands)?;
    let Op::MatMul(matmul) = op.as_ref() else {
        return engine.layer(&Work {
            node: index,
            part: 0,
            op: &op,
            input,
            shape,
            precision,
            important,
            output_bits,
            computed: false,
        });
    };
    let right = operands.get(1).copied().flatten().ok_or_else(missing)?;
    let products = matmul::products(matmul, input, right, widths.get(1).copied().unwrap_or(8))?;
    let mut outputs: Option<TensorData> = None;
    let mut sums = Vec::new();
    for (part, product) in products.enumerate() {
        let (op, input) = product?;
        let n = op.array_layer().map_or(0, |layer| layer.out_channels);
        let shape = [input.shape()[0], n];
        let work = Work {
            node: index,
            part,
            op: &op,
            input: &input,
            shape: &shape,
            precision,
            important: None,
            output_bits,
            computed: true,
        };
        let (output, output_sums) = engine.layer(&work)?;
        sums.extend(output_sums);
        match &mut outputs {
            None => outputs = Some(output),
            Some(outputs) => outputs.extend(&output),
        }
    }
    let dtype = op.array_layer().map_or(DType::F32, |layer| layer.output.dtype());
    Ok((outputs.unwrap_or(TensorData::empty(dtype)), sums))
}

/// The operation with zero points that other nodes have computed: operand 2 is the input's, operand 3 the weights'.
fn with_zero_points<'a>(op: &'a Op, operands: &[Option<&Arc<Tensor>>]) -> Result<Cow<'a, Op>, NetworkError> {
    let computed = |at: usize| operands.get(at).copied().flatten();
    if computed(2).is_none() && computed(3).is_none() {
        return Ok(Cow::Borrowed(op));
    }
    let mut op = op.clone();
    let Some(layer) = op.array_layer_mut() else { return Ok(Cow::Owned(op)) };
    if let Some(zero) = computed(2) {
        layer.input.zero_point = zero_points(layer, zero)?.first().copied().unwrap_or(0);
    }
    if let Some(zero) = computed(3) {
        let shift = if zero.dtype() == DType::U8 { 128 } else { 0 };
        layer.weight_zero_points = zero_points(layer, zero)?.iter().map(|zero| zero - shift).collect();
    }
    Ok(Cow::Owned(op))
}

fn zero_points(layer: &ArrayLayer, tensor: &Tensor) -> Result<Vec<i32>, NetworkError> {
    tensor.ints().filter(|values| !values.is_empty()).ok_or_else(|| NetworkError::Type {
        tensor: format!("zero point of {}", layer.name),
        found: tensor.dtype(),
        expected: "int8 or uint8".into(),
    })
}

/// Integers from outside arrive at the width of their quantizer; a plan that wants fewer bits has them requantized on entry.
fn narrow_given(
    info: &TensorInfo,
    tensor: &Arc<Tensor>,
    bits: u8,
    arithmetic: &impl Arithmetic,
) -> Result<Arc<Tensor>, NetworkError> {
    let (Some(quant), Some(values)) = (info.quant, tensor.ints()) else { return Ok(tensor.clone()) };
    if bits >= quant.bits {
        return Ok(tensor.clone());
    }
    let (from, to) = (quant.at_bits(quant.bits), quant.at_bits(bits));
    let dropped = i32::from(quant.bits - bits);
    let narrow = |&value: &i32| arithmetic.requantize(value - from.zero_point, 1.0, dropped, to.zero_point, to.low, to.high);
    let data = TensorData::from_ints(quant.dtype, values.iter().map(narrow)).unwrap_or(TensorData::empty(quant.dtype));
    Ok(Arc::new(Tensor::new(tensor.shape().to_vec(), data)?))
}

/// Integers from outside that are narrower than their bytes must be so.
fn expect_range(info: &TensorInfo, tensor: &Tensor) -> Result<(), NetworkError> {
    let (low, high) = info.dtype.range(info.bits);
    let outside = |value: &&i32| info.dtype.is_byte() && !(low..=high).contains(*value);
    match tensor.ints().unwrap_or_default().iter().find(outside) {
        None => Ok(()),
        Some(&value) => Err(NetworkError::Range { tensor: info.name.clone(), value, low, high, bits: info.bits }),
    }
}

fn expect_type(info: &TensorInfo, tensor: &Tensor, expected: DType) -> Result<(), NetworkError> {
    if tensor.dtype() == expected {
        return Ok(());
    }
    let (tensor, found, expected) = (info.name.clone(), tensor.dtype(), expected.name().to_string());
    Err(NetworkError::Type { tensor, found, expected })
}
