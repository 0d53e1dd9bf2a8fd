//! A network on a machine at one precision after the other: exactness against the reference, and what it costs.

use crate::network::machine::{LayerReport, MachineEngine, MachineRunError};
use crate::network::{Contract, Execution, Float32Arithmetic, Network, NetworkError, PrecisionPlan, Tensor, execute, run};
use crumb_arch::precision::{ActBits, WeightBits};
use crumb_arch::{ArrayConfig, Counter, Counters};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one run of a network cost, and whether it was exact. What a machine without a clock does not count is `None`.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// Name of the precision.
    pub precision: String,
    /// Inputs in the batch.
    pub images: usize,
    /// Right answers, where labels are known.
    pub correct: Option<usize>,
    /// Clock cycles, layer by layer, drains and loads included.
    pub cycles: Option<u64>,
    /// Multiply-accumulates that the network needs for the batch.
    pub macs: u64,
    /// `sum of macs * A * W`: bit operations in the sense of the mixed-precision literature.
    pub bops: u64,
    /// `macs / cycles`.
    pub macs_per_cycle: Option<f64>,
    /// Cycles that the full array would need for the useful MACs, over the cycles taken.
    pub utilisation: Option<f64>,
    /// Bits read from the weight memory.
    pub weight_bits_read: Option<u64>,
    /// Bytes of weights received on the stream during this run.
    pub weight_bytes_received: Option<u64>,
    /// Whether every tensor of the run equals the reference's, bit for bit.
    pub exact: bool,
    /// The first tensor that differs, if any.
    pub mismatch: Option<String>,
    /// What the machine counted.
    pub counters: Option<BTreeMap<&'static str, u64>>,
    /// Each layer.
    pub layers: Vec<LayerRow>,
}

/// What one layer cost.
#[derive(Clone, Debug, Serialize)]
pub struct LayerRow {
    /// Its name.
    pub name: String,
    /// `a4w2`.
    pub precision: String,
    /// Multiply-accumulates it needs.
    pub macs: u64,
    /// Clock cycles.
    pub cycles: Option<u64>,
    /// Cycles in which the array was busy.
    pub busy_cycles: Option<u64>,
    /// As in [`RunReport`].
    pub utilisation: Option<f64>,
    /// Whether the machine requantized its output.
    pub requantized_on_chip: bool,
}

/// Runs the network on the machine and on the reference and compares every tensor, bit for bit.
///
/// The machine computes by the contract's integers; the reference here by [`Float32Arithmetic`], which states the same rules a second
/// time in float32, so that a slip in the contract does not agree with itself.
///
/// # Errors
/// If either cannot run it.
pub fn measure(
    engine: &mut MachineEngine<'_>,
    config: &ArrayConfig,
    network: &Network,
    inputs: &[Tensor],
    name: &str,
    plan: &PrecisionPlan,
) -> Result<(RunReport, Execution), MachineRunError> {
    engine.reports.clear();
    let on_machine = execute(network, inputs, plan, &Contract, engine)?;
    let reports = std::mem::take(&mut engine.reports);
    let reference = run(network, inputs, plan, &Float32Arithmetic)?;
    let mismatch = first_mismatch(network, &on_machine, &reference);
    let images = inputs.first().and_then(|i| i.shape().first()).copied().unwrap_or(0);
    let clocked = engine.is_clocked();
    Ok((summarize(config, clocked, name, images, &reports, mismatch)?, on_machine))
}

/// The first tensor, or accumulators, in which two runs differ.
fn first_mismatch(network: &Network, a: &Execution, b: &Execution) -> Option<String> {
    let same = |a: &Option<Arc<Tensor>>, b: &Option<Arc<Tensor>>| match (a, b) {
        (Some(a), Some(b)) => a.same_bits(b),
        (a, b) => a.is_none() && b.is_none(),
    };
    let tensor = a.tensors.iter().zip(&b.tensors).position(|(a, b)| !same(a, b));
    // The machine reads accumulators out only where it does not requantize on chip.
    let sums = a.accumulators.iter().zip(&b.accumulators).position(|(a, b)| !a.is_empty() && a != b);
    tensor.map(|i| network.tensors[i].name.clone()).or_else(|| sums.map(|i| format!("accumulators of {}", network.nodes[i].name)))
}

