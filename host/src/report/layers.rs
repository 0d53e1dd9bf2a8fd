//! Charts of one precision, layer by layer: its plan, utilisation, what cycles are spent on, and the roofline.

use super::chart::scale::number;
use super::chart::{Bar, Bars, Layout, Line, Plot, Point, Row, Scale};
use super::{Estimated, Report};
use crate::cli::table::thousands;
use crate::estimate::network::{LayerEstimate, Summary};
use crumb_arch::{ArrayConfig, Counter};
use maud::Markup;
use std::collections::{BTreeMap, BTreeSet};

/// Bits of activations and weights of each layer; nothing where all layers have the same.
pub fn plan(shown: &Estimated) -> Option<Markup> {
    let layers = &shown.estimate.layers;
    if layers.windows(2).all(|pair| pair[0].precision == pair[1].precision) {
        return None;
    }
    let row = |layer: &LayerEstimate| {
        let bar = |what: &str, bits: u8, class| Bar {
            value: Some(bits.into()),
            class,
            title: format!("{}, {}: {what} of {bits} bits", layer.name, layer.precision),
        };
        let bars = vec![bar("activations", layer.act_bits, 0), bar("weights", layer.weight_bits, 1)];
        Row { label: layer.name.clone(), bars, note: None }
    };
    let chart = Bars {
        id: "plan",
        title: "The plan",
        about: &format!("bits of activations and weights by layer: {}", shown.precision),
        legend: vec![(0, "activations".into()), (1, "weights".into())],
        layout: Layout::Below,
        unit: "",
        end: Some(8.0),
        reference: None,
        rows: layers.iter().map(row).collect(),
    };
    Some(chart.draw())
}

/// Each layer and all of them.
fn costs(shown: &Estimated) -> impl Iterator<Item = (&str, &Summary)> {
    let layers = shown.estimate.layers.iter().map(|layer| (layer.name.as_str(), &layer.cost));
    layers.chain([("all layers", &shown.estimate.total)])
}

/// What limits a chart of figures that follow from cycles, where these are a lower bound.
const fn unless_exact<'a>(shown: &Estimated, text: &'a str) -> &'a str {
    if shown.estimate.total.exact { "" } else { text }
}

/// How much of the array each layer uses, and how much of it whole tiles leave.
pub fn utilisation(shown: &Estimated) -> Markup {
    let row = |(name, cost): (&str, &Summary)| {
        let bar = |what: &str, share: f64, class| Bar {
            value: Some(100.0 * share),
            class,
            title: format!("{name}: {what} {:.1} %, bound by {}", 100.0 * share, cost.roofline.bound.name()),
        };
        let bars =
            vec![bar("utilisation", cost.roofline.utilisation, 0), bar("whole tiles leave", cost.roofline.mapping_bound, 4)];
        Row { label: name.to_owned(), bars, note: None }
    };
    Bars {
        id: "utilisation",
        title: "Utilisation of the array",
        about: &format!(
            "share of its bit operations, by layer at {}{}",
            shown.precision,
            unless_exact(shown, "; no more than this, as DRAM may hold the streams back")
        ),
        legend: vec![(0, "attained".into()), (4, "if only whole tiles limited it".into())],
        layout: Layout::InFront,
        unit: " %",
        end: Some(100.0),
        reference: None,
        rows: costs(shown).map(row).collect(),
    }
    .draw()
}

/// `stall weight` of `stall_weight_cycles`.
fn use_name(counter: Counter) -> String {
    counter.name().trim_end_matches("_cycles").replace("stall_", "waits for ").replace('_', " ")
}

