//! The solver against enumeration of random problems, and against dynamic programming on deep chains.

use super::*;
use crate::planner::costs::Metric;
use crate::planner::problem::{Choice, LayerOptions};
use proptest::prelude::*;

/// Every assignment there is, by counting up.
fn all(problem: &Problem) -> Vec<Solution> {
    let acts: Vec<Vec<u8>> = problem.classes.iter().map(|widths| widths.iter().map(|(w, _)| *w).collect()).collect();
    let weights: Vec<Vec<u8>> = problem.layers.iter().map(|_| vec![8, 4, 2]).collect();
    product(&acts)
        .iter()
        .flat_map(|acts| product(&weights).into_iter().filter_map(|weights| problem.evaluate(acts, &weights)).collect::<Vec<_>>())
        .collect()
}

fn product(of: &[Vec<u8>]) -> Vec<Vec<u8>> {
    of.iter().fold(vec![vec![]], |all, widths| {
        all.iter().flat_map(|head| widths.iter().map(move |&w| [head.as_slice(), &[w]].concat())).collect()
    })
}

/// Up to four layers over up to four classes, some read twice, some cost coupled, some classes of one width.
fn problems() -> impl Strategy<Value = Problem> {
    let classes =
        prop::collection::vec((prop::sample::subsequence(vec![8u8, 4, 2], 1..=3), prop::collection::vec(-50i64..1000, 3)), 1..=3);
    (classes, 1usize..=4, any::<u64>(), 1u64..=1_000_000_000).prop_map(|(classes, layers, seed, spread)| {
        let mut random = fastrand::Rng::with_seed(seed);
        let classes: Vec<Vec<(u8, i64)>> = classes.into_iter().map(|(w, l)| w.into_iter().zip(l).collect()).collect();
        let layers = (0..layers)
            .map(|_| {
                let input = random.usize(..classes.len());
                let output = random.bool().then(|| random.usize(..classes.len()));
                let mut choices = Vec::new();
                for &(act, _) in &classes[input] {
                    let outputs = output.map_or(vec![None], |class| classes[class].iter().map(|(w, _)| Some(*w)).collect());
                    for output in outputs {
                        for weight in [8, 4, 2] {
                            if random.u8(..) > 230 {
                                continue;
                            }
                            let (cost, loss) = (random.u64(0..spread), random.i64(-100..10_000));
                            choices.push(Choice { act, weight, output, cost, loss });
                        }
                    }
                }
                LayerOptions { input, output, choices }
            })
            .collect();
        Problem { metric: Metric::Cycles, classes, layers }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_solver_finds_what_enumeration_finds(problem in problems(), share in 0.0f64..1.2) {
        let all = all(&problem);
        let most = all.iter().map(|s| s.cost).max().unwrap_or(0);
        let budget = (most as f64 * share) as u64;
        let best = all.iter().filter(|s| s.cost <= budget).map(|s| (s.loss, s.cost)).min();
        let found = solve(&problem, budget).unwrap();
        prop_assert_eq!(found.map(|s| (s.loss, s.cost)), best);
        let least = all.iter().map(|s| (s.cost, s.loss)).min();
        // Of the eight best, all are different, and lose what the eight least losses are.
        let mut losses: Vec<i64> = all.iter().filter(|s| s.cost <= budget).map(|s| s.loss).collect();
        losses.sort_unstable();
        losses.truncate(8);
        let eight = several(&problem, budget, 8).unwrap();
        prop_assert_eq!(eight.iter().map(|s| s.loss).collect::<Vec<_>>(), losses);
        prop_assert!((1..eight.len()).all(|at| !eight[..at].contains(&eight[at])));
        prop_assert_eq!(cheapest(&problem).unwrap().map(|s| (s.cost, s.loss)), least);
    }
}

/// A chain of layers whose losses fall by a factor of about 30 for each two bits, as quantization errors do.
fn chain(length: usize) -> Problem {
    let mut random = fastrand::Rng::with_seed(3);
    let classes: Vec<Vec<(u8, i64)>> = (0..length)
        .map(|_| [8u8, 4, 2].map(|w| (w, if w == 8 { 0 } else { random.i64(1..1 << (26 - 5 * (w / 2))) })).into())
        .collect();
    let layers = (0..length).map(|input| {
        let (size, output) = (random.u64(10_000..1_000_000), (input + 1 < length).then_some(input + 1));
        let mut choices = Vec::new();
        for act in [8u8, 4, 2] {
            for weight in [8u8, 4, 2] {
                let loss = if weight == 8 { 0 } else { random.i64(1..1 << (26 - 5 * (weight / 2))) };
                let outputs = if output.is_some() { vec![Some(8u8), Some(4), Some(2)] } else { vec![None] };
                for output in outputs {
                    let cost = size * u64::from(act) * u64::from(weight) / 64 + size / 50 * u64::from(output.unwrap_or(8));
                    choices.push(Choice { act, weight, output, cost, loss });
                }
            }
        }
        LayerOptions { input, output, choices }
    });
    let layers = layers.collect();
    Problem { metric: Metric::Cycles, classes, layers }
}

#[test]
fn deep_networks_are_solved() {
    // Pareto sets by dynamic programming along the chain: exact, and another method.
    let problem = chain(53);
    let mut states: Vec<(Option<u8>, u64, i64)> = problem.classes[0].iter().map(|&(w, loss)| (Some(w), 0, loss)).collect();
    for (layer, next) in problem.layers.iter().zip(1..) {
        let mut after = Vec::new();
        for &(act, cost, loss) in &states {
            for choice in layer.choices.iter().filter(|choice| Some(choice.act) == act) {
                let base = choice.output.and_then(|w| problem.classes[next].iter().find(|(x, _)| *x == w));
                after.push((choice.output, cost + choice.cost, loss + choice.loss + base.map_or(0, |b| b.1)));
            }
        }
        after.sort_unstable();
        let mut least = std::collections::BTreeMap::new();
        after.retain(|&(act, _, loss)| {
            least.insert(act, loss.min(*least.get(&act).unwrap_or(&i64::MAX))).is_none_or(|before| loss < before)
        });
        states = after;
    }
    let full: u64 = states.iter().map(|s| s.1).max().unwrap_or(0);
    for percent in [20, 30, 45, 60, 80] {
        let budget = full * percent / 100;
        let best = states.iter().filter(|s| s.1 <= budget).map(|s| (s.2, s.1)).min();
        assert_eq!(solve(&problem, budget).unwrap().map(|s| (s.loss, s.cost)), best, "{percent} %");
    }
}
