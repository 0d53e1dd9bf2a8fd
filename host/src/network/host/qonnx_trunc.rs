//! Trunc of QONNX: the low bits of an integer sum dropped, in float32, as behind an average pool.
//!
//! ```text
//!   y = rint(x / scale + zero point)
//!   version 1:  (round(y / 2^(bits in - bits out)) - zero point) * scale
//!   version 2:  (round(clamp(y / t, low, high)) - zero point / t) * output scale,   t = output scale / scale, a power of two
//! ```
//!
//! Source: `trunc_v1` and `trunc_v2` of `qonnx.custom_op.general.trunc`.

use super::{HostOperator, Operand, Outline, QonnxRounding, expect_float, floats, known};
use crate::network::shape::Known;
use crate::network::{DType, TensorData};

/// Trunc with one scale and one zero point.
#[derive(Debug, Clone, PartialEq)]
pub struct QonnxTrunc {
    /// Meaning of one step of the input; finite and positive.
    pub scale: f32,
    /// Integer that means zero.
    pub zero_point: f32,
    /// What the integers are divided by: a power of two.
    pub divisor: f32,
    /// How the quotient is rounded.
    pub rounding: QonnxRounding,
    /// Range and scale of the output: version 2 has them.
    pub output: Option<TruncOutput>,
}

/// What version 2 of Trunc says about its output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruncOutput {
    /// Smallest and largest integer.
    pub range: (f32, f32),
    /// Meaning of one step.
    pub scale: f32,
}

impl QonnxTrunc {
    fn value(&self, x: f32) -> f32 {
        let y = (x / self.scale + self.zero_point).round_ties_even() / self.divisor;
        match self.output {
            None => (self.rounding.apply(y) - self.zero_point) * self.scale,
            Some(TruncOutput { range: (low, high), scale }) => {
                let y = if y > high { high } else { y };
                let y = if y < low { low } else { y };
                (self.rounding.apply(y) - self.zero_point / self.divisor) * scale
            }
        }
    }
}

impl HostOperator for QonnxTrunc {
    fn kind(&self) -> &'static str {
        "Trunc"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        expect_float(input)?;
        Ok(vec![Known::shaped(DType::F32, input.dims.clone())])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        Ok(vec![TensorData::F32(floats(inputs, 0)?.iter().map(|&x| self.value(x)).collect())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_versions() {
        let one = QonnxTrunc { scale: 0.5, zero_point: 0.0, divisor: 4.0, rounding: QonnxRounding::Floor, output: None };
        assert_eq!([7.5, -0.5, 3.9].map(|x| one.value(x)), [1.5, -0.5, 1.0]);
        // y = rint(x / 0.5) = 15, 100, -3; floor(y / 4) clamped to 4 signed bits; steps of 2.
        let output = Some(TruncOutput { range: (-8.0, 7.0), scale: 2.0 });
        let two = QonnxTrunc { output, ..one.clone() };
        assert_eq!([7.5, 50.0, -1.5].map(|x| two.value(x)), [6.0, 14.0, -2.0]);
        // The zero point is divided in version 2 only.
        let zero_point = 2.0;
        assert_eq!(QonnxTrunc { zero_point, ..one }.value(7.5), (4.0 - 2.0) * 0.5);
        assert_eq!(QonnxTrunc { zero_point, ..two }.value(7.5), (4.0 - 0.5) * 2.0);
    }
}
