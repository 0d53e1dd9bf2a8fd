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

#[cfg(test)]
mod tests {
    use super::super::convert::quantize;
    use super::*;

    #[test]
    fn the_range_always_holds_zero() {
        assert_eq!(dynamic_params(&[1.0, 2.55]), Params { scale: 2.55 / 255.0, zero_point: 0, low: 0, high: 255 });
        assert_eq!(dynamic_params(&[-2.55, -1.0]), Params { scale: 2.55 / 255.0, zero_point: 255, low: 0, high: 255 });
        // -1 over 2.55 / 255 is 100 steps below zero; -1.006 rounds up to 101.
        assert_eq!(dynamic_params(&[-1.006, 1.544]).zero_point, 101);
        assert_eq!(dynamic_params(&[0.0]), Params { scale: 1.0, zero_point: 0, low: 0, high: 255 });
        assert_eq!(dynamic_params(&[]), Params { scale: 1.0, zero_point: 0, low: 0, high: 255 });
    }

    #[test]
    fn a_tensor_equals_its_recorded_quantization() {
        // DynamicQuantizeLinear of onnxruntime 1.31.1, the example of the operator's specification.
        let x = [0.0, 2.0, -3.0, -2.5, 1.34, 0.5];
        let params = dynamic_params(&x);
        assert_eq!((params.scale.to_bits(), params.zero_point), (0x3ca0_a0a1, 153));
        assert_eq!(x.map(|x| quantize(x, &params)), [153, 255, 0, 26, 221, 179]);
    }
}
