//! Crumb with Bit Fusion's array: once with its buffers, once with those of our named configurations.

use crate::layers::Network;
use crumb::energy::{Mode, Model, Work, estimate};
use crumb::estimate::bit_fusion::BitFusion;
use crumb::estimate::network::{Bound, Dram, Workload};
use crumb::estimate::product::Costs;
use crumb_arch::ArrayConfig;
use crumb_arch::precision::{ActBits, WeightBits};
use std::error::Error;
use std::path::Path;

/// Bit Fusion's energies in the form of Crumb's events.
const ENERGY: &str = include_str!("../../../energy/bitfusion-45nm.toml");

/// A machine that is compared.
pub struct Machine {
    /// In tables.
    pub name: &'static str,
    config: ArrayConfig,
    energy: Model,
    dram: Dram,
}

/// What some work costs there, for a whole batch.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Cycles.
    pub cycles: u64,
    /// Energy in pJ.
    pub picojoules: f64,
    /// Bytes of DRAM, read and written.
    pub dram_bytes: u64,
    /// Those of them that are weights.
    pub weight_bytes: u64,
    /// What bounds it.
    pub bound: Bound,
}

/// What a network costs.
pub struct NetworkCost {
    /// Each layer, in the network's order.
    pub layers: Vec<Cost>,
    /// The upload of weights that then stay: Bit Fusion's figures have that of all weights in each batch.
    pub upload: Cost,
}

impl Cost {
    /// Layers one after the other, behind an upload.
    pub fn sum(layers: &[Self], upload: Self) -> Self {
        layers.iter().fold(upload, |sum, cost| Self {
            cycles: sum.cycles + cost.cycles,
            picojoules: sum.picojoules + cost.picojoules,
            dram_bytes: sum.dram_bytes + cost.dram_bytes,
            weight_bytes: sum.weight_bytes + cost.weight_bytes,
            ..sum
        })
    }
}

/// The machines.
pub fn machines() -> Result<[Machine; 2], Box<dyn Error>> {
    let BitFusion { rows, columns, weight_buffer, input_buffer, output_buffer, dram_bits_per_cycle, .. } = BitFusion::PUBLISHED;
    let [rows, cols, weights, inputs, outputs] =
        [rows, columns, weight_buffer, input_buffer, output_buffer].map(|size| usize::try_from(size).unwrap_or(0));
    let own = ArrayConfig { name: "own".into(), rows, cols, ..ArrayConfig::named("huge")? };
    let equal = ArrayConfig {
        name: "equal".into(),
        activation_lines: inputs / rows,
        weight_words: weights / (4 * cols * own.word_k()),
        accumulator_rows: outputs / (2 * 4 * 4 * cols),
        ..own.clone()
    };
    let machine = |name, config: ArrayConfig| -> Result<Machine, Box<dyn Error>> {
        config.validate()?;
        let dram = Dram { bytes_per_cycle: dram_bits_per_cycle as f64 / 8.0 };
        Ok(Machine { name, config, energy: Model::parse(ENERGY, Path::new("bitfusion-45nm.toml"))?, dram })
    };
    Ok([machine("equal buffers", equal)?, machine("own buffers", own)?])
}

impl Machine {
    /// What stands above its table.
    pub fn title(&self) -> String {
        let [activations, weights, parameters, accumulators] = self.config.memory_bits().map(|bits| bits / 8192);
        format!(
            "{}: {} x {} units; {activations} KiB of activations, {weights} of weights, {accumulators} of accumulators, {parameters} of parameters",
            self.name, self.config.rows, self.config.cols
        )
    }

    /// A network's layers, each at its precision, in batches.
    pub fn costs(&self, network: &Network) -> Result<NetworkCost, Box<dyn Error>> {
        let shapes: Vec<_> = network.layers.iter().map(|layer| layer.shape.clone()).collect();
        let mut costs = Costs::new(&self.config);
        let (mut layers, mut resident) = (Vec::new(), 0);
        for (i, layer) in network.layers.iter().enumerate() {
            // Weights are int8 whatever the precision, so each of these keeps the same ones in the memory.
            let mut workload = Workload::of_table(&shapes, layer.precision, &self.config)?;
            resident = workload.resident_words;
            workload.layers = workload.layers.drain(i..=i).collect();
            let total = costs.network(&workload, Some(self.dram))?.total;
            let mode = Mode {
                act: ActBits::try_from(layer.precision.act_bits)?,
                weight: WeightBits::try_from(layer.precision.weight_bits)?,
            };
            let work = Work { mode, counters: total.counters, dram_bits: 8 * total.traffic.dram_bytes };
            let picojoules = estimate(&self.energy, &self.config, &[work])?.total();
            layers.push(Cost {
                cycles: total.cycles,
                picojoules,
                dram_bytes: total.traffic.dram_bytes,
                weight_bytes: total.traffic.stream_bytes_in.weights,
                bound: total.roofline.bound,
            });
        }
        let bytes = (resident * self.config.lines_per_weight_word() * self.config.line_bytes()) as u64;
        let beats = 8 * bytes / self.config.stream_bits as u64;
        let per_bit =
            self.energy.event.get(&crumb::energy::vocabulary::Event::DramBit).and_then(|cost| cost.pj.get("any")).copied();
        let upload = Cost {
            cycles: beats.max(self.dram.cycles(bytes).ok_or("the upload takes more cycles than 63 bits hold")?),
            picojoules: 8.0 * bytes as f64 * per_bit.unwrap_or(0.0),
            dram_bytes: bytes,
            weight_bytes: bytes,
            bound: Bound::Weights,
        };
        Ok(NetworkCost { layers, upload })
    }
}
