//! Activation buffer: `R` banks of bytes, written by lines, read by each row at its own address.
//!
//! ```text
//!  line[0..R-1], write_address, write_enable --> bank[0] .. bank[R-1]
//!  read_address[r] --> bank[r] --> data[r] (one cycle later)
//! ```
//!
//! Latency: one cycle. Invariant: byte r of a line belongs to row r; the host has packed its 8/A activations.

use crate::ram::Ram;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// `R` banks of `2^A` bytes.
#[derive(LogicBlock)]
pub struct ActivationBuffer<const R: usize, const A: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// Bytes of the line to write, one for each row.
    pub line: [Signal<In, Bits<8>>; R],
    /// Where to write it.
    pub write_address: Signal<In, Bits<A>>,
    /// Whether to write it.
    pub write_enable: Signal<In, Bit>,
    /// What each row reads.
    pub read_address: [Signal<In, Bits<A>>; R],
    /// The byte read, a cycle later.
    pub data: [Signal<Out, Bits<8>>; R],
    bank: [Ram<8, A>; R],
}

impl<const R: usize, const A: usize> Default for ActivationBuffer<R, A> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            line: from_fn(|_| Default::default()),
            write_address: Default::default(),
            write_enable: Default::default(),
            read_address: from_fn(|_| Default::default()),
            data: from_fn(|_| Default::default()),
            bank: from_fn(|_| Default::default()),
        }
    }
}

impl<const R: usize, const A: usize> Logic for ActivationBuffer<R, A> {
    #[hdl_gen]
    fn update(&mut self) {
        for r in 0..R {
            self.bank[r].clock.next = self.clock.val();
            self.bank[r].write_address.next = self.write_address.val();
            self.bank[r].write_data.next = self.line[r].val();
            self.bank[r].write_enable.next = self.write_enable.val();
            self.bank[r].read_address.next = self.read_address[r].val();
            self.data[r].next = self.bank[r].read_data.val();
        }
    }
}

crate::clocked!([const R: usize, const A: usize] ActivationBuffer<R, A>);
