//! Every model in `fixtures/` gives onnxruntime's output, bit for bit. `make_onnx_fixtures.py` makes them.

use crate::onnx_support::{fixture_names, import_fixture, read_tensor};
use crumb::network::{DType, Float32Arithmetic, LayerOutput, Op, PrecisionPlan, run};

#[test]
fn outputs_equal_onnxruntime_bit_for_bit() {
    let names = fixture_names();
    assert!(names.len() >= 50, "only {} fixtures", names.len());
    let mut wrong = Vec::new();
    for name in &names {
        let network = import_fixture(name);
        let input = read_tensor(&format!("{name}.input.npy"));
        let expected = read_tensor(&format!("{name}.output.npy"));
        let execution = run(&network, &[input], &PrecisionPlan::default(), &Float32Arithmetic).unwrap();
        let outputs = execution.outputs();
        assert_eq!(outputs.len(), 1, "{name}");
        if outputs[0].shape() != expected.shape() || !crate::onnx_support::same_bits(outputs[0], &expected) {
            let count = crate::onnx_support::differences(outputs[0], &expected);
            wrong.push(format!("{name}: {count} of {} differ", expected.data().len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Kinds of the nodes of a fixture.
fn kinds(name: &str) -> Vec<&'static str> {
    import_fixture(name).nodes.iter().map(|node| node.op.kind()).collect()
}

#[test]
fn patterns_become_the_layers_they_mean() {
    assert_eq!(kinds("conv_relu"), ["QuantizeLinear", "Conv", "DequantizeLinear"]);
    assert_eq!(kinds("conv_signed_relu_kept"), ["QuantizeLinear", "Conv", "DequantizeLinear"]);
    assert_eq!(kinds("conv_float_output"), ["QuantizeLinear", "Conv"]);
    assert_eq!(kinds("conv_float_output_relu"), ["QuantizeLinear", "Conv", "Relu"]);
    assert_eq!(kinds("conv_constant_nodes"), ["QuantizeLinear", "Conv", "DequantizeLinear"]);
    assert_eq!(kinds("float_weights"), ["QuantizeLinear", "Conv", "DequantizeLinear"]);
    assert_eq!(kinds("gemm_float"), ["QuantizeLinear", "Gemm"]);
    assert_eq!(kinds("flatten_to_gemm"), ["QuantizeLinear", "Flatten", "Gemm"]);
    assert_eq!(kinds("flatten_dequantized"), ["QuantizeLinear", "Conv", "Conv", "Flatten", "Gemm"]);
    assert_eq!(kinds("relu_between"), ["QuantizeLinear", "Relu", "DequantizeLinear", "QuantizeLinear", "DequantizeLinear"]);
    let cnn = ["QuantizeLinear", "Conv", "Conv", "Conv", "Flatten", "Gemm", "DequantizeLinear"];
    assert_eq!(kinds("cnn_static_u8"), cnn);
    assert_eq!(kinds("cnn_static_s8"), cnn);
}

#[test]
fn layers_carry_names_parameters_and_symbolic_shapes() {
    let network = import_fixture("conv_zero_point_relu");
    let (index, layer) = network.array_layers().next().unwrap();
    assert_eq!((layer.input.zero_point, layer.input.dtype), (113, DType::U8));
    assert_eq!(layer.output_quant().unwrap().zero_point, 31);
    let LayerOutput::Quantized { clamp, .. } = layer.output else { panic!("not quantized") };
    assert_eq!(clamp, [0.0, f32::INFINITY]);
    assert_eq!((layer.out_channels, layer.k, layer.weight_scales.len()), (8, 27, 8));
    assert!(layer.name.starts_with("conv"), "{}", layer.name);
    let Op::Conv(conv) = &network.nodes[index].op else { panic!("not a Conv") };
    assert_eq!((conv.window.kernel, conv.group), ([3, 3], 1));
    let shape = network.tensor(network.nodes[index].outputs[0]).shape.as_ref().unwrap();
    let shown: Vec<_> = shape.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["batch", "8", "9", "7"]);
    assert_eq!(network.known(&[vec![5, 3, 9, 7]]).unwrap()[network.outputs[0].0].sizes().unwrap(), [5, 8, 9, 7]);
}

#[test]
fn unsigned_weights_are_stored_as_signed_ones() {
    let network = import_fixture("conv_unsigned_weights");
    let (_, layer) = network.array_layers().next().unwrap();
    assert_eq!(layer.weight_zero_point(0), 119 - 128);
}
