//! What moves: bits of every memory, and bytes of the stream, all of them counters times widths.
//!
//! There is no cache between the stream and DRAM: what a layer reads or writes there is what crosses the stream while it runs, each byte
//! as often as it crosses. Answers to readings of the counters do not count as results, but the commands that ask for them do.

use crumb_arch::command::{LINES_PER_BUS_WORD, LINES_PER_PARAMETER};
use crumb_arch::{ArrayConfig, Counter, Counters, Derived};
use serde::Serialize;

/// What the input stream carries, in bytes or cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamIn {
    /// Lines of the activation buffer.
    pub activations: u64,
    /// Weights that are not resident.
    pub weights: u64,
    /// Biases and scales.
    pub parameters: u64,
    /// Headers of commands.
    pub commands: u64,
}

impl StreamIn {
    /// Lines of each kind.
    fn lines(counters: &Counters) -> Self {
        let activations = counters[Counter::ActivationLinesWritten];
        let weights = counters[Counter::WeightWordsWritten] * LINES_PER_BUS_WORD as u64;
        let parameters = counters[Counter::ParametersWritten] * LINES_PER_PARAMETER as u64;
        let commands = counters[Counter::LinesIn] - activations - weights - parameters;
        Self { activations, weights, parameters, commands }
    }

    fn times(self, factor: u64) -> Self {
        let Self { activations, weights, parameters, commands } = self;
        Self {
            activations: activations * factor,
            weights: weights * factor,
            parameters: parameters * factor,
            commands: commands * factor,
        }
    }

    /// Beats of each kind, one a cycle.
    pub fn cycles(counters: &Counters, config: &ArrayConfig) -> Self {
        Self::lines(counters).times(config.beats_per_line() as u64)
    }

    /// All of them.
    pub const fn sum(&self) -> u64 {
        self.activations + self.weights + self.parameters + self.commands
    }
}

/// Traffic of a layer, or of all layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Bits read and written in each memory and on both streams; slots of multiply-accumulates with their padding.
    #[serde(flatten)]
    pub bits: Derived,
    /// Bytes on the input stream, by kind.
    pub stream_bytes_in: StreamIn,
    /// Bytes of results on the output stream.
    pub stream_bytes_out: u64,
    /// Bytes of DRAM: all that crosses the streams.
    pub dram_bytes: u64,
}

impl Traffic {
    /// The traffic that counters stand for; none if 64 bits do not hold it.
    pub fn of(counters: &Counters, config: &ArrayConfig) -> Option<Self> {
        let bits = counters.derived(config)?;
        bits.stream_bits_in.checked_add(bits.stream_bits_out)?;
        let line = config.line_bytes() as u64;
        let (stream_bytes_in, stream_bytes_out) = (StreamIn::lines(counters).times(line), counters[Counter::LinesOut] * line);
        let dram_bytes = stream_bytes_in.sum() + stream_bytes_out;
        Some(Self { bits, stream_bytes_in, stream_bytes_out, dram_bytes })
    }
}

/// The memory behind both streams.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dram {
    /// Bytes a cycle, reads and writes together.
    pub bytes_per_cycle: f64,
}

impl Dram {
    /// Whether it never holds a stream back: it keeps up with a beat on both in every cycle.
    pub fn keeps_up(&self, config: &ArrayConfig) -> bool {
        self.bytes_per_cycle >= 2.0 * (config.stream_bits / 8) as f64
    }

    /// Cycles that so many bytes take, if 63 bits hold them.
    pub fn cycles(&self, bytes: u64) -> Option<u64> {
        let cycles = (bytes as f64 / self.bytes_per_cycle).ceil();
        (cycles < 2_f64.powi(63)).then_some(cycles as u64)
    }
}
