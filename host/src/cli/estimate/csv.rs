//! What `--csv` prints: a line for each layer, and one for all of them, at each precision.

use super::peers::PeerEstimate;
use crate::cli::Failure;
use crate::cli::options::Message;
use crate::estimate::network::{NetworkEstimate, Summary};
use crumb_arch::Counter;

/// The name of a line that sums up the layers.
const TOTAL: &str = "total";

/// Where energy goes, in the order of [`crate::energy::PARTS`].
const ENERGY_COLUMNS: [&str; crate::energy::PARTS.len()] = [
    "dram_pj",
    "streams_pj",
    "activation_memory_pj",
    "weight_memory_pj",
    "edges_pj",
    "array_pj",
    "sums_pj",
    "accumulators_pj",
    "parameter_memory_pj",
    "requantizers_pj",
    "clock_pj",
    "leakage_pj",
];

/// The lines under a header, quoted where they must be.
fn text(rows: impl IntoIterator<Item = Vec<String>>) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    let bytes = writer.into_inner().map_err(|error| Message(error.to_string()))?;
    Ok(String::from_utf8(bytes)?)
}

/// A number and its column.
type Cell = (&'static str, String);

/// The columns of what was counted, in their order.
fn cells(summary: &Summary) -> Vec<Cell> {
    let Summary { macs, bops, cycles, exact, counters, traffic, roofline, energy } = summary;
    let (bits, resources) = (&traffic.bits, &roofline.resource_cycles);
    let number = |name, value: u64| (name, value.to_string());
    let share = |name, value: f64| (name, value.to_string());
    let mut cells: Vec<Cell> = vec![
        number("macs", *macs),
        number("bops", *bops),
        ("estimated_cycles", cycles.to_string()),
        ("exact", exact.to_string()),
        ("bound", roofline.bound.name().to_owned()),
        number("bound_cycles", roofline.bound_cycles),
        share("macs_per_cycle", roofline.macs_per_cycle),
        share("attainable_macs_per_cycle", roofline.attainable_macs_per_cycle),
        share("peak_macs_per_cycle", roofline.peak_macs_per_cycle),
        share("utilisation", roofline.utilisation),
        share("mapping_bound", roofline.mapping_bound),
        share("macs_per_byte", roofline.macs_per_byte),
        number("array_cycles", resources.array),
        number("weight_bus_cycles", resources.weight_bus),
        number("drain_cycles", resources.drain),
        number("stream_in_cycles", resources.stream_in.sum()),
        number("stream_out_cycles", resources.stream_out),
        number("dram_cycles", resources.dram),
        number("activation_bits_read", bits.activation_bits_read),
        number("activation_bits_written", bits.activation_bits_written),
        number("weight_bits_read", bits.weight_bits_read),
        number("weight_bits_written", bits.weight_bits_written),
        number("parameter_bits_written", bits.parameter_bits_written),
        number("accumulator_bits_read", bits.accumulator_bits_read),
        number("accumulator_bits_written", bits.accumulator_bits_written),
        number("activation_bytes_in", traffic.stream_bytes_in.activations),
        number("weight_bytes_in", traffic.stream_bytes_in.weights),
        number("parameter_bytes_in", traffic.stream_bytes_in.parameters),
        number("command_bytes_in", traffic.stream_bytes_in.commands),
        number("bytes_out", traffic.stream_bytes_out),
        number("dram_bytes", traffic.dram_bytes),
    ];
    // A part without a figure has an empty cell.
    if let Some(energy) = energy {
        let parts = ENERGY_COLUMNS.iter().zip(energy.parts());
        cells.extend(parts.map(|(&name, pj)| (name, pj.map_or_else(String::new, |pj| pj.to_string()))));
        cells.push(share("energy_pj", energy.total()));
    }
    cells.extend(Counter::ALL.iter().map(|&counter| number(counter.name(), counters[counter])));
    cells
}

/// The layers of estimates at precisions.
///
/// # Errors
/// If the text cannot be made.
pub fn crumb<'a>(estimates: impl IntoIterator<Item = (&'a String, &'a NetworkEstimate)>) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for (precision, estimate) in estimates {
        let layers = estimate.layers.iter().map(|layer| {
            let sizes = [layer.m, layer.k, layer.n, layer.groups].map(|size| size.to_string());
            let first = [layer.name.clone(), layer.precision.clone()];
            (first.into_iter().chain(sizes).chain([layer.weights.name().to_owned()]).collect::<Vec<_>>(), &layer.cost)
        });
        let mut total = vec![TOTAL.to_owned(), precision.clone()];
        total.resize(7, String::new());
        for (first, summary) in layers.chain([(total, &estimate.total)]) {
            let cells = cells(summary);
            if rows.is_empty() {
                let sizes = ["layer", "precision", "m", "k", "n", "groups", "weights"].map(str::to_owned);
                rows.push(sizes.into_iter().chain(cells.iter().map(|(name, _)| (*name).to_owned())).collect());
            }
            rows.push(first.into_iter().chain(cells.into_iter().map(|(_, value)| value)).collect());
        }
    }
    text(rows)
}

/// The layers of another accelerator's estimates.
///
/// # Errors
/// If the text cannot be made.
pub fn peer(estimates: &[PeerEstimate]) -> Result<String, Failure> {
    let header = ["layer", "precision", "macs", "cycles", "compute_cycles", "dram_bytes"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let optional = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    for estimate in estimates {
        let layers = estimate.layers.iter().map(|layer| (layer.name.as_str(), &layer.precision, layer.macs, layer.cost));
        let total = (TOTAL, &estimate.precision, estimate.total.macs, estimate.total.cost);
        for (name, precision, macs, cost) in layers.chain([total]) {
            let (compute, dram) = (optional(cost.compute_cycles), optional(cost.dram_bytes));
            rows.push(vec![name.to_owned(), precision.clone(), macs.to_string(), cost.cycles.to_string(), compute, dram]);
        }
    }
    text(rows)
}
