//! Operators of one integer: onnxruntime builds a table of 256 entries; these functions are its entries.

use super::convert::{Params, dequantize, quantize};
use super::logistic::logistic;

/// QLinearSigmoid of one integer: dequantize, [`logistic`], quantize (QlinearBuildLookupTable).
pub fn sigmoid(x: i32, x_params: &Params, y_params: &Params) -> i32 {
    quantize(logistic(dequantize(x, x_params)), y_params)
}

/// QLinearLeakyRelu of one integer: negative reals times `alpha`, in float32.
pub fn leaky_relu(x: i32, alpha: f32, x_params: &Params, y_params: &Params) -> i32 {
    let value = dequantize(x, x_params);
    quantize(if value >= 0.0 { value } else { alpha * value }, y_params)
}

/// An element of QLinearConcat and QLinearWhere: the integer of `y_params` nearest to what `x` stands for.
///
/// With equal scales and zero points onnxruntime copies the bytes; here the copy saturates too, which only differs
/// when the output has fewer bits.
pub fn requantize(x: i32, x_params: &Params, y_params: &Params) -> i32 {
    if x_params.scale == y_params.scale && x_params.zero_point == y_params.zero_point {
        return y_params.saturate(x);
    }
    quantize(dequantize(x, x_params), y_params)
}
