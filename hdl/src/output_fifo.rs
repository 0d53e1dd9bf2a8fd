//! Output FIFO: 32 lines between the packer and the output stream.
//!
//! ```text
//!  push --> write \                / read --> line_out, last_out (same cycle: asynchronous read)
//!            count = lines inside (0 .. 32)
//! ```
//!
//! Latency: a line pushed in cycle t may be popped in cycle t + 1. Invariant: never pushed when full, because every line that is on its
//! way to the FIFO or in it holds one of the drain's 32 credits; never popped when empty.
//! The memory maps to distributed RAM (ECP5: TRELLIS_DPR16X4), which reads asynchronously.

use rust_hdl::prelude::*;

/// Lines that the FIFO holds.
pub use crumb_arch::timing::FIFO_LINES;

/// 32 words of {last, line}, written at the clock edge, read asynchronously.
#[derive(LogicBlock)]
pub struct LineMemory<const L: usize> {
    /// The clock of the write port.
    pub clock: Signal<In, Clock>,
    /// Whether to write.
    pub write_enable: Signal<In, Bit>,
    /// Where to write.
    pub write_address: Signal<In, Bits<5>>,
    /// What to write.
    pub write_line: Signal<In, Bits<L>>,
    /// What to write.
    pub write_last: Signal<In, Bit>,
    /// What to read.
    pub read_address: Signal<In, Bits<5>>,
    /// The word read, in the same cycle.
    pub read_line: Signal<Out, Bits<L>>,
    /// The word read, in the same cycle.
    pub read_last: Signal<Out, Bit>,
    _lines: Vec<(Bits<L>, bool)>,
}

impl<const L: usize> Default for LineMemory<L> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            write_enable: Default::default(),
            write_address: Default::default(),
            write_line: Default::default(),
            write_last: Default::default(),
            read_address: Default::default(),
            read_line: Default::default(),
            read_last: Default::default(),
            _lines: vec![Default::default(); FIFO_LINES],
        }
    }
}

impl<const L: usize> Logic for LineMemory<L> {
    fn update(&mut self) {
        let write = self.clock.pos_edge() && self.write_enable.val();
        if write {
            self._lines[self.write_address.val().index()] = (self.write_line.val(), self.write_last.val());
        }
        if write || self.read_address.changed {
            (self.read_line.next, self.read_last.next) = self._lines[self.read_address.val().index()];
        }
    }

    fn connect(&mut self) {
        self.read_line.connect();
        self.read_last.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "\
reg [{L}:0] mem [0:{last}];
wire [{L}:0] word;
integer i;
initial begin
    for (i = 0; i < {FIFO_LINES}; i = i + 1) mem[i] = 0;
end
always @(posedge clock) begin
    if (write_enable) mem[write_address] <= {{write_last, write_line}};
end
assign word = mem[read_address];
always @(*) begin
    read_line = word[{top}:0];
    read_last = word[{L}];
end",
            last = FIFO_LINES - 1,
            top = L - 1,
        ))
    }
}

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
    memory: LineMemory<L>,
    write: DFF<Bits<5>>,
    read: DFF<Bits<5>>,
    count: DFF<Bits<6>>,
}

impl<const L: usize> Logic for OutputFifo<L> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, write, read, count);
        self.memory.clock.next = self.clock.val();
        self.memory.write_enable.next = self.push.val();
        self.memory.write_address.next = self.write.q.val();
        self.memory.write_line.next = self.line_in.val();
        self.memory.write_last.next = self.last_in.val();
        self.memory.read_address.next = self.read.q.val();
        self.line_out.next = self.memory.read_line.val();
        self.last_out.next = self.memory.read_last.val();
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
