//! The energy of a run: what the machine counted, times what each event costs.

use super::EnergyError;
use super::mode::Mode;
use super::model::Model;
use super::vocabulary::{Access, Event, Part};
use crumb_arch::{ArrayConfig, Counter, Counters};
use crumb_sim::Machine;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// What a machine did in one mode.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// The mode.
    pub mode: Mode,
    /// What it counted.
    pub counters: Counters,
    /// Bits that went to and from external memory for it.
    pub dram_bits: u64,
}

/// Where the energy went, in pJ, by name; the order is that of the data's way through the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// PEs, beyond their clock.
    pub array: f64,
    /// Precision switches, row sums and column sums.
    pub edges: f64,
    /// Combiners and accumulators' adders.
    pub sums: f64,
    /// Requantizers.
    pub requantizers: f64,
    /// On-chip memories.
    pub memories: f64,
    /// Streams.
    pub streams: f64,
    /// External memory.
    pub dram: f64,
    /// The clock of every register.
    pub clock: f64,
    /// Leakage.
    pub leakage: f64,
}

impl Estimate {
    /// All of it.
    pub fn total(&self) -> f64 {
        let dynamic = self.array + self.edges + self.sums + self.requantizers + self.memories + self.streams + self.dram;
        dynamic + self.clock + self.leakage
    }
}

impl AddAssign for Estimate {
    fn add_assign(&mut self, other: Self) {
        self.array += other.array;
        self.edges += other.edges;
        self.sums += other.sums;
        self.requantizers += other.requantizers;
        self.memories += other.memories;
        self.streams += other.streams;
        self.dram += other.dram;
        self.clock += other.clock;
        self.leakage += other.leakage;
    }
}

/// How often each block is there in a machine.
pub fn instances(config: &ArrayConfig) -> BTreeMap<Part, u64> {
    let (rows, cols) = (config.rows as u64, config.cols as u64);
    Part::ALL
        .into_iter()
        .map(|part| {
            let count = match part {
                Part::Pe => rows * cols,
                Part::RowSum => rows,
                Part::RegisterBit => 0,
                _ => cols,
            };
            (part, count)
        })
        .collect()
}

/// Bits of registers of a whole machine; none if the configuration breaks a rule.
pub fn register_bits(config: &ArrayConfig) -> Option<u64> {
    Some(Machine::new(config).ok()?.registers().iter().map(|register| u64::from(register.width)).sum())
}

