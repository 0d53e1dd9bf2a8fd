//! What the tests share: recorded outputs of onnxruntime 1.31.1 as hashes, and the integers they were recorded for.

use crate::network::Narrowed;

/// A row of a table of recorded outputs: scales, zero points of the u8 form, and the hashes of the u8 and i8 outputs.
pub(super) type Row<const TENSORS: usize, const HASHES: usize> = ([f32; TENSORS], [i32; TENSORS], [u64; HASHES]);

/// FNV-1a of the integers as bytes.
pub(super) fn hash(integers: &[i32]) -> u64 {
    integers
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &integer| (hash ^ u64::from(integer as u8)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// 8-bit parameters with their smallest integer at `low`; `zero_point` counts from there.
pub(super) fn params(scale: f32, zero_point: i32, low: i32) -> Narrowed {
    Narrowed { bits: 8, scale, zero_point: zero_point + low, low, high: low + 255 }
}

/// `count` integers from `low` to `low + 255` in no order (Knuth's multiplicative hash).
pub(super) fn integers(count: u32, low: i32) -> Vec<i32> {
    (0..count).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(12_345) >> 24) as i32 + low).collect()
}

/// All integers of 8 bits from `low` on.
pub(super) fn all(low: i32) -> Vec<i32> {
    (low..low + 256).collect()
}

/// Checks a kernel of one tensor, run by `kernel(x_params, y_params, low)` for u8 and i8, against its recorded rows.
pub(super) fn check(rows: &[Row<2, 2>], kernel: impl Fn(&Narrowed, &Narrowed, i32) -> Vec<i32>) {
    for (scales, zero_points, hashes) in rows {
        for (low, recorded) in [0, -128].into_iter().zip(hashes) {
            let [x, y] = [0, 1].map(|tensor| params(scales[tensor], zero_points[tensor], low));
            assert_eq!(hash(&kernel(&x, &y, low)), *recorded, "{scales:?} {zero_points:?} from {low}");
        }
    }
}

/// Checks a kernel of two tensors over all 65,536 pairs, with the second and then the first operand as the scalar of
/// the inner axis, for u8 and i8; `kernel(a, a_shape, b, b_shape, params)`.
pub(super) fn check_pairs(
    rows: &[Row<3, 4>],
    kernel: impl Fn(&[i32], [usize; 2], &[i32], [usize; 2], &[Narrowed; 3]) -> Vec<i32>,
) {
    for (scales, zero_points, hashes) in rows {
        for (low, recorded) in [0, -128].into_iter().zip(hashes.chunks(2)) {
            let tensors = [0, 1, 2].map(|tensor| params(scales[tensor], zero_points[tensor], low));
            let (matrix, column) = (all(low).repeat(256), all(low));
            let second = kernel(&matrix, [256, 256], &column, [256, 1], &tensors);
            assert_eq!(hash(&second), recorded[0], "{scales:?} {zero_points:?} from {low}, second scalar");
            let first = kernel(&column, [256, 1], &matrix, [256, 256], &tensors);
            assert_eq!(hash(&first), recorded[1], "{scales:?} {zero_points:?} from {low}, first scalar");
        }
    }
}
