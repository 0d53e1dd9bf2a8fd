//! Weight bus: which words of a weight-memory address go to the PEs, after the precision switch. Combinational.
//!
//! ```text
//!  word[0..N] --+-- A2, N = 4:  w0 w1 w2 w3         A4, N = 4:  w0 w0 w1 w1  or  w2 w2 w3 w3      A8: one word, N times
//!               +-- A4, A2, N = 2:  w0 w1                                                            (lowest first) --> bus
//! ```
//!
//! A cycle delivers the words of `min(N, 8/A)` neighbouring lanes, from word `first` of the address on, each `N / min(N, 8/A)` times side
//! by side: word i of a PE takes word `i * N/4` of the bus in every mode, so that the choice stands here, once for each column.
//! Invariant: `crumb_arch::brick::bus_lane`. With `N = 1` these are wires.

use crate::bytes::Join;
use crumb_arch::ActBits;
use crumb_arch::brick::bus_lane;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// The weight bus of one column: `N` words, `NB = 8*N` bits.
#[derive(LogicBlock)]
pub struct WeightBus<const N: usize, const NB: usize> {
    /// The words of the address, in offset binary.
    pub word: [Signal<In, Bits<8>>; N],
    /// The first of those that are delivered, modulo `N`.
    pub first: Signal<In, Bits<2>>,
    /// Activation width of the tile that loads: 0, 1, 2 for 8, 4, 2 bits.
    pub a_code: Signal<In, Bits<2>>,
    /// The bus, word 0 lowest.
    pub bus: Signal<Out, Bits<NB>>,
    base: Signal<Local, Bits<2>>,
    pick: [Signal<Local, Bits<2>>; N],
    chosen: [Signal<Local, Bits<8>>; N],
    gather: Join<NB, N>,
    low: Constant<Bits<2>>,
    // Lane of each word on the bus, and its number.
    lane4: [Constant<Bits<2>>; N],
    lane2: [Constant<Bits<2>>; N],
    index: [Constant<Bits<2>>; N],
}

impl<const N: usize, const NB: usize> Default for WeightBus<N, NB> {
    fn default() -> Self {
        assert_eq!(NB, 8 * N, "{N} words of the weight bus have {} bits", 8 * N);
        let lanes = |act| from_fn(|i| Constant::new((bus_lane(act, 0, i, N) as u64).into()));
        Self {
            word: from_fn(|_| Default::default()),
            first: Default::default(),
            a_code: Default::default(),
            bus: Default::default(),
            base: Default::default(),
            pick: from_fn(|_| Default::default()),
            chosen: from_fn(|_| Default::default()),
            gather: Default::default(),
            low: Constant::new((N as u64 - 1).into()),
            lane4: lanes(ActBits::A4),
            lane2: lanes(ActBits::A2),
            index: from_fn(|b| Constant::new((b as u64).into())),
        }
    }
}

impl<const N: usize, const NB: usize> Logic for WeightBus<N, NB> {
    #[hdl_gen]
    fn update(&mut self) {
        self.base.next = self.first.val() & self.low.val();
        for i in 0..N {
            self.pick[i].next = self.base.val();
            if self.a_code.val() == 1 {
                self.pick[i].next = self.base.val() | self.lane4[i].val();
            }
            if self.a_code.val() == 2 {
                self.pick[i].next = self.base.val() | self.lane2[i].val();
            }
            self.chosen[i].next = self.word[0].val();
            for b in 1..N {
                if self.pick[i].val() == self.index[b].val() {
                    self.chosen[i].next = self.word[b].val();
                }
            }
            self.gather.bytes[i].next = self.chosen[i].val();
        }
        self.bus.next = self.gather.line.val();
    }
}
