//! How far the array's work reaches beyond what the stream has brought: the time that loads may take without keeping the array waiting.
//!
//! A picture of the machine coarse enough to plan by: a line enters every `b` cycles, sixteen tiles queue, a tile loads while the one
//! before it streams. What the plan takes, the machine and its estimate say exactly.

use crumb_arch::ArrayConfig;
use crumb_arch::command::HEADER_WORDS;
use crumb_arch::timing::{COMMAND_LATENCY, TILE_QUEUE};
use std::collections::VecDeque;

/// Where stream and array will be once all commands so far are given.
#[derive(Clone, Debug)]
pub struct Backlog {
    beats: u64,
    /// The cycle in which the stream has brought them.
    front: u64,
    /// The cycle in which the last tile starts, and ends.
    started: u64,
    ends: u64,
    /// The cycles in which the last tiles leave the queue.
    taken: VecDeque<u64>,
}

impl Backlog {
    /// An idle machine.
    pub fn new(config: &ArrayConfig) -> Self {
        Self { beats: config.beats_per_line() as u64, front: 0, started: 0, ends: 0, taken: VecDeque::with_capacity(TILE_QUEUE) }
    }

    /// A command with so many lines of payload is given.
    pub fn give(&mut self, lines: usize) {
        self.front += self.command(lines);
    }

    fn command(&self, lines: usize) -> u64 {
        (HEADER_WORDS + lines) as u64 * self.beats + COMMAND_LATENCY as u64
    }

    /// The command is a tile that loads in so many cycles and has so many rows.
    pub fn tile(&mut self, load: u64, rows: u64) {
        if self.taken.len() == TILE_QUEUE {
            self.front = self.front.max(self.taken.pop_front().unwrap_or(0));
        }
        let taken = self.front.max(self.started);
        self.taken.push_back(taken);
        self.started = (taken + load).max(self.ends);
        self.ends = self.started + rows;
    }

    /// Whether this goes on as another does, as many cycles later as the stream is: what lies before the stream is past.
    pub fn agrees(&self, earlier: &Self) -> bool {
        let same = |a: u64, b: u64| a.saturating_sub(self.front) == b.saturating_sub(earlier.front);
        same(self.ends, earlier.ends)
            && same(self.started, earlier.started)
            && self.taken.len() == earlier.taken.len()
            && self.taken.iter().zip(&earlier.taken).all(|(&a, &b)| same(a, b))
    }

    /// Does again, so many times, what was done since an earlier state that this one agrees with.
    pub fn repeat(&mut self, times: u64, since: &Self) {
        let cycles = times * (self.front - since.front);
        let Self { front, started, ends, taken, .. } = self;
        taken.iter_mut().chain([front, started, ends]).for_each(|cycle| *cycle += cycles);
    }

    /// Whether a load of so many lines leaves time for a tile after it, which loads in so many cycles, before the array runs dry.
    pub fn has_time_for(&self, lines: usize, load: u64) -> bool {
        self.front + self.command(lines) + self.command(0) + load <= self.ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_has_the_time_of_the_tiles_before_it() {
        // A line is a beat.
        let config = ArrayConfig::named("large").unwrap();
        let mut backlog = Backlog::new(&config);
        assert!(!backlog.has_time_for(0, 16));
        backlog.give(0);
        backlog.tile(16, 100);
        // The stream is at 7, the tile ends at 7 + 16 + 100: two commands, the lines and the next tile's weights must come before.
        assert!(backlog.has_time_for(116 - 14 - 16, 16) && !backlog.has_time_for(116 - 14 - 15, 16));
    }

    #[test]
    fn the_queue_bounds_what_the_array_is_ahead() {
        let config = ArrayConfig::named("large").unwrap();
        let mut backlog = Backlog::new(&config);
        for _ in 0..1000 {
            backlog.give(0);
            backlog.tile(16, 100);
        }
        // The last tile enters the queue as another leaves it: one begins to stream then, one to load, and sixteen wait.
        let ahead = 100 * (TILE_QUEUE + 2);
        assert!(backlog.has_time_for(ahead - 14 - 16, 16) && !backlog.has_time_for(ahead - 14 - 15, 16));
    }
}
