//! Sigmoid and Tanh: odd rational approximations with fused multiply-adds.

/// Numerator of the sigmoid, highest power first: `x (a9 x^8 + a7 x^6 + ...)` (MLAS, `MlasLogisticConstants`).
const SIGMOID_NUMERATOR: [f32; 5] = [4.370_31e-11, 1.156_273_2e-7, 6.085_749e-5, 8.513_771e-3, 2.482_879_5e-1];

/// Denominator of the sigmoid in `x^2`, highest power first.
const SIGMOID_DENOMINATOR: [f32; 6] =
    [6.102_473_7e-13, 5.761_021_4e-9, 6.291_068e-6, 1.701_988_2e-3, 1.168_176_5e-1, 9.931_519e-1];

/// Numerator of the hyperbolic tangent, highest power first: `x (a13 x^12 + a11 x^10 + ...)` (MLAS, `MlasTanhConstants`).
const TANH_NUMERATOR: [f32; 7] =
    [-2.760_768_4e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297_3e-8, 1.485_722_35e-5, 6.372_619_5e-4, 4.893_524_6e-3];

/// Denominator of the hyperbolic tangent in `x^2`, highest power first.
const TANH_DENOMINATOR: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_7e-3, 4.893_525e-3];

/// Horner's rule with fused multiply-adds, highest power first.
pub(super) fn horner(coefficients: &[f32], x: f32) -> f32 {
    coefficients.iter().copied().reduce(|p, c| p.mul_add(x, c)).unwrap_or(0.0)
}

/// `x` limited to `-bound ..= bound`, NaN kept (VMAXPS and VMINPS with `x` as second operand).
fn limit(x: f32, bound: f32) -> f32 {
    let x = if -bound > x { -bound } else { x };
    if bound < x { bound } else { x }
}

/// The Sigmoid operator: `1 / (1 + e^-x)`, equal bit for bit to `MlasComputeLogisticF32KernelFma3` for all `2^32` floats.
pub fn sigmoid(x: f32) -> f32 {
    let x = limit(x, 18.0);
    let square = x * x;
    let p = x * horner(&SIGMOID_NUMERATOR, square);
    let y = p / horner(&SIGMOID_DENOMINATOR, square) + 0.5;
    // Below zero there is rounding error only.
    if 0.0 > y { 0.0 } else { y }
}

/// The Tanh operator, equal bit for bit to `MlasComputeTanhF32KernelFma3` for all `2^32` floats.
pub fn tanh(x: f32) -> f32 {
    let x = limit(x, 9.0);
    let square = x * x;
    let p = x * horner(&TANH_NUMERATOR, square);
    p / horner(&TANH_DENOMINATOR, square)
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, patterns};
    use super::*;

    #[test]
    fn sigmoid_is_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(sigmoid)), 0x323a_874f_9703_8c9a);
    }

    #[test]
    fn sigmoid_is_not_cut_at_one() {
        assert_eq!(sigmoid(f32::from_bits(0x418b_db45)).to_bits(), 0x3f80_0001);
        assert_eq!((sigmoid(-20.0), sigmoid(25.0)), (0.0, 1.0));
        assert!(sigmoid(f32::NAN).is_nan());
    }

    #[test]
    fn tanh_is_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(tanh)), 0x11ba_75e5_4a43_b4b4);
    }
}
