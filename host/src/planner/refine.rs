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
use super::costs::CostTable;
use super::error::PlannerError;
use super::loss::{Loss, Output, outputs, reduced};
use super::problem::Problem;
use super::sensitivity::Sensitivities;
use super::solve::several;
use crate::network::{Network, Tensor};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Solutions of the integer program that are measured.
const SOLUTIONS: usize = 8;
/// Plans that are measured for one budget, at most, beside these and the uniform ones.
const MOST_NEIGHBOURS: usize = 200;

/// What calibration data say of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Images that are classified wrongly; 0 without labels.
    pub wrong: usize,
    /// Cross-entropy of the labels; without labels, the loss. Finite, as [`Loss::of`] gives it.
    pub loss: f64,
}

impl Score {
    /// `Less` is better.
    fn order(&self, other: &Self) -> Ordering {
        self.wrong.cmp(&other.wrong).then(self.loss.total_cmp(&other.loss))
    }
}

/// A plan, with what it costs and what calibration data say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refined {
    /// The plan.
    pub assignment: Assignment,
    /// What it costs, in counted units of the problem's metric.
    pub cost: u64,
    /// What calibration data say.
    pub score: Score,
}

/// A network, its data, and what is predicted of its plans.
#[derive(Clone, Copy)]
pub struct Grounds<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its choices.
    pub choices: &'a Choices,
    /// What they cost.
    pub costs: &'a CostTable<'a>,
    /// What they are predicted to lose: plans that are not in it are not tried.
    pub sensitivities: &'a Sensitivities,
    /// Calibration data.
    pub inputs: &'a [Tensor],
    /// Their labels.
    pub labels: Option<&'a [i64]>,
    /// How losses are measured without labels.
    pub loss: Loss,
}

/// Plans measured on calibration data, each once however many budgets ask for it.
pub struct Refiner<'a> {
    grounds: Grounds<'a>,
    wanted: Option<Output>,
    known: BTreeMap<Assignment, Score>,
}

impl<'a> Refiner<'a> {
    /// Nothing measured yet.
    pub const fn new(grounds: Grounds<'a>) -> Self {
        Self { grounds, wanted: None, known: BTreeMap::new() }
    }

    /// The score of each plan, in their order; `done` is told of each plan that is measured.
    ///
    /// # Errors
    /// If a plan, the data or the labels are refused.
    pub fn scores(&mut self, plans: &[Assignment], done: &(dyn Fn() + Sync)) -> Result<Vec<Score>, PlannerError> {
        let Grounds { network, choices, inputs, .. } = self.grounds;
        let mut new: Vec<&Assignment> = plans.iter().filter(|plan| !self.known.contains_key(*plan)).collect();
        new.sort_unstable();
        new.dedup();
        if self.wanted.is_none() {
            let wanted = outputs(network, inputs, &[choices.plan(&choices.widest())], done)?.pop();
            self.wanted = Some(wanted.ok_or_else(|| PlannerError::Output { found: "missing".into() })?);
        }
        let files: Vec<_> = new.iter().map(|plan| choices.plan(plan)).collect();
        let scored = reduced(network, inputs, &files, &|output| self.score(&output), done)?;
        self.known.extend(new.into_iter().cloned().zip(scored));
        let none = Score { wrong: usize::MAX, loss: f64::INFINITY };
        Ok(plans.iter().map(|plan| self.known.get(plan).copied().unwrap_or(none)).collect())
    }

    fn score(&self, found: &Output) -> Result<Score, PlannerError> {
        let Some(wanted) = &self.wanted else { return Ok(Score { wrong: 0, loss: 0.0 }) };
        Ok(match self.grounds.labels {
            Some(labels) => {
                Score { wrong: labels.len() - found.correct(labels)?, loss: Loss::CrossEntropy.of(wanted, found, Some(labels))? }
            }
            None => Score { wrong: 0, loss: self.grounds.loss.of(wanted, found, None)? },
        })
    }

    /// The plan within a budget that is best on calibration data, of those that are tried; `None` if the budget admits none.
    ///
    /// # Errors
    /// If the solver fails, or a plan, the data or the labels are refused.
    pub fn best(&mut self, problem: &Problem, budget: u64, done: &(dyn Fn() + Sync)) -> Result<Option<Refined>, PlannerError> {
        let Grounds { choices, costs, sensitivities, .. } = self.grounds;
        // The problem leaves out what is predicted to be beaten; costs and predictions are known of every plan.
        let allowed = |assignment: Assignment| {
            let cost = costs.of(choices, problem.metric, &assignment).ok()?.into_iter().try_fold(0u64, u64::checked_add)?;
            let predicted = sensitivities.of(choices, &assignment)?.loss;
            (cost <= budget).then_some((predicted, cost, assignment))
        };
        let weights = &choices.weight_widths;
        let uniform = [8, 4, 2].into_iter().flat_map(|act| weights.iter().map(move |&weight| Pair { act, weight }));
        let solutions = several(problem, budget, SOLUTIONS)?.into_iter().map(|solution| solution.assignment);
        let mut candidates: Vec<_> = solutions.chain(uniform.map(|pair| choices.uniform(pair))).filter_map(allowed).collect();
        let (mut best, mut measured) = (None::<Refined>, 0);
        while !candidates.is_empty() {
            let plans: Vec<Assignment> = candidates.iter().map(|(_, _, plan)| plan.clone()).collect();
            let scored = self.scores(&plans, done)?.into_iter().zip(candidates);
            let found = scored.min_by(|a, b| a.0.order(&b.0).then(a.1.1.cmp(&b.1.1)));
            let better = |score: &Score| best.as_ref().is_none_or(|best| score.order(&best.score).is_lt());
            let Some((score, (_, cost, assignment))) = found.filter(|(score, _)| better(score)) else { break };
            candidates = self.neighbours(&assignment).into_iter().filter_map(allowed).collect();
            // The most promising first.
            candidates.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            candidates.truncate(MOST_NEIGHBOURS.saturating_sub(measured));
            measured += candidates.len();
            best = Some(Refined { assignment, cost, score });
        }
        Ok(best)
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
        let acts = self
            .grounds
            .choices
            .classes
            .iter()
            .enumerate()
            .flat_map(|(class, info)| info.widths.iter().map(move |&w| (class, w)));
        let acts = acts.map(|(class, width)| {
            let mut changed = plan.clone();
            changed.acts[class] = width;
            changed
        });
        let layers = 0..self.grounds.choices.layers.len();
        let weights = layers.flat_map(|layer| self.grounds.choices.weight_widths.iter().map(move |&width| (layer, width)));
        let weights = weights.map(|(layer, width)| {
            let mut changed = plan.clone();
            changed.weights[layer] = width;
            changed
        });
        acts.chain(weights).filter(|changed| changed != plan).collect()
    }
}
