//! The single-precision matrix product of MLAS on x86-64 with AVX-512 (`sgemm.cpp`): blocks of the inner dimension.
//!
//! Every element of a block is one chain of fused multiply-adds over the inner dimension, started at zero. The first block of an output is
//! multiplied by alpha and the others are added with a fused multiply-add by alpha, so the length of the blocks shows in the result. It
//! depends on the shape; a product of one row or one column is computed in the orders of [`super::gemv`] instead. Threads divide the columns
//! or the rows of the output, and it is the shape of a thread's part that counts.

use std::borrow::Cow;
use std::ops::Range;

use super::gemv::{grouped, lanes};
use super::matmul::Execution;

/// Length of a block of the inner dimension for a packed right operand (`MLAS_SGEMM_PACKED_STRIDEK`).
const PACKED_BLOCK: usize = 256;

/// Length of a block of the inner dimension and of the columns otherwise (`MLAS_SGEMM_STRIDEK`, `MLAS_SGEMM_STRIDEN`), before it is adapted to the shape.
const BLOCK: usize = 128;

/// Columns of a panel: threads divide columns in these units (`MLAS_SGEMM_STRIDEN_THREAD_ALIGN`).
const PANEL: usize = 16;

/// Multiplications that a thread is started for (`MLAS_SGEMM_THREAD_COMPLEXITY`).
const THREAD_WORK: f64 = 65_536.0;

/// `out = alpha a b + beta out`, where `out` is `m x n` and row-major.
pub(super) struct Sgemm {
    /// Rows of the output.
    pub m: usize,
    /// Inner dimension.
    pub k: usize,
    /// Columns of the output.
    pub n: usize,
    /// The left operand is stored as `k x m`, else as `m x k`.
    pub trans_a: bool,
    /// The right operand is stored as `n x k`, else as `k x n`.
    pub trans_b: bool,
    /// Factor of the product.
    pub alpha: f32,
    /// Factor of what the output holds; if it is zero, the output is not read.
    pub beta: f32,
}

impl Sgemm {
    /// Computes the product. No dimension is zero; operands and output have the elements that the dimensions tell.
    pub fn run(&self, a: &[f32], b: &[f32], execution: Execution, out: &mut [f32]) {
        let a = if self.trans_a { transposed(a, self.m) } else { Cow::Borrowed(a) };
        let b = if self.trans_b { transposed(b, self.k) } else { Cow::Borrowed(b) };
        let work = self.m as f64 * self.n as f64 * self.k as f64;
        let threads =
            ((work / THREAD_WORK) as usize).saturating_add(1).min(execution.threads).div_ceil(execution.batch.max(1)).max(1);
        if self.n > self.m {
            let panels = self.n.div_ceil(PANEL);
            for part in parts(panels, threads.min(panels)) {
                self.part(&a, &b, execution.packed, 0..self.m, part.start * PANEL..(part.end * PANEL).min(self.n), out);
            }
        } else {
            for part in parts(self.m, threads.min(self.m)) {
                self.part(&a, &b, execution.packed, part, 0..self.n, out);
            }
        }
    }

    /// The part of the output that one thread computes; `a` is `m x k` and `b` is `k x n`.
    fn part(&self, a: &[f32], b: &[f32], packed: bool, rows: Range<usize>, columns: Range<usize>, out: &mut [f32]) {
        let plain = !packed && self.alpha == 1.0 && (self.beta == 0.0 || self.beta == 1.0);
        if plain && rows.len() == 1 && !self.trans_a {
            self.row(a, b, rows.start, columns, out);
        } else if plain && self.n == 1 && (!self.trans_b || self.k == 1) {
            self.column(a, b, rows, out);
        } else {
            let block = if packed { PACKED_BLOCK } else { self.block(columns.len()) };
            self.blocks(a, b, block, rows, columns, out);
        }
    }

    /// Row `row` of the output.
    fn row(&self, a: &[f32], b: &[f32], row: usize, columns: Range<usize>, out: &mut [f32]) {
        let (Some(vector), Some(out)) = (a.chunks_exact(self.k).nth(row), out.chunks_exact_mut(self.n).nth(row)) else { return };
        let count = columns.len();
        for (index, (out, column)) in out.iter_mut().skip(columns.start).zip(columns).enumerate() {
            let pairs = vector.iter().zip(b.iter().skip(column).step_by(self.n)).map(|(&x, &y)| (x, y));
            let initial = self.initial(*out);
            *out = if self.trans_b { lanes(initial, pairs, index, count) } else { grouped(initial, pairs) };
        }
    }

    /// The rows `rows` of an output of one column.
    fn column(&self, a: &[f32], b: &[f32], rows: Range<usize>, out: &mut [f32]) {
        let count = rows.len();
        let vectors = a.chunks_exact(self.k).zip(out).skip(rows.start).take(count);
        for (index, (vector, out)) in vectors.enumerate() {
            let pairs = vector.iter().zip(b).map(|(&x, &y)| (x, y));
            let initial = self.initial(*out);
            *out = if self.trans_a { grouped(initial, pairs) } else { lanes(initial, pairs, index, count) };
        }
    }

    /// What a sum starts with when beta is zero or one.
    fn initial(&self, out: f32) -> f32 {
        if self.beta == 0.0 { 0.0 } else { out }
    }

    /// Length of a block of the inner dimension for `columns` columns of a right operand that is not packed: longer for few columns.
    fn block(&self, columns: usize) -> usize {
        let (mut block, mut width) = (BLOCK, BLOCK);
        while !self.trans_a && width > PANEL && width / 2 >= columns {
            block *= 2;
            width /= 2;
        }
        block
    }

    /// A part of the output in blocks of the inner dimension.
    fn blocks(&self, a: &[f32], b: &[f32], block: usize, rows: Range<usize>, columns: Range<usize>, out: &mut [f32]) {
        let mut sums = vec![0.0f32; columns.len()];
        let pairs = a.chunks_exact(self.k).zip(out.chunks_exact_mut(self.n));
        for (a, out) in pairs.skip(rows.start).take(rows.len()) {
            let Some(out) = out.get_mut(columns.clone()) else { return };
            if self.beta != 0.0 && self.beta != 1.0 {
                out.iter_mut().for_each(|out| *out *= self.beta);
            }
            let mut empty = self.beta == 0.0;
            for (a, b) in a.chunks(block).zip(b.chunks(block * self.n)) {
                sums.fill(0.0);
                for (&x, b) in a.iter().zip(b.chunks_exact(self.n)) {
                    for (sum, &y) in sums.iter_mut().zip(b.get(columns.clone()).unwrap_or_default()) {
                        *sum = x.mul_add(y, *sum);
                    }
                }
                for (out, &sum) in out.iter_mut().zip(&sums) {
                    *out = if empty { sum * self.alpha } else { sum.mul_add(self.alpha, *out) };
                }
                empty = false;
            }
        }
    }
}

/// `0 .. total` in `ways` parts, the first ones longer by one if there is a remainder (`MlasPartitionWork`).
fn parts(total: usize, ways: usize) -> impl Iterator<Item = Range<usize>> {
    let (length, longer) = (total / ways, total % ways);
    (0..ways).map(move |way| {
        let start = length * way + way.min(longer);
        start..start + length + usize::from(way < longer)
    })
}

/// The transpose of a row-major matrix of `columns` columns, row-major.
fn transposed(matrix: &[f32], columns: usize) -> Cow<'static, [f32]> {
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}
