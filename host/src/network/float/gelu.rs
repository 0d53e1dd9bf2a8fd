//! The GELU: exact, and with the hyperbolic tangent.

use super::erf::erf;
use super::logistic::tanh;

/// `sqrt(2 / pi)`.
const B: f32 = 7.978_846e-1;

/// `4.471_5e-2 sqrt(2 / pi)`.
const C: f32 = 3.567_740_7e-2;

/// The Gelu operator with `approximate = "none"`: `x / 2 * (1 + erf(x / sqrt 2))`.
pub fn gelu(x: f32) -> f32 {
    0.5 * x * (erf(x * std::f32::consts::FRAC_1_SQRT_2) + 1.0)
}

/// The Gelu operator with `approximate = "tanh"`: `x / 2 * (1 + tanh(x (C x^2 + B)))`.
pub fn gelu_tanh(x: f32) -> f32 {
    0.5 * x * (tanh(x * (C * x * x + B)) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, patterns};
    use super::*;

    #[test]
    fn gelu_is_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(gelu)), 0x4c31_7990_8630_1e17);
    }

    #[test]
    fn gelu_tanh_is_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(gelu_tanh)), 0xf9b3_2b36_4c58_0c5d);
    }
}
