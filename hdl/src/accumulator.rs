//! Accumulator: the int32 memory of one column, two halves of four banks; one half is filled while the other drains.
//!
//! ```text
//!  token3 (cycle x+3) --address--+--> bank[4*half + b] --(x+4)--> + value[b] --> result[b] --(x+5)--> write
//!  drain_address ----------------^          +----> word, a cycle after drain_address
//! ```
//!
//! Latency: an accumulation is written in cycle x+5; `done` is seen in that cycle, and a drain may read the sum from
//! cycle x+6 on. Invariant: a half has one read port; an accumulation into it has the port, otherwise the drain has. The sequencer
//! never drains a half that is still being filled, and lets no sum recur after one or two cycles (a read sees writes three
//! cycles old), so the read-modify-write has no hazard. Sums are int32; the host refuses what could overflow.

use crate::issue::Token;
use crate::ram::Ram;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// The accumulator of one column; `A` address bits in a half; the drain reads `DB` banks at once, 1 or 4.
#[derive(LogicBlock)]
pub struct Accumulator<const A: usize, const DB: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// The combiner's `token3`.
    pub token3: Signal<In, Token>,
    /// The combiner's `token4`.
    pub token4: Signal<In, Token>,
    /// Value for bank 0.
    pub value0: Signal<In, Bits<32>>,
    /// Bank 1.
    pub value1: Signal<In, Bits<32>>,
    /// Bank 2.
    pub value2: Signal<In, Bits<32>>,
    /// Bank 3.
    pub value3: Signal<In, Bits<32>>,
    /// Half that the drain reads.
    pub drain_half: Signal<In, Bit>,
    /// Bank that the drain reads, if it reads one.
    pub drain_bank: Signal<In, Bits<2>>,
    /// Row that the drain reads.
    pub drain_address: Signal<In, Bits<12>>,
    /// What the drain reads, a cycle later: of its bank, or of bank 0 if it reads all four.
    pub word: Signal<Out, Bits<32>>,
    /// Of bank 1 if it reads all four, otherwise 0.
    pub word1: Signal<Out, Bits<32>>,
    /// Of bank 2.
    pub word2: Signal<Out, Bits<32>>,
    /// Of bank 3.
    pub word3: Signal<Out, Bits<32>>,
    /// The last accumulation of a tile is being written.
    pub done: Signal<Out, Bit>,
    /// The half that the token in stage 5 writes.
    pub done_half: Signal<Out, Bit>,
    result: [DFF<Bits<32>>; 4],
    token5: DFF<Token>,
    drain_select: DFF<Bits<3>>,
    bank: [Ram<32, A>; 8],
    value: [Signal<Local, Bits<32>>; 4],
    stored: [Signal<Local, Bits<32>>; 4],
    fill_address: Signal<Local, Bits<A>>,
    read_address: [Signal<Local, Bits<A>>; 2],
    drain_row: Signal<Local, Bits<A>>,
    write_address: Signal<Local, Bits<A>>,
    write_half: [Signal<Local, Bit>; 2],
    w_code: Signal<Local, Bits<2>>,
    part: Signal<Local, Bits<2>>,
    takes: [Signal<Local, Bit>; 4],
    select: Signal<Local, Bits<3>>,
    of_two: [Signal<Local, Bits<32>>; 4],
    of_four: [Signal<Local, Bits<32>>; 2],
}

impl<const A: usize, const DB: usize> Default for Accumulator<A, DB> {
    fn default() -> Self {
        assert!(DB == 1 || DB == 4, "a drain reads one bank or four, not {DB}");
        assert!(A <= 12, "an accumulator half of {A} address bits is out of reach of the token's 12");
        Self {
            clock: Default::default(),
            token3: Default::default(),
            token4: Default::default(),
            value0: Default::default(),
            value1: Default::default(),
            value2: Default::default(),
            value3: Default::default(),
            drain_half: Default::default(),
            drain_bank: Default::default(),
            drain_address: Default::default(),
            word: Default::default(),
            word1: Default::default(),
            word2: Default::default(),
            word3: Default::default(),
            done: Default::default(),
            done_half: Default::default(),
            result: Default::default(),
            token5: Default::default(),
            drain_select: Default::default(),
            bank: from_fn(|_| Default::default()),
            value: Default::default(),
            stored: Default::default(),
            fill_address: Default::default(),
            read_address: Default::default(),
            drain_row: Default::default(),
            write_address: Default::default(),
            write_half: Default::default(),
            w_code: Default::default(),
            part: Default::default(),
            takes: Default::default(),
            select: Default::default(),
            of_two: Default::default(),
            of_four: Default::default(),
        }
    }
}

