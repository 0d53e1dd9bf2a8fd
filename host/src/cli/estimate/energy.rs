//! The energy of an estimate, for reading: a table of where it goes, and what the energy file does not have.

use super::report::Heading;
use crate::cli::energy::lower_bound;
use crate::cli::table::Table;
use crate::energy::{Estimate, PARTS};

/// Microjoules, or nothing where there is no figure.
fn microjoules(pj: Option<f64>) -> String {
    pj.map_or_else(|| "-".into(), |pj| format!("{:.4}", pj / 1e6))
}

/// The parts as columns.
fn header(first: [&str; 2]) -> Table {
    let parts = PARTS.map(|part| part.replace('_', " "));
    Table::new(&first.into_iter().chain(parts.iter().map(String::as_str)).chain(["total"]).collect::<Vec<_>>())
}

/// A table of energies in microjoules, a row for each name; nothing if there are none.
pub fn table<'a>(
    heading: &Heading,
    columns: [&str; 2],
    rows: impl IntoIterator<Item = ([String; 2], Option<&'a Estimate>)>,
) -> String {
    let Some(energy) = &heading.energy else { return String::new() };
    let mut table = header(columns);
    let mut missing = std::collections::BTreeSet::new();
    for (first, estimate) in rows {
        let Some(estimate) = estimate else { continue };
        let parts = estimate.parts().map(microjoules);
        table.row(first.into_iter().chain(parts).chain([microjoules(Some(estimate.total()))]).collect());
        missing.extend(&estimate.missing);
    }
    let note = lower_bound(&energy.table, &missing);
    format!("\nenergy, uJ, by '{}' ({}), leakage at {} MHz\n\n{table}{note}", energy.table, energy.technology(), energy.megahertz)
}
