//! Matrix products on the machine: `[M, K] x [K, N]`, any shape, any mixture of precisions along K.

mod backlog;
mod checks;
mod cut;
mod error;
mod fold;
mod image;
mod layout;
mod result;
mod ring;
mod run;
pub mod schedule;
mod store;
pub mod tiling;
mod work;

pub(crate) use backlog::Backlog;
pub use checks::accumulator_bound;
pub(crate) use checks::passes;
pub use error::{GemmError, JobError};
pub use fold::{Fold, KernelRows, Mapping};
pub use image::Image;
pub use layout::WeightLayout;
pub use run::run;
pub(crate) use store::check_weights;
pub use store::{MatrixSizes, WeightStore, upload};
pub(crate) use work::{drain_cycles_per_row, drain_reads_per_row};

use crumb_arch::precision::ActBits;
use crumb_arch::requantizer::ChannelScale;
use crumb_arch::{ArrayConfig, Requantize, WeightFormat};
use std::ops::Range;

/// The left matrix, row by row: a stored matrix, or a convolution's input unrolled on the fly.
pub trait ActivationRows {
    /// Writes rows `first ..` into `rows` (row-major, all K columns; as many rows as fit).
    ///
    /// # Errors
    /// A sentence that says why there are no such rows.
    fn fill(&self, first: usize, rows: &mut [i16]) -> Result<(), String>;

    /// The image whose pixels the rows are, if they are those of a convolution.
    fn image(&self) -> Option<Image> {
        None
    }

    /// Writes the band that output rows `first ..` of an image meet, padding included: `[input row][column][channel]` of some of its
    /// channels. A band may reach below what the last row meets; its values there do not matter, but must fit their width.
    ///
    /// # Errors
    /// A sentence that says why there is no such band.
    fn fill_band(&self, _image: usize, _first: usize, _channels: Range<usize>, _band: &mut [i16]) -> Result<(), String> {
        Err("the left matrix is no image".into())
    }
}

/// A stored left matrix, row-major `[M, K]`.
pub struct Matrix<'a> {
    /// The elements.
    pub elements: &'a [i16],
    /// Columns.
    pub k: usize,
}

impl ActivationRows for Matrix<'_> {
    fn fill(&self, first: usize, rows: &mut [i16]) -> Result<(), String> {
        let start = first.checked_mul(self.k);
        let source = start.and_then(|start| self.elements.get(start..)?.get(..rows.len()));
        let source = source.ok_or("the left matrix has fewer rows than the product")?;
        rows.copy_from_slice(source);
        Ok(())
    }
}

/// A part of K that runs in one mode. Several segments, over the same or other parts of K, add up in the accumulators.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// Rows of the weight matrix, columns of the left matrix.
    pub k: Range<usize>,
    /// Activation width.
    pub act: ActBits,
    /// Whether activations are signed.
    pub act_signed: bool,
    /// What the precision switch delivers.
    pub weight: WeightFormat,
    /// Left shift of this segment's sums, in crumbs of two bits.
    pub shift: u8,
}

impl Segment {
    /// All of K in one mode, with no shift: the plain product of activations and switched weights.
    pub fn whole(k: usize, act: ActBits, act_signed: bool, weight: WeightFormat) -> Self {
        Self { k: 0..k, act, act_signed, weight, shift: 0 }
    }

    /// The same in units of the 8-bit product: shifted by `(8 - A) + (8 - W)`, so that segments of any precision add up.
    #[must_use]
    pub fn in_8_bit_units(mut self) -> Self {
        self.shift = ((self.act.exponent() + self.weight.exponent()) / 2) as u8;
        self
    }
}

/// Whether every segment runs over all of K: only then its rows can be read from an image.
pub(crate) fn are_whole(segments: &[Segment], k: usize) -> bool {
    segments.iter().all(|segment| segment.k == (0..k))
}

/// Where the weights come from.
#[derive(Clone, Copy)]
pub enum Weights<'a> {
    /// They were uploaded before and stay.
    Resident(WeightLayout),
    /// Row-major `[K, N]`, streamed as they are needed.
    Streamed(&'a [i8]),
}

/// Where the weights lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placement {
    /// In the weight memory, as a whole.
    Resident(WeightLayout),
    /// They come on the stream, to as many addresses as these.
    Streamed {
        /// First address.
        base: usize,
        /// Addresses.
        words: usize,
    },
}

impl Placement {
    /// In its layout if there is one, otherwise streamed to the addresses from `free` on.
    pub const fn of(layout: Option<WeightLayout>, free: usize, config: &ArrayConfig) -> Self {
        match layout {
            Some(layout) => Self::Resident(layout),
            None => Self::Streamed { base: free, words: config.weight_words.saturating_sub(free) },
        }
    }
}

/// A product without its data: what its schedule depends on.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// Rows of the left matrix.
    pub m: usize,
    /// Columns of the left matrix, rows of the weights.
    pub k: usize,
    /// Columns of the weights.
    pub n: usize,
    /// The modes, in order.
    pub segments: &'a [Segment],
    /// Where the weights lie.
    pub weights: Placement,
    /// The image whose pixels the rows are, if the whole of K is its taps and channels.
    pub image: Option<Image>,
    /// What is the same for all columns of a requantized result; `None` for int32.
    pub requantize: Option<Requantize>,
    /// The copies of a smaller matrix that the weights are, with zeros above and below each.
    pub fold: Fold,
}

impl Shape<'_> {
    /// Addresses that streamed weights may use; `None` if weights are resident.
    pub const fn streamed_words(&self) -> Option<usize> {
        match self.weights {
            Placement::Resident(_) => None,
            Placement::Streamed { words, .. } => Some(words),
        }
    }
}

/// What to do with the sums.
#[derive(Clone, Copy)]
pub enum Output<'a> {
    /// Read the int32 sums.
    Raw,
    /// Requantize on the machine, one scale for each column.
    Requantized {
        /// Bias, significand and shift of each of the N columns.
        channels: &'a [ChannelScale],
        /// What is the same for all columns; its `parameters` field is set by the driver.
        format: Requantize,
    },
}

/// A matrix product.
pub struct Job<'a> {
    /// Rows of the left matrix.
    pub m: usize,
    /// Columns of the left matrix, rows of the weights.
    pub k: usize,
    /// Columns of the weights.
    pub n: usize,
    /// The left matrix.
    pub rows: &'a dyn ActivationRows,
    /// The modes, in order.
    pub segments: &'a [Segment],
    /// The weights.
    pub weights: Weights<'a>,
    /// What to do with the sums.
    pub output: Output<'a>,
}

impl Job<'_> {
    /// Its shape on a machine, with weights that are not resident streamed to addresses from `free_weights` on.
    pub fn shape(&self, config: &ArrayConfig, free_weights: usize) -> Shape<'_> {
        let layout = match self.weights {
            Weights::Resident(layout) => Some(layout),
            Weights::Streamed(_) => None,
        };
        let weights = Placement::of(layout, free_weights, config);
        let requantize = match self.output {
            Output::Raw => None,
            Output::Requantized { format, .. } => Some(format),
        };
        let image = self.rows.image().filter(|_| are_whole(self.segments, self.k));
        Shape { m: self.m, k: self.k, n: self.n, segments: self.segments, weights, image, requantize, fold: Fold::NONE }
    }
}
