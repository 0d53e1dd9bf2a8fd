//! Datapath: memories, skew, edges, array, combiners and accumulators. Wiring only.
//!
//! ```text
//!  line, write_* --> activation_buffer --> row_edge[r] --> +-------+
//!                +-> weight_memory -----> column_edge[c] -> | array | --> combiner[c] --> accumulator[c] --> word[c]
//!                +-> parameter_memory --> bias[c], scale[c] +-------+        ^
//!  activation_issue, weight_issue --> skew (row, col) --> edges              |
//!  token -------------------------> skew (token) ----------------------------+
//! ```
//!
//! Latency: an activation issued in cycle t is accumulated at t + R + 12 + c in column c. Invariant: operands, sums and tokens of one
//! activation meet in the same cycle in every column, whatever is issued before and after: a tile costs max(M, L) cycles,
//! and a change of precision none.

use crate::accumulator::Accumulator;
use crate::activation_buffer::ActivationBuffer;
use crate::array::Array;
use crate::combiner::Combiner;
use crate::edge::{ColumnEdge, RowEdge};
use crate::issue::{ActivationIssue, Token, WeightIssue};
use crate::parameter_memory::ParameterMemory;
use crate::skew::Skew;
use crate::weight_memory::WeightMemory;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// The datapath of a machine with `R` rows and `C` columns.
///
/// `RC = R*C`; `PW = 10 + ceil(log2 R)` psum bits; `QW = PW + 7` lane bits; `UW = PW - 6` crumb sum bits; `T = R + 7` token
/// registers; `LB = max(R, C)` bytes in a line; `AA`, `WA`, `PA`, `CA` address bits of the activation buffer, the weight
/// memory, the parameter memory and one half of the accumulators; `DB` banks that the drain reads at once (1 or 4), `Q = C*DB`, and `PR = PA - log2 DB`;
/// `N` words of the weight bus, `NB = 8*N` its bits, `NM = 32*N` the bits of a column's weight-memory address, `NX` the registers that tell
/// the bus the activation width of a load: `C + 2`, or 0 if `N = 1`.
#[derive(LogicBlock)]
pub struct Datapath<
    const R: usize,
    const C: usize,
    const RC: usize,
    const PW: usize,
    const QW: usize,
    const UW: usize,
    const T: usize,
    const LB: usize,
    const AA: usize,
    const WA: usize,
    const PA: usize,
    const CA: usize,
    const DB: usize,
    const Q: usize,
    const PR: usize,
    const N: usize,
    const NB: usize,
    const NM: usize,
    const NX: usize,
> {
    /// The clock.
    pub clock: Signal<In, Clock>,

    /// One activation word per row, from the sequencer.
    pub activation_issue: Signal<In, ActivationIssue>,
    /// The weight words of each column, from the sequencer.
    pub weight_issue: Signal<In, WeightIssue>,
    /// What becomes of the activation issued in this cycle.
    pub token: Signal<In, Token>,
    /// The last accumulation of a tile is being written, in the last column.
    pub done: Signal<Out, Bit>,
    /// The accumulator half of that tile.
    pub done_half: Signal<Out, Bit>,

    /// A line to write, from the decoder; shared by the three memories.
    pub line: [Signal<In, Bits<8>>; LB],
    /// Address of the line, word or entry; each memory takes its low bits. Of words there are `N` to an address of a command.
    pub write_address: Signal<In, Bits<18>>,
    /// Which line of a word (0..3) or entry (0..7).
    pub write_line: Signal<In, Bits<3>>,
    /// The line goes to the activation buffer.
    pub activation_write: Signal<In, Bit>,
    /// The line goes to the weight memory.
    pub weight_write: Signal<In, Bit>,
    /// The line goes to the parameter memory.
    pub parameter_write: Signal<In, Bit>,

    /// Entry that the requantizers need.
    pub parameter_address: Signal<In, Bits<PA>>,
    /// Its biases, a cycle later; with `DB = 4` those of four entries, entry `b` of column `c` at `b*C + c`.
    pub bias: [Signal<Out, Bits<32>>; Q],
    /// Its scales, `{shift: 8, significand: 24}`, a cycle later.
    pub scale: [Signal<Out, Bits<32>>; Q],

    /// Half of the accumulators that the drain reads.
    pub drain_half: Signal<In, Bit>,
    /// Bank that it reads.
    pub drain_bank: Signal<In, Bits<2>>,
    /// Row that it reads.
    pub drain_address: Signal<In, Bits<12>>,
    /// What it reads, a cycle later, all columns at once; with `DB = 4` all four banks, in the order of the biases.
    pub word: [Signal<Out, Bits<32>>; Q],

    activation_buffer: ActivationBuffer<R, AA>,
    weight_memory: WeightMemory<C, WA, N, NM>,
    parameter_memory: ParameterMemory<C, Q, PA, PR, DB>,
    skew: Skew<R, C, T, NX>,
    row_edge: [RowEdge<AA, N>; R],
    column_edge: [ColumnEdge<WA, N, NB, NM>; C],
    array: Array<R, C, RC, PW, UW, NB>,
    combiner: [Combiner<PW, QW>; C],
    accumulator: [Accumulator<CA, DB>; C],
}

