//! Pooling windows, AveragePool in plain order, GlobalAveragePool and MaxPool with dilations.

use super::pool_mlas;

/// A two-dimensional pooling window over one plane; pairs are height then width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Elements of the window.
    pub kernel: [usize; 2],
    /// Steps between windows, at least 1.
    pub strides: [usize; 2],
    /// Steps between elements of a window, at least 1.
    pub dilations: [usize; 2],
    /// Padding before the plane (top, left).
    pub before: [usize; 2],
    /// Padding after the plane (bottom, right).
    pub after: [usize; 2],
}

impl Window {
    /// The positions along `axis` that window `index` covers inside a plane of `length`.
    fn positions(&self, axis: usize, index: usize, length: usize) -> impl Iterator<Item = usize> + use<> {
        let (start, before) = (index.saturating_mul(self.strides[axis]), self.before[axis]);
        let dilation = self.dilations[axis].max(1);
        // Only the taps inside the plane are visited: a kernel may be far larger than it.
        let first = before.saturating_sub(start).div_ceil(dilation);
        (first..self.kernel[axis])
            .map(move |tap| start.saturating_add(tap.saturating_mul(dilation)).saturating_sub(before))
            .take_while(move |&position| position < length)
    }

    /// The number of positions along `axis` that window `index` covers inside a plane of `length` and its padding.
    fn padded_count(&self, axis: usize, index: usize, length: usize) -> usize {
        let end = length.saturating_add(self.before[axis]).saturating_add(self.after[axis]);
        let room = end.saturating_sub(index.saturating_mul(self.strides[axis]));
        room.div_ceil(self.dilations[axis].max(1)).min(self.kernel[axis])
    }

    /// Whether the window is the plane, so that there is a single one.
    pub(super) fn is_global(&self, size: [usize; 2]) -> bool {
        self.kernel == size && self.strides == [1, 1] && self.before == [0, 0] && self.after == [0, 0]
    }

    /// Calls `f` with the elements of each window of a plane of `size`, for all `output` windows in order.
    fn each<'a>(
        &self,
        plane: &'a [f32],
        size: [usize; 2],
        output: [usize; 2],
        mut f: impl FnMut([usize; 2], &mut dyn Iterator<Item = f32>) + 'a,
    ) {
        for row in 0..output[0] {
            for column in 0..output[1] {
                let rows = self.positions(0, row, size[0]);
                let mut values = rows
                    .flat_map(|y| self.positions(1, column, size[1]).map(move |x| y.saturating_mul(size[1]).saturating_add(x)))
                    .filter_map(|index| plane.get(index).copied());
                f([row, column], &mut values);
            }
        }
    }
}

/// AveragePool of one plane of `size`, opset 19 and later: the elements row by row, one after the other, divided by their number.
///
/// `output` is the number of windows, `out` has their product. With `count_include_pad` the padding counts as elements, but not
/// what a partial window of `ceil_mode` has beyond it. A window without elements gives zero.
pub fn average_pool(
    plane: &[f32],
    size: [usize; 2],
    window: &Window,
    output: [usize; 2],
    count_include_pad: bool,
    out: &mut [f32],
) {
    let padded =
        |[row, column]: [usize; 2]| window.padded_count(0, row, size[0]).saturating_mul(window.padded_count(1, column, size[1]));
    // The sum of a window without elements is zero, and so is its mean.
    mean(plane, size, window, output, out, |at, inside| if count_include_pad { padded(at) } else { inside }.max(1));
}

/// GlobalAveragePool of one plane: four lanes, element `i` to lane `i mod 4`, then the rest one by one, divided by the number of
/// elements.
///
/// AveragePool before opset 19 takes this way too if its window is the plane.
pub fn global_average_pool(plane: &[f32]) -> f32 {
    pool_mlas::global(plane, 0.0, |a, b| a + b) / plane.len() as f32
}

/// MaxPool of one plane of `size` (any opset, without the output of indices).
///
/// Without dilations onnxruntime uses MLAS, see [`pool_mlas::max_pool`]. With dilations the maximum starts with
/// the first element, so that only a NaN there is kept; a window without elements gives the lowest finite float.
pub fn max_pool(plane: &[f32], size: [usize; 2], window: &Window, output: [usize; 2], out: &mut [f32]) {
    if window.dilations == [1, 1] {
        return pool_mlas::max_pool(plane, size, window, output, out);
    }
    sequential_max(plane, size, window, output, None, out);
}

/// The maximum element by element, from `initial` or else from the first element.
pub(super) fn sequential_max(
    plane: &[f32],
    size: [usize; 2],
    window: &Window,
    output: [usize; 2],
    initial: Option<f32>,
    out: &mut [f32],
) {
    let mut out = out.iter_mut();
    window.each(plane, size, output, |_, values| {
        let first = initial.or_else(|| values.next()).unwrap_or(f32::MIN);
        let maximum = values.fold(first, |maximum, x| if x > maximum { x } else { maximum });
        if let Some(out) = out.next() {
            *out = maximum;
        }
    });
}

