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
use crumb_arch::command::{HEADER_WORDS, Pattern};
use crumb_arch::{ActBits, ArrayConfig};
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

/// Slots of the activation buffer beyond those that hold a block's tiles: the next block loads there while this one ends.
const SPARE_SLOTS: usize = 2;
/// Slots of the activation buffer that suffice when a block's tiles come and go.
const PASSING_SLOTS: usize = 4;

/// How the left matrix is cut, before its tiles are made.
#[derive(Clone, Copy)]
struct Cut {
    image: Option<Image>,
    block_rows: usize,
    span: usize,
    slot_lines: usize,
}

impl Cut {
    /// The left matrix row by row.
    fn unrolled(shape: &Shape<'_>, config: &ArrayConfig) -> Self {
        let lines = config.activation_lines;
        let most = config.accumulator_rows.min(shape.m);
        let groups = shape.n.div_ceil(config.group_channels());
        let tiles: usize = shape.segments.iter().map(|s| s.k.len().div_ceil(config.tile_k(s.act))).sum();
        // Activations that stay for several groups are loaded once, if blocks stay long enough to hide weight loads: of fewer rows
        // than the cycles of a load, the longest of which is that at A2, weights would set the pace.
        let staying = lines / (tiles + SPARE_SLOTS);
        let stay = groups > 1 && staying >= config.load_cycles(ActBits::A2).min(most);
        let block_rows = most.min(if stay { staying } else { (lines / PASSING_SLOTS).max(1) });
        Self { image: None, block_rows, span: shape.m, slot_lines: block_rows }
    }

    /// Bands of an image, for blocks of so many output rows; `None` if the memories are too small for them.
    fn of_image(config: &ArrayConfig, image: &Image, rows: usize) -> Option<Self> {
        let [height, width] = image.output;
        let slot_lines = image.band_lines(rows);
        let fits = image.pattern().is_some()
            && image.channels.is_multiple_of(config.word_k())
            && 2 * slot_lines <= config.activation_lines;
        fits.then_some(Self { image: Some(*image), block_rows: rows * width, span: height * width, slot_lines })
    }

    /// Parts of K that have activations of their own, and for each of them how often it occurs in K.
    fn parts(&self, k: &Range<usize>) -> (Range<usize>, usize) {
        self.image.map_or((k.clone(), 1), |image| (0..image.channels, image.taps()))
    }

    /// Blocks, and cycles that they keep the array busy for each tile and pass, if a tile loads in so many.
    fn blocks(&self, m: usize, load: usize) -> (usize, usize) {
        let of_span = |rows: usize| {
            let (whole, rest) = (rows / self.block_rows, rows % self.block_rows);
            let rest_time = if rest > 0 { rest.max(load) } else { 0 };
            (whole + usize::from(rest > 0), whole * self.block_rows.max(load) + rest_time)
        };
        let ((blocks, time), (last, last_time)) = (of_span(self.span), of_span(m % self.span));
        (m / self.span * blocks + last, m / self.span * time + last_time)
    }

    /// Cycles of the array, or of the input stream if that takes longer: what the machine needs if neither waits for the other. Then the
    /// lines received: of two that take the same time, the one that moves less. Last, whether blocks of rows are the outer loop.
    fn cost(&self, shape: &Shape<'_>, config: &ArrayConfig) -> (usize, usize, bool) {
        let groups = shape.n.div_ceil(config.group_channels());
        let (mut busy, mut slots, mut tiles, mut words, mut computes) = (0, 0, 0, 0, 0);
        for segment in shape.segments {
            let (part, times) = self.parts(&segment.k);
            let step = config.tile_k(segment.act);
            let chunks = part.len().div_ceil(step);
            let (group, load) = (config.group_channels(), config.load_cycles(segment.act));
            let passes = |channels| passes(segment.weight.bits, channels, config.cols);
            let passes = shape.n / group * passes(group) + passes(shape.n % group);
            slots += chunks;
            tiles += chunks * times;
            words += (part.len() / step * config.tile_words(segment.act) + (part.len() % step).div_ceil(config.word_k())) * times;
            computes += chunks * times * passes;
            busy += chunks * times * passes * self.blocks(shape.m, load).1;
        }
        let blocks = self.blocks(shape.m, 0).0;
        // A ring whose slots are fewer than those of a sweep holds none of them when the next sweep comes.
        let lines = |rows_outside: bool| {
            let stays = rows_outside && slots <= config.activation_lines / self.slot_lines;
            let loads = blocks * slots * if stays { 1 } else { groups };
            let kept = if rows_outside { tiles * groups } else { tiles };
            let weights = weight_slots(shape, config).map_or(0, |weight_slots| {
                let times = if kept <= weight_slots { 1 } else { blocks };
                (words * config.lines_per_weight_word() + tiles * HEADER_WORDS) * groups * times
            });
            loads * (self.slot_lines + HEADER_WORDS) + weights + blocks * computes * HEADER_WORDS
        };
        let [rows_first, groups_first] = [true, false].map(lines);
        let lines = rows_first.min(groups_first);
        (busy.max(lines * config.beats_per_line()), lines, rows_first <= groups_first)
    }
}

/// Addresses of the largest tile.
fn weight_slot_words(shape: &Shape<'_>, config: &ArrayConfig) -> usize {
    shape.segments.iter().map(|s| config.tile_words(s.act)).max().unwrap_or(1)
}

/// Tiles of streamed weights that the weight memory holds.
fn weight_slots(shape: &Shape<'_>, config: &ArrayConfig) -> Option<usize> {
    Some(shape.streamed_words()? / weight_slot_words(shape, config))
}

impl Tiling {
    /// The tiling of a product: the one that takes the fewest cycles if neither the array nor the input stream ever waits for the other.
    pub fn new(shape: &Shape<'_>, config: &ArrayConfig) -> Self {
        let images = shape.image.into_iter().flat_map(|image| {
            let most = config.accumulator_rows.checked_div(image.output[1]).unwrap_or(0).min(image.output[0]);
            (1..=most).rev().filter_map(move |rows| Cut::of_image(config, &image, rows))
        });
        let cuts = std::iter::once(Cut::unrolled(shape, config)).chain(images).map(|cut| (cut.cost(shape, config), cut));
        let best = cuts.reduce(|best, next| if (next.0.0, next.0.1) < (best.0.0, best.0.1) { next } else { best });
        let ((.., rows_outside), cut) = best.unwrap_or_else(|| ((0, 0, true), Cut::unrolled(shape, config)));
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
