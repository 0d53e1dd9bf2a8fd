//! Exported files, run at 8 bits, compute what the original computes at the plan's precision.

use crate::export_support::{ROUNDINGS, check, check_network, imported, precision};
use crate::onnx_support::{fixture_bytes, fixture_names, read_tensor};
use crumb::network::{Network, PrecisionPlan, Rounding};
use crumb::onnx::{export, import_with};
use proptest::prelude::*;
use std::collections::HashMap;

/// Every fixture at every pair of widths, all roundings in turn.
#[test]
fn uniform_plans_of_all_fixtures() {
    let mut changed = 0;
    let mut refused = Vec::new();
    for name in fixture_names() {
        let (bytes, input) = (fixture_bytes(&name), read_tensor(&format!("{name}.input.npy")));
        let import = imported(&bytes);
        for (index, (act, weight)) in [8, 4, 2].into_iter().flat_map(|a| [8, 6, 4, 2].map(|w| (a, w))).enumerate() {
            let plan = PrecisionPlan::uniform(precision(act, weight, ROUNDINGS[index % 3]));
            if plan.tensor_bits(&import.network).is_err() {
                continue;
            }
            // Clip has its bounds as attributes before opset 11.
            if act < 8
                && let Err(error) = export(&bytes, &import, &import.network, &plan)
            {
                refused.push(format!("{name}: {error}"));
                continue;
            }
            changed += usize::from(check(&name, &bytes, &import, &input, &plan) != bytes);
        }
    }
    assert!(changed > 400, "only {changed} exports changed anything");
    let expected = |text: &String| text.starts_with("conv_opset10: ") && text.contains("fewer activation bits in opset 10");
    assert!(refused.iter().all(expected) && !refused.is_empty(), "{refused:#?}");
}

#[test]
fn eight_bits_everywhere_is_the_same_file() {
    for name in fixture_names() {
        let bytes = fixture_bytes(&name);
        let import = imported(&bytes);
        assert_eq!(export(&bytes, &import, &import.network, &PrecisionPlan::default()).unwrap(), bytes, "{name}");
    }
}

/// Four-bit weights change a constant's data and nothing else: all other bytes stand there, in the same order.
#[test]
fn other_bytes_stay() {
    let bytes = fixture_bytes("conv_pad");
    let import = imported(&bytes);
    let exported =
        export(&bytes, &import, &import.network, &PrecisionPlan::uniform(precision(8, 4, Rounding::HalfEven))).unwrap();
    let (_, layer) = import.network.array_layers().next().unwrap();
    let count = layer.weights.len();
    let find = |bytes: &[u8], weights: &[u8]| bytes.windows(count).position(|window| window == weights).unwrap();
    let old: Vec<u8> = layer.weights.iter().map(|&w| w as u8).collect();
    let again = imported(&exported).network;
    let new: Vec<u8> = again.array_layers().next().unwrap().1.weights.iter().map(|&w| w as u8).collect();
    assert_ne!(old, new);
    let (from, to) = (find(&bytes, &old), find(&exported, &new));
    assert_eq!(bytes.len(), exported.len());
    assert_eq!(bytes[..from.min(to)], exported[..from.min(to)]);
    assert_eq!(bytes[from.max(to) + count..], exported[from.max(to) + count..]);
}

/// Plans with a width of its own for each layer.
fn random_plan(network: &Network, seed: u64) -> Option<PrecisionPlan> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut plan = PrecisionPlan::default();
    for layer in network.layer_names() {
        let act = [8, 4, 2][random.usize(..3)];
        let weight = [8, 6, 4, 2][random.usize(..4)];
        plan = plan.with(&layer, precision(act, weight, ROUNDINGS[random.usize(..3)]));
    }
    plan.tensor_bits(network).is_ok().then_some(plan)
}

#[test]
fn random_plans() {
    for name in ["cnn_static_u8", "cnn_static_s8", "flatten_dequantized", "flatten_to_gemm"] {
        let (bytes, input) = (fixture_bytes(name), read_tensor(&format!("{name}.input.npy")));
        let import = imported(&bytes);
        let plans: Vec<PrecisionPlan> = (0..40).filter_map(|seed| random_plan(&import.network, seed)).collect();
        assert!(plans.len() > 20, "{name}: {}", plans.len());
        plans.iter().for_each(|plan| drop(check(name, &bytes, &import, &input, plan)));
    }
}

