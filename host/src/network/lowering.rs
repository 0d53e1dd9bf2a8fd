//! Implicit GEMM: a layer as `[rows, K] x [K, N]` per group, without ever materialising im2col.
//!
//! ```text
//!   row r = (batch, oy, ox)        K = (ky, kx, ci)            N = output channel within the group
//!   fill_rows ─▶ rows r..r+n of the left matrix, one tile at a time; taps outside the input hold the zero point
//! ```
//!
//! K runs over `(ky, kx, ci)`, channels innermost, because then
//! - the K-lanes of a PE and neighbouring PE rows hold neighbouring channels of one pixel, so with activations kept
//!   channels-last a tile of K is a few contiguous bursts, one for each kernel tap it touches;
//! - padding is decided once per tap and not once per element;
//! - a depth split of K at a multiple of the channel count is a split by taps, which a line buffer can serve.
//!
//! With `(ci, ky, kx)` each element would come from another line. The weights' order is only an address, so the choice
//! costs nothing there. A fully connected layer is the case of a 1 x 1 image.

use crate::gemm::Image;
use std::ops::Range;

use super::{ArrayLayer, Conv, Gemm, MAX_ELEMENTS, NetworkError, Op, Padding, Tensor, TensorData, Window};

/// A layer, with an input shape, as matrix products.
#[derive(Debug, Clone)]
pub struct Lowering<'a> {
    layer: &'a ArrayLayer,
    /// Images (rows for a fully connected layer).
    batch: usize,
    /// Input channels, all groups.
    channels: usize,
    input: [usize; 2],
    window: Window,
    /// Padding above and to the left; the rest follows from the output size.
    origin: [usize; 2],
    output: [usize; 2],
    group: usize,
}

impl<'a> Lowering<'a> {
    /// Lowers an operation of the array; `None` for the host's operations.
    ///
    /// # Errors
    /// As [`Lowering::conv`] and [`Lowering::gemm`].
    pub fn of(op: &'a Op, input_shape: &[usize]) -> Option<Result<Self, NetworkError>> {
        match op {
            Op::Conv(conv) => Some(Self::conv(conv, input_shape)),
            Op::Gemm(gemm) => Some(Self::gemm(gemm, input_shape)),
            _ => None,
        }
    }

    /// Lowers a convolution of an input `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// [`NetworkError::Shape`] when the convolution is not defined on this shape, [`NetworkError::Layer`] when the
    /// layer contradicts itself.
    pub fn conv(conv: &'a Conv, input_shape: &[usize]) -> Result<Self, NetworkError> {
        let layer = &conv.layer;
        let refuse = |problem: String| shape_error(layer, "Conv", input_shape, problem);
        let Some([batch, channels, height, width]) = conv.image_shape(input_shape) else {
            let expected: Vec<_> = conv.expected_input().iter().map(ToString::to_string).collect();
            return Err(refuse(format!("expected [{}]", expected.join(", "))));
        };
        if channels != conv.in_channels {
            return Err(refuse(format!("expected {} channels", conv.in_channels)));
        }
        let input = [height, width];
        let output = conv.window.output_size(input).map_err(refuse)?;
        let [top, left, ..] = conv.window.pads(input).unwrap_or_default();
        let (window, group, origin) = (conv.window, conv.group, [top, left]);
        Self { layer, batch, channels, input, window, origin, output, group }.checked(input_shape)
    }

    /// Lowers a fully connected layer of an input `[.., k]`.
    ///
    /// # Errors
    /// As [`Lowering::conv`].
    pub fn gemm(gemm: &'a Gemm, input_shape: &[usize]) -> Result<Self, NetworkError> {
        let layer = &gemm.layer;
        let refuse = || shape_error(layer, "Gemm", input_shape, format!("expected [rows, {}]", layer.k));
        let Some((&channels, rows)) = input_shape.split_last() else { return Err(refuse()) };
        let batch = rows.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let (Some(batch), true) = (batch, channels == layer.k) else { return Err(refuse()) };
        let one = [1, 1];
        let window = Window { kernel: one, strides: one, padding: Padding::Explicit([0; 4]), dilations: one, ceil: false };
        Self { layer, batch, channels, input: one, window, origin: [0, 0], output: one, group: 1 }.checked(input_shape)
    }

