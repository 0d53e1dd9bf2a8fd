//! QLinearAveragePool: a float32 average of the dequantized window, quantized.

use super::convert::{Params, dequantize, float_to_int};

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
/// Formulas: QLinearPool2DTask (contrib_ops/cpu/quantization/qlinear_pool.cc): float32 sum in row-major order of the
/// window, divided by the count, divided by the scale, plus the zero point in float32, and only then rounded; a
/// window wholly in the padding is 0 / 0 and becomes the low end.
pub fn average_pool(x: &[i32], x_params: &Params, y_params: &Params, pool: &Pool) -> Option<Vec<i32>> {
    let plane: usize = pool.input.iter().product();
    if plane == 0 || !x.len().is_multiple_of(plane) {
        return None;
    }
    let mut y = Vec::with_capacity(x.len() / plane * pool.output.iter().product::<usize>());
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

/// First element and end of the window of output `position` along `axis`, within the input.
fn window(pool: &Pool, axis: usize, position: usize) -> (usize, usize) {
    let start = position * pool.strides[axis];
    let end = (start + pool.kernel[axis]).saturating_sub(pool.pads_begin[axis]).min(pool.input[axis]);
    (start.saturating_sub(pool.pads_begin[axis]), end)
}

fn average(plane: &[i32], x_params: &Params, pool: &Pool, position: [usize; 3]) -> f32 {
    let [(i0, i1), (j0, j1), (k0, k1)] = [0, 1, 2].map(|axis| window(pool, axis, position[axis]));
    let mut sum = 0.0f32;
    for i in i0..i1 {
        for j in j0..j1 {
            let row = (i * pool.input[1] + j) * pool.input[2];
            for x in plane.get(row + k0..row + k1).unwrap_or(&[]) {
                sum += dequantize(*x, x_params);
            }
        }
    }
    let inside = i1.saturating_sub(i0) * j1.saturating_sub(j0) * k1.saturating_sub(k0);
    let count = if pool.count_include_pad { pool.kernel.iter().product() } else { inside };
    sum / count as f32
}

/// Rounds after the zero point was added in float32, unlike [`super::quantize`].
fn quantized(value: f32, params: &Params) -> i32 {
    params.saturate(float_to_int(value / params.scale + params.zero_point as f32))
}
