//! Arithmetic of two tensors, element by element, broadcast as NumPy does.

use super::transpose::repeated;
use super::{HostOperator, Operand, Outline, known, tensor};
use crate::network::float::elementwise;
use crate::network::shape::{Known, broadcast};
use crate::network::{DType, Dim, Tensor, TensorData};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryKind {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`; of integers, towards zero.
    Div,
    /// `a ^ b`, on float32.
    Pow,
    /// The smaller; NaN if either is.
    Min,
    /// The larger; NaN if either is.
    Max,
}

/// Arithmetic of two tensors (Min and Max of any number) of one type: float32, int32 or int64. Integers wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binary(pub BinaryKind);

impl BinaryKind {
    /// `repeated`: whether the right operand is one element along the innermost dimension.
    fn floats(self, repeated: bool) -> fn(f32, f32) -> f32 {
        match self {
            BinaryKind::Add => |a, b| a + b,
            BinaryKind::Sub => |a, b| a - b,
            BinaryKind::Mul => |a, b| a * b,
            BinaryKind::Div => |a, b| a / b,
            BinaryKind::Pow if repeated => |a, b| elementwise::power(a, b, true),
            BinaryKind::Pow => |a, b| elementwise::power(a, b, false),
            BinaryKind::Min => elementwise::minimum,
            BinaryKind::Max => elementwise::maximum,
        }
    }

    fn integers(self, a: i64, b: i64) -> Result<i64, String> {
        Ok(match self {
            BinaryKind::Add => a.wrapping_add(b),
            BinaryKind::Sub => a.wrapping_sub(b),
            BinaryKind::Mul => a.wrapping_mul(b),
            BinaryKind::Div if b == 0 => return Err("an integer divided by zero".into()),
            BinaryKind::Div => a.wrapping_div(b),
            BinaryKind::Pow => return Err("a power of integers; expected float32".into()),
            BinaryKind::Min => a.min(b),
            BinaryKind::Max => a.max(b),
        })
    }
}

impl HostOperator for Binary {
    fn kind(&self) -> &'static str {
        match self.0 {
            BinaryKind::Add => "Add",
            BinaryKind::Sub => "Sub",
            BinaryKind::Mul => "Mul",
            BinaryKind::Div => "Div",
            BinaryKind::Pow => "Pow",
            BinaryKind::Min => "Min",
            BinaryKind::Max => "Max",
        }
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let first = known(inputs, 0)?;
        if first.dtype.is_byte() {
            return Err(format!("an input of {}; expected float32, int32 or int64", first.dtype));
        }
        let mut dims = first.dims.clone();
        for index in 1..inputs.len() {
            let next = known(inputs, index)?;
            if next.dtype != first.dtype {
                return Err(format!("{} and {}; expected one type", first.dtype, next.dtype));
            }
            dims = match (dims, &next.dims) {
                (Some(a), Some(b)) => Some(broadcast(&a, b)?),
                _ => None,
            };
        }
        Ok(vec![Known::shaped(first.dtype, dims)])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let mut result = tensor(inputs, 0)?.clone();
        for index in 1..inputs.len() {
            result = self.pair(&result, tensor(inputs, index)?)?;
        }
        Ok(vec![result.data().clone()])
    }
}

impl Binary {
    /// Two of the operands.
    fn pair(&self, a: &Tensor, b: &Tensor) -> Result<Tensor, String> {
        let fixed = |tensor: &Tensor| tensor.shape().iter().map(|&size| Dim::Fixed(size)).collect::<Vec<_>>();
        let shape: Vec<usize> = broadcast(&fixed(a), &fixed(b))?.iter().filter_map(Dim::fixed).collect();
        let repeated_b = b.shape().last().is_none_or(|&size| size == 1);
        let pairs = repeated(a.shape(), &shape).into_iter().zip(repeated(b.shape(), &shape));
        let data = if let (Some(a), Some(b)) = (a.floats(), b.floats()) {
            let function = self.0.floats(repeated_b);
            TensorData::F32(pairs.map(|(i, j)| function(a[i], b[j])).collect())
        } else {
            let (Some(x), Some(y)) = (a.i64s(), b.i64s()) else { return Err(format!("{} and {}", a.dtype(), b.dtype())) };
            let values = pairs.map(|(i, j)| self.0.integers(x[i], y[j])).collect::<Result<Vec<_>, _>>()?;
            match a.dtype() {
                DType::I32 => TensorData::I32(values.into_iter().map(|value| value as i32).collect()),
                _ => TensorData::I64(values),
            }
        };
        Tensor::new(shape, data).map_err(|error| error.to_string())
    }
}
