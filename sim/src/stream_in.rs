//! Gathers the beats of the input stream into lines.
//!
//! ```text
//! s_axis --beat--> [ line shift register ] --line, last, ragged--> decoder
//! ```
//! Latency: one cycle after a line's final beat. Invariant: `tready` depends on registers alone.

use crate::trace::{Visitor, wide};
use crumb_arch::config::ceil_log2;

/// The block's registers.
pub struct StreamIn {
    line: Vec<u8>,
    stream_bytes: usize,
    beats: u32,
    beat: u32,
    /// A whole line stands in `line`.
    pub valid: bool,
    /// The line ended with `last`.
    pub last: bool,
    /// `last` came before the line was full.
    pub ragged: bool,
}

impl StreamIn {
    /// An empty block for lines of `line_bytes`, gathered from beats of `stream_bytes`.
    pub fn new(line_bytes: usize, stream_bytes: usize) -> Self {
        let beats = (line_bytes / stream_bytes) as u32;
        Self { line: vec![0; line_bytes], stream_bytes, beats, beat: 0, valid: false, last: false, ragged: false }
    }

    /// The line, valid when `valid`.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// Whether a beat offered in this cycle is taken.
    pub fn ready(&self, line_ready: bool) -> bool {
        !self.valid || line_ready
    }

    /// Whether nothing stands here, not even part of a line.
    pub fn is_empty(&self) -> bool {
        !self.valid && self.beat == 0
    }

    /// One clock edge; `beat` is the offered beat and its `last`.
    pub fn clock(&mut self, offered: Option<(&[u8], bool)>, line_ready: bool) {
        let accepted = offered.filter(|_| self.ready(line_ready));
        self.valid = self.valid && !line_ready;
        let Some((data, last)) = accepted else { return };
        self.line.copy_within(self.stream_bytes.., 0);
        let at = self.line.len() - self.stream_bytes;
        self.line[at..].copy_from_slice(data);
        let full = self.beat == self.beats - 1;
        if last || full {
            (self.valid, self.last, self.ragged, self.beat) = (true, last, last && !full, 0);
        } else {
            self.beat += 1;
        }
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        v.scope("stream_in");
        wide(v, "line", &self.line);
        v.register("beat", ceil_log2(self.beats as usize).max(1), self.beat.into());
        v.register("valid", 1, self.valid.into());
        v.register("last", 1, self.last.into());
        v.register("ragged", 1, self.ragged.into());
        v.end();
    }
}
