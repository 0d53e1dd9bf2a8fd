//! Bit Fusion's search: every tiling of a layer's loops and every order of the tile loops, for the fewest cycles.
//!
//! Source: `get_stats_fast` and `_optimize_for_order` in the simulator's `bitfusion/src/optimizer/optimizer.py`.

use super::{BitFusion, Precision};

/// Loops of one group of a layer.
pub struct Loops {
    /// Samples.
    pub batch: u64,
    /// Output height and width.
    pub output: [u64; 2],
    /// Kernel height and width.
    pub kernel: [u64; 2],
    /// Vertical and horizontal stride.
    pub strides: [u64; 2],
    /// Input channels.
    pub channels: u64,
    /// Output channels.
    pub filters: u64,
    /// Whether the host lays out whole windows as vectors.
    pub im2col: bool,
}

/// What the fastest choice takes, for one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    /// Cycles in total.
    pub cycles: u128,
    /// Cycles in which the array computes.
    pub compute_cycles: u128,
    /// Bits read from DRAM.
    pub dram_read_bits: u128,
    /// Bits written to DRAM.
    pub dram_write_bits: u128,
}

/// Width of a partial sum, in bits.
const SUM_BITS: u128 = 32;

/// Indices of the three buffers.
const INPUT: usize = 0;
const WEIGHT: usize = 1;
const OUTPUT: usize = 2;

/// Which buffers' tiles change with each tile loop: batch, output height, output width, input channels, output channels.
const CHANGES: [[bool; 3]; 5] =
    [[true, false, true], [true, false, true], [true, false, true], [true, true, false], [false, true, true]];

/// A choice of tile sizes that fits the buffers.
struct Tiling<'a> {
    machine: &'a BitFusion,
    /// Number of tiles along each loop.
    counts: [u128; 5],
    /// Half of each buffer, in bits: what a tile, or several that stay, may fill.
    room: [u128; 3],
    /// Cycles in which the array computes, all tiles together.
    compute_cycles: u128,
}

/// Traffic of the loops seen so far, from the innermost one outwards.
#[derive(Clone, Copy)]
struct Traffic {
    /// Bits that enter each buffer.
    moved: [u128; 3],
    /// Bits that each buffer holds without reloading.
    held: [u128; 3],
    /// Whether all that was moved still fits.
    fits: [bool; 3],
}

/// The fewest cycles over all tilings and orders; `None` if no tiling fits the buffers.
pub fn fastest(machine: &BitFusion, precision: Precision, loops: &Loops) -> Option<Best> {
    let mut best = None;
    let columns = if loops.im2col { 1 } else { machine.columns.into() };
    let [height, width] = loops.output.map(u128::from);
    for batch in tile_sizes(loops.batch.into(), 1) {
        // Height and width share their power of two.
        for side in tile_sizes(height.max(width), 1) {
            for channels in tile_sizes(loops.channels.into(), 1) {
                for filters in tile_sizes(loops.filters.into(), columns) {
                    let tile = [batch, side.min(height), side.min(width), channels, filters];
                    if let Some((tiling, traffic)) = Tiling::new(machine, precision, loops, tile) {
                        let open = std::array::from_fn(|index| tiling.counts[index] > 1);
                        tiling.orders(open, traffic, &mut best);
                    }
                }
            }
        }
    }
    best
}

/// `unit`, `2 unit`, `4 unit` and so on up to the whole size.
fn tile_sizes(size: u128, unit: u128) -> impl Iterator<Item = u128> {
    let doublings = size.div_ceil(unit).next_power_of_two().ilog2();
    (0..=doublings).map(move |doubling| (unit << doubling).min(size))
}

