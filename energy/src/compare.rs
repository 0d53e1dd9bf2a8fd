//! Whether energy follows toggles: a PE's gates on data of more and fewer zeros, beside what an energy file says of them.

use crate::blocks::Place;
use crate::energies::{Measured, Sampled, one};
use crate::error::EnergyError;
use crate::library::Library;
use crate::model::Model;
use crate::subject::Subject;
use crate::vocabulary::Event;
use crate::workload::{Data, Mode, run};
use crate::zeros::of_network;
use crumb_arch::ArrayConfig;
use std::fmt::Write;

/// Data of the comparison; the energy file is of the first, and must meet it.
const DATA: [Data; 4] = [Data::Digits, Data::Pruned(50), Data::Pruned(75), Data::Uniform];

/// A PE on some data in one mode.
pub struct Line {
    /// What its gates took.
    pub measured: Measured,
    /// Share of weights that are zero; none of random data.
    pub zeros: Option<f64>,
    /// A busy cycle, weights on their way aside.
    pub cycle: Compared,
    /// A weight word on its way.
    pub weight: Compared,
}

/// An event's energy in pJ.
pub struct Compared {
    /// Register toggles that came with it.
    pub toggles: f64,
    /// Of the gates.
    pub measured: f64,
    /// The energy file's, whatever the data.
    pub by_events: f64,
    /// The energy file's, times the toggles here over the toggles there.
    pub by_activity: f64,
}

impl Compared {
    fn new(model: &Model, event: Event, mode: Mode, toggles: f64, measured: f64) -> Result<Self, EnergyError> {
        let missing = || crumb::energy::EnergyError::Activity { model: model.name.clone(), event: event.name() };
        let cost = model.event.get(&event).ok_or_else(missing)?;
        let by_events = cost.at(mode).ok_or_else(missing)?;
        let by_activity = by_events * toggles / cost.toggles_at(mode).ok_or_else(missing)?;
        Ok(Self { toggles, measured, by_events, by_activity })
    }

    /// How much more than was measured an estimate says, in percent.
    fn error(&self, estimate: f64) -> f64 {
        100.0 * (estimate / self.measured - 1.0)
    }
}

/// Compares a PE on all data where both operands have one width, and tells `done` of each run.
///
/// # Errors
/// If a run fails, gates differ from the machine, or the energy file does not say at what activity its figures hold.
pub fn pe(
    subject: &Subject,
    config: &ArrayConfig,
    library: &Library,
    model: &Model,
    mut done: impl FnMut(&str),
) -> Result<Vec<Line>, EnergyError> {
    let places = Place::sample(config);
    let paths = Sampled::paths(&[subject.block], &places);
    let mut lines = Vec::new();
    for mode in Mode::all().filter(|mode| mode.act.bits() == mode.weight.bits()) {
        for data in DATA {
            let run = run(config, data, mode, &paths)?;
            let m = one(subject, library, &run, data, mode, &places)?;
            let bad = |what| EnergyError::Workload { name: run.name.clone(), what };
            let zeros = (data != Data::Uniform).then(|| of_network(data, mode.weight)).transpose().map_err(bad)?;
            let cycle = Compared::new(model, Event::PeCycle, mode, m.toggles_without_asides(), m.without_asides())?;
            let weight = Compared::new(model, Event::PeWeight, mode, m.aside_toggles, m.aside)?;
            lines.push(Line { measured: m, zeros, cycle, weight });
            done(&run.name);
        }
    }
    Ok(lines)
}

/// The comparison as a table.
pub fn text(lines: &[Line]) -> String {
    let mut text = String::from(
        "                   zeros |  pJ per PE and busy cycle, weights on their way aside  |       pJ per weight word on its way\n\
         weights      mode   %    | toggles  gates  by events  error %  by activity  error % | toggles  gates  by activity  error %\n",
    );
    for Line { measured, zeros, cycle, weight } in lines {
        let zeros = zeros.map_or("-".to_owned(), |share| format!("{:.1}", 100.0 * share));
        let _ = writeln!(
            text,
            "{:12} {:5} {zeros:>5} | {:>7.1} {:>6.2} {:>10.2} {:>+8.1} {:>12.2} {:>+8.1} | {:>7.2} {:>6.2} {:>12.2} {:>+8.1}",
            measured.data.name(),
            measured.mode.to_string(),
            cycle.toggles,
            cycle.measured,
            cycle.by_events,
            cycle.error(cycle.by_events),
            cycle.by_activity,
            cycle.error(cycle.by_activity),
            weight.toggles,
            weight.measured,
            weight.by_activity,
            weight.error(weight.by_activity),
        );
    }
    text
}
