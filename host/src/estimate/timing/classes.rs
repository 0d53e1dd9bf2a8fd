//! Every cycle belongs to one counter: what the array was doing, or what it waited for.
//!
//! Tiles cover most cycles. The gaps between them are cut wherever the decoder, the drain, the tiles on their way or the output change
//! what they do, and each piece is judged as the machine judges a cycle.

use crumb_arch::{Counter, Counters};
use std::collections::VecDeque;

/// What the decoder does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It waits between commands.
    Nothing,
    /// It reads or judges a header, or answers.
    Command,
    /// It waits with a load, or receives its payload; the counter of that wait.
    Load(Counter),
    /// It waits with a tile for this half.
    WaitsForHalf(u8),
    /// It waits with a drain.
    WaitsForDrain,
}

impl Doing {
    /// The same with the other half, if halves are exchanged.
    fn exchanged(self, exchanged: bool) -> Self {
        match self {
            Self::WaitsForHalf(half) => Self::WaitsForHalf(half ^ u8::from(exchanged)),
            other => other,
        }
    }
}

/// Cycles `from ..  to`, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span<T> {
    from: u64,
    to: u64,
    what: T,
}

/// Spans in order that do not overlap.
#[derive(Clone, Debug)]
struct Spans<T>(VecDeque<Span<T>>);

impl<T> Default for Spans<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Copy> Spans<T> {
    /// Forgets what ends before a cycle; gives what it lies in, and the next cycle in which that changes.
    fn at(&mut self, cycle: u64) -> (Option<T>, u64) {
        while self.0.front().is_some_and(|span| span.to <= cycle) {
            self.0.pop_front();
        }
        match self.0.front() {
            Some(span) if span.from <= cycle => (Some(span.what), span.to),
            Some(span) => (None, span.from),
            None => (None, u64::MAX),
        }
    }
}

impl<T: Copy + PartialEq> Spans<T> {
    /// What is left of them from a cycle on.
    fn from(&self, open: u64) -> impl Iterator<Item = Span<T>> {
        self.0.iter().filter(move |span| span.to > open).map(move |span| Span { from: span.from.max(open), ..*span })
    }

    /// Whether these are, from a cycle on, what others are from another cycle on; `later` gives what would be the same so much later.
    fn agree(&self, open: u64, other: &Self, then: u64, later: impl Fn(T) -> T) -> bool {
        let by = open.wrapping_sub(then);
        let moved =
            |span: Span<T>| Span { from: span.from.wrapping_add(by), to: span.to.wrapping_add(by), what: later(span.what) };
        self.from(open).eq(other.from(then).map(moved))
    }

    fn shift(&mut self, cycles: u64) {
        for span in &mut self.0 {
            span.from += cycles;
            span.to += cycles;
        }
    }
}

impl Spans<()> {
    /// Adds cycles `from .. to`, of which some may be there already.
    fn join(&mut self, from: u64, to: u64) {
        match self.0.back_mut() {
            Some(last) if last.to >= from => last.to = last.to.max(to),
            _ if from < to => self.0.push_back(Span { from, to, what: () }),
            _ => {}
        }
    }
}

/// A drain at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AtWork {
    half: u8,
    /// The first cycle in which it reads.
    reading: u64,
}

/// Adds so many times what was counted since `since`.
pub fn repeat(counts: &mut Counters, times: u64, since: &Counters) {
    counts.0.iter_mut().zip(since.0).for_each(|(count, before)| *count += times * (*count - before));
}

/// The cycles that are not yet counted, and those that are.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    /// The first cycle that no tile covers yet.
    covered: u64,
    /// Gaps between tiles that are not yet counted.
    gaps: VecDeque<(u64, u64)>,
    decoder: Spans<Doing>,
    /// The first cycle of which the decoder's state is not known.
    decoder_known: u64,
    drains: Spans<AtWork>,
    pending: Spans<()>,
    output: Spans<()>,
    no_credit: Spans<()>,
    counts: Counters,
}

impl Classes {
    /// The decoder has been doing this up to a cycle.
    pub fn decoder(&mut self, until: u64, what: Doing) {
        let from = self.decoder_known;
        if until > from {
            self.decoder_known = until;
            if until > self.open() {
                self.decoder.0.push_back(Span { from, to: until, what });
            }
        }
    }

    /// The first cycle that is neither counted nor covered by a tile: what was before it does not matter any more.
    fn open(&self) -> u64 {
        self.gaps.front().map_or(self.covered, |gap| gap.0)
    }

    /// Whether every cycle that is still open, from `now` on as seen from here, will be counted as those of another from `then` on, with the
    /// halves exchanged if they are to be.
    pub fn agrees(&self, now: u64, other: &Self, then: u64, exchanged: bool) -> bool {
        let by = now.wrapping_sub(then);
        let (open, other_open) = (self.open(), other.open());
        self.covered == other.covered.wrapping_add(by)
            && self.decoder_known == other.decoder_known.wrapping_add(by)
            && self.gaps.len() == other.gaps.len()
            && self.gaps.iter().zip(&other.gaps).all(|(a, b)| *a == (b.0.wrapping_add(by), b.1.wrapping_add(by)))
            && self.decoder.agree(open, &other.decoder, other_open, |doing| doing.exchanged(exchanged))
            && self.drains.agree(open, &other.drains, other_open, |drain| AtWork {
                half: drain.half ^ u8::from(exchanged),
                reading: drain.reading.wrapping_add(by),
            })
            && self.pending.agree(open, &other.pending, other_open, |()| ())
            && self.output.agree(open, &other.output, other_open, |()| ())
            && self.no_credit.agree(open, &other.no_credit, other_open, |()| ())
    }

