//! Quantization parameters, and the conversions between float32 and integers that all kernels share.

/// How a tensor of integers stands for real numbers: `real = scale * (integer - zero_point)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Real distance of two neighbouring integers; positive and finite.
    pub scale: f32,
    /// The integer that stands for zero; between `low` and `high`.
    pub zero_point: i32,
    /// Smallest integer of the tensor: 0 for u8, -128 for i8, nearer to the zero point for fewer bits.
    pub low: i32,
    /// Largest integer of the tensor: 255 for u8, 127 for i8.
    pub high: i32,
}

impl Params {
    /// `value` within `low..=high`; unlike [`Ord::clamp`] also defined when `low > high`, where it is `high`.
    pub fn saturate(&self, value: i32) -> i32 {
        value.max(self.low).min(self.high)
    }
}

/// Rounds half to even as the x86 instructions `cvtps2dq` and `cvttss2si` leave it: what does not fit, and NaN, is
/// `i32::MIN`, the "integer indefinite" value. Kernels that convert before they saturate send huge positive
/// values to the low end by it.
pub fn float_to_int(value: f32) -> i32 {
    let rounded = value.round_ties_even();
    // 2^31 is the first float32 beyond i32, and -2^31 the last within; NaN fails both comparisons.
    if (-2_147_483_648.0..2_147_483_648.0).contains(&rounded) { rounded as i32 } else { i32::MIN }
}

/// `scale * (integer - zero_point)` in float32, as DequantizeLinear computes it.
pub fn dequantize(integer: i32, params: &Params) -> f32 {
    params.scale * integer.saturating_sub(params.zero_point) as f32
}

/// `saturate(round_half_even(value / scale) + zero_point)`, as QuantizeLinear computes it (MlasQuantizeLinear):
/// true division, saturation in float32 before the conversion, NaN to the low end.
pub fn quantize(value: f32, params: &Params) -> i32 {
    bounded_to_int(value / params.scale, params)
}

/// `round_half_even(value)` plus zero point, saturated in float32 before the conversion; NaN becomes the low end.
///
/// Bounds first is the order of MlasQuantizeLinear and MlasRequantizeOutput: no conversion can overflow.
pub(super) fn bounded_to_int(value: f32, params: &Params) -> i32 {
    let low = params.low.saturating_sub(params.zero_point) as f32;
    let high = params.high.saturating_sub(params.zero_point) as f32;
    // `maxps` and `minps` return their second operand when the first is NaN, and so does `f32::max`.
    float_to_int(value.max(low).min(high)).saturating_add(params.zero_point)
}

#[cfg(test)]
mod tests {
    use super::*;

    const U8: Params = Params { scale: 0.5, zero_point: 3, low: 0, high: 255 };

    #[test]
    fn conversion_rounds_half_to_even_and_is_indefinite_beyond_i32() {
        let cases = [
            (0.5, 0),
            (1.5, 2),
            (2.5, 2),
            (-0.5, 0),
            (-1.5, -2),
            (2_147_483_520.0, 2_147_483_520),
            (2_147_483_648.0, i32::MIN),
            (-2_147_483_648.0, i32::MIN),
            (f32::INFINITY, i32::MIN),
            (f32::NAN, i32::MIN),
        ];
        for (value, integer) in cases {
            assert_eq!(float_to_int(value), integer, "{value}");
        }
    }

    #[test]
    fn quantization_saturates_before_it_converts() {
        assert_eq!(quantize(f32::INFINITY, &U8), 255);
        assert_eq!(quantize(f32::NEG_INFINITY, &U8), 0);
        assert_eq!(quantize(f32::NAN, &U8), 0);
        assert_eq!(quantize(1e30, &U8), 255);
        // 0.25 / 0.5 is a tie: to the even 0, not 1.
        assert_eq!(quantize(0.25, &U8), 3);
        assert_eq!(quantize(0.75, &U8), 5);
    }

    #[test]
    fn every_integer_survives_a_round_trip() {
        for integer in 0..=255 {
            assert_eq!(quantize(dequantize(integer, &U8), &U8), integer);
        }
    }

    #[test]
    fn narrow_ranges_saturate_at_their_own_ends() {
        let narrow = Params { scale: 1.0, zero_point: 8, low: 0, high: 15 };
        assert_eq!(quantize(100.0, &narrow), 15);
        assert_eq!(quantize(-100.0, &narrow), 0);
        assert_eq!(narrow.saturate(16), 15);
    }
}
