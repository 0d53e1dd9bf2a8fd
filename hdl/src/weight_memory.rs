//! Weight memory: `C` banks of 32-bit words, four int8 weights each; the one copy of the weights.
//!
//! ```text
//!  line byte c, lines 0, 1, 2 --> collector[c] (24 bits) --+
//!               line 3 ------------------------------------+--> bank[c] --> word[c] (one cycle after read_address[c])
//! ```
//!
//! Latency: one cycle to read. Invariant: the bank is written with the fourth line of an address, whole words only;
//! byte t of a word came with line t.

use crate::ram::Ram;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// One column's collector: the last three bytes, oldest lowest.
#[derive(LogicBlock, Default)]
pub struct Collector {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// The incoming byte.
    pub byte: Signal<In, Bits<8>>,
    /// Whether it comes.
    pub enable: Signal<In, Bit>,
    /// The collected bytes with the incoming one on top.
    pub word: Signal<Out, Bits<32>>,
    collector: DFF<Bits<24>>,
    gathered: Signal<Local, Bits<32>>,
}

impl Logic for Collector {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, collector);
        self.gathered.next = bit_cast::<32, 24>(self.collector.q.val()) | (bit_cast::<32, 8>(self.byte.val()) << 24);
        self.word.next = self.gathered.val();
        if self.enable.val() {
            self.collector.d.next = self.gathered.val().get_bits::<24>(8);
        }
    }
}

/// `C` banks of `2^A` words.
#[derive(LogicBlock)]
pub struct WeightMemory<const C: usize, const A: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// Bytes of the line to write, one for each column.
    pub line: [Signal<In, Bits<8>>; C],
    /// The word that the line belongs to.
    pub write_address: Signal<In, Bits<A>>,
    /// Which line of the word: 0..3, in this order.
    pub write_line: Signal<In, Bits<3>>,
    /// Whether a line comes.
    pub write_enable: Signal<In, Bit>,
    /// What each column reads.
    pub read_address: [Signal<In, Bits<A>>; C],
    /// The word read, a cycle later.
    pub word: [Signal<Out, Bits<32>>; C],
    column: [Collector; C],
    bank: [Ram<32, A>; C],
    whole: Signal<Local, Bit>,
}

impl<const C: usize, const A: usize> Default for WeightMemory<C, A> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            line: from_fn(|_| Default::default()),
            write_address: Default::default(),
            write_line: Default::default(),
            write_enable: Default::default(),
            read_address: from_fn(|_| Default::default()),
            word: from_fn(|_| Default::default()),
            column: from_fn(|_| Default::default()),
            bank: from_fn(|_| Default::default()),
            whole: Default::default(),
        }
    }
}

impl<const C: usize, const A: usize> Logic for WeightMemory<C, A> {
    #[hdl_gen]
    fn update(&mut self) {
        self.whole.next = self.write_enable.val() & self.write_line.val().get_bit(0) & self.write_line.val().get_bit(1);
        for c in 0..C {
            self.column[c].clock.next = self.clock.val();
            self.column[c].byte.next = self.line[c].val();
            self.column[c].enable.next = self.write_enable.val();
            self.bank[c].clock.next = self.clock.val();
            self.bank[c].write_address.next = self.write_address.val();
            self.bank[c].write_data.next = self.column[c].word.val();
            self.bank[c].write_enable.next = self.whole.val();
            self.bank[c].read_address.next = self.read_address[c].val();
            self.word[c].next = self.bank[c].read_data.val();
        }
    }
}

crate::clocked!([const C: usize, const A: usize] WeightMemory<C, A>);
