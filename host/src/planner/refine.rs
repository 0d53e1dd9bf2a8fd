//! The best of many plans, measured: what a sum of single disturbances cannot foresee.
//!
//! ```text
//!   solutions of the program, next best ones ──┐
//!   uniform precisions ────────────────────────┼─within the budget──▶ measured on calibration data ──▶ best ──┐
//!   neighbours of the best: one or two widths ─┘                                                   ▲         │ better than before?
//!                                                                                                  └─────────┘
//! ```
//! With labels, the plan that classifies most calibration images correctly is best, of these the one of the least cross-entropy; without
//! labels, the one of the least loss. The result is never worse, on calibration data, than the program's solution or than any uniform
//! precision that takes no more.

use super::choices::{Assignment, Choices, Pair};
use super::error::PlannerError;
use super::loss::{Loss, Output, outputs};
use super::problem::{Problem, Solution};
use super::solve::several;
use crate::network::{Network, Tensor};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Solutions of the integer program that are measured.
const SOLUTIONS: usize = 8;
/// Plans that are measured for one budget, at most, beside these and the uniform ones.
const MOST_NEIGHBOURS: usize = 400;

/// What calibration data say of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Images that are classified wrongly; 0 without labels.
    pub wrong: usize,
    /// Cross-entropy of the labels; without labels, the loss.
    pub loss: f64,
}

impl Score {
    /// `Less` is better.
    fn order(&self, other: &Self) -> Ordering {
        self.wrong.cmp(&other.wrong).then(self.loss.total_cmp(&other.loss))
    }
}

/// Plans measured on calibration data, each once however many budgets ask for it.
pub struct Refiner<'a> {
    network: &'a Network,
    choices: &'a Choices,
    inputs: &'a [Tensor],
    labels: Option<&'a [i64]>,
    loss: Loss,
    wanted: Option<Output>,
    known: BTreeMap<Assignment, Score>,
}

impl<'a> Refiner<'a> {
    /// Nothing measured yet.
    pub const fn new(
        network: &'a Network,
        choices: &'a Choices,
        inputs: &'a [Tensor],
        labels: Option<&'a [i64]>,
        loss: Loss,
    ) -> Self {
        Self { network, choices, inputs, labels, loss, wanted: None, known: BTreeMap::new() }
    }

    /// The score of each plan, in their order; `done` is told of each plan that is measured.
    ///
    /// # Errors
    /// If a plan, the data or the labels are refused.
    pub fn scores(&mut self, plans: &[Assignment], done: &(dyn Fn() + Sync)) -> Result<Vec<Score>, PlannerError> {
        let widest = self.choices.widest();
        let mut new: Vec<&Assignment> = plans.iter().filter(|plan| !self.known.contains_key(*plan)).collect();
        new.sort_unstable();
        new.dedup();
        if self.wanted.is_none() {
            let wanted = outputs(self.network, self.inputs, &[self.choices.plan(&widest)], done)?.pop();
            self.wanted = Some(wanted.ok_or_else(|| PlannerError::Output { found: "missing".into() })?);
        }
        let files: Vec<_> = new.iter().map(|plan| self.choices.plan(plan)).collect();
        let found = outputs(self.network, self.inputs, &files, done)?;
        let scored: Vec<Score> = found.iter().map(|output| self.score(output)).collect::<Result<_, _>>()?;
        self.known.extend(new.into_iter().cloned().zip(scored));
        let none = Score { wrong: usize::MAX, loss: f64::INFINITY };
        Ok(plans.iter().map(|plan| self.known.get(plan).copied().unwrap_or(none)).collect())
    }

    fn score(&self, found: &Output) -> Result<Score, PlannerError> {
        let Some(wanted) = &self.wanted else { return Ok(Score { wrong: 0, loss: 0.0 }) };
        Ok(match self.labels {
            Some(labels) => {
                Score { wrong: labels.len() - found.correct(labels)?, loss: Loss::CrossEntropy.of(wanted, found, Some(labels))? }
            }
            None => Score { wrong: 0, loss: self.loss.of(wanted, found, None)? },
        })
    }

    /// The plan within a budget that is best on calibration data, of those that are tried; `None` if the budget admits none.
    ///
    /// # Errors
    /// If the solver fails, or a plan, the data or the labels are refused.
    pub fn best(&mut self, problem: &Problem, budget: u64, done: &(dyn Fn() + Sync)) -> Result<Option<Solution>, PlannerError> {
        let evaluate = |plan: &Assignment| problem.evaluate(&plan.acts, &plan.weights).filter(|found| found.cost <= budget);
        let uniform =
            [8, 4, 2].into_iter().flat_map(|act| self.choices.weight_widths.iter().map(move |&weight| Pair { act, weight }));
        let mut candidates: Vec<Solution> = uniform.filter_map(|pair| evaluate(&self.choices.uniform(pair))).collect();
        candidates.extend(several(problem, budget, SOLUTIONS)?);
        let mut best: Option<(Score, Solution)> = None;
        let mut measured = 0;
        while !candidates.is_empty() {
            let plans: Vec<Assignment> = candidates.iter().map(|candidate| candidate.assignment.clone()).collect();
            let scores = self.scores(&plans, done)?;
            let found = scores.into_iter().zip(candidates).min_by(|a, b| a.0.order(&b.0).then(a.1.cost.cmp(&b.1.cost)));
            let Some(found) = found.filter(|found| best.as_ref().is_none_or(|best| found.0.order(&best.0).is_lt())) else {
                break;
            };
            let mut around: Vec<Solution> = self.neighbours(&found.1.assignment).iter().filter_map(evaluate).collect();
            // The most promising first.
            around.sort_by_key(|solution| (solution.loss, solution.cost));
            around.truncate(MOST_NEIGHBOURS.saturating_sub(measured));
            measured += around.len();
            candidates = around;
            best = Some(found);
        }
        Ok(best.map(|(_, solution)| solution))
    }

    /// Assignments with one other width, and those with two.
    fn neighbours(&self, plan: &Assignment) -> Vec<Assignment> {
        let once = self.changed(plan);
        let mut all: Vec<Assignment> = once.iter().flat_map(|plan| self.changed(plan)).collect();
        all.extend(once);
        all.sort_unstable();
        all.dedup();
        all.retain(|found| found != plan);
        all
    }

    fn changed(&self, plan: &Assignment) -> Vec<Assignment> {
        let acts = self.choices.classes.iter().enumerate().flat_map(|(class, info)| info.widths.iter().map(move |&w| (class, w)));
        let acts = acts.map(|(class, width)| {
            let mut changed = plan.clone();
            changed.acts[class] = width;
            changed
        });
        let layers = 0..self.choices.layers.len();
        let weights = layers.flat_map(|layer| self.choices.weight_widths.iter().map(move |&width| (layer, width)));
        let weights = weights.map(|(layer, width)| {
            let mut changed = plan.clone();
            changed.weights[layer] = width;
            changed
        });
        acts.chain(weights).filter(|changed| changed != plan).collect()
    }
}
