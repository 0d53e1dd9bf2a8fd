//! Parameters of a layer on the array, in the form the machine wants them: int8 weights `[output channel][k]`, int32 bias in
//! units of `input scale * weight scale`, one float32 multiplier per channel for the requantizer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{DType, Dim, Narrowed, QuantParams};

/// Bias of an array layer, in units of its accumulators.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bias {
    /// One value per output channel, used at every weight width that has no other.
    pub values: Vec<i32>,
    /// Other values for some weight widths (8, 6, 4, 2), as multi-precision training gives them.
    pub at_weight_bits: BTreeMap<u8, Vec<i32>>,
}

/// What becomes of a layer's accumulators.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LayerOutput {
    /// They are the output, as int32 in units of the 8-bit layer.
    Sums,
    /// They are scaled to float32 on the host.
    Float,
    /// They are requantized.
    Quantized {
        /// Meaning of the output.
        quant: QuantParams,
        /// Values outside this interval become its ends: `[0, inf]` for a ReLU that follows, `[0, 6]` for a Clip.
        clamp: [f32; 2],
    },
}

impl LayerOutput {
    /// Element type of the output.
    pub fn dtype(&self) -> DType {
        match self {
            Self::Sums => DType::I32,
            Self::Float => DType::F32,
            Self::Quantized { quant, .. } => quant.dtype,
        }
    }
}

/// Why a layer's sums leave the machine raw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOut {
    /// They are the output.
    Sums,
    /// The output is float32.
    Float,
    /// Zero points of weights need the sum of each row, which the host has.
    WeightZeroPoints,
}

impl std::fmt::Display for ReadOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sums => "the output is int32",
            Self::Float => "the output is float32",
            Self::WeightZeroPoints => "weights have zero points",
        })
    }
}

/// What every layer on the array has.
#[derive(Debug, Clone)]
pub struct ArrayLayer {
    /// Name in the model file; unique among the layers of a network.
    pub name: String,
    /// Weights `[out_channels][k]`, row-major, in 8-bit form; empty where they are computed. uint8 weights of the file are stored
    /// minus 128, zero point too.
    pub weights: Arc<[i8]>,
    /// Bits of a weight in the file: 8, 4 or 2. Narrower weights stand in the upper bits.
    pub file_bits: u8,
    /// Number of output channels, all groups together; 0 where weights are computed.
    pub out_channels: usize,
    /// Length of the reduction: weights per output channel; 0 where weights are computed.
    pub k: usize,
    /// One scale, or one for each output channel.
    pub weight_scales: Vec<f32>,
    /// One zero point, or one for each output channel; all zero in most models.
    pub weight_zero_points: Vec<i32>,
    /// Bias, if there is one.
    pub bias: Option<Bias>,
    /// Meaning of the input; int8 or uint8.
    pub input: QuantParams,
    /// Factor of the product (alpha of QGemm), 1 almost always: part of [`ArrayLayer::accumulator_scale`].
    pub alpha: f32,
    /// What becomes of the accumulators.
    pub output: LayerOutput,
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

    /// What one unit of the accumulator means: `float32(alpha * input scale * weight scale)`, from left to right.
    pub fn accumulator_scale(&self, channel: usize) -> f32 {
        self.alpha * self.input.scale * self.weight_scale(channel)
    }

    /// Meaning of the output, where it is integers.
    pub fn output_quant(&self) -> Option<QuantParams> {
        match self.output {
            LayerOutput::Quantized { quant, .. } => Some(quant),
            LayerOutput::Sums | LayerOutput::Float => None,
        }
    }

    /// Why the sums are read out raw instead of being requantized on chip, if they are.
    pub fn read_out(&self) -> Option<ReadOut> {
        match self.output {
            LayerOutput::Sums => Some(ReadOut::Sums),
            LayerOutput::Float => Some(ReadOut::Float),
            LayerOutput::Quantized { .. } if self.weight_zero_points.iter().any(|&zero| zero != 0) => {
                Some(ReadOut::WeightZeroPoints)
            }
            LayerOutput::Quantized { .. } => None,
        }
    }

    /// The requantizer's multiplier, `float32(float32(sx * sw) / sy)` as onnxruntime computes it; `None` where nothing is
    /// requantized.
    pub fn multiplier(&self, channel: usize) -> Option<f32> {
        self.output_quant().map(|output| self.accumulator_scale(channel) / output.scale)
    }

    /// Range of the output at a width, with the clamp that follows in its ends.
    ///
    /// Division by the scale and rounding keep order, so clamping values and clamping integers is the same.
    pub fn output_range(&self, output: &Narrowed) -> (i32, i32) {
        let LayerOutput::Quantized { clamp: [low, high], .. } = self.output else { return (output.low, output.high) };
        let high = if high == f32::INFINITY { output.high } else { output.quantize(high) };
        let low = if low == f32::NEG_INFINITY { output.low } else { output.quantize(low) };
        (low.min(high), high)
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

/// Fully connected layer of `[.., k]` with constant weights `[out_channels][k]`, whatever the file's order.
#[derive(Debug, Clone)]
pub struct Gemm {
    /// Weights and scales.
    pub layer: ArrayLayer,
}

impl Gemm {
    /// Shape of the output for an input's.
    ///
    /// # Errors
    /// A sentence that says why there is no output.
    pub fn infer(&self, input: &[Dim]) -> Result<Vec<Dim>, String> {
        match input {
            [rows @ .., k] if k.fixed().is_none_or(|k| k == self.layer.k) => {
                Ok(rows.iter().cloned().chain([Dim::Fixed(self.layer.out_channels)]).collect())
            }
            // A layer after a convolution: what a Flatten would make of an image.
            [_, rest @ ..] if super::shape::product(rest) == Ok(Dim::Fixed(self.layer.k)) => {
                Err(format!("expected [rows, {}]; insert a Flatten before it", self.layer.k))
            }
            _ => Err(format!("expected {} as the last dimension, as many as the weights take", self.layer.k)),
        }
    }
}

/// Matrix product of two computed operands, `[.., m, k] x [.., k, n]`, leading dimensions broadcast as NumPy does; a one-dimensional
/// operand is a row on the left or a column on the right. The right operand is the array's weights, loaded as they are computed.
#[derive(Debug, Clone)]
pub struct MatMul {
    /// Everything but the weights.
    pub layer: ArrayLayer,
}
