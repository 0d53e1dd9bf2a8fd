//! The commands of a product on the way to its time: what [`Schedule`](crate::gemm::schedule::Schedule) gives, without addresses and one by
//! one only until they repeat.
//!
//! ```text
//!   plan (closed form) --commands--> timing          a tile or a visit ends in a state that an earlier one ended in?
//!        ^                              |            then what was done between them is done again, as often as it fits, at once
//!        +---------- jump <-------------+
//! ```
//! A second derivation of the schedule: tests compare its commands with the schedule's, and its counters with those without jumps.

mod jump;
mod plan;
#[cfg(test)]
mod tests;

use super::timing::Timing;
use crate::gemm::schedule::{LEAD, PARAMETER_ENTRIES, WINDOW};
use crate::gemm::tiling::Tiling;
use crate::gemm::{Backlog, Shape, drain_cycles_per_row};
use crumb_arch::command::{MAX_FENCE_TILES, Pattern};
use crumb_arch::{ArrayConfig, Command, Drain, Op, Tile};
use jump::Watch;
use plan::Plan;

/// Tiles between two states that later ones are compared with, at least.
const TILE_INTERVAL: u64 = 8;

/// The load that is given next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    /// The visit that needs it; the number of visits after the last load.
    visit: u64,
    /// The tile that needs it.
    tile: u64,
    /// Activations, or weights.
    activations: bool,
}

/// What is known of the load that is given next.
#[derive(Clone, Debug)]
struct Due {
    /// The load, without a fence.
    command: Command,
    /// Lines of its payload.
    lines: usize,
    /// Computes before the visit that needs it.
    start: u64,
    /// The compute that needs it.
    needed: u64,
    /// The last compute that reads what it overwrites.
    user: Option<u64>,
}

/// A product on its way.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    shape: &'a Shape<'a>,
    config: &'a ArrayConfig,
    tiling: &'a Tiling,
    plan: Plan,
    backlog: Backlog,
    /// The visit that is given.
    visit: u64,
    profile: plan::Profile,
    /// The tile that is given next, and the first pass of it that is not given.
    tile: u64,
    pass: u64,
    /// Whether the visit's parameters are still to come.
    parameters: bool,
    /// Computes given.
    given: u64,
    load: Cursor,
    /// What the visit is like that needs it.
    load_profile: plan::Profile,
    /// The same load, if there is one.
    due: Option<Due>,
    pattern: Pattern,
    /// Cycles in which a tile loads.
    tile_load: u64,
}

impl<'a> Walk<'a> {
    /// The walk over a product; `None` if that has several segments.
    pub fn new(shape: &'a Shape<'a>, config: &'a ArrayConfig, tiling: &'a Tiling) -> Option<Self> {
        let plan = Plan::new(shape, config, tiling)?;
        let profile = plan.profile(0);
        let mut walk = Self {
            shape,
            config,
            tiling,
            backlog: Backlog::new(config),
            visit: 0,
            parameters: profile.parameters,
            profile,
            plan,
            tile: 0,
            pass: 0,
            given: 0,
            load: Cursor { visit: 0, tile: 0, activations: false },
            load_profile: profile,
            due: None,
            pattern: Pattern::LINEAR,
            tile_load: config.load_cycles(shape.segments.first()?.act) as u64,
        };
        walk.seek(walk.first_load(walk.load));
        Some(walk)
    }

    /// Gives all commands one by one.
    #[cfg(test)]
    fn plainly(self, timing: &mut Timing<'_>) {
        self.for_each(|command| timing.give(&command));
    }

