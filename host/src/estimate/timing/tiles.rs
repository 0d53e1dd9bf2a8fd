//! Tiles: queue, sequencer, and the pipeline behind it.
//!
//! For tile `i`, pushed in cycle `p`, with `L` load cycles and `M` rows:
//!
//! ```text
//! taken    c = max(p + 1, start of i-1)                    the sequencer takes it as the one before starts
//! started  s = max(c + L, start of i-1 + M of i-1)         loaded, and the one before has issued its last row
//! busy     s + 1 .. s + M
//! done     s + M + 12 + R + log2 depth + C - 1             its last sum is written in the last column
//! ```
//! The sequencer also holds back a tile that would read a sum before it is written. That takes a tile of one or two rows whose successor is
//! loaded before these rows have passed; a tile loads in `R` cycles at least, and `R` is 4 or more.

use super::classes::Classes;
use crumb_arch::ArrayConfig;
use crumb_arch::command::MAX_FENCE_TILES;
use crumb_arch::timing::{COMBINER_LATENCY, TILE_QUEUE, token_latency};

/// The tiles that have been given.
#[derive(Clone, Debug)]
pub struct Tiles {
    /// From the issue of a tile's last row to the cycle in which it is done.
    latency: u64,
    given: usize,
    /// The first cycles in which the queue has the room of the last tiles again, by their index.
    room: [u64; TILE_QUEUE],
    /// The first cycles in which the last tiles are done, by their index.
    done: [u64; REMEMBERED],
    /// When the last tile of each half is done.
    half_done: [u64; 2],
    /// When the last tile started, and when it issues its last row.
    started: u64,
    ends: u64,
}

/// Tiles whose end is remembered: one more than a fence can leave unfinished.
const REMEMBERED: usize = MAX_FENCE_TILES as usize + 1;

impl Tiles {
    /// No tiles.
    pub fn new(config: &ArrayConfig) -> Self {
        let latency = (token_latency(config) + COMBINER_LATENCY + config.cols - 1) as u64;
        Self { latency, given: 0, room: [0; TILE_QUEUE], done: [0; REMEMBERED], half_done: [0; 2], started: 0, ends: 0 }
    }

    /// The first cycle in which no more than so many of the tiles given are unfinished.
    pub fn unfinished_at_most(&self, tiles: u8) -> u64 {
        // A tile that was never given is done since cycle 0.
        self.done[(self.given + REMEMBERED - 1 - usize::from(tiles.min(MAX_FENCE_TILES))) % REMEMBERED]
    }

    /// The first cycle in which the queue takes a tile.
    pub const fn queue_has_room(&self) -> u64 {
        self.room[self.given % TILE_QUEUE]
    }

    /// The first cycle in which no tile of this half is unfinished.
    pub const fn half_settled(&self, half: u8) -> u64 {
        self.half_done[half as usize]
    }

    /// Whether this goes on from its cycle `now` as another does from its own, with the halves exchanged if they are to be: what lies before
    /// is past.
    pub fn agrees(&self, now: u64, other: &Self, then: u64, exchanged: bool) -> bool {
        let same = |a: u64, b: u64| a.saturating_sub(now) == b.saturating_sub(then);
        let (a, b) = (self.given, other.given);
        same(self.started, other.started)
            && same(self.ends, other.ends)
            && (0..2).all(|half| same(self.half_done[half], other.half_done[half ^ usize::from(exchanged)]))
            && (0..TILE_QUEUE).all(|age| same(self.room[(a + age) % TILE_QUEUE], other.room[(b + age) % TILE_QUEUE]))
            && (0..REMEMBERED).all(|age| same(self.done[(a + age) % REMEMBERED], other.done[(b + age) % REMEMBERED]))
    }

    /// The same, so many cycles later, with the halves exchanged if they are to be.
    pub fn shift(&mut self, cycles: u64, exchanged: bool) {
        let Self { room, done, half_done, started, ends, .. } = self;
        room.iter_mut().chain(done).chain(half_done).chain([started, ends]).for_each(|cycle| *cycle += cycles);
        if exchanged {
            self.half_done.swap(0, 1);
        }
    }

    /// A tile is pushed in this cycle.
    pub fn push(&mut self, cycle: u64, load: u64, rows: u64, half: u8, classes: &mut Classes) {
        let taken = if self.given == 0 { cycle + 1 } else { (cycle + 1).max(self.started) };
        let started = (taken + load).max(self.ends);
        classes.tile(taken, started, rows);
        (self.started, self.ends) = (started, started + rows);
        let done = self.ends + self.latency;
        classes.pending(cycle + 1, done);
        self.half_done[usize::from(half)] = done + 1;
        self.room[self.given % TILE_QUEUE] = taken + 1;
        self.done[self.given % REMEMBERED] = done + 1;
        self.given += 1;
    }
}
