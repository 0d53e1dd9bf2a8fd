//! Zeros among weights: how many there are at each width, and what they change. Bit operations do not see them; toggles do.

use crate::error::EnergyError;
use crate::estimate::{Work, estimate};
use crate::model::Model;
use crate::workload::{Data, Mode, network};
use crumb::backend::Sim;
use crumb::energy::{Estimate, Observed, by_activity};
use crumb::network::Network;
use crumb::session::Session;
use crumb_arch::precision::{Rounding, WeightBits};
use crumb_arch::{ArrayConfig, WeightFormat};
use crumb_sim::activity::{Activity, Group};
use crumb_sim::vcd::WaveWindow;
use std::fmt::Write;
use std::sync::Arc;

/// Data of the table.
const DATA: [Data; 3] = [Data::Digits, Data::Pruned(50), Data::Pruned(75)];

/// Sets so many percent of each layer's weights to zero: those nearest to it, the first of equal ones first.
pub fn prune(network: &mut Network, percent: u8) {
    for layer in network.nodes.iter_mut().filter_map(|node| node.op.array_layer_mut()) {
        let mut weights = layer.weights.to_vec();
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by_key(|&index| weights[index].unsigned_abs());
        let zeros = weights.len() * usize::from(percent.min(100)) / 100;
        order[..zeros].iter().for_each(|&index| weights[index] = 0);
        layer.weights = Arc::from(weights);
    }
}

/// The share of a layer's stored weights that are zero once the precision switch has rounded them as Double Rounding does.
pub fn share(weights: &[i8], bits: WeightBits) -> f64 {
    let format = WeightFormat::top(bits, Rounding::HalfEven);
    weights.iter().filter(|&&weight| format.apply(weight) == 0).count() as f64 / weights.len().max(1) as f64
}

/// The share over all layers of the embedded network.
///
/// # Errors
/// If what is embedded is damaged.
pub fn of_network(data: Data, bits: WeightBits) -> Result<f64, String> {
    let digits = data.digits()?;
    let weights: Vec<i8> = digits.network.array_layers().flat_map(|(_, layer)| layer.weights.iter().copied()).collect();
    Ok(share(&weights, bits))
}

/// What an image took.
struct Line {
    mode: Mode,
    zeros: f64,
    bops: f64,
    /// Those with a weight that is not zero.
    nonzero_bops: f64,
    activity: Activity,
    by_events: Estimate,
    by_activity: Estimate,
}

fn line(config: &ArrayConfig, model: &Model, data: Data, mode: Mode) -> Result<Line, EnergyError> {
    let bad = |what: String| EnergyError::Workload { name: format!("{} {mode}", data.name()), what };
    let sim = Sim::new(config).map_err(|error| bad(error.to_string()))?.counting(WaveWindow::ALL);
    let layers = network(&mut Session::new(Box::new(sim)), data, mode, &|_| {}).map_err(bad)?;
    let digits = data.digits().map_err(bad)?;
    let zeros = of_network(data, mode.weight).map_err(bad)?;
    let mut line = Line {
        mode,
        zeros,
        bops: 0.0,
        nonzero_bops: 0.0,
        activity: Activity::default(),
        by_events: Estimate::default(),
        by_activity: Estimate::default(),
    };
    for (report, activity) in layers {
        let layer = digits.network.array_layers().find(|(_, layer)| layer.name == report.name);
        let zeros = layer.map_or(0.0, |(_, layer)| share(&layer.weights, mode.weight));
        line.bops += report.bops() as f64;
        line.nonzero_bops += report.bops() as f64 * (1.0 - zeros);
        line.activity += activity;
        let work = Work { mode, counters: report.counters, dram_bits: 0 };
        line.by_events += &estimate(model, config, &[work])?;
        line.by_activity += &by_activity(model, config, &[Observed { work, activity }])?;
    }
    Ok(line)
}

/// The table: an image of the embedded network, with its weights as they are and pruned, where both operands have one width, and with
/// activations of 8 bits.
///
/// # Errors
/// If a run fails, or the energy file does not say at what activity its figures hold.
pub fn report(config: &ArrayConfig, model: &Model) -> Result<String, EnergyError> {
    let mut text = format!(
        "one image of digits on '{}', energies of {}\n\n\
         weights            zeros        BOPs  of nonzero  toggles of  products |   array, nJ        ratio |     all, nJ          ratio\n\
         at zero      mode  %             k    weights, k  PEs, k    of them, k | events  activity         |  events  activity\n",
        config.name, model.name
    );
    for data in DATA {
        let modes = |mode: &Mode| mode.act.bits() == mode.weight.bits() || mode.act.bits() == 8;
        for mode in Mode::all().filter(modes) {
            let line = line(config, model, data, mode)?;
            let pes = [Group::PeActivations, Group::PeWeights, Group::PeProducts, Group::PePsums, Group::PeControl];
            let toggles: u64 = pes.iter().map(|&group| line.activity[group]).sum();
            let (events, activity) = (&line.by_events, &line.by_activity);
            let [array_events, array_activity] = [events, activity].map(|energy| energy.array.unwrap_or(f64::NAN));
            let _ = writeln!(
                text,
                "{:12} {:5} {:>5.1} {:>9.0} {:>13.0} {:>9.1} {:>13.1} | {:>6.0} {:>9.0} {:>6.3} | {:>7.0} {:>9.0} {:>6.3}",
                data.name(),
                line.mode.to_string(),
                100.0 * line.zeros,
                line.bops / 1000.0,
                line.nonzero_bops / 1000.0,
                toggles as f64 / 1000.0,
                line.activity[Group::PeProducts] as f64 / 1000.0,
                array_events / 1000.0,
                array_activity / 1000.0,
                array_activity / array_events,
                events.total() / 1000.0,
                activity.total() / 1000.0,
                activity.total() / events.total(),
            );
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_nearest_to_zero_go() {
        let weights = |data: Data| -> Vec<i8> {
            let digits = data.digits().unwrap();
            digits.network.array_layers().flat_map(|(_, layer)| layer.weights.to_vec()).collect()
        };
        let (all, half) = (weights(Data::Digits), weights(Data::Pruned(50)));
        assert_eq!(weights(Data::Pruned(0)), all);
        assert!(weights(Data::Pruned(100)).iter().all(|&weight| weight == 0));
        assert!(all.iter().zip(&half).all(|(all, half)| all == half || *half == 0));
        let digits = (Data::Digits.digits().unwrap(), Data::Pruned(50).digits().unwrap());
        for ((_, all), (_, half)) in digits.0.network.array_layers().zip(digits.1.network.array_layers()) {
            let kept = half.weights.iter().filter(|&&weight| weight != 0).map(|weight| weight.unsigned_abs()).min().unwrap();
            let gone = all.weights.iter().zip(&half.weights[..]).filter(|(all, half)| all != half);
            assert!(gone.map(|(all, _)| all.unsigned_abs()).max().unwrap() <= kept, "{}", all.name);
            assert_eq!(half.weights.iter().filter(|&&weight| weight == 0).count(), all.weights.len() / 2, "{}", all.name);
        }
    }

    #[test]
    fn zeros_are_those_after_the_switch() {
        // To 4 bits 8 rounds to even, 0, and 9 to 1; to 2 bits 32 rounds to 0.
        let weights = [0, 8, 9, -8, -9, 32, 33, 127];
        assert_eq!([WeightBits::W8, WeightBits::W4, WeightBits::W2].map(|bits| 8.0 * share(&weights, bits)), [1.0, 3.0, 6.0]);
        assert_eq!(share(&[], WeightBits::W8), 0.0);
    }
}
