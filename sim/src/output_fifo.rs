//! Lines on their way out: absorbs what is in the requantizer pipeline when the output stream stalls.
//!
//! Never full: the drain spends a credit for each line it starts, and a pop gives it back.

use crate::trace::Visitor;
use crumb_arch::timing::FIFO_LINES;

/// The fifo's memory and pointers.
pub struct OutputFifo {
    memory: Vec<u8>,
    last: [bool; FIFO_LINES],
    line_bytes: usize,
    write: usize,
    read: usize,
    count: usize,
}

impl OutputFifo {
    /// An empty fifo of lines of `line_bytes`.
    pub fn new(line_bytes: usize) -> Self {
        Self { memory: vec![0; line_bytes * FIFO_LINES], last: [false; FIFO_LINES], line_bytes, write: 0, read: 0, count: 0 }
    }

    /// Lines held.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The oldest line and its `last`.
    pub fn front(&self) -> (&[u8], bool) {
        (&self.memory[self.read * self.line_bytes..][..self.line_bytes], self.last[self.read])
    }

    /// One clock edge.
    pub fn clock(&mut self, push: Option<(&[u8], bool)>, pop: bool) {
        if let Some((line, last)) = push {
            self.memory[self.write * self.line_bytes..][..self.line_bytes].copy_from_slice(line);
            self.last[self.write] = last;
            self.write = (self.write + 1) % FIFO_LINES;
            self.count += 1;
        }
        if pop {
            self.read = (self.read + 1) % FIFO_LINES;
            self.count -= 1;
        }
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        v.scope("output_fifo");
        v.register("write", 5, self.write as u64);
        v.register("read", 5, self.read as u64);
        v.register("count", 6, self.count as u64);
        v.end();
    }
}