/// The datapath of the named configuration `tiny`.
pub type TinyDatapath = Datapath<4, 4, 16, 12, 19, 6, 11, 4, 10, 11, 6, 8, 1, 4, 6, 1, 8, 32, 0>;
/// The datapath of the named configuration `small`.
pub type SmallDatapath = Datapath<8, 8, 64, 13, 20, 7, 15, 8, 11, 11, 6, 9, 1, 8, 6, 1, 8, 32, 0>;
/// The datapath of the named configuration `wide`.
pub type WideDatapath = Datapath<8, 8, 64, 13, 20, 7, 15, 8, 11, 11, 6, 9, 4, 32, 4, 4, 32, 128, 10>;
/// The datapath of the named configuration `medium`.
pub type MediumDatapath = Datapath<8, 16, 128, 13, 20, 7, 15, 16, 11, 11, 6, 9, 1, 16, 6, 1, 8, 32, 0>;
/// The datapath of the named configuration `large`.
pub type LargeDatapath = Datapath<16, 16, 256, 14, 21, 8, 23, 16, 11, 11, 6, 9, 4, 64, 4, 4, 32, 128, 18>;
/// The datapath of the named configuration `huge`.
pub type HugeDatapath = Datapath<32, 32, 1024, 15, 22, 9, 39, 32, 11, 11, 6, 9, 4, 128, 4, 4, 32, 128, 34>;

impl<
    const R: usize,
    const C: usize,
    const RC: usize,
    const PW: usize,
    const QW: usize,
    const UW: usize,
    const T: usize,
    const LB: usize,
    const AA: usize,
    const WA: usize,
    const PA: usize,
    const CA: usize,
    const DB: usize,
    const Q: usize,
    const PR: usize,
    const N: usize,
    const NB: usize,
    const NM: usize,
    const NX: usize,
> Default for Datapath<R, C, RC, PW, QW, UW, T, LB, AA, WA, PA, CA, DB, Q, PR, N, NB, NM, NX>
{
    fn default() -> Self {
        assert_eq!(LB, R.max(C), "a line of {R} x {C} has {} bytes", R.max(C));
        assert_eq!(NX, if N == 1 { 0 } else { C + 2 }, "registers of load codes for {C} columns on a weight bus of {N} words");
        assert!(PW == 10 + clog2(R) && QW == PW + 7 && UW + 6 == PW, "{R} rows need PW {}", 10 + clog2(R));
        Self {
            clock: Default::default(),
            activation_issue: Default::default(),
            weight_issue: Default::default(),
            token: Default::default(),
            done: Default::default(),
            done_half: Default::default(),
            line: from_fn(|_| Default::default()),
            write_address: Default::default(),
            write_line: Default::default(),
            activation_write: Default::default(),
            weight_write: Default::default(),
            parameter_write: Default::default(),
            parameter_address: Default::default(),
            bias: from_fn(|_| Default::default()),
            scale: from_fn(|_| Default::default()),
            drain_half: Default::default(),
            drain_bank: Default::default(),
            drain_address: Default::default(),
            word: from_fn(|_| Default::default()),
            activation_buffer: Default::default(),
            weight_memory: Default::default(),
            parameter_memory: Default::default(),
            skew: Default::default(),
            row_edge: from_fn(|_| Default::default()),
            column_edge: from_fn(|_| Default::default()),
            array: Default::default(),
            combiner: from_fn(|_| Default::default()),
            accumulator: from_fn(|_| Default::default()),
        }
    }
}

impl<
    const R: usize,
    const C: usize,
    const RC: usize,
    const PW: usize,
    const QW: usize,
    const UW: usize,
    const T: usize,
    const LB: usize,
    const AA: usize,
    const WA: usize,
    const PA: usize,
    const CA: usize,
    const DB: usize,
    const Q: usize,
    const PR: usize,
    const N: usize,
    const NB: usize,
    const NM: usize,
    const NX: usize,
