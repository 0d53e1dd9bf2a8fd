//! A small memory that is read in the same cycle.
//!
//! ```text
//!  write_enable, write_address, write_data --clock--> [ 2^A words ] --read_address, same cycle--> read_data
//! ```
//!
//! Invariant: begins as zero. It maps to distributed RAM (ECP5: TRELLIS_DPR16X4), which reads asynchronously.

use rust_hdl::prelude::*;

/// `2^A` words of `W` bits, written at the clock edge, read asynchronously.
#[derive(LogicBlock)]
pub struct DistributedRam<const W: usize, const A: usize> {
    /// The clock of the write port.
    pub clock: Signal<In, Clock>,
    /// Whether to write.
    pub write_enable: Signal<In, Bit>,
    /// Where to write.
    pub write_address: Signal<In, Bits<A>>,
    /// What to write.
    pub write_data: Signal<In, Bits<W>>,
    /// What to read.
    pub read_address: Signal<In, Bits<A>>,
    /// The word read, in the same cycle.
    pub read_data: Signal<Out, Bits<W>>,
    _words: Vec<Bits<W>>,
}

impl<const W: usize, const A: usize> Default for DistributedRam<W, A> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            write_enable: Default::default(),
            write_address: Default::default(),
            write_data: Default::default(),
            read_address: Default::default(),
            read_data: Default::default(),
            _words: vec![Default::default(); 1 << A],
        }
    }
}

impl<const W: usize, const A: usize> Logic for DistributedRam<W, A> {
    fn update(&mut self) {
        let write = self.clock.pos_edge() && self.write_enable.val();
        if write {
            self._words[self.write_address.val().index()] = self.write_data.val();
        }
        if write || self.read_address.changed {
            self.read_data.next = self._words[self.read_address.val().index()];
        }
    }

    fn connect(&mut self) {
        self.read_data.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "\
reg [{top}:0] mem [0:{last}];
integer i;
initial begin
    for (i = 0; i < {words}; i = i + 1) mem[i] = 0;
end
always @(posedge clock) begin
    if (write_enable) mem[write_address] <= write_data;
end
always @(*) begin
    read_data = mem[read_address];
end",
            top = W - 1,
            last = (1 << A) - 1,
            words = 1 << A,
        ))
    }
}
