//! Makes output lines: requantized bytes packed over the banks of a column, quarters of raw rows, or response words.
//!
//! Words and values come from one bank, that of the token, or from all four (`drain_banks = 4`), bank `b` of column `c` at `b * cols + c`.

use crate::drain::Drain;
use crate::trace::{Visitor, wide};
use crumb_arch::requantizer::LATENCY;
use crumb_arch::{ActBits, ArrayConfig};

/// The packer's registers.
pub struct Packer {
    line: Vec<u8>,
    cols: usize,
    /// Banks that come at once.
    drain_banks: usize,
    /// A line is pushed into the output fifo in this cycle.
    pub valid: bool,
    /// It ends its packet.
    pub last: bool,
}

impl Packer {
    /// A packer for the lines of a machine, of which the first `cols` bytes carry results.
    pub fn new(config: &ArrayConfig) -> Self {
        let line = vec![0; config.line_bytes()];
        Self { line, cols: config.cols, drain_banks: config.drain_banks, valid: false, last: false }
    }

    /// The line that is pushed in this cycle.
    pub fn push(&self) -> Option<(&[u8], bool)> {
        self.valid.then_some((&self.line, self.last))
    }

    /// One clock edge. `response` is a word to send and whether it is the final one; `words` and `values` are the outputs of the
    /// read stage and of the requantizers.
    pub fn clock(&mut self, response: Option<(u32, bool)>, drain: &Drain, words: &[i32], values: &[u8]) {
        if let Some((word, last)) = response {
            self.line.fill(0);
            self.line[..4].copy_from_slice(&word.to_le_bytes());
            (self.valid, self.last) = (true, last);
        } else if drain.raw() {
            let token = drain.pipe(1);
            (self.valid, self.last) = (token.valid, token.last);
            self.line.fill(0);
            let bank = if self.drain_banks > 1 { usize::from(token.bank) } else { 0 };
            let words = &words[bank * self.cols..][..self.cols];
            let first = usize::from(token.quarter) * self.cols;
            for (c, byte) in self.line[..self.cols].iter_mut().enumerate() {
                let at = first + c;
                *byte = words[at / 4].to_le_bytes()[at % 4];
            }
        } else {
            let token = drain.pipe(LATENCY + 1);
            (self.valid, self.last) = (token.valid && token.emit, token.last);
            if token.valid {
                self.pack(token.bank, drain, values);
            }
        }
    }

    /// Puts the banks from `bank` on that come at once, and that the drain reads, into their places of the line.
    fn pack(&mut self, bank: u8, drain: &Drain, values: &[u8]) {
        let width = drain.format().width;
        if self.drain_banks == 1 {
            return self.place(bank, width, values);
        }
        let together = (width.lanes() as u8).min(drain.banks() - bank);
        for (b, values) in (0..).zip(values.chunks_exact(self.cols)).skip(bank.into()).take(together.into()) {
            self.place(b, width, values);
        }
    }

    fn place(&mut self, bank: u8, width: ActBits, values: &[u8]) {
        let position = u32::from(bank) % width.lanes() as u32;
        let mask = u8::MAX >> (8 - width.bits());
        if position == 0 {
            self.line.fill(0);
        }
        for (byte, value) in self.line.iter_mut().zip(values) {
            *byte |= (value & mask) << (position * width.bits());
        }
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        v.scope("packer");
        wide(v, "line", &self.line);
        v.register("valid", 1, self.valid.into());
        v.register("last", 1, self.last.into());
        v.end();
    }
}
