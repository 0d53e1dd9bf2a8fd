//! Exported files, run at 8 bits, compute what the original computes at the plan's precision.

mod cli_support;
mod onnx_support;

use crumb::network::{
    DType, Dim, Execution, Float32Arithmetic, LayerPrecision, Network, PrecisionPlan, Rounding, Tensor, TensorData, run,
};
use crumb::onnx::{Import, export, import, import_with};
use onnx_support::{fixture_bytes, fixture_names, read_tensor};
use proptest::prelude::*;
use std::collections::HashMap;

const ROUNDINGS: [Rounding; 3] = [Rounding::HalfEven, Rounding::HalfUp, Rounding::Floor];

fn imported(bytes: &[u8]) -> Import {
    import_with(bytes, &HashMap::new()).unwrap()
}

fn precision(act_bits: u8, weight_bits: u8, rounding: Rounding) -> LayerPrecision {
    LayerPrecision { weight_bits, act_bits, rounding, refined: false }
}

/// Outputs, and sums of each layer, by its name: both are in units of the 8-bit layer.
fn facts(network: &Network, execution: &Execution) -> (Vec<Tensor>, HashMap<String, Vec<i32>>) {
    let sums = network.array_layers().map(|(index, layer)| (layer.name.clone(), execution.accumulators[index].clone()));
    (execution.outputs().into_iter().cloned().collect(), sums.collect())
}

/// Exports at a plan, imports the result, and compares outputs and sums; the exported file.
fn check(name: &str, bytes: &[u8], import: &Import, input: &Tensor, plan: &PrecisionPlan) -> Vec<u8> {
    check_network(name, bytes, import, &import.network, input, plan)
}

/// The same, of a network that a plan has changed.
fn check_network(name: &str, bytes: &[u8], import: &Import, network: &Network, input: &Tensor, plan: &PrecisionPlan) -> Vec<u8> {
    let exported = export(bytes, import, network, plan).unwrap_or_else(|error| panic!("{name} {plan:?}: {error}"));
    let again = imported(&exported).network;
    let inputs = std::slice::from_ref(input);
    let expected = run(network, inputs, plan, &Float32Arithmetic).unwrap();
    let found = run(&again, inputs, &PrecisionPlan::default(), &Float32Arithmetic).unwrap();
    let ((outputs, sums), (other_outputs, other_sums)) = (facts(network, &expected), facts(&again, &found));
    assert!(
        outputs.len() == other_outputs.len() && outputs.iter().zip(&other_outputs).all(|(a, b)| a.same_bits(b)),
        "{name} {plan:?}"
    );
    assert_eq!(sums, other_sums, "{name} {plan:?}");
    narrow_tensors_are_in_the_upper_bits(name, network, &expected, &again, &found);
    exported
}

/// What a layer reads at A bits is, in the exported file, the same integers times `2^(8-A)`.
fn narrow_tensors_are_in_the_upper_bits(name: &str, a: &Network, a_run: &Execution, b: &Network, b_run: &Execution) {
    for (index, layer) in a.array_layers() {
        let (other, _) = b.array_layers().find(|(_, other)| other.name == layer.name).unwrap();
        let input = |network: &Network, index: usize| network.nodes[index].inputs[0].unwrap().0;
        let (id, other_id) = (input(a, index), input(b, other));
        let values = |execution: &Execution, id: usize| execution.tensors[id].as_ref().unwrap().ints().unwrap();
        let (own, up) = (a_run.tensor_bits[id], layer.input.bits - a_run.tensor_bits[id]);
        let lifted: Vec<i32> = values(a_run, id).into_iter().map(|value| value << up).collect();
        assert_eq!(values(b_run, other_id), lifted, "{name} {} at {own} bits", layer.name);
    }
}

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

/// A length-delimited field of a protocol buffer.
fn field(number: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for mut value in [number << 3 | 2, body.len()] {
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
    }
    bytes.extend(body);
    bytes
}

fn message(fields: &[(usize, &[u8])]) -> Vec<u8> {
    fields.iter().flat_map(|(number, body)| field(*number, body)).collect()
}

fn node(op: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    bytes.extend(message(&[(2, output.as_bytes()), (3, format!("{output}.node").as_bytes()), (4, op.as_bytes())]));
    bytes
}