impl<'a> Tiling<'a> {
    /// The tiling and the traffic of one tile, if it fits.
    fn new(machine: &'a BitFusion, precision: Precision, loops: &Loops, tile: [u128; 5]) -> Option<(Self, Traffic)> {
        let [batch, height, width, channels, filters] = tile;
        let [kernel, strides] = [loops.kernel, loops.strides].map(|pair| pair.map(u128::from));
        let taps = kernel[0] * kernel[1];
        let columns = u128::from(machine.columns);
        let vector = u128::from(machine.rows) * u128::from(machine.elements_per_unit(precision));
        let pixels = batch * height * width;
        let rounds = if loops.im2col { (taps * channels).div_ceil(vector) } else { taps * channels.div_ceil(vector) };

        let inputs = if loops.im2col {
            pixels * taps * channels
        } else {
            (kernel[0] + (height - 1) * strides[0]) * (kernel[1] + (width - 1) * strides[1]) * channels * batch
        };
        // Weights fill whole rows of the array over all taps together, even where the rounds above do not.
        let weights = (taps * channels).next_multiple_of(vector) * filters;
        let sums = pixels * filters.next_multiple_of(columns);
        let moved =
            [inputs * u128::from(precision.activation_bits), weights * u128::from(precision.weight_bits), sums * SUM_BITS];
        let room = [machine.input_buffer, machine.weight_buffer, machine.output_buffer].map(|bytes| u128::from(bytes) * 8 / 2);
        if moved.iter().zip(room).any(|(&moved, room)| moved > room) {
            return None;
        }
        let [rows_of, columns_of] = loops.output.map(u128::from);
        let sizes = [loops.batch.into(), rows_of, columns_of, loops.channels.into(), loops.filters.into()];
        let counts: [u128; 5] = std::array::from_fn(|index| sizes[index].div_ceil(tile[index]));
        let compute_cycles = counts.iter().product::<u128>() * pixels * filters.div_ceil(columns) * rounds;
        Some((Self { machine, counts, room, compute_cycles }, Traffic { moved, held: moved, fits: [true; 3] }))
    }

    /// Tries every order of the open loops around those seen so far. Loops of a single tile change nothing in any order.
    fn orders(&self, open: [bool; 5], traffic: Traffic, best: &mut Option<Best>) {
        if open == [false; 5] {
            let found = self.cycles(&traffic);
            let rank = |best: &Best| (best.cycles, best.dram_read_bits + best.dram_write_bits, best.dram_read_bits);
            if best.as_ref().is_none_or(|best| rank(&found) < rank(best)) {
                *best = Some(found);
            }
        }
        for index in (0..5).filter(|&index| open[index]) {
            let mut rest = open;
            rest[index] = false;
            self.orders(rest, self.around(index, traffic), best);
        }
    }

    /// The traffic with one more loop around.
    ///
    /// As long as what a buffer took in fits, it stays: loops that do not change it cost nothing. Once it does not fit, every
    /// loop outside repeats it all.
    fn around(&self, index: usize, mut traffic: Traffic) -> Traffic {
        for (buffer, changes) in CHANGES[index].into_iter().enumerate() {
            if changes || !traffic.fits[buffer] {
                traffic.moved[buffer] *= self.counts[index];
            }
            if traffic.fits[buffer] && changes {
                traffic.fits[buffer] = traffic.moved[buffer] <= self.room[buffer];
                if traffic.fits[buffer] {
                    traffic.held[buffer] = traffic.moved[buffer];
                }
            }
        }
        traffic
    }

    /// Cycles, with all loops seen. Sums leave the output buffer as often as they enter it.
    fn cycles(&self, traffic: &Traffic) -> Best {
        let bandwidth = u128::from(self.machine.dram_bits_per_cycle);
        let [reads, first] = [traffic.moved, traffic.held].map(|bits| bits[INPUT] + bits[WEIGHT] + bits[OUTPUT]);
        let (writes, last) = (traffic.moved[OUTPUT], traffic.held[OUTPUT]);
        let between = (reads + writes - first - last).div_ceil(bandwidth);
        let ends = first.div_ceil(bandwidth) + last.div_ceil(bandwidth);
        Best {
            cycles: self.compute_cycles.max(between) + ends,
            compute_cycles: self.compute_cycles,
            dram_read_bits: reads,
            dram_write_bits: writes,
        }
    }
}
