//! Bit Fusion's eight networks on Crumb with as many units: the tables of `docs/comparison.md`.
//!
//! ```text
//! cargo run --release -p crumb --example bit_fusion               a line for each network
//! cargo run --release -p crumb --example bit_fusion -- --layers   a line for each layer
//! ```
//!
//! Both have 16 x 32 units of sixteen two-bit bricks at the same clock, 192 bits of DRAM a cycle, batches of 16, and the energies that Bit Fusion
//! published. Cycles, traffic and energies of Bit Fusion are its simulator's (`host/tests/peers`), Crumb's those of `crumb estimate`.

mod layers;
mod machines;

use crumb::cli::table::{Table, thousands};
use layers::{Layer, Network};
use machines::{Cost, Machine};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let networks = layers::networks()?;
    let machines = machines::machines()?;
    match std::env::args().nth(1).as_deref() {
        None => print!("{}", by_network(&networks, &machines)?),
        Some("--layers") => print!("{}", by_layer(&networks, &machines)?),
        Some(other) => return Err(format!("{other}: expected --layers, or nothing").into()),
    }
    Ok(())
}

/// `1.25x`: how many times less Crumb takes; below 1, it takes more.
fn gain(theirs: f64, ours: f64) -> String {
    format!("{:.2}x", theirs / ours)
}

/// Picojoules of a batch as microjoules of an image.
fn microjoules(picojoules: f64) -> f64 {
    picojoules / 1e6 / layers::BATCH as f64
}

fn by_network(networks: &[Network], machines: &[Machine]) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    for machine in machines {
        let mut table = Table::new(&[
            "network",
            "Bit Fusion cycles",
            "Crumb cycles",
            "speed",
            "Bit Fusion uJ",
            "Crumb uJ",
            "energy",
            "DRAM MB",
            "Crumb MB",
        ]);
        for network in networks {
            let costs = machine.costs(network)?;
            let ours = Cost::sum(&costs.layers, costs.upload);
            let theirs: u64 = network.layers.iter().map(|layer| layer.cycles).sum();
            let bytes: u64 = network.layers.iter().map(|layer| layer.dram_bytes).sum();
            let megabytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1e6);
            let energy = microjoules(ours.picojoules);
            table.row(vec![
                network.name.clone(),
                thousands(theirs),
                thousands(ours.cycles),
                gain(theirs as f64, ours.cycles as f64),
                format!("{:.1}", 1000.0 * network.millijoules),
                format!("{energy:.1}"),
                gain(1000.0 * network.millijoules, energy),
                megabytes(bytes),
                megabytes(ours.dram_bytes),
            ]);
        }
        text += &format!("{}\n\n{table}\n", machine.title());
    }
    Ok(text.trim_end().to_owned() + "\n")
}

fn by_layer(networks: &[Network], machines: &[Machine]) -> Result<String, Box<dyn Error>> {
    let names: Vec<String> =
        machines.iter().flat_map(|machine| [format!("{} cycles", machine.name), "speed".into(), "bound".into()]).collect();
    let header: Vec<&str> =
        ["network", "layer", "precision", "Bit Fusion cycles"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut table = Table::new(&header);
    for network in networks {
        let costs = machines.iter().map(|machine| machine.costs(network)).collect::<Result<Vec<_>, _>>()?;
        for (i, Layer { shape, precision, cycles, .. }) in network.layers.iter().enumerate() {
            let mut row = vec![network.name.clone(), shape.name().to_owned(), precision.to_string(), thousands(*cycles)];
            for costs in &costs {
                let cost = costs.layers[i];
                row.extend([thousands(cost.cycles), gain(*cycles as f64, cost.cycles as f64), cost.bound.name().to_owned()]);
            }
            table.row(row);
        }
    }
    Ok(table.to_string())
}
