//! Parameter memory: bias and scale of every output channel, two 32-bit banks a column.
//!
//! ```text
//!  line byte c, eight lines --> collector --+-- after line 3 --> bias_bank[c]  --> bias[c]  (int32)
//!                                           +-- after line 7 --> scale_bank[c] --> scale[c] {shift: 8, significand: 24}
//! ```
//!
//! Latency: one cycle to read, all columns at one address. Invariant: lowest byte first; the significand is in the
//! lowest 24 bits of `scale`, the shift in the highest 8. Where four entries are read at once they begin at a multiple of four: entry `4*i + b`
//! is word `i` of the memories `b*C .. b*C + C-1`.

use crate::ram::Ram;
use crate::weight_memory::Collector;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// `C` columns of `2^A` entries, `DB` of which are read at once (1 or 4): `Q = C*DB` memories of `2^PR = 2^A / DB` words.
#[derive(LogicBlock)]
pub struct ParameterMemory<const C: usize, const Q: usize, const A: usize, const PR: usize, const DB: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// Bytes of the line to write, one for each column.
    pub line: [Signal<In, Bits<8>>; C],
    /// The entry that the line belongs to.
    pub write_address: Signal<In, Bits<A>>,
    /// Which line of the entry: 0..7, in this order.
    pub write_line: Signal<In, Bits<3>>,
    /// Whether a line comes.
    pub write_enable: Signal<In, Bit>,
    /// The entry that all columns read; with `DB = 4` any of the four.
    pub read_address: Signal<In, Bits<A>>,
    /// The biases, a cycle later: entry `b` of column `c` at `b*C + c`.
    pub bias: [Signal<Out, Bits<32>>; Q],
    /// `{shift: 8, significand: 24}`, a cycle later.
    pub scale: [Signal<Out, Bits<32>>; Q],
    column: [Collector; C],
    bias_bank: [Ram<32, PR>; Q],
    scale_bank: [Ram<32, PR>; Q],
    whole: Signal<Local, Bit>,
    write_row: Signal<Local, Bits<PR>>,
    read_row: Signal<Local, Bits<PR>>,
    place: Signal<Local, Bits<2>>,
}

impl<const C: usize, const Q: usize, const A: usize, const PR: usize, const DB: usize> Default
    for ParameterMemory<C, Q, A, PR, DB>
{
    fn default() -> Self {
        assert!(Q == C * DB && 1 << A == DB << PR, "{DB} of 2^{A} entries of {C} columns, in {Q} memories of 2^{PR} words");
        Self {
            clock: Default::default(),
            line: from_fn(|_| Default::default()),
            write_address: Default::default(),
            write_line: Default::default(),
            write_enable: Default::default(),
            read_address: Default::default(),
            bias: from_fn(|_| Default::default()),
            scale: from_fn(|_| Default::default()),
            column: from_fn(|_| Default::default()),
            bias_bank: from_fn(|_| Default::default()),
            scale_bank: from_fn(|_| Default::default()),
            whole: Default::default(),
            write_row: Default::default(),
            read_row: Default::default(),
            place: Default::default(),
        }
    }
}

impl<const C: usize, const Q: usize, const A: usize, const PR: usize, const DB: usize> Logic
    for ParameterMemory<C, Q, A, PR, DB>
{
    #[hdl_gen]
    fn update(&mut self) {
        self.whole.next = self.write_enable.val() & self.write_line.val().get_bit(0) & self.write_line.val().get_bit(1);
        self.write_row.next = bit_cast::<PR, A>(self.write_address.val());
        self.read_row.next = bit_cast::<PR, A>(self.read_address.val());
        self.place.next = 0.into();
        // Once if DB is 4, never if it is 1.
        for _four in 3..DB {
            self.write_row.next = self.write_address.val().get_bits::<PR>(2);
            self.read_row.next = self.read_address.val().get_bits::<PR>(2);
            self.place.next = self.write_address.val().get_bits::<2>(0);
        }
        for c in 0..C {
            self.column[c].clock.next = self.clock.val();
            self.column[c].byte.next = self.line[c].val();
            self.column[c].enable.next = self.write_enable.val();
        }
        for b in 0..DB {
            for n in C..(C + 1) {
                for c in 0..C {
                    self.bias_bank[b * n + c].clock.next = self.clock.val();
                    self.bias_bank[b * n + c].write_address.next = self.write_row.val();
                    self.bias_bank[b * n + c].write_data.next = self.column[c].word.val();
                    self.bias_bank[b * n + c].write_enable.next =
                        self.whole.val() & !self.write_line.val().get_bit(2) & (self.place.val() == b.to_bits::<2>());
                    self.bias_bank[b * n + c].read_address.next = self.read_row.val();
                    self.bias[b * n + c].next = self.bias_bank[b * n + c].read_data.val();
                    self.scale_bank[b * n + c].clock.next = self.clock.val();
                    self.scale_bank[b * n + c].write_address.next = self.write_row.val();
                    self.scale_bank[b * n + c].write_data.next = self.column[c].word.val();
                    self.scale_bank[b * n + c].write_enable.next =
                        self.whole.val() & self.write_line.val().get_bit(2) & (self.place.val() == b.to_bits::<2>());
                    self.scale_bank[b * n + c].read_address.next = self.read_row.val();
                    self.scale[b * n + c].next = self.scale_bank[b * n + c].read_data.val();
                }
            }
        }
    }
}

crate::clocked!([const C: usize, const Q: usize, const A: usize, const PR: usize, const DB: usize] ParameterMemory<C, Q, A, PR, DB>);
