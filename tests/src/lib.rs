//! What the integration tests share: random programs, and machines watched cycle by cycle.

pub mod fuzz;
pub mod oracle;
pub mod program;

use crumb_arch::boundary::{Boundary, Inputs, Outputs};
use crumb_arch::{Counter, Counters};
use crumb_sim::Machine;

/// The simulator, remembering when its array was first and last busy.
pub struct Watched {
    machine: Machine,
    /// Cycle of the first and of the last activation vector, and the counters before and after them.
    pub span: Option<(u64, u64)>,
    /// Counters at the first busy cycle.
    pub at_first: Counters,
    /// Counters after the last busy cycle.
    pub at_last: Counters,
}

impl Watched {
    /// Watches a machine.
    pub fn new(machine: Machine) -> Self {
        Self { machine, span: None, at_first: Counters::default(), at_last: Counters::default() }
    }

    /// Begins to watch anew.
    pub fn reset(&mut self) {
        self.span = None;
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }
}

impl Boundary for Watched {
    fn stream_bytes(&self) -> usize {
        self.machine.stream_bytes()
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        self.machine.settle(inputs)
    }

    fn clock(&mut self) {
        let before = *self.machine.counters();
        self.machine.clock();
        let after = *self.machine.counters();
        if after[Counter::Busy] > before[Counter::Busy] {
            let cycle = self.machine.cycle();
            if self.span.is_none() {
                self.at_first = before;
            }
            self.at_last = after;
            self.span = Some((self.span.map_or(cycle, |(first, _)| first), cycle));
        }
    }
}
