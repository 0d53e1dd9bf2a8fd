//! Models that onnxruntime computed: our outputs are its outputs, bit for bit, on the reference and on the simulator.

use crumb::backend::BackendKind;
use crumb::network::machine::MachineEngine;
use crumb::network::{
    ArrayLayer, Contract, Float32Arithmetic, LayerOutput, LayerPrecision, Network, PrecisionPlan, Rounding, Tensor, execute, run,
};
use crumb::session::Session;
use crumb_arch::ArrayConfig;
use crumb_tests::oracle::{Case, cases, difference};

const BUILD: &str = env!("CARGO_TARGET_TMPDIR");

/// Runs a network on the reference and on the simulator, and says what differs from the expected outputs.
fn check(network: &Network, inputs: &[Tensor], expected: &[Tensor], weight_bits: u8) -> Result<(), String> {
    let plan = PrecisionPlan::uniform(LayerPrecision {
        act_bits: 8,
        weight_bits,
        rounding: Rounding::HalfEven,
        ..LayerPrecision::default()
    });
    let reference = run(network, inputs, &plan, &Float32Arithmetic).map_err(|error| format!("reference: {error}"))?;
    if let Some(problem) = difference(&reference.outputs(), expected) {
        return Err(format!("reference: {problem}"));
    }
    let config = ArrayConfig::named("small").unwrap();
    let mut session = Session::new(BackendKind::Sim.open(&config).unwrap());
    let mut engine = MachineEngine::new(&mut session, network).map_err(|error| format!("sim: {error}"))?;
    let machine = execute(network, inputs, &plan, &Contract, &mut engine).map_err(|error| format!("sim: {error}"))?;
    match difference(&machine.outputs(), expected) {
        Some(problem) => Err(format!("sim: {problem}")),
        None => Ok(()),
    }
}

