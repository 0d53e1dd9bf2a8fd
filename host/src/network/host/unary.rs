//! Functions of one float32: each element on its own.

use super::{HostOperator, Operand, Outline, expect_float, floats, known, optional};
use crate::network::float::{elementwise, erf, exponential, gelu, logistic};
use crate::network::shape::Known;
use crate::network::{DType, TensorData};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UnaryKind {
    /// `max(x, 0)`
    Relu,
    /// `x` where it is 0 or more, `alpha * x` below.
    LeakyRelu(f32),
    /// `alpha * x + beta` between 0 and 1.
    HardSigmoid(f32, f32),
    /// `x * min(max(x / 6 + 1 / 2, 0), 1)`
    HardSwish,
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

impl HostOperator for Unary {
    fn kind(&self) -> &'static str {
        match self.0 {
            UnaryKind::Relu => "Relu",
            UnaryKind::LeakyRelu(_) => "LeakyRelu",
            UnaryKind::HardSigmoid(..) => "HardSigmoid",
            UnaryKind::HardSwish => "HardSwish",
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
            UnaryKind::Relu => each(elementwise::relu),
            UnaryKind::LeakyRelu(alpha) => values.iter().map(|&x| elementwise::leaky_relu(x, alpha)).collect(),
            UnaryKind::HardSigmoid(alpha, beta) => values.iter().map(|&x| elementwise::hard_sigmoid(x, alpha, beta)).collect(),
            UnaryKind::HardSwish => each(elementwise::hard_swish),
            UnaryKind::Sigmoid => each(logistic::sigmoid),
            UnaryKind::Tanh => each(logistic::tanh),
            UnaryKind::Erf => each(erf::erf),
            UnaryKind::Gelu => each(gelu::gelu),
            UnaryKind::GeluTanh => each(gelu::gelu_tanh),
            UnaryKind::Exp => each(exponential::exp),
            UnaryKind::Sqrt => each(f32::sqrt),
            UnaryKind::Reciprocal => each(f32::recip),
            UnaryKind::Neg => each(|x| -x),
            UnaryKind::Abs => each(f32::abs),
            UnaryKind::Clip => {
                let bound = |index: usize| match optional(inputs, index) {
                    None => Ok(None),
                    Some(bound) => match bound.floats() {
                        Some(&[value]) => Ok(Some(value)),
                        _ => Err(format!("bounds of shape {:?}, expected one float32", bound.shape())),
                    },
                };
                let (low, high) = (bound(1)?, bound(2)?);
                values.iter().map(|&x| elementwise::clip(x, low, high)).collect()
            }
        })])
    }
}
