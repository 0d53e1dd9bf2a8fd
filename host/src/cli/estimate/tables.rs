//! Estimates for reading.

use super::energy;
use super::peers::{Peer, PeerEstimate};
use super::report::{Heading, Outcome};
use crate::cli::table::{Table, thousands};
use crate::estimate::network::{LayerEstimate, NetworkEstimate, Summary, WeightSource};
use crumb_arch::Counter;

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

/// `resnet18 on 'large' (32 x 32 PEs, streams of 256 bits)`, and what was assumed.
fn title(heading: &Heading) -> String {
    let machine = &heading.machine;
    let dram = heading.dram_bytes_per_cycle.map_or_else(String::new, |bytes| format!(", DRAM of {bytes:.2} bytes a cycle"));
    let note = heading.note.as_ref().map_or_else(String::new, |note| format!("{note}\n"));
    format!(
        "{} on '{}' ({} x {} PEs, streams of {} bits{dram})",
        heading.network, machine.name, machine.rows, machine.cols, machine.stream_bits
    ) + &format!("\n{note}")
}

/// The columns that layers and totals share.
const SHARED: [&str; 8] = ["MACs", "cycles", "MACs/cycle", "attainable", "utilisation", "mapping", "MACs/byte", "bound"];

fn shared(summary: &Summary) -> [String; 8] {
    let Summary { macs, cycles, exact, roofline, .. } = summary;
    let at_least = if *exact { "" } else { ">= " };
    [
        thousands(*macs),
        format!("{at_least}{}", thousands(*cycles)),
        tenths(roofline.macs_per_cycle),
        tenths(roofline.attainable_macs_per_cycle),
        percent(roofline.utilisation),
        percent(roofline.mapping_bound),
        tenths(roofline.macs_per_byte),
        roofline.bound.name().to_owned(),
    ]
}

/// `56 x 576 x 64`, and how many if there are several.
fn size(layer: &LayerEstimate) -> String {
    let LayerEstimate { m, k, n, groups, .. } = layer;
    let times = if *groups == 1 { String::new() } else { format!(" ({} times)", thousands(*groups)) };
    format!("{m} x {k} x {n}{times}")
}

/// One precision, layer by layer.
pub fn one(heading: &Heading, precision: &str, estimate: &NetworkEstimate) -> String {
    let header: Vec<&str> = ["layer", "precision", "M x K x N", "weights"].into_iter().chain(SHARED).collect();
    let mut table = Table::new(&header);
    for layer in &estimate.layers {
        let first =
            [layer.name.escape_debug().to_string(), layer.precision.clone(), size(layer), layer.weights.name().to_owned()];
        table.row(first.into_iter().chain(shared(&layer.cost)).collect());
    }
    let first = ["total".to_owned(), precision.to_owned(), String::new(), String::new()];
    table.row(first.into_iter().chain(shared(&estimate.total)).collect());
    let (title, weights, time) = (title(heading), weights(estimate), time(heading, &estimate.total));
    let layers = estimate
        .layers
        .iter()
        .map(|layer| ([layer.name.escape_debug().to_string(), layer.precision.clone()], layer.cost.energy.as_ref()));
    let total = (["total".to_owned(), precision.to_owned()], estimate.total.energy.as_ref());
    let energy = energy::table(heading, ["layer", "precision"], layers.chain([total]));
    format!("{title}\n{table}\n{weights}{time}{}{}{energy}", cycles(&estimate.total), traffic(&estimate.total))
}

/// Where the weights are, in a line.
fn weights(estimate: &NetworkEstimate) -> String {
    let count = |source: WeightSource| estimate.layers.iter().filter(|layer| layer.weights == source).count();
    let [resident, streamed, computed] = [WeightSource::Resident, WeightSource::Streamed, WeightSource::Computed].map(count);
    let computed = if computed == 0 { String::new() } else { format!(", of {computed} computed") };
    let words = thousands(estimate.resident_words as u64);
    format!("weights: of {resident} layers resident in {words} addresses, of {streamed} streamed{computed}\n")
}

/// What the cycles are, in a line.
fn time(heading: &Heading, total: &Summary) -> String {
    let clock = heading
        .clock_mhz
        .map_or_else(String::new, |mhz| format!(", {:.3} ms at {mhz} MHz", total.cycles as f64 / (1000.0 * mhz)));
    let quality =
        if total.exact { "exact" } else { "a lower bound, as DRAM may hold the streams back; counters are without that" };
    format!("cycles: {}{clock}: {quality}\n", thousands(total.cycles))
}

