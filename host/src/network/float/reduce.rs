//! ReduceSum, ReduceMean and ReduceMax over any axes.

use super::reduction_order::{column_maxima, ones_product, packets};

/// What a reduction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// The sum of the elements.
    Sum,
    /// The sum divided by the number of elements.
    Mean,
    /// The largest element; the first of equal ones, and a NaN only if it comes first in its chain of comparisons.
    Max,
}

impl Reduction {
    /// The operation on two elements.
    fn combine(self) -> fn(f32, f32) -> f32 {
        match self {
            Self::Sum | Self::Mean => |a, b| a + b,
            Self::Max => |a, b| if b > a { b } else { a },
        }
    }

    /// The result from the combined `count` elements.
    fn finish(self, value: f32, count: usize) -> f32 {
        if self == Self::Mean { value / count as f32 } else { value }
    }

    /// The elements one after the other.
    fn chain(self, elements: impl Iterator<Item = f32>) -> f32 {
        match self {
            Self::Max => elements.reduce(self.combine()).unwrap_or(0.0),
            // From zero: a chain of minus zeros is plus zero.
            Self::Sum | Self::Mean => elements.fold(0.0, |sum, x| sum + x),
        }
    }
}

/// Reduces `input` of `shape` over the axes whose flag in `reduced` is set; `out` has the product of the other dimensions, in
/// order.
///
/// Neighbouring axes of the same kind are joined first, K for kept and R for reduced (axes of length 1 count like others). Then,
/// as onnxruntime does with `threads` threads (`CommonFastReduceSwitch` in `reduction_ops.cc`):
///
/// - R and KR: Eigen's order in registers of 4.
/// - RK: row by row; with more than `16 threads` rows and more than `256 threads` rows or columns from the first row, otherwise
///   from zero (only the sign of a zero sum differs).
/// - KRK with at least `max(2, threads)` blocks: sums as a product with ones, four rows added up before they are added to the
///   sum, then two, then one.
/// - RKR with at least `max(2, threads)` rows: the rows' sums in registers of 4, added in order.
/// - all others: element by element in the order of the buffer.
///
/// So the sums depend on the number of threads, through these limits only. Registers start at multiples of four elements of
/// `input`, as in onnxruntime, whose buffers are aligned. Without elements a sum and a mean are zero and a maximum is minus
/// infinity. Nothing is written if `shape` does not describe `input`.
pub fn reduce(kind: Reduction, input: &[f32], shape: &[usize], reduced: &[bool], threads: usize, out: &mut [f32]) {
    if shape.len() != reduced.len() || shape.iter().try_fold(1usize, |all, &size| all.checked_mul(size)) != Some(input.len()) {
        return;
    }
    if input.is_empty() {
        return out.fill(if kind == Reduction::Max { f32::NEG_INFINITY } else { 0.0 });
    }
    let (sizes, first_reduced) = joined(shape, reduced);
    let least = threads.max(2);
    let combine = kind.combine();
    match (first_reduced, sizes.as_slice()) {
        (false, [_]) | (_, []) => out.iter_mut().zip(input).for_each(|(out, &x)| *out = x),
        (true, [_]) => out.fill(kind.finish(packets(input, 0, combine), input.len())),
        (false, &[_, length]) => {
            for (row, (out, values)) in out.iter_mut().zip(input.chunks_exact(length)).enumerate() {
                *out = kind.finish(packets(values, row * length, combine), length);
            }
        }
        (true, &[rows, columns]) if kind != Reduction::Max && many_rows(rows, columns, threads) => {
            for (column, out) in out.iter_mut().enumerate() {
                let elements = input.iter().skip(column).step_by(columns).copied();
                *out = kind.finish(elements.reduce(combine).unwrap_or(0.0), rows);
            }
        }
        (false, &[blocks, rows, columns]) if blocks >= least => {
            for (i, (out, block)) in out.chunks_exact_mut(columns).zip(input.chunks_exact(rows * columns)).enumerate() {
                if kind == Reduction::Max {
                    column_maxima(block, columns, i * columns, combine, out);
                    continue;
                }
                for (column, out) in out.iter_mut().enumerate() {
                    *out = kind.finish(ones_product(block, columns, column), rows);
                }
            }
        }
        (true, &[blocks, rows, length]) if rows >= least => {
            for (row, out) in out.iter_mut().enumerate() {
                let partial = input.chunks_exact(length).enumerate().skip(row).step_by(rows);
                let partial = partial.map(|(part, values)| packets(values, part * length, combine));
                // The maximum begins with the first element, before the first row's maximum.
                let first = input.get(row * length).copied().filter(|_| kind == Reduction::Max);
                *out = kind.finish(kind.chain(first.into_iter().chain(partial)), blocks * length);
            }
        }
        _ => in_order(kind, input, &sizes, first_reduced, out),
    }
}

/// Whether a reduction of the first axes goes row by row with all threads.
fn many_rows(rows: usize, columns: usize, threads: usize) -> bool {
    rows > threads.saturating_mul(16) && rows.max(columns) > threads.saturating_mul(256)
}

