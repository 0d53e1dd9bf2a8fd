//! Charts of where energy goes: at each precision, and layer by layer at one.

use super::chart::scale::number;
use super::chart::{Bar, Bars, Layout, Row};
use super::unit::Unit;
use super::{Estimated, Report};
use crate::energy::{Estimate, PARTS};
use maud::Markup;

/// Rows of energies; `from` leaves out the first parts.
fn breakdown(id: &str, title: &str, about: &str, energies: &[(&str, Option<&Estimate>)], from: usize) -> Markup {
    let totals = energies
        .iter()
        .filter_map(|(_, energy)| Some(energy.as_ref()?.parts().into_iter().skip(from).flatten().sum::<f64>() / 1e6));
    let unit = Unit::of(totals);
    let known = |part: &usize| energies.iter().any(|(_, energy)| energy.is_some_and(|energy| energy.parts()[*part].is_some()));
    let shown: Vec<usize> = (from..PARTS.len()).filter(known).collect();
    let row = |&(name, energy): &(&str, Option<&Estimate>)| {
        let parts = energy.map(Estimate::parts).unwrap_or_default();
        let bar = |&part: &usize| {
            let value = parts[part].map(|pj| unit.amount(pj / 1e6));
            let text = value.map_or_else(|| "not known".into(), |value| format!("{} {}", number(value), unit.name));
            Bar { value, class: part, title: format!("{name}, {}: {text}", PARTS[part].replace('_', " ")) }
        };
        Row { label: name.to_owned(), bars: shown.iter().map(bar).collect(), note: None }
    };
    Bars {
        id,
        title,
        about: &format!("{} {about}", unit.name),
        legend: shown.iter().map(|&part| (part, PARTS[part].replace('_', " "))).collect(),
        layout: Layout::Stacked,
        unit: "",
        end: None,
        reference: None,
        rows: energies.iter().map(row).collect(),
    }
    .draw()
}

/// Each precision's energy.
fn totals(report: &Report) -> Vec<(&str, Option<&Estimate>)> {
    let estimates = report.estimates.iter();
    estimates.map(|Estimated { precision, estimate }| (precision.as_str(), estimate.total.energy.as_ref())).collect()
}

/// All energy of each precision.
pub fn all(report: &Report) -> Markup {
    let about = format!("by '{}', external memory included", report.energy_table);
    breakdown("energy", "Where energy goes", &about, &totals(report), 0)
}

/// The same without external memory, which hides the rest.
pub fn on_chip(report: &Report) -> Markup {
    let about = format!("by '{}', without external memory", report.energy_table);
    breakdown("energy-on-chip", "Where energy goes on the chip", &about, &totals(report), 1)
}

/// All energy of each layer.
pub fn by_layer(report: &Report, shown: &Estimated) -> Markup {
    let layers = shown.estimate.layers.iter().map(|layer| (layer.name.as_str(), layer.cost.energy.as_ref()));
    let about = format!("at {} by '{}', external memory included", shown.precision, report.energy_table);
    breakdown("energy-by-layer", "Energy of each layer", &about, &layers.collect::<Vec<_>>(), 0)
}
