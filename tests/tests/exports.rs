//! Exported models: onnxruntime, at 8-bit types, computes what the reference computes at the plan's precision.

use crumb::network::{Float32Arithmetic, LayerPrecision, Network, Op, PrecisionPlan, Rounding, run};
use crumb::npy::{self, Array};
use crumb::onnx::{export, import_with};
use crumb_tests::oracle::{Case, cases};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const BUILD: &str = env!("CARGO_TARGET_TMPDIR");
const ACT_BITS: [u8; 3] = [4, 8, 2];
const WEIGHT_BITS: [u8; 4] = [4, 2, 8, 6];
const ROUNDINGS: [Rounding; 3] = [Rounding::HalfEven, Rounding::HalfUp, Rounding::Floor];

/// A plan that mixes widths: layers with the same input have the same one, tensors that cannot be narrowed stay at 8 bits, and so
/// do weights that are computed. `shift` turns the lists of widths, so that each layer gets to all of them.
fn mixed_plan(network: &Network, shift: usize) -> PrecisionPlan {
    let mut plan = PrecisionPlan::default();
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    for (index, _) in network.array_layers() {
        let input = network.nodes[index].inputs[0].unwrap().0;
        match groups.iter_mut().find(|(tensor, _)| *tensor == input) {
            Some((_, nodes)) => nodes.push(index),
            None => groups.push((input, vec![index])),
        }
    }
    for (number, (_, nodes)) in groups.iter().enumerate() {
        let with = |act_bits: u8| {
            nodes.iter().fold(plan.clone(), |plan, &node| {
                let turn = node + shift;
                let computed = matches!(network.nodes[node].op, Op::MatMul(_));
                let weight_bits = if computed { 8 } else { WEIGHT_BITS[turn % WEIGHT_BITS.len()] };
                let rounding = ROUNDINGS[turn % ROUNDINGS.len()];
                let name = network.nodes[node].op.array_layer().unwrap().name.clone();
                plan.with(&name, LayerPrecision { act_bits, weight_bits, rounding, refined: false })
            })
        };
        let narrow = with(ACT_BITS[(number + shift) % ACT_BITS.len()]);
        plan = if narrow.tensor_bits(network).is_ok() { narrow } else { with(8) };
    }
    plan
}

/// Exports a case at a plan and writes it with the outputs of the reference; whether the file was changed, and how many tensors
/// are narrower than 8 bits.
fn write(case: &Case, folder: &Path, shift: usize) -> (bool, usize) {
    let bytes = std::fs::read(case.file("model.onnx")).unwrap();
    let import = import_with(&bytes, &HashMap::new()).unwrap();
    let plan = mixed_plan(&import.network, shift);
    let exported = export(&bytes, &import, &import.network, &plan).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("exported.onnx"), &exported).unwrap();
    let inputs = case.tensors("input");
    let execution = run(&import.network, &inputs, &plan, &Float32Arithmetic).unwrap();
    let save = |stem: &str, index: usize, array: Array| {
        let mut file = std::fs::File::create(folder.join(format!("{stem}_{index}.npy"))).unwrap();
        npy::write_to(&mut file, &array).unwrap();
    };
    inputs.iter().enumerate().for_each(|(index, tensor)| save("input", index, tensor.into()));
    execution.outputs().into_iter().enumerate().for_each(|(index, tensor)| save("expected", index, tensor.into()));
    (exported != bytes, execution.tensor_bits.iter().filter(|&&bits| bits < 8).count())
}

/// Cases of every form: quantizers around layers, layers of integers, dynamic quantization, and four-bit weights.
const PREFIXES: [&str; 8] = [
    "cnn_",
    "residual_",
    "mixed_",
    "transformer_",
    "tokens_",
    "low_conv_a_int8_w_int4",
    "low_gemm_a_uint8_w_uint4",
    "low_matmul_a_int8_w_uint4",
];

#[test]
fn onnxruntime_computes_the_same_from_exported_files() {
    let root = PathBuf::from(BUILD).join("exports");
    if root.exists() {
        std::fs::remove_dir_all(&root).unwrap();
    }
    let (mut narrow, mut changed, mut count) = (0, 0, 0);
    for case in cases(BUILD, "cases", &PREFIXES, 121) {
        for shift in 0..3 {
            let (is_changed, narrow_tensors) = write(&case, &root.join(format!("{}_{shift}", case.name)), shift);
            (narrow, changed, count) = (narrow + narrow_tensors, changed + usize::from(is_changed), count + 1);
        }
    }
    assert!(narrow > count && changed * 10 > count * 9, "{narrow} tensors below 8 bits, {changed} of {count} exports changed");
    let python = Path::new(BUILD).parent().unwrap().join("oracles/bin/python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracles/check_exports.py");
    let output = Command::new(&python).arg(&script).arg(&root).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask oracles`", python.display()));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains(&format!("{count} exports, 0 differ")), "{said}");
}
