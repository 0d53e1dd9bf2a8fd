//! Read stage: a register between the accumulators and what takes their words, and the same delay for the parameter address.
//!
//! ```text
//!  drain: half, bank, address --> accumulators --(y+1)--> word[c] --(y+2)--> requantizers, packer
//!  drain: entry --(y)--> entry --(y+1)--> parameter memory -----------(y+2)--> requantizers
//! ```
//!
//! Latency: one cycle. The memories' output, the choice among eight banks and what follows would otherwise be one path.

use rust_hdl::prelude::*;
use std::array::from_fn;

/// The read stage of `C` words: one for each column and bank that the drain reads at once.
#[derive(LogicBlock)]
pub struct ReadStage<const C: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// What the accumulators deliver.
    pub word_in: [Signal<In, Bits<32>>; C],
    /// The register `word`.
    pub word_out: [Signal<Out, Bits<32>>; C],
    /// The parameter entry of the accumulators' read.
    pub entry_in: Signal<In, Bits<16>>,
    /// The register `entry`.
    pub entry_out: Signal<Out, Bits<16>>,
    word: [DFF<Bits<32>>; C],
    entry: DFF<Bits<16>>,
}

impl<const C: usize> Default for ReadStage<C> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            word_in: from_fn(|_| Default::default()),
            word_out: from_fn(|_| Default::default()),
            entry_in: Default::default(),
            entry_out: Default::default(),
            word: from_fn(|_| Default::default()),
            entry: Default::default(),
        }
    }
}

impl<const C: usize> Logic for ReadStage<C> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, entry);
        self.entry.d.next = self.entry_in.val();
        self.entry_out.next = self.entry.q.val();
        for c in 0..C {
            self.word[c].clock.next = self.clock.val();
            self.word[c].d.next = self.word_in[c].val();
            self.word_out[c].next = self.word[c].q.val();
        }
    }
}

crate::clocked!([const C: usize] ReadStage<C>);
