//! Arithmetic of two tensors, element by element, broadcast as NumPy does.

use super::transpose::repeated;
use super::{HostOperator, Operand, Outline, known, tensor};
use crate::network::shape::{Known, broadcast};
use crate::network::{DType, TensorData};

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

/// Arithmetic of two tensors of one type: float32, int32 or int64. Integers wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binary(pub BinaryKind);

impl BinaryKind {
    fn floats(self) -> fn(f32, f32) -> f32 {
        match self {
            BinaryKind::Add => |a, b| a + b,
            BinaryKind::Sub => |a, b| a - b,
            BinaryKind::Mul => |a, b| a * b,
            BinaryKind::Div => |a, b| a / b,
            BinaryKind::Pow => power,
            BinaryKind::Min => |a, b| {
                if a.is_nan() || b.is_nan() {
                    f32::NAN
                } else if b < a {
                    b
                } else {
                    a
                }
            },
            BinaryKind::Max => |a, b| {
                if a.is_nan() || b.is_nan() {
                    f32::NAN
                } else if b > a {
                    b
                } else {
                    a
                }
            },
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

/// Squares and cubes are products, other powers the C library's, as in onnxruntime.
fn power(x: f32, y: f32) -> f32 {
    if y == 2.0 {
        x * x
    } else if y == 3.0 {
        x * x * x
    } else {
        x.powf(y)
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
        let (a, b) = (known(inputs, 0)?, known(inputs, 1)?);
        if a.dtype != b.dtype || a.dtype.is_byte() {
            return Err(format!("{} and {}; expected float32, int32 or int64 on both sides", a.dtype, b.dtype));
        }
        let dims = match (&a.dims, &b.dims) {
            (Some(a), Some(b)) => Some(broadcast(a, b)?),
            _ => None,
        };
        Ok(vec![Known::shaped(a.dtype, dims)])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let (a, b) = (tensor(inputs, 0)?, tensor(inputs, 1)?);
        let Some(output) = outputs.first() else { return Ok(Vec::new()) };
        let (from_a, from_b) = (repeated(a.shape(), &output.shape), repeated(b.shape(), &output.shape));
        let pairs = from_a.into_iter().zip(from_b);
        if let (Some(a), Some(b)) = (a.floats(), b.floats()) {
            let function = self.0.floats();
            return Ok(vec![TensorData::F32(pairs.map(|(i, j)| function(a[i], b[j])).collect())]);
        }
        let dtype = a.dtype();
        let (Some(a), Some(b)) = (a.i64s(), b.i64s()) else { return Err(format!("{dtype} and another type")) };
        let values = pairs.map(|(i, j)| self.0.integers(a[i], b[j])).collect::<Result<Vec<_>, _>>()?;
        Ok(vec![match dtype {
            DType::I32 => TensorData::I32(values.into_iter().map(|value| value as i32).collect()),
            _ => TensorData::I64(values),
        }])
    }
}
