//! Softmax and the sum of exponentials in sixteen lanes.

use super::exponential::exp;

/// Lanes of an AVX-512 register.
const LANES: usize = 16;

/// Softmax of one row: `out[i] = e^(row[i] - max) / sum`; both slices have the length of the row.
///
/// In the order of MLAS with AVX-512: element `i` is added to lane `i mod 16`; the lanes are then added in pairs 8 apart,
/// next neighbours, next pairs, the two quarters; the row is multiplied by the reciprocal of the sum.
///
/// Any other axis than the last is transposed to the end first (opset 13), or flattened into the row (opset 11 and before),
/// by onnxruntime too; rows do not influence each other, and threads share rows out, so that they change nothing.
///
/// A row with a NaN or plus infinity is NaN throughout; so is a row of minus infinities, because the maximum starts at the lowest
/// finite float, every exponential is zero, and zero is multiplied by the reciprocal of zero.
pub fn softmax(row: &[f32], out: &mut [f32]) {
    let maximum = maximum(row);
    let sum = sum_exp(row, maximum, out);
    let reciprocal = 1.0 / sum;
    for value in out {
        *value *= reciprocal;
    }
}

/// LogSoftmax of one row: `out[i] = (row[i] - max) - ln(sum)`, with the maximum and the sum of [`softmax`].
///
/// The logarithm of the sum is the C library's `logf`, in onnxruntime as in Rust, so that it is equal on one machine.
pub fn log_softmax(row: &[f32], out: &mut [f32]) {
    let maximum = maximum(row);
    let logarithm = sum_exp(row, maximum, out).ln();
    for (out, &x) in out.iter_mut().zip(row) {
        *out = x - maximum - logarithm;
    }
}

/// The largest element, at least the lowest finite float. A NaN may be lost: it comes back through the sum.
fn maximum(row: &[f32]) -> f32 {
    row.iter().fold(f32::MIN, |maximum, &x| if maximum > x { maximum } else { x })
}

/// Writes `e^(x - maximum)` and gives the sum, in the order of `MlasComputeSumExpF32KernelAvx512F`.
fn sum_exp(row: &[f32], maximum: f32, out: &mut [f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for (row, out) in row.chunks(LANES).zip(out.chunks_mut(LANES)) {
        for ((lane, &x), out) in lanes.iter_mut().zip(row).zip(out) {
            *out = exp(x - maximum);
            *lane += *out;
        }
    }
    let half: [f32; LANES / 2] = std::array::from_fn(|i| lanes[i] + lanes[i + 8]);
    let low = (half[0] + half[1]) + (half[2] + half[3]);
    let high = (half[4] + half[5]) + (half[6] + half[7]);
    low + high
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, inputs};
    use super::*;

    #[test]
    fn rows_of_all_lengths_are_onnxruntimes() {
        let values = (1..=100u16).flat_map(|length| {
            let row = inputs(u32::from(length), usize::from(length));
            let mut out = row.clone();
            softmax(&row, &mut out);
            out
        });
        assert_eq!(checksum(values), 0x925d_0922_e276_4f5f);
    }

    #[test]
    fn rows_of_infinities_are_nan() {
        let mut out = [0.0; 3];
        softmax(&[f32::NEG_INFINITY; 3], &mut out);
        assert!(out.iter().all(|value| value.is_nan()));
        softmax(&[1.0, f32::INFINITY, 2.0], &mut out);
        assert!(out.iter().all(|value| value.is_nan()));
    }
}
