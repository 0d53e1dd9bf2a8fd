//! How the left matrix of a product may be cut into blocks, and what each cut costs, from numbers alone.
//!
//! ```text
//! time = the longest of
//!          startup + array                        startup: the stream brings what the first tile needs
//!          stream in + rows of the last block     the last tile waits for the last line
//!          startup + drains
//!          startup + half of array, drains and what lies between them        an accumulator half takes the sums of every other block
//!      + drain of the last block
//! ```

use super::work::Work;
use super::{Image, Shape};
use crumb_arch::timing::{COMBINER_LATENCY, COMMAND_LATENCY, DRAIN_LATENCY, token_latency};
use crumb_arch::{ActBits, ArrayConfig};

/// Slots of the activation buffer beyond those that hold a block's tiles: the next block loads there while this one ends.
const SPARE_SLOTS: usize = 2;
/// Slots of the activation buffer that suffice when a block's tiles come and go.
const PASSING_SLOTS: usize = 4;
/// Cycles from the last read of a drain to the first of the next: through the pipeline, then a dispatch.
const BETWEEN_DRAINS: usize = DRAIN_LATENCY + 4;
/// A cut that takes up to 1 / this longer than the fastest may be taken for its smaller traffic.
const SLACK: usize = 192;
/// Percents of traffic that weigh as much as one percent of time, among such cuts.
const TIME_WEIGHT: usize = 64;
/// Bytes of a memory on the chip whose reading takes as much energy as a byte of DRAM: Horowitz (ISSCC 2014) gives 1.3 to 2.6 nJ for 64 bits of
/// DRAM and 10 to 100 pJ for 64 bits of a memory of 8 KiB to 1 MiB.
const STREAM_BYTE: usize = 64;
/// Parts into which the largest block of rows may be cut.
const PARTS: [usize; 7] = [1, 2, 3, 4, 6, 8, 12];

/// Rows of the first and of the last block, in loads of a tile: what comes first must cover what the second block brings in, what comes last
/// the drain before it.
const EDGES: [[usize; 2]; 3] = [[1, 1], [2, 1], [4, 2]];

/// How the left matrix is cut, before its tiles are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The image whose bands the slots of the activation buffer hold, if they are not rows of the left matrix.
    pub image: Option<Image>,
    /// Rows of a block, at most.
    pub block_rows: usize,
    /// Rows after which a new block begins in any case: those of an image, or all.
    pub span: usize,
    /// Rows of the first and of the last block of a span, 0 if they are like the others: small ones let the array begin and end early.
    pub edges: [usize; 2],
    /// Lines of an activation slot.
    pub slot_lines: usize,
}

/// What a cut costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Clock cycles.
    pub cycles: usize,
    /// Bytes read from the weight memory, and those received, each of which counts [`STREAM_BYTE`] times.
    pub traffic: usize,
    /// Whether blocks of rows are the inner loop.
    pub groups_outside: bool,
}

impl Cost {
    /// The best of several: of those that take hardly longer than the fastest, the one whose time and traffic together are least.
    pub fn best<T>(of: impl Iterator<Item = (Self, T)>) -> Option<(Self, T)> {
        let (mut fastest, mut near) = (usize::MAX, Vec::new());
        let is_near = |cost: &Self, fastest: usize| cost.cycles <= fastest + fastest / SLACK;
        for (cost, what) in of {
            if cost.cycles < fastest {
                fastest = cost.cycles;
                near.retain(|(cost, _)| is_near(cost, fastest));
            }
            if is_near(&cost, fastest) {
                near.push((cost, what));
            }
        }
        let weight = |cost: &Self| cost.traffic as u128 * (fastest + TIME_WEIGHT * (cost.cycles - fastest)) as u128;
        near.into_iter().min_by_key(|(cost, _)| (weight(cost), cost.cycles))
    }
}

impl Cut {
    /// Of the cuts of a product, the one whose cost is best; and that cost.
    pub fn best(shape: &Shape<'_>, config: &ArrayConfig) -> (Cost, Self) {
        let by_row = Work::new(None, shape, config);
        let by_image = shape.image.map(|image| Work::new(Some(image), shape, config));
        let cost = |cut: &Self| cut.cost(cut.image.and(by_image.as_ref()).unwrap_or(&by_row), shape, config);
        let with_cost = |cut: Self| (cost(&cut), cut);
        Cost::best(Self::all(shape, config).map(with_cost)).unwrap_or_else(|| with_cost(Self::unrolled(shape, 1)))
    }

