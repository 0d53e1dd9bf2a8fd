//! Products without their data: what each costs on its own, and that costs add up.
//!
//! ```text
//!   read | product | product | product | read      a session waits for every packet of a product before it gives the next
//! ```
//! So every product finds the machine as the one before found it, idle, and the counters between two readings are those of the reading
//! and those of each product alone, in any order. A product's counters depend on its shape, not on where its weights lie.

use super::layers::{Conv, LayerKind, LayerShape};
use super::timing::Timing;
use super::walk::Walk;
use crate::gemm::schedule::Schedule;
use crate::gemm::tiling::Tiling;
use crate::gemm::{
    Fold, GemmError, Image, Mapping, Placement, Segment, Shape, WeightLayout, are_whole, check_weights, drain_reads_per_row,
    passes,
};
use crumb_arch::precision::ActBits;
use crumb_arch::{ArrayConfig, Counters, Requantize, Rounding};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Reverse;

/// The counters of products that run one after the other, as a session reads them before the first and after the last.
pub fn counters<'a>(config: &ArrayConfig, shapes: impl IntoIterator<Item = Shape<'a>>) -> Counters {
    let mut timing = Timing::new(config);
    for shape in shapes {
        let mapping = Mapping::new(&shape, config);
        run(&mut timing, &mapping.shape(), &mapping.tiling, config);
    }
    timing.read_counters()
}

/// Gives a product's commands, and waits for its results.
fn run(timing: &mut Timing<'_>, shape: &Shape<'_>, tiling: &Tiling, config: &ArrayConfig) {
    match Walk::new(shape, config, tiling) {
        Some(walk) => {
            walk.run(timing);
        }
        None => Schedule::new(shape, config, tiling).for_each(|step| timing.give(&step.command)),
    }
    timing.settle();
}

/// The image that a convolution's rows are; `None` for matrix products.
pub fn image(layer: &LayerShape) -> Option<Image> {
    let LayerKind::Conv(Conv { input, kernel, strides, channels, groups, .. }) = *layer.kind() else { return None };
    let pair = |pair: [u64; 2]| Some([usize::try_from(pair[0]).ok()?, usize::try_from(pair[1]).ok()?]);
    // No pattern has such a stride, and products with it could leave 64 bits.
    let strides = Some(strides).filter(|strides| strides.iter().all(|stride| u32::try_from(*stride).is_ok()))?;
    let image = Image {
        images: usize::try_from(layer.batch()).ok()?,
        output: pair(layer.output_size())?,
        channels: usize::try_from(channels / groups).ok()?,
        kernel: pair(kernel)?,
        strides: pair(strides)?,
        dilations: [1, 1],
    };
    image.of_input(pair(input)?)
}

/// A product without its data, with its own modes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    /// Rows of the left matrix.
    pub m: usize,
    /// Columns of the left matrix, rows of the weights.
    pub k: usize,
    /// Columns of the weights.
    pub n: usize,
    /// The modes, in order.
    pub segments: Vec<Segment>,
    /// Where the weights lie.
    pub weights: Placement,
    /// The image that the rows are read from, if they can be.
    pub image: Option<Image>,
    /// What is the same for all columns of a requantized result; `None` for int32.
    pub requantize: Option<Requantize>,
}

impl Product {
    /// As the schedule takes it.
    pub fn shape(&self) -> Shape<'_> {
        let image = self.image.filter(|_| are_whole(&self.segments, self.k));
        let Self { m, k, n, ref segments, weights, requantize, .. } = *self;
        Shape { m, k, n, segments, weights, image, requantize, fold: Fold::NONE }
    }

    /// Whether this takes as long as another, whatever the machine.
    pub(crate) fn same_time(&self, other: &Self) -> bool {
        self.representative() == other.representative()
    }

    /// The product that stands for all that take the same time: addresses, signs, rounding and clamps do not matter.
    fn representative(&self) -> Self {
        let mut product = self.clone();
        for segment in &mut product.segments {
            segment.act_signed = true;
            segment.weight.rounding = Rounding::Floor;
        }
        product.weights = match self.weights {
            Placement::Resident(layout) => Placement::Resident(WeightLayout { base: 0, ..layout }),
            Placement::Streamed { words, .. } => Placement::Streamed { base: 0, words },
        };
        product.requantize = self.requantize.map(|Requantize { width, .. }| Requantize {
            parameters: 0,
            width,
            exponent_adjust: 0,
            zero_point: 0,
            lo: 0,
            hi: 0,
        });
        product
    }
}

