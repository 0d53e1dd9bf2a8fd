//! What integers mean: scale, zero point, type and width.
//!
//! Every quantizer is kept in 8-bit form: a 4-bit tensor with scale `s` and zero point `z` is the 8-bit quantizer
//! `(s / 16, 16 z)` that never delivers more than 4 bits. Both divisions are exact, and width becomes one number.

use super::DType;
use super::arithmetic::{power_of_two, round_to_range};

/// Meaning of an integer at 8 bits: `value = (integer - zero_point) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantParams {
    /// Step between neighbouring integers at 8 bits; finite and positive.
    pub scale: f32,
    /// Integer that means zero, in the range of `dtype` at 8 bits.
    pub zero_point: i32,
    /// Integer type.
    pub dtype: DType,
    /// Most bits the integers ever have: 8, 4 or 2.
    pub bits: u8,
}

/// [`QuantParams`] at a width of 8 bits or fewer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Narrowed {
    /// Width in bits.
    pub bits: u8,
    /// `scale * 2^(8 - bits)`.
    pub scale: f32,
    /// Zero point at this width.
    pub zero_point: i32,
    /// Smallest integer.
    pub low: i32,
    /// Largest integer.
    pub high: i32,
}

impl QuantParams {
    /// The same quantizer with `bits` bits: step `2^(8 - bits)` times as large, range of `bits` bits with the same
    /// signedness, zero point divided by `2^(8 - bits)` and rounded half to even. Zero stays exact at every width;
    /// a zero point that is no multiple of `2^(8 - bits)` moves the ends of the range by less than one new step.
    pub fn at_bits(&self, bits: u8) -> Narrowed {
        let bits = bits.clamp(1, 8);
        let dropped = i32::from(8 - bits);
        let (low, high) = self.dtype.range(bits);
        let zero_point = if dropped == 0 {
            self.zero_point
        } else {
            // Division by a power of two is exact in float32 for these small integers.
            let rounded = (self.zero_point as f32 * power_of_two(-dropped)).round_ties_even() as i32;
            rounded.clamp(low, high)
        };
        Narrowed { bits, scale: self.scale * power_of_two(dropped), zero_point, low, high }
    }
}

impl Narrowed {
    /// The integer for a value: `clamp(round_half_even(value / scale) + zero_point)`, as onnxruntime quantizes (MlasQuantizeLinear):
    /// a division, not a product with the reciprocal; NaN becomes the low end.
    pub fn quantize(&self, value: f32) -> i32 {
        self.round(value / self.scale)
    }

    /// The integer for a value in steps: `clamp(round_half_even(steps) + zero_point)`.
    pub fn round(&self, steps: f32) -> i32 {
        round_to_range(steps, self.zero_point, self.low, self.high)
    }

    /// An integer within the range; unlike [`Ord::clamp`] also defined where that is empty: then it is `high`.
    pub fn saturate(&self, integer: i32) -> i32 {
        integer.max(self.low).min(self.high)
    }

    /// The value of an integer: `float32(integer - zero_point) * scale`.
    pub fn dequantize(&self, integer: i32) -> f32 {
        integer.wrapping_sub(self.zero_point) as f32 * self.scale
    }
}

/// Parameters of a whole tensor: one [`QuantParams`], or one for each slice along an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantizer {
    /// One scale, or one for each slice along `axis`; in 8-bit form.
    pub scales: Vec<f32>,
    /// As many zero points as scales; in 8-bit form.
    pub zero_points: Vec<i32>,
    /// The axis that the scales belong to; `None` when there is one scale for all.
    pub axis: Option<usize>,
    /// Integer type: int8 or uint8; int32 where only dequantized.
    pub dtype: DType,
    /// Most bits the integers have: 8, 4 or 2 (32 for int32, whose scales are taken as they are).
    pub bits: u8,
}

impl Quantizer {
    /// Parameters of a quantizer for a whole tensor.
    pub fn per_tensor(&self) -> Option<QuantParams> {
        match (self.axis, self.scales.first(), self.zero_points.first()) {
            (None, Some(&scale), Some(&zero_point)) => {
                Some(QuantParams { scale, zero_point, dtype: self.dtype, bits: self.bits })
            }
            _ => None,
        }
    }

    /// Parameters for element `index` of a tensor of this shape.
    pub fn at(&self, shape: &[usize], index: usize) -> QuantParams {
        let slice = match self.axis {
            None => 0,
            Some(axis) => {
                let inner: usize = shape.iter().skip(axis + 1).product();
                index / inner.max(1) % shape.get(axis).copied().unwrap_or(1).max(1)
            }
        };
        QuantParams {
            scale: self.scales.get(slice).copied().unwrap_or(1.0),
            zero_point: self.zero_points.get(slice).copied().unwrap_or(0),
            dtype: self.dtype,
            bits: self.bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const U8: Narrowed = Narrowed { bits: 8, scale: 0.5, zero_point: 3, low: 0, high: 255 };

    #[test]
    fn quantization_saturates_before_it_converts() {
        assert_eq!(U8.quantize(f32::INFINITY), 255);
        assert_eq!(U8.quantize(f32::NEG_INFINITY), 0);
        assert_eq!(U8.quantize(f32::NAN), 0);
        assert_eq!(U8.quantize(1e30), 255);
        // 0.25 / 0.5 is a tie: to the even 0, not 1.
        assert_eq!(U8.quantize(0.25), 3);
        assert_eq!(U8.quantize(0.75), 5);
    }

    #[test]
    fn every_integer_survives_a_round_trip() {
        for integer in 0..=255 {
            assert_eq!(U8.quantize(U8.dequantize(integer)), integer);
        }
    }

    #[test]
    fn narrow_ranges_saturate_at_their_own_ends() {
        let narrow = Narrowed { bits: 8, scale: 1.0, zero_point: 8, low: 0, high: 15 };
        assert_eq!(narrow.quantize(100.0), 15);
        assert_eq!(narrow.quantize(-100.0), 0);
        assert_eq!(narrow.saturate(16), 15);
    }
}
