//! The energy of a run from what really toggled: where an event's energy follows data, its picojoules are spread over the register toggles
//! that came with it when it was measured, and each toggle of the run costs as much.
//!
//! ```text
//!   by events:    busy cycles x PEs x pj                      the same for all data
//!   by activity:  toggles of the run x (pj / toggles)         zeros, and words like those before, cost less
//! ```
//!
//! Memories, streams, clock and leakage do not follow registers: they are as [`estimate`] has them. Registers stand for the gates between
//! them; how well they do is measured, see `docs/energy.md`.

use super::EnergyError;
use super::estimate::{Work, estimate};
use super::model::Model;
use super::parts::Estimate;
use super::vocabulary::Event;
use crumb_arch::{ArrayConfig, Counter};
use crumb_sim::activity::Activity;

/// What a machine did in one mode, and what toggled meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// The work.
    pub work: Work,
    /// Toggles in all of its cycles.
    pub activity: Activity,
}

/// The energy of observed work on a machine, in pJ.
///
/// # Errors
/// If the model does not say at what activity its figures hold, and as [`estimate`].
pub fn by_activity(model: &Model, config: &ArrayConfig, observed: &[Observed]) -> Result<Estimate, EnergyError> {
    let mut sum = Estimate::default();
    for Observed { work, activity } in observed {
        let mut found = estimate(model, config, std::slice::from_ref(work))?;
        let follow = |events: &[(Event, f64)]| follow(model, work, activity, events);
        let cols = config.cols as f64;
        let values = cols * work.counters[Counter::DrainReads] as f64;
        let passing = cols * config.drain_banks as f64 * work.counters[Counter::Busy] as f64;
        found.array = Some(follow(&[(Event::PeCycle, 1.0)])? + follow(&[(Event::PeWeight, 1.0)])?);
        let edges = [Event::SwitchWord, Event::RowSumCycle, Event::ColumnSumWord];
        found.edges = Some(edges.into_iter().map(|event| follow(&[(event, 1.0)])).sum::<Result<f64, _>>()?);
        found.sums = Some(follow(&[(Event::CombineCycle, 1.0)])? + follow(&[(Event::AccumulateCycle, 1.0)])?);
        // Two events toggle the same registers, which do not tell whose toggle one was: it costs what it does on average.
        found.requantizers = Some(follow(&[(Event::RequantizeValue, values), (Event::RequantizerCycle, passing)])?);
        sum += &found;
    }
    Ok(sum)
}

/// What the toggles of some events' registers cost; `events` are those of one group, each with how often it happened.
fn follow(model: &Model, work: &Work, activity: &Activity, events: &[(Event, f64)]) -> Result<f64, EnergyError> {
    let groups = events.first().map_or(&[][..], |(event, _)| event.groups());
    let toggled: u64 = groups.iter().map(|&group| activity[group]).sum();
    let (mut pj, mut toggles) = (0.0, 0.0);
    for &(event, count) in events {
        let missing = || EnergyError::Activity { model: model.name.clone(), event: event.name() };
        let cost = model.event.get(&event).ok_or_else(missing)?;
        let expected = cost.toggles_at(work.mode).ok_or_else(missing)?;
        pj += count * cost.at(work.mode).unwrap_or(0.0);
        toggles += count * expected;
    }
    // Where none of the events happened, what still toggles is the tail of those before, and counted there.
    Ok(if toggles > 0.0 { pj / toggles * toggled as f64 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Mode;
    use crumb_arch::Counters;
    use crumb_sim::activity::Group;
    use std::collections::BTreeMap;
    use std::path::Path;

    /// The measured figures, with as many toggles an event as its place in the list of events, and one.
    fn model() -> Model {
        let mut model = Model::parse(include_str!("../../../energy/osu018.toml"), Path::new("x")).unwrap();
        for (i, event) in Event::ALL.into_iter().enumerate().filter(|(_, event)| !event.groups().is_empty()) {
            let cost = model.event.get_mut(&event).unwrap();
            cost.toggles = cost.pj.keys().map(|key| (key.clone(), (i + 1) as f64)).collect::<BTreeMap<_, _>>();
        }
        model
    }

    fn work() -> Work {
        let mut counters = Counters::default();
        for (counter, count) in [(Counter::Cycles, 10), (Counter::Busy, 8), (Counter::Tiles, 2), (Counter::DrainReads, 3)] {
            counters[counter] = count;
        }
        Work { mode: Mode::all().nth(4).unwrap(), counters, dram_bits: 100 }
    }

    #[test]
    fn the_activity_that_was_measured_costs_what_its_events_cost_and_half_of_it_half() {
        let (model, config) = (model(), ArrayConfig::named("tiny").unwrap());
        // 4 x 4 PEs, 8 busy cycles, 2 tiles of 8 words, 3 values a column.
        let groups = [
            (Group::PeProducts, 16 * 8),
            (Group::PeControl, 16 * 16 * 2),
            (Group::WeightReads, 4 * 16 * 3),
            (Group::RowSums, 4 * 8 * 4),
            (Group::ColumnSums, 4 * 16 * 5),
            (Group::Combiners, 4 * 8 * 6),
            (Group::Accumulators, 4 * 8 * 7),
            (Group::Requantizers, 4 * (3 * 8 + 8 * 9)),
        ];
        let observed = |parts: u64| {
            let mut activity = Activity::default();
            groups.into_iter().for_each(|(group, toggles)| activity[group] = toggles / parts);
            by_activity(&model, &config, &[Observed { work: work(), activity }]).unwrap()
        };
        let events = estimate(&model, &config, &[work()]).unwrap();
        let (whole, half, idle) = (observed(1), observed(2), observed(u64::MAX));
        let near =
            |found: f64, expected: f64| assert!((found - expected).abs() <= 1e-12 * expected, "{found}, expected {expected}");
        for of in [|e: &Estimate| e.array, |e: &Estimate| e.edges, |e: &Estimate| e.sums, |e: &Estimate| e.requantizers] {
            let events = of(&events).unwrap();
            assert!(events > 0.0);
            near(of(&whole).unwrap(), events);
            near(of(&half).unwrap(), events / 2.0);
            near(of(&idle).unwrap(), 0.0);
        }
        for of in [Estimate::memories, |e: &Estimate| e.streams, |e: &Estimate| e.dram, |e: &Estimate| e.clock] {
            assert_eq!(of(&idle), of(&events));
        }
    }

    #[test]
    fn figures_without_toggles_are_refused() {
        let config = ArrayConfig::named("tiny").unwrap();
        let mut model = model();
        model.event.get_mut(&Event::CombineCycle).unwrap().toggles.clear();
        let observed = [Observed { work: work(), activity: Activity::default() }];
        let error = by_activity(&model, &config, &observed).unwrap_err().to_string();
        assert!(error.starts_with("energy figures osu018: combine_cycle has no toggles, so activity is missing"), "{error}");
        assert_eq!(by_activity(&model, &config, &[]).unwrap(), Estimate::default());
    }

    #[test]
    fn every_event_that_follows_data_has_registers_of_its_own() {
        let mut seen = BTreeMap::new();
        for event in Event::ALL {
            for &group in event.groups() {
                let other = seen.insert(group, event);
                assert!(other.is_none_or(|other| (other, event) == (Event::RequantizeValue, Event::RequantizerCycle)));
            }
            assert_eq!(serde_json::to_value(event).unwrap(), event.name());
        }
    }
}
