//! The commands of a product, in their order: what the machine is told, without the data.
//!
//! ```text
//! blocks, tiles, passes --walk--> loads, computes, drains in the order of need --hoist--> loads as early as their memory is free
//! ```
//! A load may overwrite what an earlier tile reads, so it carries a fence: the number of tiles given after that one, which may be
//! unfinished. Given early, it finds that number true and waits for nothing.

use super::backlog::Backlog;
use super::checks::passes;
use super::layout::WeightLayout;
use super::ring::{Place, Ring};
use super::store::field;
use super::tiling::{KTile, Tiling};
use super::work::drain_cycles_per_row;
use super::{Placement, Shape};
use crumb_arch::command::{MAX_FENCE_TILES, Pattern};
use crumb_arch::{ArrayConfig, Command, Drain, Op, Requantize, Tile};
use std::collections::VecDeque;
use std::ops::Range;

/// A command and where its payload comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The command.
    pub command: Command,
    /// Its payload, or what its answer is.
    pub data: Data,
}

/// What a command carries or brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// What a slot of the activation buffer holds of a block.
    Activations {
        /// Rows of the left matrix.
        rows: Range<usize>,
        /// Index of a tile that reads it.
        tile: usize,
    },
    /// Rows of the weight matrix, as addresses of its layout.
    Weights {
        /// Group of columns.
        group: usize,
        /// Addresses within the group.
        words: Range<usize>,
    },
    /// Four parameter entries of a group.
    Parameters {
        /// Group of columns.
        group: usize,
    },
    /// None.
    Tile,
    /// None.
    Pattern,
    /// A packet of results.
    Result {
        /// Rows of the product.
        rows: Range<usize>,
        /// Group of columns.
        group: usize,
    },
}

/// Computes that are looked at beyond the one that is given next, for loads that may go first.
pub(crate) const WINDOW: usize = 128;
/// Tiles given after the one whose memory a load takes, before the load is given: enough to keep the array busy while it waits for
/// that tile.
pub(crate) const LEAD: u64 = 4;

/// Entries of a group's parameters.
pub(crate) const PARAMETER_ENTRIES: u16 = 4;

/// A load that waits for its turn.
struct Load {
    step: Step,
    /// Index of the compute that needs it.
    needed: u64,
    /// Index of the last compute that reads what it overwrites, if any does.
    frees: Option<u64>,
}

/// Whether the parameters of so many groups fit at once.
pub(crate) const fn parameters_stay(groups: usize, config: &ArrayConfig) -> bool {
    PARAMETER_ENTRIES as usize * groups <= config.parameter_entries
}

/// The steps of a product, one by one.
pub struct Schedule<'a> {
    shape: &'a Shape<'a>,
    config: &'a ArrayConfig,
    tiling: &'a Tiling,
    layout: WeightLayout,
    /// Blocks of rows and groups that are still to come, in order.
    blocks: Box<dyn Iterator<Item = (Range<usize>, usize)> + 'a>,
    activations: Ring<(usize, Range<usize>, u32)>,
    weights: Ring<(usize, Range<usize>)>,
    /// Groups whose parameters have been given, when those of all stay.
    parameters_given: usize,
    half: u8,
    /// Index of the next compute to be walked over.
    walked: u64,
    /// Index of the next compute to be given.
    given: u64,
    loads: VecDeque<Load>,
    rest: VecDeque<Step>,
    backlog: Backlog,
    /// What the machine was told last.
    pattern: Pattern,
    /// Cycles in which a tile loads at most.
    longest_load: u64,
}

