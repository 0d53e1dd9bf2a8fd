//! The logistic function in float32, as MLAS approximates it with fused multiply-adds.

/// Beyond this the approximation is held constant (MlasLogisticConstants, mlas/lib/logistic.cpp).
const RANGE: f32 = 18.0;

/// Coefficients of the odd numerator, highest power (9) first; from Eigen, through MLAS.
const NUMERATOR: [f32; 5] = [4.370_31e-11, 1.156_273_2e-7, 6.085_749e-5, 8.513_771e-3, 2.482_879_5e-1];

/// Coefficients of the even denominator, highest power (10) first; from Eigen, through MLAS.
const DENOMINATOR: [f32; 6] = [6.102_473_7e-13, 5.761_021_4e-9, 6.291_068e-6, 1.701_988_2e-3, 1.168_176_5e-1, 9.931_519e-1];

/// `1 / (1 + exp(-x))` as `p(x) / q(x) + 1/2` with Horner's rule in fused multiply-adds, float32 throughout,
/// negative results cut to 0.
///
/// Source: MlasLogisticKernelFma3 (mlas/lib/x86_64/LogisticKernelFma3.S). NaN stays NaN.
pub fn logistic(x: f32) -> f32 {
    let x = if x < -RANGE { -RANGE } else { x };
    let x = if x > RANGE { RANGE } else { x };
    let square = x * x;
    let p = horner(&NUMERATOR, square) * x;
    let q = horner(&DENOMINATOR, square);
    // Far out on the negative side the quotient falls below -1/2; on the positive side some results are one unit in
    // the last place above 1, and stay so. `f32::max` would lose NaN.
    let y = p / q + 0.5;
    if y < 0.0 { 0.0 } else { y }
}

fn horner(coefficients: &[f32], x: f32) -> f32 {
    coefficients.iter().copied().reduce(|sum, coefficient| sum.mul_add(x, coefficient)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_equal_the_recorded_bits() {
        // Sigmoid of onnxruntime 1.31.1.
        let recorded: [(f32, u32); 12] = [
            (-20.0, 0x0000_0000),
            (-17.9, 0x3300_0000),
            (-9.3, 0x38bf_b000),
            (-1.25, 0x3e64_0b82),
            (-0.1, 0x3ef3_35ee),
            (0.0, 0x3f00_0000),
            (0.001, 0x3f00_1062),
            (0.3, 0x3f13_0eaa),
            (2.7, 0x3f6f_e0fa),
            (8.1, 0x3f7f_ec1c),
            (16.7, 0x3f7f_fffe),
            (25.0, 0x3f80_0000),
        ];
        for (x, bits) in recorded {
            assert_eq!(logistic(x).to_bits(), bits, "{x}");
        }
        // The approximation overshoots here, and is not cut.
        assert_eq!(logistic(f32::from_bits(0x418b_db45)).to_bits(), 0x3f80_0001);
        assert!(logistic(f32::NAN).is_nan());
    }
}
