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

/// Reduces `input` of `shape` over the axes whose flag in `reduced` is set; `out` has the product of the other dimensions, in order.
///
/// Neighbouring axes of the same kind are joined first, K for kept and R for reduced (axes of length 1 count like others). Then, as onnxruntime
/// does with `threads` threads (`CommonFastReduceSwitch` in `reduction_ops.cc`):
///
/// - R and KR: Eigen's order in registers of 4.
/// - RK: row by row; with more than `16 threads` rows and more than `256 threads` rows or columns from the first row, otherwise from zero (only
///   the sign of a zero sum differs).
/// - KRK with at least `max(2, threads)` blocks: sums as a product with ones, see [`ones_product`].
/// - RKR with at least `max(2, threads)` rows: the rows' sums in registers of 4, added in order.
/// - all others: element by element in the order of the buffer.
///
/// So the sums depend on the number of threads, through the two limits only.
pub fn reduce(kind: Reduction, input: &[f32], shape: &[usize], reduced: &[bool], threads: usize, out: &mut [f32]) {
    let (sizes, first_reduced) = joined(shape, reduced);
    let least = threads.max(2);
    let combine = kind.combine();
    match (first_reduced, sizes.as_slice()) {
        (false, [_]) | (_, []) => {
            for (out, &x) in out.iter_mut().zip(input) {
                *out = x;
            }
        }
        (true, [_]) => {
            for out in out.iter_mut() {
                *out = kind.finish(packets(input, 0, combine), input.len());
            }
        }
        (false, &[_, length]) => {
            for (row, (out, values)) in out.iter_mut().zip(input.chunks_exact(length.max(1))).enumerate() {
                *out = kind.finish(packets(values, row * length, combine), length);
            }
        }
        (true, &[rows, columns]) if kind != Reduction::Max && rows > threads * 16 && rows.max(columns) > threads * 256 => {
            for (column, out) in out.iter_mut().enumerate() {
                let elements = input.iter().skip(column).step_by(columns).copied();
                *out = kind.finish(elements.reduce(combine).unwrap_or(0.0), rows);
            }
        }
        (false, &[blocks, rows, columns]) if blocks >= least && kind == Reduction::Max => {
            let block = (rows * columns).max(1);
            for (i, (out, block)) in out.chunks_exact_mut(columns.max(1)).zip(input.chunks_exact(block)).enumerate() {
                column_maxima(block, columns, i * columns, combine, out);
            }
        }
        (false, &[blocks, rows, columns]) if blocks >= least => {
            let block = (rows * columns).max(1);
            for (out, block) in out.chunks_exact_mut(columns.max(1)).zip(input.chunks_exact(block)) {
                for (column, out) in out.iter_mut().enumerate() {
                    *out = kind.finish(ones_product(block, columns, column), rows);
                }
            }
        }
        (true, &[blocks, rows, length]) if rows >= least => {
            for (row, out) in out.iter_mut().enumerate() {
                let starts = (0..blocks).map(|block| (block * rows + row) * length);
                let rows = starts.filter_map(|start| Some((start, input.get(start..)?.get(..length)?)));
                let partial = rows.map(|(start, values)| packets(values, start, combine));
                // The maximum begins with the first element, before the first row's maximum.
                let first = input.get(row * length).copied().filter(|_| kind == Reduction::Max);
                *out = kind.finish(kind.chain(first.into_iter().chain(partial)), blocks * length);
            }
        }
        _ => in_order(kind, input, &sizes, first_reduced, out),
    }
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
            offsets = offsets.iter().flat_map(|&base| (0..sizes[axis]).map(move |i| (base, i))).map(|(base, i)| base + i * strides[axis]).collect();
        }
        offsets
    };
    let inner = offsets(true);
    for (out, start) in out.iter_mut().zip(offsets(false)) {
        let elements = inner.iter().map(|offset| input.get(start + offset).copied().unwrap_or(0.0));
        *out = kind.finish(kind.chain(elements), inner.len());
    }
}
