//! Sequencer: one tile loads its weights while the one before streams its activations.
//!
//! ```text
//!            A8, R = 4, M = 4 rows:           L = R * ceil(8/A / weight_bus) = 4 load cycles
//!  cycle      0    1    2    3    4    5    6    7    8
//!  dispatch  T0                  T1                  T2
//!  load           T0.0 T0.1 T0.2 T0.3 T1.0 T1.1 T1.2 T1.3     weight issues
//!  stream                        (start) T0.0 T0.1 T0.2 T0.3  activation issues; swap with the first
//! ```
//!
//! Latency: a tile dispatched in cycle t issues its first weight in t + 1 and its first activation in t + 1 + L or as soon as
//! the tile before has issued its last. Invariant: a tile costs max(M, L) cycles, back to back, in every precision; weights of a tile
//! are issued only after those before have been swapped in. A tile that adds to sums of which the tile before wrote the last one or two
//! in the two cycles before waits until they are written: `collides`.

use crate::issue::{ActivationIssue, Token, WeightIssue};
use crumb_arch::ActBits;
use crumb_arch::brick::{load_mask, words_per_load};
use rust_hdl::prelude::*;

/// The sequencer of a machine; see [`Sequencer::new`].
#[derive(LogicBlock)]
pub struct Sequencer {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// From the decoder: a tile comes, its fields are in the header words.
    pub dispatch_tile: Signal<In, Bit>,
    /// {rows: 16, activations: 16}.
    pub word1: Signal<In, Bits<32>>,
    /// {k_words: 16, weights: 16}.
    pub word2: Signal<In, Bits<32>>,
    /// {part: 2, act_signed, rounding: 2, slice: 2, weight: 2, act: 2, shift: 3, accumulate, half, accumulator: 12}.
    pub word3: Signal<In, Bits<32>>,
    /// {jump: 16, columns: 16} of its pattern.
    pub pattern: Signal<In, Bits<32>>,
    /// Lines from vector to vector.
    pub stride: Signal<In, Bits<8>>,
    /// A tile may be dispatched in this cycle.
    pub loader_ready: Signal<Out, Bit>,
    /// To the datapath.
    pub activation_issue: Signal<Out, ActivationIssue>,
    /// To the datapath.
    pub weight_issue: Signal<Out, WeightIssue>,
    /// To the datapath.
    pub token: Signal<Out, Token>,
    /// The register `load_valid`.
    pub load_valid_out: Signal<Out, Bit>,
    /// The register `stream_valid`.
    pub stream_valid_out: Signal<Out, Bit>,
    /// A tile starts to stream in the next cycle.
    pub start_out: Signal<Out, Bit>,
    load_valid: DFF<Bit>,
    load_done: DFF<Bit>,
    load_first: DFF<Bit>,
    load_address: DFF<Bits<18>>,
    load_left: DFF<Bits<16>>,
    load_row: DFF<Bits<8>>,
    load_lane: DFF<Bits<2>>,
    load_act_address: DFF<Bits<16>>,
    load_rows: DFF<Bits<16>>,
    load_accumulator: DFF<Bits<12>>,
    load_half: DFF<Bit>,
    load_accumulate: DFF<Bit>,
    load_shift: DFF<Bits<3>>,
    load_a_code: DFF<Bits<2>>,
    load_w_code: DFF<Bits<2>>,
    load_slice: DFF<Bits<2>>,
    load_rounding: DFF<Bits<2>>,
    load_act_signed: DFF<Bit>,
    load_part: DFF<Bits<2>>,
    load_columns: DFF<Bits<16>>,
    load_stride: DFF<Bits<8>>,
    load_jump: DFF<Bits<16>>,
    stream_valid: DFF<Bit>,
    stream_first: DFF<Bit>,
    stream_address: DFF<Bits<16>>,
    stream_left: DFF<Bits<16>>,
    stream_accumulator: DFF<Bits<12>>,
    stream_half: DFF<Bit>,
    stream_accumulate: DFF<Bit>,
    stream_shift: DFF<Bits<3>>,
    stream_a_code: DFF<Bits<2>>,
    stream_w_code: DFF<Bits<2>>,
    stream_w_signed: DFF<Bit>,
    stream_act_signed: DFF<Bit>,
    stream_part: DFF<Bits<2>>,
    stream_ended: DFF<Bit>,
    stream_columns: DFF<Bits<16>>,
    stream_stride: DFF<Bits<8>>,
    stream_jump: DFF<Bits<16>>,
    stream_column: DFF<Bits<16>>,
    load_issue: Signal<Local, Bit>,
    past_lane: Signal<Local, Bits<2>>,
    lanes: Signal<Local, Bits<2>>,
    last_lane: Signal<Local, Bit>,
    words: Signal<Local, Bits<16>>,
    mask: Signal<Local, Bits<4>>,
    load_last: Signal<Local, Bit>,
    stream_last: Signal<Local, Bit>,
    start: Signal<Local, Bit>,
    collides: Signal<Local, Bit>,
    next_accumulator: Signal<Local, Bits<12>>,
    has_word: Signal<Local, Bit>,
    row_ends: Signal<Local, Bit>,
    step: Signal<Local, Bits<16>>,
    last_row: Constant<Bits<8>>,
    bus_log2: Constant<Bits<2>>,
    // For each activation width: the bits of `load_lane` that do not count, the words of a cycle, where they go.
    past4: Constant<Bits<2>>,
    past2: Constant<Bits<2>>,
    words4: Constant<Bits<16>>,
    words2: Constant<Bits<16>>,
    mask4_0: Constant<Bits<4>>,
    mask4_1: Constant<Bits<4>>,
    mask2_0: Constant<Bits<4>>,
    mask2_1: Constant<Bits<4>>,
    mask2_2: Constant<Bits<4>>,
    mask2_3: Constant<Bits<4>>,
}