/// What products cost: every counter, and what single parts of the machine would need if nothing else kept them waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Every counter of the machine.
    pub counters: Counters,
    /// Cycles in which the weight bus is busy: every tile loads all rows of the array, used or not.
    pub weight_bus_cycles: u64,
    /// Cycles in which drains read: one issue each.
    pub drain_cycles: u64,
    /// Bit operations with K rounded up to whole tiles and N to whole passes: `sum of M * K' * N' * A * W`, W that of a lane.
    pub padded_bops: u64,
    /// Tiles and busy cycles at each activation width, in the order of [`ActBits::ALL`]: what a layer with important channels has of two.
    pub by_act: [ActShare; ActBits::ALL.len()],
}

/// What happens at one activation width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActShare {
    /// Tiles started.
    pub tiles: u64,
    /// Cycles in which an activation vector enters the array.
    pub busy_cycles: u64,
}

impl Cost {
    /// Both; `None` beyond 64 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.zip(&other, u64::checked_add)
    }

    /// So many times this; `None` beyond 64 bits.
    pub fn checked_mul(self, times: u64) -> Option<Self> {
        self.zip(&self, |value, _| value.checked_mul(times))
    }

    fn zip(&self, other: &Self, of: impl Fn(u64, u64) -> Option<u64>) -> Option<Self> {
        let mut counters = Counters::default();
        for (sum, (a, b)) in counters.0.iter_mut().zip(self.counters.0.into_iter().zip(other.counters.0)) {
            *sum = of(a, b)?;
        }
        let mut by_act = self.by_act;
        for (share, (a, b)) in by_act.iter_mut().zip(self.by_act.iter().zip(&other.by_act)) {
            *share = ActShare { tiles: of(a.tiles, b.tiles)?, busy_cycles: of(a.busy_cycles, b.busy_cycles)? };
        }
        Some(Self {
            by_act,
            counters,
            weight_bus_cycles: of(self.weight_bus_cycles, other.weight_bus_cycles)?,
            drain_cycles: of(self.drain_cycles, other.drain_cycles)?,
            padded_bops: of(self.padded_bops, other.padded_bops)?,
        })
    }
}

/// The costs of products on one machine, each computed once.
pub struct Costs<'a> {
    config: &'a ArrayConfig,
    reading: Cost,
    known: FxHashMap<Product, Cost>,
}

impl<'a> Costs<'a> {
    /// None yet.
    pub fn new(config: &'a ArrayConfig) -> Self {
        let reading = Cost { counters: counters(config, []), ..Cost::default() };
        Self { config, reading, known: FxHashMap::default() }
    }

