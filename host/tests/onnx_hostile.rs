//! Damaged and hostile files: the importer answers, it does not panic, hang or take memory the file does not justify.

use crate::onnx_support::fixture_bytes;
use crumb::network::{Float32Arithmetic, Lowering, Network, PrecisionPlan, Tensor, TensorData, run};
use crumb::onnx::import;
use proptest::prelude::*;

const MODELS: [&str; 5] = ["conv_dilation", "cnn_static_u8", "conv_constant_nodes", "quantize_axis", "gemm_trans_b0_channels"];

/// What survives import must also run, or be refused, as long as it is small.
fn exercise(network: &Network) {
    let sizes = |shape: &Option<Vec<crumb::network::Dim>>| {
        shape.iter().flatten().map(|dim| dim.fixed().unwrap_or(2)).collect::<Vec<usize>>()
    };
    let shapes: Vec<_> = network.inputs.iter().map(|&id| sizes(&network.tensor(id).shape)).collect();
    let small = |shape: &Vec<usize>| shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).is_some_and(|n| n < 100_000);
    let Ok(known) = network.known(&shapes) else { return };
    let Some(all) = known.iter().map(crumb::network::Known::sizes).collect::<Option<Vec<_>>>() else { return };
    if !shapes.iter().all(small) || !all.iter().all(small) {
        return;
    }
    let mut macs = 0u64;
    for (index, _) in network.array_layers() {
        if let Some(Ok(lowering)) =
            Lowering::of(&network.nodes[index].op, &all[network.nodes[index].inputs[0].map_or(0, |id| id.0)])
        {
            macs = macs.saturating_add(lowering.macs());
        }
    }
    if macs > 10_000_000 {
        return;
    }
    let inputs: Option<Vec<Tensor>> = shapes
        .into_iter()
        .map(|shape| Tensor::new(shape.clone(), TensorData::F32(vec![0.5; shape.iter().product()])).ok())
        .collect();
    let _ = run(network, &inputs.unwrap_or_default(), &PrecisionPlan::default(), &Float32Arithmetic);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_files_are_answered(
        model in 0..MODELS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = fixture_bytes(MODELS[model]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        match import(&bytes) {
            Ok(network) => exercise(&network),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn cut_and_spliced_files_are_answered(
        model in 0..MODELS.len(),
        from in any::<prop::sample::Index>(),
        length in 0usize..200,
        insert in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut bytes = fixture_bytes(MODELS[model]);
        let from = from.index(bytes.len());
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, insert);
        if let Ok(network) = import(&bytes) {
            exercise(&network);
        }
    }

    #[test]
    fn noise_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = import(&bytes);
    }
}

#[test]
fn every_truncation_is_answered() {
    let bytes = fixture_bytes("conv_opset21");
    for length in 0..bytes.len() {
        if let Ok(network) = import(&bytes[..length]) {
            exercise(&network);
        }
    }
}

/// Length-delimited field of a protocol buffer.
fn field(tag: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for mut value in [tag << 3 | 2, body.len() as u64] {
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
    }
    bytes.extend(body);
    bytes
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    // attribute.g.node.attribute.g ... : 20000 levels, all skipped or refused by the decoder.
    let mut body = Vec::new();
    for _ in 0..20_000 {
        body = field(1, &field(5, &field(6, &body)));
        if body.len() > 200_000 {
            break;
        }
    }
    assert!(import(&field(7, &body)).is_err());
}

#[test]
fn a_length_beyond_the_file_takes_no_memory() {
    let mut bytes = vec![7 << 3 | 2];
    bytes.extend([0xff, 0xff, 0xff, 0xff, 0x7f]); // 32 GiB of graph
    let text = import(&bytes).unwrap_err().to_string();
    assert!(text.starts_with("this is not an ONNX model: "), "{text}");
    assert!(text.ends_with("check that the file is complete and is a .onnx file"), "{text}");
}
