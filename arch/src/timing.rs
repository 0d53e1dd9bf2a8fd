//! Latencies of the pipeline, in cycles. The argument for each stands in `docs/microarchitecture.md`.

use crate::config::{ArrayConfig, ceil_log2};
use crate::requantizer::LATENCY;

/// From the sequencer's issue to the edge of row 0 and column 0: chain register, memory, its word register, edge register.
pub const EDGE_LATENCY: usize = 4;
/// From a PE's activation input to the operand of its psum adder: activation, pair and sum registers.
pub const PE_LATENCY: usize = 3;
/// Combiner and accumulator: offset, pair, quad, shift, result.
pub const COMBINER_LATENCY: usize = 5;

/// Length of the token chain between the sequencer and the combiner of column 0: the token of an activation issued
/// in cycle t meets its psum in cycle t + this.
pub const fn token_latency(config: &ArrayConfig) -> usize {
    EDGE_LATENCY + PE_LATENCY + ceil_log2(config.depth) as usize + config.rows
}

/// From the drain's issue to the packer: accumulator memory, read stage, requantizer.
pub const DRAIN_LATENCY: usize = LATENCY + 2;

/// From a command's last header line to the first cycle in which it may be dispatched: Check, Decide, Wait.
pub const COMMAND_LATENCY: usize = 3;

/// Lines of the output FIFO, and the credits that a drain starts with: more than the way from a read to the FIFO, so that a drain
/// runs at full rate.
pub const FIFO_LINES: usize = 32;

/// Tiles that the decoder may give before the sequencer takes them: while they run, it reads the loads that follow.
pub const TILE_QUEUE: usize = 16;
