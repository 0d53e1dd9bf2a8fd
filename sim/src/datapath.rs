//! Datapath: memories, skew, edges, array, combiners and accumulators, joined.
//!
//! ```text
//!  write --> activation_buffer --> row edges ----> +-------+
//!        +-> weight_memory ------> column edges -> | array | --> combiner[c] --> accumulator[c] --> drain_words[c]
//!        +-> parameter_memory --> parameters[c]    +-------+         ^
//!  activation and weight issue --> skew (row, col) --> edges         |
//!  token ------------------------> skew (token) ---------------------+
//! ```
//!
//! Latency: an activation issued in cycle t is accumulated at t + R + 12 + c (+ log2 depth) in column c.
//! Invariant: within one clock edge every block is evaluated before those that feed it, so that each finds the registers of
//! the cycle that ends.

use crate::accumulator::Accumulator;
use crate::activation_buffer::ActivationBuffer;
use crate::array::{Array, LANES};
use crate::column_sum::ColumnSum;
use crate::combiner::Combiner;
use crate::parameter_memory::ParameterMemory;
use crate::row_sum::RowSum;
use crate::skew::{History, Skew, pack};
use crate::trace::Visitor;
use crate::weight_memory::WeightMemory;
use crumb_arch::ArrayConfig;
use crumb_arch::timing::{COMBINER_LATENCY, token_latency};

/// One activation word per row leaves the activation buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivationIssue {
    /// An activation is issued in this cycle.
    pub valid: bool,
    /// Line of the activation buffer.
    pub address: u16,
    /// First activation of a tile: the loaded weights become active (when valid).
    pub swap: bool,
    /// Activation width: 0, 1, 2 for 8, 4, 2 bits.
    pub a_code: u8,
    /// Activations are two's complement.
    pub act_signed: bool,
}

/// The weight words of one bus cycle leave the weight memory for one row of PEs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeightIssue {
    /// A weight is issued in this cycle.
    pub valid: bool,
    /// Word of the weight memory, the first of those delivered: `weight_bus` words to an address.
    pub address: u32,
    /// The words exist; otherwise weight 0 is delivered (rows beyond the end of a tile).
    pub real: bool,
    /// First weight word of a tile.
    pub first: bool,
    /// Row of PEs that loads it.
    pub row: u8,
    /// Shadow words that load it: one bit per activation crumb.
    pub mask: u8,
    /// Activation width of the tile that loads: how many words are delivered.
    pub a_code: u8,
    /// Weight width: 0, 1, 2, 3 for 8, 4, 2, 6 bits.
    pub w_code: u8,
    /// 0 for the rounded top, 1.. for the residual bits below it.
    pub slice: u8,
    /// 0, 1, 2 for floor, half-up, half-even.
    pub rounding: u8,
    /// Which of the passes over a word: byte (W8, W6) or byte pair (W4).
    pub part: u8,
}

/// What becomes of the sums of one activation, below the array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// An accumulation happens.
    pub valid: bool,
    /// Last accumulation of a tile.
    pub last: bool,
    /// Weight width, as in [`WeightIssue`].
    pub w_code: u8,
    /// Weights are two's complement (slice 0).
    pub w_signed: bool,
    /// Activations are two's complement.
    pub act_signed: bool,
    /// Which of the passes over a word.
    pub part: u8,
    /// Half of the accumulator memory.
    pub half: u8,
    /// Row of the accumulator memory.
    pub address: u16,
    /// Add to the stored value instead of replacing it.
    pub accumulate: bool,
    /// Left shift of the sums in units of two bits.
    pub shift: u8,
}

impl Token {
    /// The token as it stands in a register, 25 bits.
    pub fn bits(&self) -> u64 {
        pack(&[
            (1, self.valid.into()),
            (1, self.last.into()),
            (2, self.w_code.into()),
            (1, self.w_signed.into()),
            (1, self.act_signed.into()),
            (2, self.part.into()),
            (1, self.half.into()),
            (12, self.address.into()),
            (1, self.accumulate.into()),
            (3, self.shift.into()),
        ])
    }
}

/// What the drain reads in this cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainRead {
    /// Half of the accumulator memory.
    pub half: u8,
    /// Bank of the accumulator memory.
    pub bank: u8,
    /// Row of the accumulator memory.
    pub address: u16,
    /// Entry of the parameter memory.
    pub parameter: u16,
}

/// A line that the decoder writes in this cycle.
#[derive(Clone, Copy, Debug, Default)]
pub enum MemoryWrite<'a> {
    /// No line.
    #[default]
    None,
    /// One line of activations.
    Activations {
        /// Line of the activation buffer.
        address: u16,
        /// Byte `r * depth + d` for word d of row r.
        line: &'a [u8],
    },
    /// One of the four lines of a word of the weight memory.
    Weights {
        /// Word of the weight memory: `weight_bus` words to an address.
        address: u32,
        /// Which of the four.
        subline: u8,
        /// Byte `c * depth + d` for word d of column c.
        line: &'a [u8],
    },
    /// One of the eight lines of a parameter entry.
    Parameters {
        /// Entry of the parameter memory.
        address: u16,
        /// Which of the eight.
        subline: u8,
        /// Byte c for column c.
        line: &'a [u8],
    },
}

/// The datapath of a machine.
pub struct Datapath {
    activation_buffer: ActivationBuffer,
    weight_memory: WeightMemory,
    parameter_memory: ParameterMemory,
    skew: Skew,
    array: Array,
    row_sum: RowSum,
    column_sum: ColumnSum,
    /// The token chain and, from age `chain`, the tokens of the combiners: stage s of column c has age `chain - 1 + c + s`.
    tokens: History<Token>,
    /// `total` of the last row and, from age 1, of combiner c at age c + 1.
    totals: History<u16>,
    combiner: Combiner,
    accumulator: Accumulator,
    chain: usize,
    cols: usize,
    psum_bits: u32,
    /// The last parameter address read, when nothing was written since.
    parameter: Option<u16>,
}

