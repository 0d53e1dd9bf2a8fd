//! What each choice of each layer costs: counters of the machine, and what follows from them.
//!
//! [`CostTable::estimated`] takes them from the estimate, which is exact and takes microseconds for a choice. [`CostTable::simulated`] walks
//! the network once and has the machine run every layer at every choice, on zeros, as counters do not depend on data: the same numbers, also
//! where shapes follow from values. [`CostTable::counted`] takes the first that there is; nothing else of the planner knows which it was.

use super::choices::{Assignment, Choices, Pair};
use super::error::PlannerError;
use crate::backend::{Backend, Sim};
use crate::estimate::network::{EstimateError, Mode, Model};
use crate::estimate::product::Costs;
use crate::network::machine::{MachineEngine, MachineRunError};
use crate::network::{
    Contract, Engine, LayerPrecision, Network, NetworkError, PrecisionPlan, Tensor, TensorData, Vectorised, Work, execute,
};
use crate::session::Session;
use crumb_arch::{ArrayConfig, Counter, Counters};
use std::collections::BTreeMap;

/// What a budget limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Clock cycles of the machine, from the first command of a layer to its last result, all layers.
    Cycles,
    /// Bit operations: multiply-accumulates times activation bits times weight bits.
    Bops,
    /// Bits of the weights at the widths at which they are used: the size of a model that stored no more. (Crumb itself keeps one int8
    /// copy.)
    WeightBits,
    /// Energy in femtojoules, each layer's rounded to one.
    Energy,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 4] = [Self::Cycles, Self::Bops, Self::WeightBits, Self::Energy];

    /// Its name in a budget.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Cycles => "cycles",
            Self::Bops => "bops",
            Self::WeightBits => "weight-bytes",
            Self::Energy => "energy",
        }
    }

    /// What is counted for each unit that a user sees: bits for a byte, femtojoules for a nanojoule.
    pub const fn per_unit(self) -> u64 {
        match self {
            Self::Cycles | Self::Bops => 1,
            Self::WeightBits => 8,
            Self::Energy => 1_000_000,
        }
    }

    /// One of what is counted, in words.
    pub const fn counted_unit(self) -> &'static str {
        match self {
            Self::Cycles => "one cycle",
            Self::Bops => "one bit operation",
            Self::WeightBits => "one bit",
            Self::Energy => "one femtojoule",
        }
    }

    /// A cost in the unit that a user sees; part of a byte counts as one.
    pub fn show(self, cost: u64) -> String {
        match self {
            Self::Cycles => format!("{cost} cycles"),
            Self::Bops => format!("{cost} BOPs"),
            Self::WeightBits => format!("{} bytes of weights", cost.div_ceil(8)),
            Self::Energy => format!("{:.3} nJ", cost as f64 / 1e6),
        }
    }
}

/// What turns counters into energy.
pub trait EnergyModel: Sync {
    /// Energy in femtojoules of what a machine counted while it worked with one pair of widths.
    ///
    /// # Errors
    /// A sentence that says why it is not known.
    fn femtojoules(&self, config: &ArrayConfig, pair: Pair, counters: &Counters) -> Result<u64, String>;
}

/// A layer's widths, with that of its results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Its operands' widths.
    pub pair: Pair,
    /// Its results' width.
    pub output: u8,
}

/// What one layer costs at each of its choices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerCosts {
    /// Multiply-accumulates that it needs; rows and columns of zero weights are not among them.
    pub macs: u64,
    /// Constant weights.
    pub weights: u64,
    /// What the machine counts.
    pub counters: BTreeMap<Point, Counters>,
}

/// What every layer costs.
pub struct CostTable<'a> {
    /// The machine.
    pub config: ArrayConfig,
    /// Indexed as [`Choices::layers`].
    pub layers: Vec<LayerCosts>,
    /// Energy, if it is wanted.
    pub energy: Option<&'a dyn EnergyModel>,
}

impl<'a> CostTable<'a> {
    /// Every choice of every layer, estimated if shapes alone say what it costs, otherwise simulated. `done` is told of each layer.
    ///
    /// # Errors
    /// If the network refuses the inputs, or the machine a layer.
    pub fn counted(
        config: &ArrayConfig,
        network: &Network,
        choices: &Choices,
        inputs: &[Tensor],
        done: &dyn Fn(),
    ) -> Result<Self, PlannerError> {
        match Self::estimated(config, network, choices, inputs, done) {
            Err(PlannerError::Estimate(EstimateError::Shape { .. } | EstimateError::ZeroPoint { .. })) => {
                Self::simulated(config, network, choices, inputs, done)
            }
            other => other,
        }
    }

