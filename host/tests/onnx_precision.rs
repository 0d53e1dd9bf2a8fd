//! Lower precisions of the reference, against figures worked out here in another way, and refusals.

use crate::onnx_support::{import_fixture, read_tensor};
use crumb::network::{Execution, Float32Arithmetic, LayerPrecision, Network, PrecisionPlan, Rounding, Tensor, TensorData, run};

fn precision(act_bits: u8, weight_bits: u8) -> LayerPrecision {
    LayerPrecision { weight_bits, act_bits, rounding: Rounding::HalfEven, ..LayerPrecision::default() }
}

fn execute(network: &Network, name: &str, plan: &PrecisionPlan) -> Execution {
    run(network, &[read_tensor(&format!("{name}.input.npy"))], plan, &Float32Arithmetic).unwrap()
}

/// The same int8 weights with their low bits rounded away, in 8-bit units, run at 8 bits: what onnxruntime would compute
/// for the file with edited initialisers.
#[test]
fn fewer_weight_bits_equal_a_model_with_edited_weights() {
    for name in ["cnn_static_u8", "cnn_static_s8", "conv_weight_zero_point", "conv_group"] {
        for bits in [2u8, 4, 6] {
            let network = import_fixture(name);
            let switched = execute(&network, name, &PrecisionPlan::uniform(precision(8, bits)));
            let mut edited = network.clone();
            for layer in network.layer_names() {
                let layer = edited.layer_mut(&layer).unwrap();
                let step = f64::from(1 << (8 - bits));
                let top = f64::from(1 << (bits - 1));
                let rounded = |&weight: &i8| (f64::from(weight) / step).round_ties_even().clamp(-top, top - 1.0);
                layer.weights = layer.weights.iter().map(|weight| (rounded(weight) * step) as i8).collect();
            }
            let edited = execute(&edited, name, &PrecisionPlan::default());
            assert_eq!(switched.accumulators, edited.accumulators, "{name} {bits}");
            assert_eq!(switched.tensors, edited.tensors, "{name} {bits}");
        }
    }
}

/// A layer's accumulators are sums of its low-bit input, in 8-bit units, so they are multiples of the dropped steps.
#[test]
fn fewer_activation_bits_narrow_the_producer() {
    let name = "cnn_static_u8";
    let network = import_fixture(name);
    let full = execute(&network, name, &PrecisionPlan::default());
    for bits in [4u8, 2] {
        let execution = execute(&network, name, &PrecisionPlan::uniform(precision(bits, 8)));
        for (index, layer) in network.array_layers() {
            let input = network.nodes[index].inputs[0].unwrap().0;
            assert_eq!(execution.tensor_bits[input], bits);
            let values = execution.tensors[input].as_ref().unwrap().ints().unwrap();
            assert!(values.iter().all(|&value| (0..1 << bits).contains(&value)));
            let channels = layer.out_channels;
            let pixels = execution.accumulators[index].len() / 3 / channels;
            for (at, sum) in execution.accumulators[index].iter().enumerate() {
                let channel = at / pixels % channels;
                assert_eq!((sum - layer.bias_at(channel, 8)) % (1 << (8 - bits)), 0);
            }
        }
        // The first quantizer's input is the same float, so its narrow output is the rounding of value / (scale * 2^n).
        let (index, layer) = network.array_layers().next().unwrap();
        let narrow = execution.tensors[network.nodes[index].inputs[0].unwrap().0].as_ref().unwrap().ints().unwrap();
        let input = full.tensors[network.inputs[0].0].as_ref().unwrap();
        let params = layer.input.at_bits(bits);
        for (value, narrow) in input.floats().unwrap().iter().zip(narrow) {
            let expected = (value / params.scale).round_ties_even() as i32 + params.zero_point;
            assert_eq!(narrow, expected.clamp(0, (1 << bits) - 1));
        }
    }
}

#[test]
fn floor_and_half_up_differ_from_half_even() {
    let name = "conv_pad";
    let network = import_fixture(name);
    let with = |rounding| {
        let plan = PrecisionPlan::uniform(LayerPrecision { rounding, ..precision(8, 4) });
        execute(&network, name, &plan).accumulators
    };
    assert_ne!(with(Rounding::Floor), with(Rounding::HalfEven));
    assert_ne!(with(Rounding::HalfUp), with(Rounding::HalfEven));
}

#[test]
fn a_bias_of_one_width_is_used_at_that_width_only() {
    let name = "conv_pad";
    let mut network = import_fixture(name);
    let layer = network.layer_names()[0].clone();
    let plain = |network: &Network, bits| execute(network, name, &PrecisionPlan::uniform(precision(8, bits))).accumulators;
    let before = [plain(&network, 8), plain(&network, 4)];
    let bias = network.layer_mut(&layer).unwrap().bias.as_mut().unwrap();
    let other = bias.values.iter().map(|value| value + 1000).collect();
    bias.at_weight_bits.insert(4, other);
    assert_eq!(plain(&network, 8), before[0]);
    let moved: Vec<i32> = before[1].concat().iter().map(|sum| sum + 1000).collect();
    assert_eq!(plain(&network, 4).concat(), moved);
}

#[test]
fn plans_that_cannot_be_met_are_refused() {
    let network = import_fixture("cnn_static_u8");
    let refuse = |plan: PrecisionPlan| plan.tensor_bits(&network).unwrap_err().to_string();
    let first = network.layer_names()[0].clone();
    assert!(refuse(PrecisionPlan::default().with("nowhere", precision(8, 8))).starts_with("there is no layer \"nowhere\""));
    assert_eq!(
        refuse(PrecisionPlan::default().with(&first, precision(8, 3))),
        format!("layer {first:?}: weights of 3 bits; the machine has 8, 6, 4 and 2")
    );
    assert_eq!(
        refuse(PrecisionPlan::default().with(&first, precision(6, 8))),
        format!("layer {first:?}: activations of 6 bits; the machine has 8, 4 and 2")
    );
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let network = import_fixture("conv_pad");
    let refuse =
        |inputs: &[Tensor]| run(&network, inputs, &PrecisionPlan::default(), &Float32Arithmetic).unwrap_err().to_string();
    assert_eq!(refuse(&[]), "the network takes 1 input(s) [\"x\"], but 0 were given; give one tensor for each");
    let floats = |shape: &[usize]| Tensor::new(shape.to_vec(), TensorData::F32(vec![0.0; shape.iter().product()])).unwrap();
    assert_eq!(
        refuse(&[floats(&[1, 3, 9, 8])]),
        "input \"x\" has shape [1, 3, 9, 8], but the model declares [batch, 3, 9, 7]; reshape it, or export the model \
         with a symbolic dimension where the size varies"
    );
    let bytes = Tensor::new(vec![1, 3, 9, 7], TensorData::U8(vec![0; 189])).unwrap();
    assert_eq!(refuse(&[bytes]), "tensor \"x\" is uint8, expected float32; convert it first");
}
