//! The page: one HTML file without scripts, which loads nothing, in the colours that the reader prefers.

use super::chart::scale::{number, quantity};
use super::columns::{Bound, COLUMNS, Cell, Column};
use super::metrics::{ALL_EIGHT, Kind, Metrics};
use super::unit::Unit;
use super::{Estimated, Report, baseline, energy, layers, sections};
use crate::cli::table::thousands;
use crate::estimate::network::LayerEstimate;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Colours, light and dark, and sizes.
const STYLE: &str = include_str!("style.css");
/// Nothing is loaded and nothing runs, whatever names a model has.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
/// Layers of a table that stands open.
const OPEN: usize = 24;

/// The page of a report.
pub fn html(report: &Report) -> String {
    let title = format!("{} on {}", report.network, report.config);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " - Crumb" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p class="brand" { "Crumb" }
                    h1 { (title) }
                    p class="machine" { (machine(report)) }
                }
                main {
                    (highlights(report))
                    section { h2 { "Side by side" } (metrics(report)) (refusals(report)) }
                    section { h2 { "By precision" } div class="charts" {
                        (sections::gains(report)) (sections::ends(report)) (energy::all(report)) (energy::on_chip(report))
                    } }
                    @if let Some(front) = &report.front {
                        section { h2 { "Plans" } div class="charts" { @for chart in sections::front(front) { (chart) } } }
                    }
                    @if let Some(shown) = report.shown() { (by_layer(report, shown)) }
                    (notes(report))
                }
            }
        }
    }
    .into_string()
}

fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let dram = report.dram_bytes_per_cycle.map_or_else(String::new, |bytes| format!(", DRAM of {} bytes a cycle", number(bytes)));
    format!(
        "{} x {} PEs, streams of {} bits{dram}, {} MHz, energy by {}",
        machine.rows, machine.cols, machine.stream_bits, report.clock_mhz, report.energy_table
    )
}

/// The largest of a figure among the machine's own rows, and whose it is.
fn best(report: &Report, of: impl Fn(&Metrics) -> Option<f64>) -> Option<(f64, &Metrics)> {
    let own = report.metrics.iter().filter(|row| row.kind != Kind::Baseline);
    own.filter_map(|row| Some((of(row)?, row))).max_by(|a, b| a.0.total_cmp(&b.0))
}

fn highlights(report: &Report) -> Markup {
    let cards = [
        ("fewer cycles than a8w8", "\u{d7}", Bound::Ratio, best(report, |row| row.speedup)),
        ("less energy than a8w8", "\u{d7}", Bound::Ratio, best(report, |row| row.energy_gain)),
        ("operations a second", "OPS", Bound::Upper, best(report, |row| row.tops.map(|tops| 1e12 * tops))),
        ("external memory included", "OPS/W", Bound::Upper, best(report, |row| row.tops_per_watt.map(|tops| 1e12 * tops))),
        ("of images right, at best", "%", Bound::Exact, best(report, |row| row.accuracy.map(|share| 100.0 * share))),
    ];
    html! {
        ul class="cards" {
            @for (what, unit, bound, found) in cards {
                @if let Some((value, row)) = found {
                    li { b { (sign(bound, !row.is_bound())) (quantity(value, unit)) } span { (what) } em { (row.name) } }
                }
            }
        }
    }
}

/// What stands before a figure, if cycles are not exact.
const fn sign(bound: Bound, exact: bool) -> &'static str {
    if exact { "" } else { bound.sign() }
}

/// A cell with a sign before its figure; energies in a unit.
fn cell(cell: Cell, sign: &str, unit: Unit) -> Markup {
    match cell {
        Cell::Text(text) => html! { td class="text" { (text) } },
        Cell::Count(value) => html! { td { (sign) (thousands(value)) } },
        Cell::Large(value) => html! { td title=(thousands(value)) { (sign) (number(value as f64)) } },
        Cell::Number(value) => html! { td { (sign) (number(value)) } },
        Cell::Energy(value) => html! { td { (sign) (number(unit.amount(value))) } },
        Cell::Share(value) => html! { td { (sign) (format!("{:.1} %", 100.0 * value)) } },
        Cell::Missing => html! { td class="missing" title="not known" { "-" } },
    }
}

/// Columns that the page has: those with a heading, and something in some row.
fn shown_columns(report: &Report) -> Vec<&'static Column> {
    let filled = |column: &Column| report.metrics.iter().any(|row| (column.of)(row) != Cell::Missing);
    COLUMNS.iter().filter(|column| !column.heading.is_empty() && filled(column)).collect()
}

