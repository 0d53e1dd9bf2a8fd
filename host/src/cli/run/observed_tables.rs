//! What was observed of a run, for reading.

use super::observed::{Energies, Report, Row};
use crate::cli::table::{Table, thousands};
use crate::energy::{Estimate, PARTS};
use crumb_sim::activity::{Activity, Group};

/// Columns of the table of layers: groups that are counted apart, added up.
const COLUMNS: [(&str, &[Group]); 10] = [
    ("PE act.", &[Group::PeActivations]),
    ("weights", &[Group::PeWeights]),
    ("products", &[Group::PeProducts]),
    ("psums", &[Group::PePsums]),
    ("edges", &[Group::ActivationReads, Group::WeightReads, Group::RowSums, Group::ColumnSums]),
    ("sums", &[Group::Combiners, Group::Accumulators]),
    ("requant.", &[Group::ReadStage, Group::Requantizers]),
    ("streams", &[Group::Streams]),
    ("control", &[Group::PeControl, Group::Control, Group::Counters]),
    ("all", &Group::ALL),
];

fn tenths(value: f64) -> String {
    if value.is_finite() { format!("{value:.1}") } else { "-".into() }
}

/// Everything that was observed.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    if let (Some(window), Some(all)) = (&report.activity_window, report.observed.counted) {
        let cycles = if window == ".." { String::new() } else { format!(", cycles {window} of the machine alone") };
        text += &format!("\ntoggles a cycle{cycles}\n{}\n{}", layers(report), groups(&all));
    }
    if let Some(figures) = &report.energy_figures {
        text += &format!("\nenergy in nJ by {figures}, without external memory\n{}", energies(report));
        if let Some(energies) = &report.observed.energy_pj {
            text += &format!("\n{}", parts(energies));
            text += &super::super::energy::lower_bound(figures, &energies.by_events.missing);
        }
    }
    report.no_energy_by_activity.as_ref().map_or(text.clone(), |why| format!("{text}{why}\n"))
}

fn rows(report: &Report) -> impl Iterator<Item = &Row> {
    report.observed_layers.iter().chain([&report.observed])
}

/// A layer a line.
fn layers(report: &Report) -> Table {
    let header: Vec<&str> = ["layer", "precision", "cycles"].into_iter().chain(COLUMNS.map(|(name, _)| name)).collect();
    let mut table = Table::new(&header);
    for row in rows(report) {
        let Some(activity) = row.counted else { continue };
        let mut cells = vec![row.name.clone(), row.precision.clone(), thousands(activity.cycles)];
        let toggles = |groups: &[Group]| groups.iter().map(|&group| activity[group]).sum::<u64>() as f64;
        cells.extend(COLUMNS.map(|(_, groups)| tenths(toggles(groups) / activity.cycles as f64)));
        table.row(cells);
    }
    table
}

/// A group of registers a line.
fn groups(all: &Activity) -> Table {
    let mut table = Table::new(&["registers", "toggles", "a cycle", "share"]);
    for (group, toggles) in all.iter() {
        let share = 100.0 * toggles as f64 / all.total() as f64;
        let share = if share.is_finite() { format!("{share:.1} %") } else { "-".into() };
        table.row(vec![group.name().into(), thousands(toggles), tenths(toggles as f64 / all.cycles as f64), share]);
    }
    table
}

fn nanojoules(pj: f64) -> String {
    format!("{:.2}", pj / 1000.0)
}

fn cells(events: Option<f64>, activity: Option<f64>) -> [String; 3] {
    let ratio = activity.zip(events).map(|(activity, events)| activity / events).filter(|ratio| ratio.is_finite());
    let found = [events, activity].map(|pj| pj.map_or("-".into(), nanojoules));
    let [events, activity] = found;
    [events, activity, ratio.map_or("-".into(), |ratio| format!("{ratio:.3}"))]
}

/// A layer's energies a line.
fn energies(report: &Report) -> Table {
    let mut table = Table::new(&["layer", "precision", "by events", "by activity", "ratio"]);
    for row in rows(report) {
        let Some(energies) = &row.energy_pj else { continue };
        let found = cells(Some(energies.by_events.total()), energies.by_activity.as_ref().map(Estimate::total));
        table.row([row.name.clone(), row.precision.clone()].into_iter().chain(found).collect());
    }
    table
}

/// Where the energy of all layers went, a part of the machine a line.
fn parts(energies: &Energies) -> Table {
    let (events, activity) = (&energies.by_events, energies.by_activity.as_ref());
    let mut table = Table::new(&["part", "by events", "by activity", "ratio"]);
    let of = activity.map(Estimate::parts);
    // External memory is left out.
    for (part, name) in PARTS.into_iter().enumerate().filter(|(_, name)| *name != "dram") {
        let found = cells(events.parts()[part], of.and_then(|of| of[part]));
        table.row([name.to_owned()].into_iter().chain(found).collect());
    }
    let total = cells(Some(events.total()), activity.map(Estimate::total));
    table.row(["total".to_owned()].into_iter().chain(total).collect());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_is_in_one_column() {
        for group in Group::ALL {
            let (last, columns) = COLUMNS.split_last().unwrap();
            assert_eq!(columns.iter().filter(|(_, groups)| groups.contains(&group)).count(), 1, "{}", group.name());
            assert!(last.1.contains(&group));
        }
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(cells(Some(0.0), Some(0.0)), ["0.00", "0.00", "-"]);
        assert_eq!(cells(Some(2000.0), Some(1000.0)), ["2.00", "1.00", "0.500"]);
        assert_eq!(cells(Some(2000.0), None), ["2.00", "-", "-"]);
        assert_eq!(cells(None, None), ["-"; 3]);
        assert!(groups(&Activity::default()).to_string().contains("pe_psums"));
    }
}
