//! The performance counters: one list for RTL, simulator, host and documentation.
//!
//! The machine counts events; bits, MACs and BOPs follow from them by the configuration ([`Counters::derived`]).

use crate::config::ArrayConfig;
use serde::{Deserialize, Serialize};
use std::ops::{Index, IndexMut, Sub};

/// Bits of a counter in hardware: 32 days at 100 MHz. Counters wrap.
pub const COUNTER_BITS: u32 = 48;

macro_rules! counters {
    ($($variant:ident $name:literal $meaning:literal),* $(,)?) => {
        /// A counter of the machine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Counter { $(#[doc = $meaning] $variant),* }

        impl Counter {
            /// Every counter, in the order in which the machine sends them.
            pub const ALL: &'static [Counter] = &[$(Counter::$variant),*];

            /// Name in tables, JSON and waveforms.
            pub const fn name(self) -> &'static str {
                match self { $(Counter::$variant => $name),* }
            }

            /// What is counted, with its unit.
            pub const fn meaning(self) -> &'static str {
                match self { $(Counter::$variant => $meaning),* }
            }
        }
    };
}

counters! {
    Cycles "cycles" "clock cycles; the sum of the eight that follow",
    Busy "busy_cycles" "cycles in which an activation vector enters the array",
    StallWeights "stall_weight_cycles" "array waits for weights: a tile loads, or weights arrive on the stream; or for sums to be written that the loaded tile adds to",
    StallActivations "stall_activation_cycles" "array waits for activations to arrive on the stream",
    StallParameters "stall_parameter_cycles" "array waits for requantization parameters to arrive on the stream",
    StallAccumulators "stall_accumulator_cycles" "array waits for an accumulator half to be drained, or only a drain is at work",
    StallOutput "stall_output_cycles" "array waits for a drain that the output stream holds back, or only lines wait for that stream",
    StallCommands "stall_command_cycles" "array waits for the rest of a command, or for its last tile to leave the pipeline",
    Idle "idle_cycles" "nothing to do, and nothing left to send",
    MacSlots "mac_slots" "sum over busy cycles of 64/(A*W): MACs per PE and activation word",
    Tiles "tiles" "tiles started",
    WeightWordsRead "weight_words_read" "weight-memory addresses read, once for each cycle of the weight bus (every column reads its `weight_bus` words of 32 bits)",
    WeightWordsWritten "weight_words_written" "words of weight-memory addresses written from the stream, `weight_bus` of them for each (32 bits in every column)",
    ActivationLinesWritten "activation_lines_written" "activation-buffer lines written from the stream",
    ParametersWritten "parameters_written" "parameter entries written from the stream",
    AccumulatorReads "accumulator_reads" "accumulator bank rows read to add to (one int32 in every column)",
    AccumulatorWrites "accumulator_writes" "accumulator bank rows written",
    DrainReads "drain_reads" "accumulator bank rows read by drains",
    LinesIn "lines_in" "lines received on the input stream, headers included",
    LinesOut "lines_out" "lines of results that drains put on the output stream (answers to `read_status` and `read_counters` are not counted)",
}

impl Counter {
    /// What a cycle is spent on: each is counted by exactly one of these.
    pub fn uses_of_cycles() -> &'static [Self] {
        &Self::ALL[Self::Busy as usize..=Self::Idle as usize]
    }
}

/// Number of counters.
pub const COUNT: usize = Counter::ALL.len();

/// A reading of every counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Counters(pub [u64; COUNT]);

impl Index<Counter> for Counters {
    type Output = u64;
    fn index(&self, counter: Counter) -> &u64 {
        &self.0[counter as usize]
    }
}

impl IndexMut<Counter> for Counters {
    fn index_mut(&mut self, counter: Counter) -> &mut u64 {
        &mut self.0[counter as usize]
    }
}

impl Sub for Counters {
    type Output = Self;
    /// What happened between two readings (counters wrap at [`COUNTER_BITS`]).
    fn sub(self, earlier: Self) -> Self {
        let mask = (1 << COUNTER_BITS) - 1;
        Self(std::array::from_fn(|i| self.0[i].wrapping_sub(earlier.0[i]) & mask))
    }
}

/// Quantities that follow from the counters and the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Derived {
    /// MAC slots of the array in its busy cycles, padding included.
    pub macs: u64,
    /// Bit operations of the array in its busy cycles, padding included.
    pub bops: u64,
    /// Bits read from the activation buffer.
    pub activation_bits_read: u64,
    /// Bits written to the activation buffer.
    pub activation_bits_written: u64,
    /// Bits read from the weight memory.
    pub weight_bits_read: u64,
    /// Bits written to the weight memory.
    pub weight_bits_written: u64,
    /// Bits written to the parameter memory.
    pub parameter_bits_written: u64,
    /// Bits read from the accumulators, by additions and drains.
    pub accumulator_bits_read: u64,
    /// Bits written to the accumulators.
    pub accumulator_bits_written: u64,
    /// Bits received on the input stream.
    pub stream_bits_in: u64,
    /// Bits sent on the output stream.
    pub stream_bits_out: u64,
}

impl Counters {
    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Counter, u64)> + '_ {
        Counter::ALL.iter().map(|&c| (c, self[c]))
    }

    /// Busy cycles, stalls and idle cycles; equal to the cycle counter on a sound machine.
    pub fn accounted_cycles(&self) -> u64 {
        Counter::uses_of_cycles().iter().map(|&c| self[c]).sum()
    }

    /// Bits, MACs and BOPs: each event moves a known number of bits in a given configuration. None if 64 bits do not hold one of them.
    pub fn derived(&self, config: &ArrayConfig) -> Option<Derived> {
        use Counter as C;
        let (rows, cols, depth) = (config.rows as u64, config.cols as u64, config.depth as u64);
        let line = 8 * config.line_bytes() as u64;
        let of = |count: Counter, each: u64| self[count].checked_mul(each);
        Some(Derived {
            macs: of(C::MacSlots, rows * cols * depth)?,
            bops: of(C::Busy, config.bops_per_cycle())?,
            activation_bits_read: of(C::Busy, 8 * rows * depth)?,
            activation_bits_written: of(C::ActivationLinesWritten, 8 * rows * depth)?,
            weight_bits_read: of(C::WeightWordsRead, 32 * cols * depth * config.weight_bus as u64)?,
            weight_bits_written: of(C::WeightWordsWritten, 32 * cols * depth)?,
            parameter_bits_written: of(C::ParametersWritten, 64 * cols)?,
            accumulator_bits_read: of(C::AccumulatorReads, 32 * cols)?.checked_add(of(C::DrainReads, 32 * cols)?)?,
            accumulator_bits_written: of(C::AccumulatorWrites, 32 * cols)?,
            stream_bits_in: of(C::LinesIn, line)?,
            stream_bits_out: of(C::LinesOut, line)?,
        })
    }
}