    /// Takes the time of all commands, of those that repeat at once; says how many were given one by one.
    pub fn run<'t>(mut self, timing: &mut Timing<'t>) -> u64 {
        let (mut tiles, mut visits): (Watch<'t>, Watch<'t>) = (Watch::new(TILE_INTERVAL), Watch::new(1));
        let mut given = 0;
        loop {
            // By reference, where it was written: a copy in wide words would wait until its fields have left the store buffer.
            let next = self.next();
            let Some(command) = &next else { break };
            timing.give(command);
            given += 1;
            match command.op {
                Op::Compute(_) if self.pass == 0 && self.tile < self.plan.whole_tiles => {
                    tiles.look(&mut self, timing, |walk, since, timing| walk.repeat_tiles(since, timing));
                }
                Op::Drain(_) => {
                    tiles.forget();
                    visits.look(&mut self, timing, |walk, since, timing| walk.repeat_visits(since, timing));
                }
                _ => {}
            }
        }
        given
    }

    /// The first load at a place or behind it.
    fn first_load(&self, mut at: Cursor) -> Cursor {
        while at.visit < self.plan.visits {
            let profile = if at.visit == self.load.visit { self.load_profile } else { self.plan.profile(at.visit) };
            let taps = self.plan.activations.tiles;
            if at.tile < self.plan.tiles && (profile.weights || profile.activations) {
                if profile.weights && !at.activations {
                    return at;
                }
                if profile.activations && at.tile.is_multiple_of(taps) {
                    return Cursor { activations: true, ..at };
                }
                // Behind the first tile of a chunk, the next loads are weights, or those of the next chunk.
                at.tile = if profile.weights { at.tile + 1 } else { (at.tile + 1).next_multiple_of(taps) };
                at.activations = false;
            } else {
                at = Cursor { visit: at.visit + 1, tile: 0, activations: false };
            }
        }
        at
    }

    fn after(&self, load: Cursor) -> Cursor {
        let Cursor { visit, tile, activations } = load;
        self.first_load(if activations {
            Cursor { visit, tile: tile + 1, activations: false }
        } else {
            Cursor { visit, tile, activations: true }
        })
    }

    /// The ring and the number of a load.
    fn number(&self, load: Cursor) -> Option<(&plan::Ring, u64)> {
        let ring = if load.activations { &self.plan.activations } else { self.plan.weights.as_ref()? };
        Some((ring, self.plan.load(ring, load.visit, load.tile / ring.tiles)))
    }

    /// Visit and index of the last compute that reads what a load overwrites.
    fn frees(&self, load: Cursor) -> Option<(u64, u64)> {
        let (ring, number) = self.number(load)?;
        self.plan.overwritten(ring, number)
    }

    /// The compute that needs a load.
    fn needed(&self, load: Cursor) -> u64 {
        self.plan.start(load.visit) + self.plan.computes(&self.plan.profile(load.visit), load.tile)
    }

    /// Addresses of a tile's weights.
    fn words(&self, tile: u64) -> u16 {
        let k = self.tiling.tiles.get(tile as usize).map_or(0, |tile| tile.k.len());
        k.div_ceil(self.config.word_k()) as u16
    }

    /// Makes a load the next one.
    fn seek(&mut self, load: Cursor) {
        if load.visit != self.load.visit {
            self.load_profile = self.plan.profile(load.visit);
        }
        self.load = load;
        self.due = (load.visit < self.plan.visits).then(|| {
            let profile = self.load_profile;
            let op = if load.activations {
                Op::LoadActivations { base: 0, count: self.tiling.cut.lines_of(profile.rows.into()) as u16 }
            } else {
                Op::LoadWeights { base: 0, count: self.words(load.tile) }
            };
            let (command, start) = (Command::from(op), self.plan.start(load.visit));
            let lines = command.payload_lines(self.config);
            let user = self.frees(load).map(|(_, user)| user);
            Due { command, lines, start, needed: start + self.plan.computes(&profile, load.tile), user }
        });
    }

    /// The next load, if its time has come.
    fn due_load(&mut self) -> Option<Command> {
        let Due { mut command, lines, start, needed, user } = *self.due.as_ref()?;
        if start >= self.given + WINDOW as u64 {
            return None;
        }
        let tile_next = self.tile < self.plan.tiles && !self.parameters_next();
        if !(tile_next && needed <= self.given) {
            let free = user.is_none_or(|user| user + LEAD < self.given);
            let parameters = self.parameters_next().then(|| self.load_parameters().payload_lines(self.config));
            if !free || !(self.backlog.has_time_for(lines, parameters, self.tile_load) || self.waits_for_drain()) {
                return None;
            }
        }
        let later = |user: u64| u8::try_from(self.given - 1 - user).unwrap_or(u8::MAX).min(MAX_FENCE_TILES);
        command.fence_compute = user.map(later);
        self.seek(self.after(self.load));
        Some(command)
    }

    /// Whether what is no load would wait for a drain, if it came next.
    fn waits_for_drain(&self) -> bool {
        if self.visit == self.plan.visits || self.parameters_next() {
            false
        } else if self.tile == self.plan.tiles {
            self.backlog.drain_waits()
        } else {
            self.backlog.tile_waits(self.half())
        }
    }

    /// The accumulator half of the visit.
    const fn half(&self) -> u8 {
        (self.visit % 2) as u8
    }

    /// Whether the visit's parameters come next: behind its last tile.
    const fn parameters_next(&self) -> bool {
        self.parameters && self.tile == self.plan.tiles
    }

    /// The load of a visit's parameters.
    const fn load_parameters(&self) -> Command {
        let op = Op::LoadParameters { base: 0, count: PARAMETER_ENTRIES };
        Command { op, fence_compute: None, fence_drain: !self.plan.parameters_stay }
    }

    /// What is no load.
    fn rest(&mut self) -> Option<Command> {
        if self.visit == self.plan.visits {
            return None;
        }
        let half = self.half();
        if self.parameters_next() {
            self.parameters = false;
            return Some(self.load_parameters());
        }
        let rows = self.profile.rows;
        if self.tile == self.plan.tiles {
            let drain = Drain { rows, accumulator: 0, half, banks: self.profile.banks, requantize: self.shape.requantize };
            self.visit += 1;
            self.tile = 0;
            self.profile = self.plan.profile(self.visit);
            self.parameters = self.profile.parameters;
            return Some(Op::Drain(drain).into());
        }
        let segment = self.shape.segments.first()?;
        let next = self.tiling.tiles.get(self.tile as usize)?;
        let passes = next.passes(self.profile.passes as usize);
        let mut to_come = passes.skip_while(|&part| part < self.pass as usize);
        let part = to_come.next()?;
        let tile = Tile {
            rows,
            k_words: self.words(self.tile),
            half,
            accumulate: next.adds_in(part),
            shift: segment.shift,
            act: segment.act,
            act_signed: segment.act_signed,
            weight: segment.weight,
            part: part as u8,
            ..Tile::ONE
        };
        (self.tile, self.pass) = to_come.next().map_or((self.tile + 1, 0), |next| (self.tile, next as u64));
        Some(Op::Compute(tile).into())
    }

    /// The next command.
    fn choose(&mut self) -> Option<Command> {
        let wanted = if self.visit == self.plan.visits { Pattern::LINEAR } else { self.tiling.pattern() };
        if self.pattern != wanted {
            self.pattern = wanted;
            return Some(Op::SetPattern(wanted).into());
        }
        self.due_load().or_else(|| self.rest())
    }
}

impl Iterator for Walk<'_> {
    type Item = Command;

    fn next(&mut self) -> Option<Command> {
        let next = self.choose();
        let command = next.as_ref()?;
        self.backlog.give(command.payload_lines(self.config));
        match &command.op {
            Op::Compute(tile) => {
                self.backlog.tile(self.tile_load, tile);
                self.given += 1;
            }
            Op::Drain(drain) => {
                let row = drain_cycles_per_row(self.shape, self.config, drain.banks.into());
                self.backlog.drain(drain.half, u64::from(drain.rows) * row as u64);
            }
            _ => {}
        }
        next
    }
}
