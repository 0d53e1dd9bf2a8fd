//! The planner on every model of `fixtures/`: zero points, groups, float outputs, narrow files.

use crate::onnx_support::{fixture_names, import_fixture, read_tensor};
use crumb::network::{Contract, Rounding, Vectorised, execute, run};
use crumb::planner::measure::on_machine;
use crumb::planner::{Assignment, Choices, CostTable, Metric, PlannerError};
use crumb_arch::{ArrayConfig, Counter};

fn random(choices: &Choices, random: &mut fastrand::Rng) -> Assignment {
    let acts = choices.classes.iter().map(|class| class.widths[random.usize(..class.widths.len())]).collect();
    let weights = choices.layers.iter().map(|_| [8, 6, 4, 2][random.usize(..4)]).collect();
    Assignment { acts, weights }
}

#[test]
fn every_model_is_predicted_to_the_cycle_and_computed_to_the_bit() {
    let config = ArrayConfig::named("tiny").unwrap();
    let mut rng = fastrand::Rng::with_seed(11);
    let mut planned = 0;
    for name in fixture_names() {
        let network = import_fixture(&name);
        let inputs = [read_tensor(&format!("{name}.input.npy"))];
        let choices = match Choices::of(&network, &[8, 6, 4, 2], Rounding::HalfEven) {
            Ok(choices) => choices,
            Err(PlannerError::NoLayers) => continue,
            Err(error) => panic!("{name}: {error}"),
        };
        let costs = CostTable::counted(&config, &network, &choices, &inputs, &|| ()).unwrap();
        // What is estimated of every choice of every layer is what the simulator counts.
        let simulated = CostTable::simulated(&config, &network, &choices, &inputs, &|| ()).unwrap();
        assert!(costs.layers == simulated.layers, "{name}");
        for _ in 0..4 {
            let assignment = random(&choices, &mut rng);
            let plan = choices.plan(&assignment);
            let predicted = costs.of(&choices, Metric::Cycles, &assignment).unwrap();
            let reports = on_machine(&config, &network, &choices, &assignment, &inputs).unwrap();
            let measured: Vec<u64> = reports.iter().map(|report| report.counters[Counter::Cycles]).collect();
            assert_eq!(predicted, measured, "{name}: {assignment:?}");
            let slow = run(&network, &inputs, &plan, &Contract).unwrap();
            let fast = execute(&network, &inputs, &plan, &Contract, &mut Vectorised(&Contract)).unwrap();
            assert!(slow == fast, "{name}: {assignment:?}");
        }
        planned += 1;
    }
    assert!(planned >= 39, "only {planned} models have layers");
}
