//! The error function and the exact GELU.

use super::exponential::{LOG2_RECIPROCAL, MINUS_LN2, ROUNDING_BIAS};
use super::logistic::horner;

/// `erf` is 1 in single precision from here on (MLAS, `ErfUpperAbsRange`).
const UPPER: f32 = 3.925;

/// The two polynomials meet here (`ErfSplitBoundary`).
const SPLIT: f32 = 9.218_75e-1;

/// `erf(a) / a - 1` in `a^2`, highest power first (`ErfSMALL`).
const SMALL: [f32; 6] = [-5.991_049_7e-4, 4.993_396e-3, -2.676_673_4e-2, 1.128_180_25e-1, -3.761_248_6e-1, 1.283_791_5e-1];

/// `-ln(1 - erf(a)) / a - 1` in `a`, highest power first (`ErfBIG`).
const BIG: [f32; 7] =
    [1.729_489_3e-5, -3.832_086_8e-4, 3.883_934_3e-3, -2.425_456e-2, 1.067_778_5e-1, 6.348_467e-1, 1.287_175_1e-1];

/// The exponential of this kernel, highest power first; not the polynomial of the Exp operator.
const EXPONENTIAL: [f32; 7] = [1.383_198_1e-3, 8.375_5e-3, 4.166_895e-2, 1.666_644_7e-1, 4.999_998_5e-1, 1.0, 1.0];

/// The Erf operator, equal bit for bit to `MlasErfKernelFma3` for all `2^32` floats.
pub fn erf(x: f32) -> f32 {
    let a = x.abs();
    // VMINPS with the bound as first operand: a NaN stays.
    magnitude(if UPPER < a { UPPER } else { a }).copysign(x)
}

/// `erf` of `0 <= a <= UPPER`.
fn magnitude(a: f32) -> f32 {
    if a < SPLIT {
        return horner(&SMALL, a * a).mul_add(a, a);
    }
    let exponent = -horner(&BIG, a).mul_add(a, a);
    let m = LOG2_RECIPROCAL.mul_add(exponent, ROUNDING_BIAS) - ROUNDING_BIAS;
    let r = m.mul_add(MINUS_LN2[0], exponent);
    let r = m.mul_add(MINUS_LN2[1], r);
    // The exponent is between -23 and 0 here, so that the power of two is a normal float.
    let power = f32::from_bits(((m as i32 + 127) as u32) << 23);
    1.0 - horner(&EXPONENTIAL, r) * power
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, patterns};
    use super::*;

    #[test]
    fn erf_is_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(erf)), 0x9ca9_1899_2069_3789);
    }
}
