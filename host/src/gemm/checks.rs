//! What a product must satisfy before it is given to the machine: exact or refused.

use super::{Job, JobError, Output, Segment, Shape, Weights};
use crate::network::MAX_ELEMENTS;
#[cfg(doc)]
use crumb_arch::ArrayConfig;
use crumb_arch::WeightBits;

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

/// Refuses a product without elements, and one with more results than the host holds.
fn check_sizes(m: usize, k: usize, n: usize) -> Result<(), JobError> {
    if m == 0 || k == 0 || n == 0 {
        return Err(JobError::Empty { m, k, n });
    }
    if m.checked_mul(n).is_none_or(|elements| elements > MAX_ELEMENTS) {
        return Err(JobError::Large { m, n });
    }
    Ok(())
}

/// Refuses segments that are none.
fn check_segments(segments: &[Segment], k: usize, word_k: usize) -> Result<(), JobError> {
    if segments.is_empty() {
        return Err(JobError::NoSegment);
    }
    for s in segments {
        if s.k.is_empty() || s.k.end > k {
            return Err(JobError::SegmentRange { range: (s.k.start, s.k.end), k });
        }
        if !s.k.start.is_multiple_of(word_k) {
            return Err(JobError::SegmentDepth { start: s.k.start, word_k });
        }
        if s.shift > 7 {
            return Err(JobError::Shift { shift: s.shift });
        }
    }
    Ok(())
}

/// Refuses sums that could leave int32.
fn check_sums(bound: u128, terms: String) -> Result<(), JobError> {
    if bound > i32::MAX as u128 { Err(JobError::Overflow { bound, terms }) } else { Ok(()) }
}

impl Shape<'_> {
    /// Refuses what no data could make right: as [`Job::check`], biases aside.
    ///
    /// # Errors
    /// The first violation, with its numbers.
    pub fn check(&self, word_k: usize) -> Result<(), JobError> {
        check_sizes(self.m, self.k, self.n)?;
        check_segments(self.segments, self.k, word_k)?;
        let (bound, terms) = accumulator_bound(self.segments);
        check_sums(bound, terms)
    }
}

impl Job<'_> {
    /// Refuses what cannot be computed exactly, on a machine whose weight-memory addresses hold `word_k` of K ([`ArrayConfig::word_k`]).
    ///
    /// # Errors
    /// The first violation, with its numbers.
    pub fn check(&self, word_k: usize) -> Result<(), JobError> {
        let Self { m, k, n, .. } = *self;
        check_sizes(m, k, n)?;
        match self.weights {
            Weights::Streamed(weights) if k.checked_mul(n) != Some(weights.len()) => {
                return Err(JobError::Size { what: "weights", found: weights.len(), expected: k.saturating_mul(n) });
            }
            Weights::Resident(layout) if (layout.k, layout.n) != (k, n) => {
                return Err(JobError::Resident { found: (layout.k, layout.n), expected: (k, n) });
            }
            _ => {}
        }
        check_segments(self.segments, k, word_k)?;
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
        check_sums(bound, terms)
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
