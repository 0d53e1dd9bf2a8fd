//! Parameters of each kind of node.
//!
//! An array layer holds everything in the form the machine wants it: int8 weights `[output channel][k]`, int32 bias in
//! units of `input scale * weight scale`, one float32 multiplier per channel for the requantizer.

use std::collections::BTreeMap;

use super::arithmetic::power_of_two;
use super::{DType, Dim};

/// Meaning of an integer: `value = (integer - zero_point) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantParams {
    /// Step between neighbouring integers; finite and positive.
    pub scale: f32,
    /// Integer that means zero, in the range of `dtype`.
    pub zero_point: i32,
    /// Integer type.
    pub dtype: DType,
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

/// Bias of an array layer, in units of its accumulators.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bias {
    /// One value per output channel, used at every weight width that has no other.
    pub values: Vec<i32>,
    /// Other values for some weight widths (8, 6, 4, 2), as multi-precision training gives them.
    pub at_weight_bits: BTreeMap<u8, Vec<i32>>,
}

/// What every layer on the array has.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayLayer {
    /// Name in the model file; unique among the layers of a network.
    pub name: String,
    /// Weights `[out_channels][k]`, row-major. uint8 weights of the file are stored minus 128, zero point too.
    pub weights: Vec<i8>,
    /// Number of output channels, all groups together.
    pub out_channels: usize,
    /// Length of the reduction: weights per output channel.
    pub k: usize,
    /// One scale, or one for each output channel.
    pub weight_scales: Vec<f32>,
    /// One zero point, or one for each output channel; all zero in most models.
    pub weight_zero_points: Vec<i32>,
    /// Bias, if there is one.
    pub bias: Option<Bias>,
    /// Meaning of the input; int8 or uint8.
    pub input: QuantParams,
    /// Meaning of the output, or `None` when accumulators are read out and scaled to float32 on the host.
    pub output: Option<QuantParams>,
    /// Negative results become zero. It is part of the requantizer's clamp, so only layers with `output` have it.
    pub fused_relu: bool,
}

impl ArrayLayer {
    /// Weight scale of an output channel.
    pub fn weight_scale(&self, channel: usize) -> f32 {
        per_channel(&self.weight_scales, channel).unwrap_or(1.0)
    }

    /// Weight zero point of an output channel.
    pub fn weight_zero_point(&self, channel: usize) -> i32 {
        per_channel(&self.weight_zero_points, channel).unwrap_or(0)
    }

    /// Weights of an output channel; empty if there is no such channel.
    pub fn channel_weights(&self, channel: usize) -> &[i8] {
        let start = channel.saturating_mul(self.k);
        self.weights.get(start..start.saturating_add(self.k)).unwrap_or(&[])
    }

    /// Bias of an output channel at a weight width.
    pub fn bias_at(&self, channel: usize, weight_bits: u8) -> i32 {
        let values = self.bias.as_ref().map(|bias| bias.at_weight_bits.get(&weight_bits).unwrap_or(&bias.values));
        values.and_then(|values| values.get(channel)).copied().unwrap_or(0)
    }

    /// What one unit of the accumulator means: `float32(input scale * weight scale)`.
    pub fn accumulator_scale(&self, channel: usize) -> f32 {
        self.input.scale * self.weight_scale(channel)
    }

    /// The requantizer's multiplier, `float32(float32(sx * sw) / sy)` as onnxruntime computes it; `None` for float output.
    pub fn multiplier(&self, channel: usize) -> Option<f32> {
        self.output.map(|output| self.accumulator_scale(channel) / output.scale)
    }

    /// Range of the output at `bits` bits, with the fused ReLU in its lower end.
    pub fn output_range(&self, output: &Narrowed) -> (i32, i32) {
        let low = if self.fused_relu { output.low.max(output.zero_point) } else { output.low };
        (low, output.high)
    }

    /// Largest magnitude that any accumulator of the layer, raw or corrected for zero points, can reach at any
    /// precision: `k * max|a| * max|w| + max|bias|`, with the largest magnitude of the types, not of the data, because
    /// rounding to fewer bits may raise a weight up to its type's bound.
    pub fn accumulator_bound(&self) -> u128 {
        let (low, high) = self.input.dtype.range(8);
        let activation = magnitude(low, high, self.input.zero_point);
        let weight = self.weight_zero_points.iter().map(|&zero| magnitude(-128, 127, zero)).max().unwrap_or(128);
        let biases = self.bias.iter().flat_map(|bias| std::iter::once(&bias.values).chain(bias.at_weight_bits.values()));
        let bias = biases.flatten().map(|value| value.unsigned_abs()).max().unwrap_or(0);
        self.k as u128 * u128::from(activation) * u128::from(weight) + u128::from(bias)
    }
}

fn magnitude(low: i32, high: i32, zero: i32) -> u32 {
    let ends = [low, high, low.saturating_sub(zero), high.saturating_sub(zero)];
    ends.iter().map(|end| end.unsigned_abs()).max().unwrap_or(0)
}

fn per_channel<T: Copy>(values: &[T], channel: usize) -> Option<T> {
    if values.len() == 1 { values.first().copied() } else { values.get(channel).copied() }
}

