//! What each choice of each layer is predicted to lose.
//!
//! ```text
//!   predicted loss of a plan = sum over classes  base[class][A]  +  sum over layers  excess[layer][A][W]
//!
//!   base[c][A]      = loss with class c at A, all else at its widest
//!   excess[l][A][W] = loss with class of l at A and the weights of l at W, all else at its widest  -  base[class of l][A]
//! ```
//! For a class that one layer reads, base and excess add up to the loss of that layer at that pair. For a class that several layers read
//! the base counts once. The sum over layers takes their disturbances for independent, as HAWQ (arXiv 1911.03852) and its successors do.

use super::choices::{Assignment, Choices, Pair};
use super::error::PlannerError;
use super::loss::{Loss, Output, outputs, reduced};
use crate::network::{Network, Tensor};
use std::collections::BTreeMap;

/// Predicted losses.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensitivities {
    /// What it is that is lost, for tables.
    pub what: String,
    /// By activation width, indexed as [`Choices::classes`]; widths that are not there may not be chosen.
    pub base: Vec<BTreeMap<u8, Predicted>>,
    /// By pair, indexed as [`Choices::layers`]; pairs that are not there may not be chosen.
    pub excess: Vec<BTreeMap<Pair, Predicted>>,
    /// Share of the calibration images that all layers at their widest classify correctly, if there are labels.
    pub accuracy: Option<f64>,
}

/// What a choice adds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Predicted {
    /// To the loss.
    pub loss: f64,
    /// To the share of images that are classified wrongly.
    pub errors: f64,
}

impl std::ops::Sub for Predicted {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { loss: self.loss - other.loss, errors: self.errors - other.errors }
    }
}

/// Runs that [`Sensitivities::measured`] makes of a network.
pub fn runs(choices: &Choices) -> usize {
    assignments(choices).len() + 1
}

/// One for each entry of the tables: the layer of an excess, or the class of a base with the assignment.
fn assignments(choices: &Choices) -> Vec<(Entry, Assignment)> {
    let widest = choices.widest();
    let mut all = Vec::new();
    for (class, info) in choices.classes.iter().enumerate() {
        for &width in info.widths.iter().filter(|&&width| width != widest.acts[class]) {
            let mut assignment = widest.clone();
            assignment.acts[class] = width;
            all.push((Entry::Base(class, width), assignment));
        }
    }
    for (layer, info) in choices.layers.iter().enumerate() {
        for pair in choices.pairs(layer).filter(|pair| pair.weight != widest.weights[layer]) {
            let mut assignment = widest.clone();
            assignment.acts[info.input] = pair.act;
            assignment.weights[layer] = pair.weight;
            all.push((Entry::Excess(layer, pair), assignment));
        }
    }
    all
}

#[derive(Clone, Copy)]
enum Entry {
    Base(usize, u8),
    Excess(usize, Pair),
}

impl Sensitivities {
    /// Measures them: the network runs on calibration data at each choice of each layer, all else at its widest.
    ///
    /// # Errors
    /// If the network refuses the inputs, its output is not numbers, or there are not as many labels as images.
    pub fn measured(
        network: &Network,
        choices: &Choices,
        inputs: &[Tensor],
        labels: Option<&[i64]>,
        loss: Loss,
        done: &(dyn Fn() + Sync),
    ) -> Result<Self, PlannerError> {
        let entries = assignments(choices);
        let plans: Vec<_> = entries.iter().map(|(_, assignment)| choices.plan(assignment)).collect();
        let wanted = outputs(network, inputs, &[choices.plan(&choices.widest())], done)?.pop();
        let wanted = wanted.ok_or_else(|| PlannerError::Output { found: "missing".into() })?;
        let accuracy = |output: &Output| -> Result<Option<f64>, PlannerError> {
            let Some(labels) = labels else { return Ok(None) };
            Ok(Some(output.correct(labels)? as f64 / labels.len().max(1) as f64))
        };
        let best = accuracy(&wanted)?;
        let mut this = Self::zero(choices, format!("{} of the output", loss.name()));
        this.accuracy = best;
        let predict = |output: Output| {
            let errors = best.unwrap_or(0.0) - accuracy(&output)?.unwrap_or(0.0);
            Ok(Predicted { loss: loss.of(&wanted, &output, labels)?, errors })
        };
        let found = reduced(network, inputs, &plans, &predict, done)?;
        for ((entry, _), predicted) in entries.iter().zip(found) {
            match *entry {
                Entry::Base(class, width) => this.base[class].insert(width, predicted).map(drop),
                Entry::Excess(layer, pair) => this.excess[layer].insert(pair, predicted).map(drop),
            };
        }
        for (layer, info) in choices.layers.iter().enumerate() {
            let base = this.base[info.input].clone();
            for (pair, predicted) in &mut this.excess[layer] {
                if pair.weight != choices.weight_widths[0] {
                    *predicted = *predicted - base.get(&pair.act).copied().unwrap_or_default();
                }
            }
        }
        Ok(this)
    }

    /// Every choice allowed, and none loses anything.
    pub(super) fn zero(choices: &Choices, what: String) -> Self {
        let none = Predicted::default();
        let base = choices.classes.iter().map(|class| class.widths.iter().map(|&width| (width, none)).collect());
        let excess = (0..choices.layers.len()).map(|layer| choices.pairs(layer).map(|pair| (pair, none)).collect());
        Self { what, base: base.collect(), excess: excess.collect(), accuracy: None }
    }

    /// What an assignment is predicted to lose; `None` if it has a choice that may not be chosen.
    pub fn of(&self, choices: &Choices, assignment: &Assignment) -> Option<Predicted> {
        let mut sum = Predicted::default();
        let base = self.base.iter().zip(&assignment.acts).map(|(base, width)| base.get(width));
        let excess = (0..choices.layers.len()).map(|layer| self.excess[layer].get(&choices.pair(assignment, layer)));
        for predicted in base.chain(excess) {
            let predicted = predicted?;
            sum.loss += predicted.loss;
            sum.errors += predicted.errors;
        }
        Some(sum)
    }

    /// Share of images that an assignment is predicted to classify correctly, if there were labels.
    pub fn accuracy_of(&self, choices: &Choices, assignment: &Assignment) -> Option<f64> {
        Some((self.accuracy? - self.of(choices, assignment)?.errors).clamp(0.0, 1.0))
    }

    /// What a layer loses at a pair, all else at its widest.
    pub fn of_layer(&self, choices: &Choices, layer: usize, pair: Pair) -> Option<f64> {
        Some(self.base[choices.layers[layer].input].get(&pair.act)?.loss + self.excess[layer].get(&pair)?.loss)
    }
}