/// Checks every case and lists the ones that fail.
fn all(cases: &[Case], check: impl Fn(&Case) -> Result<(), String>) {
    let failed: Vec<String> =
        cases.iter().filter_map(|case| check(case).err().map(|error| format!("{}: {error}", case.name))).collect();
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

fn switched(case: &Case) -> Result<(), String> {
    let network = case.network("model.onnx")?;
    let inputs = case.tensors("input");
    for weight_bits in [8, 4, 2] {
        let expected = case.tensors(&format!("output_w{weight_bits}"));
        check(&network, &inputs, &expected, weight_bits).map_err(|error| format!("W{weight_bits}: {error}"))?;
    }
    Ok(())
}

#[test]
fn node_tests_of_the_onnx_project() {
    all(&cases(BUILD, "cases", &["node_"], 27), |case| {
        let network = case.network("constant.onnx")?;
        check(&network, &[case.tensor("input_0")], &case.tensors("output"), 8)
    });
}

#[test]
fn small_networks_at_three_widths() {
    all(&cases(BUILD, "cases", &["cnn_"], 23), switched);
}

#[test]
fn residual_networks_at_three_widths() {
    all(&cases(BUILD, "cases", &["residual_", "mixed_"], 42), switched);
}

#[test]
fn transformers_at_three_widths() {
    all(&cases(BUILD, "cases", &["transformer_", "tokens_"], 50), switched);
}

#[test]
fn four_and_two_bit_tensors() {
    all(&cases(BUILD, "cases", &["low_"], 192), |case| {
        check(&case.network("model.onnx")?, &case.tensors("input"), &case.tensors("output"), 8)
    });
}

#[test]
fn float_operators() {
    all(&cases(BUILD, "float_operators", &[""], 260), |case| {
        check(&case.network("model.onnx")?, &case.tensors("input"), &case.tensors("output"), 8)
    });
}

/// What stands around an operator decides in which arithmetic it runs; scales here let another one show.
#[test]
fn operators_and_their_neighbours() {
    all(&cases(BUILD, "neighbours", &[""], 11), |case| {
        check(&case.network("model.onnx")?, &case.tensors("input"), &case.tensors("output"), 8)
    });
}

#[test]
fn quantized_operators() {
    all(&cases(BUILD, "quantized_operators", &[""], 230), |case| {
        check(&case.network("model.onnx")?, &case.tensors("input"), &case.tensors("output"), 8)
    });
}

#[test]
fn qonnx() {
    let cases = cases(BUILD, "qonnx", &["qonnx_"], 120);
    all(&cases, |case| check(&case.network("model.onnx")?, &case.tensors("input"), &case.tensors("output"), 8));
    let (mut layers, mut quantized) = (0, 0);
    all(&cases, |case| {
        let facts = std::fs::read(case.file("case.json")).map_err(|error| error.to_string())?;
        let facts: serde_json::Value = serde_json::from_slice(&facts).map_err(|error| error.to_string())?;
        let Some(expected) = facts["fused"].as_u64() else { return Ok(()) };
        let network = case.network("model.onnx")?;
        let is_quantized = |layer: &ArrayLayer| matches!(layer.output, LayerOutput::Quantized { .. });
        let found = network.array_layers().filter(|(_, layer)| is_quantized(layer)).count() as u64;
        if found == expected { Ok(()) } else { Err(format!("{found} layers are requantized on chip, expected {expected}")) }
    });
    for case in &cases {
        let network = case.network("model.onnx").unwrap();
        layers += network.array_layers().count();
        quantized += network.array_layers().filter(|(_, layer)| layer.output_quant().is_some()).count();
    }
    assert_eq!((layers, quantized), (232, 79), "layers of the array, and those that are requantized on chip");
}

#[test]
fn faulty_qonnx() {
    const FOUND: [(&str, &str); 16] = [
        ("attribute", "attribute \"narrow\""),
        ("broken_width", "a bit width of 3.5"),
        ("computed_scale", "a scale that is computed"),
        ("flag", "no attribute signed"),
        ("float_weight", "a constant of float32"),
        ("not_a_number", "element 0 is NaN"),
        ("rounding", "rounding_mode \"ROUND_TO_ZERO\""),
        ("scale", "scale 0e0"),
        ("scale_count", "3 scales along dimension 1"),
        ("scale_shape", "a scale of shape [4, 4]"),
        ("trunc_scale", "an output scale of 3 input scales"),
        ("wide_activation", "9 bits"),
        ("wide_weight", "12 bits"),
        ("zero_point", "zero point 0.5"),
        ("zero_point_range", "zero point 16"),
        ("zero_width", "a bit width of 0"),
    ];
    all(&cases(BUILD, "qonnx", &["refused_qonnx_"], FOUND.len()), |case| {
        let name = case.name.trim_start_matches("refused_qonnx_");
        let found = FOUND.iter().find(|(known, _)| *known == name).map(|(_, found)| found).ok_or("not in the list")?;
        match case.network("model.onnx") {
            Err(text) if text.contains(&format!("found {found}")) => Ok(()),
            Err(text) => Err(format!("refused for another reason: {text}")),
            Ok(_) => Err("not refused".to_string()),
        }
    });
}

/// Weights and activations of fewer bits than the file has are no meaning of QONNX; machine and reference agree on one.
#[test]
fn qonnx_at_fewer_bits() {
    let narrowed = |case: &Case| {
        let (network, inputs) = (case.network("model.onnx")?, case.tensors("input"));
        for (act_bits, weight_bits) in [(8, 4), (4, 4), (2, 2)] {
            let plan = PrecisionPlan::uniform(LayerPrecision { act_bits, weight_bits, ..LayerPrecision::default() });
            let reference = run(&network, &inputs, &plan, &Float32Arithmetic).map_err(|error| format!("reference: {error}"))?;
            let expected: Vec<Tensor> = reference.outputs().into_iter().cloned().collect();
            let mut session = Session::new(BackendKind::Sim.open(&ArrayConfig::named("small").unwrap()).unwrap());
            let mut engine = MachineEngine::new(&mut session, &network).map_err(|error| format!("sim: {error}"))?;
            let machine = execute(&network, &inputs, &plan, &Contract, &mut engine).map_err(|error| format!("sim: {error}"))?;
            if let Some(problem) = difference(&machine.outputs(), &expected) {
                return Err(format!("A{act_bits} W{weight_bits}: {problem}"));
            }
        }
        Ok(())
    };
    all(&cases(BUILD, "qonnx", &["qonnx_conv_", "qonnx_mlp_", "qonnx_graph_"], 88), narrowed);
}
