//! Periods: a walk that is in the state in which it was before, but for where it is, does again what it did in between.
//!
//! The state is that of the machine ([`Timing::agrees`]) and of the schedule's picture of it ([`Backlog::agrees`]), in cycles relative to
//! now. What else decides is the place: which commands and loads are next. Between two equal states the tiles given and the loads given
//! are counted, and the period is repeated as long as all tiles and all loads of the repetition are like those of the first, the fences of
//! loads included, and comparisons between places (may this load be given, must it?) come out as they did.
//!
//! Periods are found as Brent does (BIT 20, 1980): a state is kept each time their number doubles, and those behind it are compared with it.

use super::plan::Ring;
use super::{Cursor, Walk};
use crate::estimate::timing::Timing;
use crate::gemm::Backlog;
use crate::gemm::schedule::{LEAD, WINDOW};
use crumb_arch::command::MAX_FENCE_TILES;

/// A state, and where it was.
#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    timing: Timing<'a>,
    backlog: Backlog,
    visit: u64,
    tile: u64,
    parameters: bool,
    given: u64,
    load: Cursor,
}

/// The state that those to come are compared with.
#[derive(Clone, Debug)]
pub struct Watch<'a> {
    kept: Option<Snapshot<'a>>,
    states: u64,
    /// States before the first that is kept.
    interval: u64,
}

impl<'a> Watch<'a> {
    /// None yet; the first is kept after so many.
    pub const fn new(interval: u64) -> Self {
        Self { kept: None, states: 0, interval }
    }

    /// Begins anew.
    pub fn forget(&mut self) {
        (self.kept, self.states) = (None, 0);
    }

    /// Looks at a state; if it agrees with the one that is kept, repeats what was done since, by `repeat`, which says whether it did.
    pub fn look<'w>(
        &mut self,
        walk: &mut Walk<'w>,
        timing: &mut Timing<'a>,
        repeat: impl Fn(&mut Walk<'w>, &Snapshot<'a>, &mut Timing<'a>) -> bool,
    ) {
        self.states += 1;
        if let Some(kept) = &self.kept {
            let swapped = (walk.visit - kept.visit) % 2 == 1;
            let agrees = kept.parameters == walk.parameters
                && walk.backlog.agrees(&kept.backlog, swapped)
                && timing.agrees(&kept.timing, swapped);
            if agrees && repeat(walk, kept, timing) {
                self.forget();
                return;
            }
        }
        if self.states.is_multiple_of(self.interval) && (self.states / self.interval).is_power_of_two() {
            self.kept = Some(Snapshot {
                timing: timing.clone(),
                backlog: walk.backlog.clone(),
                visit: walk.visit,
                tile: walk.tile,
                parameters: walk.parameters,
                given: walk.given,
                load: walk.load,
            });
        }
    }
}

/// The largest number up to `most` for which all is well, or one that is nearly as large.
fn largest(most: u64, fits: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    low
}