/// The sum of each window, element by element, divided by `count` of its place and of its elements inside the plane.
pub(super) fn mean(
    plane: &[f32],
    size: [usize; 2],
    window: &Window,
    output: [usize; 2],
    out: &mut [f32],
    count: impl Fn([usize; 2], usize) -> usize,
) {
    let mut out = out.iter_mut();
    window.each(plane, size, output, |at, values| {
        let (sum, inside) = values.fold((0.0f32, 0usize), |(sum, inside), x| (sum + x, inside + 1));
        if let Some(out) = out.next() {
            *out = sum / count(at, inside) as f32;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, inputs};
    use super::*;
    use crate::network;

    /// The size of the plane.
    const SIZE: [usize; 2] = [11, 10];

    /// A pooling of one plane through [`Window`].
    type Pool<'a> = &'a dyn Fn(&[f32], &Window, [usize; 2], &mut [f32]);

    /// The windows: kernel, strides, dilations, padding before, padding after, ceil mode.
    const WINDOWS: [(Window, bool); 6] = [
        (window([3, 3], [1, 1], [1, 1], [0, 0], [0, 0]), false),
        (window([3, 3], [2, 2], [1, 1], [1, 1], [1, 1]), false),
        (window([3, 2], [3, 3], [1, 1], [1, 0], [1, 1]), false),
        (window([2, 3], [2, 3], [1, 1], [1, 0], [0, 2]), true),
        (window([11, 10], [1, 1], [1, 1], [0, 0], [0, 0]), false),
        (window([3, 3], [2, 1], [2, 3], [1, 1], [0, 2]), false),
    ];

    /// A window.
    const fn window(
        kernel: [usize; 2],
        strides: [usize; 2],
        dilations: [usize; 2],
        before: [usize; 2],
        after: [usize; 2],
    ) -> Window {
        Window { kernel, strides, dilations, before, after }
    }

    /// The outputs of the windows `numbers` one after the other.
    fn pooled(numbers: &[usize], pool: Pool<'_>) -> u64 {
        let plane = inputs(9, 110);
        checksum(numbers.iter().flat_map(|&number| {
            let (window, ceil_mode) = WINDOWS[number];
            let Window { kernel, strides, dilations, before: [top, left], after: [bottom, right] } = window;
            let padding = network::Padding::Explicit([top, left, bottom, right]);
            let sized = network::Window { kernel, strides, padding, dilations, ceil: ceil_mode };
            let output = sized.output_size(SIZE).unwrap_or([0, 0]);
            let mut out = vec![0.0; output[0] * output[1]];
            pool(&plane, &window, output, &mut out);
            out
        }))
    }

    #[test]
    fn max_pool_is_onnxruntimes() {
        let max: Pool<'_> = &|plane, window, output, out| max_pool(plane, SIZE, window, output, out);
        assert_eq!(pooled(&[0, 1, 2, 3, 4, 5], max), 0xd617_3f2c_45a3_2970);
    }

    #[test]
    fn average_pool_is_onnxruntimes() {
        let exclude: Pool<'_> = &|plane, window, output, out| average_pool(plane, SIZE, window, output, false, out);
        let include: Pool<'_> = &|plane, window, output, out| average_pool(plane, SIZE, window, output, true, out);
        assert_eq!(pooled(&[0, 1, 2, 3, 4, 5], exclude), 0x949b_5986_4a10_e7fa);
        assert_eq!(pooled(&[0, 1, 2, 3, 4, 5], include), 0xfca4_946c_b859_5103);
    }

    #[test]
    fn average_pool_before_opset_19_is_onnxruntimes() {
        let exclude: Pool<'_> = &|plane, window, output, out| pool_mlas::average_pool(plane, SIZE, window, output, false, out);
        let include: Pool<'_> = &|plane, window, output, out| pool_mlas::average_pool(plane, SIZE, window, output, true, out);
        assert_eq!(pooled(&[0, 1, 2, 3, 4], exclude), 0x86ed_adfe_002b_9e55);
        assert_eq!(pooled(&[0, 1, 2, 4], include), 0x9927_de6a_fa16_3599);
    }

    #[test]
    fn global_average_pool_is_onnxruntimes() {
        let means = (1..=100u16).map(|size| global_average_pool(&inputs(u32::from(size), usize::from(size))));
        assert_eq!(checksum(means), 0x64b4_3448_1903_1447);
    }

    #[test]
    fn padding_is_the_lowest_finite_float() {
        let mut out = [0.0; 9];
        let padded = window([2, 2], [1, 1], [1, 1], [1, 1], [0, 0]);
        max_pool(&[f32::NEG_INFINITY; 9], [3, 3], &padded, [3, 3], &mut out);
        // The rows of a window are combined first, and only those inside the plane: padding above does not show.
        let row = [f32::MIN, f32::NEG_INFINITY, f32::NEG_INFINITY];
        assert_eq!(out, [row, row, row].concat()[..]);
        max_pool(&[1.0; 4], [2, 2], &window([2, 2], [1, 1], [3, 3], [1, 1], [1, 1]), [1, 1], &mut out[..1]);
        assert_eq!(out[0], f32::MIN);
    }
}
