//! QLinearSoftmax of rows, through a table of exponentials of integer differences.

use super::convert::{Params, float_to_int};

/// Exponentials of the 256 distances to a row's maximum, for rows of one length and one input scale.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftmaxTable {
    entries: Vec<f32>,
}

impl SoftmaxTable {
    /// The table for rows of `length` elements whose integers are `scale` apart.
    ///
    /// Formula: `exp((i - 255 + shift) * scale)` in float64, rounded to float32, where the shift makes the row's sum
    /// almost fill float32's range (QlinearBuildLookupTableUint32, contrib_ops/cpu/quantization/qlinear_softmax.cc).
    pub fn new(length: usize, scale: f32) -> Self {
        let scale = f64::from(scale);
        let largest = f64::from(f32::MAX / length as f32).ln();
        // Five e-folds are kept in reserve; f64::max turns NaN into 0 as std::max(0.0, x) does.
        let shift = (largest - 5.0).max(0.0) / scale;
        Self { entries: (0..256).map(|i| ((f64::from(i) - 255.0 + shift) * scale).exp() as f32).collect() }
    }

    /// Softmax of one row. The output's scale enters as `floor(1 / scale)`, float32, which is exact for 1/256.
    pub fn row(&self, x: &[i32], y_params: &Params) -> Vec<i32> {
        let most = x.iter().copied().max().unwrap_or(0);
        // Beyond 256 integers apart there is no entry; 8-bit rows never ask.
        let exponential = |x: i32| {
            let distance = usize::try_from(most.wrapping_sub(x)).unwrap_or(usize::MAX);
            self.entries.iter().rev().nth(distance).copied().unwrap_or(0.0)
        };
        let sum = x.iter().fold(0.0f32, |sum, &x| sum + exponential(x));
        let levels = (1.0 / y_params.scale).floor();
        let quantized = |&x: &i32| quantized_share(exponential(x) * levels / sum, y_params);
        x.iter().map(quantized).collect()
    }
}

/// The rounded share plus zero point, saturated. The kernels' product overflows to infinity in rows of one or two
/// elements; what they then return is the integer wrapping of the conversion, of 64 bits for u8 and 32 for i8.
fn quantized_share(share: f32, params: &Params) -> i32 {
    if params.low < 0 {
        return params.saturate(float_to_int(share).wrapping_add(params.zero_point));
    }
    let rounded = share.round_ties_even();
    // 2^63 is the first value that the 64-bit conversion cannot hold: its result then has no low bits.
    let low_bits = if rounded < 9_223_372_036_854_775_808.0 { rounded as i64 as u32 } else { 0 };
    let integer = low_bits.wrapping_add_signed(params.zero_point);
    params.saturate(i32::try_from(integer).unwrap_or(i32::MAX))
}
