//! What runs cost, for reading. What a machine without a clock does not count is `-`.

use crate::benchmark::RunReport;
use crate::cli::table::{Table, thousands};

const fn yes(exact: bool) -> &'static str {
    if exact { "yes" } else { "NO" }
}

fn count(value: Option<u64>) -> String {
    value.map_or("-".into(), thousands)
}

fn tenths(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.1}"))
}

fn percent(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{:.1} %", 100.0 * value))
}

/// Whether the weights stayed in the machine, as far as it counts what it receives.
pub fn weights_phrase(reports: &[RunReport]) -> Option<&'static str> {
    let received: Option<Vec<u64>> = reports.iter().map(|report| report.weight_bytes_received).collect();
    let stayed = received?.iter().all(|&bytes| bytes == 0);
    Some(if stayed { "weights uploaded once" } else { "weights streamed in every run: they exceed the weight memory" })
}

/// The runs of the main job, one a line.
pub fn job(reports: &[RunReport]) -> Table {
    let header = [
        "precision",
        "accuracy",
        "cycles/image",
        "MACs/cycle",
        "utilisation",
        "weight bits read",
        "BOPs/image",
        "weight bytes in",
        "exact",
    ];
    let mut table = Table::new(&header);
    for r in reports {
        let images = r.images.max(1) as u64;
        table.row(vec![
            r.precision.clone(),
            r.correct.map_or("-".into(), |correct| format!("{:.3}", correct as f64 / images as f64)),
            count(r.cycles.map(|cycles| cycles.div_ceil(images))),
            tenths(r.macs_per_cycle),
            percent(r.utilisation),
            count(r.weight_bits_read),
            thousands(r.bops / images),
            count(r.weight_bytes_received),
            yes(r.exact).into(),
        ]);
    }
    table
}

/// One run, layer by layer, and its sums.
pub fn layers(report: &RunReport) -> String {
    let mut table = Table::new(&["layer", "precision", "MACs", "cycles", "busy", "utilisation", "requantized"]);
    for l in &report.layers {
        table.row(vec![
            l.name.clone(),
            l.precision.clone(),
            thousands(l.macs),
            count(l.cycles),
            count(l.busy_cycles),
            percent(l.utilisation),
            if l.requantized_on_chip { "on chip" } else { "host" }.into(),
        ]);
    }
    let pace =
        report.cycles.map(|cycles| format!("{} cycles, {} MACs/cycle, ", thousands(cycles), tenths(report.macs_per_cycle)));
    format!("{table}{}exact: {}\n", pace.unwrap_or_default(), yes(report.exact))
}
