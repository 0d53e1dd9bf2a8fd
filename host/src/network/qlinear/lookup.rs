//! Operators of one integer: onnxruntime builds a table of 256 entries; these functions are its entries.

use crate::network::Narrowed;
use crate::network::float::elementwise;
use crate::network::float::logistic;

/// QLinearSigmoid of one integer: dequantize, [`logistic::sigmoid`], quantize (QlinearBuildLookupTable).
pub fn sigmoid(x: i32, x_params: &Narrowed, y_params: &Narrowed) -> i32 {
    y_params.quantize(logistic::sigmoid(x_params.dequantize(x)))
}

/// QLinearLeakyRelu of one integer: negative reals times `alpha`, in float32.
pub fn leaky_relu(x: i32, alpha: f32, x_params: &Narrowed, y_params: &Narrowed) -> i32 {
    y_params.quantize(elementwise::leaky_relu(x_params.dequantize(x), alpha))
}

/// An element of QLinearConcat: the integer of `y_params` nearest to what `x` stands for.
///
/// With equal scales and zero points onnxruntime copies the bytes; here the copy saturates too, which only differs
/// when the output has fewer bits.
pub fn requantize(x: i32, x_params: &Narrowed, y_params: &Narrowed) -> i32 {
    if x_params.scale == y_params.scale && x_params.zero_point == y_params.zero_point {
        return y_params.saturate(x);
    }
    y_params.quantize(x_params.dequantize(x))
}

#[cfg(test)]
mod tests {
    use super::super::golden::{Row, all, check};
    use super::*;

    /// Outputs of QLinearSigmoid, recorded.
    #[rustfmt::skip]
    const SIGMOID: [Row<2, 2>; 5] = [
        ([0.0473, 1.0 / 256.0], [121, 0], [0x30fd_b4fd_433f_ec14, 0x8fc2_83cf_3724_8314]),
        ([0.5, 0.25], [128, 100], [0xd9e8_9a66_78ad_67cf, 0x3eae_9abd_a1f2_57cf]),
        ([0.003, 0.0201], [255, 77], [0xb7a2_c9dd_3b4b_d4c6, 0xc0d8_640d_e151_83c6]),
        ([0.075, 0.1], [199, 99], [0x69ef_0e50_f337_84a4, 0x1adf_8955_991e_f5a4]),
        ([0.30127564, 0.27756006], [107, 124], [0xf670_fa21_26a9_abc9, 0x1645_5b16_7058_91c9]),
    ];

    /// Outputs of QLinearLeakyRelu with alpha 0.1, recorded.
    #[rustfmt::skip]
    const LEAKY_RELU: [Row<2, 2>; 5] = [
        ([0.0473, 1.0 / 256.0], [121, 0], [0x1bc8_4bb4_b9e4_23a5, 0x3f7f_59d5_b2ec_7aa5]),
        ([0.5, 0.25], [128, 100], [0x09ad_d55d_1b06_01fe, 0x9453_e1ab_84c3_cdfe]),
        ([0.003, 0.0201], [255, 77], [0x4eaa_865b_5b1b_9919, 0xf479_ab15_4886_4219]),
        ([0.075, 0.1], [199, 99], [0x05d1_0cfb_2562_7868, 0x8784_d12c_b642_0c68]),
        ([0.30127564, 0.27756006], [107, 124], [0xfb7d_cf5e_c012_52e6, 0xb764_4066_6985_d2e6]),
    ];

    /// Outputs of QLinearConcat of one tensor, recorded.
    #[rustfmt::skip]
    const CONCAT: [Row<2, 2>; 5] = [
        ([0.0473, 1.0 / 256.0], [121, 0], [0x1bc8_4bb4_b9e4_23a5, 0x3f7f_59d5_b2ec_7aa5]),
        ([0.5, 0.25], [128, 100], [0x6e2f_8a59_11a0_37eb, 0xd635_048b_6409_cdeb]),
        ([0.003, 0.0201], [255, 77], [0xae8e_3e69_7fda_843e, 0xbedf_e62c_4077_143e]),
        ([0.075, 0.1], [199, 99], [0x1f73_f3b9_6d2c_0811, 0xf283_41b5_2afb_8f11]),
        ([0.30127564, 0.27756006], [107, 124], [0x980e_b379_f8c2_eecb, 0x042d_3af0_e792_27cb]),
    ];

    #[test]
    fn all_integers_equal_the_recorded_outputs() {
        check(&SIGMOID, |x, y, low| all(low).into_iter().map(|integer| sigmoid(integer, x, y)).collect());
        check(&LEAKY_RELU, |x, y, low| all(low).into_iter().map(|integer| leaky_relu(integer, 0.1, x, y)).collect());
        check(&CONCAT, |x, y, low| all(low).into_iter().map(|integer| requantize(integer, x, y)).collect());
    }

    #[test]
    fn equal_parameters_copy() {
        // 7e-46 rounds products to denormals: a copy is exact where a round trip is not.
        let tensor = Narrowed { bits: 8, scale: f32::from_bits(1), zero_point: 3, low: 0, high: 255 };
        assert!((0..256).all(|x| requantize(x, &tensor, &tensor) == x));
        assert_eq!(requantize(200, &tensor, &Narrowed { high: 15, ..tensor }), 15);
    }
}
