//! The least loss within a budget, as an integer linear program.
//!
//! ```text
//!   x[c][a]   class c has width a                      sum over a  x[c][a] = 1
//!   z[l][o]   layer l runs as option o                 sum over o of l that reads at a   z[l][o] = x[class that l reads][a]
//!                                                      sum over o of l that writes at b  z[l][o] = x[class that l writes][b]
//!                                                          for all b but the first, whose sum follows from the others
//!   all 0 or 1                                         sum  cost * z  <=  budget
//!   minimise  sum loss * x + loss * z, then the cost at that loss
//! ```
//! An option of a coupled layer names both widths, so `z` is the linearised product of two `x` and a weight choice, and costs of pairs of
//! classes are exact. The solver works in floats: what it returns is looked up and added up again in integers, an assignment over the
//! budget is cut off and the rest solved anew, and only one that holds the budget is returned.

use super::choices::Assignment;
use super::error::PlannerError;
use super::problem::{Problem, Solution};
use good_lp::solvers::microlp::microlp;
use good_lp::{Expression, ProblemVariables, ResolutionError, Solution as _, SolverModel, Variable, constraint, variable};

/// Assignments over the budget that are cut off before the solver is given up.
const MOST_CUTS: usize = 32;
/// Objectives and limits are divided by what makes their largest coefficient this, far from the solver's tolerance of 1e-10 at either end.
/// Where the solver stumbles over its own rounding (a singular basis), the same program in other units is tried.
const LARGEST: [f64; 4] = [1e4, 1e2, 1e6, 1.0];

/// What is minimised.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// The loss.
    Loss,
    /// The cost.
    Cost,
}

/// The assignment that loses least of those that cost at most `budget`, and of these the cheapest that the solver finds; `None` if there
/// is none.
///
/// # Errors
/// If the solver fails, or contradicts itself.
pub fn solve(problem: &Problem, budget: u64) -> Result<Option<Solution>, PlannerError> {
    let Some(best) = attempt(problem, Goal::Loss, Some(budget), None)? else { return Ok(None) };
    let cheaper = attempt(problem, Goal::Cost, Some(best.cost), Some(best.loss))?;
    Ok(Some(cheaper.filter(|found| found.loss <= best.loss && found.cost <= best.cost).unwrap_or(best)))
}

/// The cheapest assignment; `None` if no assignment is consistent.
///
/// # Errors
/// As [`solve`].
pub fn cheapest(problem: &Problem) -> Result<Option<Solution>, PlannerError> {
    let Some(least) = attempt(problem, Goal::Cost, None, None)? else { return Ok(None) };
    solve(problem, least.cost)
}

/// The assignment that loses least within a budget, the next best, and so on: as many as there are, at most `count`.
///
/// # Errors
/// As [`solve`].
pub fn several(problem: &Problem, budget: u64, count: usize) -> Result<Vec<Solution>, PlannerError> {
    let mut program = Program::new(problem);
    let mut found = Vec::new();
    for _ in 0..count + MOST_CUTS {
        if found.len() == count {
            break;
        }
        let Some(chosen) = program.run(Goal::Loss, Some(budget), None)? else { break };
        let solution = problem.evaluate(&chosen.assignment.acts, &chosen.assignment.weights);
        found.extend(solution.filter(|solution| solution.cost <= budget));
        program.cuts.push(chosen.variables);
    }
    Ok(found)
}

fn attempt(problem: &Problem, goal: Goal, budget: Option<u64>, loss: Option<i64>) -> Result<Option<Solution>, PlannerError> {
    let mut program = Program::new(problem);
    for _ in 0..MOST_CUTS {
        let Some(chosen) = program.run(goal, budget, loss)? else { return Ok(None) };
        let solution = problem.evaluate(&chosen.assignment.acts, &chosen.assignment.weights);
        let solution = solution.ok_or_else(|| PlannerError::Solver("its answer is no assignment".into()))?;
        if budget.is_none_or(|budget| solution.cost <= budget) {
            return Ok(Some(solution));
        }
        program.cuts.push(chosen.variables);
    }
    Err(PlannerError::Solver(format!("{MOST_CUTS} answers in a row exceed the budget")))
}

/// Indices of variables: those of classes, then those of layers.
struct Program<'a> {
    problem: &'a Problem,
    /// First variable of each class.
    classes: Vec<usize>,
    /// First variable of each layer.
    layers: Vec<usize>,
    count: usize,
    /// Sets of variables of which not all may be 1.
    cuts: Vec<Vec<usize>>,
}

struct Chosen {
    assignment: Assignment,
    variables: Vec<usize>,
}

impl<'a> Program<'a> {
    fn new(problem: &'a Problem) -> Self {
        let mut count = 0;
        let mut first = |length: usize| {
            count += length;
            count - length
        };
        let classes = problem.classes.iter().map(|widths| first(widths.len())).collect();
        let layers = problem.layers.iter().map(|layer| first(layer.choices.len())).collect();
        Self { problem, classes, layers, count, cuts: Vec::new() }
    }

