//! The simulator's published results, layer by layer, and the rules where it has none.

use super::*;
use crate::estimate::layers::{Conv, Gemm, RightOperand};

/// Layers, precisions and results of the simulator in its published configuration.
const RESULTS: &str = include_str!("../../../tests/peers/bitfusion_layers.csv");

const EIGHT: Precision = Precision { activation_bits: 8, weight_bits: 8 };

/// Network, layer, kind, then numbers: input height, width and channels, kernel, stride, output height, width and channels,
/// activation and weight bits, cycles, stalls, DRAM reads and writes.
type Row = (String, String, String, [u64; 14]);

fn results() -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(RESULTS.as_bytes());
    reader.deserialize::<Row>().map(Result::unwrap).collect()
}

/// The layer of a row for one sample. The simulator knows outputs and kernels only, so padding fills up what they need.
fn shape(name: &str, kind: &str, numbers: &[u64; 14]) -> LayerShape {
    let &[height, width, channels, kernel, stride, out_height, out_width, filters, ..] = numbers;
    if kind == "MatMul" {
        let gemm = Gemm { m: 1, n: filters, k: channels, groups: 1, right: RightOperand::Weights };
        return LayerShape::gemm(name, gemm, 1).unwrap();
    }
    let missing = |size: u64, outputs: u64| ((outputs - 1) * stride + kernel).saturating_sub(size);
    let padding = [0, 0, missing(height, out_height), missing(width, out_width)];
    let (input, kernel, strides) = ([height, width], [kernel; 2], [stride; 2]);
    let layer = LayerShape::conv(name, Conv { input, kernel, channels, filters, strides, padding, groups: 1 }, 1).unwrap();
    assert_eq!(layer.output_size(), [out_height, out_width], "{name}");
    layer
}

/// The estimate of a published layer, in some configuration.
fn published(machine: &BitFusion, network: &str, layer: &str) -> (Estimate, [u64; 14]) {
    let rows = results();
    let input = rows.iter().find(|row| row.0 == network).unwrap().3;
    let (_, name, kind, numbers) = rows.iter().find(|row| row.0 == network && row.1 == layer).unwrap();
    // Branches that read the network's input are first layers too.
    let first = kind == "Convolution" && numbers[..3] == input[..3];
    let lowering = if first { Lowering::Im2col } else { Lowering::Channelwise };
    let precision = Precision { activation_bits: numbers[8], weight_bits: numbers[9] };
    let layer = shape(name, kind, numbers).with_batch(BitFusion::PUBLISHED_BATCH).unwrap();
    (machine.layer_cycles(&layer, precision, lowering).unwrap(), *numbers)
}

fn gemm(m: u64, n: u64, k: u64, groups: u64) -> LayerShape {
    LayerShape::gemm("g", Gemm { m, n, k, groups, right: RightOperand::Weights }, 1).unwrap()
}

fn cycles(layer: &LayerShape, precision: Precision) -> u64 {
    BitFusion::PUBLISHED.layer_cycles(layer, precision, Lowering::Channelwise).unwrap().cycles
}

#[test]
fn every_published_layer_takes_the_published_cycles_and_traffic() {
    let rows = results();
    assert_eq!(rows.len(), 61);
    for (network, name, ..) in rows {
        let (estimate, numbers) = published(&BitFusion::PUBLISHED, &network, &name);
        let found = [estimate.cycles, estimate.stall_cycles(), estimate.dram_read_bits, estimate.dram_write_bits];
        assert_eq!(found, numbers[10..], "{network} {name}");
    }
}

#[test]
fn every_published_network_takes_the_published_cycles() {
    let networks = [
        ("AlexNet", 37_666_491),
        ("CIFAR10", 3_293_704),
        ("LSTM", 337_175),
        ("LeNet-5", 410_352),
        ("RESNET-18", 49_079_982),
        ("RNN", 394_583),
        ("SVHN", 1_317_523),
        ("VGG-7", 2_822_491),
    ];
    for (network, total) in networks {
        let layers = results().into_iter().filter(|row| row.0 == network);
        let sum: u64 = layers.map(|row| published(&BitFusion::PUBLISHED, network, &row.1).0.cycles).sum();
        assert_eq!(sum, total, "{network}");
    }
}