    /// Every cut that is worth a look.
    pub fn all<'a>(shape: &'a Shape<'_>, config: &'a ArrayConfig) -> impl Iterator<Item = Self> + use<'a> {
        let images = shape.image.into_iter().flat_map(move |image| {
            let most = config.accumulator_rows.checked_div(image.output[1]).unwrap_or(0).min(image.output[0]);
            (1..=most).rev().filter_map(move |rows| Self::of_image(config, &image, rows))
        });
        let most = Self::unrolled_rows(shape, config);
        let unrolled = PARTS.into_iter().map(move |parts| Self::unrolled(shape, most.div_ceil(parts)));
        let load = shape.segments.iter().map(|s| config.load_cycles(s.act)).max().unwrap_or(1);
        unrolled.chain(images).flat_map(move |cut| {
            std::iter::once(cut).chain(EDGES.into_iter().filter_map(move |times| cut.with_edges(load, times)))
        })
    }

    /// The left matrix row by row, in blocks of so many rows.
    pub const fn unrolled(shape: &Shape<'_>, rows: usize) -> Self {
        Self { image: None, block_rows: rows, span: shape.m, edges: [0; 2], slot_lines: rows }
    }

    /// Most rows of a block when the left matrix comes row by row.
    pub fn unrolled_rows(shape: &Shape<'_>, config: &ArrayConfig) -> usize {
        let lines = config.activation_lines;
        let most = config.accumulator_rows.min(shape.m);
        let groups = shape.n.div_ceil(config.group_channels());
        let tiles: usize = shape.segments.iter().map(|s| s.k.len().div_ceil(config.tile_k(s.act))).sum();
        // Activations that stay for several groups are loaded once, if blocks stay long enough to hide weight loads: of fewer rows
        // than the cycles of a load, the longest of which is that at A2, weights would set the pace.
        let staying = lines / (tiles + SPARE_SLOTS);
        let stay = groups > 1 && staying >= config.load_cycles(ActBits::A2).min(most);
        most.min(if stay { staying } else { (lines / PASSING_SLOTS).max(1) })
    }

    /// Bands of an image, for blocks of so many output rows; `None` if the memories are too small for them.
    fn of_image(config: &ArrayConfig, image: &Image, rows: usize) -> Option<Self> {
        let [height, width] = image.output;
        let slot_lines = image.band_lines(rows);
        let fits = image.pattern().is_some()
            && image.channels.is_multiple_of(config.word_k())
            && 2 * slot_lines <= config.activation_lines;
        fits.then_some(Self { image: Some(*image), block_rows: rows * width, span: height * width, edges: [0; 2], slot_lines })
    }

    /// The same with first and last blocks of as many rows as hide the load of the next tile so many times, if blocks are larger, and with
    /// the others of one size. Images are cut at every row, so that each size comes from itself: there, `None` for those that become
    /// smaller.
    fn with_edges(self, load: usize, times: [usize; 2]) -> Option<Self> {
        let unit = self.image.map_or(1, |image| image.output[1]);
        let edges = times.map(|times| (times * load).next_multiple_of(unit));
        let middle = self.span.checked_sub(edges[0] + edges[1])?;
        let block_rows = middle.div_ceil(middle.div_ceil(self.block_rows).max(1)).next_multiple_of(unit);
        let cut = Self { edges, block_rows, ..self };
        let again = self.image.is_some() && block_rows != self.block_rows;
        (edges[0].max(edges[1]) < block_rows && !again).then(|| Self { slot_lines: cut.lines_of(block_rows), ..cut })
    }

    /// The blocks of a span of so many rows, in order: their rows, and how many of that size follow each other.
    pub fn blocks_of(&self, rows: usize) -> [(usize, usize); 4] {
        let [first, last] = if rows > self.edges[0] + self.edges[1] { self.edges } else { [0; 2] };
        let middle = rows - first - last;
        [(first, 1), (self.block_rows, middle / self.block_rows), (middle % self.block_rows, 1), (last, 1)]
            .map(|(rows, times)| (rows, if rows > 0 { times } else { 0 }))
    }

    /// Rows of the first block, of the largest, and of the last, of so many rows.
    pub fn ends(&self, m: usize) -> [usize; 3] {
        let first = self.blocks_of(self.span.min(m)).into_iter().find(|block| block.1 > 0);
        let last = self.blocks_of((m - 1) % self.span + 1).into_iter().rfind(|block| block.1 > 0);
        [first.map_or(0, |block| block.0), self.block_rows.min(m), last.map_or(0, |block| block.0)]
    }

    /// Lines of a slot that a block of so many rows reads.
    pub const fn lines_of(&self, rows: usize) -> usize {
        match &self.image {
            None => rows,
            Some(image) => image.band_lines(rows / image.output[1]),
        }
    }

    /// What a product costs that is cut so; the work is that of the cut's image.
    pub fn cost(&self, work: &Work, shape: &Shape<'_>, config: &ArrayConfig) -> Cost {
        let beats = config.beats_per_line();
        let Work { slots, tiles, computes, words, reads, weight_slots, groups, drain, .. } = *work;
        let (mut busy, mut blocks, mut block_lines) = (0, 0, 0);
        for (spans, span) in [(shape.m / self.span, self.span), (1, shape.m % self.span)] {
            for (rows, times) in self.blocks_of(span).into_iter().filter(|(_, times)| *times > 0) {
                busy += spans * times * work.busy(rows);
                blocks += spans * times;
                block_lines += spans * times * self.lines_of(rows);
            }
        }
        // Lines and commands of either order. A ring whose slots are fewer than those of a sweep holds none of them when the next comes.
        let stream = |rows_outside: bool| {
            let stays = rows_outside && slots <= config.activation_lines / self.slot_lines;
            let slots = slots * if stays { 1 } else { groups };
            let kept = if rows_outside { tiles * groups } else { tiles };
            let (weight_lines, weight_loads) = weight_slots.map_or((0, 0), |weight_slots| {
                let times = groups * if kept <= weight_slots { 1 } else { blocks };
                (words * config.lines_per_weight_word() * times, tiles * times)
            });
            let commands = blocks * slots + weight_loads + blocks * (computes + groups);
            let lines = slots * block_lines + weight_lines + commands * config.header_lines();
            (lines * beats + commands * COMMAND_LATENCY, lines)
        };
        let [rows_first, groups_first] = [true, false].map(stream);
        let (stream, lines) = rows_first.min(groups_first);
        let out = shape.m * drain.all + blocks * groups * BETWEEN_DRAINS;
        // The first group of the first block waits for its first tile, and then for what comes more slowly than it is used.
        let load = |lines: usize| (config.header_lines() + lines) * beats + COMMAND_LATENCY;
        let tile_weights =
            if shape.streamed_words().is_some() { load(words.div_ceil(tiles) * config.lines_per_weight_word()) } else { 0 };
        // What a block of so many rows brings in, and how long the array works on it, for the first group.
        let brings = |rows: usize| slots * load(self.lines_of(rows)) + tiles * tile_weights + computes / groups * load(0);
        let [first, next, last_rows] = self.ends(shape.m);
        let first_tile = |rows: usize| load(self.lines_of(rows)) + tile_weights + load(0);
        let startup = first_tile(first).max(brings(first).saturating_sub(work.busy_first(first)));
        let startup = startup.max((brings(first) + first_tile(next)).saturating_sub(work.busy_first(first)));
        // The last tile of the block before the last one begins when its lines are there.
        let behind = last_rows.max((next + work.busy_first(last_rows)).saturating_sub(brings(last_rows)));
        // The drain before the last one begins with the last block.
        let before = if groups > 1 && rows_first <= groups_first { last_rows } else { next };
        let drains = (before * drain.first + BETWEEN_DRAINS).saturating_sub(work.busy_first(last_rows));
        // Two blocks on, a tile waits until its half of the accumulators is drained.
        let latency = token_latency(config) + COMBINER_LATENCY + config.cols + work.longest_load();
        let halves = startup + (busy + out + blocks * groups * latency) / 2;
        let cycles =
            (startup + busy + drains).max(stream + behind + drains).max(startup + out).max(halves) + last_rows * drain.last;
        let read_bytes = blocks * reads * config.lines_per_weight_word() * config.line_bytes();
        let traffic = lines * config.line_bytes() * STREAM_BYTE + read_bytes;
        Cost { cycles, traffic, groups_outside: groups_first < rows_first }
    }
}