fn tensor(name: &str, dims: &[u8], data_type: u8, raw: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = dims.iter().flat_map(|&dim| [1 << 3, dim]).collect();
    bytes.extend([2 << 3, data_type]);
    bytes.extend(message(&[(8, name.as_bytes()), (9, raw)]));
    bytes
}

fn value(name: &str, data_type: u8, dims: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| field(1, &[1 << 3, dim])).collect();
    let tensor_type = [vec![1 << 3, data_type], field(2, &dims)].concat();
    message(&[(1, name.as_bytes()), (2, &field(1, &tensor_type))])
}

const FLOAT: u8 = 1;
const UINT8: u8 = 2;
const INT8: u8 = 3;

/// A model in bytes, with a field that nobody knows between the others.
fn model(nodes: &[Vec<u8>], tensors: &[Vec<u8>], inputs: &[Vec<u8>], outputs: &[Vec<u8>]) -> Vec<u8> {
    let graph = [(1, nodes), (5, tensors), (11, inputs), (12, outputs)];
    let mut graph: Vec<u8> =
        graph.iter().flat_map(|(number, messages)| messages.iter().flat_map(|body| field(*number, body))).collect();
    graph.extend(field(23, b"unknown"));
    [vec![1 << 3, 10], field(7, &graph), field(8, &[2 << 3, 13]), field(23, b"kept")].concat()
}

/// Two products that share their weights, one DequantizeLinear for both; the second's input is the integers that the graph takes.
fn shared_weights(weights: &[i8; 16], zero: u8) -> Vec<u8> {
    let bytes: Vec<u8> = weights.iter().map(|&w| w as u8).collect();
    let nodes = [
        node("DequantizeLinear", &["w", "sw"], "wf"),
        node("QuantizeLinear", &["x", "s", "z"], "xq"),
        node("DequantizeLinear", &["xq", "s", "z"], "xf"),
        node("MatMul", &["xf", "wf"], "a"),
        node("DequantizeLinear", &["u", "s", "z"], "uf"),
        node("MatMul", &["uf", "wf"], "b"),
    ];
    let scale = |value: f32| value.to_le_bytes();
    let tensors = [
        tensor("w", &[4, 4], INT8, &bytes),
        tensor("sw", &[], FLOAT, &scale(0.25)),
        tensor("s", &[], FLOAT, &scale(0.1)),
        tensor("z", &[], UINT8, &[zero]),
    ];
    let inputs = [value("x", FLOAT, &[3, 4]), value("u", UINT8, &[3, 4])];
    // The quantized tensor is an output, too: in its own integers, at the plan's width.
    let outputs = [value("a", FLOAT, &[3, 4]), value("b", FLOAT, &[3, 4]), value("xq", UINT8, &[3, 4])];
    model(&nodes, &tensors, &inputs, &outputs)
}

#[test]
fn shared_constants_integer_inputs_and_integer_outputs() {
    let weights: [i8; 16] = std::array::from_fn(|i| (i as i8).wrapping_mul(37).wrapping_sub(90));
    for zero in [0, 7, 8, 128, 137, 250, 255] {
        let bytes = shared_weights(&weights, zero);
        let import = imported(&bytes);
        let x: Vec<f32> = (0..12).map(|i| i as f32 * 2.7 - 14.0).collect();
        let inputs = [
            Tensor::new(vec![3, 4], TensorData::F32(x)).unwrap(),
            Tensor::new(vec![3, 4], TensorData::U8((0..12).map(|i| (i * 23) as u8).collect())).unwrap(),
        ];
        for (first, second) in [(8, 8), (4, 8), (8, 4), (4, 2), (2, 2)] {
            for (w_first, w_second) in [(8, 8), (4, 8), (8, 2), (4, 2), (6, 6)] {
                let plan = PrecisionPlan::default()
                    .with("a.node", precision(first, w_first, Rounding::HalfEven))
                    .with("b.node", precision(second, w_second, Rounding::Floor));
                let exported = export(&bytes, &import, &import.network, &plan).unwrap();
                let again = import_with(&exported, &HashMap::new()).unwrap_or_else(|error| panic!("{plan:?}: {error}")).network;
                let expected = run(&import.network, &inputs, &plan, &Float32Arithmetic).unwrap();
                let found = run(&again, &inputs, &PrecisionPlan::default(), &Float32Arithmetic).unwrap();
                assert_eq!(facts(&import.network, &expected), facts(&again, &found), "zero point {zero}: {plan:?}");
                assert!(exported.ends_with(&field(23, b"kept")) && exported.windows(7).any(|window| window == b"unknown"));
                let copies = exported.windows(8).filter(|window| window == b"switched").count();
                // (W8, W8) has one constant; (W, 8) keeps the old one beside the new.
                assert_eq!(copies > 0, w_first != w_second || w_first == 6, "{w_first} {w_second}");
            }
        }
    }
}

