//! What a product must satisfy before it is given to the machine: exact or refused.

use super::{Job, Output, Segment};
use crumb_arch::WeightBits;
use crumb_arch::precision::{ActBits, PrecisionError};

/// Why a product is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// A dimension is zero.
    #[error("M = {m}, K = {k}, N = {n}: expected each to be 1 or more")]
    Empty {
        /// Rows.
        m: usize,
        /// Reduction.
        k: usize,
        /// Columns.
        n: usize,
    },
    /// The sums could leave int32.
    #[error("the sums could reach {bound}, beyond the int32 limit of {}: {terms}. Split K, or use fewer bits", i32::MAX)]
    Overflow {
        /// The largest magnitude possible.
        bound: u128,
        /// The terms that add up to it.
        terms: String,
    },
    /// A segment leaves the matrix.
    #[error("segment K = {}..{} does not lie in 0..{k}, or is empty", range.0, range.1)]
    SegmentRange {
        /// Its bounds.
        range: (usize, usize),
        /// K of the product.
        k: usize,
    },
    /// A segment does not begin at a whole weight word.
    #[error("segment K = {start} .. does not begin at a multiple of the machine's depth {depth}: move its start")]
    SegmentDepth {
        /// Its start.
        start: usize,
        /// The machine's depth.
        depth: usize,
    },
    /// A shift is too large.
    #[error("shift {shift} crumbs: expected 0 to 7")]
    Shift {
        /// The shift asked for.
        shift: u8,
    },
    /// There is nothing to add up.
    #[error("the product has no segment: expected one or more")]
    NoSegment,
    /// An array has the wrong number of elements.
    #[error("{what}: {found} elements, expected {expected}")]
    Size {
        /// Which array.
        what: &'static str,
        /// Its elements.
        found: usize,
        /// What the shape demands.
        expected: usize,
    },
    /// An activation does not fit its width.
    #[error("activation [{row}, {column}] is {value}, expected {lo} to {hi} ({} {bits}-bit): quantize it to that width, or name a wider one",
        if *lo < 0 { "signed" } else { "unsigned" })]
    Activation {
        /// Row of the left matrix.
        row: usize,
        /// Column of the left matrix.
        column: usize,
        /// Its value.
        value: i16,
        /// Smallest value of the width.
        lo: i32,
        /// Largest value of the width.
        hi: i32,
        /// The width.
        bits: ActBits,
    },
    /// A width does not exist.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
}

/// Largest magnitude that the sums of these segments can reach: the sum of `K * max|a| * max|w| << shift`, and its terms in words.
pub fn accumulator_bound(segments: &[Segment]) -> (u128, String) {
    let mut terms = Vec::new();
    let mut bound = 0;
    for s in segments {
        let magnitude = |(lo, hi): (i32, i32)| lo.unsigned_abs().max(hi.unsigned_abs());
        let (a, w) = (magnitude(s.act.range(s.act_signed)), magnitude(s.weight.range()));
        bound += (s.k.len() as u128 * u128::from(a) * u128::from(w)) << (2 * u32::from(s.shift));
        let shift = if s.shift > 0 { format!(" * 2^{}", 2 * s.shift) } else { String::new() };
        terms.push(format!("K = {} * max|a| = {a} * max|w| = {w}{shift}", s.k.len()));
    }
    (bound, terms.join(" + "))
}

impl Job<'_> {
    /// Refuses what cannot be computed exactly.
    ///
    /// # Errors
    /// The first violation, with its numbers.
    pub fn check(&self, depth: usize) -> Result<(), JobError> {
        let Self { m, k, n, .. } = *self;
        if m == 0 || k == 0 || n == 0 {
            return Err(JobError::Empty { m, k, n });
        }
        if self.segments.is_empty() {
            return Err(JobError::NoSegment);
        }
        for s in self.segments {
            if s.k.is_empty() || s.k.end > k {
                return Err(JobError::SegmentRange { range: (s.k.start, s.k.end), k });
            }
            if !s.k.start.is_multiple_of(depth) {
                return Err(JobError::SegmentDepth { start: s.k.start, depth });
            }
            if s.shift > 7 {
                return Err(JobError::Shift { shift: s.shift });
            }
        }
        let (sums, mut terms) = accumulator_bound(self.segments);
        let mut bound = sums;
        if let Output::Requantized { channels, .. } = self.output {
            if channels.len() != n {
                return Err(JobError::Size { what: "channel scales", found: channels.len(), expected: n });
            }
            let bias = channels.iter().map(|c| c.bias.unsigned_abs()).max().unwrap_or(0);
            bound += u128::from(bias);
            terms += &format!(" + max|bias| = {bias}");
        }
        if bound > i32::MAX as u128 {
            return Err(JobError::Overflow { bound, terms });
        }
        Ok(())
    }
}

/// Refuses activations that do not fit the width; `row` and `k` locate them.
///
/// # Errors
/// The first that does not fit.
pub fn check_activations(rows: &[i16], first_row: usize, k: usize, segment: &Segment) -> Result<(), JobError> {
    let (lo, hi) = segment.act.range(segment.act_signed);
    for (i, row) in rows.chunks_exact(k).enumerate() {
        let part = &row[segment.k.clone()];
        if let Some(j) = part.iter().position(|&a| !(lo..=hi).contains(&i32::from(a))) {
            let (row, column) = (first_row + i, segment.k.start + j);
            return Err(JobError::Activation { row, column, value: part[j], lo, hi, bits: segment.act });
        }
    }
    Ok(())
}

/// Weight widths as lanes: how many passes reach `channels` channels of a group with `cols` columns.
pub fn passes(bits: WeightBits, channels: usize, cols: usize) -> usize {
    channels.div_ceil(cols * bits.lanes())
}
