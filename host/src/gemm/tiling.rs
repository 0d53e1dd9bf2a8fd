//! Cuts a product into tiles, and decides in which order blocks of the result are computed.
//!
//! ```text
//! rows outside:    for each block of rows, for each group of 4C columns     -- activations stay, weights come again for each block
//! groups outside:  for each group of 4C columns, for each block of rows     -- weights stay, activations come again for each group
//! each block:      for each K tile, for each pass: compute;  then drain     -- the next block uses the other accumulator half
//! ```
//! Both memories are rings of slots; what a ring still holds is not loaded again. A slot of the weight memory is a tile. A slot of the
//! activation buffer is a tile of the left matrix, row by row, or the band of an image that all taps of a tile's channels read.

use super::cut::{Cost, Cut, weight_slot_words, weight_slots};
use super::{Image, Shape};
use crumb_arch::ArrayConfig;
use crumb_arch::command::Pattern;
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

impl Tiling {
    /// The tiling of a product: of the cuts, the one whose cost is best.
    pub fn new(shape: &Shape<'_>, config: &ArrayConfig) -> Self {
        let cuts: Vec<(Cost, Cut)> = Cut::all(shape, config).map(|cut| (cut.cost(shape, config), cut)).collect();
        let best = Cost::best(&cuts).copied();
        let (rows_outside, cut) = best.map_or((true, Cut::unrolled(shape, 1)), |(cost, cut)| (!cost.groups_outside, cut));
        Self::of(cut, rows_outside, shape, config)
    }

    fn of(cut: Cut, rows_outside: bool, shape: &Shape<'_>, config: &ArrayConfig) -> Self {
        let mut tiles = Vec::new();
        for (segment, s) in shape.segments.iter().enumerate() {
            let (part, times) = cut.parts(&s.k);
            let step = config.tile_k(s.act);
            for first in part.clone().step_by(step) {
                let slot = first..(first + step).min(part.end);
                tiles.extend((0..times).map(|tap| {
                    let offset = cut.image.map_or(0, |image| image.offset(tap));
                    KTile { segment, k: tap * part.len() + slot.start..tap * part.len() + slot.end, slot: slot.clone(), offset }
                }));
            }
        }
        Self {
            block_rows: cut.block_rows,
            span: cut.span,
            tiles,
            image: cut.image,
            activation_slots: config.activation_lines / cut.slot_lines,
            activation_slot_lines: cut.slot_lines,
            weight_slots: weight_slots(shape, config).unwrap_or(0),
            weight_slot_words: weight_slot_words(shape, config),
            rows_outside,
        }
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
