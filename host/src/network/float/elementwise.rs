//! Element-wise operators that are plain arithmetic, with what onnxruntime does to NaN and to the sign of zero.
//!
//! Add, Sub, Mul, Div, Sqrt, Reciprocal (`1 / x`), Neg and Abs are Rust's own operations, bit for bit, and have no function here.

/// The Relu operator: a negative number becomes plus zero; NaN and minus zero stay.
pub fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// The LeakyRelu operator: `alpha x` for a negative `x`; NaN and minus zero stay.
pub fn leaky_relu(x: f32, alpha: f32) -> f32 {
    if x < 0.0 { alpha * x } else { x }
}

/// The HardSigmoid operator: `alpha x + beta` in two roundings, limited to 0 and 1; NaN stays.
pub fn hard_sigmoid(x: f32, alpha: f32, beta: f32) -> f32 {
    (alpha * x + beta).clamp(0.0, 1.0)
}

/// The HardSwish operator: `x` times its HardSigmoid with alpha 1/6 and beta 1/2, the function that ONNX defines it by and that
/// onnxruntime runs. Minus infinity gives NaN.
pub fn hard_swish(x: f32) -> f32 {
    x * hard_sigmoid(x, 1.0 / 6.0, 0.5)
}

/// The Clip operator: first the lower bound, then the upper one, which wins if they are crossed.
///
/// NaN stays, a NaN bound bounds nothing, and a zero stays the zero it is. A bound that is not given is the lowest or the highest
/// *finite* float: Clip without bounds turns infinities into these.
pub fn clip(x: f32, low: Option<f32>, high: Option<f32>) -> f32 {
    let (low, high) = (low.unwrap_or(f32::MIN), high.unwrap_or(f32::MAX));
    let x = if x < low { low } else { x };
    if high < x { high } else { x }
}

/// The Max operator of two elements: NaN if one of them is NaN, the second of two equal ones, which shows in the sign of a zero
/// only.
///
/// For a tie of zeros onnxruntime gives the second operand in registers of 4 elements, and the first in the rest of a run of
/// elements (a run is a stretch of the innermost dimension, or what one thread gets of it). Where only the first operand is
/// repeated along the run the two are exchanged, as they are for a run of one. So the sign of such a zero depends on position and
/// threads; here it is always the second's. More than two inputs are combined from the left.
pub fn maximum(first: f32, second: f32) -> f32 {
    if first.is_nan() || first > second { first } else { second }
}

/// The Min operator of two elements; see [`maximum`].
pub fn minimum(first: f32, second: f32) -> f32 {
    if first.is_nan() || first < second { first } else { second }
}

/// The Pow operator: `x^exponent`.
///
/// `repeated` says that the exponent is the same along the innermost dimension because it is broadcast there: then the exponents
/// 2 and 3 are products from the left. Everything else is the C library's `powf`, in onnxruntime as in Rust, so that it is equal
/// on one machine but may differ between C libraries; its square is not always `x * x`, nor its power of 0.5 the square root.
pub fn power(x: f32, exponent: f32, repeated: bool) -> f32 {
    if repeated && exponent == 2.0 {
        x * x
    } else if repeated && exponent == 3.0 {
        x * x * x
    } else {
        x.powf(exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, patterns};
    use super::*;

    #[test]
    fn relu_is_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(relu)), 0xac44_006b_a9ee_ab25);
    }

    #[test]
    fn leaky_relu_is_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(|x| leaky_relu(x, 0.3))), 0x4a3e_de77_a43b_bc43);
    }

    #[test]
    fn hard_sigmoid_is_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(|x| hard_sigmoid(x, 0.25, 0.4))), 0x4871_4edf_1be7_76b7);
    }

    #[test]
    fn clip_is_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(|x| clip(x, Some(-1.0), Some(6.0)))), 0x07a5_811b_c617_aca5);
    }

    #[test]
    fn clip_without_bounds_is_finite() {
        assert_eq!(checksum(patterns().into_iter().map(|x| clip(x, None, None))), 0x2c6a_2018_a211_de25);
    }

    #[test]
    fn cube_is_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(|x| power(x, 3.0, true))), 0x9b84_05ef_efde_70b4);
    }

    #[test]
    fn extremes_are_onnxruntimes() {
        let pairs = || patterns().into_iter().zip(patterns().into_iter().rev());
        assert_eq!(checksum(pairs().map(|(a, b)| maximum(a, b))), 0x30cc_da82_e01e_c425);
        assert_eq!(checksum(pairs().map(|(a, b)| minimum(a, b))), 0x2ea3_b388_be48_0025);
    }

    #[test]
    fn zeros_keep_or_lose_their_sign() {
        assert_eq!(relu(-0.0).to_bits(), (-0.0f32).to_bits());
        assert_eq!(clip(-0.0, Some(0.0), None).to_bits(), (-0.0f32).to_bits());
    }
}
