//! Bit Fusion's eight networks on Crumb with as many units: the tables of `docs/comparison.md`.
//!
//! ```text
//! cargo run --release -p crumb --example bit_fusion               a line for each network
//! cargo run --release -p crumb --example bit_fusion -- --layers   a line for each layer, as CSV
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
    Ok(text + &format!("cycles and DRAM are those of a batch of {}, microjoules those of an image\n", layers::BATCH))
}

/// CSV, for a batch: what Bit Fusion publishes of a layer are its cycles and its DRAM's traffic, not its energy.
fn by_layer(networks: &[Network], machines: &[Machine]) -> Result<String, Box<dyn Error>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = ["network", "layer", "precision", "bit_fusion_cycles", "bit_fusion_dram_bytes"].map(str::to_owned).to_vec();
    for machine in machines {
        let columns = ["cycles", "speed", "bound", "dram_bytes", "weight_bytes", "microjoules"];
        header.extend(columns.map(|column| format!("{}_{column}", machine.name.replace(' ', "_"))));
    }
    writer.write_record(&header)?;
    for network in networks {
        let costs = machines.iter().map(|machine| machine.costs(network)).collect::<Result<Vec<_>, _>>()?;
        for (i, Layer { shape, precision, cycles, dram_bytes }) in network.layers.iter().enumerate() {
            let mut row = vec![network.name.clone(), shape.name().to_owned(), precision.to_string()];
            row.extend([cycles, dram_bytes].map(u64::to_string));
            for costs in &costs {
                let cost = costs.layers.get(i).ok_or("a layer without a cost")?;
                row.extend([
                    cost.cycles.to_string(),
                    format!("{:.2}", *cycles as f64 / cost.cycles as f64),
                    cost.bound.name().to_owned(),
                    cost.dram_bytes.to_string(),
                    cost.weight_bytes.to_string(),
                    format!("{:.1}", cost.picojoules / 1e6),
                ]);
            }
            writer.write_record(&row)?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
