//! Preset: a flip-flop that starts with a value other than zero.
//!
//! ```text
//!  d --> q, one cycle later; q = INIT before the first clock edge
//! ```
//!
//! rust-hdl's own `DFFWithInit` stores the complement, so its register would not read as the value that it holds.

use rust_hdl::prelude::*;

/// `N` bits that start as `INIT`.
#[derive(LogicBlock)]
pub struct Preset<const N: usize, const INIT: u64> {
    /// The next value.
    pub d: Signal<In, Bits<N>>,
    /// The register.
    pub q: Signal<Out, Bits<N>>,
    /// The clock.
    pub clock: Signal<In, Clock>,
}

impl<const N: usize, const INIT: u64> Default for Preset<N, INIT> {
    fn default() -> Self {
        Self { d: Default::default(), q: Signal::new_with_default(INIT.into()), clock: Default::default() }
    }
}

impl<const N: usize, const INIT: u64> Logic for Preset<N, INIT> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self.q.next = self.d.val();
        }
    }

    fn connect(&mut self) {
        self.q.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!("initial begin\n    q = {N}'h{INIT:x};\nend\nalways @(posedge clock) begin\n    q <= d;\nend"))
    }

    fn timing(&self) -> Vec<TimingInfo> {
        vec![TimingInfo { name: "preset".into(), clock: "clock".into(), inputs: vec!["d".into()], outputs: vec!["q".into()] }]
    }
}