impl<'a> Schedule<'a> {
    /// The schedule of a product.
    pub fn new(shape: &'a Shape<'a>, config: &'a ArrayConfig, tiling: &'a Tiling) -> Self {
        let groups = shape.n.div_ceil(config.group_channels());
        let rows = tiling.blocks(shape.m);
        let blocks: Box<dyn Iterator<Item = _>> = if tiling.rows_outside {
            Box::new(rows.flat_map(move |rows| (0..groups).map(move |g| (rows.clone(), g))))
        } else {
            Box::new((0..groups).flat_map(move |g| rows.clone().map(move |rows| (rows, g))))
        };
        let layout = match shape.weights {
            Placement::Resident(layout) => layout,
            Placement::Streamed { base, .. } => WeightLayout::new(base, shape.k, shape.n),
        };
        Self {
            shape,
            config,
            tiling,
            layout,
            blocks,
            activations: Ring::new(tiling.activation_slots),
            weights: Ring::new(tiling.weight_slots),
            parameters_given: 0,
            half: 0,
            walked: 0,
            given: 0,
            loads: VecDeque::new(),
            rest: VecDeque::new(),
            backlog: Backlog::new(config),
            pattern: Pattern::LINEAR,
            longest_load: shape.segments.iter().map(|s| config.load_cycles(s.act) as u64).max().unwrap_or(0),
        }
    }

    /// Walks over a block: its loads, computes and drain in the order of need.
    fn walk(&mut self, rows: &Range<usize>, group: usize) {
        let channels = self.layout.channels(group, self.config);
        let tiles = self.tiling.tiles.len();
        for index in 0..tiles {
            let tile = &self.tiling.tiles[index];
            let segment = &self.shape.segments[tile.segment];
            let passes = tile.passes(passes(segment.weight.bits, channels, self.config.cols));
            let last = self.walked + passes.clone().count() as u64 - 1;
            let weights = self.place_weights(group, tile, last);
            let activations = self.place_activations(rows, index, last);
            for part in passes {
                let compute = Tile {
                    activations: field(activations),
                    rows: field(rows.len()),
                    weights: field(weights),
                    k_words: field(self.words(tile)),
                    accumulator: 0,
                    half: self.half,
                    accumulate: tile.adds_in(part),
                    shift: segment.shift,
                    act: segment.act,
                    act_signed: segment.act_signed,
                    weight: segment.weight,
                    part: part as u8,
                };
                self.rest.push_back(Step { command: Op::Compute(compute).into(), data: Data::Tile });
                self.walked += 1;
            }
        }
        self.give_parameters(group);
        let requantize = self.shape.requantize.map(|format| Requantize { parameters: field(self.entry(group)), ..format });
        let banks = channels.div_ceil(self.config.cols) as u8;
        let drain = Drain { rows: field(rows.len()), accumulator: 0, half: self.half, banks, requantize };
        self.rest.push_back(Step { command: Op::Drain(drain).into(), data: Data::Result { rows: rows.clone(), group } });
        self.half ^= 1;
    }

    /// The weight address of a tile; if its weights are not there, they are loaded.
    fn place_weights(&mut self, group: usize, tile: &KTile, last: u64) -> usize {
        let Placement::Streamed { base, .. } = self.shape.weights else {
            return self.layout.address(group, tile.k.start, self.config);
        };
        let place = self.weights.place((group, tile.k.clone()), last);
        let address = base + place.slot() * self.tiling.weight_slot_words;
        if let Place::Miss { frees, .. } = place {
            let first = tile.k.start / self.config.word_k();
            let words = first..first + self.words(tile);
            let op = Op::LoadWeights { base: field(address), count: field(words.len()) };
            let step = Step { command: op.into(), data: Data::Weights { group, words } };
            self.loads.push_back(Load { step, needed: self.walked, frees });
        }
        address
    }

    /// The first line of a tile's activations; if they are not there, they are loaded.
    fn place_activations(&mut self, rows: &Range<usize>, index: usize, last: u64) -> usize {
        let tile = &self.tiling.tiles[index];
        let key = (rows.start, tile.slot.clone(), self.shape.segments[tile.segment].act.bits());
        let place = self.activations.place(key, last);
        let line = place.slot() * self.tiling.cut.slot_lines;
        if let Place::Miss { frees, .. } = place {
            let count = self.tiling.cut.lines_of(rows.len());
            let op = Op::LoadActivations { base: field(line), count: field(count) };
            let step = Step { command: op.into(), data: Data::Activations { rows: rows.clone(), tile: index } };
            self.loads.push_back(Load { step, needed: self.walked, frees });
        }
        line + tile.offset
    }