    /// Estimates every choice of every layer for inputs of these shapes; `done` is told of each layer.
    ///
    /// # Errors
    /// If the network refuses the shapes, the machine a layer, or a layer has no estimate.
    pub fn estimated(
        config: &ArrayConfig,
        network: &Network,
        choices: &Choices,
        inputs: &[Tensor],
        done: &dyn Fn(),
    ) -> Result<Self, PlannerError> {
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|input| input.shape().to_vec()).collect();
        let plan = PrecisionPlan::default();
        let model = Model::new(network, &shapes, &plan, config)?;
        let mut known = Costs::new(config);
        let mut layers = Vec::with_capacity(choices.layers.len());
        for (index, layer) in choices.layers.iter().enumerate() {
            let mut costs = LayerCosts { weights: layer.weights, ..LayerCosts::default() };
            for pair in choices.pairs(index) {
                for output in choices.output_widths(index) {
                    let precision = LayerPrecision { weight_bits: pair.weight, act_bits: pair.act, ..LayerPrecision::default() };
                    let Some(work) = model.work(layer.node, Some(Mode { precision, output_bits: output }))? else { continue };
                    costs.macs = work.report.macs;
                    costs.counters.insert(Point { pair, output }, known.layer(&work)?.counters);
                }
            }
            layers.push(costs);
            done();
        }
        Ok(Self { config: config.clone(), layers, energy: None })
    }

    /// Counts every choice of every layer on the simulator, for inputs of these shapes; their values do not matter. `done` is told of
    /// each layer.
    ///
    /// # Errors
    /// If the network refuses the inputs, or the machine a layer.
    pub fn simulated(
        config: &ArrayConfig,
        network: &Network,
        choices: &Choices,
        inputs: &[Tensor],
        done: &dyn Fn(),
    ) -> Result<Self, PlannerError> {
        let backend: Box<dyn Backend> = Box::new(Sim::new(config)?);
        let mut session = Session::new(backend);
        let machine = MachineEngine::new(&mut session, network)?;
        let layers = choices.layers.iter().map(|layer| LayerCosts { weights: layer.weights, ..LayerCosts::default() }).collect();
        let mut probe = Probe { machine, choices, layers, done };
        execute(network, inputs, &PrecisionPlan::default(), &Contract, &mut probe)?;
        Ok(Self { config: config.clone(), layers: probe.layers, energy: None })
    }

    /// What a layer costs at a choice, in counted units of the metric.
    ///
    /// # Errors
    /// If it is not in the table, or energy is asked for and not known.
    pub fn cost(&self, choices: &Choices, metric: Metric, layer: usize, point: Point) -> Result<u64, PlannerError> {
        let refuse = |problem: &str| PlannerError::Cost {
            metric,
            layer: choices.layers[layer].name.clone(),
            problem: format!("{} with results of {} bits: {problem}", point.pair, point.output),
        };
        let costs = self.layers.get(layer).ok_or_else(|| refuse("the table has no such layer"))?;
        let counters = || costs.counters.get(&point).ok_or_else(|| refuse("it was not counted"));
        let Pair { act, weight } = point.pair;
        match metric {
            Metric::Cycles => Ok(counters()?[Counter::Cycles]),
            Metric::Bops => {
                let bits = u64::from(act) * u64::from(weight);
                costs.macs.checked_mul(bits).ok_or_else(|| refuse("it leaves 64 bits"))
            }
            Metric::WeightBits => costs.weights.checked_mul(u64::from(weight)).ok_or_else(|| refuse("it leaves 64 bits")),
            Metric::Energy => {
                let model = self.energy.ok_or_else(|| refuse("there is no energy model"))?;
                model.femtojoules(&self.config, point.pair, counters()?).map_err(|problem| refuse(&problem))
            }
        }
    }

    /// What each layer costs in an assignment.
    ///
    /// # Errors
    /// As [`CostTable::cost`].
    pub fn of(&self, choices: &Choices, metric: Metric, assignment: &Assignment) -> Result<Vec<u64>, PlannerError> {
        let point = |layer| Point { pair: choices.pair(assignment, layer), output: choices.output_width(assignment, layer) };
        (0..choices.layers.len()).map(|layer| self.cost(choices, metric, layer, point(layer))).collect()
    }
}

/// An engine that computes each layer once for the walk, and runs it on the machine at every choice.
struct Probe<'a, 'b> {
    machine: MachineEngine<'a>,
    choices: &'b Choices,
    layers: Vec<LayerCosts>,
    done: &'b dyn Fn(),
}

impl Engine for Probe<'_, '_> {
    type Error = MachineRunError;

    fn layer(&mut self, work: &Work<'_>) -> Result<(TensorData, Vec<i32>), MachineRunError> {
        if let Some(layer) = self.choices.layers.iter().position(|layer| layer.node == work.node) {
            self.count(layer, work)?;
            if work.part == 0 {
                (self.done)();
            }
        }
        Ok(Vectorised(&Contract).layer(work)?)
    }
}

impl Probe<'_, '_> {
    fn count(&mut self, layer: usize, work: &Work<'_>) -> Result<(), MachineRunError> {
        let input = zeros(work.input)?;
        for pair in self.choices.pairs(layer) {
            for output in self.choices.output_widths(layer) {
                let precision = LayerPrecision { weight_bits: pair.weight, act_bits: pair.act, ..work.precision };
                self.machine.reports.clear();
                self.machine.layer(&Work { input: &input, precision, important: None, output_bits: output, ..*work })?;
                let Some(report) = self.machine.reports.first() else { continue };
                let costs = &mut self.layers[layer];
                // A product of computed operands comes in parts: their sum is the layer's.
                let sum = costs.counters.entry(Point { pair, output }).or_default();
                sum.0.iter_mut().zip(report.counters.0).for_each(|(sum, count)| *sum += count);
                if costs.counters.len() == 1 {
                    costs.macs += report.macs;
                }
            }
        }
        Ok(())
    }
}

/// Zeros of a tensor's shape and type: integers of any width.
fn zeros(tensor: &Tensor) -> Result<Tensor, NetworkError> {
    let (dtype, count) = (tensor.dtype(), tensor.data().len());
    let data = TensorData::from_ints(dtype, std::iter::repeat_n(0, count)).unwrap_or(TensorData::empty(dtype));
    Tensor::new(tensor.shape().to_vec(), data)
}
