//! Why a product is refused, or was not computed.

use crate::network::MAX_ELEMENTS;
use crate::session::SessionError;
use crumb_arch::precision::{ActBits, PrecisionError};

/// Why a product is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// A dimension is zero.
    #[error("M = {m}, K = {k}, N = {n}: expected each to be 1 or more: give matrices with elements")]
    Empty {
        /// Rows.
        m: usize,
        /// Reduction.
        k: usize,
        /// Columns.
        n: usize,
    },
    /// The result is larger than the host will hold.
    #[error("M = {m} and N = {n} make a result of {} elements, expected at most {MAX_ELEMENTS}: give fewer rows or columns at a time",
        *m as u128 * *n as u128)]
    Large {
        /// Rows.
        m: usize,
        /// Columns.
        n: usize,
    },
    /// The weights in the machine are those of another product.
    #[error("the weights in the machine are {} x {} (K x N), but the product's are {} x {}: upload its own", found.0, found.1, expected.0, expected.1)]
    Resident {
        /// K and N of the layout.
        found: (usize, usize),
        /// K and N of the product.
        expected: (usize, usize),
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
    /// A segment does not begin with a weight-memory address.
    #[error(
        "segment K = {start} .. does not begin at a multiple of {word_k}, the K of a weight-memory address (depth * weight_bus): move its start"
    )]
    SegmentDepth {
        /// Its start.
        start: usize,
        /// K of an address of the machine's weight memory.
        word_k: usize,
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

/// Why a product was not computed.
#[derive(Debug, thiserror::Error)]
pub enum GemmError {
    /// It is refused.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The machine failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The left matrix cannot be read.
    #[error("{0}")]
    Rows(String),
    /// Weights or parameters do not fit beside what is there.
    #[error("{what} need {needed} addresses, but only {free} of {size} are free: use a larger configuration, or stream them")]
    Memory {
        /// What does not fit.
        what: &'static str,
        /// Addresses needed.
        needed: usize,
        /// Addresses free.
        free: usize,
        /// Addresses in all.
        size: usize,
    },
}