/// What the cycles were spent on, in a line.
fn cycles(total: &Summary) -> String {
    let uses = Counter::uses_of_cycles().iter().filter(|&&counter| total.counters[counter] > 0);
    let uses = uses.map(|&counter| {
        format!("{} {}", thousands(total.counters[counter]), counter.name().trim_end_matches("_cycles").replace('_', " "))
    });
    format!("of them: {}\n", uses.collect::<Vec<_>>().join(", "))
}

/// What moved, in two lines.
fn traffic(total: &Summary) -> String {
    let (bits, input) = (&total.traffic.bits, &total.traffic.stream_bytes_in);
    let moved = |read: u64, written: u64| format!("{} / {}", thousands(read), thousands(written));
    format!(
        "bits read / written: activations {}, weights {}, accumulators {}, parameters written {}\n\
         stream: {} bytes in (activations {}, weights {}, parameters {}, commands {}), {} bytes out; DRAM: {} bytes\n",
        moved(bits.activation_bits_read, bits.activation_bits_written),
        moved(bits.weight_bits_read, bits.weight_bits_written),
        moved(bits.accumulator_bits_read, bits.accumulator_bits_written),
        thousands(bits.parameter_bits_written),
        thousands(input.sum()),
        thousands(input.activations),
        thousands(input.weights),
        thousands(input.parameters),
        thousands(input.commands),
        thousands(total.traffic.stream_bytes_out),
        thousands(total.traffic.dram_bytes),
    )
}

/// Energy of a multiply-accumulate, all else included, in pJ.
fn per_mac(total: &Summary) -> Option<f64> {
    let energy = total.energy.as_ref()?;
    (total.macs > 0).then(|| energy.total() / total.macs as f64)
}

/// All pairs of widths, a line each.
pub fn all(heading: &Heading, outcomes: &[Outcome]) -> String {
    let header: Vec<&str> =
        ["precision"].into_iter().chain(SHARED).chain(["bytes in", "bytes out", "weight bits read"]).collect();
    let mut table = Table::new(&header);
    let mut refusals = String::new();
    for Outcome { precision, result } in outcomes {
        let mut row = vec![precision.clone()];
        match result {
            Ok(estimate) => {
                let total = &estimate.total;
                let traffic = &total.traffic;
                row.extend(shared(total));
                row.extend(
                    [traffic.stream_bytes_in.sum(), traffic.stream_bytes_out, traffic.bits.weight_bits_read].map(thousands),
                );
            }
            Err(refusal) => {
                row.resize(header.len(), "-".into());
                refusals += &format!("{precision}: {refusal}\n");
            }
        }
        table.row(row);
    }
    let rows = outcomes.iter().filter_map(|outcome| {
        let total = &outcome.result.as_ref().ok()?.total;
        Some(([outcome.precision.clone(), format!("{:.4}", per_mac(total)?)], total.energy.as_ref()))
    });
    let energy = energy::table(heading, ["precision", "pJ/MAC"], rows);
    format!("{}\n{table}{refusals}{energy}", title(heading))
}

/// Another accelerator's cycles, layer by layer, or a line for each precision.
pub fn peer(heading: &Heading, peer: Peer, estimates: &[PeerEstimate]) -> String {
    let header = ["layer", "precision", "MACs", "cycles", "MACs/cycle", "computing", "DRAM bytes"];
    let mut table = Table::new(&header);
    let optional = |value: Option<u64>| value.map_or_else(|| "-".into(), thousands);
    for estimate in estimates {
        // Several precisions are compared by their totals.
        let layers = estimate.layers.iter().filter(|_| estimates.len() == 1);
        let layers = layers.map(|layer| (layer.name.escape_debug().to_string(), &layer.precision, layer.macs, layer.cost));
        let total = ("total".to_owned(), &estimate.precision, estimate.total.macs, estimate.total.cost);
        for (name, precision, macs, cost) in layers.chain([total]) {
            let pace = if cost.cycles == 0 { "-".into() } else { tenths(macs as f64 / cost.cycles as f64) };
            table.row(vec![
                name,
                precision.clone(),
                thousands(macs),
                thousands(cost.cycles),
                pace,
                optional(cost.compute_cycles),
                optional(cost.dram_bytes),
            ]);
        }
    }
    let note = heading.note.as_ref().map_or_else(String::new, |note| format!("{note}\n"));
    format!("{} on {}\n{note}\n{table}", heading.network, peer.machine())
}
