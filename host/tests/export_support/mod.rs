//! Exports, imported again and compared with the original at a plan's precision.

use crumb::network::{Execution, Float32Arithmetic, LayerPrecision, Network, PrecisionPlan, Rounding, Tensor, run};
use crumb::onnx::{Import, export, import_with};
use std::collections::HashMap;

pub const ROUNDINGS: [Rounding; 3] = [Rounding::HalfEven, Rounding::HalfUp, Rounding::Floor];

pub fn imported(bytes: &[u8]) -> Import {
    import_with(bytes, &HashMap::new()).unwrap()
}

pub fn precision(act_bits: u8, weight_bits: u8, rounding: Rounding) -> LayerPrecision {
    LayerPrecision { weight_bits, act_bits, rounding, refined: false }
}

/// Outputs, and sums of each layer, by its name: both are in units of the 8-bit layer.
pub fn facts(network: &Network, execution: &Execution) -> (Vec<Tensor>, HashMap<String, Vec<i32>>) {
    let sums = network.array_layers().map(|(index, layer)| (layer.name.clone(), execution.accumulators[index].clone()));
    (execution.outputs().into_iter().cloned().collect(), sums.collect())
}

/// Exports at a plan, imports the result, and compares outputs and sums; the exported file.
pub fn check(name: &str, bytes: &[u8], import: &Import, input: &Tensor, plan: &PrecisionPlan) -> Vec<u8> {
    check_network(name, bytes, import, &import.network, input, plan)
}

/// The same, of a network that a plan has changed.
pub fn check_network(
    name: &str,
    bytes: &[u8],
    import: &Import,
    network: &Network,
    input: &Tensor,
    plan: &PrecisionPlan,
) -> Vec<u8> {
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