    /// Whether the parameters of all groups fit at once.
    fn parameters_stay(&self) -> bool {
        parameters_stay(self.layout.groups(self.config), self.config)
    }

    /// First parameter entry of a group.
    fn entry(&self, group: usize) -> usize {
        if self.parameters_stay() { 4 * group } else { 0 }
    }

    /// Loads a group's parameters, if they are not there. Where they take the place of others, these must have been read.
    fn give_parameters(&mut self, group: usize) {
        let stay = self.parameters_stay();
        if self.shape.requantize.is_none() || (stay && group < self.parameters_given) {
            return;
        }
        self.parameters_given = group + 1;
        let op = Op::LoadParameters { base: field(self.entry(group)), count: PARAMETER_ENTRIES };
        let command = Command { op, fence_compute: None, fence_drain: !stay };
        self.rest.push_back(Step { command, data: Data::Parameters { group } });
    }

    fn words(&self, tile: &KTile) -> usize {
        tile.k.len().div_ceil(self.config.word_k())
    }

    /// The next load, with its fence.
    fn load(&mut self) -> Option<Step> {
        let Load { mut step, frees, .. } = self.loads.pop_front()?;
        let later = |user: u64| u8::try_from(self.given - 1 - user).unwrap_or(u8::MAX).min(MAX_FENCE_TILES);
        step.command.fence_compute = frees.map(later);
        Some(step)
    }
}

impl Iterator for Schedule<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let step = self.choose()?;
        self.backlog.give(step.command.payload_lines(self.config));
        match &step.command.op {
            Op::Compute(tile) => {
                self.backlog.tile(self.config.load_cycles(tile.act) as u64, tile);
                self.given += 1;
            }
            Op::Drain(drain) => {
                let row = drain_cycles_per_row(self.shape, self.config, drain.banks.into());
                self.backlog.drain(drain.half, u64::from(drain.rows) * row as u64);
            }
            _ => {}
        }
        Some(step)
    }
}

impl Schedule<'_> {
    /// The next step: a load as early as neither memory nor the array waits for it.
    fn choose(&mut self) -> Option<Step> {
        while self.walked < self.given + WINDOW as u64 {
            let Some((rows, group)) = self.blocks.next() else { break };
            self.walk(&rows, group);
        }
        // Tiles read by the tiling's pattern; the next product finds the machine as this one did.
        let wanted = if self.rest.is_empty() { Pattern::LINEAR } else { self.tiling.pattern() };
        if self.pattern != wanted {
            self.pattern = wanted;
            return Some(Step { command: Op::SetPattern(wanted).into(), data: Data::Pattern });
        }
        if let Some(load) = self.loads.front() {
            let needed = load.needed <= self.given && matches!(self.rest.front(), Some(Step { data: Data::Tile, .. }));
            let free = load.frees.is_none_or(|user| user + LEAD < self.given);
            let lines = load.step.command.payload_lines(self.config);
            let waits = |step: &Step| match &step.command.op {
                Op::Compute(tile) => self.backlog.tile_waits(tile.half),
                Op::Drain(_) => self.backlog.drain_waits(),
                _ => false,
            };
            let next = self.rest.front();
            let parameters = next.filter(|step| matches!(step.data, Data::Parameters { .. }));
            let parameters = parameters.map(|step| step.command.payload_lines(self.config));
            if needed || free && (self.backlog.has_time_for(lines, parameters, self.longest_load) || next.is_some_and(waits)) {
                return self.load();
            }
        }
        self.rest.pop_front()
    }
}
