//! Cuts a product into tiles, and decides in which order blocks of the result are computed.
//!
//! ```text
//! rows outside:    for each block of rows, for each group of 4C columns     -- activations stay, weights come again for each block
//! groups outside:  for each group of 4C columns, for each block of rows     -- weights stay, activations come again for each group
//! each block:      for each K tile, for each pass: compute;  then drain     -- the next block uses the other accumulator half
//! ```
//! Both memories are rings of slots; what a ring still holds is not loaded again. A slot of the weight memory is a tile. A slot of the
//! activation buffer is a tile of the left matrix, row by row, or the band of an image that all taps of a tile's channels read.

use super::checks::passes;
use super::{Image, Shape};
use crumb_arch::ArrayConfig;
use crumb_arch::command::{HEADER_WORDS, LINES_PER_WEIGHT_WORD, Pattern};
use std::ops::Range;

/// One K tile: a part of a segment that the array holds at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KTile {
    /// Index of the segment.
    pub segment: usize,
    /// Rows of the weight matrix.
    pub k: Range<usize>,
    /// What a slot of the activation buffer holds of it: columns of the left matrix, or channels of an image.
    pub slot: Range<usize>,
    /// The line of the slot at which it begins.
    pub offset: usize,
}

/// How a product is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Rows of a block, at most.
    pub block_rows: usize,
    /// Rows after which a new block begins in any case: those of an image, or all.
    pub span: usize,
    /// K tiles, in order.
    pub tiles: Vec<KTile>,
    /// The image whose bands the slots of the activation buffer hold, if they are not rows of the left matrix.
    pub image: Option<Image>,
    /// Slots of the activation buffer.
    pub activation_slots: usize,
    /// Lines of an activation slot.
    pub activation_slot_lines: usize,
    /// Slots of the weight memory for streamed weights, each of one tile; 0 if weights are resident.
    pub weight_slots: usize,
    /// Addresses of a weight slot.
    pub weight_slot_words: usize,
    /// Blocks of rows are the outer loop.
    pub rows_outside: bool,
}

/// Rows of a block below which weight loads, not activations, set the pace: a tile loads in `4 * rows` cycles at A2.
const LOAD_BOUND: usize = 4;
/// Slots of the activation buffer beyond those that hold a block's tiles: the next block loads there while this one ends.
const SPARE_SLOTS: usize = 2;
/// Slots of the activation buffer that suffice when a block's tiles come and go.
const PASSING_SLOTS: usize = 4;

impl Tiling {
    /// The tiling of a product: the one that takes the fewest cycles if neither the array nor the input stream ever waits for the other.
    pub fn new(shape: &Shape<'_>, config: &ArrayConfig) -> Self {
        let images = shape.image.into_iter().flat_map(|image| {
            let most = config.accumulator_rows.checked_div(image.output[1]).unwrap_or(0).min(image.output[0]);
            (1..=most).rev().filter_map(move |rows| Self::of_image(shape, config, &image, rows))
        });
        let unrolled = Self::unrolled(shape, config);
        let cost = unrolled.cost(shape, config);
        images
            .map(|tiling| (tiling.cost(shape, config), tiling))
            .fold((cost, unrolled), |best, next| if next.0 < best.0 { next } else { best })
            .1
    }

    /// The left matrix row by row.
    fn unrolled(shape: &Shape<'_>, config: &ArrayConfig) -> Self {
        let tiles: Vec<KTile> = shape
            .segments
            .iter()
            .enumerate()
            .flat_map(|(segment, s)| {
                let step = config.tile_k(s.act);
                s.k.clone().step_by(step).map(move |k| {
                    let k = k..(k + step).min(s.k.end);
                    KTile { segment, k: k.clone(), slot: k, offset: 0 }
                })
            })
            .collect();
        let lines = config.activation_lines;
        let most = config.accumulator_rows.min(shape.m);
        let groups = shape.n.div_ceil(config.group_channels());
        // Activations that stay for several groups are loaded once, if blocks stay long enough to hide weight loads.
        let staying = lines / (tiles.len() + SPARE_SLOTS);
        let stay = groups > 1 && staying >= (LOAD_BOUND * config.rows).min(most);
        let block_rows = most.min(if stay { staying } else { (lines / PASSING_SLOTS).max(1) });
        Self::with(shape, config, tiles, (block_rows, shape.m), None, block_rows)
    }

