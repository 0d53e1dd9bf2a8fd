//! The GELU: exact, and with the hyperbolic tangent.

use super::erf::erf;
use super::logistic::tanh;

/// `sqrt(2 / pi)`.
const B: f32 = 0.797_884_560_802_865_4;

/// `0.044715 sqrt(2 / pi)`.
const C: f32 = 0.035_677_408_136_300_125;

/// The Gelu operator with `approximate = "none"`: `x / 2 * (1 + erf(x / sqrt 2))`.
pub fn gelu(x: f32) -> f32 {
    0.5 * x * (erf(x * std::f32::consts::FRAC_1_SQRT_2) + 1.0)
}

/// The Gelu operator with `approximate = "tanh"`: `x / 2 * (1 + tanh(x (C x^2 + B)))`.
pub fn gelu_tanh(x: f32) -> f32 {
    0.5 * x * (tanh(x * (C * x * x + B)) + 1.0)
}
