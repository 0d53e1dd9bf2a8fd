//! What a product asks for, however its left matrix is cut into blocks: tiles of K, passes over each, and the weights that they read.

use super::checks::passes;
use super::{Image, Shape};
use crumb_arch::ArrayConfig;
use crumb_arch::command::LINES_PER_RAW_ROW;
use std::ops::Range;

/// What a product asks for, however large its blocks of rows are.
#[derive(Clone, Debug)]
pub struct Work {
    segments: Vec<SegmentWork>,
    /// Slots of the activation buffer that a block reads.
    pub slots: usize,
    /// Tiles that a block reads.
    pub tiles: usize,
    /// Passes of tiles over a block.
    pub computes: usize,
    /// Addresses of the weight memory that a group's tiles take.
    pub words: usize,
    /// Addresses of the weight memory that a block reads.
    pub reads: usize,
    /// Tiles of streamed weights that the weight memory holds.
    pub weight_slots: Option<usize>,
    /// Groups of columns.
    pub groups: usize,
    /// Cycles in which a row of sums drains.
    pub drain: DrainWork,
}

/// Cycles in which a row of sums drains.
#[derive(Clone, Copy, Debug)]
pub struct DrainWork {
    /// All groups of it.
    pub all: usize,
    /// The first group.
    pub first: usize,
    /// The last group.
    pub last: usize,
}

/// What a segment adds to each block.
#[derive(Clone, Copy, Debug)]
struct SegmentWork {
    /// Passes of tiles over the block, for all groups and for the first.
    all: usize,
    first: usize,
    /// Cycles in which a tile loads.
    load: usize,
}

impl Work {
    /// That of blocks that are cut from an image, or from the left matrix row by row.
    pub fn new(image: Option<Image>, shape: &Shape<'_>, config: &ArrayConfig) -> Self {
        let group = config.group_channels();
        let groups = shape.n.div_ceil(group);
        let mut work = Self {
            segments: Vec::new(),
            slots: 0,
            tiles: 0,
            computes: 0,
            words: 0,
            reads: 0,
            weight_slots: weight_slots(shape, config),
            groups,
            drain: DrainWork::new(shape, config, groups),
        };
        for segment in shape.segments {
            let (part, times) = parts(image, &segment.k);
            let step = config.tile_k(segment.act);
            let chunks = part.len().div_ceil(step);
            let addresses =
                (part.len() / step * config.tile_words(segment.act) + (part.len() % step).div_ceil(config.word_k())) * times;
            let passes = |channels| passes(segment.weight.bits, channels, config.cols);
            // Computes, and addresses that they read, of all groups; computes of the first group.
            let (all, reads, first) = if shape.fold.copies > 1 {
                let (mut computes, mut reads) = (0, 0);
                for (k, ..) in k_tiles(image, &segment.k, step) {
                    let parts = shape.parts(&k, segment.weight.bits, config.cols).count_ones() as usize;
                    (computes, reads) = (computes + parts, reads + parts * k.len().div_ceil(config.word_k()));
                }
                (computes, reads, computes)
            } else {
                let all = shape.n / group * passes(group) + passes(shape.n % group);
                (chunks * times * all, addresses * all, chunks * times * passes(shape.n.min(group)))
            };
            work.slots += chunks;
            work.tiles += chunks * times;
            work.words += addresses;
            work.reads += reads;
            work.computes += all;
            work.segments.push(SegmentWork { all, first, load: config.load_cycles(segment.act) });
        }
        work
    }

    /// Cycles in which the array works on a block of so many rows.
    pub fn busy(&self, rows: usize) -> usize {
        self.segments.iter().map(|segment| segment.all * rows.max(segment.load)).sum()
    }

    /// The same for the first group alone.
    pub fn busy_first(&self, rows: usize) -> usize {
        self.segments.iter().map(|segment| segment.first * rows.max(segment.load)).sum()
    }

    /// Cycles in which a tile loads at most.
    pub fn longest_load(&self) -> usize {
        self.segments.iter().map(|segment| segment.load).max().unwrap_or(0)
    }
}

impl DrainWork {
    fn new(shape: &Shape<'_>, config: &ArrayConfig, groups: usize) -> Self {
        let group = config.group_channels();
        let of_group = |channels: usize| drain_cycles_per_row(shape, config, channels.div_ceil(config.cols));
        let whole = of_group(group);
        let last = of_group(shape.n - groups.saturating_sub(1) * group);
        Self { all: groups.saturating_sub(1) * whole + last, first: if groups > 1 { whole } else { last }, last }
    }
}

/// Cycles in which a drain of so many banks reads a row of sums, or the output stream takes its lines if that is longer.
pub fn drain_cycles_per_row(shape: &Shape<'_>, config: &ArrayConfig, banks: usize) -> usize {
    let lines = shape.requantize.map_or(banks * LINES_PER_RAW_ROW, |format| banks.div_ceil(format.width.lanes()));
    drain_reads_per_row(shape, config, banks).max(lines * config.beats_per_line())
}

/// Cycles in which a drain of so many banks reads a row of sums: as many banks together as an issue has; raw sums in quarters, a bank after
/// the other.
pub fn drain_reads_per_row(shape: &Shape<'_>, config: &ArrayConfig, banks: usize) -> usize {
    shape.requantize.map_or(banks * LINES_PER_RAW_ROW, |format| banks.div_ceil(config.banks_per_issue(format.width)))
}

/// Parts of K that have activations of their own, and for each of them how often it occurs in K.
fn parts(image: Option<Image>, k: &Range<usize>) -> (Range<usize>, usize) {
    image.map_or((k.clone(), 1), |image| (0..image.channels, image.taps()))
}

/// The tiles of a part of K, each of at most so many rows: its rows, the part of K or of an image's channels that its activations are, and
/// the kernel tap.
pub fn k_tiles(
    image: Option<Image>,
    k: &Range<usize>,
    step: usize,
) -> impl Iterator<Item = (Range<usize>, Range<usize>, usize)> + use<> {
    let (part, times) = parts(image, k);
    let (end, len) = (part.end, part.len());
    part.step_by(step)
        .map(move |first| first..(first + step).min(end))
        .flat_map(move |slot| (0..times).map(move |tap| (tap * len + slot.start..tap * len + slot.end, slot.clone(), tap)))
}

/// Addresses of the largest tile.
pub fn weight_slot_words(shape: &Shape<'_>, config: &ArrayConfig) -> usize {
    shape.segments.iter().map(|s| config.tile_words(s.act)).max().unwrap_or(1)
}

/// Tiles of streamed weights that the weight memory holds.
pub fn weight_slots(shape: &Shape<'_>, config: &ArrayConfig) -> Option<usize> {
    Some(shape.streamed_words()? / weight_slot_words(shape, config))
}
