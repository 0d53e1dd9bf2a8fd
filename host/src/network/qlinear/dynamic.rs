//! The u8 parameters that DynamicQuantizeLinear and DynamicQuantizeMatMul choose for a float tensor.

use super::convert::Params;

/// Scale and zero point that spread `min(x, 0)..max(x, 0)` over 0..=255 (GetQuantizationParameter, core/util/qmath.h).
pub fn dynamic_params(x: &[f32]) -> Params {
    let low = x.iter().fold(0.0f32, |low, &x| if x < low { x } else { low });
    let high = x.iter().fold(0.0f32, |high, &x| if x > high { x } else { high });
    let scale = if low == high { 1.0 } else { (high - low) / 255.0 };
    let zero_point = (0.0 - low / scale).clamp(0.0, 255.0).round_ties_even() as i32;
    Params { scale, zero_point, low: 0, high: 255 }
}
