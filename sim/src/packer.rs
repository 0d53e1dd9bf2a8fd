//! Makes output lines: requantized bytes packed over the banks of a column, quarters of raw rows, or response words.

use crate::drain::Drain;
use crate::trace::{Visitor, wide};
use crumb_arch::requantizer::LATENCY;

/// The packer's registers.
pub struct Packer {
    line: Vec<u8>,
    cols: usize,
    /// A line is pushed into the output fifo in this cycle.
    pub valid: bool,
    /// It ends its packet.
    pub last: bool,
}

impl Packer {
    /// A packer for lines of `line_bytes` of which `cols` carry results.
    pub fn new(line_bytes: usize, cols: usize) -> Self {
        Self { line: vec![0; line_bytes], cols, valid: false, last: false }
    }

    /// The line that is pushed in this cycle.
    pub fn push(&self) -> Option<(&[u8], bool)> {
        self.valid.then_some((&self.line, self.last))
    }

    /// One clock edge. `response` is a word to send and whether it is the final one; `words` and `values` are the outputs of the
    /// read stage and of the requantizers, one for each column.
    pub fn clock(&mut self, response: Option<(u32, bool)>, drain: &Drain, words: &[i32], values: &[u8]) {
        if let Some((word, last)) = response {
            self.line.fill(0);
            self.line[..4].copy_from_slice(&word.to_le_bytes());
            (self.valid, self.last) = (true, last);
        } else if drain.raw() {
            let token = drain.pipe(1);
            (self.valid, self.last) = (token.valid, token.last);
            self.line.fill(0);
            let first = usize::from(token.quarter) * self.cols;
            for (c, byte) in self.line[..self.cols].iter_mut().enumerate() {
                let at = first + c;
                *byte = words[at / 4].to_le_bytes()[at % 4];
            }
        } else {
            let token = drain.pipe(LATENCY + 1);
            (self.valid, self.last) = (token.valid && token.emit, token.last);
            if token.valid {
                self.pack(token.bank, drain.format().width, values);
            }
        }
    }

    fn pack(&mut self, bank: u8, width: crumb_arch::ActBits, values: &[u8]) {
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
    pub fn visit(&self, v: &mut dyn Visitor) {
        v.scope("packer");
        wide(v, "line", &self.line);
        v.register("valid", 1, self.valid.into());
        v.register("last", 1, self.last.into());
        v.end();
    }
}
