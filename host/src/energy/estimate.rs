//! The energy of a run: what the machine counted, times what each event costs.

use super::EnergyError;
use super::mode::Mode;
use super::model::{Model, Standing};
use super::parts::{Estimate, add};
use super::vocabulary::{Access, Event, Part};
use crumb_arch::{ArrayConfig, Counter, Counters, Derived};
use crumb_sim::Machine;
use std::collections::BTreeMap;

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

/// How often each block is there in a machine.
pub fn instances(config: &ArrayConfig) -> BTreeMap<Part, u64> {
    let (rows, cols) = (config.rows as u64, config.cols as u64);
    Part::ALL
        .into_iter()
        .map(|part| {
            let count = match part {
                Part::Pe => rows * cols,
                Part::RowSum => rows,
                Part::PrecisionSwitch => cols * config.weight_bus as u64,
                Part::Requantizer => cols * config.drain_banks as u64,
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
/// If the machine's PEs are deeper than those that the figures are of, or 64 bits do not hold the bits that the work moves.
pub fn estimate(model: &Model, config: &ArrayConfig, work: &[Work]) -> Result<Estimate, EnergyError> {
    if config.depth != 1 {
        return Err(EnergyError::Depth { config: config.name.clone(), depth: config.depth });
    }
    let blocks = Blocks::of(config, model);
    let mut sum = Estimate::default();
    for work in work {
        let derived = work.counters.derived(config).ok_or_else(|| EnergyError::Large { config: config.name.clone() })?;
        Metered { model, work, sum: &mut sum }.meter(config, &blocks, &derived);
    }
    Ok(sum)
}

/// What all blocks cost in a cycle by being there, in pJ, and whether the file has a figure for each of them.
struct Blocks {
    clock: (Option<f64>, bool),
    leakage: (Option<f64>, bool),
}

impl Blocks {
    fn of(config: &ArrayConfig, model: &Model) -> Self {
        let mut instances = instances(config);
        let inside: u64 = instances.iter().map(|(part, n)| n * model.standing.get(part).map_or(0, |s| s.registers)).sum();
        instances.insert(Part::RegisterBit, register_bits(config).unwrap_or(inside).saturating_sub(inside));
        let standing = |of: &dyn Fn(&Standing) -> Option<f64>| {
            let there = instances.iter().filter(|&(_, &n)| n > 0);
            let each = there.map(|(part, &n)| Some(n as f64 * of(model.standing.get(part)?)?));
            let complete = each.clone().all(|figure| figure.is_some());
            (each.flatten().reduce(|sum, figure| sum + figure), complete)
        };
        // nW / MHz = fJ.
        let (nanowatts, complete) = standing(&|s| s.leakage_nw);
        let leakage = (nanowatts.map(|nanowatts| nanowatts / model.megahertz / 1000.0), complete);
        Self { clock: standing(&|s| s.clock_pj), leakage }
    }
}

/// Work, and the sum that its energy is added to.
struct Metered<'a> {
    model: &'a Model,
    work: &'a Work,
    sum: &'a mut Estimate,
}

impl Metered<'_> {
    /// So many times an event; one that happened and has no figure is noted. One of 0 pJ is part of another's figure, and so of its energy.
    fn event(&mut self, event: Event, times: f64) -> Option<f64> {
        let figure = self.model.event.get(&event).and_then(|cost| cost.at(self.work.mode));
        if figure.is_none() && times > 0.0 {
            self.sum.missing.insert(event.name());
        }
        figure.filter(|&pj| pj > 0.0).map(|pj| times * pj)
    }

    /// Bits of a memory in banks of so many bytes.
    fn memory(&self, bits_read: f64, bits_written: f64, bytes: usize) -> Option<f64> {
        let of = |access, bits: f64| self.model.memory.get(&access).map(|sram| bits * sram.at(bytes as f64 / 1024.0));
        Some(of(Access::Read, bits_read)? + of(Access::Write, bits_written)?)
    }

    fn meter(mut self, config: &ArrayConfig, blocks: &Blocks, derived: &Derived) {
        let Work { mode, counters, dram_bits } = *self.work;
        let count = |counter: Counter| counters[counter] as f64;
        let (rows, cols) = (config.rows as f64, config.cols as f64);
        let (busy, cycles) = (count(Counter::Busy), count(Counter::Cycles));
        let (words, values) = (count(Counter::Tiles) * rows * mode.act.lanes() as f64, cols * count(Counter::DrainReads));
        for (event, times, part) in [
            (Event::DramBit, dram_bits as f64, (|e| &mut e.dram) as fn(&mut Estimate) -> &mut Option<f64>),
            (Event::StreamBit, derived.stream_bits_in as f64 + derived.stream_bits_out as f64, |e| &mut e.streams),
            (Event::SwitchWord, cols * words, |e| &mut e.edges),
            (Event::ColumnSumWord, cols * words, |e| &mut e.edges),
            (Event::RowSumCycle, rows * busy, |e| &mut e.edges),
            (Event::PeCycle, rows * cols * busy, |e| &mut e.array),
            (Event::PeWeight, rows * cols * words, |e| &mut e.array),
            (Event::CombineCycle, cols * busy, |e| &mut e.sums),
            (Event::AccumulateCycle, cols * busy, |e| &mut e.sums),
            (Event::RequantizeValue, values, |e| &mut e.requantizers),
            // Each bank's sums pass by its own requantizer, if there is one for each.
            (Event::RequantizerCycle, cols * config.drain_banks as f64 * busy, |e| &mut e.requantizers),
        ] {
            let pj = self.event(event, times);
            add(part(self.sum), pj);
        }
        let bits = [
            (derived.activation_bits_read as f64, derived.activation_bits_written as f64, config.activation_lines),
            (derived.weight_bits_read as f64, derived.weight_bits_written as f64, config.weight_words * 4),
            (derived.accumulator_bits_read as f64, derived.accumulator_bits_written as f64, config.accumulator_rows * 4),
            (64.0 * values, derived.parameter_bits_written as f64, config.parameter_entries * 8),
        ];
        let [activations, weights, accumulators, parameters] =
            bits.map(|(read, written, bytes)| self.memory(read, written, bytes));
        add(&mut self.sum.activation_memory, activations);
        add(&mut self.sum.weight_memory, weights);
        add(&mut self.sum.accumulators, accumulators);
        add(&mut self.sum.parameter_memory, parameters);
        for (name, (pj, complete), part) in [
            ("clock_pj", blocks.clock, (|e| &mut e.clock) as fn(&mut Estimate) -> &mut Option<f64>),
            ("leakage_nw", blocks.leakage, |e| &mut e.leakage),
        ] {
            if !complete && cycles > 0.0 {
                self.sum.missing.insert(name);
            }
            add(part(self.sum), pj.map(|pj| pj * cycles));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
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
        near(found.array.unwrap(), 16.0 * 8.0 * 0.3625);
        near(found.edges.unwrap(), 4.0 * 16.0 * (0.03 + 0.25) + 4.0 * 8.0 * 0.1094);
        near(found.sums.unwrap(), 4.0 * 8.0 * (0.4375 + 0.4));
        near(found.requantizers.unwrap(), 4.0 * 3.0 * 2.344);
        let read = |kib: f64| model.memory[&Access::Read].at(kib);
        near(found.memories().unwrap(), 256.0 * read(1.0) + 384.0 * read(1.0) + 768.0 * read(0.5));
        near(found.dram.unwrap(), 3047.0);
        // What the source does not have is not 0, and is named.
        assert_eq!((found.streams, found.clock, found.leakage), (None, None, None));
        let missing = ["clock_pj", "leakage_nw", "pe_weight", "requantizer_cycle"];
        assert_eq!(found.missing, BTreeSet::from(missing));
        let known: f64 = found.parts().into_iter().flatten().sum();
        assert_eq!(found.total(), known);
        let mut twice = found.clone();
        twice += &found;
        assert_eq!((twice.array, twice.streams), (found.array.map(|pj| 2.0 * pj), None));
    }

    #[test]
    fn what_is_part_of_another_figure_is_neither_missing_nor_a_part_of_its_own() {
        let (model, config) = (Model::named("bitfusion-45nm").unwrap(), ArrayConfig::named("tiny").unwrap());
        let mut counters = Counters::default();
        (counters[Counter::Busy], counters[Counter::Tiles]) = (8, 2);
        let work = Work { mode: Mode::all().next().unwrap(), counters, dram_bits: 0 };
        let found = estimate(&model, &config, &[work]).unwrap();
        assert!((found.array.unwrap() - 16.0 * 8.0 * 0.459).abs() < 1e-9);
        assert_eq!(found.sums, None);
        assert!(!found.missing.contains("combine_cycle") && found.missing.contains("accumulate_cycle"));
    }

    #[test]
    fn deeper_machines_are_refused() {
        let model = Model::parse(include_str!("../../../energy/horowitz-45nm.toml"), Path::new("x")).unwrap();
        let config = ArrayConfig { depth: 2, ..ArrayConfig::named("tiny").unwrap() };
        let error = estimate(&model, &config, &[]).unwrap_err().to_string();
        assert_eq!(error, "configuration 'tiny': depth is 2, but energies are known of PEs of depth 1 only; give one of depth 1");
    }

    #[test]
    fn every_register_has_a_clock_and_leakage_takes_time() {
        let mut model = Model::parse(include_str!("../../../energy/horowitz-45nm.toml"), Path::new("x")).unwrap();
        let config = ArrayConfig::named("tiny").unwrap();
        for (part, standing) in &mut model.standing {
            let registers = if *part == Part::Pe { 100 } else { 1 };
            (standing.registers, standing.clock_pj, standing.leakage_nw) = (registers, Some(registers as f64), Some(500.0));
        }
        let mut counters = Counters::default();
        counters.0[Counter::Cycles as usize] = 10;
        let found = estimate(&model, &config, &[Work { mode: Mode::all().next().unwrap(), counters, dram_bits: 0 }]).unwrap();
        assert_eq!(found.clock, Some(10.0 * register_bits(&config).unwrap() as f64));
        let others = register_bits(&config).unwrap() - (1600 + 4 + 20);
        assert!(found.missing.iter().all(|name| !["clock_pj", "leakage_nw"].contains(name)), "{:?}", found.missing);
        // 500 nW at 500 MHz are 1 fJ a cycle; one of each: 16 PEs, 4 rows, 5 x 4 columns, and the other registers' bits.
        assert!((found.leakage.unwrap() - 10.0 * (16 + 4 + 20 + others) as f64 / 1000.0).abs() < 1e-9);
    }
    #[test]
    fn a_block_without_a_figure_makes_a_lower_bound() {
        let (mut model, config) = (Model::named("osu018").unwrap(), ArrayConfig::named("tiny").unwrap());
        let mut counters = Counters::default();
        counters[Counter::Cycles] = 10;
        let work = Work { mode: Mode::all().next().unwrap(), counters, dram_bits: 0 };
        let whole = estimate(&model, &config, &[work]).unwrap();
        assert!(whole.missing.is_empty());
        model.standing.get_mut(&Part::Pe).unwrap().clock_pj = None;
        let found = estimate(&model, &config, &[work]).unwrap();
        assert_eq!(found.missing, BTreeSet::from(["clock_pj"]));
        assert!(found.clock.unwrap() < whole.clock.unwrap());
    }

    /// What stands beside each other in wider machines: four switches on a bus of four words, four requantizers on four banks.
    #[test]
    fn wider_machines_have_more_of_what_is_wide() {
        let mut model = Model::named("osu018").unwrap();
        for (part, standing) in &mut model.standing {
            standing.clock_pj = Some(0.0);
            standing.leakage_nw = Some(match part {
                Part::PrecisionSwitch => 1e5,
                Part::Requantizer => 1e8,
                _ => 0.0,
            });
        }
        model.event.get_mut(&Event::RequantizerCycle).unwrap().pj = [("any".to_owned(), 7.0)].into();
        let mut counters = Counters::default();
        (counters[Counter::Cycles], counters[Counter::Busy]) = (1, 10);
        let work = Work { mode: Mode::all().next().unwrap(), counters, dram_bits: 0 };
        for (weight_bus, drain_banks) in [(1, 1), (2, 1), (4, 4)] {
            let config = ArrayConfig { weight_bus, drain_banks, ..ArrayConfig::named("tiny").unwrap() };
            let found = estimate(&model, &config, &[work]).unwrap();
            // At 100 MHz, 1e5 nW are 1 pJ a cycle; four columns.
            let expected = (4 * weight_bus + 4000 * drain_banks) as f64;
            assert!((found.leakage.unwrap() - expected).abs() < 1e-9, "{:?}, expected {expected}", found.leakage);
            assert_eq!(found.requantizers, Some(7.0 * 10.0 * 4.0 * drain_banks as f64));
        }
    }
}