/// Rows of the same file of results for other bandwidths, arrays and buffers: cycles and stalls.
#[test]
fn other_configurations_take_the_published_cycles() {
    let fast = BitFusion { dram_bits_per_cycle: 4096, ..BitFusion::PUBLISHED };
    let scaled = |factor: u64| BitFusion {
        columns: 32 * factor,
        weight_buffer: 65_536 * factor,
        input_buffer: 32_768 * factor,
        output_buffer: 16_384 * factor,
        ..fast
    };
    let published_rows = [
        (fast, "AlexNet", "conv1_a/Convolution", 3_339_626, 26),
        (fast, "AlexNet", "conv2_a/Convolution", 4_665_659, 59),
        (fast, "RESNET-18", "module5/conv5_1_b/Convolution", 3_612_695, 23),
        (fast, "SVHN", "fc8/MatMul", 79, 15),
        (fast, "LSTM", "matmul/MatMul", 103_063, 7),
        (scaled(2), "AlexNet", "conv1_a/Convolution", 2_226_475, 75),
        (scaled(2), "RESNET-18", "module4/conv4_1_a/Convolution", 100_495, 143),
        (scaled(2), "SVHN", "conv0/Convolution", 17_249, 865),
        (scaled(2), "LSTM", "matmul/MatMul", 52_053, 69),
        (scaled(4), "SVHN", "conv0/Convolution", 33_633, 17_249),
        (scaled(4), "CIFAR10", "conv3/Convolution", 73_897, 169),
        (scaled(4), "AlexNet", "fc2/MatMul", 131_240, 168),
    ];
    for (machine, network, layer, cycles, stalls) in published_rows {
        let (estimate, _) = published(&machine, network, layer);
        assert_eq!((estimate.cycles, estimate.stall_cycles()), (cycles, stalls), "{network} {layer} {machine:?}");
    }
}

/// With one tile, nothing moves in between: compute, plus the first reads and the last write.
#[test]
fn a_layer_of_one_tile_takes_its_cycles_and_both_ends() {
    let estimate = BitFusion::PUBLISHED.layer_cycles(&gemm(3, 40, 70, 1), EIGHT, Lowering::Channelwise).unwrap();
    let (inputs, weights, sums) = (3 * 70 * 8, 80 * 40 * 8, 3 * 64 * 32);
    assert_eq!(estimate.compute_cycles, 3 * 2 * 5);
    assert_eq!(estimate.stall_cycles(), u64::div_ceil(inputs + weights + sums, 192) + u64::div_ceil(sums, 192));
    assert_eq!((estimate.dram_read_bits, estimate.dram_write_bits), (inputs + weights + sums, sums));
}

/// A window of 9 taps and 3 channels takes 9 rounds of 16 rows tap by tap, but 2 as one vector of 27.
#[test]
fn only_the_first_layer_of_a_network_has_whole_windows() {
    let conv = Conv { input: [8, 8], kernel: [3, 3], channels: 3, filters: 32, strides: [1, 1], padding: [1; 4], groups: 1 };
    let layer = LayerShape::conv("c", conv, 1).unwrap();
    let estimates = BitFusion::PUBLISHED.network_cycles([(&layer, EIGHT), (&layer, EIGHT), (&layer, EIGHT)]).unwrap();
    assert_eq!(estimates.iter().map(|estimate| estimate.compute_cycles).collect::<Vec<_>>(), [64 * 2, 64 * 9, 64 * 9]);
}

#[test]
fn groups_run_one_after_another() {
    assert_eq!(cycles(&gemm(3, 40, 70, 5), EIGHT), 5 * cycles(&gemm(3, 40, 70, 1), EIGHT));
    let conv = Conv { input: [9, 9], kernel: [3, 3], channels: 1, filters: 1, strides: [1, 1], padding: [1; 4], groups: 1 };
    let one = LayerShape::conv("one", conv, 2).unwrap();
    let all = LayerShape::conv("all", Conv { channels: 6, filters: 6, groups: 6, ..conv }, 2).unwrap();
    assert_eq!(cycles(&all, EIGHT), 6 * cycles(&one, EIGHT));
}

/// One tile of 2 x 4 outputs reads an input of 3 x 9, whichever way it is turned.
#[test]
fn layers_need_not_be_square() {
    let conv = Conv { input: [3, 9], kernel: [2, 3], channels: 4, filters: 8, strides: [1, 2], padding: [0; 4], groups: 1 };
    let swap = |[height, width]: [u64; 2]| [width, height];
    let turned = Conv { input: swap(conv.input), kernel: swap(conv.kernel), strides: swap(conv.strides), ..conv };
    let (inputs, weights, sums) = (3 * 9 * 4 * 8, 32 * 8 * 8, 2 * 4 * 32 * 32);
    let cycles = 2 * 4 * 6 + u64::div_ceil(inputs + weights + sums, 192) + u64::div_ceil(sums, 192);
    let expected = Estimate { cycles, compute_cycles: 48, dram_read_bits: inputs + weights + sums, dram_write_bits: sums };
    for conv in [conv, turned] {
        let layer = LayerShape::conv("c", conv, 1).unwrap();
        assert_eq!(BitFusion::PUBLISHED.layer_cycles(&layer, EIGHT, Lowering::Channelwise).unwrap(), expected);
    }
}

