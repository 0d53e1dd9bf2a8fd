//! Functions of one float32: each element on its own.

use super::{HostOperator, Operand, Outline, expect_float, floats, known, optional, tensor};
use crate::network::float;
use crate::network::shape::Known;
use crate::network::{DType, TensorData};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UnaryKind {
    /// `max(x, 0)`; NaN stays NaN, -0.0 becomes 0.0, as in onnxruntime.
    Relu,
    /// `x` where it is 0 or more, `alpha * x` below.
    LeakyRelu(f32),
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// Error function.
    Erf,
    /// `x / 2 * (1 + erf(x / sqrt(2)))`
    Gelu,
    /// The same by `tanh(sqrt(2 / pi) * (x + 0.044715 x^3))`.
    GeluTanh,
    /// Natural exponential.
    Exp,
    /// Square root.
    Sqrt,
    /// `1 / x`
    Reciprocal,
    /// `-x`
    Neg,
    /// `|x|`
    Abs,
    /// Between inputs 1 and 2, each of one element, if they are there.
    Clip,
}

/// A function of one float32.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unary(pub UnaryKind);

/// ReLU as onnxruntime computes it.
pub fn relu(x: f32) -> f32 {
    if x.is_nan() || x > 0.0 { x } else { 0.0 }
}

impl HostOperator for Unary {
    fn kind(&self) -> &'static str {
        match self.0 {
            UnaryKind::Relu => "Relu",
            UnaryKind::LeakyRelu(_) => "LeakyRelu",
            UnaryKind::Sigmoid => "Sigmoid",
            UnaryKind::Tanh => "Tanh",
            UnaryKind::Erf => "Erf",
            UnaryKind::Gelu | UnaryKind::GeluTanh => "Gelu",
            UnaryKind::Exp => "Exp",
            UnaryKind::Sqrt => "Sqrt",
            UnaryKind::Reciprocal => "Reciprocal",
            UnaryKind::Neg => "Neg",
            UnaryKind::Abs => "Abs",
            UnaryKind::Clip => "Clip",
        }
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        expect_float(input)?;
        Ok(vec![Known::shaped(DType::F32, input.dims.clone())])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let values = floats(inputs, 0)?;
        let each = |function: fn(f32) -> f32| values.iter().map(|&x| function(x)).collect();
        Ok(vec![TensorData::F32(match self.0 {
            UnaryKind::Relu => each(relu),
            UnaryKind::LeakyRelu(alpha) => values.iter().map(|&x| if x >= 0.0 { x } else { alpha * x }).collect(),
            UnaryKind::Sigmoid => each(float::sigmoid),
            UnaryKind::Tanh => each(float::tanh),
            UnaryKind::Erf => each(float::erf),
            UnaryKind::Gelu => each(float::gelu),
            UnaryKind::GeluTanh => each(float::gelu_tanh),
            UnaryKind::Exp => each(float::exp),
            UnaryKind::Sqrt => each(f32::sqrt),
            UnaryKind::Reciprocal => each(f32::recip),
            UnaryKind::Neg => each(|x| -x),
            UnaryKind::Abs => each(f32::abs),
            UnaryKind::Clip => {
                let bound = |index: usize, none: f32| match optional(inputs, index) {
                    None => Ok(none),
                    Some(bound) => {
                        let value = bound.floats().filter(|values| values.len() == 1).and_then(|values| values.first());
                        value.copied().ok_or_else(|| {
                            format!("bounds of {:?}, expected one float32", tensor(inputs, index).map(|t| t.shape()))
                        })
                    }
                };
                let (low, high) = (bound(1, f32::MIN)?, bound(2, f32::MAX)?);
                values.iter().map(|&x| clip(x, low, high)).collect()
            }
        })])
    }
}

/// `min(max(x, low), high)`: NaN stays, and `high` wins where the bounds cross.
fn clip(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}
