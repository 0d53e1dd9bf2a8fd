//! From int32 accumulators to outputs: what follows the integer products of QLinearConv, QLinearMatMul, QGemm,
//! MatMulIntegerToFloat and DynamicQuantizeMatMul.

use super::convert::{Params, bounded_to_int};

/// The float32 factor of a product: `alpha * a_scale * b_scale`, divided by `y_scale` when the output is quantized,
/// each step rounded, in this order. QLinearConv, QLinearMatMul and the float products have `alpha` 1, which is exact.
pub fn product_scale(alpha: f32, a_scale: f32, b_scale: f32, y_scale: Option<f32>) -> f32 {
    let scale = alpha * a_scale * b_scale;
    y_scale.map_or(scale, |y_scale| scale / y_scale)
}

/// `saturate(round_half_even(float32(accumulator) * scale) + zero_point)`, saturated before the rounding;
/// `accumulator` includes the int32 bias (MlasRequantizeOutput).
pub fn quantized_product(accumulator: i32, scale: f32, y_params: &Params) -> i32 {
    bounded_to_int(accumulator as f32 * scale, y_params)
}

/// `float32(accumulator) * scale + bias`, two roundings (MLAS_QGEMM_SCALE_BIAS_OUTPUT_PROCESSOR). Without a bias
/// nothing is added: a negative zero stays.
pub fn scaled_product(accumulator: i32, scale: f32, bias: Option<f32>) -> f32 {
    let product = accumulator as f32 * scale;
    bias.map_or(product, |bias| product + bias)
}

#[cfg(test)]
mod tests {
    use super::*;

    const U8: Params = Params { scale: 0.1, zero_point: 3, low: 0, high: 255 };

    #[test]
    fn the_scale_is_rounded_after_each_step_from_the_left() {
        // Chosen so that each other order of these operations gives other bits.
        let (alpha, a, b, y) = (1.795f32, 0.032f32, 0.022f32, 0.156f32);
        assert_eq!(product_scale(alpha, a, b, Some(y)).to_bits(), 0x3c04_b804);
        for other in [alpha * (a * b) / y, alpha * a * (b / y), alpha * (a * b / y), alpha * (a * (b / y))] {
            assert_ne!(other.to_bits(), 0x3c04_b804);
        }
    }

    #[test]
    fn quantized_products_round_half_to_even_and_saturate_first() {
        for (accumulator, integer) in [(5, 5), (7, 7), (-3, 1), (-5, 1), (i32::MAX, 255), (i32::MIN, 0), (504, 255)] {
            assert_eq!(quantized_product(accumulator, 0.5, &U8), integer, "{accumulator}");
        }
        assert_eq!(quantized_product(1, f32::INFINITY, &U8), 255);
        assert_eq!(quantized_product(0, f32::INFINITY, &U8), 0, "NaN is the low end");
    }

    #[test]
    fn a_float_bias_is_added_after_the_product_was_rounded() {
        // 3 * 0.1 is 0.3 + 2^-25 or so; fused, the sum with -0.3 would keep what the product's rounding drops.
        let (scale, bias) = (0.1f32, -0.3f32);
        assert_eq!(scaled_product(3, scale, Some(bias)), 3.0 * scale + bias);
        assert_ne!(scaled_product(3, scale, Some(bias)), 3.0f32.mul_add(scale, bias));
        assert_eq!(scaled_product(0, -1.0, None).to_bits(), (-0.0f32).to_bits());
        // The accumulator itself is rounded to float32.
        assert_eq!(scaled_product(16_777_217, 1.0, None), 16_777_216.0);
    }
}
