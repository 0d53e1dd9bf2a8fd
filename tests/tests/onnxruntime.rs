//! Models that onnxruntime computed: our outputs are its outputs, bit for bit, on the reference and on the simulator.

use crumb::backend::BackendKind;
use crumb::network::machine::MachineEngine;
use crumb::network::{Contract, Float32Arithmetic, LayerPrecision, Network, PrecisionPlan, Rounding, Tensor, execute, run};
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

#[test]
fn quantized_operators() {
    all(&cases(BUILD, "quantized_operators", &[""], 230), |case| {
        check(&case.network("model.onnx")?, &case.tensors("input"), &case.tensors("output"), 8)
    });
}
