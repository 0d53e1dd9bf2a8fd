//! QLinearAveragePool: a float32 average of the dequantized window, quantized.

use super::convert::float_to_int;
use crate::network::Narrowed;

/// An average pool over up to three spatial axes; each array is outermost axis first, unused axes lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Spatial size of the input; 1 for unused axes.
    pub input: [usize; 3],
    /// Spatial size of the output; 1 for unused axes.
    pub output: [usize; 3],
    /// Size of the window; 1 for unused axes.
    pub kernel: [usize; 3],
    /// Step of the window; 1 for unused axes.
    pub strides: [usize; 3],
    /// Padding before the first element; 0 for unused axes.
    pub pads_begin: [usize; 3],
    /// Whether padding counts as elements of the window.
    pub count_include_pad: bool,
}

/// Averages each plane of `x` (`[planes, input]` row-major, planes = batch times channels); the result is
/// `[planes, output]`. `None` when `x` is not a whole number of planes.
///
/// Formulas: QLinearPool2DTask (contrib_ops/cpu/quantization/qlinear_pool.cc), which knows no dilation: float32 sum in row-major order of the
/// window, divided by the count, divided by the scale, plus the zero point in float32, and only then rounded; a
/// window wholly in the padding is 0 / 0 and becomes the low end.
pub fn average_pool(x: &[i32], x_params: &Narrowed, y_params: &Narrowed, pool: &Pool) -> Option<Vec<i32>> {
    let plane = elements(&pool.input);
    if plane == 0 || !x.len().is_multiple_of(plane) {
        return None;
    }
    let mut y = Vec::new();
    for plane in x.chunks_exact(plane) {
        for i in 0..pool.output[0] {
            for j in 0..pool.output[1] {
                for k in 0..pool.output[2] {
                    y.push(quantized(average(plane, x_params, pool, [i, j, k]), y_params));
                }
            }
        }
    }
    Some(y)
}

/// Elements of a box of these sizes; beyond `usize`, its maximum, which no slice holds.
fn elements(sizes: &[usize; 3]) -> usize {
    sizes.iter().fold(1, |product, &size| product.saturating_mul(size))
}

/// First element and end of the window of output `position` along `axis`, within the input.
fn window(pool: &Pool, axis: usize, position: usize) -> (usize, usize) {
    let start = position.saturating_mul(pool.strides[axis]);
    let end = start.saturating_add(pool.kernel[axis]).saturating_sub(pool.pads_begin[axis]).min(pool.input[axis]);
    (start.saturating_sub(pool.pads_begin[axis]), end)
}

fn average(plane: &[i32], x_params: &Narrowed, pool: &Pool, position: [usize; 3]) -> f32 {
    let [(i0, i1), (j0, j1), (k0, k1)] = [0, 1, 2].map(|axis| window(pool, axis, position[axis]));
    let mut sum = 0.0f32;
    for i in i0..i1 {
        for j in j0..j1 {
            let row = (i * pool.input[1] + j) * pool.input[2];
            for x in plane.get(row + k0..row + k1).unwrap_or(&[]) {
                sum += x_params.dequantize(*x);
            }
        }
    }
    let inside = i1.saturating_sub(i0) * j1.saturating_sub(j0) * k1.saturating_sub(k0);
    let count = if pool.count_include_pad { elements(&pool.kernel) } else { inside };
    sum / count as f32
}

/// Rounds after the zero point was added in float32, unlike [`super::quantize`].
fn quantized(value: f32, params: &Narrowed) -> i32 {
    params.saturate(float_to_int(value / params.scale + params.zero_point as f32))
}

#[cfg(test)]
mod tests {
    use super::super::golden::{Row, check, integers, params};
    use super::*;

    const POOL: Pool = Pool {
        input: [1, 7, 6],
        output: [1, 4, 6],
        kernel: [1, 3, 2],
        strides: [1, 2, 1],
        pads_begin: [0, 1, 1],
        count_include_pad: false,
    };

    /// Outputs of QLinearAveragePool over `POOL`, recorded.
    #[rustfmt::skip]
    const RECORDED: [Row<2, 2>; 5] = [
        ([0.0473, 1.0 / 256.0], [121, 0], [0x692a_7980_612a_6298, 0x9a6a_719a_b79f_9a98]),
        ([0.5, 0.25], [128, 100], [0xc0eb_f9ac_f96c_b9b3, 0x3393_0295_9f8c_b9b3]),
        ([0.003, 0.0201], [255, 77], [0x8974_6ace_d4e9_3add, 0x6487_8cf2_88fd_42dd]),
        ([0.075, 0.1], [199, 99], [0xa54b_744c_1c41_a3a3, 0xf121_ea8f_c473_fbc4]),
        ([0.30127564, 0.27756006], [107, 124], [0x8e13_3db2_7af7_5910, 0xef86_58c4_cef9_c910]),
    ];

    /// The same with padding counted.
    #[rustfmt::skip]
    const COUNTED: [Row<2, 2>; 5] = [
        ([0.0473, 1.0 / 256.0], [121, 0], [0x4eaf_8cd9_8383_c6c0, 0x5cde_3345_fc79_82c0]),
        ([0.5, 0.25], [128, 100], [0x904d_f734_bd22_6a09, 0xcbc5_0f00_f8ff_ee09]),
        ([0.003, 0.0201], [255, 77], [0x5cba_3b12_ea94_31f8, 0x83c7_7eaa_9a92_9ef8]),
        ([0.075, 0.1], [199, 99], [0xeff8_3eb2_ca8b_faa8, 0xdb28_5903_5651_2086]),
        ([0.30127564, 0.27756006], [107, 124], [0xd5b0_4e05_1a24_c63b, 0x50e5_c8a2_4271_d03b]),
    ];

    #[test]
    fn padded_pools_equal_the_recorded_outputs() {
        let run = |count_include_pad: bool| {
            move |x: &Narrowed, y: &Narrowed, low: i32| {
                let pool = Pool { count_include_pad, ..POOL };
                average_pool(&integers(2 * 5 * 7 * 6, low), x, y, &pool).expect("whole planes")
            }
        };
        check(&RECORDED, run(false));
        check(&COUNTED, run(true));
    }

    #[test]
    fn a_window_in_the_padding_is_the_low_end() {
        let pool =
            Pool { input: [1, 1, 2], output: [1, 1, 3], kernel: [1, 1, 1], strides: [1; 3], pads_begin: [0, 0, 1], ..POOL };
        let tensor = params(1.0, 100, 0);
        assert_eq!(average_pool(&[101, 102], &tensor, &tensor, &pool), Some(vec![0, 101, 102]));
    }

    #[test]
    fn part_of_a_plane_is_refused() {
        let tensor = params(1.0, 0, 0);
        assert_eq!(average_pool(&[0; 43], &tensor, &tensor, &POOL), None);
    }
}
