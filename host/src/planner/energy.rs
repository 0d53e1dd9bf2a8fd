//! Energy of a layer's choices, by an energy file.

use super::choices::Pair;
use super::costs::EnergyModel;
use crate::energy::{Mode, Model, Work, estimate};
use crumb_arch::precision::{ActBits, WeightBits};
use crumb_arch::{ArrayConfig, Counters};

impl EnergyModel for Model {
    fn femtojoules(&self, config: &ArrayConfig, pair: Pair, counters: &Counters) -> Result<u64, String> {
        let act = ActBits::try_from(pair.act).map_err(|error| error.to_string())?;
        let weight = WeightBits::try_from(pair.weight).map_err(|error| error.to_string())?;
        // Weights are resident and activations stay on the streams' side: no external memory is assumed.
        let work = Work { mode: Mode { act, weight }, counters: *counters, dram_bits: 0 };
        let found = estimate(self, config, &[work]).map_err(|error| error.to_string())?;
        // A conversion of floats saturates.
        Ok((found.total() * 1000.0).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_arch::Counter;
    use std::path::Path;

    #[test]
    fn picojoules_become_femtojoules_once() {
        let model = Model::parse(include_str!("../../../energy/horowitz-45nm.toml"), Path::new("x")).unwrap();
        let config = ArrayConfig::named("tiny").unwrap();
        let mut counters = Counters::default();
        counters.0[Counter::Busy as usize] = 1;
        // A busy cycle of 4 x 4 PEs, 4 row sums, and 4 columns of combiners and accumulators, reading 4 x 8 bits of activations.
        let memory = 32.0 * model.memory[&crate::energy::vocabulary::Access::Read].at(config.activation_lines as f64 / 1024.0);
        let expected = 16.0 * 0.3625 + 4.0 * 0.1094 + 4.0 * (0.4375 + 0.4) + memory;
        let found = model.femtojoules(&config, Pair { act: 8, weight: 8 }, &counters).unwrap();
        assert_eq!(found, (expected * 1000.0).round() as u64);
        let deep = ArrayConfig { depth: 2, ..config };
        let refused = model.femtojoules(&deep, Pair { act: 8, weight: 8 }, &counters).unwrap_err();
        assert_eq!(
            refused,
            "configuration 'tiny': depth is 2, but energies are known of PEs of depth 1 only; give one of depth 1"
        );
    }
}
