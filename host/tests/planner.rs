//! The planner on the embedded network: predicted cycles are measured ones, fronts are fronts, budgets hold.

use crumb::digits;
use crumb::network::{Network, Rounding, Tensor};
use crumb::planner::choices::Class;
use crumb::planner::costs::Point;
use crumb::planner::front::front;
use crumb::planner::loss::Loss;
use crumb::planner::measure::on_machine;
use crumb::planner::solve::{cheapest, solve};
use crumb::planner::{Assignment, Budget, Choices, CostTable, Grounds, Metric, Pair, Problem, Refiner, Sensitivities, Solution};
use crumb_arch::{ArrayConfig, Counter};

struct Case {
    network: Network,
    choices: Choices,
    config: ArrayConfig,
    batch: Vec<Tensor>,
}

fn digits(config: &str, images: usize) -> Case {
    let digits = digits::load().unwrap();
    let choices = Choices::of(&digits.network, &[8, 4, 2], Rounding::HalfEven).unwrap();
    let batch = vec![digits.images.part(0, vec![images, 1, 8, 8]).unwrap()];
    Case { network: digits.network, choices, config: ArrayConfig::named(config).unwrap(), batch }
}

impl Case {
    fn costs(&self) -> CostTable<'static> {
        CostTable::estimated(&self.config, &self.network, &self.choices, &self.batch, &|| ()).unwrap()
    }

    fn sensitivities(&self, images: usize) -> Sensitivities {
        let digits = digits::load().unwrap();
        let data = vec![digits.images.part(0, vec![images, 1, 8, 8]).unwrap()];
        let labels: Vec<i64> = digits.labels[..images].iter().map(|&label| label.into()).collect();
        Sensitivities::measured(&self.network, &self.choices, &data, Some(&labels), Loss::RelativeError, &|| ()).unwrap()
    }

    fn random(&self, random: &mut fastrand::Rng) -> Assignment {
        let acts = self.choices.classes.iter().map(|class: &Class| class.widths[random.usize(..class.widths.len())]).collect();
        let weights = self.choices.layers.iter().map(|_| [8, 4, 2][random.usize(..3)]).collect();
        Assignment { acts, weights }
    }
}

#[test]
fn predicted_cycles_are_measured_cycles() {
    let mut random = fastrand::Rng::with_seed(5);
    for (config, images) in [("tiny", 1), ("small", 1), ("small", 3), ("wide", 2)] {
        let case = digits(config, images);
        let costs = case.costs();
        let mut plans = vec![case.choices.widest()];
        plans.extend((0..8).map(|_| case.random(&mut random)));
        for plan in plans {
            let predicted = costs.of(&case.choices, Metric::Cycles, &plan).unwrap();
            let reports = on_machine(&case.config, &case.network, &case.choices, &plan, &case.batch).unwrap();
            let measured: Vec<u64> = reports.iter().map(|report| report.counters[Counter::Cycles]).collect();
            assert_eq!(predicted, measured, "{config}, {images} images, {plan:?}");
            let bops: Vec<u64> = reports.iter().map(|report| report.bops()).collect();
            assert_eq!(costs.of(&case.choices, Metric::Bops, &plan).unwrap(), bops, "{plan:?}");
        }
    }
}

#[test]
fn costs_of_neighbours_depend_on_each_other() {
    // Narrow results leave the machine sooner where the stream is what it waits for; without this, the coupling would be idle.
    let case = digits("wide", 3);
    let costs = case.costs();
    let pair = Pair { act: 4, weight: 4 };
    let cycles = |output| costs.layers[1].counters[&Point { pair, output }][Counter::Cycles];
    assert!(cycles(2) < cycles(4) && cycles(4) < cycles(8), "{} {} {}", cycles(8), cycles(4), cycles(2));
    let problem = Problem::new(&case.choices, &costs, &case.sensitivities(4), Metric::Cycles).unwrap();
    assert_eq!(problem.layers[1].output, Some(2));
    // Bit operations do not depend on results, so nothing is coupled.
    let problem = Problem::new(&case.choices, &costs, &case.sensitivities(4), Metric::Bops).unwrap();
    assert!(problem.layers.iter().all(|layer| layer.output.is_none()));
}

