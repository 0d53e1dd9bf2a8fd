//! The output side: drain, requantizer, packer, FIFO and stream.
//!
//! A drain reads in every cycle in which there is a credit. A line that is complete takes a credit as it is read, stands in the FIFO a
//! pipeline later, and gives its credit back when the output stream takes it, a line every `b` cycles.

use super::classes::Classes;
use crumb_arch::command::LINES_PER_RAW_ROW;
use crumb_arch::requantizer::LATENCY;
use crumb_arch::timing::FIFO_LINES;
use crumb_arch::{ArrayConfig, Drain};
use std::collections::VecDeque;

/// From an issue to the packer's register: raw rows leave the pipe early.
const RAW_TO_PACKER: u64 = 3;
/// The same for requantized values.
const TO_PACKER: u64 = LATENCY as u64 + 3;

/// What is on its way out.
pub struct Back<'a> {
    config: &'a ArrayConfig,
    beats: u64,
    /// The cycles in which the last lines are taken by the stream: a line's credit is back in the next.
    pops: VecDeque<u64>,
    /// The first cycle in which no drain is at work, and its half.
    free: u64,
    half: u8,
}

impl<'a> Back<'a> {
    /// An empty output.
    pub fn new(config: &'a ArrayConfig) -> Self {
        Self { config, beats: config.beats_per_line() as u64, pops: VecDeque::new(), free: 0, half: 0 }
    }

    /// The first cycle in which no drain is at work.
    pub const fn free(&self) -> u64 {
        self.free
    }

    /// The first cycle in which no drain of this half is at work.
    pub const fn half_free(&self, half: u8) -> u64 {
        if self.half == half { self.free } else { 0 }
    }

    /// The cycle in which the last beat is received.
    pub fn received(&self) -> Option<u64> {
        self.pops.back().map(|pop| pop + self.beats)
    }

    /// The first cycle in which there is a credit.
    fn credit(&self) -> u64 {
        self.pops.len().checked_sub(FIFO_LINES).and_then(|index| self.pops.get(index)).map_or(0, |pop| pop + 1)
    }

    /// A line enters the packer's register in this cycle.
    fn line(&mut self, packed: u64, classes: &mut Classes) {
        let in_fifo = packed + 1;
        let pop = self.pops.back().map_or(in_fifo, |pop| in_fifo.max(pop + self.beats));
        classes.output(packed, pop + self.beats);
        self.pops.push_back(pop);
        if self.pops.len() > FIFO_LINES {
            self.pops.pop_front();
        }
    }

    /// A drain is dispatched in this cycle; the tiles of its half are done from `settled` on.
    pub fn drain(&mut self, drain: &Drain, dispatch: u64, settled: u64, classes: &mut Classes) {
        let reading = settled.max(dispatch + 1) + 1;
        // An issue reads a bank, or all banks of a line; raw rows are read in quarters, a line each.
        let (lanes, step, latency) = drain
            .requantize
            .map_or((1, 1, RAW_TO_PACKER), |format| (format.width.lanes(), self.config.banks_per_issue(format.width), TO_PACKER));
        let banks = usize::from(drain.banks) * if drain.requantize.is_none() { LINES_PER_RAW_ROW } else { 1 };
        let mut next = reading;
        let mut last = reading;
        for _ in 0..drain.rows {
            for bank in (0..banks).step_by(step) {
                let issue = next.max(self.credit());
                classes.no_credit(next, issue);
                let end = bank + step;
                if end.is_multiple_of(lanes) || end >= banks {
                    self.line(issue + latency, classes);
                }
                (last, next) = (issue, issue + 1);
            }
        }
        classes.no_credit(next, self.credit());
        let end = last + latency;
        (self.half, self.free) = (drain.half, end + 1);
        classes.drain(dispatch + 1, reading, end + 1, drain.half);
    }

    /// The decoder sends so many words from this cycle on; gives the cycle of the last.
    pub fn respond(&mut self, cycle: u64, words: u64, classes: &mut Classes) -> u64 {
        let mut next = cycle;
        for _ in 0..words {
            let sent = next.max(self.credit());
            classes.no_credit(next, sent);
            self.line(sent + 1, classes);
            next = sent + 1;
        }
        classes.no_credit(next, self.credit());
        next - 1
    }
}