/// The lengths of the joined axes and whether the first one is reduced; the kinds alternate.
fn joined(shape: &[usize], reduced: &[bool]) -> (Vec<usize>, bool) {
    let mut sizes: Vec<usize> = Vec::new();
    let mut previous = None;
    for (&size, &reduced) in shape.iter().zip(reduced) {
        match sizes.last_mut() {
            Some(last) if previous == Some(reduced) => *last *= size,
            _ => sizes.push(size),
        }
        previous = Some(reduced);
    }
    (sizes, reduced.first() == Some(&true))
}

/// Every output element by element, in the order of the buffer.
fn in_order(kind: Reduction, input: &[f32], sizes: &[usize], first_reduced: bool, out: &mut [f32]) {
    let mut strides = vec![1; sizes.len()];
    for axis in (1..sizes.len()).rev() {
        strides[axis - 1] = strides[axis] * sizes[axis];
    }
    let offsets = |reduced: bool| {
        let mut offsets = vec![0];
        for axis in (0..sizes.len()).filter(|axis| (axis % 2 == 0) == (reduced == first_reduced)) {
            offsets = offsets
                .iter()
                .flat_map(|&base| (0..sizes[axis]).map(move |i| (base, i)))
                .map(|(base, i)| base + i * strides[axis])
                .collect();
        }
        offsets
    };
    let inner = offsets(true);
    for (out, start) in out.iter_mut().zip(offsets(false)) {
        let elements = inner.iter().map(|offset| input.get(start + offset).copied().unwrap_or(0.0));
        *out = kind.finish(kind.chain(elements), inner.len());
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, inputs};
    use super::*;

    /// All fifteen sets of axes of a tensor of rank 4: bit `i` of the mask reduces axis `i`.
    fn all_axes(kind: Reduction, threads: usize) -> u64 {
        let shape = [3, 5, 6, 11];
        let input = inputs(7, shape.iter().product());
        checksum((1..16u32).flat_map(|mask| {
            let reduced: [bool; 4] = std::array::from_fn(|axis| mask & (1 << axis) != 0);
            let kept = shape.iter().zip(reduced).filter(|(_, reduced)| !reduced);
            let mut out = vec![0.0; kept.map(|(size, _)| size).product()];
            reduce(kind, &input, &shape, &reduced, threads, &mut out);
            out
        }))
    }

    #[test]
    fn reductions_are_onnxruntimes() {
        assert_eq!(all_axes(Reduction::Sum, 1), 0x4891_dca8_31da_0417);
        assert_eq!(all_axes(Reduction::Mean, 1), 0x5503_7013_d173_1525);
        assert_eq!(all_axes(Reduction::Max, 1), 0x2ba6_13f3_1d10_6492);
    }

    #[test]
    fn four_threads_add_in_another_order() {
        assert_eq!(all_axes(Reduction::Sum, 4), 0xe28d_14fc_74fa_cd92);
        assert_eq!(all_axes(Reduction::Mean, 4), 0x68ad_9e4e_0a9e_9b8e);
        assert_eq!(all_axes(Reduction::Max, 4), 0x2ba6_13f3_1d10_6492);
    }

    #[test]
    fn a_single_block_is_added_in_order() {
        let mut out = [0.0; 7];
        reduce(Reduction::Sum, &inputs(11, 350), &[1, 50, 7], &[false, true, false], 1, &mut out);
        assert_eq!(checksum(out), 0x5be3_363f_4df6_8463);
    }

    #[test]
    fn the_first_of_equal_maxima_counts() {
        let maximum = |row: [f32; 8]| {
            let mut out = [1.0];
            reduce(Reduction::Max, &row, &[8], &[true], 1, &mut out);
            out[0].to_bits()
        };
        assert_eq!(maximum([-0.0, -0.0, -0.0, -0.0, 0.0, 0.0, 0.0, 0.0]), (-0.0f32).to_bits());
        assert_eq!(maximum([0.0, 0.0, 0.0, 0.0, -0.0, -0.0, -0.0, -0.0]), 0.0f32.to_bits());
    }

    #[test]
    fn maxima_of_columns_lose_and_keep_nan_like_onnxruntimes() {
        let mut input = inputs(13, 4 * 9 * 8);
        input.iter_mut().step_by(5).for_each(|x| *x = f32::NAN);
        let mut out = [0.0; 32];
        reduce(Reduction::Max, &input, &[4, 9, 8], &[false, true, false], 1, &mut out);
        assert_eq!(checksum(out), 0x607c_d90e_f5e0_932d);
    }

    #[test]
    fn empty_and_wrong_shapes_do_not_panic() {
        let mut out = [1.0; 3];
        reduce(Reduction::Mean, &[], &[3, 0], &[false, true], 1, &mut out);
        assert_eq!(out, [0.0; 3]);
        reduce(Reduction::Sum, &[1.0; 4], &[3, usize::MAX], &[false, true], 1, &mut out);
        assert_eq!(out, [0.0; 3]);
    }

    #[test]
    fn no_reduced_axis_copies() {
        let mut out = [0.0; 4];
        reduce(Reduction::Sum, &[-0.0, 1.0, 2.0, 3.0], &[2, 2], &[false, false], 1, &mut out);
        assert_eq!(checksum(out), checksum([-0.0, 1.0, 2.0, 3.0]));
        let mut scalar = [0.0];
        reduce(Reduction::Mean, &[2.5], &[], &[], 1, &mut scalar);
        assert_eq!(scalar, [2.5]);
    }
}