#[test]
fn no_uniform_precision_and_no_solution_is_better_on_calibration_data() {
    let case = digits("small", 1);
    let (costs, sensitivities) = (case.costs(), case.sensitivities(48));
    let (images, labels) = crumb::digits::calibration().unwrap();
    let inputs = [images.part(0, vec![96, 1, 8, 8]).unwrap()];
    let labels: Vec<i64> = labels[..96].iter().map(|&label| label.into()).collect();
    let problem = Problem::new(&case.choices, &costs, &sensitivities, Metric::Cycles).unwrap();
    let cost = |plan: &Assignment| costs.of(&case.choices, Metric::Cycles, plan).unwrap().iter().sum::<u64>();
    // Limits at which uniform precisions become possible.
    let limits = [(2, 2), (4, 4), (8, 4), (8, 8)].map(|(act, weight)| cost(&case.choices.uniform(Pair { act, weight })));
    let mut improved = 0;
    for labels in [Some(&labels[..]), None] {
        let mut refiner = Refiner::new(Grounds {
            network: &case.network,
            choices: &case.choices,
            costs: &costs,
            sensitivities: &sensitivities,
            inputs: &inputs,
            labels,
            loss: Loss::Kl,
        });
        for budget in limits {
            let best = refiner.best(&problem, budget, &|| ()).unwrap().unwrap();
            assert!(best.cost <= budget && best.cost == cost(&best.assignment), "{best:?}");
            let solution = solve(&problem, budget).unwrap().unwrap().assignment;
            let pairs = [8, 4, 2].into_iter().flat_map(|act| [8, 4, 2].map(|weight| Pair { act, weight }));
            let mut others: Vec<Assignment> = pairs.map(|pair| case.choices.uniform(pair)).collect();
            others.push(solution);
            others.retain(|plan| cost(plan) <= budget);
            for score in refiner.scores(&others, &|| ()).unwrap() {
                let order = best.score.wrong.cmp(&score.wrong).then(best.score.loss.total_cmp(&score.loss));
                assert!(order.is_le(), "{best:?} {score:?}");
            }
            improved += usize::from(!others.contains(&best.assignment));
        }
        assert!(refiner.best(&problem, 10, &|| ()).unwrap().is_none());
    }
    // Neighbours are looked at, not only what is there from the beginning.
    assert!(improved > 0);
}

/// Every plan of the digits.
fn enumerated(problem: &Problem) -> Vec<Solution> {
    let widths = [8u8, 4, 2];
    let digit = |number: usize, place: u32| widths[number / 3usize.pow(place) % 3];
    let plan = |n| problem.evaluate(&[0, 1, 2, 3].map(|i| digit(n, i)), &[4, 5, 6, 7].map(|i| digit(n, i)));
    (0..3usize.pow(8)).filter_map(plan).collect()
}

#[test]
fn the_front_has_the_points_asked_for_and_none_is_beaten() {
    let case = digits("small", 1);
    let (costs, sensitivities) = (case.costs(), case.sensitivities(32));
    for metric in [Metric::Cycles, Metric::Bops, Metric::WeightBits] {
        let problem = Problem::new(&case.choices, &costs, &sensitivities, metric).unwrap();
        let mut all: Vec<(u64, i64)> = enumerated(&problem).iter().map(|s| (s.cost, s.loss)).collect();
        all.sort_unstable();
        let mut least = i64::MAX;
        all.retain(|&(_, loss)| {
            let better = loss < least;
            least = least.min(loss);
            better
        });
        for points in [12, 40] {
            let found = front(&problem, points, &|| ()).unwrap();
            assert!(found.len() >= points.min(all.len()), "{metric:?}: {} of {} points", found.len(), all.len());
            for point in &found {
                assert!(all.contains(&(point.cost, point.loss)), "{metric:?}: {point:?} is not on the front");
                assert_eq!(costs.of(&case.choices, metric, &point.assignment).unwrap().iter().sum::<u64>(), point.cost);
            }
        }
        assert!(all.len() >= 12, "{metric:?}: {}", all.len());
    }
}

#[test]
fn the_solver_finds_the_best_of_all_plans_of_the_digits() {
    // On this machine costs of neighbours depend on each other.
    let case = digits("wide", 2);
    let (costs, sensitivities) = (case.costs(), case.sensitivities(16));
    let problem = Problem::new(&case.choices, &costs, &sensitivities, Metric::Cycles).unwrap();
    let all = enumerated(&problem);
    let full = costs.of(&case.choices, Metric::Cycles, &case.choices.widest()).unwrap().iter().sum();
    for share in ["1x", "0.7x", "0.5x", "0.35x", "0.25x", "0.2x"] {
        let limit = format!("cycles={share}").parse::<Budget>().unwrap().limit(full);
        let best = all.iter().filter(|s| s.cost <= limit).map(|s| (s.loss, s.cost)).min();
        assert_eq!(solve(&problem, limit).unwrap().map(|s| (s.loss, s.cost)), best, "{share}");
    }
    let least = all.iter().map(|s| s.cost).min().unwrap();
    assert_eq!(cheapest(&problem).unwrap().unwrap().cost, least);
    assert!(solve(&problem, least - 1).unwrap().is_none());
}
