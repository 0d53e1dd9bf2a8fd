//! Cuts a product into tiles, and decides in which order blocks of the result are computed.
//!
//! ```text
//! rows outside:    for each block of rows, for each group of 4C columns     -- activations stay, weights come again for each block
//! groups outside:  for each group of 4C columns, for each block of rows     -- weights stay, activations come again for each group
//! each block:      for each K tile, for each pass: compute;  then drain     -- the next block uses the other accumulator half
//! ```
//! Both memories are rings of slots that hold a tile each; what a ring still holds is not loaded again.

use super::Shape;
use crumb_arch::{ActBits, ArrayConfig};
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
    /// Slots of the activation buffer, each of `block_rows` lines.
    pub activation_slots: usize,
    /// Slots of the weight memory for streamed weights, each of one tile; 0 if weights are resident.
    pub weight_slots: usize,
    /// Addresses of a weight slot.
    pub weight_slot_words: usize,
    /// Blocks of rows are the outer loop.
    pub rows_outside: bool,
}

/// Slots of the activation buffer beyond those that hold a block's tiles: the next block loads there while this one ends.
const SPARE_SLOTS: usize = 2;
/// Slots of the activation buffer that suffice when a block's tiles come and go.
const PASSING_SLOTS: usize = 4;

impl Tiling {
    /// The tiling of a product, given how many weight addresses streamed weights may use.
    pub fn new(shape: &Shape<'_>, config: &ArrayConfig) -> Self {
        let tiles: Vec<KTile> = shape
            .segments
            .iter()
            .enumerate()
            .flat_map(|(segment, s)| {
                let step = config.tile_k(s.act);
                s.k.clone().step_by(step).map(move |k| KTile { segment, k: k..(k + step).min(s.k.end) })
            })
            .collect();
        let lines = config.activation_lines;
        let most = config.accumulator_rows.min(shape.m);
        let groups = shape.n.div_ceil(config.group_channels());
        // Activations that stay for several groups are loaded once, if blocks stay long enough to hide weight loads: of fewer rows
        // than the cycles of a load, the longest of which is that at A2, weights would set the pace.
        let staying = lines / (tiles.len() + SPARE_SLOTS);
        let stay = groups > 1 && staying >= config.load_cycles(ActBits::A2).min(most);
        let block_rows = most.min(if stay { staying } else { (lines / PASSING_SLOTS).max(1) });
        let weight_slot_words = shape.segments.iter().map(|s| config.tile_words(s.act)).max().unwrap_or(1);
        let weight_slots = shape.streamed_words().map_or(0, |words| words / weight_slot_words);
        let mut tiling =
            Self { block_rows, tiles, activation_slots: lines / block_rows, weight_slots, weight_slot_words, rows_outside: true };
        let [rows_outside, groups_outside] = [true, false].map(|outside| tiling.lines_in(shape, config, outside));
        tiling.rows_outside = rows_outside <= groups_outside;
        tiling
    }

    /// Payload lines of activations and weights in either order: a ring whose slots are fewer than the tiles of a sweep holds none of
    /// them when the next sweep comes.
    fn lines_in(&self, shape: &Shape<'_>, config: &ArrayConfig, rows_outside: bool) -> usize {
        let (blocks, groups) = (shape.m.div_ceil(self.block_rows), shape.n.div_ceil(config.group_channels()));
        let tiles = self.tiles.len();
        let activations = shape.m * tiles * if rows_outside && tiles <= self.activation_slots { 1 } else { groups };
        let words: usize = self.tiles.iter().map(|tile| tile.k.len().div_ceil(config.word_k())).sum();
        let kept = if rows_outside { tiles * groups } else { tiles };
        let times = if kept <= self.weight_slots { 1 } else { blocks };
        let weights = if self.weight_slots == 0 { 0 } else { words * config.lines_per_weight_word() * groups * times };
        activations + weights
    }

    /// Rows of each block.
    pub fn blocks(&self, m: usize) -> impl Iterator<Item = Range<usize>> + Clone + use<> {
        let rows = self.block_rows;
        (0..m).step_by(rows).map(move |first| first..(first + rows).min(m))
    }
}
