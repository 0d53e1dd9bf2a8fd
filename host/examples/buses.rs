//! What wider weight buses and drains are worth on ResNet-18: the tables of `docs/sweep.md` from which `large` and `huge` have theirs.
//!
//! ```text
//! cargo run --release --example buses
//! ```
//!
//! Every machine of a table has the same memories, in bits: an address on a bus of four words holds four times as much. With *resident* weights
//! each layer has its own in the memory before it begins; *streamed* are those for which the named configuration's memory has no room beside
//! the layers before.

use crumb::cli::table::{Table, thousands};
use crumb::estimate::layers::LayerShape;
use crumb::estimate::network::{Summary, WeightSource, Workload};
use crumb::estimate::networks::Network;
use crumb::estimate::product::Costs;
use crumb::network::LayerPrecision;
use crumb_arch::ArrayConfig;
use std::error::Error;

/// Words of the bus and banks of a drain: those that a machine can have.
const CHOICES: [[usize; 2]; 6] = [[1, 1], [1, 4], [2, 1], [2, 4], [4, 1], [4, 4]];
/// Widths of activations and weights.
const WIDTHS: [u8; 3] = [8, 4, 2];
/// Most addresses that a weight memory may have.
const ADDRESSES: usize = 65_536;

/// Where weights are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weights {
    Resident,
    Streamed,
}

fn main() -> Result<(), Box<dyn Error>> {
    let layers = Network::from_name("resnet18").ok_or("no resnet18")?.layers()?;
    let blocks = ["large", "huge"].into_iter().flat_map(|name| [(name, Weights::Resident), (name, Weights::Streamed)]);
    let texts = blocks.map(|(name, weights)| block(name, weights, &layers)).collect::<Result<Vec<_>, _>>()?;
    println!("{}", texts.join("\n"));
    Ok(())
}

/// A machine on every bus and with every drain.
fn block(name: &str, weights: Weights, layers: &[LayerShape]) -> Result<String, Box<dyn Error>> {
    let named = ArrayConfig::named(name)?;
    let header = WIDTHS.map(|bits| [format!("a{bits}w{bits} cycles"), "used".into(), "of bound".into()]).concat();
    let header: Vec<_> = ["bus", "banks"].into_iter().chain(header.iter().map(String::as_str)).collect();
    let mut table = Table::new(&header);
    let (mut fewest, mut most) = (usize::MAX, 0);
    for [weight_bus, drain_banks] in CHOICES {
        // As many bits on every bus.
        let words = if weights == Weights::Resident { ADDRESSES } else { named.weight_words * named.weight_bus };
        let config = ArrayConfig { weight_bus, drain_banks, weight_words: words / weight_bus, ..named.clone() };
        config.validate()?;
        let mut row = vec![weight_bus.to_string(), drain_banks.to_string()];
        for bits in WIDTHS {
            let precision = LayerPrecision { act_bits: bits, weight_bits: bits, ..LayerPrecision::default() };
            let workload = workload(weights, layers, precision, &config)?;
            let stay = workload.layers.iter().filter(|layer| layer.weights == WeightSource::Resident).count();
            (fewest, most) = (fewest.min(stay), most.max(stay));
            row.extend(cells(&Costs::new(&config).network(&workload, None)?.total));
        }
        table.row(row);
    }
    let kib = named.memory_bits()[1] / 8192;
    let (weights, memory) = match weights {
        Weights::Resident => ("resident", kib * ADDRESSES / (named.weight_words * named.weight_bus)),
        Weights::Streamed => ("streamed", kib),
    };
    let ArrayConfig { rows, cols, .. } = named;
    let stay = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
    let count = layers.len();
    Ok(format!(
        "{name}, {rows} x {cols} PEs, weights {weights}: {stay} of {count} layers have theirs in a memory of {memory} KiB\n\n{table}"
    ))
}

/// Cycles, utilisation, and how much that is of what whole tiles leave.
fn cells(total: &Summary) -> [String; 3] {
    let used = total.roofline.utilisation;
    [thousands(total.cycles), format!("{used:.3}"), format!("{:.3}", used / total.roofline.mapping_bound)]
}

/// All layers, with each one's weights in the memory as if it were alone, or as they fit one after the other.
fn workload(
    weights: Weights,
    layers: &[LayerShape],
    precision: LayerPrecision,
    config: &ArrayConfig,
) -> Result<Workload, Box<dyn Error>> {
    if weights == Weights::Streamed {
        return Ok(Workload::of_table(layers, precision, config)?);
    }
    let mut all = Workload { layers: Vec::new(), resident_words: 0 };
    for layer in layers {
        let one = Workload::of_table(std::slice::from_ref(layer), precision, config)?;
        all.resident_words = all.resident_words.max(one.resident_words);
        all.layers.extend(one.layers);
    }
    Ok(all)
}
