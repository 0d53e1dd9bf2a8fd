//! The performance counters: each adds up events of the same cycle.

use crate::trace::Visitor;
use crumb_arch::Counters;
use crumb_arch::counters::{COUNTER_BITS, Counter};

/// What happens in one cycle, as far as it is counted.
#[derive(Clone, Copy, Default)]
pub struct Events {
    /// The one class this cycle belongs to: `Busy` to `Idle`.
    pub class: Option<Counter>,
    /// 64/(A*W) if an activation vector enters the array.
    pub mac_slots: u64,
    /// A tile starts.
    pub tile: bool,
    /// A weight-memory address is read.
    pub weight_read: bool,
    /// Accumulator bank rows that the activation vector will write.
    pub accumulator_writes: u64,
    /// Accumulator bank rows that it will read to add to.
    pub accumulator_reads: u64,
    /// Accumulator bank rows that a drain reads.
    pub drain_reads: u64,
    /// The memory that is written, by its counter.
    pub written: Option<Counter>,
    /// A line is received.
    pub line_in: bool,
    /// A line of results goes to the output FIFO.
    pub result_line: bool,
}

/// The counters' registers.
#[derive(Default)]
pub struct CounterBank {
    values: Counters,
}

impl CounterBank {
    /// The counters as they stand.
    pub fn values(&self) -> &Counters {
        &self.values
    }

    /// Response word `index`: low 32 bits of counter 0, its high 16 bits, counter 1, ...
    pub fn word(&self, index: usize) -> u32 {
        let value = self.values.0[index / 2];
        if index.is_multiple_of(2) { value as u32 } else { (value >> 32) as u32 }
    }

    /// One clock edge in which the counters run.
    pub fn clock(&mut self, events: &Events) {
        self.add(Counter::Cycles, 1);
        if let Some(class) = events.class {
            self.add(class, 1);
        }
        self.add(Counter::MacSlots, events.mac_slots);
        self.add(Counter::Tiles, events.tile.into());
        self.add(Counter::WeightWordsRead, events.weight_read.into());
        self.add(Counter::AccumulatorWrites, events.accumulator_writes);
        self.add(Counter::AccumulatorReads, events.accumulator_reads);
        self.add(Counter::DrainReads, events.drain_reads);
        if let Some(written) = events.written {
            self.add(written, 1);
        }
        self.add(Counter::LinesIn, events.line_in.into());
        self.add(Counter::LinesOut, events.result_line.into());
    }

    /// Sets every counter to zero.
    pub fn clear(&mut self) {
        self.values = Counters::default();
    }

    fn add(&mut self, counter: Counter, amount: u64) {
        let value = &mut self.values.0[counter as usize];
        *value = (*value + amount) & ((1 << COUNTER_BITS) - 1);
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        v.scope("counters");
        for (counter, value) in self.values.iter() {
            v.register(counter.name(), COUNTER_BITS, value);
        }
        v.end();
    }
}
