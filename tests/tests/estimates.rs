//! The estimate of every model that onnxruntime computed: layer by layer, counter by counter, what a run on the simulator reports.

use crumb::backend::BackendKind;
use crumb::estimate::network::Workload;
use crumb::estimate::product::Costs;
use crumb::network::machine::{LayerReport, MachineEngine};
use crumb::network::{Contract, LayerPrecision, MatMul, Network, Op, PrecisionPlan, Tensor, execute};
use crumb::session::Session;
use crumb_arch::ArrayConfig;
use crumb_tests::oracle::{Case, cases};

const BUILD: &str = env!("CARGO_TARGET_TMPDIR");

fn measured(
    network: &Network,
    inputs: &[Tensor],
    plan: &PrecisionPlan,
    config: &ArrayConfig,
) -> Result<Vec<LayerReport>, String> {
    let mut session = Session::new(BackendKind::Sim.open(config).unwrap());
    let mut engine = MachineEngine::for_plan(&mut session, network, plan).map_err(|error| error.to_string())?;
    execute(network, inputs, plan, &Contract, &mut engine).map_err(|error| error.to_string())?;
    Ok(engine.reports)
}

fn estimated(
    network: &Network,
    inputs: &[Tensor],
    plan: &PrecisionPlan,
    config: &ArrayConfig,
) -> Result<Vec<LayerReport>, String> {
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|input| input.shape().to_vec()).collect();
    let workload = Workload::of_network(network, &shapes, plan, config).map_err(|error| error.to_string())?;
    let estimate = Costs::new(config).network(&workload, None).map_err(|error| error.to_string())?;
    Ok(estimate.layers.into_iter().map(|layer| layer.report).collect())
}

/// Compares a case at some precisions; gives how many layers were compared, and how many of them have computed weights.
fn compare(case: &Case, model: &str, precisions: &[(u8, u8)], config: &ArrayConfig) -> Result<[usize; 2], String> {
    let network = case.network(model)?;
    // Where a file has constants for all inputs but the first, these are among the case's tensors too.
    let inputs: Vec<Tensor> = (0..network.inputs.len()).map(|index| case.tensor(&format!("input_{index}"))).collect();
    let mut count = [0, 0];
    for &(act_bits, weight_bits) in precisions {
        let plan = PrecisionPlan::uniform(LayerPrecision { act_bits, weight_bits, ..LayerPrecision::default() });
        let at = |problem: String| format!("a{act_bits}w{weight_bits} on {}: {problem}", config.name);
        match (estimated(&network, &inputs, &plan, config), measured(&network, &inputs, &plan, config)) {
            (Ok(estimated), Ok(measured)) if estimated == measured => {
                let computed = |report: &&LayerReport| {
                    let is_it = |op: &Op| matches!(op, Op::MatMul(MatMul { layer }) if layer.name == report.name);
                    network.nodes.iter().any(|node| is_it(&node.op))
                };
                count[0] += measured.len();
                count[1] += measured.iter().filter(computed).count();
            }
            (Ok(estimated), Ok(measured)) => {
                let different = estimated.iter().zip(&measured).find(|(a, b)| a != b);
                return Err(at(format!("{} and {} layers; {different:?}", estimated.len(), measured.len())));
            }
            // What cannot run has no estimate; a run may find more, such as sums that leave int32.
            (_, Err(_)) => {}
            (Err(problem), Ok(_)) => return Err(at(format!("refused, but it runs: {problem}"))),
        }
    }
    Ok(count)
}

/// Compares all cases; at least so many layers, and so many with computed weights, must have been compared.
fn all(cases: &[Case], model: &str, precisions: &[(u8, u8)], configs: &[ArrayConfig], least: [usize; 2]) {
    let (mut failed, mut sum) = (Vec::new(), [0, 0]);
    for config in configs {
        for case in cases {
            match compare(case, model, precisions, config) {
                Ok(count) => (0..2).for_each(|i| sum[i] += count[i]),
                Err(problem) => failed.push(format!("{}: {problem}", case.name)),
            }
        }
    }
    assert!(failed.is_empty(), "{} cases:\n{}", failed.len(), failed.join("\n"));
    assert!(sum[0] >= least[0] && sum[1] >= least[1], "{sum:?} layers compared, expected {least:?}");
}

fn configs() -> Vec<ArrayConfig> {
    let small = ArrayConfig::named("small").unwrap();
    vec![ArrayConfig { weight_words: 64, stream_bits: 16, ..small.clone() }, ArrayConfig::named("wide").unwrap(), small]
}

const PRECISIONS: [(u8, u8); 4] = [(8, 8), (8, 2), (4, 4), (2, 2)];

#[test]
fn convolutional_networks() {
    all(&cases(BUILD, "cases", &["cnn_", "residual_", "mixed_"], 65), "model.onnx", &PRECISIONS, &configs(), [4632, 0]);
}

/// Products of computed operands, dynamic quantization, tokens.
#[test]
fn transformers() {
    all(&cases(BUILD, "cases", &["transformer_", "tokens_"], 50), "model.onnx", &PRECISIONS, &configs(), [8940, 1920]);
}

#[test]
fn narrow_tensors() {
    all(&cases(BUILD, "cases", &["low_"], 192), "model.onnx", &[(8, 8)], &configs()[1..], [384, 0]);
}

#[test]
fn single_operators() {
    all(&cases(BUILD, "cases", &["node_"], 27), "constant.onnx", &[(8, 8)], &configs(), [36, 12]);
    all(&cases(BUILD, "neighbours", &[""], 11), "model.onnx", &[(8, 8)], &configs(), [1, 0]);
    all(&cases(BUILD, "qonnx", &["qonnx_"], 120), "model.onnx", &PRECISIONS, &configs()[2..], [232, 0]);
}