impl Sequencer {
    /// The sequencer of a machine with this number of rows of PEs and words of the weight bus.
    pub fn new(rows: usize, bus: usize) -> Self {
        let past = |act: ActBits| Constant::new((4 - act.lanes().div_ceil(bus) as u64).into());
        let words = |act| Constant::new((words_per_load(act, bus) as u64).into());
        // A row that loads in fewer cycles never comes to the later steps.
        let mask = |act: ActBits, step: usize| {
            let mask = if step < act.lanes().div_ceil(bus) { load_mask(act, step, bus) } else { 0 };
            Constant::new(u64::from(mask).into())
        };
        Self {
            clock: Default::default(),
            dispatch_tile: Default::default(),
            word1: Default::default(),
            word2: Default::default(),
            word3: Default::default(),
            pattern: Default::default(),
            stride: Default::default(),
            loader_ready: Default::default(),
            activation_issue: Default::default(),
            weight_issue: Default::default(),
            token: Default::default(),
            load_valid_out: Default::default(),
            stream_valid_out: Default::default(),
            start_out: Default::default(),
            load_valid: Default::default(),
            load_done: Default::default(),
            load_first: Default::default(),
            load_address: Default::default(),
            load_left: Default::default(),
            load_row: Default::default(),
            load_lane: Default::default(),
            load_act_address: Default::default(),
            load_rows: Default::default(),
            load_accumulator: Default::default(),
            load_half: Default::default(),
            load_accumulate: Default::default(),
            load_shift: Default::default(),
            load_a_code: Default::default(),
            load_w_code: Default::default(),
            load_slice: Default::default(),
            load_rounding: Default::default(),
            load_act_signed: Default::default(),
            load_part: Default::default(),
            load_columns: Default::default(),
            load_stride: Default::default(),
            load_jump: Default::default(),
            stream_valid: Default::default(),
            stream_first: Default::default(),
            stream_address: Default::default(),
            stream_left: Default::default(),
            stream_accumulator: Default::default(),
            stream_half: Default::default(),
            stream_accumulate: Default::default(),
            stream_shift: Default::default(),
            stream_a_code: Default::default(),
            stream_w_code: Default::default(),
            stream_w_signed: Default::default(),
            stream_act_signed: Default::default(),
            stream_part: Default::default(),
            stream_ended: Default::default(),
            stream_columns: Default::default(),
            stream_stride: Default::default(),
            stream_jump: Default::default(),
            stream_column: Default::default(),
            load_issue: Default::default(),
            past_lane: Default::default(),
            lanes: Default::default(),
            last_lane: Default::default(),
            words: Default::default(),
            mask: Default::default(),
            load_last: Default::default(),
            stream_last: Default::default(),
            start: Default::default(),
            collides: Default::default(),
            next_accumulator: Default::default(),
            has_word: Default::default(),
            row_ends: Default::default(),
            step: Default::default(),
            last_row: Constant::new((rows as u64 - 1).into()),
            bus_log2: Constant::new(u64::from(bus.ilog2()).into()),
            past4: past(ActBits::A4),
            past2: past(ActBits::A2),
            words4: words(ActBits::A4),
            words2: words(ActBits::A2),
            mask4_0: mask(ActBits::A4, 0),
            mask4_1: mask(ActBits::A4, 1),
            mask2_0: mask(ActBits::A2, 0),
            mask2_1: mask(ActBits::A2, 1),
            mask2_2: mask(ActBits::A2, 2),
            mask2_3: mask(ActBits::A2, 3),
        }
    }
}

