//! QuantizeLinear and DynamicQuantizeLinear.

use std::ops::{Range, RangeInclusive};

use super::cast::to_i32;
use crate::network::arithmetic::round_to_range;

/// QuantizeLinear of one element: `x / scale`, limited so that the sum with `zero_point` lies in `range`, rounded to nearest
/// even, plus `zero_point`.
///
/// The scale divides, it is not a multiplication by the reciprocal. NaN (also from `0 / 0` and `inf / inf`) gives the lower end
/// of `range`.
///
/// This is the arithmetic for int8, uint8, int16 and uint16 with a scale per tensor, per axis, or per block of the last axis, and
/// for the elements of int4 and uint4 that are not [`unpaired`]. All others are [`quantize_wrapping`], which differs only for NaN
/// and `|x / scale| >= 2^31`.
///
/// `range` is that of the type: -128 to 127 for int8, 0 to 255 for uint8, -8 to 7 for int4, 0 to 15 for uint4, -2 to 1 for int2,
/// 0 to 3 for uint2.
pub fn quantize(x: f32, scale: f32, zero_point: i32, range: &RangeInclusive<i32>) -> i32 {
    round_to_range(x / scale, zero_point, *range.start(), *range.end())
}

/// QuantizeLinear of one element: `x / scale` rounded to nearest even and converted to int32, where NaN and everything outside
/// int32 become `i32::MIN`; plus `zero_point`, which may wrap around; limited to `range`.
///
/// This is the arithmetic for int2 and uint2, for blocks of any other axis than the last, and for [`unpaired`] elements.
pub fn quantize_wrapping(x: f32, scale: f32, zero_point: i32, range: &RangeInclusive<i32>) -> i32 {
    let value = to_i32((x / scale).round_ties_even()).wrapping_add(zero_point);
    value.max(*range.start()).min(*range.end())
}

/// Whether the element at `index` of an int4 or uint4 tensor shares its byte with an element of another scale, or with none:
/// `segment` are the indices of the run of elements with the same scale (the whole tensor, or a run along the last axes).
pub fn unpaired(index: usize, segment: &Range<usize>) -> bool {
    (index % 2 == 1 && index == segment.start) || (index.is_multiple_of(2) && index + 1 == segment.end)
}

/// The scale and the zero point of DynamicQuantizeLinear (uint8) for all elements of a tensor; the elements are then quantized
/// with [`quantize`].
///
/// The range of the elements is extended to include zero; the scale is the range divided by 255, or 1 for the range zero; the
/// zero point is `-minimum / scale`, limited and rounded to nearest even. With a range that is infinite the scale is infinite and
/// the zero point 0, or 255 for a minimum of minus infinity.
///
/// With a NaN among the elements onnxruntime's result depends on its position and on the threads; here NaNs are passed over.
pub fn dynamic_parameters(data: &[f32]) -> (f32, u8) {
    let (mut minimum, mut maximum) = (0.0f32, 0.0f32);
    for &x in data {
        minimum = if x < minimum { x } else { minimum };
        maximum = if x > maximum { x } else { maximum };
    }
    let scale = if maximum == minimum { 1.0 } else { (maximum - minimum) / 255.0 };
    let zero_point = 0.0 - minimum / scale;
    // Comparisons in the order of std::min(255, z) and std::max(0, z): a NaN becomes 255.
    let zero_point = if zero_point < 255.0 { zero_point } else { 255.0 };
    let zero_point = if 0.0 < zero_point { zero_point } else { 0.0 };
    (scale, zero_point.round_ties_even() as u8)
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, inputs, patterns};
    use super::*;

    /// The checksum of integers as floats.
    fn integers(values: impl Iterator<Item = i32>) -> u64 {
        checksum(values.map(|value| value as f32))
    }

    #[test]
    fn quantize_is_onnxruntimes() {
        let all = |range: RangeInclusive<i32>| integers(patterns().into_iter().map(|x| quantize(x, 0.3, 3, &range)));
        let near = |range: RangeInclusive<i32>| integers(inputs(1, 5000).into_iter().map(|x| quantize(x * 8.0, 0.25, 3, &range)));
        assert_eq!((all(-128..=127), near(-128..=127)), (0x3b98_bbbd_a8f1_33c8, 0xd072_d22d_7dab_1266));
        assert_eq!((all(0..=255), near(0..=255)), (0xf8e3_419b_5d95_3637, 0xdaad_5d44_b276_0cd7));
    }

    #[test]
    fn ties_follow_the_division() {
        let ties = |step: f32, scale: f32| {
            let steps = (-3000..3000i32).map(|i| i.rem_euclid(256) as f32 * step);
            integers(steps.map(|x| quantize(x, scale, -100, &(-128..=127))))
        };
        assert_eq!(ties(0.25, 0.5), 0x3ac1_780d_5666_46b2);
        assert_eq!(ties(0.05, 0.1), 0x0d7f_fc49_f344_6b78);
        assert_eq!(ties(0.35, 0.7), 0x15ed_c0c0_67dc_91ed);
    }

    #[test]
    fn int2_wraps() {
        assert_eq!(integers(patterns().into_iter().map(|x| quantize_wrapping(x, 0.3, -1, &(-2..=1)))), 0xdc51_0a67_c8a0_3038);
    }

    #[test]
    fn the_last_of_an_odd_number_of_int4_wraps() {
        let values = patterns().into_iter().take(65_535).enumerate().map(|(index, x)| {
            let wraps = unpaired(index, &(0..65_535));
            if wraps { quantize_wrapping(x, 0.3, -3, &(-8..=7)) } else { quantize(x, 0.3, -3, &(-8..=7)) }
        });
        assert_eq!(integers(values), 0x87f2_06ad_176e_391b);
        assert_eq!(quantize_wrapping(f32::NAN, 0.3, -3, &(-8..=7)), 7);
        assert_eq!(quantize(f32::NAN, 0.3, -3, &(-8..=7)), -8);
    }

    #[test]
    fn dynamic_parameters_are_onnxruntimes() {
        let parameters = (1..=100u16).flat_map(|count| {
            let (scale, zero_point) = dynamic_parameters(&inputs(u32::from(count), usize::from(count)));
            [scale, f32::from(zero_point)]
        });
        assert_eq!(checksum(parameters), 0xc420_3d4c_01f0_313b);
        assert_eq!(dynamic_parameters(&[0.0, -0.0]), (1.0, 0));
        assert_eq!(dynamic_parameters(&[1.0, f32::NEG_INFINITY]), (f32::INFINITY, 255));
    }
}
