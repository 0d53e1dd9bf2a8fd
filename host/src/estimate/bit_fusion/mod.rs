//! Cycles of a layer on Bit Fusion, as its public simulator estimates them.
//!
//! Source: H. Sharma et al., "Bit Fusion", ISCA 2018, and its simulator (repository hsharma35/bitfusion), files
//! `bitfusion/src/simulator/{simulator,accelerator}.py` and `bitfusion/src/optimizer/optimizer.py`. The simulator tries every
//! tiling and every order of the tile loops of a layer and keeps the fastest; so does [`BitFusion::layer_cycles`].
//!
//! What is odd about it, and kept:
//! - a tile is as high as it is wide, sizes are powers of two, and the kernel is never split;
//! - input channels fill the array only within a kernel tap, except in a network's first layer (see [`Lowering`]);
//! - partial sums of 32 bits are written to DRAM and read back even where one tile holds the whole dot product, so every output
//!   costs 64 bits of traffic at least, however narrow the next layer's input is;
//! - one bit takes as long as two, but only half of the traffic.
//!
//! Where the simulator has no rule, we go on as its loops would: groups run one after another, a matrix product is a
//! 1 x 1 convolution of one pixel whose rows are the batch, and kernels and outputs need not be square.

mod tiling;

use super::layers::{LayerError, LayerKind, LayerShape};
use std::iter;
use tiling::{Best, Loops};

/// The accelerator: an array of fusion units, its buffers, and its DRAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitFusion {
    /// Rows of the array, N: inputs of a dot product at full width.
    pub rows: u64,
    /// Columns of the array, M: output channels.
    pub columns: u64,
    /// Widest operand of a unit, in bits.
    pub widest_bits: u64,
    /// Narrowest operand that saves time, in bits.
    pub narrowest_bits: u64,
    /// Clock, in hertz.
    pub clock_hz: u64,
    /// Weight buffer, in bytes; half of each buffer is filled while the other is read.
    pub weight_buffer: u64,
    /// Input buffer, in bytes.
    pub input_buffer: u64,
    /// Output buffer, in bytes.
    pub output_buffer: u64,
    /// DRAM bandwidth, in bits a cycle, for reads and writes together.
    pub dram_bits_per_cycle: u64,
}

/// Widths of a layer's operands, in bits; partial sums have 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    /// Width of the activations.
    pub activation_bits: u64,
    /// Width of the weights.
    pub weight_bits: u64,
}

/// How a convolution meets the array's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lowering {
    /// The channels of one kernel tap at a time: every layer that follows another.
    Channelwise,
    /// The whole window as one vector, laid out by the host: layers that read the network's input.
    Im2col,
}

/// What a layer takes. All of its groups and its whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Cycles in total.
    pub cycles: u64,
    /// Cycles of them in which the array computes.
    pub compute_cycles: u64,
    /// Bits read from DRAM.
    pub dram_read_bits: u64,
    /// Bits written to DRAM.
    pub dram_write_bits: u64,
}

impl Estimate {
    /// Cycles in which the array waits for DRAM.
    pub fn stall_cycles(&self) -> u64 {
        self.cycles - self.compute_cycles
    }
}

/// Largest array dimension, buffer and bandwidth; beyond, traffic could overflow.
const LARGEST_ARRAY: u64 = 1 << 16;
const LARGEST_MEMORY: u64 = 1 << 40;

impl BitFusion {
    /// The configuration of the published results at 45 nm (`bf_e_conf.ini`).
    pub const PUBLISHED: Self = Self {
        rows: 16,
        columns: 32,
        widest_bits: 8,
        narrowest_bits: 2,
        clock_hz: 500_000_000,
        weight_buffer: 65_536,
        input_buffer: 32_768,
        output_buffer: 16_384,
        dram_bits_per_cycle: 192,
    };

    /// Samples that the published results process together (`bitfusion/src/benchmarks/benchmarks.py`).
    pub const PUBLISHED_BATCH: u64 = 16;

