//! Exports of graphs made by hand: constants that layers share, integers at the graph's ends, and what is refused.

use crate::export_support::{check, facts, imported, precision};
use crate::onnx_builder::{FLOAT, INT8, UINT8, field, model, node, tensor, value};
use crumb::network::{DType, Dim, Float32Arithmetic, PrecisionPlan, Rounding, Tensor, TensorData, run};
use crumb::onnx::{export, import, import_with};
use std::collections::HashMap;

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
        "node \"y.node\" (MatMul): found weights that are computed, at 4 bits; supported: 8 bits for weights that are computed; \
         give this layer weight_bits = 8 in the plan"
    );
    let plan = PrecisionPlan::default().with("nowhere", precision(8, 4, Rounding::HalfEven));
    assert!(
        export(&bytes, &import, &import.network, &plan).unwrap_err().to_string().starts_with("there is no layer \"nowhere\"")
    );
    let mut plan = PrecisionPlan::default();
    plan.important.insert("a.node".into(), vec![0, 2]);
    let bytes = shared_weights(&[1; 16], 7);
    let import = imported(&bytes);
    assert_eq!(
        export(&bytes, &import, &import.network, &plan).unwrap_err().to_string(),
        "node \"a.node\" (MatMul): found input channels of two widths; supported: one width for a tensor; leave out important_channels"
    );
}

#[test]
fn activations_of_computed_products_are_narrowed() {
    let nodes = [
        node("QuantizeLinear", &["x", "s", "z"], "xq"),
        node("DequantizeLinear", &["xq", "s", "z"], "xf"),
        node("MatMul", &["xf", "xf"], "y"),
    ];
    let tensors = [tensor("s", &[], FLOAT, &0.5f32.to_le_bytes()), tensor("z", &[], INT8, &[0])];
    let bytes = model(&nodes, &tensors, &[value("x", FLOAT, &[4, 4])], &[value("y", FLOAT, &[4, 4])]);
    let import = imported(&bytes);
    let plan = PrecisionPlan::default().with("y.node", precision(4, 8, Rounding::HalfEven));
    let x = (0..16).map(|i| i as f32 * 7.3 - 60.0).collect();
    check("product", &bytes, &import, &Tensor::new(vec![4, 4], TensorData::F32(x)).unwrap(), &plan);
}

/// The imports that the tests lean on read what they should.
#[test]
fn the_handmade_model_is_what_it_seems() {
    let network = import(&shared_weights(&[1; 16], 7)).unwrap();
    assert_eq!(network.layer_names(), ["a.node", "b.node"]);
    assert_eq!(network.tensor(network.inputs[1]).dtype, DType::U8);
    assert_eq!(network.tensor(network.inputs[1]).shape, Some(vec![Dim::Fixed(3), Dim::Fixed(4)]));
}