/// Half of the buffer holds 16 columns of weights: tiles of whole windows may be that narrow, others have 32 columns.
#[test]
fn only_tiles_of_whole_windows_may_be_narrower_than_the_array() {
    let conv = Conv { input: [2, 2], kernel: [1, 1], channels: 16, filters: 32, strides: [1, 1], padding: [0; 4], groups: 1 };
    let layer = LayerShape::conv("c", conv, 1).unwrap();
    let machine = BitFusion { weight_buffer: 2 * 16 * 16, ..BitFusion::PUBLISHED };
    assert_eq!(machine.layer_cycles(&layer, EIGHT, Lowering::Im2col).unwrap().compute_cycles, 2 * 4);
    assert!(machine.layer_cycles(&layer, EIGHT, Lowering::Channelwise).is_err());
}

#[test]
fn narrow_operands_share_a_unit_down_to_two_bits() {
    let parts = |activation_bits, weight_bits| BitFusion::PUBLISHED.elements_per_unit(Precision { activation_bits, weight_bits });
    assert_eq!([parts(8, 8), parts(8, 4), parts(4, 4), parts(2, 4), parts(2, 2), parts(1, 1)], [1, 2, 4, 8, 16, 16]);
    assert_eq!([parts(5, 5), parts(3, 8)], [1, 2]);
}

#[test]
fn impossible_machines_and_precisions_are_refused() {
    let layer = gemm(1, 1, 1, 1);
    let problem =
        |machine: BitFusion, precision| machine.layer_cycles(&layer, precision, Lowering::Channelwise).unwrap_err().problem;
    let good = BitFusion::PUBLISHED;
    assert_eq!(problem(BitFusion { rows: 0, ..good }, EIGHT), "Bit Fusion with 0 rows; give 1 to 65536");
    assert_eq!(problem(BitFusion { columns: 1 << 17, ..good }, EIGHT), "Bit Fusion with 131072 columns; give 1 to 65536");
    let wide = Precision { weight_bits: 9, ..EIGHT };
    assert_eq!(problem(good, wide), "Bit Fusion with 9 weight bits; give 1 to 8");
    assert!(problem(BitFusion { dram_bits_per_cycle: 0, ..good }, EIGHT).contains("0 bits of DRAM"));
    assert!(problem(BitFusion { narrowest_bits: 16, ..good }, EIGHT).contains("16 bits of the narrowest"));
    let fits = BitFusion { output_buffer: 256, ..good };
    assert!(fits.layer_cycles(&layer, EIGHT, Lowering::Channelwise).is_ok());
    let small = BitFusion { output_buffer: 255, ..good };
    assert_eq!(problem(small, EIGHT), "its smallest tile does not fit half of each buffer; give larger buffers");
}

/// The largest layers and machines that are accepted end in a number or a refusal.
#[test]
fn extreme_layers_do_not_overflow() {
    let machine = BitFusion { rows: LARGEST_ARRAY, columns: LARGEST_ARRAY, ..BitFusion::PUBLISHED };
    let roomy = BitFusion {
        weight_buffer: LARGEST_MEMORY,
        input_buffer: LARGEST_MEMORY,
        output_buffer: LARGEST_MEMORY,
        dram_bits_per_cycle: 1,
        ..machine
    };
    for (m, n, k) in [(1 << 53, 1, 1), (1, 1 << 53, 1), (1, 1, 1 << 53), (1 << 17, 1 << 18, 1 << 18)] {
        for groups in [1, 1 << 10] {
            let Ok(layer) = LayerShape::gemm("x", Gemm { m, n, k, groups, right: RightOperand::Weights }, 1) else { continue };
            for machine in [BitFusion::PUBLISHED, machine, roomy] {
                if let Ok(estimate) = machine.layer_cycles(&layer, EIGHT, Lowering::Channelwise) {
                    assert!(estimate.compute_cycles <= estimate.cycles);
                }
            }
        }
    }
}
