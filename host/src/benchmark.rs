//! A network on a machine at one precision after the other: exactness against the reference, and what it costs.

use crate::network::machine::{LayerReport, MachineEngine, MachineRunError};
use crate::network::{
    Contract, Execution, Float32Arithmetic, Lowering, Network, NetworkError, Node, Op, PlainLoops, PrecisionPlan, Tensor,
    TensorId, Watched, Work, execute,
};
use crumb_arch::{ArrayConfig, Counter, Counters, Derived};
use crumb_sim::activity::Activity;
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
    /// Whether every tensor of the run equals the reference's, bit for bit.
    pub exact: bool,
    /// The first tensor that differs, if any.
    pub mismatch: Option<String>,
    /// What the machine counted.
    pub counters: Option<BTreeMap<&'static str, u64>>,
    /// What follows from that: bits moved in every memory and on the streams.
    pub derived: Option<Derived>,
    /// Each layer.
    pub layers: Vec<LayerRow>,
    /// What the host computed.
    pub host: HostWork,
    /// What the machine reported of each layer, counter by counter.
    #[serde(skip)]
    pub reports: Vec<LayerReport>,
    /// What toggled in each layer, where that is counted.
    #[serde(skip)]
    pub activities: Vec<Activity>,
}

/// What the host computed between the array's layers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HostWork {
    /// Operators and how many of each.
    pub operators: BTreeMap<&'static str, usize>,
    /// Elements that they put out.
    pub elements: u64,
    /// Multiply-accumulates of products of floats.
    pub macs: u64,
}

impl HostWork {
    fn of(network: &Network, execution: &Execution) -> Self {
        let mut work = Self::default();
        let shape = |id: &TensorId| execution.tensors[id.0].as_ref().map_or(&[][..], |tensor| tensor.shape());
        for node in &network.nodes {
            let Op::Host(host) = &node.op else { continue };
            *work.operators.entry(host.kind()).or_default() += 1;
            let outputs = node.outputs.iter().map(|id| shape(id).iter().product::<usize>() as u64);
            work.elements += outputs.sum::<u64>();
            let inputs: Vec<&[usize]> = node.inputs.iter().map(|id| id.as_ref().map_or(&[][..], shape)).collect();
            work.macs += host.macs(&inputs, node.outputs.first().map_or(&[], shape));
        }
        work
    }
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
    /// Bit operations, as in [`RunReport`].
    pub bops: u64,
    /// Input channels at 8 bits, and all of them, where not all have the precision's width.
    pub important_channels: Option<[usize; 2]>,
    /// Why its sums were read out, if the machine did not requantize them.
    pub read_out: Option<String>,
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
    watched(engine, config, network, inputs, name, plan, &|_| {})
}

/// The same, telling `done` of the multiply-accumulates of each layer as it is computed, by the machine and again by the reference.
///
/// # Errors
/// If either cannot run it.
pub fn watched(
    engine: &mut MachineEngine<'_>,
    config: &ArrayConfig,
    network: &Network,
    inputs: &[Tensor],
    name: &str,
    plan: &PrecisionPlan,
    done: &dyn Fn(u64),
) -> Result<(RunReport, Execution), MachineRunError> {
    // Products of computed operands are not among those that `watched_macs` counts.
    let counted = |work: &Work<'_>| !matches!(network.nodes[work.node].op, Op::MatMul(_));
    let told = |work: &Work<'_>| done(if counted(work) { macs(work.op, work.input.shape()) } else { 0 });
    engine.reports.clear();
    engine.activities.clear();
    let on_machine = execute(network, inputs, plan, &Contract, &mut Watched::new(engine, &told))?;
    let reports = std::mem::take(&mut engine.reports);
    let mut plain = PlainLoops(&Float32Arithmetic);
    let reference = execute(network, inputs, plan, &Float32Arithmetic, &mut Watched::new(&mut plain, &told))?;
    let mismatch = first_mismatch(network, &on_machine, &reference);
    let images = inputs.first().and_then(|i| i.shape().first()).copied().unwrap_or(0);
    let clocked = engine.is_clocked();
    let mut report = summarize(config, clocked, name, images, &reports, mismatch);
    report.host = HostWork::of(network, &on_machine);
    report.reports = reports;
    report.activities = std::mem::take(&mut engine.activities);
    Ok((report, on_machine))
}

fn macs(op: &Op, input: &[usize]) -> u64 {
    Lowering::of(op, input).and_then(Result::ok).map_or(0, |lowering| lowering.macs())
}

/// Multiply-accumulates that [`watched`] tells of for inputs of these shapes, products of computed operands aside.
///
/// # Errors
/// If the shapes do not fit the network.
pub fn watched_macs(network: &Network, inputs: &[Tensor]) -> Result<u64, NetworkError> {
    let known = network.known(&inputs.iter().map(|input| input.shape().to_vec()).collect::<Vec<_>>())?;
    let layer = |node: &Node| {
        let input = node.inputs.first().copied().flatten().and_then(|id| known[id.0].sizes());
        input.map_or(0, |shape| macs(&node.op, &shape))
    };
    Ok(2 * network.nodes.iter().map(layer).sum::<u64>())
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

/// Cycles that the array would need if every brick were busy: 64 bit operations for each PE and cycle.
fn ideal_cycles(config: &ArrayConfig, report: &LayerReport) -> f64 {
    report.lane_bops() as f64 / config.bops_per_cycle() as f64
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
) -> RunReport {
    let counted = |counters: &Counters, counter: Counter| clocked.then(|| counters[counter]);
    let mut total = Counters::default();
    let mut ideal = 0.0;
    let (mut macs, mut bops) = (0, 0);
    let mut layers = Vec::new();
    for report in reports {
        total.0.iter_mut().zip(report.counters.0).for_each(|(sum, value)| *sum += value);
        let layer_ideal = ideal_cycles(config, report);
        ideal += layer_ideal;
        macs += report.macs;
        bops += report.bops();
        let cycles = counted(&report.counters, Counter::Cycles);
        layers.push(LayerRow {
            name: report.name.clone(),
            precision: report.precision(),
            macs: report.macs,
            cycles,
            busy_cycles: counted(&report.counters, Counter::Busy),
            utilisation: per_cycle(layer_ideal, cycles),
            bops: report.bops(),
            important_channels: report.important,
            read_out: report.read_out.map(|reason| reason.to_string()),
        });
    }
    let cycles = counted(&total, Counter::Cycles);
    RunReport {
        precision: name.to_owned(),
        images,
        correct: None,
        cycles,
        macs,
        bops,
        macs_per_cycle: per_cycle(macs as f64, cycles),
        utilisation: per_cycle(ideal, cycles),
        exact: mismatch.is_none(),
        mismatch,
        counters: clocked.then(|| total.iter().map(|(counter, value)| (counter.name(), value)).collect()),
        derived: clocked.then(|| total.derived(config)).flatten(),
        layers,
        host: HostWork::default(),
        reports: Vec::new(),
        activities: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::DType;
    use crate::network::{TensorData, TensorInfo, run};

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
