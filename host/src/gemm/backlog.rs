//! How far the array's work reaches beyond what the stream has brought: the time that loads may take without keeping the array waiting.
//!
//! A picture of the machine coarse enough to plan by: a line enters every `b` cycles, sixteen tiles queue, a tile loads while the one
//! before it streams. What the plan takes, the machine and its estimate say exactly.

use crumb_arch::timing::{COMBINER_LATENCY, COMMAND_LATENCY, TILE_QUEUE, token_latency};
use crumb_arch::{ArrayConfig, Tile};
use std::collections::VecDeque;

/// Where stream and array will be once all commands so far are given.
#[derive(Clone, Debug)]
pub struct Backlog {
    beats: u64,
    header_lines: usize,
    /// The cycle in which the stream has brought them.
    front: u64,
    /// The cycle in which the last tile starts, and ends.
    started: u64,
    ends: u64,
    /// The cycles in which the last tiles leave the queue.
    taken: VecDeque<u64>,
    /// Cycles from a tile's last row to its last sum.
    latency: u64,
    /// The cycle in which the last drain of each accumulator half ends.
    drained: [u64; 2],
}

impl Backlog {
    /// An idle machine.
    pub fn new(config: &ArrayConfig) -> Self {
        Self {
            beats: config.beats_per_line() as u64,
            header_lines: config.header_lines(),
            front: 0,
            started: 0,
            ends: 0,
            taken: VecDeque::with_capacity(TILE_QUEUE),
            latency: (token_latency(config) + COMBINER_LATENCY + config.cols) as u64,
            drained: [0; 2],
        }
    }

    /// A command with so many lines of payload is given.
    pub fn give(&mut self, lines: usize) {
        self.front += self.command(lines);
    }

    fn command(&self, lines: usize) -> u64 {
        (self.header_lines + lines) as u64 * self.beats + COMMAND_LATENCY as u64
    }

    /// The command is a tile that loads in so many cycles and has so many rows.
    pub fn tile(&mut self, load: u64, tile: &Tile) {
        self.front = self.front.max(self.drained[usize::from(tile.half)]);
        if self.taken.len() == TILE_QUEUE {
            self.front = self.front.max(self.taken.pop_front().unwrap_or(0));
        }
        let taken = self.front.max(self.started);
        self.taken.push_back(taken);
        self.started = (taken + load).max(self.ends);
        self.ends = self.started + u64::from(tile.rows);
    }

    /// The command is a drain that takes so many cycles.
    pub fn drain(&mut self, half: u8, cycles: u64) {
        self.front = self.front.max(self.all_drained());
        self.drained[usize::from(half)] = self.front.max(self.ends + self.latency) + cycles;
    }

    fn all_drained(&self) -> u64 {
        self.drained[0].max(self.drained[1])
    }

    /// Whether a tile of this half would wait for a drain, if it were the next command.
    pub fn tile_waits(&self, half: u8) -> bool {
        self.front + self.command(0) < self.drained[usize::from(half)]
    }

    /// Whether a drain would wait for the one before it, if it were the next command.
    pub fn drain_waits(&self) -> bool {
        self.front + self.command(0) < self.all_drained()
    }

    /// Whether this goes on as another does, as many cycles later as the stream is, with the accumulator halves swapped or not: what lies
    /// before the stream is past.
    pub fn agrees(&self, earlier: &Self, swapped: bool) -> bool {
        let same = |a: u64, b: u64| a.saturating_sub(self.front) == b.saturating_sub(earlier.front);
        same(self.ends, earlier.ends)
            && (0..2).all(|half| same(self.drained[half], earlier.drained[half ^ usize::from(swapped)]))
            && same(self.started, earlier.started)
            && self.taken.len() == earlier.taken.len()
            && self.taken.iter().zip(&earlier.taken).all(|(&a, &b)| same(a, b))
    }

    /// Does again, so many times, what was done since an earlier state that this one agrees with.
    pub fn repeat(&mut self, times: u64, since: &Self, swapped: bool) {
        let cycles = times * (self.front - since.front);
        let Self { front, started, ends, taken, drained, .. } = self;
        taken.iter_mut().chain([front, started, ends]).chain(&mut *drained).for_each(|cycle| *cycle += cycles);
        if swapped && times % 2 == 1 {
            drained.swap(0, 1);
        }
    }

    /// Whether a load of so many lines leaves time for a tile after it, which loads in so many cycles, before the array runs dry; and for a
    /// load of parameters between them, if there is one.
    pub fn has_time_for(&self, lines: usize, parameters: Option<usize>, load: u64) -> bool {
        let between = parameters.map_or(0, |lines| self.command(lines));
        self.front + self.command(lines) + between + self.command(0) + load <= self.ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TILE: Tile = Tile { rows: 100, ..Tile::ONE };
    /// Two commands without payload, a line of `large` each.
    const TWO_COMMANDS: usize = 2 * (1 + COMMAND_LATENCY);

    /// The most lines of a load for which there is time, with 16 cycles for the tile after it.
    fn time(backlog: &Backlog) -> Option<usize> {
        (0..10_000).rev().find(|&lines| backlog.has_time_for(lines, None, 16))
    }

    #[test]
    fn a_load_has_the_time_of_the_tiles_before_it() {
        // A line is a beat.
        let mut backlog = Backlog::new(&ArrayConfig::named("large").unwrap());
        assert_eq!(time(&backlog), None);
        backlog.give(0);
        backlog.tile(16, &TILE);
        // The tile ends 16 + 100 after the stream: two commands, the lines and the next tile's weights must come before.
        assert_eq!(time(&backlog), Some(116 - TWO_COMMANDS - 16));
    }

    #[test]
    fn the_queue_bounds_what_the_array_is_ahead() {
        let mut backlog = Backlog::new(&ArrayConfig::named("large").unwrap());
        for _ in 0..1000 {
            backlog.give(0);
            backlog.tile(16, &TILE);
        }
        // The last tile enters the queue as another leaves it: one begins to stream then, one to load, and sixteen wait.
        assert_eq!(time(&backlog), Some(100 * (TILE_QUEUE + 2) - TWO_COMMANDS - 16));
    }

    #[test]
    fn a_drain_makes_the_next_one_wait_and_tiles_of_its_half() {
        let config = ArrayConfig::named("large").unwrap();
        let mut backlog = Backlog::new(&config);
        backlog.give(0);
        backlog.tile(16, &TILE);
        assert!(!backlog.drain_waits() && !backlog.tile_waits(0));
        backlog.give(0);
        backlog.drain(0, 50);
        assert!(backlog.drain_waits() && backlog.tile_waits(0));
        assert!(!backlog.tile_waits(1));
        // It reads when the sums of the tile's last row are there.
        let ends = 4 + 116 + token_latency(&config) + COMBINER_LATENCY + config.cols + 50;
        // Two commands so far, this one, and the one that is asked about.
        backlog.give(ends - 2 * TWO_COMMANDS - 1);
        assert!(backlog.drain_waits());
        backlog.front += 1;
        assert!(!backlog.drain_waits());
    }
}
