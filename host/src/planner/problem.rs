//! The planner's problem in integers: options with a cost and a loss, of which a plan takes one for each layer.
//!
//! An option of a layer is a pair, together with the width of its results where the cost depends on that: the widths of two neighbouring
//! classes, which the solver has to keep consistent. Losses are integers too, [`RESOLUTION`] parts of the largest loss there can be, so that
//! sums and comparisons are exact and do not depend on their order.

use super::choices::{Assignment, Choices};
use super::costs::{CostTable, Metric, Point};
use super::error::PlannerError;
use super::sensitivity::Sensitivities;

/// Parts of the sum of the largest losses of all choices.
pub const RESOLUTION: f64 = (1u64 << 32) as f64;

/// One way to run a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Width of the class that it reads.
    pub act: u8,
    /// Width of its weights.
    pub weight: u8,
    /// Width of the class that it writes, where the cost depends on it.
    pub output: Option<u8>,
    /// What it costs, in counted units.
    pub cost: u64,
    /// What it loses, in parts.
    pub loss: i64,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerOptions {
    /// The class that it reads.
    pub input: usize,
    /// The class that it writes, where its cost depends on that one's width.
    pub output: Option<usize>,
    /// The ways to run it.
    pub choices: Vec<Choice>,
}

/// Everything that the solver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is limited.
    pub metric: Metric,
    /// Widths of each class, with the loss in parts of each.
    pub classes: Vec<Vec<(u8, i64)>>,
    /// Layers.
    pub layers: Vec<LayerOptions>,
}

/// A solution: an assignment, with its cost and its loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// What is chosen.
    pub assignment: Assignment,
    /// What it costs, in counted units.
    pub cost: u64,
    /// What it is predicted to lose, in parts.
    pub loss: i64,
}

impl Problem {
    /// The problem of a network with these costs and losses.
    ///
    /// # Errors
    /// If a cost is not known, or a loss or the sum of the largest ones is infinite or no number.
    pub fn new(
        choices: &Choices,
        costs: &CostTable<'_>,
        sensitivities: &Sensitivities,
        metric: Metric,
    ) -> Result<Self, PlannerError> {
        let scale = Scale::of(sensitivities).ok_or(PlannerError::Losses)?;
        let parts = |loss: f64| scale.parts(loss);
        let classes: Vec<Vec<(u8, i64)>> =
            sensitivities.base.iter().map(|base| base.iter().rev().map(|(&width, p)| (width, parts(p.loss))).collect()).collect();
        let mut layers = Vec::new();
        for (index, layer) in choices.layers.iter().enumerate() {
            let mut all = Vec::new();
            for (&pair, predicted) in sensitivities.excess[index].iter().rev() {
                let outputs = layer.output.map_or(&[8][..], |class| &choices.classes[class].widths);
                let allowed = |width: &&u8| layer.output.is_none_or(|class| sensitivities.base[class].contains_key(*width));
                for &width in outputs.iter().filter(allowed) {
                    let point = Point { pair, output: width.min(layer.output_bits) };
                    let cost = costs.cost(choices, metric, index, point)?;
                    all.push(Choice {
                        act: pair.act,
                        weight: pair.weight,
                        output: Some(width),
                        cost,
                        loss: parts(predicted.loss),
                    });
                }
            }
            let coupled = |a: &Choice| all.iter().any(|b| (a.act, a.weight) == (b.act, b.weight) && a.cost != b.cost);
            let output = layer.output.filter(|_| all.iter().any(coupled));
            if output.is_none() {
                all.iter_mut().for_each(|choice| choice.output = None);
                all.dedup();
            }
            layers.push(LayerOptions { input: layer.input, output, choices: undominated(all) });
        }
        Ok(Self { metric, classes, layers })
    }

    /// What an assignment costs and loses; `None` if it is none of this problem, or a sum leaves 64 bits.
    pub fn evaluate(&self, acts: &[u8], weights: &[u8]) -> Option<Solution> {
        let (mut cost, mut loss) = (0u64, 0i64);
        for (class, width) in self.classes.iter().zip(acts) {
            loss = loss.checked_add(class.iter().find(|(w, _)| w == width)?.1)?;
        }
        for (layer, &weight) in self.layers.iter().zip(weights) {
            let output = layer.output.and_then(|class| acts.get(class)).copied();
            let fits = |choice: &&Choice| {
                Some(&choice.act) == acts.get(layer.input) && choice.weight == weight && choice.output == output
            };
            let choice = layer.choices.iter().find(fits)?;
            cost = cost.checked_add(choice.cost)?;
            loss = loss.checked_add(choice.loss)?;
        }
        Some(Solution { assignment: Assignment { acts: acts.to_vec(), weights: weights.to_vec() }, cost, loss })
    }
}

/// What turns losses into parts.
pub(super) struct Scale {
    /// Sum of the largest losses of all choices: finite.
    largest: f64,
}

impl Scale {
    /// The scale of some losses; `None` if one of them or the sum of the largest ones is infinite or no number.
    pub(super) fn of(sensitivities: &Sensitivities) -> Option<Self> {
        let all = sensitivities.base.iter().flat_map(|base| base.values());
        // The largest number would hide what is none.
        let finite = all.chain(sensitivities.excess.iter().flat_map(|excess| excess.values())).all(|p| p.loss.is_finite());
        let losses = sensitivities.base.iter().map(|base| base.values().map(|p| p.loss.abs()).fold(0.0, f64::max));
        let excesses = sensitivities.excess.iter().map(|excess| excess.values().map(|p| p.loss.abs()).fold(0.0, f64::max));
        let largest: f64 = losses.chain(excesses).sum();
        (finite && largest.is_finite()).then_some(Self { largest })
    }

    /// A loss in parts.
    pub(super) fn parts(&self, loss: f64) -> i64 {
        if self.largest > 0.0 { (loss / self.largest * RESOLUTION).round() as i64 } else { 0 }
    }
}

/// Choices that no other of the same widths outside the layer beats in both cost and loss; of equals the widest weights stay.
fn undominated(choices: Vec<Choice>) -> Vec<Choice> {
    let beaten = |at: usize, a: &Choice| {
        choices.iter().enumerate().any(|(other, b)| {
            let same_place = (a.act, a.output) == (b.act, b.output);
            let no_worse = b.cost <= a.cost && b.loss <= a.loss;
            same_place && no_worse && (b.cost < a.cost || b.loss < a.loss || other < at)
        })
    };
    choices.iter().enumerate().filter(|(at, a)| !beaten(*at, a)).map(|(_, a)| *a).collect()
}
