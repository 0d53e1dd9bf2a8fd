//! The input side: lines gathered from beats, and the decoder's states.
//!
//! A beat comes in every cycle in which it is taken. A line of `b` beats stands ready `b` cycles after the line before it was taken. A
//! command takes its header lines, then Check and Decide take a cycle each, and it waits from the next cycle on until it is dispatched.

use super::classes::{Classes, Doing};
use crumb_arch::ArrayConfig;
use crumb_arch::timing::COMMAND_LATENCY;

/// When the next line comes, and when the decoder takes it.
#[derive(Clone, Debug)]
pub struct Front {
    beats: u64,
    header_lines: u64,
    /// The cycle in which the next line stands ready.
    line: u64,
    /// The first cycle in which the decoder waits for a header.
    ready: u64,
    /// The first cycle of the state Wait.
    waits: u64,
}

impl Front {
    /// The input of an idle machine, from cycle 0 on.
    pub fn new(config: &ArrayConfig) -> Self {
        let beats = config.beats_per_line() as u64;
        Self { beats, header_lines: config.header_lines() as u64, line: beats, ready: 0, waits: 0 }
    }

    /// The first cycle in which the decoder waits for a header: nothing that is given from now on is dispatched before it.
    pub const fn now(&self) -> u64 {
        self.ready
    }

    /// Lines of a header.
    pub const fn header_lines(&self) -> u64 {
        self.header_lines
    }

    /// Whether this goes on from its cycle `now` as another does from its own: what lies before is past.
    pub const fn agrees(&self, now: u64, other: &Self, then: u64) -> bool {
        self.line.saturating_sub(now) == other.line.saturating_sub(then)
    }

    /// The same, so many cycles later.
    pub const fn shift(&mut self, cycles: u64) {
        self.line += cycles;
        self.ready += cycles;
        self.waits += cycles;
    }

    /// Nothing was offered until this cycle.
    pub fn pause_until(&mut self, cycle: u64) {
        self.line = self.line.max(cycle + self.beats);
    }

    /// Takes a header; gives the first cycle of the state Wait.
    pub fn header(&mut self, classes: &mut Classes) -> u64 {
        let first = self.line.max(self.ready);
        let last = first + (self.header_lines - 1) * self.beats;
        classes.decoder(first + 1, Doing::Nothing);
        self.line = last + self.beats;
        self.waits = last + COMMAND_LATENCY as u64;
        classes.decoder(self.waits, Doing::Command);
        self.waits
    }

    /// Dispatches the command in this cycle and takes its payload.
    pub fn dispatch(&mut self, cycle: u64, doing: Doing, payload: u64, classes: &mut Classes) {
        self.ready = cycle + 1;
        if payload > 0 {
            let last = self.line.max(cycle + 1) + (payload - 1) * self.beats;
            self.line = last + self.beats;
            self.ready = last + 1;
        }
        classes.decoder(self.ready, doing);
    }

    /// The decoder has sent an answer, whose last word left in this cycle.
    pub fn responded(&mut self, cycle: u64, classes: &mut Classes) {
        self.ready = cycle + 1;
        classes.decoder(self.ready, Doing::Command);
    }
}
