//! Packer: puts requantized values, raw accumulators and responses into lines.
//!
//! ```text
//!  respond:        line <= word
//!  raw:            line byte c <= byte quarter*C + c of the C int32 of a row        (with pipe[1])
//!  requantized:    line byte c <= byte c | value[c] << bits*lane                    (with pipe[LATENCY + 1]; lane 0 clears)
//!                  8 bits: lanes {0}   4 bits: {1, 0}   2 bits: {3, 2, 1, 0}         low channel in the low bits
//! ```
//!
//! A drain that reads four banks at once has four words and values for each column, and the lanes of a byte form a chain:
//! bank `b` adds to what bank `b - 1` made, and the byte is that of the last bank of the line.
//!
//! Latency: one cycle; `valid` for one cycle, in which the FIFO takes the line. Invariant: bytes from C upward are 0.

use crate::bytes::Join;
use crate::drain::DrainToken;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// The value of one column in its lane of a byte.
#[derive(LogicBlock, Default)]
pub struct Lane {
    /// The requantized value.
    pub value: Signal<In, Bits<8>>,
    /// What the byte holds already: 0 for the first lane.
    pub held: Signal<In, Bits<8>>,
    /// Output width: 0, 1, 2 for 8, 4, 2 bits.
    pub width: Signal<In, Bits<2>>,
    /// Bank that the value comes from.
    pub bank: Signal<In, Bits<2>>,
    /// The byte with the value in place.
    pub byte: Signal<Out, Bits<8>>,
    nibble: Signal<Local, Bits<8>>,
    crumb: Signal<Local, Bits<8>>,
}

impl Logic for Lane {
    #[hdl_gen]
    fn update(&mut self) {
        self.nibble.next = self.value.val() & 0x0F;
        self.crumb.next = self.value.val() & 0x03;
        self.byte.next = self.value.val();
        if self.width.val() == 1 {
            if self.bank.val().get_bit(0) {
                self.byte.next = self.held.val() | (self.nibble.val() << 4);
            } else {
                self.byte.next = self.nibble.val();
            }
        }
        if self.width.val() == 2 {
            if self.bank.val() == 0 {
                self.byte.next = self.crumb.val();
            } else if self.bank.val() == 1 {
                self.byte.next = self.held.val() | (self.crumb.val() << 2);
            } else if self.bank.val() == 2 {
                self.byte.next = self.held.val() | (self.crumb.val() << 4);
            } else {
                self.byte.next = self.held.val() | (self.crumb.val() << 6);
            }
        }
    }
}

/// Byte `quarter*C + c` of `C` little-endian int32, for every `c`: wires and a multiplexer of four.
#[derive(LogicBlock)]
pub struct Quarter<const C: usize> {
    /// One int32 for each column.
    pub word: [Signal<In, Bits<32>>; C],
    /// Which quarter of them.
    pub index: Signal<In, Bits<2>>,
    /// Its bytes.
    pub bytes: [Signal<Out, Bits<8>>; C],
}

impl<const C: usize> Default for Quarter<C> {
    fn default() -> Self {
        assert!(C.is_multiple_of(4), "{C} columns: an int32 would stand in two quarters");
        Self { word: from_fn(|_| Default::default()), index: Default::default(), bytes: from_fn(|_| Default::default()) }
    }
}

impl<const C: usize> Logic for Quarter<C> {
    fn update(&mut self) {
        let first = self.index.val().index() * C / 4;
        for (c, byte) in self.bytes.iter_mut().enumerate() {
            byte.next = u64::from(self.word[first + c / 4].val().to_u32() >> (8 * (c % 4)) & 0xFF).into();
        }
    }

    fn connect(&mut self) {
        self.bytes.iter_mut().for_each(Logic::connect);
    }

    fn hdl(&self) -> Verilog {
        let mut code = "always @(*) begin\n    case (index)\n".to_owned();
        for quarter in 0..4 {
            let label = if quarter == 3 { "default".to_owned() } else { format!("2'd{quarter}") };
            code += &format!("    {label}: begin\n");
            for c in 0..C {
                let (column, low) = (quarter * C / 4 + c / 4, 8 * (c % 4));
                code += &format!("        bytes${c} = word${column}[{}:{low}];\n", low + 7);
            }
            code += "    end\n";
        }
        Verilog::Custom(code + "    endcase\nend")
    }
}

/// The packer: `C` columns, `DB` banks at once (1 or 4), `Q = C*DB`, `L` line bits, `LB = L/8` line bytes.
#[derive(LogicBlock)]
pub struct Packer<const C: usize, const Q: usize, const DB: usize, const L: usize, const LB: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// The decoder sends a word.
    pub respond: Signal<In, Bit>,
    /// That word.
    pub respond_word: Signal<In, Bits<32>>,
    /// It is the last one of the response.
    pub respond_last: Signal<In, Bit>,
    /// A raw drain is at work.
    pub raw: Signal<In, Bit>,
    /// Banks of each row of the drain, less one.
    pub banks: Signal<In, Bits<2>>,
    /// Output width of a drain that requantizes.
    pub width: Signal<In, Bits<2>>,
    /// The drain's `pipe[1]`.
    pub token_first: Signal<In, DrainToken>,
    /// The accumulators' words, with `token_first`: bank `b` of column `c` at `b*C + c`.
    pub word: [Signal<In, Bits<32>>; Q],
    /// The drain's `pipe[LATENCY + 1]`.
    pub token_last: Signal<In, DrainToken>,
    /// The requantizers' values, with `token_last`, in the same order.
    pub value: [Signal<In, Bits<8>>; Q],
    /// The register `line`.
    pub line_out: Signal<Out, Bits<L>>,
    /// The register `valid`.
    pub valid_out: Signal<Out, Bit>,
    /// The register `last`.
    pub last_out: Signal<Out, Bit>,
    line: DFF<Bits<L>>,
    valid: DFF<Bit>,
    last: DFF<Bit>,
    held: crate::bytes::Split<L, LB>,
    lane: [Lane; Q],
    quarter: Quarter<C>,
    gather: Join<L, LB>,
    first: Signal<Local, DrainToken>,
    requantized: Signal<Local, DrainToken>,
    line_bank: Signal<Local, Bits<2>>,
    joins: [Signal<Local, Bit>; 4],
}