/// The energy of some work on a machine. Registers outside the blocks of the model are counted with their clock only.
///
/// Weight words are counted as tiles x rows x 8/A: those beyond the end of a tile go down the column like others, but are not read.
///
/// # Errors
/// If the machine's PEs are deeper than those that the figures are of.
pub fn estimate(model: &Model, config: &ArrayConfig, work: &[Work]) -> Result<Estimate, EnergyError> {
    if config.depth != 1 {
        let what = format!("depth is {}, but energies are known of PEs of depth 1 only", config.depth);
        return Err(EnergyError::Workload { name: config.name.clone(), what });
    }
    let mut sum = Estimate::default();
    let mut instances = instances(config);
    let inside: u64 = instances.iter().map(|(part, n)| n * model.standing.get(part).map_or(0, |s| s.registers)).sum();
    instances.insert(Part::RegisterBit, register_bits(config).unwrap_or(inside).saturating_sub(inside));
    let standing = |of: &dyn Fn(&super::model::Standing) -> f64| -> f64 {
        instances.iter().filter_map(|(part, &n)| Some(n as f64 * of(model.standing.get(part)?))).sum()
    };
    let clock = standing(&|s| s.clock_pj);
    // nW / MHz = fJ.
    let leakage = standing(&|s| s.leakage_nw) / model.megahertz / 1000.0;
    let (rows, cols) = (config.rows as f64, config.cols as f64);
    let access = |access: Access, bits: f64, kib: f64| bits * model.memory.get(&access).map_or(0.0, |sram| sram.at(kib));
    let kib = |bytes: usize| bytes as f64 / 1024.0;
    for Work { mode, counters, dram_bits } in work {
        let count = |counter: Counter| counters[counter] as f64;
        let pj = |event: Event| model.event.get(&event).and_then(|cost| cost.at(*mode)).unwrap_or(0.0);
        let busy = count(Counter::Busy);
        let words = count(Counter::Tiles) * rows * mode.act.lanes() as f64;
        let derived = counters.derived(config);
        sum.array += rows * cols * (busy * pj(Event::PeCycle) + words * pj(Event::PeWeight));
        sum.edges += cols * words * (pj(Event::SwitchWord) + pj(Event::ColumnSumWord)) + rows * busy * pj(Event::RowSumCycle);
        sum.sums += cols * busy * (pj(Event::CombineCycle) + pj(Event::AccumulateCycle));
        sum.requantizers += cols * (count(Counter::DrainReads) * pj(Event::RequantizeValue) + busy * pj(Event::RequantizerCycle));
        let (read, write) = (Access::Read, Access::Write);
        let activations = kib(config.activation_lines);
        let weights = kib(config.weight_words * 4);
        let accumulators = kib(config.accumulator_rows * 4);
        let parameters = kib(config.parameter_entries * 8);
        sum.memories += access(read, derived.activation_bits_read as f64, activations)
            + access(write, derived.activation_bits_written as f64, activations)
            + access(read, derived.weight_bits_read as f64, weights)
            + access(write, derived.weight_bits_written as f64, weights)
            + access(read, derived.accumulator_bits_read as f64, accumulators)
            + access(write, derived.accumulator_bits_written as f64, accumulators)
            + access(read, count(Counter::DrainReads) * 64.0 * cols, parameters)
            + access(write, derived.parameter_bits_written as f64, parameters);
        sum.streams += (derived.stream_bits_in + derived.stream_bits_out) as f64 * pj(Event::StreamBit);
        sum.dram += *dram_bits as f64 * pj(Event::DramBit);
        sum.clock += clock * count(Counter::Cycles);
        sum.leakage += leakage * count(Counter::Cycles);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn counts_are_multiplied_by_what_each_costs() {
        let model = Model::parse(include_str!("../../../energy/horowitz-45nm.toml"), Path::new("x")).unwrap();
        let config = ArrayConfig::named("tiny").unwrap();
        let mut counters = Counters::default();
        for (counter, count) in [(Counter::Cycles, 10), (Counter::Busy, 8), (Counter::Tiles, 2), (Counter::DrainReads, 3)] {
            counters.0[counter as usize] = count;
        }
        let mode = Mode::all().nth(4).unwrap();
        assert_eq!(mode.to_string(), "a4w4");
        let found = estimate(&model, &config, &[Work { mode, counters, dram_bits: 100 }]).unwrap();
        // 4 x 4 PEs; 2 tiles of 8 words; activations: 8 cycles x 4 rows x 8 bits from 1 KiB; sums: 3 x 32 bits x 4 columns from 1 KiB;
        // parameters: 3 x 64 bits x 4 columns from 512 bytes.
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
        near(found.array, 16.0 * 8.0 * 0.3625);
        near(found.edges, 4.0 * 16.0 * (0.03 + 0.25) + 4.0 * 8.0 * 0.1094);
        near(found.sums, 4.0 * 8.0 * (0.4375 + 0.4));
        near(found.requantizers, 4.0 * 3.0 * 2.344);
        let read = |kib: f64| model.memory[&Access::Read].at(kib);
        near(found.memories, 256.0 * read(1.0) + 384.0 * read(1.0) + 768.0 * read(0.5));
        near(found.dram, 3047.0);
        assert_eq!((found.streams, found.clock, found.leakage), (0.0, 0.0, 0.0));
    }

    #[test]
    fn deeper_machines_are_refused() {
        let model = Model::parse(include_str!("../../../energy/horowitz-45nm.toml"), Path::new("x")).unwrap();
        let config = ArrayConfig { depth: 2, ..ArrayConfig::named("tiny").unwrap() };
        let error = estimate(&model, &config, &[]).unwrap_err().to_string();
        assert_eq!(error, "workload tiny: depth is 2, but energies are known of PEs of depth 1 only");
    }

    #[test]
    fn every_register_has_a_clock_and_leakage_takes_time() {
        let mut model = Model::parse(include_str!("../../../energy/horowitz-45nm.toml"), Path::new("x")).unwrap();
        let config = ArrayConfig::named("tiny").unwrap();
        for (part, standing) in &mut model.standing {
            let registers = if *part == Part::Pe { 100 } else { 1 };
            (standing.registers, standing.clock_pj, standing.leakage_nw) = (registers, registers as f64, 500.0);
        }
        let mut counters = Counters::default();
        counters.0[Counter::Cycles as usize] = 10;
        let found = estimate(&model, &config, &[Work { mode: Mode::all().next().unwrap(), counters, dram_bits: 0 }]).unwrap();
        assert_eq!(found.clock, 10.0 * register_bits(&config).unwrap() as f64);
        // 500 nW at 500 MHz are 1 fJ a cycle; one of each: 16 PEs, 4 rows, 5 x 4 columns, and the other registers' bits.
        let others = register_bits(&config).unwrap() - (1600 + 4 + 20);
        assert!((found.leakage - 10.0 * (16 + 4 + 20 + others) as f64 / 1000.0).abs() < 1e-9);
    }
}
