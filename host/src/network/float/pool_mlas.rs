//! Pooling in the orders of MLAS (`pooling.cpp`): AveragePool before opset 19 and MaxPool without dilations.
//!
//! A window that is the whole plane is reduced in four lanes; with a horizontal stride of at most 2 and a kernel of at most 32 x
//! 32 the rows of the window are combined first, column by column, then the columns; every other window is reduced element by
//! element.

use super::pool::{Window, mean, sequential_max};

/// Lanes of an SSE register.
const LANES: usize = 4;

/// Floats of the buffer for one combined row, less the reserve for reading a whole register at its end.
const BUFFER: usize = 2048 - 3;

/// AveragePool of one plane of `size`, opset 18 and earlier (dilations do not exist there).
///
/// `output` is the number of windows, `out` has their product. With `count_include_pad` the divisor is the size of the window;
/// for `count_include_pad` together with `ceil_mode` onnxruntime takes [`super::pool::average_pool`] in these opsets too.
pub fn average_pool(
    plane: &[f32],
    size: [usize; 2],
    window: &Window,
    output: [usize; 2],
    count_include_pad: bool,
    out: &mut [f32],
) {
    let add: fn(f32, f32) -> f32 = |a, b| a + b;
    if window.is_global(size) {
        out.fill(global(plane, 0.0, add) / plane.len() as f32);
    } else if by_columns(window, size) {
        // At most 32 x 32.
        let all = window.kernel[0] * window.kernel[1];
        columns(plane, size, window, output, 0.0, [add, add], out, |sum, count| {
            sum / if count_include_pad { all } else { count.max(1) } as f32
        });
    } else {
        let all = window.kernel[0].saturating_mul(window.kernel[1]);
        mean(plane, size, window, output, out, |_, inside| if count_include_pad { all } else { inside });
    }
}

/// MaxPool without dilations of one plane of `size`.
///
/// Padding is the lowest finite float, not minus infinity: a window of minus infinities gives the lowest finite float when it
/// touches the padding or is not combined by columns. A NaN is kept or lost depending on where it stands: the register
/// instruction gives its second operand when one of them is NaN, the scalar comparison its first.
pub fn max_pool(plane: &[f32], size: [usize; 2], window: &Window, output: [usize; 2], out: &mut [f32]) {
    let register: fn(f32, f32) -> f32 = |a, b| if a > b { a } else { b };
    let scalar: fn(f32, f32) -> f32 = |a, b| if a < b { b } else { a };
    if window.is_global(size) {
        out.fill(global_max(plane, register, scalar));
    } else if by_columns(window, size) {
        columns(plane, size, window, output, f32::MIN, [register, scalar], out, |maximum, _| maximum);
    } else {
        sequential_max(plane, size, window, output, Some(f32::MIN), out);
    }
}

/// The elements of a plane in four lanes, then lanes 0 and 2, 1 and 3, then the rest one by one.
pub(super) fn global(plane: &[f32], initial: f32, combine: fn(f32, f32) -> f32) -> f32 {
    global_with(plane, initial, combine, combine)
}

/// [`global`] for the maximum.
fn global_max(plane: &[f32], register: fn(f32, f32) -> f32, scalar: fn(f32, f32) -> f32) -> f32 {
    global_with(plane, f32::MIN, register, scalar)
}

/// [`global`] with one operation for the lanes and one for the rest.
fn global_with(plane: &[f32], initial: f32, register: fn(f32, f32) -> f32, scalar: fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [initial; LANES];
    let registers = plane.chunks_exact(LANES);
    let rest = registers.remainder();
    for values in registers {
        for (lane, &x) in lanes.iter_mut().zip(values) {
            *lane = register(*lane, x);
        }
    }
    let value = register(register(lanes[0], lanes[2]), register(lanes[1], lanes[3]));
    rest.iter().fold(value, |value, &x| scalar(value, x))
}

/// Whether MLAS takes the way over combined rows.
fn by_columns(window: &Window, size: [usize; 2]) -> bool {
    let width = size[1].saturating_add(window.before[1]).saturating_add(window.after[1]);
    window.strides[1] <= 2 && window.kernel.iter().all(|&length| length <= 32) && width <= BUFFER
}

/// Combines the rows of each window column by column, then the columns; `finish` gets the result and the number of elements in
/// the plane.
///
/// `combine` is the operation in registers and the scalar one: the last columns of the plane that do not fill a register are
/// scalar.
#[expect(clippy::too_many_arguments, reason = "the geometry of a pooling and what it computes")]
fn columns(
    plane: &[f32],
    size: [usize; 2],
    window: &Window,
    output: [usize; 2],
    padding: f32,
    combine: [fn(f32, f32) -> f32; 2],
    out: &mut [f32],
    finish: impl Fn(f32, usize) -> f32,
) {
    let [height, width] = size;
    let full = width / LANES * LANES;
    let mut buffer = vec![padding; window.before[1] + width + window.after[1]];
    for (row, out) in out.chunks_exact_mut(output[1].max(1)).enumerate() {
        let top = row.saturating_mul(window.strides[0]);
        let start = top.saturating_sub(window.before[0]);
        let end = top.saturating_add(window.kernel[0]).saturating_sub(window.before[0]).min(height);
        for (column, combined) in buffer.iter_mut().skip(window.before[1]).take(width).enumerate() {
            let combine = combine[usize::from(column >= full)];
            let values = (start..end).filter_map(|y| plane.get(y.saturating_mul(width).saturating_add(column)).copied());
            *combined = values.reduce(combine).unwrap_or(padding);
        }
        for (column, out) in out.iter_mut().enumerate() {
            let first = column * window.strides[1];
            let last = first + window.kernel[1];
            // A partial window reads beyond the padding, where MLAS keeps a reserve of the same value.
            let padded = buffer.iter().copied().skip(first).chain(std::iter::repeat(padding));
            let value = padded.take(window.kernel[1]).reduce(combine[0]).unwrap_or(padding);
            let inside = last.min(window.before[1] + width).saturating_sub(first.max(window.before[1]));
            *out = finish(value, inside * end.saturating_sub(start));
        }
    }
}
