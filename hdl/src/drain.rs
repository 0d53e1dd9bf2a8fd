//! Drain: reads one half of the accumulators row by row, bank by bank (or the banks of a line at once), and accounts for every line of the output FIFO.
//!
//! ```text
//!  cycle            y              y+1            y+2                ...   y+2+LATENCY
//!  issue, address   row 0, bank 0  row 0, bank 1
//!  memories                        accumulators   word, parameters         (requantizer's value)
//!  token                           pipe[0]        pipe[1]            ...   pipe[LATENCY+1] --> packer
//! ```
//!
//! Latency: words (through `read_stage`) and parameters arrive with `pipe[1]`, requantized values with `pipe[LATENCY + 1]`. Invariant: `credits` is the number of lines
//! that neither the FIFO nor anything on its way there occupies, so the FIFO cannot overflow whatever the output stream does;
//! a drain starts to read only when no tile of its half is pending.

use crate::output_fifo::FIFO_LINES;
use crate::preset::Preset;
use crumb_arch::timing::DRAIN_LATENCY;
use rust_hdl::prelude::*;

pub use token::DrainToken;

mod token {
    #![allow(missing_docs, reason = "the derive makes undocumented accessors for every field")]
    use rust_hdl::prelude::*;

    /// What becomes of the accumulators read in a cycle.
    #[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
    pub struct DrainToken {
        /// Something was read.
        pub valid: Bit,
        /// It completes an output line.
        pub emit: Bit,
        /// It ends the drain.
        pub last: Bit,
        /// Bank that was read, the first of those read at once.
        pub bank: Bits<2>,
        /// Quarter of the row of int32 (raw drains).
        pub quarter: Bits<2>,
    }
}

/// The drain unit; it reads `DB` banks at once, 1 or 4: with 4, those of one output line.
#[derive(LogicBlock, Default)]
pub struct Drain<const DB: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// From the decoder: a drain comes, its fields are in the header words.
    pub dispatch_drain: Signal<In, Bit>,
    /// {rows: 16, parameters: 16}.
    pub word1: Signal<In, Bits<32>>,
    /// {exponent_adjust: 6, width: 2, raw, banks: 2, half, accumulator: 12}.
    pub word2: Signal<In, Bits<32>>,
    /// {hi: 9, lo: 9, zero_point: 9}.
    pub word3: Signal<In, Bits<32>>,
    /// No tile of half 0 is pending.
    pub settled0: Signal<In, Bit>,
    /// No tile of half 1 is pending.
    pub settled1: Signal<In, Bit>,
    /// The decoder sends a line to the packer, using a credit.
    pub respond: Signal<In, Bit>,
    /// The output stream takes a line from the FIFO, giving a credit back.
    pub pop: Signal<In, Bit>,
    /// The packer pushes the last line of a packet.
    pub last_pushed: Signal<In, Bit>,
    /// The register `valid`.
    pub valid_out: Signal<Out, Bit>,
    /// The drain has begun to read: `reading || draining_done`.
    pub started: Signal<Out, Bit>,
    /// `credits != 0`.
    pub credit: Signal<Out, Bit>,
    /// Bank rows of the accumulators that are read in this cycle for the first time.
    pub drain_reads: Signal<Out, Bits<3>>,
    /// The register `half`.
    pub half_out: Signal<Out, Bit>,
    /// The register `bank`.
    pub bank_out: Signal<Out, Bits<2>>,
    /// The register `address`.
    pub address_out: Signal<Out, Bits<12>>,
    /// The register `entry`: the parameter entry of `bank`.
    pub entry_out: Signal<Out, Bits<16>>,
    /// `valid && raw`.
    pub raw_out: Signal<Out, Bit>,
    /// The register `banks`.
    pub banks_out: Signal<Out, Bits<2>>,
    /// The register `width`.
    pub width_out: Signal<Out, Bits<2>>,
    /// The register `exponent_adjust`.
    pub exponent_adjust_out: Signal<Out, Bits<6>>,
    /// The register `zero_point`.
    pub zero_point_out: Signal<Out, Bits<9>>,
    /// The register `lo`.
    pub lo_out: Signal<Out, Bits<9>>,
    /// The register `hi`.
    pub hi_out: Signal<Out, Bits<9>>,
    /// The register `pipe[1]`: its data leaves the read stage.
    pub token_first: Signal<Out, DrainToken>,
    /// The register `pipe[LATENCY + 1]`: its data leaves the requantizers.
    pub token_last: Signal<Out, DrainToken>,
    valid: DFF<Bit>,
    reading: DFF<Bit>,
    draining_done: DFF<Bit>,
    rows_left: DFF<Bits<16>>,
    address: DFF<Bits<12>>,
    bank: DFF<Bits<2>>,
    quarter: DFF<Bits<2>>,
    half: DFF<Bit>,
    raw: DFF<Bit>,
    banks: DFF<Bits<2>>,
    width: DFF<Bits<2>>,
    exponent_adjust: DFF<Bits<6>>,
    zero_point: DFF<Bits<9>>,
    lo: DFF<Bits<9>>,
    hi: DFF<Bits<9>>,
    parameters: DFF<Bits<16>>,
    entry: DFF<Bits<16>>,
    credits: Preset<6, { FIFO_LINES as u64 }>,
    pipe: [DFF<DrainToken>; DRAIN_LATENCY],
    has_credit: Signal<Local, Bit>,
    issue: Signal<Local, Bit>,
    settled: Signal<Local, Bit>,
    last_bank: Signal<Local, Bit>,
    bank_ends: Signal<Local, Bit>,
    last_read: Signal<Local, Bit>,
    final_issue: Signal<Local, Bit>,
    emit: Signal<Local, Bit>,
    first_read: Signal<Local, Bit>,
    spend: Signal<Local, Bit>,
    token: Signal<Local, DrainToken>,
    passed: Signal<Local, DrainToken>,
}

