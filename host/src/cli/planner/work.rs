//! Plans within budgets, and what is said of them.

use super::data::Data;
use super::report::{Against, LayerRow, Report, Row};
use crate::cli::files::at;
use crate::cli::{Failure, progress};
use crate::planner::loss::Loss;
use crate::planner::measure::{Measurement, on_machine};
use crate::planner::solve::{cheapest, solve};
use crate::planner::{
    Assignment, Budget, Choices, CostTable, Grounds, Metric, Pair, PlannerError, Problem, Refiner, Sensitivities,
};
use crumb_arch::Counter;
use std::collections::BTreeSet;

/// What planning works with, once everything is counted and measured.
pub struct Planner<'a> {
    pub data: &'a Data,
    pub choices: Choices,
    pub costs: CostTable<'a>,
    pub sensitivities: Sensitivities,
    pub loss: Loss,
    /// Plans as the program solves them.
    pub predicted_only: bool,
}

impl Planner<'_> {
    /// A report without plans.
    pub fn report(&self, config: &crumb_arch::ArrayConfig, metric: Metric) -> Result<Report, Failure> {
        let full = self.costs.of(&self.choices, metric, &self.choices.widest())?.iter().sum();
        Ok(Report {
            model: self.data.name.clone(),
            config: config.name.clone(),
            batch: self.data.images,
            calibration_images: self.data.calibration_images(),
            test: self.data.test_phrase(),
            loss: self.sensitivities.what.clone(),
            metric: metric.key(),
            full,
            shown: metric,
            budget: None,
            layers: Vec::new(),
            plan: None,
            front: Vec::new(),
            against: Vec::new(),
        })
    }

    pub fn within(&self, problem: &Problem, budget: Budget, full: u64) -> Result<(Assignment, u64), Failure> {
        let limit = budget.limit(full);
        if let Some(found) = self.best(problem, &[limit])?.pop().flatten() {
            return Ok(found);
        }
        let least = cheapest(problem)?.ok_or_else(|| PlannerError::Solver("no choice of widths is consistent".into()))?.cost;
        Err(PlannerError::Infeasible { metric: budget.metric, budget: limit, least, full }.into())
    }

    /// The best plan within each of some budgets: as the program solves it, or as calibration data say.
    fn best(&self, problem: &Problem, limits: &[u64]) -> Result<Vec<Option<(Assignment, u64)>>, Failure> {
        if self.predicted_only {
            let solved = |&limit: &u64| Ok(solve(problem, limit)?.map(|found| (found.assignment, found.cost)));
            return Ok(limits.iter().map(solved).collect::<Result<_, PlannerError>>()?);
        }
        let mut refiner = Refiner::new(Grounds {
            network: &self.data.network,
            choices: &self.choices,
            costs: &self.costs,
            sensitivities: &self.sensitivities,
            inputs: &self.data.calibration,
            labels: self.data.labels.as_deref(),
            loss: self.loss,
        });
        let bar = progress::spinner();
        bar.set_message("plans measured on calibration data");
        let found: Result<Vec<_>, PlannerError> =
            limits.iter().map(|&limit| refiner.best(problem, limit, &|| bar.inc(1))).collect();
        bar.finish_and_clear();
        let found = found.map_err(at(&self.data.name))?;
        Ok(found.into_iter().map(|found| found.map(|found| (found.assignment, found.cost))).collect())
    }

    pub fn layers(&self, assignment: &Assignment) -> Result<Vec<LayerRow>, Failure> {
        let choices = &self.choices;
        let predicted = self.costs.of(choices, Metric::Cycles, assignment)?;
        let measured = on_machine(&self.costs.config, &self.data.network, choices, assignment, &self.data.batch)?;
        let total: u64 = predicted.iter().sum();
        let row = |layer: usize| {
            let pair = choices.pair(assignment, layer);
            LayerRow {
                name: choices.layers[layer].name.clone(),
                macs: self.costs.layers[layer].macs,
                pair: pair.to_string(),
                output_bits: choices.output_width(assignment, layer),
                loss: self.sensitivities.of_layer(choices, layer, pair),
                predicted_cycles: predicted[layer],
                measured_cycles: measured.get(layer).map_or(0, |report| report.counters[Counter::Cycles]),
                share: predicted[layer] as f64 / total.max(1) as f64,
            }
        };
        Ok((0..choices.layers.len()).map(row).collect())
    }

    /// Assignments predicted and measured, on all cores.
    pub fn rows(&self, named: &[(String, Assignment)]) -> Result<Vec<Row>, Failure> {
        let measurement = Measurement {
            network: &self.data.network,
            choices: &self.choices,
            costs: &self.costs,
            sensitivities: &self.sensitivities,
            batch: &self.data.batch,
            test: self.data.test.as_deref().unwrap_or(&self.data.calibration),
            labels: self.data.test_labels(),
            loss: self.loss,
        };
        let assignments: Vec<Assignment> = named.iter().map(|(_, assignment)| assignment.clone()).collect();
        let bar = progress::bar(assignments.len() + 1);
        bar.set_message("plans measured");
        let outcomes = measurement.of(&assignments, &|| bar.inc(1));
        bar.finish_and_clear();
        let names = named.iter().map(|(name, _)| name.clone());
        Ok(names.zip(outcomes.map_err(at(&self.data.name))?).map(|(name, outcome)| Row { name, outcome }).collect())
    }

    /// For the cost of each uniform precision: the best uniform ones that take no more, and the plan. The best are chosen by the test data,
    /// which the plan has not seen.
    pub fn against_uniform(&self, problem: &Problem) -> Result<Vec<Against>, Failure> {
        let acts = [8, 4, 2];
        let pairs = acts.iter().flat_map(|&act| self.choices.weight_widths.iter().map(move |&weight| Pair { act, weight }));
        let uniform: Vec<_> = pairs.map(|pair| (pair.to_string(), self.choices.uniform(pair))).collect();
        let costs: Result<Vec<u64>, PlannerError> =
            uniform.iter().map(|(_, a)| Ok(self.costs.of(&self.choices, problem.metric, a)?.iter().sum())).collect();
        let costs = costs?;
        let limits: BTreeSet<u64> = costs.iter().copied().collect();
        let measured = self.rows(&uniform)?;
        let mut plans = Vec::new();
        let limits: Vec<u64> = limits.into_iter().collect();
        for (limit, found) in limits.iter().zip(self.best(problem, &limits)?) {
            plans.extend(found.map(|(assignment, _)| (*limit, assignment)));
        }
        let named: Vec<_> = plans.iter().map(|(limit, plan)| (problem.metric.show(*limit), plan.clone())).collect();
        let rows = self.rows(&named)?;
        let affordable = |limit: u64| measured.iter().zip(&costs).filter(move |(_, cost)| **cost <= limit).map(|(row, _)| row);
        let loss = |a: &&Row, b: &&Row| a.outcome.measured_loss.total_cmp(&b.outcome.measured_loss);
        let accuracy = |row: &Row| row.outcome.measured_accuracy.unwrap_or(0.0);
        let against = plans.iter().zip(rows).filter_map(|((limit, _), plan)| {
            let most_accurate = affordable(*limit).min_by(|a, b| accuracy(b).total_cmp(&accuracy(a)).then(loss(a, b)))?;
            let least_loss = affordable(*limit).min_by(loss)?;
            Some(Against { most_accurate: most_accurate.clone(), least_loss: least_loss.clone(), plan })
        });
        Ok(against.collect())
    }
}
