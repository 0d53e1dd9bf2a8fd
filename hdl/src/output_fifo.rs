//! Output FIFO: 32 lines between the packer and the output stream.
//!
//! ```text
//!  push --> write \                / read --> line_out, last_out (same cycle: asynchronous read)
//!            count = lines inside (0 .. 32)
//! ```
//!
//! Latency: a line pushed in cycle t may be popped in cycle t + 1. Invariant: never pushed when full, because every line that is on its
//! way to the FIFO or in it holds one of the drain's 32 credits; never popped when empty.

use crate::distributed_ram::DistributedRam;
use rust_hdl::prelude::*;

/// Lines that the FIFO holds.
pub use crumb_arch::timing::FIFO_LINES;

/// The FIFO for lines of `L` bits.
#[derive(LogicBlock, Default)]
pub struct OutputFifo<const L: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// A line comes in.
    pub push: Signal<In, Bit>,
    /// That line.
    pub line_in: Signal<In, Bits<L>>,
    /// It ends a packet.
    pub last_in: Signal<In, Bit>,
    /// The oldest line goes.
    pub pop: Signal<In, Bit>,
    /// There is a line.
    pub available: Signal<Out, Bit>,
    /// The oldest line.
    pub line_out: Signal<Out, Bits<L>>,
    /// It ends a packet.
    pub last_out: Signal<Out, Bit>,
    line: DistributedRam<L, 5>,
    last: DistributedRam<1, 5>,
    write: DFF<Bits<5>>,
    read: DFF<Bits<5>>,
    count: DFF<Bits<6>>,
}

impl<const L: usize> Logic for OutputFifo<L> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, write, read, count);
        clock!(self, clock, line, last);
        self.line.write_enable.next = self.push.val();
        self.last.write_enable.next = self.push.val();
        self.line.write_address.next = self.write.q.val();
        self.last.write_address.next = self.write.q.val();
        self.line.write_data.next = self.line_in.val();
        self.last.write_data.next = 0.into();
        if self.last_in.val() {
            self.last.write_data.next = 1.into();
        }
        self.line.read_address.next = self.read.q.val();
        self.last.read_address.next = self.read.q.val();
        self.line_out.next = self.line.read_data.val();
        self.last_out.next = self.last.read_data.val().any();
        self.available.next = self.count.q.val().any();
        if self.push.val() {
            self.write.d.next = self.write.q.val() + 1;
        }
        if self.pop.val() {
            self.read.d.next = self.read.q.val() + 1;
        }
        if self.push.val() & !self.pop.val() {
            self.count.d.next = self.count.q.val() + 1;
        }
        if self.pop.val() & !self.push.val() {
            self.count.d.next = self.count.q.val() - 1;
        }
    }
}

crate::clocked!([const L: usize] OutputFifo<L>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{from_bytes, to_bytes};
    use crate::cosim::{Random, Recorder};
    use std::collections::VecDeque;

    #[test]
    fn lines_leave_in_the_order_in_which_they_came() {
        let mut random = Random::new(9);
        let mut bench = Recorder::new("output_fifo", OutputFifo::<64>::default);
        let mut queue: VecDeque<(Vec<u8>, bool)> = VecDeque::new();
        let mut fullest = 0;
        for cycle in 0..3000 {
            let percent = [80, 50, 20][cycle / 100 % 3];
            let pop = !queue.is_empty() && random.chance(100 - percent);
            let push = queue.len() < FIFO_LINES && random.chance(percent);
            let line: Vec<u8> = (0..8).map(|_| random.next() as u8).collect();
            let last = random.chance(50);
            bench.block.push.next = push;
            bench.block.line_in.next = from_bytes(&line);
            bench.block.last_in.next = last;
            bench.block.pop.next = pop;
            bench.settle();
            assert_eq!(bench.block.available.val(), !queue.is_empty());
            if let Some((line, last)) = queue.front() {
                assert_eq!((&to_bytes(bench.block.line_out.val()), bench.block.last_out.val()), (line, *last));
            }
            if pop {
                queue.pop_front();
            }
            if push {
                queue.push_back((line, last));
            }
            fullest = fullest.max(queue.len());
            bench.clock();
        }
        assert_eq!(fullest, FIFO_LINES, "the test fills the FIFO");
        bench.check();
    }
}