impl Logic for Sequencer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, load_valid, load_done, load_first, load_address, load_left, load_row, load_lane);
        dff_setup!(self, clock, load_act_address, load_rows, load_accumulator, load_half, load_accumulate, load_shift);
        dff_setup!(self, clock, load_a_code, load_w_code, load_slice, load_rounding, load_act_signed, load_part);
        dff_setup!(self, clock, stream_valid, stream_first, stream_address, stream_left, stream_accumulator, stream_half);
        dff_setup!(self, clock, stream_accumulate, stream_shift, stream_a_code, stream_w_code, stream_w_signed);
        dff_setup!(self, clock, stream_act_signed, stream_part, stream_ended);
        dff_setup!(self, clock, load_columns, load_stride, load_jump, stream_columns, stream_stride, stream_jump, stream_column);

        // The cycle's place in a row of shadow words: on a bus of one word A8 writes all four, A4 two, A2 one. A row takes one, two or four
        // cycles, and in its last one all bits of `load_lane` that count are set.
        self.past_lane.next = 3.into();
        self.words.next = 1.into();
        self.mask.next = 15.into();
        if self.load_a_code.q.val() == 1 {
            self.past_lane.next = self.past4.val();
            self.words.next = self.words4.val();
            self.mask.next = self.mask4_0.val();
            if self.load_lane.q.val().get_bit(0) {
                self.mask.next = self.mask4_1.val();
            }
        }
        if self.load_a_code.q.val() == 2 {
            self.past_lane.next = self.past2.val();
            self.words.next = self.words2.val();
            self.mask.next = self.mask2_0.val();
            if self.load_lane.q.val() == 1 {
                self.mask.next = self.mask2_1.val();
            }
            if self.load_lane.q.val() == 2 {
                self.mask.next = self.mask2_2.val();
            }
            if self.load_lane.q.val() == 3 {
                self.mask.next = self.mask2_3.val();
            }
        }
        self.lanes.next = self.load_lane.q.val() | self.past_lane.val();
        self.last_lane.next = self.lanes.val().all();
        self.load_issue.next = self.load_valid.q.val() & !self.load_done.q.val();
        self.load_last.next = self.load_issue.val() & self.last_lane.val() & (self.load_row.q.val() == self.last_row.val());
        self.stream_last.next = self.stream_valid.q.val() & (self.stream_left.q.val() == 1);
        self.stream_ended.d.next = self.stream_last.val();

        // Row i of a tile reads its sum two cycles before row i is written, so nothing may have been issued to that sum in
        // the two cycles before. Tiles are at least four cycles apart: looking at row 0 is enough.
        self.next_accumulator.next = self.load_accumulator.q.val() + 1;
        self.collides.next = self.load_accumulate.q.val()
            & (self.load_half.q.val() == self.stream_half.q.val())
            & (((self.stream_valid.q.val() | self.stream_ended.q.val())
                & (self.next_accumulator.val() == self.stream_accumulator.q.val()))
                | (self.stream_valid.q.val() & (self.load_accumulator.q.val() == self.stream_accumulator.q.val())));
        self.start.next = self.load_valid.q.val()
            & (self.load_done.q.val() | self.load_last.val())
            & (!self.stream_valid.q.val() | self.stream_last.val())
            & !self.collides.val();
        self.has_word.next = self.load_left.q.val().any();

        // The tile that loads.
        if self.load_issue.val() {
            if !self.start.val() {
                self.load_done.d.next = self.load_last.val();
            }
            self.load_first.d.next = false;
            self.load_address.d.next = self.load_address.q.val() + bit_cast::<18, 16>(self.words.val());
            if self.has_word.val() {
                self.load_left.d.next = self.load_left.q.val() - self.words.val();
            }
            if self.last_lane.val() {
                self.load_lane.d.next = 0.into();
                self.load_row.d.next = self.load_row.q.val() + 1;
            } else {
                self.load_lane.d.next = self.load_lane.q.val() + 1;
            }
        }
        if self.start.val() {
            self.load_valid.d.next = false;
        }
        if self.dispatch_tile.val() {
            self.load_valid.d.next = true;
            self.load_done.d.next = false;
            self.load_first.d.next = true;
            self.load_row.d.next = 0.into();
            self.load_lane.d.next = 0.into();
            self.load_act_address.d.next = self.word1.val().get_bits::<16>(0);
            self.load_rows.d.next = self.word1.val().get_bits::<16>(16);
            // Addresses, counted in words from here on.
            self.load_address.d.next = bit_cast::<18, 16>(self.word2.val().get_bits::<16>(0)) << self.bus_log2.val();
            self.load_left.d.next = self.word2.val().get_bits::<16>(16) << self.bus_log2.val();
            self.load_accumulator.d.next = self.word3.val().get_bits::<12>(0);
            self.load_half.d.next = self.word3.val().get_bit(12);
            self.load_accumulate.d.next = self.word3.val().get_bit(13);
            self.load_shift.d.next = self.word3.val().get_bits::<3>(14);
            self.load_a_code.d.next = self.word3.val().get_bits::<2>(17);
            self.load_w_code.d.next = self.word3.val().get_bits::<2>(19);
            self.load_slice.d.next = self.word3.val().get_bits::<2>(21);
            self.load_rounding.d.next = self.word3.val().get_bits::<2>(23);
            self.load_act_signed.d.next = self.word3.val().get_bit(25);
            self.load_part.d.next = self.word3.val().get_bits::<2>(26);
            self.load_columns.d.next = self.pattern.val().get_bits::<16>(0);
            self.load_stride.d.next = self.stride.val();
            self.load_jump.d.next = self.pattern.val().get_bits::<16>(16);
        }

        // From one vector to the next, and at the end of an image row to the next row.
        self.row_ends.next = self.stream_column.q.val() == 1;
        self.step.next = bit_cast::<16, 8>(self.stream_stride.q.val());
        if self.row_ends.val() {
            self.step.next = self.stream_jump.q.val();
        }

        // The tile that streams.
        if self.start.val() {
            self.stream_valid.d.next = true;
            self.stream_first.d.next = true;
            self.stream_address.d.next = self.load_act_address.q.val();
            self.stream_left.d.next = self.load_rows.q.val();
            self.stream_accumulator.d.next = self.load_accumulator.q.val();
            self.stream_half.d.next = self.load_half.q.val();
            self.stream_accumulate.d.next = self.load_accumulate.q.val();
            self.stream_shift.d.next = self.load_shift.q.val();
            self.stream_a_code.d.next = self.load_a_code.q.val();
            self.stream_w_code.d.next = self.load_w_code.q.val();
            self.stream_w_signed.d.next = !self.load_slice.q.val().any();
            self.stream_act_signed.d.next = self.load_act_signed.q.val();
            self.stream_part.d.next = self.load_part.q.val();
            self.stream_columns.d.next = self.load_columns.q.val();
            self.stream_stride.d.next = self.load_stride.q.val();
            self.stream_jump.d.next = self.load_jump.q.val();
            self.stream_column.d.next = self.load_columns.q.val();
        } else if self.stream_valid.q.val() {
            self.stream_valid.d.next = !self.stream_last.val();
            self.stream_first.d.next = false;
            self.stream_address.d.next = self.stream_address.q.val() + self.step.val();
            self.stream_column.d.next = self.stream_column.q.val() - 1;
            if self.row_ends.val() {
                self.stream_column.d.next = self.stream_columns.q.val();
            }
            self.stream_accumulator.d.next = self.stream_accumulator.q.val() + 1;
            self.stream_left.d.next = self.stream_left.q.val() - 1;
        }

        self.loader_ready.next = !self.load_valid.q.val() | self.start.val();
        self.load_valid_out.next = self.load_valid.q.val();
        self.stream_valid_out.next = self.stream_valid.q.val();
        self.start_out.next = self.start.val();

        self.activation_issue.next.valid = self.stream_valid.q.val();
        self.activation_issue.next.address = self.stream_address.q.val();
        self.activation_issue.next.swap = self.stream_valid.q.val() & self.stream_first.q.val();
        self.activation_issue.next.a_code = self.stream_a_code.q.val();
        self.activation_issue.next.act_signed = self.stream_act_signed.q.val();

        self.weight_issue.next.valid = self.load_issue.val();
        self.weight_issue.next.address = self.load_address.q.val();
        self.weight_issue.next.real = self.has_word.val();
        self.weight_issue.next.first = self.load_first.q.val();
        self.weight_issue.next.row = self.load_row.q.val();
        self.weight_issue.next.mask = self.mask.val();
        self.weight_issue.next.w_code = self.load_w_code.q.val();
        self.weight_issue.next.slice = self.load_slice.q.val();
        self.weight_issue.next.rounding = self.load_rounding.q.val();
        self.weight_issue.next.part = self.load_part.q.val();
        self.weight_issue.next.a_code = self.load_a_code.q.val();

        self.token.next.valid = self.stream_valid.q.val();
        self.token.next.last = self.stream_last.val();
        self.token.next.w_code = self.stream_w_code.q.val();
        self.token.next.w_signed = self.stream_w_signed.q.val();
        self.token.next.act_signed = self.stream_act_signed.q.val();
        self.token.next.part = self.stream_part.q.val();
        self.token.next.half = self.stream_half.q.val();
        self.token.next.address = self.stream_accumulator.q.val();
        self.token.next.accumulate = self.stream_accumulate.q.val();
        self.token.next.shift = self.stream_shift.q.val();
    }
}

crate::clocked!([] Sequencer);

#[cfg(test)]
mod tests;