/// Padding of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Rows above, columns to the left, rows below, columns to the right.
    Explicit([usize; 4]),
    /// `ceil(size / stride)` outputs; an odd row or column of padding goes below or to the right.
    SameUpper,
    /// `ceil(size / stride)` outputs; an odd row or column of padding goes above or to the left.
    SameLower,
}

/// Two-dimensional convolution of `[batch, channels, height, width]`; weights `[out_channels][ci][kh][kw]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Weights and scales; `k` is `in_channels / group * kernel[0] * kernel[1]`.
    pub layer: ArrayLayer,
    /// Input channels, all groups together.
    pub in_channels: usize,
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub strides: [usize; 2],
    /// Padding, with the input's zero point.
    pub padding: Padding,
    /// Vertical and horizontal distance between kernel taps.
    pub dilations: [usize; 2],
    /// Number of groups; divides both channel counts.
    pub group: usize,
}

/// Fully connected layer of `[rows, k]`; weights `[out_channels][k]` whatever the file's `transB`.
#[derive(Debug, Clone, PartialEq)]
pub struct Gemm {
    /// Weights and scales.
    pub layer: ArrayLayer,
}

/// float32 to integers: `clamp(round_half_even(x / scale) + zero_point)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantize {
    /// One scale, or one for each slice along `axis`.
    pub scales: Vec<f32>,
    /// As many zero points as scales.
    pub zero_points: Vec<i32>,
    /// The axis that the scales belong to; `None` when there is one scale for all.
    pub axis: Option<usize>,
    /// Result type: int8 or uint8.
    pub dtype: DType,
}

impl Quantize {
    /// Parameters of a quantizer for a whole tensor.
    pub fn per_tensor(&self) -> Option<QuantParams> {
        match (self.axis, self.scales.first(), self.zero_points.first()) {
            (None, Some(&scale), Some(&zero_point)) => Some(QuantParams { scale, zero_point, dtype: self.dtype }),
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
        }
    }
}

/// Integers to float32: `float32(integer - zero_point) * scale`. `dtype` is the type read: int8, uint8 or int32.
#[derive(Debug, Clone, PartialEq)]
pub struct Dequantize(pub Quantize);

/// `max(x, 0)`: on float32, or on integers, where zero is the zero point.
#[derive(Debug, Clone, PartialEq)]
pub struct Relu {
    /// Meaning of an integer input; `None` on float32.
    pub quant: Option<QuantParams>,
}

/// To two dimensions: those before `axis`, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flatten {
    /// ONNX's axis, `-rank` to `rank`.
    pub axis: i64,
}

impl Conv {
    /// Size of the dilated kernel; `None` if it overflows.
    pub fn extent(&self) -> Option<[usize; 2]> {
        let size = |axis: usize| self.kernel[axis].checked_sub(1)?.checked_mul(self.dilations[axis])?.checked_add(1);
        Some([size(0)?, size(1)?])
    }

    /// Padding as `[top, left, bottom, right]` for an input of this height and width; `None` if it overflows.
    pub fn pads(&self, size: [usize; 2]) -> Option<[usize; 4]> {
        let lower = match self.padding {
            Padding::Explicit(pads) => return Some(pads),
            Padding::SameUpper => false,
            Padding::SameLower => true,
        };
        let extent = self.extent()?;
        let mut pads = [0; 4];
        for axis in 0..2 {
            let outputs = size[axis].div_ceil(self.strides[axis].max(1));
            let reach = outputs.checked_sub(1)?.checked_mul(self.strides[axis])?.checked_add(extent[axis])?;
            let total = reach.saturating_sub(size[axis]);
            let before = if lower { total.div_ceil(2) } else { total / 2 };
            (pads[axis], pads[axis + 2]) = (before, total - before);
        }
        Some(pads)
    }

    /// Height and width of the output for an input of this height and width.
    ///
    /// # Errors
    /// A sentence that says why there is no output.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2], String> {
        let overflow = || "sizes overflow; the attributes of this node cannot be meant".to_string();
        let extent = self.extent().ok_or_else(overflow)?;
        let pads = self.pads(size).ok_or_else(overflow)?;
        let mut output = [0; 2];
        for axis in 0..2 {
            let padded = size[axis].checked_add(pads[axis]).and_then(|sum| sum.checked_add(pads[axis + 2]));
            let padded = padded.ok_or_else(overflow)?;
            let free = padded.checked_sub(extent[axis]).ok_or_else(|| {
                format!("the dilated kernel spans {} but the padded input only {padded}; give a larger input", extent[axis])
            })?;
            output[axis] = free / self.strides[axis].max(1) + 1;
        }
        Ok(output)
    }

    /// Shape of the weights in the file, `[out_channels, in_channels / group, kh, kw]`.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.layer.out_channels, self.in_channels / self.group.max(1), self.kernel[0], self.kernel[1]]
    }

    /// Expected input shape, for messages.
    pub(crate) fn expected_input(&self) -> Vec<Dim> {
        let named = |name: &str| Dim::Symbolic(name.to_string());
        vec![named("batch"), Dim::Fixed(self.in_channels), named("height"), named("width")]
    }
}