fn ideal_cycles(config: &ArrayConfig, report: &LayerReport) -> Result<f64, NetworkError> {
    let (act, weight) = (ActBits::try_from(report.precision.act_bits), WeightBits::try_from(report.precision.weight_bits));
    let (Ok(act), Ok(weight)) = (act, weight) else {
        return Err(NetworkError::Layer { layer: report.name.clone(), problem: "its precision does not exist".into() });
    };
    Ok(report.macs as f64 / config.macs_per_cycle(act, weight) as f64)
}

/// `n` for each cycle, where cycles were counted.
fn per_cycle(n: f64, cycles: Option<u64>) -> Option<f64> {
    cycles.filter(|&cycles| cycles > 0).map(|cycles| n / cycles as f64)
}

fn summarize(
    config: &ArrayConfig,
    clocked: bool,
    name: &str,
    images: usize,
    reports: &[LayerReport],
    mismatch: Option<String>,
) -> Result<RunReport, MachineRunError> {
    let counted = |counters: &Counters, counter: Counter| clocked.then(|| counters[counter]);
    let mut total = Counters::default();
    let mut ideal = 0.0;
    let (mut macs, mut bops) = (0, 0);
    let mut layers = Vec::new();
    for report in reports {
        total.0.iter_mut().zip(report.counters.0).for_each(|(sum, value)| *sum += value);
        let layer_ideal = ideal_cycles(config, report)?;
        ideal += layer_ideal;
        macs += report.macs;
        bops += report.macs * u64::from(report.precision.act_bits) * u64::from(report.precision.weight_bits);
        let cycles = counted(&report.counters, Counter::Cycles);
        layers.push(LayerRow {
            name: report.name.clone(),
            precision: format!("a{}w{}", report.precision.act_bits, report.precision.weight_bits),
            macs: report.macs,
            cycles,
            busy_cycles: counted(&report.counters, Counter::Busy),
            utilisation: per_cycle(layer_ideal, cycles),
            requantized_on_chip: report.requantized_on_chip,
        });
    }
    let cycles = counted(&total, Counter::Cycles);
    let derived = clocked.then(|| total.derived(config));
    Ok(RunReport {
        precision: name.to_owned(),
        images,
        correct: None,
        cycles,
        macs,
        bops,
        macs_per_cycle: per_cycle(macs as f64, cycles),
        utilisation: per_cycle(ideal, cycles),
        weight_bits_read: derived.map(|d| d.weight_bits_read),
        weight_bytes_received: derived.map(|d| d.weight_bits_written / 8),
        exact: mismatch.is_none(),
        mismatch,
        counters: clocked.then(|| total.iter().map(|(counter, value)| (counter.name(), value)).collect()),
        layers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::DType;
    use crate::network::{TensorData, TensorInfo};

    fn execution(values: Vec<f32>) -> Execution {
        let mut network = network();
        network.tensors[0].constant = Some(Arc::new(Tensor::new(vec![values.len()], TensorData::F32(values)).unwrap()));
        run(&network, &[], &PrecisionPlan::default(), &Contract).unwrap()
    }

    fn network() -> Network {
        let info = TensorInfo { name: "t".into(), dtype: DType::F32, shape: None, quant: None, bits: 8, constant: None };
        Network { tensors: vec![info], ..Network::default() }
    }

    #[test]
    fn floats_are_compared_by_their_bits() {
        let differs = |a: Vec<f32>, b: Vec<f32>| first_mismatch(&network(), &execution(a), &execution(b));
        assert_eq!(differs(vec![f32::NAN, 1.0], vec![f32::NAN, 1.0]), None);
        assert_eq!(differs(vec![0.0], vec![-0.0]).as_deref(), Some("t"));
        assert_eq!(differs(vec![f32::NAN], vec![-f32::NAN]).as_deref(), Some("t"));
        assert_eq!(differs(vec![1.0], vec![1.0, 1.0]).as_deref(), Some("t"));
    }
}