impl<const C: usize, const Q: usize, const DB: usize, const L: usize, const LB: usize> Default for Packer<C, Q, DB, L, LB> {
    fn default() -> Self {
        assert!(Q == C * DB && (DB == 1 || DB == 4), "{DB} banks of {C} columns are not {Q} values");
        assert!(C <= LB, "{C} columns do not fit a line of {LB} bytes");
        Self {
            clock: Default::default(),
            respond: Default::default(),
            respond_word: Default::default(),
            respond_last: Default::default(),
            raw: Default::default(),
            banks: Default::default(),
            width: Default::default(),
            token_first: Default::default(),
            word: from_fn(|_| Default::default()),
            token_last: Default::default(),
            value: from_fn(|_| Default::default()),
            line_out: Default::default(),
            valid_out: Default::default(),
            last_out: Default::default(),
            line: Default::default(),
            valid: Default::default(),
            last: Default::default(),
            held: Default::default(),
            lane: from_fn(|_| Default::default()),
            quarter: Default::default(),
            gather: Default::default(),
            first: Default::default(),
            requantized: Default::default(),
            line_bank: Default::default(),
            joins: Default::default(),
        }
    }
}

impl<const C: usize, const Q: usize, const DB: usize, const L: usize, const LB: usize> Logic for Packer<C, Q, DB, L, LB> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, line, valid, last);
        self.first.next = self.token_first.val();
        self.requantized.next = self.token_last.val();
        self.held.line.next = self.line.q.val();
        self.quarter.index.next = self.first.val().quarter;
        for b in 0..LB {
            self.gather.bytes[b].next = 0.into();
        }
        for c in 0..C {
            self.quarter.word[c].next = self.word[c].val();
            self.lane[c].value.next = self.value[c].val();
            self.lane[c].held.next = self.held.bytes[c].val();
            self.lane[c].width.next = self.width.val();
            self.lane[c].bank.next = self.requantized.val().bank;
            self.gather.bytes[c].next = self.lane[c].byte.val();
            if self.raw.val() {
                self.gather.bytes[c].next = self.quarter.bytes[c].val();
            }
        }
        // The banks that share the token's line: itself at 8 bits, its pair at 4, all at 2, as far as the drain reads them.
        self.line_bank.next = self.requantized.val().bank;
        for b in 0..4 {
            self.joins[b].next = false;
        }
        for _four in 3..DB {
            for b in 0..4 {
                self.joins[b].next = self.line_bank.val() == b.to_bits::<2>();
            }
            if self.width.val() == 1 {
                self.joins[1].next = !self.line_bank.val().get_bit(1);
                self.joins[3].next = self.line_bank.val().get_bit(1);
            }
            if self.width.val() == 2 {
                for b in 0..4 {
                    self.joins[b].next = true;
                }
            }
            if self.raw.val() {
                self.joins[0].next = false;
            }
            for b in 1..4 {
                if self.raw.val() | (self.banks.val() < b.to_bits::<2>()) {
                    self.joins[b].next = false;
                }
            }
        }
        for b in 1..DB {
            for n in C..(C + 1) {
                for c in 0..C {
                    if self.first.val().bank == b.to_bits::<2>() {
                        self.quarter.word[c].next = self.word[b * n + c].val();
                    }
                    self.lane[b * n + c].value.next = self.value[b * n + c].val();
                    self.lane[b * n + c].held.next = self.lane[b * n + c - n].byte.val();
                    self.lane[b * n + c].width.next = self.width.val();
                    self.lane[b * n + c].bank.next = b.to_bits::<2>();
                    if self.joins[b].val() {
                        self.gather.bytes[c].next = self.lane[b * n + c].byte.val();
                    }
                }
            }
        }

        self.valid.d.next = false;
        if self.raw.val() {
            self.valid.d.next = self.first.val().valid;
            self.last.d.next = self.first.val().last;
            self.line.d.next = self.gather.line.val();
        } else {
            self.valid.d.next = self.requantized.val().valid & self.requantized.val().emit;
            self.last.d.next = self.requantized.val().last;
            if self.requantized.val().valid {
                self.line.d.next = self.gather.line.val();
            }
        }
        if self.respond.val() {
            self.line.d.next = bit_cast::<L, 32>(self.respond_word.val());
            self.valid.d.next = true;
            self.last.d.next = self.respond_last.val();
        }
        self.line_out.next = self.line.q.val();
        self.valid_out.next = self.valid.q.val();
        self.last_out.next = self.last.q.val();
    }
}

crate::clocked!([const C: usize, const Q: usize, const DB: usize, const L: usize, const LB: usize] Packer<C, Q, DB, L, LB>);

#[cfg(test)]
mod tests;
