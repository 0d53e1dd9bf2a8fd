//! Parameter memory: bias and scale of every output channel, two 32-bit banks a column.
//!
//! ```text
//!  line byte c, eight lines --> collector --+-- after line 3 --> bias_bank[c]  --> bias[c]  (int32)
//!                                           +-- after line 7 --> scale_bank[c] --> scale[c] {shift: 8, significand: 24}
//! ```
//!
//! Latency: one cycle to read, all columns at one address. Invariant: lowest byte first; the significand is in the
//! lowest 24 bits of `scale`, the shift in the highest 8.

use crate::ram::Ram;
use crate::weight_memory::Collector;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// `C` columns of `2^A` entries.
#[derive(LogicBlock)]
pub struct ParameterMemory<const C: usize, const A: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// Bytes of the line to write, one for each column.
    pub line: [Signal<In, Bits<8>>; C],
    /// The entry that the line belongs to.
    pub write_address: Signal<In, Bits<A>>,
    /// Which line of the entry: 0..7, in this order.
    pub write_line: Signal<In, Bits<3>>,
    /// Whether a line comes.
    pub write_enable: Signal<In, Bit>,
    /// The entry that all columns read.
    pub read_address: Signal<In, Bits<A>>,
    /// The bias, a cycle later.
    pub bias: [Signal<Out, Bits<32>>; C],
    /// `{shift: 8, significand: 24}`, a cycle later.
    pub scale: [Signal<Out, Bits<32>>; C],
    column: [Collector; C],
    bias_bank: [Ram<32, A>; C],
    scale_bank: [Ram<32, A>; C],
    whole: Signal<Local, Bit>,
}

impl<const C: usize, const A: usize> Default for ParameterMemory<C, A> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            line: from_fn(|_| Default::default()),
            write_address: Default::default(),
            write_line: Default::default(),
            write_enable: Default::default(),
            read_address: Default::default(),
            bias: from_fn(|_| Default::default()),
            scale: from_fn(|_| Default::default()),
            column: from_fn(|_| Default::default()),
            bias_bank: from_fn(|_| Default::default()),
            scale_bank: from_fn(|_| Default::default()),
            whole: Default::default(),
        }
    }
}

impl<const C: usize, const A: usize> Logic for ParameterMemory<C, A> {
    #[hdl_gen]
    fn update(&mut self) {
        self.whole.next = self.write_enable.val() & self.write_line.val().get_bit(0) & self.write_line.val().get_bit(1);
        for c in 0..C {
            self.column[c].clock.next = self.clock.val();
            self.column[c].byte.next = self.line[c].val();
            self.column[c].enable.next = self.write_enable.val();
            self.bias_bank[c].clock.next = self.clock.val();
            self.bias_bank[c].write_address.next = self.write_address.val();
            self.bias_bank[c].write_data.next = self.column[c].word.val();
            self.bias_bank[c].write_enable.next = self.whole.val() & !self.write_line.val().get_bit(2);
            self.bias_bank[c].read_address.next = self.read_address.val();
            self.bias[c].next = self.bias_bank[c].read_data.val();
            self.scale_bank[c].clock.next = self.clock.val();
            self.scale_bank[c].write_address.next = self.write_address.val();
            self.scale_bank[c].write_data.next = self.column[c].word.val();
            self.scale_bank[c].write_enable.next = self.whole.val() & self.write_line.val().get_bit(2);
            self.scale_bank[c].read_address.next = self.read_address.val();
            self.scale[c].next = self.scale_bank[c].read_data.val();
        }
    }
}

crate::clocked!([const C: usize, const A: usize] ParameterMemory<C, A>);