/// What each layer's cycles are spent on.
pub fn stalls(shown: &Estimated) -> Markup {
    let uses = Counter::uses_of_cycles();
    let row = |(name, cost): (&str, &Summary)| {
        let all = cost.counters[Counter::Cycles].max(1) as f64;
        let bar = |(class, &counter): (usize, &Counter)| {
            let (cycles, name_of_use) = (cost.counters[counter], use_name(counter));
            let share = 100.0 * cycles as f64 / all;
            Bar { value: Some(share), class, title: format!("{name}, {name_of_use}: {cycles} cycles, {share:.1} %") }
        };
        let bars = uses.iter().enumerate().map(bar).collect();
        Row { label: name.to_owned(), bars, note: Some(thousands(cost.counters[Counter::Cycles])) }
    };
    Bars {
        id: "stalls",
        title: "What cycles are spent on",
        about: &format!(
            "% of each layer's cycles at {}, which stand behind; every cycle has one reason{}",
            shown.precision,
            unless_exact(shown, "; with a DRAM that never holds the streams back")
        ),
        legend: uses.iter().enumerate().map(|(class, &counter)| (class, use_name(counter))).collect(),
        layout: Layout::Stacked,
        unit: " %",
        end: Some(100.0),
        reference: None,
        rows: costs(shown).map(row).collect(),
    }
    .draw()
}

/// Peaks of the array in MACs a cycle, with the pairs of widths that have them: those that layers use, and a8w8.
fn peaks(shown: &Estimated, machine: &ArrayConfig) -> BTreeMap<u64, BTreeSet<String>> {
    let mut peaks: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    let used = shown.estimate.layers.iter().map(|layer| (u64::from(layer.act_bits), u64::from(layer.weight_bits)));
    for (act, weight) in used.chain([(8, 8)]) {
        // Six bits take the lane of eight.
        let lane = if weight == 6 { 8 } else { weight };
        peaks.entry(machine.bops_per_cycle() / (act * lane)).or_default().insert(format!("a{act}w{weight}"));
    }
    peaks
}

/// The roofline: layers under the array's peaks and the bandwidth of the streams, or of the memory behind them.
pub fn roofline(report: &Report, shown: &Estimated) -> Markup {
    let machine = &report.machine;
    let streams = 2.0 * (machine.stream_bits / 8) as f64;
    let bandwidth = report.dram_bytes_per_cycle.map_or(streams, |bytes| bytes.min(streams));
    let peaks = peaks(shown, machine);
    let top = peaks.keys().next_back().copied().unwrap_or(1) as f64;
    let place = |cost: &Summary| [cost.roofline.macs_per_byte, cost.roofline.macs_per_cycle];
    let places: Vec<[f64; 2]> = costs(shown).map(|(_, cost)| place(cost)).collect();
    let ridges = peaks.keys().map(|&peak| peak as f64 / bandwidth);
    let x = Scale::log(places.iter().map(|at| at[0]).chain(ridges));
    let y = Scale::log(places.iter().map(|at| at[1]).chain(peaks.keys().map(|&peak| peak as f64)));
    let ([left, right], [low, _]) = (x.ends(), y.ends());
    let from = left.max(low / bandwidth);
    let roof = |(&peak, pairs): (&u64, &BTreeSet<String>)| {
        let name = format!("{}: {peak}", pairs.iter().cloned().collect::<Vec<_>>().join(", "));
        Line { from: [peak as f64 / bandwidth, peak as f64], to: [right, peak as f64], name, class: "roof" }
    };
    let slope = Line { from: [from, from * bandwidth], to: [top / bandwidth, top], name: String::new(), class: "roof" };
    let bounds: BTreeMap<usize, String> =
        costs(shown).map(|(_, cost)| (cost.roofline.bound as usize, cost.roofline.bound.name().to_owned())).collect();
    let point = |(name, cost): (&str, &Summary)| Point {
        at: place(cost),
        class: cost.roofline.bound as usize,
        title: format!(
            "{name}: {} MACs/cycle at {} MACs/byte, bound by {}",
            number(cost.roofline.macs_per_cycle),
            number(cost.roofline.macs_per_byte),
            cost.roofline.bound.name()
        ),
        label: if std::ptr::eq(cost, &shown.estimate.total) { "all layers".into() } else { String::new() },
    };
    Plot {
        id: "roofline",
        title: "Roofline",
        about: &format!(
            "layers at {}; the slope is {} bytes a cycle; colours say what bounds a layer{}",
            shown.precision,
            number(bandwidth),
            unless_exact(shown, "; no layer is above its point, as DRAM may hold the streams back")
        ),
        legend: bounds.into_iter().collect(),
        x: (x, "MACs per byte of external memory"),
        y: (y, "MACs per cycle"),
        lines: peaks.iter().map(roof).chain([slope]).collect(),
        points: costs(shown).map(point).collect(),
    }
    .draw()
}
