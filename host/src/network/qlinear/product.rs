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