    /// Cost and loss of each variable.
    fn weights(&self) -> (Vec<f64>, Vec<f64>) {
        let classes = self.problem.classes.iter().flatten().map(|&(_, loss)| (0.0, loss as f64));
        let layers = self.problem.layers.iter().flat_map(|layer| &layer.choices).map(|c| (c.cost as f64, c.loss as f64));
        classes.chain(layers).unzip()
    }

    /// The variable of a class's width, if it may have that.
    fn width(&self, class: usize, width: u8) -> Option<usize> {
        Some(self.classes.get(class)? + self.problem.classes[class].iter().position(|(w, _)| *w == width)?)
    }

    fn run(&self, goal: Goal, budget: Option<u64>, loss: Option<i64>) -> Result<Option<Chosen>, PlannerError> {
        let mut stumbled = String::new();
        for largest in LARGEST {
            match self.run_in_units(largest, goal, budget, loss) {
                Ok(Some(solved)) => {
                    let on = |at: &usize| solved[*at] > 0.5;
                    let variables: Vec<usize> = (0..self.count).filter(on).collect();
                    return Ok(Some(Chosen { assignment: self.assignment(&variables)?, variables }));
                }
                Ok(None) => return Ok(None),
                Err(error) => stumbled = error.to_string(),
            }
        }
        Err(PlannerError::Solver(stumbled))
    }

    /// The values of all variables; `None` if no values are allowed.
    fn run_in_units(
        &self,
        largest: f64,
        goal: Goal,
        budget: Option<u64>,
        loss: Option<i64>,
    ) -> Result<Option<Vec<f64>>, ResolutionError> {
        let mut variables = ProblemVariables::new();
        let all: Vec<Variable> = (0..self.count).map(|_| variables.add(variable().binary())).collect();
        let (costs, losses) = self.weights();
        let sum = |weights: &[f64], scale: f64| all.iter().zip(weights).map(|(&v, &w)| v * (w / scale)).sum::<Expression>();
        let scale = |weights: &[f64]| weights.iter().map(|w| w.abs()).fold(1.0, f64::max) / largest;
        let (cost_scale, loss_scale) = (scale(&costs), scale(&losses));
        let objective = if goal == Goal::Loss { sum(&losses, loss_scale) } else { sum(&costs, cost_scale) };
        let mut model = variables.minimise(objective).using(microlp);
        // Costs and losses are integers, so half of one keeps the rounding of floats away and admits nothing.
        if let Some(budget) = budget {
            model = model.with(constraint!(sum(&costs, cost_scale) <= (budget as f64 + 0.5) / cost_scale));
        }
        if let Some(loss) = loss {
            model = model.with(constraint!(sum(&losses, loss_scale) <= (loss as f64 + 0.5) / loss_scale));
        }
        for (&first, widths) in self.classes.iter().zip(&self.problem.classes) {
            model = model.with(constraint!(all[first..first + widths.len()].iter().sum::<Expression>() == 1.0));
        }
        for (&first, layer) in self.layers.iter().zip(&self.problem.layers) {
            let of = |fits: &dyn Fn(usize) -> bool| -> Expression {
                (0..layer.choices.len()).filter(|&at| fits(at)).map(|at| Expression::from(all[first + at])).sum()
            };
            for (offset, (width, _)) in self.problem.classes[layer.input].iter().enumerate() {
                let reads = of(&|at| layer.choices[at].act == *width);
                model = model.with(constraint!(reads == all[self.classes[layer.input] + offset]));
            }
            let Some(output) = layer.output else { continue };
            for (offset, (width, _)) in self.problem.classes[output].iter().enumerate().skip(1) {
                let writes = of(&|at| layer.choices[at].output == Some(*width));
                model = model.with(constraint!(writes == all[self.classes[output] + offset]));
            }
        }
        for cut in &self.cuts {
            model = model.with(constraint!(cut.iter().map(|&at| all[at]).sum::<Expression>() <= cut.len() as f64 - 1.0));
        }
        match model.solve() {
            Ok(solved) => Ok(Some(all.iter().map(|&variable| solved.value(variable)).collect())),
            Err(ResolutionError::Infeasible) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the variables that are 1 choose.
    fn assignment(&self, on: &[usize]) -> Result<Assignment, PlannerError> {
        let broken = || PlannerError::Solver("its answer leaves a choice open".into());
        let one = |first: usize, length: usize| {
            let mut chosen = on.iter().filter(|&&at| (first..first + length).contains(&at));
            match (chosen.next(), chosen.next()) {
                (Some(at), None) => Ok(at - first),
                _ => Err(broken()),
            }
        };
        let classes = self.classes.iter().zip(&self.problem.classes);
        let acts =
            classes.map(|(&first, widths)| Ok(widths[one(first, widths.len())?].0)).collect::<Result<_, PlannerError>>()?;
        let layers = self.layers.iter().zip(&self.problem.layers);
        let weights = layers.map(|(&first, layer)| Ok(layer.choices[one(first, layer.choices.len())?].weight));
        let assignment = Assignment { acts, weights: weights.collect::<Result<_, PlannerError>>()? };
        let read = |layer: usize| self.problem.layers[layer].input;
        let consistent = (0..self.layers.len()).all(|layer| self.width(read(layer), assignment.acts[read(layer)]).is_some());
        if consistent { Ok(assignment) } else { Err(broken()) }
    }
}

#[cfg(test)]
mod tests;