#[test]
fn biases_of_a_width_and_pruned_weights_go_into_the_file() {
    for name in ["conv_pad", "gemm_row_bias", "cnn_static_u8", "float_weights"] {
        let (bytes, input) = (fixture_bytes(name), read_tensor(&format!("{name}.input.npy")));
        let import = imported(&bytes);
        let plan = PrecisionPlan::uniform(precision(4, 4, Rounding::HalfEven));
        let plain = check(name, &bytes, &import, &input, &plan);
        let mut changed = import.network.clone();
        for layer in import.network.layer_names() {
            let layer = changed.layer_mut(&layer).unwrap();
            let count = layer.out_channels as i32;
            let Some(bias) = layer.bias.as_mut() else { continue };
            bias.at_weight_bits.insert(4, (0..count).map(|channel| 1000 - 37 * channel).collect());
            bias.at_weight_bits.insert(2, vec![5; count as usize]);
        }
        let with_biases = check_network(name, &bytes, &import, &changed, &input, &plan);
        assert!(with_biases != plain || name == "float_weights", "{name}");
        for layer in import.network.layer_names() {
            let layer = changed.layer_mut(&layer).unwrap();
            layer.weights = layer.weights.iter().enumerate().map(|(i, &w)| if i % 3 == 0 { 0 } else { w }).collect();
        }
        let plan = PrecisionPlan::default();
        assert_ne!(check_network(name, &bytes, &import, &changed, &input, &plan), bytes, "{name}");
    }
}

const MODELS: [&str; 5] = ["conv_dilation", "cnn_static_u8", "conv_constant_nodes", "float_weights", "gemm_trans_b0_channels"];

/// Whatever can be imported can be exported, or is refused; what is exported can be imported.
fn exercise(bytes: &[u8], plan: &PrecisionPlan) {
    let Ok(import) = import_with(bytes, &HashMap::new()) else { return };
    match export(bytes, &import, &import.network, plan) {
        Ok(exported) => assert!(crumb::onnx::import(&exported).is_ok(), "{:?}", crumb::onnx::import(&exported).err()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn mutated_files_are_answered(
        model in 0..MODELS.len(),
        act in 0..3usize,
        weight in 0..4usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let original = fixture_bytes(MODELS[model]);
        let mut bytes = original.clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let plan = PrecisionPlan::uniform(precision([8, 4, 2][act], [8, 6, 4, 2][weight], Rounding::HalfEven));
        exercise(&bytes, &plan);
        // A network that came from another file.
        let other = imported(&original);
        let _ = export(&bytes, &other, &other.network, &plan);
    }

    #[test]
    fn noise_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let plan = PrecisionPlan::uniform(precision(4, 4, Rounding::HalfEven));
        let other = imported(&fixture_bytes("conv_pad"));
        let _ = export(&bytes, &other, &other.network, &plan);
    }
}

#[test]
fn every_truncation_is_answered() {
    let bytes = fixture_bytes("conv_opset21");
    let import = imported(&bytes);
    let plan = PrecisionPlan::uniform(precision(4, 4, Rounding::HalfEven));
    for length in 0..bytes.len() {
        let _ = export(&bytes[..length], &import, &import.network, &plan);
        exercise(&bytes[..length], &plan);
    }
}

#[test]
fn the_command_writes_what_the_library_makes() {
    let folder = crate::cli_support::Folder::new();
    let model = crate::onnx_support::fixture("cnn_static_u8.onnx");
    let bytes = std::fs::read(&model).unwrap();
    let import = imported(&bytes);
    let out = folder.file("switched.onnx");
    let text = crate::cli_support::text;
    let output =
        crate::cli_support::crumb(&["export", text(&model), "--weight-bits", "4", "--act-bits", "4", "--out", text(&out)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected =
        export(&bytes, &import, &import.network, &PrecisionPlan::uniform(precision(4, 4, Rounding::HalfEven))).unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), expected);
    let layer = &import.network.layer_names()[0];
    let plan = folder.write("plan.toml", &format!("[[layer]]\nname = {layer:?}\nact_bits = 8\nweight_bits = 2\n"));
    let output = crate::cli_support::crumb(&["export", text(&model), "--precision", text(&plan), "--out", text(&out)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected =
        export(&bytes, &import, &import.network, &PrecisionPlan::default().with(layer, precision(8, 2, Rounding::HalfEven)))
            .unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), expected);
    let output = crate::cli_support::crumb(&["export", text(&model), "--out", text(&model)]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(std::fs::read(&model).unwrap(), bytes);
    let plain = crate::cli_support::crumb(&["export", text(&model), "--out", text(&out)]);
    assert!(String::from_utf8_lossy(&plain.stdout).contains("a copy: the plan changes nothing"));
    assert_eq!(std::fs::read(&out).unwrap(), bytes);
}
