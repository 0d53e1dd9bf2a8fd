//! Implicit GEMM equals the reference's convolution: rows times weights, tile by tile, for every fixture with a layer.

use crate::onnx_support::{fixture_names, import_fixture, read_tensor};
use crumb::network::packing::Matrices;
use crumb::network::{
    ArrayLayer, Float32Arithmetic, LayerPrecision, Lowering, Network, Op, PrecisionPlan, Rounding, Tensor, run,
};

/// One group's `[K, N]` weights, nothing left out.
fn matrix(op: &Op, group: usize) -> Vec<i8> {
    let matrices = Matrices::of(op).unwrap();
    (0..matrices.k()).flat_map(|k| (0..matrices.n()).map(move |n| (k, n))).map(|(k, n)| matrices.weight(group, k, n)).collect()
}

/// Accumulators of a layer by matrix products of at most `tile` rows, at 8-bit weights.
fn by_gemm(op: &Op, layer: &ArrayLayer, input: &Tensor, act_bits: u8, tile: usize) -> Vec<i32> {
    let lowering = Lowering::of(op, input.shape()).unwrap().unwrap();
    let (k, n) = (lowering.k(), lowering.n());
    let zero = layer.input.at_bits(act_bits).zero_point;
    let mut output = vec![i32::MIN; lowering.rows() * layer.out_channels];
    let mut rows = vec![0i16; tile * k + 3]; // The rest that holds no whole row must stay unused.
    for group in 0..lowering.groups() {
        let weights = matrix(op, group);
        assert_eq!(weights.len(), k * n);
        let mut first = 0;
        while first < lowering.rows() {
            let filled = lowering.fill_rows(group, input, zero as i16, first, &mut rows).unwrap();
            assert_eq!(filled, tile.min(lowering.rows() - first));
            for (offset, row) in rows.chunks_exact(k).take(filled).enumerate() {
                for column in 0..n {
                    let channel = group * n + column;
                    let sum: i32 = row
                        .iter()
                        .zip(weights[column..].iter().step_by(n))
                        .map(|(&a, &w)| (i32::from(a) - zero) * (i32::from(w) - layer.weight_zero_point(channel)))
                        .sum();
                    let at = lowering.output_index(group, first + offset, column);
                    assert_eq!(output[at], i32::MIN, "written twice");
                    output[at] = (sum << (8 - act_bits)) + layer.bias_at(channel, 8);
                }
            }
            first += filled;
        }
        assert_eq!(lowering.fill_rows(group, input, 0, first, &mut rows).unwrap(), 0);
    }
    output
}

fn compare(name: &str, network: &Network, act_bits: u8) -> usize {
    let input = read_tensor(&format!("{name}.input.npy"));
    let precision = LayerPrecision { weight_bits: 8, act_bits, rounding: Rounding::HalfEven, ..LayerPrecision::default() };
    let execution = run(network, &[input], &PrecisionPlan::uniform(precision), &Float32Arithmetic).unwrap();
    let mut layers = 0;
    for (index, layer) in network.array_layers() {
        let node = &network.nodes[index];
        let input = execution.tensors[node.inputs[0].unwrap().0].as_ref().unwrap();
        for tile in [1, 7, 1000] {
            let tile = tile.min(execution.accumulators[index].len() / layer.out_channels);
            assert_eq!(by_gemm(&node.op, layer, input, act_bits, tile), execution.accumulators[index], "{name} {tile}");
        }
        layers += 1;
    }
    layers
}

#[test]
fn lowered_layers_equal_the_reference() {
    let layers: usize = fixture_names().iter().map(|name| compare(name, &import_fixture(name), 8)).sum();
    assert!(layers > 40, "{layers}");
}

#[test]
fn padding_follows_the_zero_point_of_the_width() {
    for name in ["conv_zero_point", "conv_signed", "conv_dilation"] {
        compare(name, &import_fixture(name), 4);
        compare(name, &import_fixture(name), 2);
    }
}

#[test]
fn k_runs_over_taps_then_channels() {
    let network = import_fixture("conv_pad");
    let (index, layer) = network.array_layers().next().unwrap();
    let lowering = Lowering::of(&network.nodes[index].op, &[1, 3, 9, 7]).unwrap().unwrap();
    let weights = matrix(&network.nodes[index].op, 0);
    // Row (ky = 1, kx = 2, ci = 1) of column 5 is weight [5][1][1][2] of the file.
    assert_eq!(weights[((3 + 2) * 3 + 1) * 8 + 5], layer.weights[((5 * 3 + 1) * 3 + 1) * 3 + 2]);
    assert_eq!((lowering.rows(), lowering.k(), lowering.n(), lowering.macs()), (63, 27, 8, 63 * 27 * 8));
}

#[test]
fn wrong_inputs_are_refused() {
    let network = import_fixture("conv_pad");
    let (index, _) = network.array_layers().next().unwrap();
    let lower = |shape: &[usize]| Lowering::of(&network.nodes[index].op, shape).unwrap();
    let text = |shape: &[usize]| lower(shape).unwrap_err().to_string();
    assert_eq!(text(&[1, 4, 9, 7]), "\"conv12\" (Conv): input of shape [1, 4, 9, 7]: expected 3 channels");
    assert!(text(&[3, 9, 7]).ends_with("expected [batch, 3, height, width]"));
    assert!(text(&[1, 3, 0, 7]).contains("the dilated kernel spans 3 but the padded input only 2"));
    assert!(text(&[usize::MAX, 3, 9, 7]).contains("more than 268435456 elements"));
}