> Logic for Datapath<R, C, RC, PW, QW, UW, T, LB, AA, WA, PA, CA, DB, Q, PR, N, NB, NM, NX>
{
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, activation_buffer, weight_memory, parameter_memory, skew, array);

        // Memories, written by lines.
        self.activation_buffer.write_address.next = bit_cast::<AA, 18>(self.write_address.val());
        self.activation_buffer.write_enable.next = self.activation_write.val();
        for r in 0..R {
            self.activation_buffer.line[r].next = self.line[r].val();
        }
        self.weight_memory.write_address.next = self.write_address.val();
        self.weight_memory.write_line.next = self.write_line.val();
        self.weight_memory.write_enable.next = self.weight_write.val();
        self.parameter_memory.write_address.next = bit_cast::<PA, 18>(self.write_address.val());
        self.parameter_memory.write_line.next = self.write_line.val();
        self.parameter_memory.write_enable.next = self.parameter_write.val();
        self.parameter_memory.read_address.next = self.parameter_address.val();
        for c in 0..C {
            self.weight_memory.line[c].next = self.line[c].val();
            self.parameter_memory.line[c].next = self.line[c].val();
        }
        for q in 0..Q {
            self.bias[q].next = self.parameter_memory.bias[q].val();
            self.scale[q].next = self.parameter_memory.scale[q].val();
        }

        // Edges of the array.
        self.skew.activation_issue.next = self.activation_issue.val();
        self.skew.weight_issue.next = self.weight_issue.val();
        self.skew.token_in.next = self.token.val();
        for r in 0..R {
            self.row_edge[r].clock.next = self.clock.val();
            self.row_edge[r].row.next = self.skew.row_out[r].val();
            self.row_edge[r].index.next = r.to_bits::<8>();
            self.activation_buffer.read_address[r].next = self.row_edge[r].read_address.val();
            self.row_edge[r].read_word.next = self.activation_buffer.data[r].val();
            self.array.act_in[r].next = self.row_edge[r].act_out.val();
            self.array.ctl_in[r].next = self.row_edge[r].ctl_out.val();
            self.array.act_signed[r].next = self.row_edge[r].act_signed_out.val();
        }
        for c in 0..C {
            self.column_edge[c].clock.next = self.clock.val();
            self.column_edge[c].col.next = self.skew.col_out[c].val();
            self.weight_memory.read_address[c].next = self.column_edge[c].read_address.val();
            self.column_edge[c].load_code.next = self.skew.load_code_out[c].val();
            self.column_edge[c].read_words.next = self.weight_memory.words[c].val();
            self.array.weight_in[c].next = self.column_edge[c].weight_out.val();
            self.array.control[c].next = self.column_edge[c].col_edge_out.val();
        }

        // Below the array: tokens and totals move right, one column a cycle.
        self.combiner[0].total_in.next = self.array.total.val();
        self.combiner[0].token_in.next = self.skew.token_out.val();
        for c in 1..C {
            self.combiner[c].total_in.next = self.combiner[c - 1].total_out.val();
            self.combiner[c].token_in.next = self.combiner[c - 1].token1_out.val();
        }
        for c in 0..C {
            self.combiner[c].clock.next = self.clock.val();
            self.combiner[c].psum0.next = self.array.psum0[c].val();
            self.combiner[c].psum1.next = self.array.psum1[c].val();
            self.combiner[c].psum2.next = self.array.psum2[c].val();
            self.combiner[c].psum3.next = self.array.psum3[c].val();
            self.accumulator[c].clock.next = self.clock.val();
            self.accumulator[c].token3.next = self.combiner[c].token3_out.val();
            self.accumulator[c].token4.next = self.combiner[c].token4_out.val();
            self.accumulator[c].value0.next = self.combiner[c].value0.val();
            self.accumulator[c].value1.next = self.combiner[c].value1.val();
            self.accumulator[c].value2.next = self.combiner[c].value2.val();
            self.accumulator[c].value3.next = self.combiner[c].value3.val();
            self.accumulator[c].drain_half.next = self.drain_half.val();
            self.accumulator[c].drain_bank.next = self.drain_bank.val();
            self.accumulator[c].drain_address.next = self.drain_address.val();
            self.word[c].next = self.accumulator[c].word.val();
        }
        // Once if DB is 4, never if it is 1.
        for _four in 3..DB {
            for n in C..(C + 1) {
                for c in 0..C {
                    self.word[n + c].next = self.accumulator[c].word1.val();
                    self.word[2 * n + c].next = self.accumulator[c].word2.val();
                    self.word[3 * n + c].next = self.accumulator[c].word3.val();
                }
            }
        }
        for n in C..(C + 1) {
            self.done.next = self.accumulator[n - 1].done.val();
            self.done_half.next = self.accumulator[n - 1].done_half.val();
        }
    }
}

crate::clocked!(
    [const R: usize, const C: usize, const RC: usize, const PW: usize, const QW: usize, const UW: usize, const T: usize, const LB: usize, const AA: usize, const WA: usize, const PA: usize, const CA: usize, const DB: usize, const Q: usize, const PR: usize, const N: usize, const NB: usize, const NM: usize, const NX: usize]
    Datapath<R, C, RC, PW, QW, UW, T, LB, AA, WA, PA, CA, DB, Q, PR, N, NB, NM, NX>
);
