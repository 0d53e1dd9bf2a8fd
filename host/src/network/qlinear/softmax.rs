//! QLinearSoftmax of rows, through a table of exponentials of integer differences.

use super::convert::float_to_int;
use crate::network::Narrowed;

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
    /// Logarithm and exponential are the platform's; recorded with those of the GNU C library.
    pub fn new(length: usize, scale: f32) -> Self {
        let scale = f64::from(scale);
        // The logarithm is a float32 function in the kernel, and its rounding reaches the last bits of the entries.
        let largest = f64::from((f32::MAX / length as f32).ln());
        // Five e-folds are kept in reserve; f64::max turns NaN into 0 as std::max(0.0, x) does.
        let shift = (largest - 5.0).max(0.0) / scale;
        Self { entries: (0..256).map(|i| ((f64::from(i) - 255.0 + shift) * scale).exp() as f32).collect() }
    }

    /// Softmax of one row. The output's scale enters as `floor(1 / scale)`, float32, which is exact for 1/256.
    pub fn row(&self, x: &[i32], y_params: &Narrowed) -> Vec<i32> {
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
fn quantized_share(share: f32, params: &Narrowed) -> i32 {
    if params.low < 0 {
        return params.saturate(float_to_int(share).wrapping_add(params.zero_point));
    }
    let rounded = share.round_ties_even();
    // 2^63 is the first value that the 64-bit conversion cannot hold: its result then has no low bits.
    let low_bits = if rounded < 9_223_372_036_854_775_808.0 { rounded as i64 as u32 } else { 0 };
    let integer = low_bits.wrapping_add_signed(params.zero_point);
    params.saturate(i32::try_from(integer).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::golden::{Row, all, check, integers};
    use super::*;

    /// Outputs of QLinearSoftmax over eight rows of 19, recorded.
    #[rustfmt::skip]
    const RECORDED: [Row<2, 2>; 5] = [
        ([0.0473, 1.0 / 256.0], [121, 0], [0x3db7_c3d9_bc71_cba1, 0x1ae0_85be_9e16_e8a1]),
        ([0.5, 0.25], [128, 100], [0xbabe_6a2a_f9df_87c5, 0x04a9_1727_6af0_4ec5]),
        ([0.003, 0.0201], [255, 77], [0xec27_b73a_0670_09a1, 0x5e40_93d8_7287_48a1]),
        ([0.075, 0.1], [199, 99], [0x686e_9693_92d6_c74d, 0xec31_14d4_65e9_8a4d]),
        ([0.30127564, 0.27756006], [107, 124], [0x6364_34a1_eaaf_27ad, 0xf4bd_8879_ec80_abad]),
    ];

    /// Outputs for rows of one element, where the kernel overflows, recorded.
    #[rustfmt::skip]
    const SINGLE: [Row<2, 2>; 5] = [
        ([0.0473, 1.0 / 256.0], [121, 0], [0xd80a_c658_736b_b725, 0xda8f_666f_002e_8025]),
        ([0.5, 0.25], [128, 100], [0xcced_3dfa_f5c7_7725, 0xd96d_17cb_9623_7725]),
        ([0.003, 0.0201], [255, 77], [0x5d27_c24a_7995_a725, 0x13b6_8b55_cb75_a725]),
        ([0.075, 0.1], [199, 99], [0xeb7a_d18a_563f_a825, 0xe325_780c_1ed1_a825]),
        ([0.30127564, 0.27756006], [107, 124], [0xda8f_666f_002e_8025, 0x2590_af34_5780_8025]),
    ];

    fn rows(x: &[i32], length: usize, x_params: &Narrowed, y_params: &Narrowed) -> Vec<i32> {
        let table = SoftmaxTable::new(length, x_params.scale);
        x.chunks(length).flat_map(|row| table.row(row, y_params)).collect()
    }

    #[test]
    fn rows_equal_the_recorded_outputs() {
        check(&RECORDED, |x, y, low| rows(&integers(19 * 8, low), 19, x, y));
        check(&SINGLE, |x, y, low| rows(&all(low), 1, x, y));
    }

    #[test]
    fn only_distances_to_the_maximum_count() {
        let (x, y) = (
            Narrowed { bits: 8, scale: 0.1, zero_point: 0, low: 0, high: 15 },
            Narrowed { bits: 8, scale: 1.0 / 256.0, zero_point: 0, low: 0, high: 255 },
        );
        assert_eq!(rows(&[3, 9, 15], 3, &x, &y), rows(&[40, 46, 52], 3, &x, &y));
        assert_eq!(rows(&[7; 4], 4, &x, &y), [64; 4]);
        assert_eq!(rows(&[7; 4], 4, &x, &Narrowed { high: 15, ..y }), [15; 4]);
    }

    #[test]
    fn the_last_bits_of_the_table_are_the_kernels() {
        // A recorded row next to a tie: with the logarithm taken in float64, 55 becomes 56.
        let (x, y) = (
            Narrowed { bits: 8, scale: 0.488, zero_point: 0, low: 0, high: 255 },
            Narrowed { bits: 8, scale: 0.004819277, zero_point: 0, low: 0, high: 255 },
        );
        let row = [200, 193, 186, 199, 192, 185, 198, 191, 184, 197];
        assert_eq!(rows(&row, 10, &x, &y), [90, 3, 0, 55, 2, 0, 34, 1, 0, 21]);
    }

    #[test]
    fn an_empty_row_has_no_output() {
        let tensor = Narrowed { bits: 8, scale: 1.0, zero_point: 0, low: 0, high: 255 };
        assert!(SoftmaxTable::new(0, 1.0).row(&[], &tensor).is_empty());
    }
}