    /// Bands of an image, for blocks of so many output rows; `None` if the memories are too small for them.
    fn of_image(shape: &Shape<'_>, config: &ArrayConfig, image: &Image, rows: usize) -> Option<Self> {
        let channels = image.channels;
        let band = image.band_lines(rows);
        if image.pattern().is_none() || !channels.is_multiple_of(config.depth) || 2 * band > config.activation_lines {
            return None;
        }
        let mut tiles = Vec::new();
        for (segment, s) in shape.segments.iter().enumerate() {
            let step = config.tile_k(s.act);
            for first in (0..channels).step_by(step) {
                let slot = first..(first + step).min(channels);
                tiles.extend((0..image.taps()).map(|tap| {
                    let k = tap * channels + slot.start..tap * channels + slot.end;
                    KTile { segment, k, slot: slot.clone(), offset: image.offset(tap) }
                }));
            }
        }
        let [height, width] = image.output;
        Some(Self::with(shape, config, tiles, (rows * width, height * width), Some(*image), band))
    }

    fn with(
        shape: &Shape<'_>,
        config: &ArrayConfig,
        tiles: Vec<KTile>,
        (block_rows, span): (usize, usize),
        image: Option<Image>,
        activation_slot_lines: usize,
    ) -> Self {
        let weight_slot_words = shape.segments.iter().map(|s| config.tile_words(s.act)).max().unwrap_or(1);
        let weight_slots = shape.streamed_words().map_or(0, |words| words / weight_slot_words);
        let activation_slots = config.activation_lines / activation_slot_lines;
        let rows_outside = true;
        let mut tiling = Self {
            block_rows,
            span,
            tiles,
            image,
            activation_slots,
            activation_slot_lines,
            weight_slots,
            weight_slot_words,
            rows_outside,
        };
        let [rows, groups] = [true, false].map(|outside| tiling.lines_in(shape, config, outside));
        tiling.rows_outside = rows <= groups;
        tiling
    }

    /// Cycles of the array, or of the input stream if that takes longer: what the machine needs if neither waits for the other. Then the
    /// lines received: of two that take the same time, the one that moves less.
    fn cost(&self, shape: &Shape<'_>, config: &ArrayConfig) -> [usize; 2] {
        let busy: usize = self
            .tiles
            .iter()
            .map(|tile| {
                let segment = &shape.segments[tile.segment];
                let (group, load) = (config.group_channels(), config.tile_words(segment.act));
                let passes = |channels| passes(segment.weight.bits, channels, config.cols);
                let passes = shape.n / group * passes(group) + passes(shape.n % group);
                self.blocks(shape.m).map(|rows| rows.len().max(load)).sum::<usize>() * passes
            })
            .sum();
        let lines = self.lines_in(shape, config, self.rows_outside);
        [busy.max(lines * config.beats_per_line()), lines]
    }

    /// Lines received in either order: a ring whose slots are fewer than those of a sweep holds none of them when the next sweep comes.
    fn lines_in(&self, shape: &Shape<'_>, config: &ArrayConfig, rows_outside: bool) -> usize {
        let (blocks, groups) = (self.blocks(shape.m).count(), shape.n.div_ceil(config.group_channels()));
        let tiles = self.tiles.len();
        let mut slots: Vec<_> = self.tiles.iter().map(|tile| (tile.segment, tile.slot.start)).collect();
        slots.dedup();
        let loads = blocks * slots.len() * if rows_outside && slots.len() <= self.activation_slots { 1 } else { groups };
        let words: usize = self.tiles.iter().map(|tile| tile.k.len().div_ceil(config.depth)).sum();
        let kept = if rows_outside { tiles * groups } else { tiles };
        let times = if kept <= self.weight_slots { 1 } else { blocks };
        let weights =
            if self.weight_slots == 0 { 0 } else { (words * LINES_PER_WEIGHT_WORD + tiles * HEADER_WORDS) * groups * times };
        let passes: usize =
            self.tiles.iter().map(|tile| passes(shape.segments[tile.segment].weight.bits, shape.n, config.cols)).sum();
        loads * (self.activation_slot_lines + HEADER_WORDS) + weights + blocks * passes * HEADER_WORDS
    }

    /// How tiles read their slot.
    pub fn pattern(&self) -> Pattern {
        self.image.and_then(|image| image.pattern()).unwrap_or(Pattern::LINEAR)
    }

    /// Lines of the slot that a block of so many rows reads.
    pub const fn slot_lines(&self, rows: usize) -> usize {
        match &self.image {
            None => rows,
            Some(image) => image.band_lines(rows / image.output[1]),
        }
    }

    /// Rows of each block.
    pub fn blocks(&self, m: usize) -> impl Iterator<Item = Range<usize>> + Clone + use<> {
        let (rows, span) = (self.block_rows, self.span);
        (0..m).step_by(span).flat_map(move |image| {
            let end = (image + span).min(m);
            (image..end).step_by(rows).map(move |first| first..(first + rows).min(end))
        })
    }
}
