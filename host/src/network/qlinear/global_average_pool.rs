//! QLinearGlobalAveragePool over channels-first tensors: an exact integer sum, one float32 product.

use super::convert::{Params, bounded_to_int};

/// Elements of a plane that the kernel refuses to sum (2^24).
const MOST_ELEMENTS: usize = 0x100_0000;

/// Averages each plane of `plane` elements of `x` (`[planes, plane]`, planes = batch times channels) to one integer.
///
/// Formula: `round((sum - plane * zx) * (sx / (sy * plane))) + zy`, saturated before the rounding
/// (MlasQLinearGlobalAveragePool, mlas/lib/qlgavgpool.cpp, SSE2). `None` where the kernel throws: scale ratio outside
/// `2^-32..256` or a plane of 2^24 elements; also when `x` is not a whole number of planes.
pub fn global_average_pool(x: &[i32], x_params: &Params, y_params: &Params, plane: usize) -> Option<Vec<i32>> {
    if plane == 0 || plane >= MOST_ELEMENTS || !x.len().is_multiple_of(plane) {
        return None;
    }
    let scale = x_params.scale / (y_params.scale * plane as f32);
    // 2^-32 as float32 bits; a NaN ratio is refused too.
    if !(scale >= f32::from_bits((127 - 32) << 23) && scale < 256.0) {
        return None;
    }
    let average = |plane: &[i32]| {
        let sum = plane.iter().fold(0i32, |sum, &x| sum.wrapping_add(x.wrapping_sub(x_params.zero_point)));
        bounded_to_int(sum as f32 * scale, y_params)
    };
    Some(x.chunks_exact(plane).map(average).collect())
}
