//! Floats to int8: weights once, per output channel; activations as they come, per token. Both symmetric.

use crate::model::Linear;
use crumb_arch::precision::Rounding;
use crumb_arch::{WeightBits, WeightFormat};

/// Largest int8 magnitude in use: symmetric quantization leaves -128 out.
const LARGEST: f32 = 127.0;

/// Which int8 copy of the weights is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// `scale = max|w| / 127`: no weight is clipped.
    Whole,
    /// The scale, of those from half of that up to all of it, whose 4-bit weights have the least squared error.
    ClippedForW4,
}

impl Stored {
    /// What it adds to the name of a precision.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::ClippedForW4 => ", clipped copy",
        }
    }
}

/// The switch's setting at a width: Double Rounding, half to even.
pub const fn switched(bits: WeightBits) -> WeightFormat {
    WeightFormat::top(bits, Rounding::HalfEven)
}

/// A linear layer's stored weights.
pub struct StoredWeights {
    /// int8, row-major `[K, N]`.
    pub weights: Vec<i8>,
    /// Scale of each of the N output channels: `w = scale * int8`.
    pub scales: Vec<f32>,
}

impl StoredWeights {
    /// Quantizes a linear layer's weights.
    pub fn new(linear: &Linear, stored: Stored) -> Self {
        let column = |c: usize| linear.weights.iter().skip(c).step_by(linear.n).copied();
        let scales: Vec<f32> = (0..linear.n)
            .map(|c| {
                let channel: Vec<f32> = column(c).collect();
                let whole = scale(&channel);
                match stored {
                    Stored::Whole => whole,
                    Stored::ClippedForW4 => least_error_at_w4(&channel, whole),
                }
            })
            .collect();
        let weights = linear.weights.iter().enumerate().map(|(i, &w)| quantize(w, scales[i % linear.n])).collect();
        Self { weights, scales }
    }
}

/// Quantizes each row of K activations: int8 values as the machine takes them, and the scale of each row.
pub fn quantize_rows(x: &[f32], k: usize) -> (Vec<i16>, Vec<f32>) {
    let scales: Vec<f32> = x.chunks_exact(k).map(scale).collect();
    let rows = x.chunks_exact(k).zip(&scales);
    (rows.flat_map(|(row, &scale)| row.iter().map(move |&v| i16::from(quantize(v, scale)))).collect(), scales)
}

/// `max|x| / 127`; 1 if all are zero.
fn scale(x: &[f32]) -> f32 {
    let largest = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    if largest > 0.0 { largest / LARGEST } else { 1.0 }
}

/// `round_half_even(x / scale)`, clipped.
fn quantize(x: f32, scale: f32) -> i8 {
    (x / scale).round_ties_even().clamp(-LARGEST, LARGEST) as i8
}

fn least_error_at_w4(channel: &[f32], whole: f32) -> f32 {
    let format = switched(WeightBits::W4);
    let step = (1u32 << format.exponent()) as f32;
    let error = |scale: f32| -> f32 {
        let switched = channel.iter().map(|&w| f32::from(format.apply(quantize(w, scale))) * step * scale);
        switched.zip(channel).map(|(v, w)| (v - w) * (v - w)).sum()
    };
    let candidates = (20..=40).map(|fortieths| whole * fortieths as f32 / 40.0);
    candidates.map(|scale| (error(scale), scale)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(whole, |(_, scale)| scale)
}
