//! Scatters lines into the beats of the output stream.
//!
//! ```text
//! output_fifo --line, last--> [ line shift register ] --beat--> m_axis
//! ```
//! Invariant: once `tvalid` is up, it and the beat stay until `tready`.

use crate::output_fifo::OutputFifo;
use crate::trace::{Visitor, wide};
use crumb_arch::config::ceil_log2;

/// The block's registers.
pub struct StreamOut {
    line: Vec<u8>,
    stream_bytes: usize,
    beats: u32,
    last: bool,
    beat: u32,
    /// A beat is offered.
    pub valid: bool,
}

impl StreamOut {
    /// An empty block for lines of `line_bytes`, sent as beats of `stream_bytes`.
    pub fn new(line_bytes: usize, stream_bytes: usize) -> Self {
        let beats = (line_bytes / stream_bytes) as u32;
        Self { line: vec![0; line_bytes], stream_bytes, beats, last: false, beat: 0, valid: false }
    }

    /// The beat on `tdata`.
    pub fn data(&self) -> &[u8] {
        &self.line[..self.stream_bytes]
    }

    /// `tlast`.
    pub fn last(&self) -> bool {
        self.last && self.beat == self.beats - 1
    }

    /// Whether the next line is taken from the fifo in this cycle.
    pub fn pop(&self, ready: bool, fifo: &OutputFifo) -> bool {
        (!self.valid || (ready && self.beat == self.beats - 1)) && fifo.count() != 0
    }

    /// One clock edge; to be called before the fifo's.
    pub fn clock(&mut self, ready: bool, fifo: &OutputFifo) {
        if self.pop(ready, fifo) {
            let (line, last) = fifo.front();
            self.line.copy_from_slice(line);
            (self.last, self.valid, self.beat) = (last, true, 0);
        } else if self.valid && ready {
            if self.beat == self.beats - 1 {
                self.valid = false;
            } else {
                self.line.copy_within(self.stream_bytes.., 0);
                let at = self.line.len() - self.stream_bytes;
                self.line[at..].fill(0);
                self.beat += 1;
            }
        }
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        v.scope("stream_out");
        wide(v, "line", &self.line);
        v.register("last", 1, self.last.into());
        v.register("valid", 1, self.valid.into());
        v.register("beat", ceil_log2(self.beats as usize).max(1), self.beat.into());
        v.end();
    }
}