impl Walk<'_> {
    /// Repeats the tiles since a state of the same visit, if any repetition fits.
    pub fn repeat_tiles(&mut self, since: &Snapshot<'_>, timing: &mut Timing<'_>) -> bool {
        let (tiles, computes) = (self.tile - since.tile, self.given - since.given);
        // Before the first tiles have met every pass, some begin sums and others add to them.
        if tiles == 0 || !tiles.is_multiple_of(self.plan.period) || since.tile < self.plan.period {
            return false;
        }
        let most = (self.plan.whole_tiles - self.tile) / tiles;
        let times = if since.load == self.load {
            largest(most, |times| self.stands(since.load, since.given, self.given + times * computes))
        } else {
            largest(most, |times| self.tiles_fit(since, times))
        };
        if times > 0 {
            timing.repeat(times, &since.timing, false);
            self.backlog.repeat(times, &since.backlog, false);
            self.tile += times * tiles;
            self.given += times * computes;
            let tile = self.load.tile + times * (self.load.tile - since.load.tile);
            self.seek(Cursor { tile, ..self.load });
        }
        times > 0
    }

    /// Whether a load that was not given between `from` and `to` computes given is kept back for one reason all the time.
    fn stands(&self, load: Cursor, from: u64, to: u64) -> bool {
        if load.visit == self.plan.visits {
            return true;
        }
        let start = self.plan.start(load.visit);
        if start >= to + WINDOW as u64 {
            return true;
        }
        let user = self.frees(load).map(|(_, user)| user);
        let free = user.is_none_or(|user| user + LEAD < from);
        let never_free = user.is_some_and(|user| user + LEAD >= to);
        start < from + WINDOW as u64 && (free || never_free) && self.needed(load) > to
    }

    /// Whether the loads since a state of the same visit, so many times more, are all alike.
    fn tiles_fit(&self, since: &Snapshot<'_>, times: u64) -> bool {
        let (first, next) = (since.load, self.load);
        if (first.visit, first.activations) != (next.visit, next.activations) || next.visit == self.plan.visits {
            return false;
        }
        let (tiles, computes) = (next.tile - first.tile, self.given - since.given);
        let profile = self.plan.profile(next.visit);
        let last = next.tile + times * tiles;
        let same_passes = tiles.is_multiple_of(self.plan.period);
        let whole_chunks = !profile.activations || tiles.is_multiple_of(self.plan.activations.tiles);
        let visible = self.plan.start(first.visit) < since.given + WINDOW as u64;
        if last >= self.plan.whole_tiles || !same_passes || !whole_chunks || !visible {
            return false;
        }
        // As fast as the tiles, loads keep their distance. Otherwise none may be one that a tile waits for.
        let steps = self.plan.computes(&profile, tiles);
        let ahead = |period: u64| self.needed(first) + period * steps > since.given + (period + 1) * computes;
        let keeps_distance = steps == computes;
        if !(keeps_distance || ahead(0) && ahead(times)) {
            return false;
        }
        let rings = [self.plan.weights.as_ref().filter(|_| profile.weights)];
        let rings = rings.into_iter().flatten().chain(profile.activations.then_some(&self.plan.activations));
        rings.into_iter().all(|ring| {
            let number = |tile: u64| self.plan.load(ring, next.visit, tile / ring.tiles);
            let ends = [number(first.tile), number(last) + 1];
            self.fences_stay(ring, ends, since) || {
                let [from, to] = ends.map(|load| self.plan.overwritten(ring, load));
                let same_visit = |(from, to): ((u64, u64), (u64, u64))| {
                    from.0 == to.0 && self.plan.computes(&self.plan.profile(from.0), tiles) == computes
                };
                keeps_distance && from.zip(to).is_some_and(same_visit)
            }
        })
    }

    /// Whether loads of these numbers overwrite nothing, or only what was read so long ago that their fences say no more.
    fn fences_stay(&self, ring: &Ring, [from, to]: [u64; 2], since: &Snapshot<'_>) -> bool {
        match (self.plan.overwritten(ring, from), self.plan.overwritten(ring, to)) {
            (_, None) => true,
            (Some(_), Some((_, user))) => user + 1 + u64::from(MAX_FENCE_TILES) <= since.given,
            (None, Some(_)) => false,
        }
    }

    /// Repeats the visits since a state at the end of another, if any repetition fits. Visits take the halves of the accumulators in turn.
    pub fn repeat_visits(&mut self, since: &Snapshot<'_>, timing: &mut Timing<'_>) -> bool {
        let (visits, computes) = (self.visit - since.visit, self.given - since.given);
        if visits == 0 {
            return false;
        }
        let stands = since.load == self.load;
        let moved = Cursor { visit: since.load.visit + visits, ..since.load };
        if !stands && (moved != self.load || self.load.visit == self.plan.visits) {
            return false;
        }
        // The last visit that a repetition looks at, now: the one that it ends with, or the one that waits to be loaded.
        let last = if stands { self.visit - 1 } else { self.load.visit.max(self.visit - 1) };
        let alike = |visit: &u64| self.plan.profile(*visit) == self.plan.profile(visit - visits);
        let alike_until = (since.visit + visits..self.plan.visits).take_while(alike).last();
        let most = alike_until.and_then(|end| end.checked_sub(last)).unwrap_or(0) / visits;
        let times = if stands {
            largest(most, |times| self.stands(since.load, since.given, self.given + times * computes))
        } else {
            largest(most, |times| self.visits_fit(since, times))
        };
        if times > 0 {
            timing.repeat(times, &since.timing, visits % 2 == 1);
            self.backlog.repeat(times, &since.backlog, visits % 2 == 1);
            self.visit += times * visits;
            self.given += times * computes;
            let visit = self.load.visit + times * (self.load.visit - since.load.visit);
            self.seek(Cursor { visit, ..self.load });
            self.profile = self.plan.profile(self.visit);
            self.parameters = self.profile.parameters;
        }
        times > 0
    }

    /// Whether the fences of the loads since a state at the end of another visit, so many times more, are all alike.
    fn visits_fit(&self, since: &Snapshot<'_>, times: u64) -> bool {
        let visits = self.visit - since.visit;
        let last = self.load.visit + times * visits;
        let loads = |of: fn(&super::plan::Profile) -> bool| (since.load.visit..=last).any(|visit| of(&self.plan.profile(visit)));
        let rings = [
            self.plan.weights.as_ref().filter(|_| loads(|profile| profile.weights)),
            Some(&self.plan.activations).filter(|_| loads(|profile| profile.activations)),
        ];
        rings.into_iter().flatten().all(|ring| {
            let ends = [self.plan.load(ring, since.load.visit, 0), self.plan.load(ring, last, 0) + ring.units - 1];
            self.fences_stay(ring, ends, since) || {
                let passes = |visit: u64| self.plan.profile(visit).passes;
                let earlier = self.plan.overwritten(ring, ends[0]).map(|(visit, _)| visit);
                self.plan.returns(ring, visits)
                    && earlier.is_some_and(|visit| (visit..since.visit).all(|visit| passes(visit) == passes(visit + visits)))
            }
        })
    }
}