impl<const A: usize, const DB: usize> Logic for Accumulator<A, DB> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, token5, drain_select);

        // x+3: read for the accumulation, or for the drain.
        self.fill_address.next = bit_cast::<A, 12>(self.token3.val().address);
        self.drain_row.next = bit_cast::<A, 12>(self.drain_address.val());
        self.read_address[0].next = self.drain_row.val();
        self.read_address[1].next = self.drain_row.val();
        if self.token3.val().valid & !self.token3.val().half {
            self.read_address[0].next = self.fill_address.val();
        }
        if self.token3.val().valid & self.token3.val().half {
            self.read_address[1].next = self.fill_address.val();
        }

        // x+4: add.
        self.value[0].next = self.value0.val();
        self.value[1].next = self.value1.val();
        self.value[2].next = self.value2.val();
        self.value[3].next = self.value3.val();
        for b in 0..4 {
            self.stored[b].next = 0.into();
            if self.token4.val().accumulate {
                if self.token4.val().half {
                    self.stored[b].next = self.bank[b + 4].read_data.val();
                } else {
                    self.stored[b].next = self.bank[b].read_data.val();
                }
            }
            self.result[b].clock.next = self.clock.val();
            self.result[b].d.next = self.stored[b].val() + self.value[b].val();
        }
        self.token5.d.next = self.token4.val();

        // x+5: write the banks that take part.
        self.w_code.next = self.token5.q.val().w_code;
        self.part.next = self.token5.q.val().part;
        for b in 0..4 {
            self.takes[b].next = self.part.val() == b.to_bits::<2>();
        }
        if self.w_code.val() == 1 {
            self.takes[0].next = self.part.val() == 0;
            self.takes[1].next = self.part.val() == 0;
            self.takes[2].next = self.part.val() == 1;
            self.takes[3].next = self.part.val() == 1;
        }
        if self.w_code.val() == 2 {
            for b in 0..4 {
                self.takes[b].next = true;
            }
        }
        self.write_half[0].next = self.token5.q.val().valid & !self.token5.q.val().half;
        self.write_half[1].next = self.token5.q.val().valid & self.token5.q.val().half;
        self.write_address.next = bit_cast::<A, 12>(self.token5.q.val().address);
        for h in 0..2 {
            for b in 0..4 {
                self.bank[4 * h + b].clock.next = self.clock.val();
                self.bank[4 * h + b].read_address.next = self.read_address[h].val();
                self.bank[4 * h + b].write_address.next = self.write_address.val();
                self.bank[4 * h + b].write_data.next = self.result[b].q.val();
                self.bank[4 * h + b].write_enable.next = self.write_half[h].val() & self.takes[b].val();
            }
        }
        self.done.next = self.token5.q.val().valid & self.token5.q.val().last;
        self.done_half.next = self.token5.q.val().half;

        // The drain's word: {half, bank}, as registered with the memory's data; a tree of multiplexers, bit by bit of the bank's number.
        self.drain_select.d.next = bit_cast::<3, 2>(self.drain_bank.val());
        if self.drain_half.val() {
            self.drain_select.d.next = bit_cast::<3, 2>(self.drain_bank.val()) | 4;
        }
        self.select.next = self.drain_select.q.val();
        for i in 0..4 {
            self.of_two[i].next = self.bank[2 * i].read_data.val();
            if self.select.val().get_bit(0) {
                self.of_two[i].next = self.bank[2 * i + 1].read_data.val();
            }
        }
        for i in 0..2 {
            self.of_four[i].next = self.of_two[2 * i].val();
            if self.select.val().get_bit(1) {
                self.of_four[i].next = self.of_two[2 * i + 1].val();
            }
        }
        self.word.next = self.of_four[0].val();
        if self.select.val().get_bit(2) {
            self.word.next = self.of_four[1].val();
        }
        self.word1.next = 0.into();
        self.word2.next = 0.into();
        self.word3.next = 0.into();
        // Once if DB is 4, never if it is 1: only the half is to be chosen.
        for _four in 3..DB {
            self.word.next = self.bank[0].read_data.val();
            self.word1.next = self.bank[1].read_data.val();
            self.word2.next = self.bank[2].read_data.val();
            self.word3.next = self.bank[3].read_data.val();
            if self.select.val().get_bit(2) {
                self.word.next = self.bank[4].read_data.val();
                self.word1.next = self.bank[5].read_data.val();
                self.word2.next = self.bank[6].read_data.val();
                self.word3.next = self.bank[7].read_data.val();
            }
        }
    }
}

crate::clocked!([const A: usize, const DB: usize] Accumulator<A, DB>);
