//! A short campaign of the fuzzer, the same each time, and models on which a longer one has failed before.
//!
//! `cargo run --release -p crumb-tests --bin fuzz_importer -- --seconds 600` is a long one.

use crumb_tests::fuzz::campaign::{self, Limits};
use crumb_tests::fuzz::corpus::Corpus;
use crumb_tests::fuzz::exercise::{Outcome, exercise};
use crumb_tests::fuzz::minimise::minimise;
use crumb_tests::fuzz::plans;
use crumb_tests::fuzz::wire::Message;
use std::time::Duration;

#[test]
fn twenty_thousand_damaged_models_are_answered() {
    let corpus = Corpus::load(&[Corpus::fixtures()]).unwrap();
    let limits = Limits { seed: 1, first: 0, executions: 20_000, time: Duration::MAX, threads: 2 };
    let counts = campaign::run(corpus, limits, |_| {}).unwrap_or_else(|failure| {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-failure.onnx");
        std::fs::write(&path, &failure.bytes).unwrap();
        panic!("execution {}: {} (input in {})", failure.execution, failure.what, path.display());
    });
    assert_eq!(counts.total(), 20_000);
    // Mutations must get past the decoder, past the importer, and to the end of a run.
    for (outcome, least) in [(Outcome::Refused, 10_000), (Outcome::NoShape, 50), (Outcome::Ran, 1_000)] {
        assert!(counts.of(outcome) >= least, "{}: {}, expected {least}", outcome.name(), counts.of(outcome));
    }
}

/// What campaigns found. A hang would be one here too.
#[test]
fn models_that_failed_before() {
    let expected = [
        // An average over taps that are nearly all in the padding took 2^32 steps.
        ("pool_kernel_of_2_32", Outcome::Ran),
        // Kernel times dilation overflowed.
        ("pool_dilated_kernel_overflows", Outcome::Refused),
        // The product of an input's declared sizes overflowed.
        ("row_of_2_63", Outcome::Refused),
        // Two-bit integers behind scales of an axis were inferred as if they had eight.
        ("value_of_two_bits", Outcome::Ran),
        // The message quoted a list of the file to its end.
        ("split_into_many", Outcome::Refused),
    ];
    let seeds = Corpus::load(&[Corpus::regressions()]).unwrap().seeds;
    assert_eq!(seeds.len(), expected.len());
    for seed in seeds {
        let name = seed.path.file_stem().unwrap().to_str().unwrap();
        let (_, expected) = expected.iter().find(|(expected, _)| *expected == name).unwrap();
        assert_eq!(exercise(&seed.bytes), Ok(*expected), "{name}");
    }
}

#[test]
fn models_are_written_as_they_were_read() {
    for seed in Corpus::load(&[Corpus::fixtures()]).unwrap().seeds {
        let tree = Message::parse(&seed.bytes).unwrap();
        assert!(tree.encode() == seed.bytes, "{}", seed.path.display());
        let mut beyond = tree.count();
        assert!(tree.clone().nth(&mut beyond).is_none() && beyond == 0);
    }
}

#[test]
fn failures_become_small() {
    let seeds = Corpus::load(&[Corpus::fixtures()]).unwrap().seeds;
    let seed = seeds.iter().find(|seed| seed.path.ends_with("conv_pad.onnx")).unwrap();
    let has = |bytes: &[u8]| bytes.windows(9).any(|window| window == b"\x1a\x06conv12\"");
    let small = minimise(&seed.bytes, has);
    assert!(has(&small) && small.len() < 40 && seed.bytes.len() > 1000, "{} bytes: {small:?}", small.len());
}

#[test]
fn damaged_plans_are_answered() {
    let seeds = Corpus::load(&[Corpus::fixtures()]).unwrap().seeds;
    let model = |name: &str| &seeds.iter().find(|seed| seed.path.ends_with(name)).unwrap().bytes;
    let networks =
        ["cnn_static_u8.onnx", "conv_group.onnx", "gemm_quantized.onnx"].map(|name| crumb::onnx::import(model(name)).unwrap());
    let mut counts = [0; 3];
    for execution in 0..20_000 {
        let mut rng = fastrand::Rng::with_seed(execution);
        let network = &networks[rng.usize(..networks.len())];
        let text = plans::mutate(network, &mut rng);
        let outcome = plans::exercise(network, &text).unwrap_or_else(|what| panic!("{what}, for the plan\n{text}"));
        counts[outcome as usize] += 1;
    }
    // Not all are refused, and not all are taken: plans that are not TOML, that do not fit the network, and that do.
    assert!(counts.iter().all(|&count| count > 500), "{counts:?}");
}
