//! Sigmoid and Tanh: odd rational approximations with fused multiply-adds.

/// Numerator of the sigmoid, highest power first: `x (a9 x^8 + a7 x^6 + ...)` (MLAS, `MlasLogisticConstants`).
const SIGMOID_NUMERATOR: [f32; 5] =
    [4.370_310_125_798_01e-11, 1.156_273_244_599_42e-7, 6.085_748_646_001_43e-5, 8.513_771_333_047_01e-3, 2.482_879_470_615_29e-1];

/// Denominator of the sigmoid in `x^2`, highest power first.
const SIGMOID_DENOMINATOR: [f32; 6] = [
    6.102_473_897_556_81e-13,
    5.761_021_369_934_27e-9,
    6.291_067_850_170_4e-6,
    1.701_988_173_740_94e-3,
    1.168_176_569_044_53e-1,
    9.931_519_210_231_8e-1,
];

/// Numerator of the hyperbolic tangent, highest power first: `x (a13 x^12 + a11 x^10 + ...)` (MLAS, `MlasTanhConstants`).
const TANH_NUMERATOR: [f32; 7] = [
    -2.760_768_477_423_55e-16,
    2.000_187_904_824_77e-13,
    -8.604_671_522_137_35e-11,
    5.122_297_090_371_14e-8,
    1.485_722_357_179_79e-5,
    6.372_619_288_754_36e-4,
    4.893_524_558_917_86e-3,
];

/// Denominator of the hyperbolic tangent in `x^2`, highest power first.
const TANH_DENOMINATOR: [f32; 4] = [1.198_258_394_667_02e-6, 1.185_347_056_866_54e-4, 2.268_434_632_439e-3, 4.893_525_185_543_85e-3];

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
