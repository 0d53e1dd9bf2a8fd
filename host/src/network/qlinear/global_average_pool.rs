//! QLinearGlobalAveragePool over channels-first tensors: an exact integer sum, one float32 product.

use crate::network::Narrowed;

/// Elements of a plane that the kernel refuses to sum (2^24).
const MOST_ELEMENTS: usize = 0x100_0000;

/// Averages each plane of `plane` elements of `x` (`[planes, plane]`, planes = batch times channels) to one integer.
///
/// Formula: `round((sum - plane * zx) * (sx / (sy * plane))) + zy`, saturated before the rounding
/// (MlasQLinearGlobalAveragePool, mlas/lib/qlgavgpool.cpp, SSE2). `None` where the kernel throws: scale ratio outside
/// `2^-32..256` or a plane of 2^24 elements; also when `x` is not a whole number of planes.
pub fn global_average_pool(x: &[i32], x_params: &Narrowed, y_params: &Narrowed, plane: usize) -> Option<Vec<i32>> {
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
        y_params.round(sum as f32 * scale)
    };
    Some(x.chunks_exact(plane).map(average).collect())
}

#[cfg(test)]
mod tests {
    use super::super::golden::{Row, check, integers, params};
    use super::*;

    /// Outputs of QLinearGlobalAveragePool over planes of 42 elements, recorded.
    #[rustfmt::skip]
    const RECORDED: [Row<2, 2>; 5] = [
        ([0.0473, 1.0 / 256.0], [121, 0], [0x5e79_3657_af36_8df5, 0x8459_c9e7_b84f_fdf5]),
        ([0.5, 0.25], [128, 100], [0x5944_738c_5422_a2e8, 0xd5c4_07cc_2ec9_44e8]),
        ([0.003, 0.0201], [255, 77], [0x2724_ed3b_adfa_26a5, 0x5124_114e_46b1_58a5]),
        ([0.075, 0.1], [199, 99], [0xef24_0a09_fda8_7b1e, 0xb76c_7c22_bea1_4b1e]),
        ([0.30127564, 0.27756006], [107, 124], [0xf0f1_0610_3641_4ffa, 0x73e7_14d1_2594_3afa]),
    ];

    #[test]
    fn planes_equal_the_recorded_outputs() {
        check(&RECORDED, |x, y, low| global_average_pool(&integers(2 * 5 * 42, low), x, y, 42).expect("whole planes"));
    }

    #[test]
    fn what_the_kernel_throws_at_is_refused() {
        let (tensor, fine) = (params(1.0, 0, 0), params(1e-3, 0, 0));
        assert_eq!(global_average_pool(&[1, 2], &tensor, &fine, 2), None, "ratio 500");
        assert_eq!(global_average_pool(&[1, 2], &params(1e-12, 0, 0), &tensor, 2), None, "ratio below 2^-32");
        assert_eq!(global_average_pool(&[1, 2, 3], &tensor, &tensor, 2), None, "part of a plane");
        assert_eq!(global_average_pool(&[], &tensor, &tensor, 0), None, "no plane");
        assert_eq!(global_average_pool(&[1, 2], &tensor, &params(2.0 / 255.0, 0, 0), 2), Some(vec![191]));
    }
}