    /// The machine.
    pub const fn config(&self) -> &'a ArrayConfig {
        self.config
    }

    /// What a reading of the counters adds to them.
    pub const fn reading(&self) -> Cost {
        self.reading
    }

    /// What a product adds.
    ///
    /// # Errors
    /// If the machine's host refuses it, as it could not be computed exactly whatever its data.
    pub fn product(&mut self, product: &Product) -> Result<Cost, GemmError> {
        let product = product.representative();
        if let Some(cost) = self.known.get(&product) {
            return Ok(*cost);
        }
        let cost = self.compute(&product)?;
        self.known.insert(product, cost);
        Ok(cost)
    }

    /// Computes products on all cores, each that is not known once. What is refused stays unknown, and [`Self::product`] says why;
    /// so does a single one, as waking another core takes longer than it does.
    pub fn prepare<'p>(&mut self, products: impl Iterator<Item = &'p Product>) {
        let products: FxHashSet<Product> = products.map(Product::representative).collect();
        let mut unknown: Vec<Product> = products.into_iter().filter(|product| !self.known.contains_key(product)).collect();
        if unknown.len() < 2 {
            return;
        }
        // Those with the most tiles first, so that all cores end together.
        unknown.sort_unstable_by_key(|product| Reverse(product.k.saturating_mul(product.n)));
        let costs =
            unknown.into_iter().par_bridge().filter_map(|product| self.compute(&product).ok().map(|cost| (product, cost)));
        let costs: Vec<(Product, Cost)> = costs.collect();
        self.known.extend(costs);
    }

    /// What a product adds that is its own [`Product::representative`].
    fn compute(&self, product: &Product) -> Result<Cost, GemmError> {
        let (shape, config) = (product.shape(), self.config);
        shape.check(config.word_k())?;
        check_weights(&shape, config)?;
        let mapping = Mapping::new(&shape, config);
        let (mapped, tiling) = (mapping.shape(), &mapping.tiling);
        let mut timing = Timing::new(config);
        run(&mut timing, &mapped, tiling, config);
        let mut counters = timing.read_counters();
        counters.0.iter_mut().zip(self.reading.counters.0).for_each(|(value, reading)| *value -= reading);
        let by_act = by_act(&mapped, tiling, config);
        Ok(Cost {
            counters,
            weight_bus_cycles: by_act.iter().zip(ActBits::ALL).map(|(s, act)| s.tiles * config.load_cycles(act) as u64).sum(),
            by_act,
            drain_cycles: drain_cycles(&mapped, config),
            padded_bops: padded_bops(&shape, config),
        })
    }
}

/// Groups of columns: how many have all their channels, and how many channels the last one has beside them.
const fn groups(n: usize, config: &ArrayConfig) -> (usize, usize) {
    (n / config.group_channels(), n % config.group_channels())
}

/// A tile for each block of rows, K tile and pass in which it counts; every row of the product passes each of them.
fn by_act(shape: &Shape<'_>, tiling: &Tiling, config: &ArrayConfig) -> [ActShare; ActBits::ALL.len()] {
    let (whole, rest) = groups(shape.n, config);
    let (blocks, rows) = (tiling.blocks(shape.m).count() as u64, shape.m as u64);
    ActBits::ALL.map(|act| {
        let passes = tiling.tiles.iter().filter(|tile| shape.segments[tile.segment].act == act).map(|tile| {
            let bits = shape.segments[tile.segment].weight.bits;
            let passes = |channels| tile.passes(passes(bits, channels, config.cols)).count();
            (whole * passes(config.group_channels()) + passes(rest)) as u64
        });
        let passes: u64 = passes.sum();
        ActShare { tiles: blocks * passes, busy_cycles: rows * passes }
    })
}

/// Every row of the product drains once for each group.
fn drain_cycles(shape: &Shape<'_>, config: &ArrayConfig) -> u64 {
    let (whole, rest) = groups(shape.n, config);
    let reads = |channels: usize| drain_reads_per_row(shape, config, channels.div_ceil(config.cols));
    shape.m as u64 * (whole * reads(config.group_channels()) + reads(rest)) as u64
}

/// The work of whole tiles and passes; a product that was not refused has fewer than 2^28 results and a K below 2^18.
fn padded_bops(shape: &Shape<'_>, config: &ArrayConfig) -> u64 {
    let of_segment = |segment: &Segment| {
        let (act, weight) = (segment.act, segment.weight.bits);
        let k = segment.k.len().next_multiple_of(config.tile_k(act)) as u64;
        let n = shape.n.next_multiple_of(config.tile_n(weight)) as u64;
        shape.m as u64 * k * n * u64::from(act.bits() * weight.lane_bits())
    };
    shape.segments.iter().map(of_segment).sum()
}

#[cfg(test)]
mod tests;
