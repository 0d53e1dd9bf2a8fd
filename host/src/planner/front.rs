//! The Pareto front: plans of which none is both cheaper and better than another.
//!
//! Budgets are swept from the cheapest plan to the most expensive one that loses least, evenly in their logarithm; then gaps between
//! neighbours are searched, widest first, until there are enough points or a proof that no gap holds another one.

use super::error::PlannerError;
use super::problem::{Problem, Solution};
use super::solve::{cheapest, solve};
use std::collections::BTreeMap;

/// At least `points` plans that no other beats, cheapest first; fewer only where there are no more.
///
/// # Errors
/// If the solver fails.
pub fn front(problem: &Problem, points: usize, done: &dyn Fn()) -> Result<Vec<Solution>, PlannerError> {
    let Some(first) = cheapest(problem)? else { return Ok(Vec::new()) };
    // Of all plans whatsoever: the one that loses least.
    let Some(last) = solve(problem, u64::MAX >> 1)? else { return Ok(Vec::new()) };
    let mut found = BTreeMap::from([(first.cost, first.clone()), (last.cost, last.clone())]);
    let steps = points.saturating_sub(1).max(1);
    let ratio = last.cost.max(1) as f64 / first.cost.max(1) as f64;
    for step in 1..steps {
        let budget = (first.cost.max(1) as f64 * ratio.powf(step as f64 / steps as f64)) as u64;
        insert(&mut found, solve(problem, budget.max(first.cost))?);
        done();
    }
    // Just below a plan's cost lies its neighbour on the front: where that is known already, the gap between them is empty.
    let mut closed = std::collections::BTreeSet::new();
    while found.len() < points {
        let costs: Vec<u64> = found.keys().copied().collect();
        let gap = costs.windows(2).filter(|pair| !closed.contains(&pair[1])).max_by_key(|pair| pair[1] - pair[0]);
        let Some(&[_, high]) = gap else { break };
        closed.insert(high);
        insert(&mut found, solve(problem, high - 1)?);
        done();
    }
    Ok(undominated(found))
}

fn insert(found: &mut BTreeMap<u64, Solution>, solution: Option<Solution>) {
    if let Some(solution) = solution {
        found.entry(solution.cost).or_insert(solution);
    }
}

/// Points that lose less than every cheaper one.
fn undominated(found: BTreeMap<u64, Solution>) -> Vec<Solution> {
    let mut front: Vec<Solution> = Vec::new();
    for solution in found.into_values() {
        if front.last().is_none_or(|last| solution.loss < last.loss) {
            front.push(solution);
        }
    }
    front
}
