//! Channels with a precision of their own: important ones at 8 bits, pruned ones at none, and weights refined to all their bits.

use crumb::backend::BackendKind;
use crumb::benchmark::measure;
use crumb::network::importance::{calibrate, shifting_errors};
use crumb::network::machine::MachineEngine;
use crumb::network::packing::Matrices;
use crumb::network::plan_file::PlanFile;
use crumb::network::{Contract, LayerPrecision, Network, PrecisionPlan, Rounding, Tensor, run};
use crumb::session::Session;
use crumb::{digits, refine};
use crumb_arch::{ArrayConfig, Counter};
use crumb_tests::oracle::cases;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const BUILD: &str = env!("CARGO_TARGET_TMPDIR");

/// Images of each run: enough for every tile to be full.
const IMAGES: usize = 60;

fn uniform(act_bits: u8, weight_bits: u8) -> PrecisionPlan {
    PrecisionPlan::uniform(LayerPrecision { act_bits, weight_bits, ..LayerPrecision::default() })
}

/// A network whose layers have weights in some input channels only.
fn masked(network: &Network, zero: &BTreeSet<usize>) -> Network {
    let mut network = network.clone();
    for node in &mut network.nodes {
        let Some(weights) = Matrices::of(&node.op).map(|matrices| matrices.masked(zero, &BTreeSet::new())) else { continue };
        node.op.array_layer_mut().unwrap().weights = Arc::from(weights);
    }
    network
}

fn sums(network: &Network, inputs: &[Tensor], plan: &PrecisionPlan) -> Vec<i64> {
    run(network, inputs, plan, &Contract).unwrap().accumulators.concat().into_iter().map(i64::from).collect()
}

