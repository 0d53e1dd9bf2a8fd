//! Memory with one read port and one write port: the only memory of the datapath.
//!
//! ```text
//!  read_address -->+-----------+--> read_data (one cycle later)
//!  write_* ------->|   words   |
//!                  +-----------+
//! ```
//!
//! Latency: one cycle. Invariant: no block uses a word read in the cycle in which it is written. Simulations deliver the old
//! word; block RAM promises nothing, and `no_rw_check` keeps Yosys from building the promise (77 flip-flops and 47 LUT4 for
//! each 2048 x 32 memory on ECP5, against none).
//! Words start as zero in simulation and in Verilog, so that every model begins alike.
//! Maps to block RAM; a leaf, because rust-hdl's own `RAM` keeps its words in a tree and is slow to simulate.

use rust_hdl::prelude::*;

/// `2^A` words of `D <= 32` bits.
#[derive(LogicBlock)]
pub struct Ram<const D: usize, const A: usize> {
    /// The clock of both ports.
    pub clock: Signal<In, Clock>,
    /// Word to read.
    pub read_address: Signal<In, Bits<A>>,
    /// The word read, a cycle later.
    pub read_data: Signal<Out, Bits<D>>,
    /// Word to write.
    pub write_address: Signal<In, Bits<A>>,
    /// What to write.
    pub write_data: Signal<In, Bits<D>>,
    /// Whether to write.
    pub write_enable: Signal<In, Bit>,
    _words: Vec<u32>,
}

impl<const D: usize, const A: usize> Default for Ram<D, A> {
    fn default() -> Self {
        assert!(D <= 32, "a memory word of {D} bits does not fit the simulation's 32: split the memory");
        Self {
            clock: Default::default(),
            read_address: Default::default(),
            read_data: Default::default(),
            write_address: Default::default(),
            write_data: Default::default(),
            write_enable: Default::default(),
            _words: vec![0; 1 << A],
        }
    }
}

impl<const D: usize, const A: usize> Ram<D, A> {
    /// The stored words.
    pub fn words(&self) -> &[u32] {
        &self._words
    }
}

impl<const D: usize, const A: usize> Logic for Ram<D, A> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self.read_data.next = u64::from(self._words[self.read_address.val().index()]).into();
            if self.write_enable.val() {
                self._words[self.write_address.val().index()] = self.write_data.val().to_u32();
            }
        }
    }

    fn connect(&mut self) {
        self.read_data.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "\
(* no_rw_check *)
reg [{data}:0] mem [0:{last}];
integer word;
initial begin
    for (word = 0; word < {words}; word = word + 1) mem[word] = 0;
end
always @(posedge clock) begin
    read_data <= mem[read_address];
    if (write_enable) mem[write_address] <= write_data;
end",
            data = D - 1,
            last = (1usize << A) - 1,
            words = 1usize << A,
        ))
    }

    fn timing(&self) -> Vec<TimingInfo> {
        vec![TimingInfo {
            name: "ram".into(),
            clock: "clock".into(),
            inputs: ["read_address", "write_address", "write_data", "write_enable"].map(String::from).into(),
            outputs: vec!["read_data".into()],
        }]
    }
}

crate::clocked!([const D: usize, const A: usize] Ram<D, A>);
