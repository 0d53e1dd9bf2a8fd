//! The exponential function as onnxruntime computes it with AVX-512.

/// `ln(2^-150)`: inputs below it give the result for it, which is zero.
const LOWEST: f32 = -1.039_720_84e2;

/// `1.5 * 2^23`: added and subtracted again, it rounds a small float to the nearest integer, ties to even.
pub(super) const ROUNDING_BIAS: f32 = 12_582_912.0;

/// `1 / ln 2`.
pub(super) const LOG2_RECIPROCAL: f32 = std::f32::consts::LOG2_E;

/// The high and the low part of `-ln 2`; the high part has trailing zeros, so that its products with small integers are exact.
pub(super) const MINUS_LN2: [f32; 2] = [-6.931_457_5e-1, -1.428_606_8e-6];

/// Coefficients of the polynomial, highest power first (`0x1.694000p-10`, `0x1.125edcp-7`, `0x1.555b5ap-5`,
/// `0x1.555450p-3`, `0x1.fffff6p-2`, 1, 1 in MLAS, `MlasExpConstants`).
const POLYNOMIAL: [u32; 7] = [0x3ab4_a000, 0x3c09_2f6e, 0x3d2a_adad, 0x3e2a_aa28, 0x3eff_fffb, 0x3f80_0000, 0x3f80_0000];

/// The Exp operator: `e^x`, equal bit for bit to `MlasComputeExpF32KernelAvx512F` for every one of the `2^32` floats.
///
/// `x = m ln 2 + r` with `m` rounded to nearest even; a polynomial of degree 6 in `r` by Horner's rule with fused
/// multiply-adds; the result scaled by `2^m` with one rounding (the instruction VSCALEFPS).
///
/// The result of an element does not depend on its position. Infinity gives infinity, minus infinity zero, NaN gives NaN.
pub fn exp(x: f32) -> f32 {
    // VMAXPS returns its second operand, here x, when one of them is NaN.
    reduced(if LOWEST > x { LOWEST } else { x })
}

/// `e^x` for an `x` that is not below the lower bound (or is NaN).
fn reduced(x: f32) -> f32 {
    let m = x.mul_add(LOG2_RECIPROCAL, ROUNDING_BIAS) - ROUNDING_BIAS;
    let r = m.mul_add(MINUS_LN2[0], x);
    let r = m.mul_add(MINUS_LN2[1], r);
    let p = POLYNOMIAL.iter().skip(1).fold(f32::from_bits(POLYNOMIAL[0]), |p, &c| p.mul_add(r, f32::from_bits(c)));
    scale(p, m)
}

/// `p * 2^m` for an integer `m` with one rounding, as VSCALEFPS does it.
///
/// The product is exact in double precision, because `m` is limited to what can matter for a float. A NaN `p` with an
/// infinite `m` follows the table of the instruction: `2^inf` wins over the NaN.
pub(super) fn scale(p: f32, m: f32) -> f32 {
    if m == f32::INFINITY {
        return f32::INFINITY;
    }
    let exponent = m.clamp(-400.0, 400.0) as i64;
    let power = f64::from_bits(((exponent + 1023) as u64) << 52);
    (f64::from(p) * power) as f32
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, patterns};
    use super::*;

    #[test]
    fn exp_is_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(exp)), 0xe3fc_e2dd_62ae_3030);
    }
}