#[test]
fn what_eight_bit_types_cannot_express_is_refused() {
    // The product's right operand is computed: the switch would be a node of its own.
    let nodes = [
        node("QuantizeLinear", &["x", "s", "z"], "xq"),
        node("DequantizeLinear", &["xq", "s", "z"], "xf"),
        node("MatMul", &["xf", "xf"], "y"),
    ];
    let tensors = [tensor("s", &[], FLOAT, &0.5f32.to_le_bytes()), tensor("z", &[], INT8, &[0])];
    let bytes = model(&nodes, &tensors, &[value("x", FLOAT, &[4, 4])], &[value("y", FLOAT, &[4, 4])]);
    let import = imported(&bytes);
    let plan = PrecisionPlan::default().with("y.node", precision(8, 4, Rounding::HalfEven));
    assert_eq!(
        export(&bytes, &import, &import.network, &plan).unwrap_err().to_string(),
        "tensor \"y.node\": found weights that are computed, at 4 bits; supported: 8 bits for weights that are computed; \
         give this layer weight_bits = 8 in the plan"
    );
    let plan = PrecisionPlan::default().with("nowhere", precision(8, 4, Rounding::HalfEven));
    assert!(
        export(&bytes, &import, &import.network, &plan).unwrap_err().to_string().starts_with("there is no layer \"nowhere\"")
    );
    // Activations alone are no obstacle.
    let plan = PrecisionPlan::default().with("y.node", precision(4, 8, Rounding::HalfEven));
    let x = (0..16).map(|i| i as f32 * 7.3 - 60.0).collect();
    check("product", &bytes, &import, &Tensor::new(vec![4, 4], TensorData::F32(x)).unwrap(), &plan);
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
    let folder = cli_support::Folder::new();
    let model = onnx_support::fixture("cnn_static_u8.onnx");
    let bytes = std::fs::read(&model).unwrap();
    let import = imported(&bytes);
    let out = folder.file("switched.onnx");
    let text = cli_support::text;
    let output = cli_support::crumb(&["export", text(&model), "--weight-bits", "4", "--act-bits", "4", "--out", text(&out)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected =
        export(&bytes, &import, &import.network, &PrecisionPlan::uniform(precision(4, 4, Rounding::HalfEven))).unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), expected);
    let layer = &import.network.layer_names()[0];
    let plan = folder.write("plan.toml", &format!("[[layer]]\nname = {layer:?}\nact_bits = 8\nweight_bits = 2\n"));
    let output = cli_support::crumb(&["export", text(&model), "--precision", text(&plan), "--out", text(&out)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected =
        export(&bytes, &import, &import.network, &PrecisionPlan::default().with(layer, precision(8, 2, Rounding::HalfEven)))
            .unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), expected);
    let output = cli_support::crumb(&["export", text(&model), "--out", text(&model)]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(std::fs::read(&model).unwrap(), bytes);
    let plain = cli_support::crumb(&["export", text(&model), "--out", text(&out)]);
    assert!(String::from_utf8_lossy(&plain.stdout).contains("a copy: the plan changes nothing"));
    assert_eq!(std::fs::read(&out).unwrap(), bytes);
}

/// The imports that the tests lean on read what they should.
#[test]
fn the_handmade_model_is_what_it_seems() {
    let network = import(&shared_weights(&[1; 16], 7)).unwrap();
    assert_eq!(network.layer_names(), ["a.node", "b.node"]);
    assert_eq!(network.tensor(network.inputs[1]).dtype, DType::U8);
    assert_eq!(network.tensor(network.inputs[1]).shape, Some(vec![Dim::Fixed(3), Dim::Fixed(4)]));
}
