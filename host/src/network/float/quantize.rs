//! QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear.

use std::ops::{Range, RangeInclusive};

use super::cast::to_i32;

/// QuantizeLinear of one element: `x / scale`, limited so that the sum with `zero_point` lies in `range`, rounded to nearest even, plus
/// `zero_point`.
///
/// The scale divides, it is not a multiplication by the reciprocal. NaN (also from `0 / 0` and `inf / inf`) gives the lower end of `range`.
///
/// This is the arithmetic for int8, uint8, int16 and uint16 with a scale per tensor, per axis, or per block of the last axis, and for the elements
/// of int4 and uint4 that are not [`unpaired`]. All others are [`quantize_wrapping`], which differs only for NaN and `|x / scale| >= 2^31`.
///
/// `range` is that of the type: -128 to 127 for int8, 0 to 255 for uint8, -8 to 7 for int4, 0 to 15 for uint4, -2 to 1 for int2, 0 to 3 for uint2.
pub fn quantize(x: f32, scale: f32, zero_point: i32, range: &RangeInclusive<i32>) -> i32 {
    let lowest = range.start().saturating_sub(zero_point) as f32;
    let highest = range.end().saturating_sub(zero_point) as f32;
    let value = x / scale;
    // MAXPS gives its second operand when the first is NaN.
    let value = if value > lowest { value } else { lowest };
    let value = if value < highest { value } else { highest };
    (value.round_ties_even() as i32).saturating_add(zero_point)
}

/// QuantizeLinear of one element: `x / scale` rounded to nearest even and converted to int32, where NaN and everything outside int32 become
/// `i32::MIN`; plus `zero_point`, which may wrap around; limited to `range`.
///
/// This is the arithmetic for int2 and uint2, for blocks of any other axis than the last, and for [`unpaired`] elements.
pub fn quantize_wrapping(x: f32, scale: f32, zero_point: i32, range: &RangeInclusive<i32>) -> i32 {
    let value = to_i32((x / scale).round_ties_even()).wrapping_add(zero_point);
    value.max(*range.start()).min(*range.end())
}

/// Whether the element at `index` of an int4 or uint4 tensor shares its byte with an element of another scale, or with none: `segment` are the indices
/// of the run of elements with the same scale (the whole tensor, or a run along the last axes).
pub fn unpaired(index: usize, segment: &Range<usize>) -> bool {
    (index % 2 == 1 && index == segment.start) || (index % 2 == 0 && index + 1 == segment.end)
}

/// DequantizeLinear of one element: `(value - zero_point) * scale`, the difference in integers.
pub fn dequantize(value: i32, scale: f32, zero_point: i32) -> f32 {
    value.wrapping_sub(zero_point) as f32 * scale
}

/// The scale and the zero point of DynamicQuantizeLinear (uint8) for all elements of a tensor; the elements are then quantized with [`quantize`].
///
/// The range of the elements is extended to include zero; the scale is the range divided by 255, or 1 for the range zero; the zero point is
/// `-minimum / scale`, limited and rounded to nearest even. With a range that is infinite the scale is infinite and the zero point 0, or 255 for a
/// minimum of minus infinity.
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
