//! The machine's time, event by event: every counter of a list of commands, without a cycle being simulated.
//!
//! ```text
//! commands --lines--> front (stream_in, decoder) --tiles--> tiles (queue, sequencer) --drains--> back (drain, packer, FIFO, stream_out)
//!                        |                            |                                   |
//!                        +------ what it is at -------+----- when the array is busy ------+----> classes: a cycle, one counter
//! ```
//! A second derivation of `docs/microarchitecture.md`: the blocks become equations between the cycles in which things happen. Neither stream
//! is ever held back. Cycles are numbered from 0, when the machine is idle; a state that a register has in cycle `t` was loaded by the edge
//! that ends cycle `t - 1`.

mod back;
mod classes;
mod front;
mod tiles;

use back::Back;
use classes::{Classes, Doing, repeat};
use crumb_arch::brick::words_per_load;
use crumb_arch::counters::COUNT;
use crumb_arch::precision::macs_per_pe;
use crumb_arch::{ArrayConfig, Command, Counter, Counters, Drain, Op, Tile};
use front::Front;
use tiles::Tiles;

/// A machine whose commands are accounted for as they are given.
#[derive(Clone, Debug)]
pub struct Timing<'a> {
    config: &'a ArrayConfig,
    front: Front,
    tiles: Tiles,
    back: Back<'a>,
    classes: Classes,
    counters: Counters,
}

impl<'a> Timing<'a> {
    /// An idle machine whose counters have just been read, as a session reads them.
    pub fn new(config: &'a ArrayConfig) -> Self {
        let mut timing = Self {
            config,
            front: Front::new(config),
            tiles: Tiles::new(config),
            back: Back::new(config),
            classes: Classes::default(),
            counters: Counters::default(),
        };
        timing.read_counters();
        timing.settle();
        timing
    }

    /// The cycle from which on commands that are still to come can take effect.
    pub const fn now(&self) -> u64 {
        self.front.now()
    }

    /// Whether this machine will do with the same commands what another, in an earlier state, did: its whole state is that one's, as many
    /// cycles later as its [`Timing::now`] is, and if `exchanged` with the other halves of the accumulators, as the commands then have.
    /// Cycles that are past for every command to come may differ.
    pub fn agrees(&self, earlier: &Timing<'_>, exchanged: bool) -> bool {
        let (now, then) = (self.now(), earlier.now());
        self.front.agrees(now, &earlier.front, then)
            && self.tiles.agrees(now, &earlier.tiles, then, exchanged)
            && self.back.agrees(now, &earlier.back, then, exchanged)
            && self.classes.agrees(now, &earlier.classes, then, exchanged)
    }

    /// Does again, so many times, what was done since an earlier state that this one [agrees](Timing::agrees) with.
    pub fn repeat(&mut self, times: u64, since: &Timing<'_>, exchanged: bool) {
        let exchanged = exchanged && times % 2 == 1;
        let cycles = times * (self.now() - since.now());
        self.front.shift(cycles);
        self.tiles.shift(cycles, exchanged);
        self.back.shift(cycles, exchanged);
        self.classes.shift(cycles, exchanged, times, &since.classes);
        repeat(&mut self.counters, times, &since.counters);
    }

    /// Gives a command.
    pub fn give(&mut self, command: &Command) {
        let earliest = self.front.header(&mut self.classes);
        let fenced = command.fence_compute.map_or(0, |tiles| self.tiles.unfinished_at_most(tiles));
        let mut dispatch = earliest.max(fenced);
        if command.fence_drain {
            dispatch = dispatch.max(self.back.free());
        }
        let doing = match command.op {
            Op::LoadActivations { .. } => Doing::Load(Counter::StallActivations),
            Op::LoadWeights { .. } => Doing::Load(Counter::StallWeights),
            Op::LoadParameters { .. } => Doing::Load(Counter::StallParameters),
            Op::Compute(tile) => {
                dispatch = dispatch.max(self.tiles.queue_has_room()).max(self.back.half_free(tile.half));
                Doing::WaitsForHalf(tile.half)
            }
            Op::Drain(_) => {
                dispatch = dispatch.max(self.back.free());
                Doing::WaitsForDrain
            }
            Op::SetPattern(_) => Doing::Command,
            Op::ReadStatus | Op::ReadCounters | Op::ClearCounters | Op::ClearError => {
                dispatch = dispatch.max(self.back.free()).max(self.tiles.unfinished_at_most(0));
                Doing::Command
            }
        };
        let payload = command.payload_lines(self.config) as u64;
        self.front.dispatch(dispatch, doing, payload, &mut self.classes);
        self.count_lines(command, payload);
        match command.op {
            Op::Compute(tile) => self.compute(&tile, dispatch),
            Op::Drain(drain) => self.drain(&drain, dispatch),
            _ => {}
        }
    }

    /// Waits for every packet, as a session does at the end of a product.
    pub fn settle(&mut self) {
        if let Some(end) = self.back.received() {
            self.front.pause_until(end + 1);
        }
    }

    /// Reads the counters: what was counted since they were read before.
    pub fn read_counters(&mut self) -> Counters {
        let earliest = self.front.header(&mut self.classes);
        let dispatch = earliest.max(self.back.free()).max(self.tiles.unfinished_at_most(0));
        self.counters[Counter::LinesIn] += self.front.header_lines();
        self.front.dispatch(dispatch, Doing::Command, 0, &mut self.classes);
        let mut counters = std::mem::take(&mut self.counters);
        self.classes.count_until(dispatch + 1, &mut counters);
        // The counters stand still while they are sent.
        let end = self.back.respond(dispatch + 1, 2 * COUNT as u64, &mut self.classes);
        self.front.responded(end, &mut self.classes);
        self.classes.skip_until(end + 1);
        counters
    }

    fn count_lines(&mut self, command: &Command, payload: u64) {
        self.counters[Counter::LinesIn] += self.front.header_lines() + payload;
        match command.op {
            Op::LoadActivations { count, .. } => self.counters[Counter::ActivationLinesWritten] += u64::from(count),
            Op::LoadWeights { count, .. } => {
                self.counters[Counter::WeightWordsWritten] += u64::from(count) * self.config.weight_bus as u64
            }
            Op::LoadParameters { count, .. } => self.counters[Counter::ParametersWritten] += u64::from(count),
            _ => {}
        }
    }

    fn compute(&mut self, tile: &Tile, dispatch: u64) {
        let (rows, lanes, bus) = (u64::from(tile.rows), tile.weight.bits.lanes() as u64, self.config.weight_bus);
        self.tiles.push(dispatch, self.config.load_cycles(tile.act) as u64, rows, tile.half, &mut self.classes);
        let counters = &mut self.counters;
        counters[Counter::Tiles] += 1;
        counters[Counter::MacSlots] += rows * macs_per_pe(tile.act, tile.weight.bits);
        counters[Counter::WeightWordsRead] += (usize::from(tile.k_words) * bus / words_per_load(tile.act, bus)) as u64;
        counters[Counter::AccumulatorWrites] += rows * lanes;
        counters[Counter::AccumulatorReads] += if tile.accumulate { rows * lanes } else { 0 };
    }

    fn drain(&mut self, drain: &Drain, dispatch: u64) {
        let settled = self.tiles.half_settled(drain.half);
        self.back.drain(drain, dispatch, settled, &mut self.classes);
        self.counters[Counter::DrainReads] += u64::from(drain.rows) * u64::from(drain.banks);
        self.counters[Counter::LinesOut] += drain.output_lines() as u64;
    }
}
