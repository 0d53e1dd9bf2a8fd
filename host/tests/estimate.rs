//! The estimate is a second derivation of the machine: every counter of every product is the simulator's.

use crumb::backend::BackendKind;
use crumb::estimate::timing::Timing;
use crumb::gemm::schedule::Schedule;
use crumb::gemm::{self, Job, Mapping, Matrix, Output, Segment, Weights};
use crumb::session::Session;
use crumb_arch::precision::range;
use crumb_arch::requantizer::ChannelScale;
use crumb_arch::{ActBits, ArrayConfig, Counters, Requantize, Rounding, WeightBits, WeightFormat};
use proptest::prelude::*;

fn estimate(job: &Job<'_>, config: &ArrayConfig) -> Counters {
    let shape = job.shape(config, 0);
    let mapping = Mapping::new(&shape, config);
    let mut timing = Timing::new(config);
    Schedule::new(&mapping.shape(), config, &mapping.tiling).for_each(|step| timing.give(&step.command));
    timing.settle();
    timing.read_counters()
}

fn measure(job: &Job<'_>, config: &ArrayConfig) -> Counters {
    let mut session = Session::new(BackendKind::Sim.open(config).unwrap());
    let before = session.counters().unwrap();
    gemm::run(&mut session, job, 0).unwrap();
    session.counters().unwrap() - before
}

fn config() -> impl Strategy<Value = ArrayConfig> {
    let buses = prop_oneof![Just(1usize), Just(2), Just(4)];
    (0usize..7, prop_oneof![Just(1usize), Just(4)], buses, 4u32..8).prop_map(|(which, drain_banks, weight_bus, rows)| {
        let named = |name| ArrayConfig::named(name).unwrap();
        let (accumulator_rows, weight_words) = (1 << rows, 64);
        let config = match which {
            0 => named("tiny"),
            1 => named("small"),
            2 => named("medium"),
            3 => named("wide"),
            4 => ArrayConfig { stream_bits: 16, accumulator_rows, activation_lines: 64, ..named("tiny") },
            5 => {
                let small = ArrayConfig { weight_words, parameter_entries: 4, ..named("tiny") };
                ArrayConfig { rows: 5, cols: 12, depth: 2, stream_bits: 96, ..small }
            }
            _ => ArrayConfig { rows: 8, cols: 4, stream_bits: 8, weight_words, accumulator_rows, ..named("small") },
        };
        let rows = config.rows.next_multiple_of(weight_bus);
        let config = ArrayConfig { rows, drain_banks, weight_bus, ..config };
        config.validate().unwrap();
        config
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn every_counter_is_the_simulators(
        config in config(), m in 1usize..90, k in 1usize..90, n in 1usize..90,
        act in 0usize..3, weight in 0usize..4, width in proptest::option::of(0usize..3),
    ) {
        let (act, bits) = (ActBits::ALL[act], WeightBits::ALL[weight]);
        let (lo, hi) = range(act.bits(), true);
        let left: Vec<i16> = (0..m * k).map(|i| (i as i32 % (hi - lo + 1) + lo) as i16).collect();
        let weights: Vec<i8> = (0..k * n).map(|i| (i * 37) as i8).collect();
        let segments = [Segment::whole(k, act, true, WeightFormat::top(bits, Rounding::HalfEven))];
        let channels = vec![ChannelScale::from_f32(3, 0.01).unwrap(); n];
        let output = match width {
            None => Output::Raw,
            Some(width) => Output::Requantized {
                channels: &channels,
                format: Requantize { parameters: 0, width: ActBits::ALL[width], exponent_adjust: 0, zero_point: 0, lo: 0, hi: 3 },
            },
        };
        let rows = Matrix { elements: &left, k };
        let job = Job { m, k, n, rows: &rows, segments: &segments, weights: Weights::Streamed(&weights), output };
        let (estimated, measured) = (estimate(&job, &config), measure(&job, &config));
        let different: Vec<_> =
            estimated.iter().zip(measured.iter()).filter(|(a, b)| a != b).map(|(a, b)| (a.0.name(), a.1, b.1)).collect();
        prop_assert!(different.is_empty(), "estimated, measured: {different:?} on {config:?}");
    }
}