/// Sums with important channels are those of the important channels at 8 bits and those of the others at fewer.
#[test]
fn important_channels_add_up() {
    let mut checked = 0;
    for case in cases(BUILD, "quantized_operators", &["QLinearConv_", "ConvInteger_", "QGemm_tensor", "MatMulInteger_u8"], 20) {
        let network = case.network("model.onnx").unwrap();
        let Some((index, layer)) = network.array_layers().next().map(|(index, layer)| (index, layer.name.clone())) else {
            continue;
        };
        let Some(matrices) = Matrices::of(&network.nodes[index].op).filter(|m| m.groups == 1 && m.channels > 1 && m.is_plain())
        else {
            continue;
        };
        let inputs = case.tensors("input");
        let all: BTreeSet<usize> = (0..matrices.channels).collect();
        for (act_bits, weight_bits) in [(4, 8), (2, 8), (4, 4), (2, 2)] {
            let narrow = uniform(act_bits, weight_bits);
            if narrow.tensor_bits(&network).is_err() {
                continue; // Sums without a scale of their input cannot be narrowed.
            }
            for important in
                [BTreeSet::from([0]), BTreeSet::from([matrices.channels - 1]), all.iter().copied().step_by(2).collect()]
            {
                let others: BTreeSet<usize> = all.difference(&important).copied().collect();
                let wide = sums(&masked(&network, &others), &inputs, &uniform(8, weight_bits));
                let rest = sums(&masked(&network, &important), &inputs, &narrow);
                let nothing = sums(&masked(&network, &all), &inputs, &uniform(8, weight_bits));
                let expected: Vec<i64> = (0..wide.len()).map(|i| wide[i] + rest[i] - nothing[i]).collect();
                let mut plan = narrow.clone();
                plan.important.insert(layer.clone(), important.into_iter().collect());
                assert_eq!(sums(&network, &inputs, &plan), expected, "{} a{act_bits}w{weight_bits}", case.name);
                let config = ArrayConfig::named("tiny").unwrap();
                let mut session = Session::new(BackendKind::Sim.open(&config).unwrap());
                let mut engine = MachineEngine::for_plan(&mut session, &network, &plan).unwrap();
                let (report, _) = measure(&mut engine, &config, &network, &inputs, "important", &plan).unwrap();
                assert!(report.exact, "{}: {:?}", case.name, report.mismatch);
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "{checked}");
}

fn digits_on_small(plan: &str, calibration: usize) -> (crumb::benchmark::RunReport, PrecisionPlan, Vec<f32>) {
    let digits = digits::load().unwrap();
    let file = PlanFile::parse(plan, "plan").unwrap();
    let mut network = digits.network.clone();
    file.apply(&mut network).unwrap();
    let mut plan = file.plan_for(&network, LayerPrecision::default()).unwrap();
    let images = digits.images.part(0, vec![calibration.max(1), 1, 8, 8]).unwrap();
    calibrate(&network, &[images], &mut plan, &file.counts(&network)).unwrap();
    let config = ArrayConfig::named("small").unwrap();
    let mut session = Session::new(BackendKind::Sim.open(&config).unwrap());
    let mut engine = MachineEngine::for_plan(&mut session, &network, &plan).unwrap();
    let inputs = &[digits.images.part(0, vec![IMAGES, 1, 8, 8]).unwrap()];
    let (report, execution) = measure(&mut engine, &config, &network, inputs, "plan", &plan).unwrap();
    assert!(report.exact, "{:?}", report.mismatch);
    assert!(report.layers.iter().all(|layer| layer.utilisation.unwrap() <= 1.0), "{:?}", report.layers);
    let errors = shifting_errors(&network, &execution, &plan).unwrap();
    assert_eq!(errors.len(), plan.important.len());
    for error in errors {
        assert_eq!(error.raw_bits, error.elements as u64 * u64::from(error.error_bits));
        assert!(error.huffman_bits <= error.raw_bits, "{error:?}");
    }
    let logits = execution.outputs()[0].floats().unwrap().to_vec();
    (report, plan, logits)
}

fn layer(bits: u8, more: &str) -> String {
    format!("[[layer]]\nname = \"conv[23]\"\nact_bits = {bits}\nweight_bits = 8\n{more}")
}

#[test]
fn important_channels_cost_what_their_tiles_cost() {
    let busy = |plan: &str| digits_on_small(plan, 64).0.layers[1].busy_cycles.unwrap();
    // conv2 has 16 channels and 9 taps; a tile of 8 rows holds 8 of K at 8 bits and 16 at 4.
    let (all_8, all_4) = (busy(&layer(8, "")), busy(&layer(4, "")));
    assert_eq!((all_8 / 18, all_4 / 9), (all_8.div_ceil(18), all_4.div_ceil(9)));
    let pass = all_8 / 18;
    for count in [0usize, 4, 8, 16] {
        let tiles = (9 * count).div_ceil(8) + (9 * (16 - count)).div_ceil(16);
        assert_eq!(busy(&layer(4, &format!("important_channels = {count}"))), pass * tiles as u64, "{count}");
    }
}

#[test]
fn calibration_finds_better_channels_than_chance() {
    let full = digits_on_small("", 1).2;
    let distance = |logits: &[f32]| full.iter().zip(logits).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    let plan = |channels: &str| layer(2, &format!("important_channels = {channels}"));
    let (_, ranked, by_rank) = digits_on_small(&plan("8"), 64);
    assert!(ranked.important.values().all(|channels| channels.len() == 8));
    let first = distance(&digits_on_small(&plan("[0, 1, 2, 3, 4, 5, 6, 7]"), 1).2);
    let none = distance(&digits_on_small(&layer(2, ""), 1).2);
    assert!(distance(&by_rank) < first && first < none, "{} {first} {none}", distance(&by_rank));
}

#[test]
fn pruned_channels_cost_no_cycle() {
    let plan = |more: &str| format!("[[layer]]\nname = \"conv2\"\nact_bits = 8\nweight_bits = 8\n{more}");
    let busy = |more: &str| digits_on_small(&plan(more), 1).0.layers[1].busy_cycles.unwrap();
    let all = busy("");
    assert_eq!(2 * busy("pruned_channels = [0, 2, 4, 6, 8, 10, 12, 14]"), all);
    // 32 output channels in four passes of 8.
    assert_eq!(4 * busy("pruned_outputs = [0, 1, 2, 3, 4, 5, 6, 7]"), 3 * all);
    let everything: Vec<String> = (0..16).map(|channel| channel.to_string()).collect();
    assert_eq!(busy(&format!("pruned_channels = [{}]", everything.join(", "))), 0);
}

/// Refined weights are the int8 weights, whatever the width of the first run.
#[test]
fn refined_images_have_the_answers_of_all_bits() {
    let digits = digits::load().unwrap();
    let config = ArrayConfig::named("small").unwrap();
    let mut session = Session::new(BackendKind::Sim.open(&config).unwrap());
    let mut engine = MachineEngine::new(&mut session, &digits.network).unwrap();
    let inputs = &[digits.images.part(0, vec![IMAGES, 1, 8, 8]).unwrap()];
    let labels: Vec<i64> = digits.labels[..IMAGES].iter().map(|&label| label.into()).collect();
    let rows = |plan: &PrecisionPlan| -> Vec<Vec<f32>> {
        let execution = run(&digits.network, inputs, plan, &Contract).unwrap();
        execution.outputs()[0].floats().unwrap().chunks(10).map(<[f32]>::to_vec).collect()
    };
    let full = rows(&uniform(8, 8));
    for weight_bits in [4, 2] {
        let plan = uniform(8, weight_bits);
        let floor = LayerPrecision { weight_bits, rounding: Rounding::Floor, ..LayerPrecision::default() };
        let upper = rows(&PrecisionPlan::uniform(floor));
        let mut refine =
            |margin| refine::run(&mut engine, &config, &digits.network, inputs, &plan, margin, Some(&labels)).unwrap();
        let mut margins: Vec<f32> = upper.iter().map(|row| refine::margin(row)).collect();
        margins.sort_by(f32::total_cmp);
        let median = margins[IMAGES / 2];
        let (none, some, all) = (refine(0.0), refine(median), refine(f32::INFINITY));
        assert!(none.refined.is_empty() && none.second.is_none() && none.outputs == upper);
        assert_eq!((all.refined.len(), &all.outputs), (IMAGES, &full));
        assert!(!some.refined.is_empty() && some.refined.len() < IMAGES);
        for image in 0..IMAGES {
            let expected = if some.refined.contains(&image) { &full } else { &upper };
            assert_eq!(some.outputs[image], expected[image]);
            assert_eq!(some.refined.contains(&image), refine::margin(&upper[image]) < median);
        }
        assert_eq!(some.cycles.unwrap(), some.first.cycles.unwrap() + some.second.as_ref().unwrap().cycles.unwrap());
        // As many passes over the array as the int8 network has: the slices share its bits.
        let busy = |report: &crumb::benchmark::RunReport| report.counters.as_ref().unwrap()[Counter::Busy.name()];
        let (direct, _) = measure(&mut engine, &config, &digits.network, inputs, "w8", &uniform(8, 8)).unwrap();
        assert!(busy(all.second.as_ref().unwrap()) >= busy(&direct));
        assert!(some.second.as_ref().unwrap().exact && some.first.exact);
    }
}

#[test]
fn patterns_and_counts_of_plans() {
    let digits = digits::load().unwrap();
    let plan = |text: &str| PlanFile::parse(text, "p.toml").unwrap();
    let of = |text: &str| plan(text).plan_for(&digits.network, LayerPrecision::default());
    let two = "[[layer]]\nname = \"conv3\"\nact_bits = 8\nweight_bits = 2\n[[layer]]\nname = \"conv*\"\nact_bits = 8\nweight_bits = 4\n";
    let bits: BTreeMap<String, u8> = of(two).unwrap().layers.into_iter().map(|(name, p)| (name, p.weight_bits)).collect();
    assert_eq!(bits, BTreeMap::from([("conv1".into(), 4), ("conv2".into(), 4), ("conv3".into(), 2)]));
    let refused = |text: &str| of(text).unwrap_err().to_string();
    assert_eq!(
        refused("[[layer]]\nname = \"dense*\"\nact_bits = 8\nweight_bits = 4\n"),
        "p.toml: [[layer]] \"dense*\": no layer has this name, or matches it; the array's layers are [\"conv1\", \"conv2\", \
         \"conv3\", \"fc\"]"
    );
    assert!(refused("[[layer]]\nname = \"con[v\"\nact_bits = 8\nweight_bits = 4\n").contains("not a pattern"));
    let table = |more: &str| format!("[[layer]]\nname = \"conv2\"\nact_bits = 4\nweight_bits = 4\n{more}");
    assert_eq!(
        refused(&table("important_channels = [16]")),
        "p.toml: layer \"conv2\" cannot have important channels: channel 16 of 16 input channels; leave them out of the plan, or name \
         others"
    );
    let mut network = digits.network.clone();
    assert_eq!(
        plan(&table("pruned_outputs = [99]")).apply(&mut network).unwrap_err().to_string(),
        "p.toml: [[layer]] \"conv2\": output channel 99 of 32; name channels from 0 to 31"
    );
    let counts = plan(&table("important_channels = 17"));
    let mut counted = counts.plan_for(&network, LayerPrecision::default()).unwrap();
    let error = calibrate(&network, std::slice::from_ref(&digits.images), &mut counted, &counts.counts(&network)).unwrap_err();
    assert!(error.to_string().contains("17 important channels of 16"), "{error}");
}
