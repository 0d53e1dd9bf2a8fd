//! Cuts a product into tiles, and tiles into chunks that the memories hold.
//!
//! ```text
//! for each block of rows (as many as an accumulator half and the activation buffer take)
//!   for each group of 4C columns                          -- or groups outside, rows inside, if the weights do not stay
//!     for each chunk of K tiles (as many as the activation buffer takes)
//!       load activations, and weights if they do not stay
//!       for each run of tiles in one mode, for each pass, for each tile: compute
//!     drain the half; the next output block uses the other half
//! ```

use super::{Job, Segment, Weights};
use crumb_arch::ArrayConfig;
use std::ops::Range;

/// One K tile: a part of a segment that the array holds at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KTile {
    /// Index of the segment.
    pub segment: usize,
    /// Rows of the weight matrix.
    pub k: Range<usize>,
}

/// How a product is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Rows of a block.
    pub block_rows: usize,
    /// K tiles, in order.
    pub tiles: Vec<KTile>,
    /// K tiles that are loaded together.
    pub chunk: usize,
    /// Regions of the activation buffer, used in turn: 2 if the next chunk may load while this one computes.
    pub regions: usize,
}

/// Rows of a block below which weight loads, not activations, set the pace: a tile loads in `4 * rows` cycles at A2.
const LOAD_BOUND: usize = 4;

impl Tiling {
    /// The tiling of a job, given how many weight addresses streamed weights may use.
    pub fn new(job: &Job<'_>, config: &ArrayConfig, stream_words: usize) -> Self {
        let tiles: Vec<KTile> = job
            .segments
            .iter()
            .enumerate()
            .flat_map(|(segment, s)| {
                let step = config.tile_k(s.act);
                s.k.clone().step_by(step).map(move |k| KTile { segment, k: k..(k + step).min(s.k.end) })
            })
            .collect();
        let lines = config.activation_lines;
        let most = config.accumulator_rows.min(lines).min(job.m);
        let groups = job.n.div_ceil(config.group_channels());
        // Activations that stay for several groups are loaded once, if blocks stay long enough to hide weight loads.
        let all_tiles = lines / (2 * tiles.len());
        let block_rows =
            if groups > 1 && all_tiles >= LOAD_BOUND * config.rows { most.min(all_tiles) } else { most.min((lines / 2).max(1)) };
        let fit = lines / block_rows;
        let regions = if fit >= 2 { 2 } else { 1 };
        let mut chunk = (fit / regions).min(tiles.len());
        if let Weights::Streamed(_) = job.weights {
            let words = job.segments.iter().map(|s| config.tile_words(s.act)).max().unwrap_or(1);
            chunk = chunk.min((stream_words / words).max(1));
        }
        Self { block_rows, tiles, chunk, regions }
    }

    /// Rows of each block.
    pub fn blocks(&self, m: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows = self.block_rows;
        (0..m).step_by(rows).map(move |first| first..(first + rows).min(m))
    }

    /// Chunks of tiles that are loaded together.
    pub fn chunks(&self) -> impl Iterator<Item = &[KTile]> {
        self.tiles.chunks(self.chunk)
    }
}

/// Runs of neighbouring tiles in one segment, with their place in the chunk.
pub fn runs(chunk: &[KTile]) -> impl Iterator<Item = (usize, &[KTile])> {
    let mut place = 0;
    chunk.chunk_by(|a, b| a.segment == b.segment).map(move |run| {
        let first = place;
        place += run.len();
        (first, run)
    })
}

/// Cycles that a job keeps the array busy: rows times tiles times passes. A lower bound of its time.
pub fn busy_cycles(job: &Job<'_>, config: &ArrayConfig) -> u64 {
    let passes = |s: &Segment| {
        let group = config.group_channels();
        let whole = job.n / group * super::checks::passes(s.weight.bits, group, config.cols);
        let rest = super::checks::passes(s.weight.bits, job.n % group, config.cols);
        (whole + rest) as u64
    };
    let tiles = |s: &Segment| s.k.len().div_ceil(config.tile_k(s.act)) as u64;
    job.segments.iter().map(|s| job.m as u64 * tiles(s) * passes(s)).sum()
}
