//! What plans really cost and lose, beside what was predicted: the machine runs them, and the reference on other data.

use super::choices::{Assignment, Choices};
use super::costs::{CostTable, Metric};
use super::error::PlannerError;
use super::loss::{Loss, Output, outputs, reduced};
use super::sensitivity::Sensitivities;
use crate::backend::{Backend, Sim};
use crate::network::machine::{LayerReport, MachineEngine};
use crate::network::{Contract, Network, Tensor, execute};
use crate::session::Session;
use crumb_arch::{ArrayConfig, Counter};
use serde::Serialize;

/// What every layer cost when a network ran on a fresh machine at an assignment, in the order of the layers.
///
/// # Errors
/// If the machine or the network refuses the run.
pub fn on_machine(
    config: &ArrayConfig,
    network: &Network,
    choices: &Choices,
    assignment: &Assignment,
    inputs: &[Tensor],
) -> Result<Vec<LayerReport>, PlannerError> {
    let backend: Box<dyn Backend> = Box::new(Sim::new(config)?);
    let mut session = Session::new(backend);
    let mut engine = MachineEngine::new(&mut session, network)?;
    execute(network, inputs, &choices.plan(assignment), &Contract, &mut engine)?;
    Ok(std::mem::take(&mut engine.reports))
}

/// A plan, predicted and measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The pair of each layer.
    pub pairs: Vec<String>,
    /// Cycles of the machine by the table of costs.
    pub predicted_cycles: u64,
    /// Cycles that the machine counted.
    pub measured_cycles: u64,
    /// Multiply-accumulates times the bits of both operands.
    pub bops: u64,
    /// Bytes of the weights at their widths.
    pub weight_bytes: u64,
    /// Energy in nanojoules, if it is known.
    pub energy_nj: Option<f64>,
    /// Loss on the calibration data as predicted; nothing if the sensitivities do not have the plan.
    pub predicted_loss: Option<f64>,
    /// Loss on the test data.
    pub measured_loss: f64,
    /// Share of images classified correctly, as predicted from calibration.
    pub predicted_accuracy: Option<f64>,
    /// The same on the test data.
    pub measured_accuracy: Option<f64>,
}

/// What is needed to predict and measure.
pub struct Measurement<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its choices.
    pub choices: &'a Choices,
    /// What they cost.
    pub costs: &'a CostTable<'a>,
    /// What they lose.
    pub sensitivities: &'a Sensitivities,
    /// What the machine runs.
    pub batch: &'a [Tensor],
    /// Test data.
    pub test: &'a [Tensor],
    /// Their labels.
    pub labels: Option<&'a [i64]>,
    /// How losses are measured.
    pub loss: Loss,
}

impl Measurement<'_> {
    /// Predicts and measures some plans; `done` is told of each run of the reference.
    ///
    /// # Errors
    /// If a plan, the data or the labels are refused.
    pub fn of(&self, assignments: &[Assignment], done: &(dyn Fn() + Sync)) -> Result<Vec<Outcome>, PlannerError> {
        let wanted = outputs(self.network, self.test, &[self.choices.plan(&self.choices.widest())], done)?.pop();
        let wanted = wanted.ok_or_else(|| PlannerError::Output { found: "missing".into() })?;
        let plans: Vec<_> = assignments.iter().map(|assignment| self.choices.plan(assignment)).collect();
        let on_test = |found: Output| {
            let images = |labels: &[i64]| labels.len().max(1) as f64;
            let accuracy = self.labels.map(|labels| Ok::<f64, PlannerError>(found.correct(labels)? as f64 / images(labels)));
            Ok((self.loss.of(&wanted, &found, self.labels)?, accuracy.transpose()?))
        };
        let found = reduced(self.network, self.test, &plans, &on_test, done)?;
        assignments.iter().zip(found).map(|(assignment, found)| self.outcome(assignment, found)).collect()
    }

    /// The outcome of a plan that has a loss and an accuracy on the test data.
    fn outcome(&self, assignment: &Assignment, (loss, accuracy): (f64, Option<f64>)) -> Result<Outcome, PlannerError> {
        let choices = self.choices;
        let total = |metric| Ok::<u64, PlannerError>(self.costs.of(choices, metric, assignment)?.iter().sum());
        let reports = on_machine(&self.costs.config, self.network, choices, assignment, self.batch)?;
        let energy = if self.costs.energy.is_some() { Some(total(Metric::Energy)? as f64 / 1e6) } else { None };
        Ok(Outcome {
            pairs: (0..choices.layers.len()).map(|layer| choices.pair(assignment, layer).to_string()).collect(),
            predicted_cycles: total(Metric::Cycles)?,
            measured_cycles: reports.iter().map(|report| report.counters[Counter::Cycles]).sum(),
            bops: total(Metric::Bops)?,
            weight_bytes: total(Metric::WeightBits)?.div_ceil(8),
            energy_nj: energy,
            predicted_loss: self.sensitivities.of(choices, assignment).map(|predicted| predicted.loss),
            measured_loss: loss,
            predicted_accuracy: self.sensitivities.accuracy_of(choices, assignment),
            measured_accuracy: accuracy,
        })
    }
}