impl<const DB: usize> Logic for Drain<DB> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, valid, reading, draining_done, rows_left, address, bank, quarter, credits);
        dff_setup!(self, clock, half, raw, banks, width, exponent_adjust, zero_point, lo, hi, parameters, entry);

        self.has_credit.next = self.credits.q.val().any();
        self.issue.next = self.reading.q.val() & self.has_credit.val();
        self.settled.next = self.settled0.val();
        if self.half.q.val() {
            self.settled.next = self.settled1.val();
        }
        self.last_bank.next = self.bank.q.val() == self.banks.q.val();
        self.bank_ends.next = !self.raw.q.val() | self.quarter.q.val().all();
        // Once if DB is 4, never if it is 1: pairs of banks at 4 bits, all at 2.
        for _four in 3..DB {
            if self.width.q.val() == 1 {
                self.last_bank.next = self.bank.q.val().get_bit(1) == self.banks.q.val().get_bit(1);
            }
            if self.width.q.val() == 2 {
                self.last_bank.next = true;
            }
        }
        self.last_read.next = (self.rows_left.q.val() == 1) & self.last_bank.val() & self.bank_ends.val();
        self.final_issue.next = self.issue.val() & self.last_read.val();
        // A line is complete with its last lane: every bank at 8 bits, every other one at 4, the fourth at 2.
        self.emit.next = self.last_bank.val();
        if self.raw.q.val() | !self.width.q.val().any() {
            self.emit.next = true;
        }
        if (self.width.q.val() == 1) & self.bank.q.val().get_bit(0) {
            self.emit.next = true;
        }
        if self.bank.q.val().all() {
            self.emit.next = true;
        }
        self.first_read.next = self.issue.val() & !self.quarter.q.val().any();
        self.drain_reads.next = 0.into();
        if self.first_read.val() {
            self.drain_reads.next = 1.into();
        }
        for _four in 3..DB {
            self.emit.next = true;
            if self.first_read.val() & (self.width.q.val() == 1) & (!self.last_bank.val() | self.banks.q.val().get_bit(0)) {
                self.drain_reads.next = 2.into();
            }
            if self.first_read.val() & (self.width.q.val() == 2) {
                self.drain_reads.next = bit_cast::<3, 2>(self.banks.q.val()) + 1;
            }
        }

        if self.valid.q.val() & !self.reading.q.val() & !self.draining_done.q.val() & self.settled.val() {
            self.reading.d.next = true;
        }
        if self.issue.val() {
            if self.raw.q.val() {
                self.quarter.d.next = self.quarter.q.val() + 1;
            }
            if self.bank_ends.val() {
                self.bank.d.next = self.bank.q.val() + 1;
                self.entry.d.next = self.entry.q.val() + 1;
                // At 2 bits the first issue of a row is its last.
                for _four in 3..DB {
                    if self.width.q.val() == 1 {
                        self.bank.d.next = self.bank.q.val() + 2;
                        self.entry.d.next = self.entry.q.val() + 2;
                    }
                }
                if self.last_bank.val() {
                    self.bank.d.next = 0.into();
                    self.entry.d.next = self.parameters.q.val();
                    self.address.d.next = self.address.q.val() + 1;
                    self.rows_left.d.next = self.rows_left.q.val() - 1;
                }
            }
        }
        if self.final_issue.val() {
            self.reading.d.next = false;
            self.draining_done.d.next = true;
        }
        if self.valid.q.val() & self.draining_done.q.val() & self.last_pushed.val() {
            self.valid.d.next = false;
        }
        if self.dispatch_drain.val() {
            self.valid.d.next = true;
            self.reading.d.next = false;
            self.draining_done.d.next = false;
            self.bank.d.next = 0.into();
            self.quarter.d.next = 0.into();
            self.parameters.d.next = self.word1.val().get_bits::<16>(0);
            self.entry.d.next = self.word1.val().get_bits::<16>(0);
            self.rows_left.d.next = self.word1.val().get_bits::<16>(16);
            self.address.d.next = self.word2.val().get_bits::<12>(0);
            self.half.d.next = self.word2.val().get_bit(12);
            self.banks.d.next = self.word2.val().get_bits::<2>(13);
            self.raw.d.next = self.word2.val().get_bit(15);
            self.width.d.next = self.word2.val().get_bits::<2>(16);
            self.exponent_adjust.d.next = self.word2.val().get_bits::<6>(18);
            self.zero_point.d.next = self.word3.val().get_bits::<9>(0);
            self.lo.d.next = self.word3.val().get_bits::<9>(9);
            self.hi.d.next = self.word3.val().get_bits::<9>(18);
        }

        // A drain and a response are never at work together, so one credit at most goes in a cycle.
        self.spend.next = (self.issue.val() & self.emit.val()) | self.respond.val();
        if self.spend.val() & !self.pop.val() {
            self.credits.d.next = self.credits.q.val() - 1;
        }
        if self.pop.val() & !self.spend.val() {
            self.credits.d.next = self.credits.q.val() + 1;
        }

        self.token.next.valid = self.issue.val();
        self.token.next.emit = self.emit.val();
        self.token.next.last = self.last_read.val();
        self.token.next.bank = self.bank.q.val();
        self.token.next.quarter = self.quarter.q.val();
        self.pipe[0].clock.next = self.clock.val();
        self.pipe[0].d.next = self.token.val();
        self.pipe[1].clock.next = self.clock.val();
        self.pipe[1].d.next = self.pipe[0].q.val();
        self.token_first.next = self.pipe[1].q.val();
        self.token_last.next = self.pipe[1].q.val();
        // Raw rows leave at pipe[1]; further on they would be taken for requantized ones once the drain is over.
        self.passed.next = self.pipe[1].q.val();
        self.passed.next.valid = self.pipe[1].q.val().valid & !self.raw.q.val();
        self.pipe[2].clock.next = self.clock.val();
        self.pipe[2].d.next = self.passed.val();
        for i in 3..DRAIN_LATENCY {
            self.pipe[i].clock.next = self.clock.val();
            self.pipe[i].d.next = self.pipe[i - 1].q.val();
            self.token_last.next = self.pipe[i].q.val();
        }

        self.valid_out.next = self.valid.q.val();
        self.started.next = self.reading.q.val() | self.draining_done.q.val();
        self.credit.next = self.has_credit.val();
        self.half_out.next = self.half.q.val();
        self.bank_out.next = self.bank.q.val();
        self.address_out.next = self.address.q.val();
        self.entry_out.next = self.entry.q.val();
        self.raw_out.next = self.valid.q.val() & self.raw.q.val();
        self.banks_out.next = self.banks.q.val();
        self.width_out.next = self.width.q.val();
        self.exponent_adjust_out.next = self.exponent_adjust.q.val();
        self.zero_point_out.next = self.zero_point.q.val();
        self.lo_out.next = self.lo.q.val();
        self.hi_out.next = self.hi.q.val();
    }
}

crate::clocked!([const DB: usize] Drain<DB>);

#[cfg(test)]
mod tests;