    /// Cycles of a layer, with the fastest tiling and order of loops.
    ///
    /// `ceil(kh kw ic / (N f)) x ceil(oc / M) x pixels` cycles a tile with im2col, `kh kw x ceil(ic / (N f)) x ...` without,
    /// `f = (8 / activation bits) x (8 / weight bits)` rounded down each. A layer takes the cycles of all tiles or the DRAM
    /// time of what moves while they run, whichever is longer, plus the DRAM time of the first tiles read and the last written.
    ///
    /// Of equally fast choices, that with the least traffic counts, then that which reads least; the simulator takes that with
    /// the least energy, which need not be the same but has the same cycles.
    ///
    /// # Errors
    /// A configuration or precision that cannot be, or a layer whose smallest tile does not fit the buffers.
    pub fn layer_cycles(&self, layer: &LayerShape, precision: Precision, lowering: Lowering) -> Result<Estimate, LayerError> {
        let error = |problem: String| LayerError::new(layer.name(), problem);
        self.check(precision).map_err(error)?;
        let product = layer.product();
        let groups = product.groups;
        let loops = match layer.kind() {
            LayerKind::Conv(conv) => Loops {
                batch: layer.batch(),
                output: layer.output_size(),
                kernel: conv.kernel,
                strides: conv.strides,
                channels: conv.channels / groups,
                filters: product.n,
                im2col: lowering == Lowering::Im2col,
            },
            LayerKind::Gemm(_) => Loops {
                batch: product.m,
                output: [1, 1],
                kernel: [1, 1],
                strides: [1, 1],
                channels: product.k,
                filters: product.n,
                im2col: false,
            },
        };
        let best = tiling::fastest(self, precision, &loops);
        let best = best.ok_or_else(|| error("its smallest tile does not fit half of each buffer; give larger buffers".into()))?;
        let total = |count: u128| {
            let total = count.checked_mul(groups.into()).and_then(|total| u64::try_from(total).ok());
            total.ok_or_else(|| error("its cycles or traffic exceed 2^64; give a smaller layer".into()))
        };
        let Best { cycles, compute_cycles, dram_read_bits, dram_write_bits } = best;
        Ok(Estimate {
            cycles: total(cycles)?,
            compute_cycles: total(compute_cycles)?,
            dram_read_bits: total(dram_read_bits)?,
            dram_write_bits: total(dram_write_bits)?,
        })
    }

    /// Estimates of layers that follow each other, the first of which reads the network's input.
    ///
    /// # Errors
    /// As [`BitFusion::layer_cycles`], for the first layer that fails.
    pub fn network_cycles<'a>(
        &self,
        layers: impl IntoIterator<Item = (&'a LayerShape, Precision)>,
    ) -> Result<Vec<Estimate>, LayerError> {
        let lowerings = iter::once(Lowering::Im2col).chain(iter::repeat(Lowering::Channelwise));
        layers
            .into_iter()
            .zip(lowerings)
            .map(|((layer, precision), lowering)| self.layer_cycles(layer, precision, lowering))
            .collect()
    }

    /// Dot-product elements that a unit multiplies in a cycle (`get_perf_factor` in `accelerator.py`).
    pub fn elements_per_unit(&self, precision: Precision) -> u64 {
        let parts = |bits: u64| self.widest_bits / bits.max(self.narrowest_bits).max(1);
        parts(precision.activation_bits) * parts(precision.weight_bits)
    }

    /// Refuses what the formulas do not hold for.
    fn check(&self, precision: Precision) -> Result<(), String> {
        let limits = [
            ("rows", self.rows, LARGEST_ARRAY),
            ("columns", self.columns, LARGEST_ARRAY),
            ("bits of the widest operand", self.widest_bits, 64),
            ("bits of the narrowest operand", self.narrowest_bits, self.widest_bits),
            ("bytes of weight buffer", self.weight_buffer, LARGEST_MEMORY),
            ("bytes of input buffer", self.input_buffer, LARGEST_MEMORY),
            ("bytes of output buffer", self.output_buffer, LARGEST_MEMORY),
            ("bits of DRAM a cycle", self.dram_bits_per_cycle, LARGEST_MEMORY),
            ("activation bits", precision.activation_bits, self.widest_bits),
            ("weight bits", precision.weight_bits, self.widest_bits),
        ];
        match limits.into_iter().find(|(_, value, largest)| value == &0 || value > largest) {
            Some((what, value, largest)) => Err(format!("Bit Fusion with {value} {what}; give 1 to {largest}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
