//! The energy of an estimate: what it counted, times an energy file.

use super::{LayerEstimate, NetworkEstimate, Summary};
use crate::energy::{EnergyError, Estimate, Mode, Model, Work, estimate};
use crate::estimate::product::ActShare;
use crumb_arch::precision::{ActBits, PrecisionError, WeightBits};
use crumb_arch::{ArrayConfig, Counter};

/// Why an estimate has no energy.
#[derive(Debug, thiserror::Error)]
pub enum NetworkEnergyError {
    /// The energy file is not of such a machine.
    #[error(transparent)]
    Energy(#[from] EnergyError),
    /// A width does not exist.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
}

impl NetworkEstimate {
    /// Adds the energy of each layer, and their sum. All that crosses the streams comes from external memory or goes there.
    ///
    /// # Errors
    /// If the file's figures are not of such a machine.
    pub fn add_energy(&mut self, model: &Model, config: &ArrayConfig) -> Result<(), NetworkEnergyError> {
        let mut total = Estimate::default();
        for layer in &mut self.layers {
            let energy = of_layer(layer, model, config)?;
            total += &energy;
            layer.cost.energy = Some(energy);
        }
        self.total.energy = Some(total);
        Ok(())
    }
}

/// A layer's energy, in the cycles that it takes with its DRAM. Where important channels have wider activations, their tiles and busy cycles have the energies of that width.
fn of_layer(layer: &LayerEstimate, model: &Model, config: &ArrayConfig) -> Result<Estimate, NetworkEnergyError> {
    let Summary { counters, traffic, cycles, .. } = layer.cost;
    let weight = WeightBits::try_from(layer.weight_bits)?;
    let act = ActBits::try_from(layer.act_bits)?;
    let mut counters = counters;
    counters[Counter::Cycles] = cycles;
    let mut work = vec![Work { mode: Mode { act, weight }, counters, dram_bits: 8 * traffic.dram_bytes }];
    for (other, ActShare { tiles, busy_cycles }) in ActBits::ALL.into_iter().zip(layer.by_act) {
        if other != act && tiles > 0 {
            let mut share = Work { mode: Mode { act: other, weight }, counters: Default::default(), dram_bits: 0 };
            for (counter, count) in [(Counter::Tiles, tiles), (Counter::Busy, busy_cycles)] {
                share.counters[counter] = count;
                work[0].counters[counter] -= count;
            }
            work.push(share);
        }
    }
    Ok(estimate(model, config, &work)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits;
    use crate::energy::vocabulary::Event;
    use crate::estimate::network::{Dram, Workload};
    use crate::estimate::product::Costs;
    use crate::network::{LayerPrecision, PrecisionPlan};

    fn digits(important: &[usize], act_bits: u8) -> NetworkEstimate {
        let network = digits::load().unwrap().network;
        let config = ArrayConfig::named("small").unwrap();
        let mut plan = PrecisionPlan::uniform(LayerPrecision { act_bits, ..LayerPrecision::default() });
        if !important.is_empty() {
            plan.important.insert("conv2".into(), important.to_vec());
        }
        let workload = Workload::of_network(&network, &[vec![1, 1, 8, 8]], &plan, &config).unwrap();
        let mut estimate = Costs::new(&config).network(&workload, None).unwrap();
        estimate.add_energy(&Model::named("osu018").unwrap(), &config).unwrap();
        estimate
    }

    #[test]
    fn layers_add_up_and_dram_is_what_crosses_the_streams() {
        let estimate = digits(&[], 4);
        let energy = estimate.total.energy.clone().unwrap();
        let sum: f64 = estimate.layers.iter().map(|layer| layer.cost.energy.as_ref().unwrap().total()).sum();
        assert!((energy.total() - sum).abs() < 1e-6 * sum);
        assert!((energy.dram.unwrap() - 30.47 * 8.0 * estimate.total.traffic.dram_bytes as f64).abs() < 1e-3);
        assert!(energy.missing.is_empty());
    }

    /// Important channels are computed at 8 bits: the array's energy is that of both widths' busy cycles and weights.
    #[test]
    fn two_activation_widths_have_their_own_energies() {
        let estimate = digits(&[0, 3, 5], 4);
        let layer = &estimate.layers[1];
        let [wide, narrow, none] = layer.by_act;
        assert_eq!((layer.precision.as_str(), none), ("a8/4w8", ActShare::default()));
        assert!(wide.tiles > 0 && narrow.tiles > 0);
        assert_eq!(wide.tiles + narrow.tiles, layer.cost.counters[Counter::Tiles]);
        assert_eq!(wide.busy_cycles + narrow.busy_cycles, layer.cost.counters[Counter::Busy]);
        // 64 PEs; a tile is 8 words at 8 bits, 16 at 4.
        let model = Model::named("osu018").unwrap();
        let of = |share: ActShare, act, words: f64| {
            let figure = |event| model.event[&event].at(Mode { act, weight: WeightBits::W8 }).unwrap();
            let (cycle, word) = (figure(Event::PeCycle), figure(Event::PeWeight));
            64.0 * (share.busy_cycles as f64 * cycle + share.tiles as f64 * words * word)
        };
        let expected = of(wide, ActBits::A8, 8.0) + of(narrow, ActBits::A4, 16.0);
        let found = layer.cost.energy.as_ref().unwrap().array.unwrap();
        assert!((found - expected).abs() < 1e-9 * expected, "{found}, expected {expected}");
    }

    #[test]
    fn deeper_machines_have_no_energy() {
        let mut estimate = digits(&[], 8);
        let config = ArrayConfig { depth: 2, ..ArrayConfig::named("small").unwrap() };
        let error = estimate.add_energy(&Model::named("osu018").unwrap(), &config).unwrap_err().to_string();
        assert!(error.contains("depth is 2"), "{error}");
    }

    /// Waiting for DRAM takes clock and leakage, and nothing else.
    #[test]
    fn a_slow_dram_costs_clock_and_leakage() {
        let network = digits::load().unwrap().network;
        let config = ArrayConfig::named("small").unwrap();
        let workload = Workload::of_network(&network, &[vec![1, 1, 8, 8]], &PrecisionPlan::default(), &config).unwrap();
        let energy = |dram| {
            let mut estimate = Costs::new(&config).network(&workload, dram).unwrap();
            estimate.add_energy(&Model::named("osu018").unwrap(), &config).unwrap();
            (estimate.total.cycles as f64, estimate.total.energy.unwrap())
        };
        let ((cycles, fast), (more, slow)) = (energy(None), energy(Some(Dram { bytes_per_cycle: 0.05 })));
        assert!(more > 2.0 * cycles);
        for of in [|e: &Estimate| e.clock, |e: &Estimate| e.leakage] {
            let (fast, slow) = (of(&fast).unwrap(), of(&slow).unwrap());
            assert!((slow / fast - more / cycles).abs() < 1e-9, "{slow} {fast}");
        }
        assert_eq!((slow.array, slow.memories(), slow.dram), (fast.array, fast.memories(), fast.dram));
    }
}
