//! What runs cost, for reading. What a machine without a clock does not count is `-`.

use crate::benchmark::RunReport;
use crate::cli::table::{Table, thousands};
use crate::network::importance::ShiftingErrors;
use crate::refine::Refined;
use crumb_arch::Counter;

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
    let received: Option<Vec<u64>> = reports.iter().map(|report| Some(report.derived?.weight_bits_written)).collect();
    let stayed = received?.iter().all(|&bits| bits == 0);
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
            count(r.derived.map(|d| d.weight_bits_read)),
            thousands(r.bops / images),
            count(r.derived.map(|d| d.weight_bits_written / 8)),
            yes(r.exact).into(),
        ]);
    }
    table
}

/// One run, layer by layer, and its sums.
pub fn layers(report: &RunReport) -> String {
    let mut table = Table::new(&["layer", "precision", "MACs", "BOPs", "cycles", "busy", "utilisation", "requantized"]);
    for l in &report.layers {
        table.row(vec![
            l.name.clone(),
            l.precision.clone(),
            thousands(l.macs),
            thousands(l.bops),
            count(l.cycles),
            count(l.busy_cycles),
            percent(l.utilisation),
            l.read_out.as_ref().map_or("on chip".into(), |reason| format!("host: {reason}")),
        ]);
    }
    let pace =
        report.cycles.map(|cycles| format!("{} cycles, {} MACs/cycle, ", thousands(cycles), tenths(report.macs_per_cycle)));
    let (host, stream, cycles) = (host(report), stream(report), cycles(report));
    format!("{table}{host}{stream}{cycles}{}exact: {}\n", pace.unwrap_or_default(), yes(report.exact))
}

/// What the cycles were spent on, in a line.
fn cycles(report: &RunReport) -> String {
    let Some(counters) = &report.counters else { return String::new() };
    let uses = Counter::uses_of_cycles().iter().filter_map(|counter| {
        let value = counters.get(counter.name()).copied().filter(|&value| value > 0)?;
        Some(format!("{} {}", thousands(value), counter.name().trim_end_matches("_cycles").replace('_', " ")))
    });
    format!("cycles: {}\n", uses.collect::<Vec<_>>().join(", "))
}

/// What crossed the streams, in a line.
fn stream(report: &RunReport) -> String {
    report.derived.map_or(String::new(), |d| {
        let [all, activations, weights, out] =
            [d.stream_bits_in, d.activation_bits_written, d.weight_bits_written, d.stream_bits_out]
                .map(|bits| thousands(bits / 8));
        format!("stream: {all} bytes in ({activations} of activations, {weights} of weights), {out} bytes out\n")
    })
}

/// What the host computed, in a line.
fn host(report: &RunReport) -> String {
    let work = &report.host;
    if work.operators.is_empty() {
        return String::new();
    }
    let operators: Vec<String> = work.operators.iter().map(|(kind, count)| format!("{kind} x{count}")).collect();
    let macs = if work.macs == 0 {
        String::new()
    } else {
        let share = 100.0 * work.macs as f64 / (work.macs + report.macs) as f64;
        format!(", {} MACs of floats ({share:.1} % of all)", thousands(work.macs))
    };
    format!("host: {}; {} elements{macs}\n", operators.join(", "), thousands(work.elements))
}

/// Anytime inference, a run a line.
pub fn refined(refined: &Refined) -> String {
    let images = refined.images;
    let share = |correct: Option<usize>, of: usize| correct.map_or("-".into(), |c| format!("{:.3}", c as f64 / of.max(1) as f64));
    let mut table = Table::new(&["run", "images", "accuracy", "cycles", "cycles/image", "exact"]);
    let runs = [("upper bits", Some(&refined.first)), ("all bits", refined.second.as_ref())];
    for (name, report) in runs.into_iter().filter_map(|(name, report)| Some((name, report?))) {
        table.row(vec![
            name.into(),
            thousands(report.images as u64),
            share(report.correct, report.images),
            count(report.cycles),
            count(report.cycles.map(|cycles| cycles.div_ceil(report.images.max(1) as u64))),
            yes(report.exact).into(),
        ]);
    }
    table.row(vec![
        "together".into(),
        thousands(images as u64),
        share(refined.correct, images),
        count(refined.cycles),
        count(refined.cycles.map(|cycles| cycles.div_ceil(images.max(1) as u64))),
        String::new(),
    ]);
    let (doubtful, margin) = (refined.refined.len(), refined.margin);
    format!("{table}{doubtful} of {images} images refined: their two largest outputs were closer than {margin}\n")
}

/// What the extra bits of important channels take to store, a layer a line.
pub fn shifting_errors(layers: &[ShiftingErrors]) -> Table {
    let header = ["layer", "important", "error bits", "integers", "raw bits", "Huffman bits", "with table", "coded"];
    let mut table = Table::new(&header);
    for l in layers {
        let coded = l.huffman_bits + l.table_bits;
        table.row(vec![
            l.layer.clone(),
            format!("{} of {}", l.important, l.channels),
            l.error_bits.to_string(),
            thousands(l.elements as u64),
            thousands(l.raw_bits),
            thousands(l.huffman_bits),
            thousands(coded),
            percent((l.raw_bits > 0).then(|| coded as f64 / l.raw_bits as f64)),
        ]);
    }
    table
}
