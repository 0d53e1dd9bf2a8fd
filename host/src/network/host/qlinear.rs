//! onnxruntime's operators on quantized tensors: integers in, integers out, in the arithmetic of its CPU kernels.

use super::pool::Planes;
use super::{Concat, HostOperator, Operand, Outline, known, tensor};
use crate::network::qlinear::{
    Broadcast, Pool, SoftmaxTable, add, average_pool, global_average_pool, leaky_relu, mul, requantize, sigmoid,
};
use crate::network::shape::{Known, axis, broadcast};
use crate::network::{Narrowed, QuantParams, TensorData};

/// Which operator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum QLinearKind {
    /// QLinearAdd of two operands, broadcast.
    Add,
    /// QLinearMul of two operands, broadcast.
    Mul,
    /// QLinearSigmoid.
    Sigmoid,
    /// QLinearLeakyRelu with its slope below zero.
    LeakyRelu(f32),
    /// QLinearAveragePool, and whether padding counts.
    AveragePool(Planes, bool),
    /// QLinearGlobalAveragePool.
    GlobalAveragePool,
    /// QLinearConcat along an axis.
    Concat(i64),
    /// QLinearSoftmax along an axis, or over all dimensions from it on.
    Softmax {
        /// ONNX's axis.
        axis: i64,
        /// Whether the dimensions from the axis on are one row.
        flattened: bool,
    },
}

/// An operator on quantized tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct QLinear {
    /// Which.
    pub kind: QLinearKind,
    /// What each operand's integers mean.
    pub operands: Vec<QuantParams>,
    /// What the output's integers mean.
    pub output: QuantParams,
}