    /// The same, so many cycles later, with the halves exchanged if they are to be, and with so many times what was counted since `since`.
    pub fn shift(&mut self, cycles: u64, exchanged: bool, times: u64, since: &Self) {
        self.covered += cycles;
        self.decoder_known += cycles;
        for (from, to) in &mut self.gaps {
            *from += cycles;
            *to += cycles;
        }
        self.decoder.shift(cycles);
        self.drains.shift(cycles);
        for span in &mut self.drains.0 {
            span.what.reading += cycles;
            span.what.half ^= u8::from(exchanged);
        }
        self.decoder.0.iter_mut().for_each(|span| span.what = span.what.exchanged(exchanged));
        self.pending.shift(cycles);
        self.output.shift(cycles);
        self.no_credit.shift(cycles);
        repeat(&mut self.counts, times, &since.counts);
    }

    /// A tile is taken and started in these cycles, and busy for so many after that.
    pub fn tile(&mut self, taken: u64, started: u64, rows: u64) {
        while let Some(&(from, to)) = self.gaps.front().filter(|gap| gap.1 <= self.decoder_known) {
            self.gaps.pop_front();
            self.count_gap(from, to);
        }
        if taken + 1 > self.covered {
            self.gaps.push_back((self.covered, taken + 1));
            self.covered = taken + 1;
        }
        self.counts[Counter::StallWeights] += (started + 1).saturating_sub(self.covered);
        self.counts[Counter::Busy] += rows;
        self.covered = self.covered.max(started + 1) + rows;
    }

    /// A tile is on its way in cycles `from ..= last`.
    pub fn pending(&mut self, from: u64, last: u64) {
        if last >= self.open() {
            self.pending.join(from, last + 1);
        }
    }

    /// A drain is at work in cycles `from .. to`, and reads from `reading` on.
    pub fn drain(&mut self, from: u64, reading: u64, to: u64, half: u8) {
        if to > self.open() {
            self.drains.0.push_back(Span { from, to, what: AtWork { half, reading } });
        }
    }

    /// A line is on its way out in cycles `from ..= last`.
    pub fn output(&mut self, from: u64, last: u64) {
        if last >= self.open() {
            self.output.join(from, last + 1);
        }
    }

    /// There is no credit in cycles `from .. to`.
    pub fn no_credit(&mut self, from: u64, to: u64) {
        if from < to && to > self.open() {
            self.no_credit.join(from, to);
        }
    }

    /// Counts every cycle before this one, adds the counts to `counters`, and begins anew.
    pub fn count_until(&mut self, cycle: u64, counters: &mut Counters) {
        self.decoder(cycle, Doing::Nothing);
        while let Some((from, to)) = self.gaps.pop_front() {
            self.count_gap(from, to);
        }
        self.count_gap(self.covered, cycle);
        self.covered = self.covered.max(cycle);
        let mut counts = std::mem::take(&mut self.counts);
        counts[Counter::Cycles] = counts.accounted_cycles();
        counters.0.iter_mut().zip(counts.0).for_each(|(sum, value)| *sum += value);
    }

    /// Leaves out every cycle before this one.
    pub fn skip_until(&mut self, cycle: u64) {
        self.covered = self.covered.max(cycle);
    }

    fn count_gap(&mut self, from: u64, to: u64) {
        let mut cycle = from;
        while cycle < to {
            let (doing, decoder) = self.decoder.at(cycle);
            let (drain, drains) = self.drains.at(cycle);
            let (pending, pendings) = self.pending.at(cycle);
            let (output, outputs) = self.output.at(cycle);
            let (no_credit, credits) = self.no_credit.at(cycle);
            let reads = drain.filter(|drain| cycle < drain.reading).map_or(u64::MAX, |drain| drain.reading);
            let next = [to, decoder, drains, pendings, outputs, credits, reads].into_iter().fold(u64::MAX, u64::min);
            let of_drain = if no_credit.is_some() { Counter::StallOutput } else { Counter::StallAccumulators };
            let doing = doing.unwrap_or(Doing::Nothing);
            let class = match doing {
                Doing::WaitsForHalf(half) if drain.is_some_and(|drain| drain.half == half) => of_drain,
                Doing::WaitsForDrain if drain.is_some() => of_drain,
                Doing::Load(counter) => counter,
                _ if drain.is_some_and(|drain| cycle >= drain.reading) => of_drain,
                _ if doing != Doing::Nothing || pending.is_some() || drain.is_some() => Counter::StallCommands,
                _ if output.is_some() => Counter::StallOutput,
                _ => Counter::Idle,
            };
            self.counts[class] += next - cycle;
            cycle = next;
        }
    }
}