    fn checked(self, input_shape: &[usize]) -> Result<Self, NetworkError> {
        let layer = self.layer;
        let inconsistent = |problem: String| Err(NetworkError::Layer { layer: layer.name.clone(), problem });
        if self.group == 0 || !self.channels.is_multiple_of(self.group) || !layer.out_channels.is_multiple_of(self.group) {
            let (channels, outputs) = (self.channels, layer.out_channels);
            return inconsistent(format!("{} groups do not divide {channels} input and {outputs} output channels", self.group));
        }
        let k = self.window.kernel[0]
            .checked_mul(self.window.kernel[1])
            .and_then(|taps| taps.checked_mul(self.channels / self.group));
        if k != Some(layer.k) || layer.k.checked_mul(layer.out_channels) != Some(layer.weights.len()) {
            let weights = layer.weights.len();
            return inconsistent(format!("{weights} weights for k = {} and {} channels", layer.k, layer.out_channels));
        }
        let outputs = [self.output[0], self.output[1], layer.out_channels];
        let elements = outputs.iter().try_fold(self.batch, |product, &size| product.checked_mul(size));
        if elements.is_none_or(|elements| elements > MAX_ELEMENTS) {
            let problem = format!("the output would have more than {MAX_ELEMENTS} elements; run smaller inputs");
            return Err(shape_error(layer, "layer", input_shape, problem));
        }
        Ok(self)
    }

    /// Number of groups: independent matrix products.
    pub fn groups(&self) -> usize {
        self.group
    }

    /// Rows of the left matrix: output pixels of the whole batch.
    pub fn rows(&self) -> usize {
        self.batch * self.output[0] * self.output[1]
    }

    /// Input channels of a group.
    pub fn channels(&self) -> usize {
        self.channels / self.group
    }

    /// Output channel of an element of the row-major output.
    pub fn channel_of(&self, index: usize) -> usize {
        index / (self.output[0] * self.output[1]).max(1) % self.layer.out_channels.max(1)
    }

    /// Length of the reduction.
    pub fn k(&self) -> usize {
        self.layer.k
    }

    /// Columns of a group's product.
    pub fn n(&self) -> usize {
        self.layer.out_channels / self.group
    }

    /// Multiply-accumulates of the whole layer.
    pub fn macs(&self) -> u64 {
        self.rows() as u64 * self.layer.k as u64 * self.layer.out_channels as u64
    }

    /// Where the product of `row` and `column` of `group` goes in the row-major output `[batch, channels, oh, ow]`.
    pub fn output_index(&self, group: usize, row: usize, column: usize) -> usize {
        let pixels = self.output[0] * self.output[1];
        let (image, pixel) = (row / pixels, row % pixels);
        (image * self.layer.out_channels + group * self.n() + column) * pixels + pixel
    }

    /// Writes rows `first_row ..` of a group's left matrix into `rows`, as many as fit whole (`rows.len() / K`) and
    /// exist, and returns how many. `padding` is the integer that stands for zero at the input's width.
    ///
    /// # Errors
    /// An input of another shape or type, or a group that does not exist.
    pub fn fill_rows(
        &self,
        group: usize,
        input: &Tensor,
        padding: i16,
        first_row: usize,
        rows: &mut [i16],
    ) -> Result<usize, NetworkError> {
        self.check_input(group, input)?;
        Ok(match input.data() {
            TensorData::I8(values) => self.fill(group, values, padding, first_row, rows),
            TensorData::U8(values) => self.fill(group, values, padding, first_row, rows),
            _ => 0,
        })
    }

    /// The left matrix as an image, if there is one: a fully connected layer has none.
    pub fn image(&self) -> Option<Image> {
        let Self { batch: images, output, window, .. } = *self;
        let Window { kernel, strides, dilations, .. } = window;
        Image { images, output, channels: self.channels(), kernel, strides, dilations }.of_input(self.input)
    }

