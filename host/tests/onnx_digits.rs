//! `digits/digits.onnx` imports like any other model and classifies as many images as its evaluation says.

use std::path::Path;

use crumb::network::{
    ArrayLayer, Float32Arithmetic, LayerOutput, LayerPrecision, Network, PrecisionPlan, Rounding, Tensor, TensorData, run,
};

fn digits(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("digits").join(file)
}

/// The network with the biases of `biases.toml`, whose lines are `[bias.wN]` and `layer = [integers]`.
fn network() -> Network {
    let mut network = crumb::onnx::import(&std::fs::read(digits("digits.onnx")).unwrap()).unwrap();
    let mut bits = 8;
    for line in std::fs::read_to_string(digits("biases.toml")).unwrap().lines() {
        if let Some(width) = line.strip_prefix("[bias.w") {
            bits = width.trim_end_matches(']').parse().unwrap();
        } else if let Some((name, values)) = line.split_once(" = [") {
            let values = values.trim_end_matches(']').split(", ").map(|value| value.parse().unwrap()).collect();
            let bias = network.layer_mut(name).unwrap().bias.as_mut().unwrap();
            bias.at_weight_bits.insert(bits, values);
        }
    }
    network
}

fn correct(network: &Network, plan: &PrecisionPlan) -> u64 {
    let images = crate::onnx_support::read_npy(&digits("images.npy"));
    let labels = crate::onnx_support::read_npy(&digits("labels.npy")).ints().unwrap();
    let pixels = images.ints().unwrap().into_iter().map(|pixel| pixel as f32 / 16.0).collect();
    let input = Tensor::new(vec![labels.len(), 1, 8, 8], TensorData::F32(pixels)).unwrap();
    let execution = run(network, &[input], plan, &Float32Arithmetic).unwrap();
    let logits = execution.outputs()[0].floats().unwrap().to_vec();
    let best = |row: &[f32]| (0..10).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    logits.chunks(10).zip(labels).filter(|(row, label)| best(row) as i32 == *label).count() as u64
}

#[test]
fn four_layers_without_special_cases() {
    let network = network();
    assert_eq!(network.layer_names(), ["conv1", "conv2", "conv3", "fc"]);
    let kinds: Vec<_> = network.nodes.iter().map(|node| node.op.kind()).collect();
    assert_eq!(kinds, ["QuantizeLinear", "Conv", "Conv", "Conv", "Flatten", "Gemm"]);
    let relu = |layer: &ArrayLayer| matches!(layer.output, LayerOutput::Quantized { clamp: [0.0, f32::INFINITY], .. });
    assert!(network.array_layers().take(3).all(|(_, layer)| relu(layer)));
    assert_eq!(network.output_names, ["logits"]);
}

#[test]
fn accuracy_of_every_pair_is_that_of_the_evaluation() {
    let network = network();
    let expected: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(digits("expected.json")).unwrap()).unwrap();
    for (pair, roundings) in expected["pairs"].as_object().unwrap() {
        let (act_bits, weight_bits) = pair.trim_start_matches('a').split_once('w').unwrap();
        for (name, rounding) in [("half-even", Rounding::HalfEven), ("floor", Rounding::Floor)] {
            let precision = LayerPrecision {
                weight_bits: weight_bits.parse().unwrap(),
                act_bits: act_bits.parse().unwrap(),
                rounding,
                ..LayerPrecision::default()
            };
            let found = correct(&network, &PrecisionPlan::uniform(precision));
            assert_eq!(Some(found), roundings[name]["correct"].as_u64(), "{pair} {name}");
        }
    }
    let narrow = LayerPrecision { weight_bits: 2, act_bits: 4, rounding: Rounding::HalfEven, ..LayerPrecision::default() };
    let mixed = PrecisionPlan::default().with("conv2", narrow).with("conv3", narrow);
    assert_eq!(Some(correct(&network, &mixed)), expected["mixed"]["correct"].as_u64());
}
