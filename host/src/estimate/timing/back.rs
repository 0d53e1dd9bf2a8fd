//! The output side: drain, requantizer, packer, FIFO and stream.
//!
//! A drain reads in every cycle in which there is a credit. A line that is complete takes a credit as it is read, stands in the FIFO a
//! pipeline later, and gives its credit back when the output stream takes it, a line every `b` cycles.

use super::classes::Classes;
use crumb_arch::command::LINES_PER_RAW_ROW;
use crumb_arch::requantizer::LATENCY;
use crumb_arch::timing::FIFO_LINES;
use crumb_arch::{ArrayConfig, Drain};

/// From an issue to the packer's register: raw rows leave the pipe early.
const RAW_TO_PACKER: u64 = 3;
/// The same for requantized values.
const TO_PACKER: u64 = LATENCY as u64 + 3;

/// What is on its way out.
#[derive(Clone, Debug)]
pub struct Back<'a> {
    config: &'a ArrayConfig,
    beats: u64,
    /// The first cycles in which the credits of the last lines are back: the one after the stream took the line.
    credits: [u64; FIFO_LINES],
    /// Where the oldest of them stands.
    oldest: usize,
    /// The cycle in which the stream took the last line.
    popped: Option<u64>,
    /// The first cycle in which no drain is at work, and its half.
    free: u64,
    half: u8,
}

impl<'a> Back<'a> {
    /// An empty output.
    pub fn new(config: &'a ArrayConfig) -> Self {
        Self {
            config,
            beats: config.beats_per_line() as u64,
            credits: [0; FIFO_LINES],
            oldest: 0,
            popped: None,
            free: 0,
            half: 0,
        }
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
        self.popped.map(|pop| pop + self.beats)
    }

    /// Whether this goes on from its cycle `now` as another does from its own, with the halves exchanged if they are to be: what lies before
    /// is past.
    pub fn agrees(&self, now: u64, other: &Back<'_>, then: u64, exchanged: bool) -> bool {
        let same = |a: u64, b: u64| a.saturating_sub(now) == b.saturating_sub(then);
        let credit = |of: &Back<'_>, age: usize| of.credits[(of.oldest + age) % FIFO_LINES];
        same(self.free, other.free)
            && self.half == other.half ^ u8::from(exchanged)
            && same(self.received().unwrap_or(0), other.received().unwrap_or(0))
            && (0..FIFO_LINES).all(|age| same(credit(self, age), credit(other, age)))
    }

    /// The same, so many cycles later, with the halves exchanged if they are to be.
    pub fn shift(&mut self, cycles: u64, exchanged: bool) {
        self.half ^= u8::from(exchanged);
        self.credits.iter_mut().chain(&mut self.popped).chain([&mut self.free]).for_each(|cycle| *cycle += cycles);
    }

    /// The first cycle in which there is a credit.
    const fn credit(&self) -> u64 {
        self.credits[self.oldest]
    }

    /// A line enters the packer's register in this cycle.
    fn line(&mut self, packed: u64, classes: &mut Classes) {
        let in_fifo = packed + 1;
        let pop = self.popped.map_or(in_fifo, |pop| in_fifo.max(pop + self.beats));
        classes.output(packed, pop + self.beats);
        self.popped = Some(pop);
        self.credits[self.oldest] = pop + 1;
        self.oldest = (self.oldest + 1) % FIFO_LINES;
    }

    /// A drain is dispatched in this cycle; the tiles of its half are done from `settled` on.
    pub fn drain(&mut self, drain: &Drain, dispatch: u64, settled: u64, classes: &mut Classes) {
        let reading = settled.max(dispatch + 1) + 1;
        // An issue reads a bank, or all banks of a line; raw rows are read in quarters, a line each.
        let (lanes, step, latency) = drain
            .requantize
            .map_or((1, 1, RAW_TO_PACKER), |format| (format.width.lanes(), self.config.banks_per_issue(format.width), TO_PACKER));
        let banks = usize::from(drain.banks) * if drain.requantize.is_none() { LINES_PER_RAW_ROW } else { 1 };
        let free_rows = self.free_rows(drain.rows.into(), (banks, step, lanes), reading, latency, classes);
        let mut next = reading + free_rows * banks.div_ceil(step) as u64;
        let mut last = reading;
        for _ in free_rows..u64::from(drain.rows) {
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

    /// Rows of a drain that nothing can hold back and whose lines are all gone when its last ones come: they take the cycles that they
    /// have reads, and leave no other trace than lines on their way out.
    ///
    /// Lines come no faster than the stream takes them, so each is taken as it comes; the last [`FIFO_LINES`] lines of credits, and so
    /// all that is remembered of a drain, are those of the rows that remain.
    fn free_rows(
        &self,
        rows: u64,
        (banks, step, lanes): (usize, usize, usize),
        reading: u64,
        latency: u64,
        classes: &mut Classes,
    ) -> u64 {
        let (reads, reads_a_line) = (banks.div_ceil(step), lanes.div_ceil(step));
        let lines = reads.div_ceil(reads_a_line);
        // Between two lines of a row, and between its last two, which the end of the row may bring together.
        let rest = reads - (lines - 1) * reads_a_line;
        let (most, least) = (reads_a_line.min(reads), if lines > 1 { rest } else { reads });
        let rows = rows.saturating_sub(FIFO_LINES.div_ceil(lines) as u64);
        let in_time = self.credits.iter().all(|&credit| credit <= reading)
            && self.popped.is_none_or(|pop| pop + self.beats <= reading + latency + 1)
            && latency + 2 <= FIFO_LINES as u64
            && self.beats <= least as u64
            && most as u64 <= self.beats + 2;
        if rows == 0 || !in_time {
            return 0;
        }
        let (first, last) = (reading + most as u64 - 1 + latency, reading + rows * reads as u64 - 1 + latency);
        classes.output(first, last + 1 + self.beats);
        rows
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
