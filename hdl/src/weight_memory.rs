//! Weight memory: `C` banks of words of 32 bits, four int8 weights each; the one copy of the weights.
//!
//! ```text
//!  line byte c, lines 0, 1, 2 --> collector[c] (24 bits) --+
//!               line 3 ------------------------------------+--> bank[c] --> words[c] (one cycle after read_address[c])
//! ```
//!
//! Latency: one cycle to read. Invariant: the bank is written with the fourth line of a word, whole words only;
//! byte t of a word came with line t. An address of a command is that of the `N` words of a bus cycle: a bank has a memory for each, and
//! reads all of them. Words are written one by one, each at an address of its own: N times the command's and upwards.

use crate::bytes::JoinWords;
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

/// One column's bank: `N` memories of `2^A` words side by side; `NM = 32*N`.
#[derive(LogicBlock)]
pub struct Bank<const A: usize, const N: usize, const NM: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// The word to write: its memory in the low bits, above them its address there.
    pub write_address: Signal<In, Bits<18>>,
    /// What to write.
    pub write_data: Signal<In, Bits<32>>,
    /// Whether to write.
    pub write_enable: Signal<In, Bit>,
    /// The address to read in every memory.
    pub read_address: Signal<In, Bits<A>>,
    /// The words read, a cycle later, that of memory 0 lowest.
    pub read_data: Signal<Out, Bits<NM>>,
    ram: [Ram<32, A>; N],
    address: Signal<Local, Bits<18>>,
    which: Signal<Local, Bits<2>>,
    gather: JoinWords<NM, N>,
    bus_log2: Constant<Bits<2>>,
    low: Constant<Bits<2>>,
    index: [Constant<Bits<2>>; N],
}

impl<const A: usize, const N: usize, const NM: usize> Default for Bank<A, N, NM> {
    fn default() -> Self {
        assert_eq!(NM, 32 * N, "{N} words have {} bits", 32 * N);
        Self {
            clock: Default::default(),
            write_address: Default::default(),
            write_data: Default::default(),
            write_enable: Default::default(),
            read_address: Default::default(),
            read_data: Default::default(),
            ram: from_fn(|_| Default::default()),
            address: Default::default(),
            which: Default::default(),
            gather: Default::default(),
            bus_log2: Constant::new(u64::from(N.ilog2()).into()),
            low: Constant::new((N as u64 - 1).into()),
            index: from_fn(|b| Constant::new((b as u64).into())),
        }
    }
}

impl<const A: usize, const N: usize, const NM: usize> Logic for Bank<A, N, NM> {
    #[hdl_gen]
    fn update(&mut self) {
        self.address.next = self.write_address.val() >> self.bus_log2.val();
        self.which.next = self.write_address.val().get_bits::<2>(0) & self.low.val();
        for b in 0..N {
            self.ram[b].clock.next = self.clock.val();
            self.ram[b].write_address.next = bit_cast::<A, 18>(self.address.val());
            self.ram[b].write_data.next = self.write_data.val();
            self.ram[b].write_enable.next = self.write_enable.val() & (self.which.val() == self.index[b].val());
            self.ram[b].read_address.next = self.read_address.val();
            self.gather.words[b].next = self.ram[b].read_data.val();
        }
        self.read_data.next = self.gather.joined.val();
    }
}

/// `C` banks of `2^A` addresses of `N` words; `NM = 32*N`.
#[derive(LogicBlock)]
pub struct WeightMemory<const C: usize, const A: usize, const N: usize, const NM: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// Bytes of the line to write, one for each column.
    pub line: [Signal<In, Bits<8>>; C],
    /// The word that the line belongs to.
    pub write_address: Signal<In, Bits<18>>,
    /// Which line of the word: 0..3, in this order.
    pub write_line: Signal<In, Bits<3>>,
    /// Whether a line comes.
    pub write_enable: Signal<In, Bit>,
    /// What each column reads.
    pub read_address: [Signal<In, Bits<A>>; C],
    /// The words read, a cycle later, word 0 of the address lowest.
    pub words: [Signal<Out, Bits<NM>>; C],
    column: [Collector; C],
    bank: [Bank<A, N, NM>; C],
    whole: Signal<Local, Bit>,
}

impl<const C: usize, const A: usize, const N: usize, const NM: usize> Default for WeightMemory<C, A, N, NM> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            line: from_fn(|_| Default::default()),
            write_address: Default::default(),
            write_line: Default::default(),
            write_enable: Default::default(),
            read_address: from_fn(|_| Default::default()),
            words: from_fn(|_| Default::default()),
            column: from_fn(|_| Default::default()),
            bank: from_fn(|_| Default::default()),
            whole: Default::default(),
        }
    }
}

impl<const C: usize, const A: usize, const N: usize, const NM: usize> Logic for WeightMemory<C, A, N, NM> {
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
            self.words[c].next = self.bank[c].read_data.val();
        }
    }
}

crate::clocked!([const C: usize, const A: usize, const N: usize, const NM: usize] WeightMemory<C, A, N, NM>);