impl QLinear {
    /// Integers and parameters of an operand.
    fn operand(&self, inputs: &[Option<Operand<'_>>], index: usize) -> Result<(Vec<i32>, Narrowed), String> {
        let tensor = tensor(inputs, index)?;
        let integers = tensor.ints().ok_or_else(|| format!("an input of {}, expected int8 or uint8", tensor.dtype()))?;
        let bits = inputs.get(index).copied().flatten().map_or(8, |operand| operand.bits);
        let quant = self.operands.get(index).ok_or_else(|| format!("input {index} has no quantizer"))?;
        Ok((integers, quant.at_bits(bits)))
    }
}

impl HostOperator for QLinear {
    fn kind(&self) -> &'static str {
        match self.kind {
            QLinearKind::Add => "QLinearAdd",
            QLinearKind::Mul => "QLinearMul",
            QLinearKind::Sigmoid => "QLinearSigmoid",
            QLinearKind::LeakyRelu(_) => "QLinearLeakyRelu",
            QLinearKind::AveragePool(..) => "QLinearAveragePool",
            QLinearKind::GlobalAveragePool => "QLinearGlobalAveragePool",
            QLinearKind::Concat(_) => "QLinearConcat",
            QLinearKind::Softmax { .. } => "QLinearSoftmax",
        }
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let first = known(inputs, 0)?;
        let of_first = |dims: Option<Vec<crate::network::Dim>>| Known::shaped(self.output.dtype, dims);
        let dims = match (self.kind, &first.dims) {
            (QLinearKind::Add | QLinearKind::Mul, Some(a)) => match &known(inputs, 1)?.dims {
                Some(b) => Some(broadcast(a, b)?),
                None => None,
            },
            (QLinearKind::AveragePool(planes, _), Some(dims)) => Some(planes.infer(dims)?),
            (QLinearKind::GlobalAveragePool, Some(dims)) => Some(Planes { window: None, spatial: 2 }.infer(dims)?),
            (QLinearKind::Concat(axis), _) => {
                let alike = inputs.iter().map(|input| input.clone().map(|known| Known { dtype: first.dtype, ..known }));
                return Ok(vec![of_first(Concat { axis }.infer(&alike.collect::<Vec<_>>())?.swap_remove(0).dims)]);
            }
            (QLinearKind::Softmax { axis: at, .. }, Some(dims)) => {
                axis(at, dims.len())?;
                Some(dims.clone())
            }
            (_, dims) => dims.clone(),
        };
        Ok(vec![of_first(dims)])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let Some(outline) = outputs.first() else { return Ok(Vec::new()) };
        let y = self.output.at_bits(outline.bits);
        let (x, x_params) = self.operand(inputs, 0)?;
        let shape = tensor(inputs, 0)?.shape();
        let unfit = || "the operands do not fit together".to_string();
        let values = match self.kind {
            QLinearKind::Add | QLinearKind::Mul => {
                let (other, other_params) = self.operand(inputs, 1)?;
                let fit = Broadcast::new(shape, tensor(inputs, 1)?.shape()).ok_or_else(unfit)?;
                let function = if self.kind == QLinearKind::Add { add } else { mul };
                function(&x, &x_params, &other, &other_params, &y, &fit).ok_or_else(unfit)?
            }
            QLinearKind::Sigmoid => x.iter().map(|&x| sigmoid(x, &x_params, &y)).collect(),
            QLinearKind::LeakyRelu(alpha) => x.iter().map(|&x| leaky_relu(x, alpha, &x_params, &y)).collect(),
            QLinearKind::AveragePool(planes, count_include_pad) => {
                let size = planes.size(shape)?;
                let (window, output) = planes.explicit(size)?;
                let three = |[a, b]: [usize; 2], unused: usize| [unused, a, b];
                let pool = Pool {
                    input: three(size, 1),
                    output: three(output, 1),
                    kernel: three(window.kernel, 1),
                    strides: three(window.strides, 1),
                    pads_begin: three(window.before, 0),
                    count_include_pad,
                };
                average_pool(&x, &x_params, &y, &pool).ok_or_else(unfit)?
            }
            QLinearKind::GlobalAveragePool => {
                let plane = shape.iter().skip(2).product();
                let refused = || "a plane of 2^24 elements or more, or scales too far apart".to_string();
                global_average_pool(&x, &x_params, &y, plane).ok_or_else(refused)?
            }
            QLinearKind::Concat(axis) => {
                let mut requantized = Vec::with_capacity(inputs.len());
                for index in 0..inputs.len() {
                    let (x, x_params) = self.operand(inputs, index)?;
                    let values = x.iter().map(|&x| requantize(x, &x_params, &y)).collect();
                    let shape = tensor(inputs, index)?.shape().to_vec();
                    requantized.push(crate::network::Tensor::new(shape, TensorData::I32(values)).map_err(|e| e.to_string())?);
                }
                let operands: Vec<_> = requantized.iter().map(|tensor| Some(Operand::whole(tensor))).collect();
                let joined = (Concat { axis }).compute(&operands, outputs)?;
                match joined.into_iter().next() {
                    Some(TensorData::I32(values)) => values,
                    _ => return Err(unfit()),
                }
            }
            QLinearKind::Softmax { axis: at, flattened } => {
                let at = axis(at, shape.len())?;
                let inner: usize = if flattened { 1 } else { shape[at + 1..].iter().product() };
                let length: usize = if flattened { shape[at..].iter().product() } else { shape[at] };
                let table = SoftmaxTable::new(length, x_params.scale);
                let mut result = vec![0; x.len()];
                for index in 0..x.len() / length.max(1) {
                    let first = index / inner * inner * length + index % inner;
                    let row: Vec<i32> = (0..length).map(|i| x[first + i * inner]).collect();
                    for (i, value) in table.row(&row, &y).into_iter().enumerate() {
                        result[first + i * inner] = value;
                    }
                }
                result
            }
        };
        Ok(vec![TensorData::from_ints(self.output.dtype, values.into_iter()).unwrap_or(TensorData::empty(self.output.dtype))])
    }
}
