//! Tiles that wait for the sequencer, so that the decoder may go on to the loads behind them.
//!
//! ```text
//! decoder --tile--> [ 16 tiles ] --tile--> sequencer
//! ```
//! Latency: a tile pushed in cycle t may be taken in cycle t + 1.

use crate::trace::Visitor;
use crumb_arch::Tile;
use crumb_arch::command::Pattern;
use crumb_arch::timing::TILE_QUEUE;

/// The queue's memory and pointers.
pub struct TileQueue {
    memory: [(Tile, Pattern); TILE_QUEUE],
    write: usize,
    read: usize,
    count: usize,
}

impl Default for TileQueue {
    fn default() -> Self {
        Self { memory: [(Tile::ONE, Pattern::LINEAR); TILE_QUEUE], write: 0, read: 0, count: 0 }
    }
}

impl TileQueue {
    /// Whether a tile dispatched in this cycle is taken.
    pub fn ready(&self) -> bool {
        self.count != TILE_QUEUE
    }

    /// The oldest tile and how it reads the activation buffer.
    pub fn front(&self) -> Option<(Tile, Pattern)> {
        (self.count != 0).then(|| self.memory[self.read])
    }

    /// One clock edge; `push` only when ready, `pop` only when there is a tile.
    pub fn clock(&mut self, push: Option<(Tile, Pattern)>, pop: bool) {
        if let Some(tile) = push {
            self.memory[self.write] = tile;
            self.write = (self.write + 1) % TILE_QUEUE;
            self.count += 1;
        }
        if pop {
            self.read = (self.read + 1) % TILE_QUEUE;
            self.count -= 1;
        }
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        v.scope("tile_queue");
        v.register("write", 4, self.write as u64);
        v.register("read", 4, self.read as u64);
        v.register("count", 5, self.count as u64);
        v.end();
    }
}