    /// Writes the band that output rows `first ..` of an image of a group meet, padding included: `[input row][column][channel]` for the
    /// channels given, as many rows as fit. `padding` as in [`Lowering::fill_rows`].
    ///
    /// # Errors
    /// As [`Lowering::fill_rows`].
    pub fn fill_band(
        &self,
        (group, image): (usize, usize),
        input: &Tensor,
        padding: i16,
        (first, channels): (usize, Range<usize>),
        band: &mut [i16],
    ) -> Result<(), NetworkError> {
        self.check_input(group, input)?;
        let width = self.image().map_or(1, |image| image.width());
        let first_channel = image * self.channels + group * self.channels();
        let plane = self.input[0] * self.input[1];
        let origin = (first * self.window.strides[0]).wrapping_sub(self.origin[0]);
        let value = |pixel: usize, channel: usize| {
            let (y, x) = (origin.wrapping_add(pixel / width), (pixel % width).wrapping_sub(self.origin[1]));
            let inside = y < self.input[0] && x < self.input[1];
            inside.then(|| (first_channel + channel) * plane + y * self.input[1] + x)
        };
        let count = channels.len().max(1);
        for (pixel, values) in band.chunks_exact_mut(count).enumerate() {
            for (out, channel) in values.iter_mut().zip(channels.clone()) {
                *out = value(pixel, channel).map_or(padding, |at| integer(input, at));
            }
        }
        Ok(())
    }

    /// Refuses an input that is not the one the layer was lowered for, and a group that does not exist.
    fn check_input(&self, group: usize, input: &Tensor) -> Result<(), NetworkError> {
        let elements = self.batch * self.channels * self.input[0] * self.input[1];
        if input.data().len() != elements {
            let problem = format!("expected {elements} elements, as when the layer was lowered");
            return Err(shape_error(self.layer, "layer", input.shape(), problem));
        }
        if group >= self.group {
            let problem = format!("group {group} asked for, but there are {}", self.group);
            return Err(NetworkError::Layer { layer: self.layer.name.clone(), problem });
        }
        match input.data() {
            TensorData::I8(_) | TensorData::U8(_) => Ok(()),
            other => Err(NetworkError::Type {
                tensor: format!("input of {}", self.layer.name),
                found: other.dtype(),
                expected: "int8 or uint8".into(),
            }),
        }
    }

    fn fill<T: Copy + Into<i16>>(&self, group: usize, values: &[T], padding: i16, first_row: usize, rows: &mut [i16]) -> usize {
        let channels = self.channels / self.group;
        let plane = self.input[0] * self.input[1];
        let count = (rows.len() / self.k().max(1)).min(self.rows().saturating_sub(first_row));
        for (offset, row) in rows.chunks_exact_mut(self.k().max(1)).take(count).enumerate() {
            let pixel = first_row + offset;
            let (image, oy, ox) =
                (pixel / (self.output[0] * self.output[1]), pixel / self.output[1] % self.output[0], pixel % self.output[1]);
            let first_channel = image * self.channels + group * channels;
            for (tap, values_of_tap) in row.chunks_exact_mut(channels.max(1)).enumerate() {
                let y = self.coordinate(0, oy, tap / self.window.kernel[1]);
                let x = self.coordinate(1, ox, tap % self.window.kernel[1]);
                match (y, x) {
                    (Some(y), Some(x)) => {
                        let at = y * self.input[1] + x;
                        for (channel, value) in values_of_tap.iter_mut().enumerate() {
                            *value = values[(first_channel + channel) * plane + at].into();
                        }
                    }
                    _ => values_of_tap.fill(padding),
                }
            }
        }
        count
    }

    /// Input coordinate of a kernel tap, or `None` in the padding.
    fn coordinate(&self, axis: usize, output: usize, tap: usize) -> Option<usize> {
        self.window.coordinate(axis, output, tap, self.origin[axis], self.input[axis])
    }
}

/// An element of an int8 or uint8 tensor.
fn integer(tensor: &Tensor, at: usize) -> i16 {
    match tensor.data() {
        TensorData::I8(values) => values.get(at).copied().map_or(0, i16::from),
        TensorData::U8(values) => values.get(at).copied().map_or(0, i16::from),
        _ => 0,
    }
}

fn shape_error(layer: &ArrayLayer, operator: &'static str, shape: &[usize], problem: String) -> NetworkError {
    let shape = shape.iter().map(|&size| super::Dim::Fixed(size)).collect();
    NetworkError::Shape { node: layer.name.clone(), operator, shapes: vec![Some(shape)], problem }
}