impl Datapath {
    /// A datapath at rest, its memories zero. The configuration must be a valid one.
    pub fn new(config: &ArrayConfig) -> Self {
        let chain = token_latency(config);
        Self {
            activation_buffer: ActivationBuffer::new(config),
            weight_memory: WeightMemory::new(config),
            parameter_memory: ParameterMemory::new(config),
            skew: Skew::new(config),
            array: Array::new(config),
            row_sum: RowSum::new(config),
            column_sum: ColumnSum::new(config),
            tokens: History::new(chain + config.cols + COMBINER_LATENCY),
            totals: History::new(config.cols.next_multiple_of(LANES) + 1),
            combiner: Combiner::new(config),
            accumulator: Accumulator::new(config),
            chain,
            cols: config.cols,
            psum_bits: config.psum_bits(),
            parameter: None,
        }
    }

    /// The half whose tile is complete: its last token stands in stage 5 of the last column.
    pub fn done(&self) -> Option<u8> {
        let token = self.tokens.get(self.chain - 1 + (self.cols - 1) + COMBINER_LATENCY);
        (token.valid && token.last).then_some(token.half)
    }

    /// Words that the accumulators deliver to the drain in this cycle, one per column: those of the half, bank and address of
    /// the cycle before. A machine that drains four banks at once has them all, bank `b` of column `c` at `b * cols + c`.
    pub fn drain_words(&self) -> &[i32] {
        self.accumulator.words()
    }

    /// Parameter entries delivered in this cycle: `{bias 31..0, significand 55..32, shift 63..56}`, as many as words.
    pub fn parameters(&self) -> &[u64] {
        self.parameter_memory.data()
    }

    /// One clock edge.
    pub fn clock(&mut self, act: &ActivationIssue, weight: &WeightIssue, token: &Token, drain: &DrainRead, write: &MemoryWrite) {
        if self.parameter != Some(drain.parameter) {
            self.parameter_memory.read(drain.parameter);
            self.parameter = Some(drain.parameter);
        }
        for (c, tokens) in self.tokens.from(self.chain - 1).windows(6).take(self.cols).enumerate() {
            let Some(tokens) = tokens.first_chunk::<6>() else { continue };
            self.accumulator.clock(c, self.combiner.value(c), tokens, drain);
        }
        self.combiner.clock(self.array.bottom(), self.totals.from(0), self.tokens.from(self.chain + 2));
        self.accumulator.select(drain);
        self.tokens.push(*token);
        self.combiner.arrive(self.tokens.get(self.chain - 1));

        self.array.clock(self.skew.act(), self.skew.ctl(), self.skew.weight(), self.column_sum.init());
        self.row_sum.clock(self.skew.act(), self.skew.ctl());
        self.totals.push(self.row_sum.total());
        self.column_sum.clock(self.skew.weight(), self.skew.ctl(), self.skew.next_col_edge());
        self.skew.clock(&mut self.activation_buffer, &mut self.weight_memory, act, weight);

        match *write {
            MemoryWrite::None => {}
            MemoryWrite::Activations { address, line } => self.activation_buffer.write(address, line),
            MemoryWrite::Weights { address, subline, line } => {
                self.weight_memory.write(address, subline, line);
                self.skew.weights_changed();
            }
            MemoryWrite::Parameters { address, subline, line } => {
                self.parameter_memory.write(address, subline, line);
                self.parameter = None;
            }
        }
    }

    /// Every register, in the RTL's hierarchy: an element of an array is named with its index, `psum_3`, `pe_5`.
    pub fn visit(&self, v: &mut impl Visitor) {
        self.weight_memory.visit(v);
        self.parameter_memory.visit(v);
        v.scope("skew");
        self.skew.visit_chains(v);
        for i in 0..self.chain {
            v.register(format_args!("token_{i}"), 25, self.tokens.get(i).bits());
        }
        v.end();
        self.skew.visit(v);
        v.scope("array");
        self.array.visit(v);
        self.row_sum.visit(v);
        self.column_sum.visit(v);
        v.end();
        for c in 0..self.cols {
            v.scope(format_args!("combiner_{c}"));
            v.register("total", self.psum_bits, u64::from(*self.totals.get(c + 1)) & ((1 << self.psum_bits) - 1));
            for stage in 1..COMBINER_LATENCY {
                v.register(format_args!("token{stage}"), 25, self.tokens.get(self.chain - 1 + c + stage).bits());
            }
            self.combiner.visit(v, c);
            v.end();
        }
        for c in 0..self.cols {
            self.accumulator.visit(v, c, self.tokens.get(self.chain - 1 + c + COMBINER_LATENCY));
        }
    }

    /// One accumulator.
    pub fn accumulator(&self, half: usize, bank: usize, column: usize, address: usize) -> i32 {
        self.accumulator.sum(half, bank, column, address)
    }

    /// Word `d` of `column` in word `address` of the weight memory, slot t in byte t: `weight_bus` words to an address.
    pub fn weight_word(&self, column: usize, d: usize, address: usize) -> u32 {
        self.weight_memory.word(column, d, address)
    }

    /// Byte `d` of `row` in the activation buffer.
    pub fn activation(&self, row: usize, d: usize, address: usize) -> u8 {
        self.activation_buffer.word(row, d, address)
    }
}

#[cfg(test)]
pub(crate) mod tests;