fn metrics(report: &Report) -> Markup {
    let columns = shown_columns(report);
    let unit = Unit::of(report.metrics.iter().filter_map(|row| row.energy_uj));
    let heading = |column: &Column| match column.key {
        "energy_uj" => format!("{}, {}", column.heading, unit.name),
        _ => column.heading.to_owned(),
    };
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Metrics of each precision" {
            table id="metrics" {
                thead { tr { @for column in &columns { th scope="col" title=(column.meaning) { (heading(column)) } } } }
                tbody {
                    @for row in &report.metrics {
                        tr class=(if row.kind == Kind::Baseline || row.name == ALL_EIGHT { "baseline" } else { "own" }) {
                            th scope="row" { (row.name) }
                            @for column in columns.iter().skip(1) { (cell((column.of)(row), sign(column.bound, !row.is_bound()), unit)) }
                        }
                    }
                }
            }
        }
    }
}

fn refusals(report: &Report) -> Markup {
    html! { @for refused in &report.refused { p class="note" { b { (refused.precision) } ": " (refused.refused) } } }
}

fn by_layer(report: &Report, shown: &Estimated) -> Markup {
    html! {
        section {
            h2 { "Layer by layer: " (shown.precision) }
            div class="charts" {
                (layers::roofline(report, shown)) (layers::utilisation(shown))
                @if let Some(chart) = layers::plan(shown) { (chart) }
                (layers::stalls(shown)) (energy::by_layer(report, shown))
            }
            details open[shown.estimate.layers.len() <= OPEN] {
                summary { "Figures of " (shown.estimate.layers.len()) " layers" }
                (layer_table(shown))
            }
        }
    }
}

fn layer_table(shown: &Estimated) -> Markup {
    let all = shown.estimate.total.cycles.max(1) as f64;
    let microjoules = |layer: &LayerEstimate| layer.cost.energy.as_ref().map(|energy| energy.total() / 1e6);
    let unit = Unit::of(shown.estimate.layers.iter().filter_map(microjoules));
    let energy = format!("energy, {}", unit.name);
    let heads = [
        "layer",
        "M x K x N",
        "precision",
        "weights",
        "MACs",
        "cycles",
        "share",
        "utilisation",
        "bound",
        "MACs/byte",
        energy.as_str(),
    ];
    let size = |layer: &LayerEstimate| {
        let times = if layer.groups == 1 { String::new() } else { format!(" ({} times)", thousands(layer.groups)) };
        format!("{} x {} x {}{times}", layer.m, layer.k, layer.n)
    };
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Figures of each layer" {
            table id="layers" {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody {
                    @for layer in &shown.estimate.layers {
                        @let roofline = &layer.cost.roofline;
                        @let exact = layer.cost.exact;
                        tr {
                            th scope="row" { (layer.name) }
                            td class="text" { (size(layer)) }
                            td class="text" { (layer.precision) }
                            td class="text" { (layer.weights.name()) }
                            (cell(Cell::Count(layer.cost.macs), "", unit))
                            (cell(Cell::Count(layer.cost.cycles), sign(Bound::Lower, exact), unit))
                            (cell(Cell::Share(layer.cost.cycles as f64 / all), sign(Bound::Ratio, exact), unit))
                            (cell(Cell::Share(roofline.utilisation), sign(Bound::Upper, exact), unit))
                            td class="text" { (roofline.bound.name()) }
                            (cell(Cell::Number(roofline.macs_per_byte), "", unit))
                            (cell(microjoules(layer).map_or(Cell::Missing, Cell::Energy), sign(Bound::Lower, exact), unit))
                        }
                    }
                }
            }
        }
    }
}

fn notes(report: &Report) -> Markup {
    let missing = report.metrics.iter().find(|row| row.energy_table == report.energy_table && !row.energy_missing.is_empty());
    html! {
        section {
            h2 { "What the figures are" }
            ul class="notes" {
                @if report.metrics.iter().any(Metrics::is_bound) {
                    li {
                        "Counters and traffic are those of " code { "crumb estimate" } ", and so the simulator's, counter by counter, with a DRAM \
                        that never holds the streams back. This DRAM may: cycles, times and energies are no less than the figures with >=, \
                        TOPS, TOPS/W and utilisation no more than those with <=; a figure with ~ compares such figures."
                    }
                } @else {
                    li { "Cycles, counters and traffic are those of " code { "crumb estimate" } ", and so the simulator's, counter by counter." }
                }
                @if let Some(note) = &report.note { li { b { (report.network) } ": " (note) } }
                li { b { (report.energy_table) } ": " (report.energy_about) }
                @if let Some(row) = missing {
                    li { "Without a figure in " b { (report.energy_table) } ", and so in no sum: " (row.energy_missing.join(", ")) ". Energies are lower bounds, TOPS/W upper bounds." }
                }
                @if report.metrics.iter().any(|row| row.name == baseline::FP16) {
                    li {
                        b { "fp16" } ": the multiply-accumulates and the traffic of a8w8 with operands twice as wide, 1.5 pJ for each \
                        multiply-accumulate (Horowitz, ISSCC 2014, 45 nm). No such machine is simulated, so it has no cycles."
                    }
                }
                @if let Some(on) = &report.accuracy_on { li { "Accuracy is measured on " (on) ", by the reference, bit for bit what the machine computes." } }
                li { "An operation is half a multiply-accumulate, at whatever width." }
            }
        }
    }
}
