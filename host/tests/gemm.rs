//! Matrix products on the simulator and the reference machine against plain loops.

use crumb::backend::{Backend, BackendKind};
use crumb::gemm::{self, Job, Matrix, Output, Segment, Weights};
use crumb::session::Session;
use crumb_arch::precision::{ActBits, Rounding, WeightBits};
use crumb_arch::requantizer::{ChannelScale, OutputFormat, requantize};
use crumb_arch::stall::Stall;
use crumb_arch::{ArrayConfig, Counter, Requantize, WeightFormat};
use proptest::prelude::*;

/// Numbers without structure: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn within(&mut self, (lo, hi): (i32, i32)) -> i32 {
        lo + (self.next() % (hi - lo + 1) as u64) as i32
    }
}

struct Problem {
    m: usize,
    k: usize,
    n: usize,
    segments: Vec<Segment>,
    acts: Vec<i16>,
    weights: Vec<i8>,
}

impl Problem {
    fn new(m: usize, k: usize, n: usize, segments: Vec<Segment>, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut acts = vec![0; m * k];
        // Every segment reads its columns at its own width: the narrowest one decides.
        for (i, a) in acts.iter_mut().enumerate() {
            let column = i % k;
            let ranges = segments.iter().filter(|s| s.k.contains(&column)).map(|s| s.act.range(s.act_signed));
            let range = ranges.reduce(|(a, b), (c, d)| (a.max(c), b.min(d))).unwrap_or((0, 0));
            *a = random.within(range) as i16;
        }
        let weights = (0..k * n).map(|_| random.within((-128, 127)) as i8).collect();
        Self { m, k, n, segments, acts, weights }
    }

    /// The product by plain loops.
    fn expected(&self) -> Vec<i32> {
        let mut result = vec![0i32; self.m * self.n];
        for s in &self.segments {
            for m in 0..self.m {
                for n in 0..self.n {
                    let sum: i32 = s
                        .k
                        .clone()
                        .map(|k| i32::from(self.acts[m * self.k + k]) * i32::from(s.weight.apply(self.weights[k * self.n + n])))
                        .sum();
                    result[m * self.n + n] += sum << (2 * s.shift);
                }
            }
        }
        result
    }

    fn run(&self, session: &mut Session, output: Output<'_>) -> Vec<i32> {
        let rows = Matrix { elements: &self.acts, k: self.k };
        let weights = Weights::Streamed(&self.weights);
        let job = Job { m: self.m, k: self.k, n: self.n, rows: &rows, segments: &self.segments, weights, output };
        gemm::run(session, &job, 0).unwrap()
    }
}

fn session(kind: BackendKind, config: &ArrayConfig) -> Session {
    Session::new(kind.open(config).unwrap())
}

fn formats() -> impl Strategy<Value = WeightFormat> {
    prop_oneof![
        (0usize..4, 0usize..3).prop_map(|(w, r)| WeightFormat::top(WeightBits::ALL[w], Rounding::ALL[r])),
        (1u8..4).prop_map(|s| WeightFormat::new(WeightBits::W2, s, Rounding::Floor).unwrap()),
        Just(WeightFormat::new(WeightBits::W4, 1, Rounding::Floor).unwrap()),
    ]
}

fn segment(k: usize) -> impl Strategy<Value = Segment> {
    (0usize..3, any::<bool>(), formats(), 0u8..4).prop_map(move |(a, act_signed, weight, shift)| Segment {
        k: 0..k,
        act: ActBits::ALL[a],
        act_signed,
        weight,
        shift,
    })
}

/// Odd machines that no RTL exists for.
fn configs() -> impl Strategy<Value = ArrayConfig> {
    let named = prop::sample::select(vec!["tiny", "small", "wide", "medium"]).prop_map(|n| ArrayConfig::named(n).unwrap());
    let words = || prop::sample::select(vec![1usize, 2, 4]);
    let odd = (4usize..9, 4usize..9, words(), words(), any::<bool>()).prop_map(|(rows, cols, depth, weight_bus, narrow)| {
        let rows = rows.next_multiple_of(weight_bus);
        let line = depth * rows.max(cols) * 8;
        let stream_bits = if narrow || line > 256 { 8 } else { line };
        ArrayConfig {
            name: "odd".into(),
            rows,
            cols,
            depth,
            activation_lines: 32,
            weight_words: 64 / weight_bus,
            weight_bus,
            parameter_entries: 4,
            accumulator_rows: 16,
            drain_banks: 1,
            stream_bits,
        }
    });
    let drain_banks = prop::sample::select(vec![1usize, 4]);
    (prop_oneof![named, odd], drain_banks).prop_map(|(config, drain_banks)| ArrayConfig { drain_banks, ..config })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn sim_and_reference_equal_plain_loops(
        config in configs(),
        (m, k, n) in (1usize..40, 1usize..70, 1usize..50),
        seg in segment(1),
        seed: u64,
        stalls in (0u8..60, 0u8..60),
    ) {
        let problem = Problem::new(m, k, n, vec![Segment { k: 0..k, ..seg }], seed);
        let expected = problem.expected();
        prop_assert_eq!(&problem.run(&mut session(BackendKind::Reference, &config), Output::Raw), &expected);
        let valid = Stall { seed, percent: stalls.0 };
        let ready = Stall { seed: !seed, percent: stalls.1 };
        let mut sim = session(BackendKind::Sim, &config).with_stalls(valid, ready);
        prop_assert_eq!(&problem.run(&mut sim, Output::Raw), &expected);
        let counters = sim.counters().unwrap();
        prop_assert_eq!(counters.accounted_cycles(), counters[Counter::Cycles]);
        prop_assert_eq!(sim.status().unwrap().error, None);
    }

    #[test]
    fn mixed_segments_and_requantized_outputs_are_exact(
        config in configs(),
        (m, k, n) in (1usize..30, 9usize..60, 1usize..40),
        (first, second) in (segment(1), segment(1)),
        width in 0usize..3,
        signed: bool,
        seed: u64,
    ) {
        let split = (k / 2).next_multiple_of(config.word_k()).min(k - 1) / config.word_k() * config.word_k();
        prop_assume!(split > 0);
        let segments = vec![Segment { k: 0..split, ..first }, Segment { k: split..k, ..second }];
        let problem = Problem::new(m, k, n, segments, seed);
        let sums = problem.expected();
        let mut random = Random(seed);
        let channels: Vec<ChannelScale> = (0..n)
            .map(|_| {
                let multiplier = (random.within((1, 1 << 20)) as f32) / (random.within((1 << 18, 1 << 28)) as f32);
                ChannelScale::from_f32(random.within((-5000, 5000)), multiplier).unwrap()
            })
            .collect();
        let full = OutputFormat::full_range(ActBits::ALL[width], signed, 0);
        let zero_point = random.within((full.lo.into(), full.hi.into())) as i16;
        let format = Requantize {
            parameters: 0, width: full.width, exponent_adjust: random.within((-2, 6)) as i8, zero_point, lo: full.lo, hi: full.hi,
        };
        let expected: Vec<i32> = sums
            .iter()
            .enumerate()
            .map(|(i, &sum)| requantize(sum, channels[i % n], &OutputFormat::from(&format)).into())
            .collect();
        let output = Output::Requantized { channels: &channels, format };
        prop_assert_eq!(&problem.run(&mut session(BackendKind::Reference, &config), output), &expected);
        prop_assert_eq!(&problem.run(&mut session(BackendKind::Sim, &config), output), &expected);
    }
}

/// A `floor` pass and the slices below it are the 8-bit product, in the same array cycles.
#[test]
fn residual_refinement_is_exact_and_free() {
    let config = ArrayConfig::named("small").unwrap();
    let (m, k, n) = (64, 96, 32);
    let a8w8 = Segment::whole(k, ActBits::A8, true, WeightFormat::top(WeightBits::W8, Rounding::Floor));
    let run = |segments: Vec<Segment>| {
        let problem = Problem::new(m, k, n, segments, 5);
        let mut sim = session(BackendKind::Sim, &config);
        let result = problem.run(&mut sim, Output::Raw);
        assert_eq!(result, problem.expected());
        (result, sim.counters().unwrap()[Counter::Busy])
    };
    let (exact, busy) = run(vec![a8w8.clone()]);
    for bits in [WeightBits::W4, WeightBits::W2] {
        let slices = (0..bits.slices()).map(|slice| {
            let weight = WeightFormat::new(bits, slice, Rounding::Floor).unwrap();
            Segment { weight, shift: (weight.exponent() / 2) as u8, ..a8w8.clone() }
        });
        assert_eq!(run(slices.collect()), (exact.clone(), busy), "W{bits}");
    }
}

#[test]
fn products_that_could_overflow_are_refused_with_their_numbers() {
    let config = ArrayConfig::named("tiny").unwrap();
    let k = 131_072;
    let rows = Matrix { elements: &vec![0; k], k };
    let weights = vec![0; k];
    let segments = [Segment::whole(k, ActBits::A8, true, WeightFormat::top(WeightBits::W8, Rounding::Floor))];
    let job = Job { m: 1, k, n: 1, rows: &rows, segments: &segments, weights: Weights::Streamed(&weights), output: Output::Raw };
    let error = gemm::run(&mut session(BackendKind::Sim, &config), &job, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the sums could reach 2147483648, beyond the int32 limit of 2147483647: K = 131072 * max|a| = 128 * max|w| = 128. \
         Split K, or use fewer bits"
    );
}

/// A tile begins with an address of the weight memory, which holds `depth * weight_bus` of K: others are refused.
#[test]
fn segments_that_begin_within_an_address_are_refused() {
    for (depth, weight_bus) in [(1, 1), (1, 2), (2, 1), (2, 4), (4, 4)] {
        let config = ArrayConfig { depth, weight_bus, stream_bits: 32, ..ArrayConfig::named("tiny").unwrap() };
        for start in 1..34 {
            let whole = Segment::whole(34, ActBits::A4, true, WeightFormat::top(WeightBits::W4, Rounding::Floor));
            let segments = vec![Segment { k: start..34, ..whole }];
            let problem = Problem::new(3, 34, 5, segments, start as u64);
            let rows = Matrix { elements: &problem.acts, k: 34 };
            let weights = Weights::Streamed(&problem.weights);
            let job = Job { m: 3, k: 34, n: 5, rows: &rows, segments: &problem.segments, weights, output: Output::Raw };
            let result = gemm::run(&mut session(BackendKind::Sim, &config), &job, 0);
            if start % (depth * weight_bus) == 0 {
                assert_eq!(result.unwrap(), problem.expected());
            } else {
                let expected = format!(
                    "segment K = {start} .. does not begin at a multiple of {}, the K of a weight-memory address (depth * weight_bus): move its start",
                    depth * weight_bus
                );
                assert_eq!(result.unwrap_err().to_string(), expected);
            }
        }
    }
}

/// Weights that stay serve every width, whatever the bus: one upload, every precision, also from the middle of K.
#[test]
fn resident_weights_serve_every_width_on_every_bus() {
    for (depth, weight_bus) in [(1, 1), (1, 2), (1, 4), (2, 2), (4, 4)] {
        let config = ArrayConfig { depth, weight_bus, stream_bits: 32, ..ArrayConfig::named("tiny").unwrap() };
        let (m, k, n) = (7, 83, 21);
        let mut store = gemm::WeightStore::default();
        store.reserve(5, 3, &config).unwrap();
        let layout = store.reserve(k, n, &config).unwrap();
        let weights: Vec<i8> = (0..k * n).map(|i| (i * 89 + i / 7) as i8).collect();
        for kind in [BackendKind::Reference, BackendKind::Sim] {
            let mut session = session(kind, &config);
            gemm::upload(&mut session, layout, &weights).unwrap();
            for act in ActBits::ALL {
                for bits in WeightBits::ALL {
                    let format = WeightFormat::top(bits, Rounding::HalfEven);
                    // The first segment ends within an address, the second begins with one before it: both read its last words.
                    let [first, second] = [0..45, 32..k].map(|k| Segment { k, ..Segment::whole(0, act, true, format) });
                    let mut problem = Problem::new(m, k, n, vec![first, second], 9);
                    problem.weights.clone_from(&weights);
                    let rows = Matrix { elements: &problem.acts, k };
                    let weights = Weights::Resident(layout);
                    let job = Job { m, k, n, rows: &rows, segments: &problem.segments, weights, output: Output::Raw };
                    assert_eq!(
                        gemm::run(&mut session, &job, store.used()).unwrap(),
                        problem.expected(),
                        "{kind:?} a{act}w{bits} {weight_bus}"
                    );
                }
            }
        }
    }
}

/// A command's count has 16 bits, and the largest weight memory has one address more than it can say.
#[test]
fn weights_that_fill_the_largest_memory_are_all_loaded() {
    let config = ArrayConfig { name: "deep".into(), weight_words: 1 << 16, ..ArrayConfig::named("tiny").unwrap() };
    let k = config.weight_words;
    let whole = Segment::whole(k, ActBits::A8, true, WeightFormat::top(WeightBits::W8, Rounding::Floor));
    let problem = Problem::new(2, k, 1, vec![whole], 3);
    for kind in [BackendKind::Reference, BackendKind::Sim] {
        let mut session = session(kind, &config);
        assert_eq!(problem.run(&mut session, Output::Raw), problem.expected(), "{kind:?}");
        // Resident, as a network's weights are: the last address read is the last there is.
        let mut store = gemm::WeightStore::default();
        let layout = store.reserve(k, 1, &config).unwrap();
        gemm::upload(&mut session, layout, &problem.weights).unwrap();
        let rows = Matrix { elements: &problem.acts, k };
        let weights = Weights::Resident(layout);
        let job = Job { m: 2, k, n: 1, rows: &rows, segments: &problem.segments, weights, output: Output::Raw };
        assert_eq!(gemm::run(&mut session, &job, store.used()).unwrap(), problem.expected(), "{kind:?}");
        assert!(store.reserve(1, 1, &config).unwrap_err().to_string().contains("need 1 addresses, but only 0 of 65536 are free"));
    }
}

#[test]
fn results_and_layouts_that_no_memory_holds_are_refused() {
    let config = ArrayConfig::named("tiny").unwrap();
    let mut sim = session(BackendKind::Sim, &config);
    let mut refuse = |m: usize, n: usize, weights: Weights<'_>| {
        let rows = Matrix { elements: &[1; 4], k: 1 };
        let segments = [Segment::whole(1, ActBits::A8, true, WeightFormat::top(WeightBits::W8, Rounding::Floor))];
        let job = Job { m, k: 1, n, rows: &rows, segments: &segments, weights, output: Output::Raw };
        gemm::run(&mut sim, &job, 0).unwrap_err().to_string()
    };
    for side in [1 << 20, usize::MAX] {
        let said = refuse(side, side, Weights::Streamed(&[]));
        let elements = side as u128 * side as u128;
        assert!(said.contains(&format!("make a result of {elements} elements, expected at most 268435456")), "{said}");
    }
    let resident = |base: usize, k: usize, n: usize| Weights::Resident(gemm::WeightLayout::new(base, k, n));
    assert!(refuse(4, 5, resident(0, 2, 5)).contains("are 2 x 5 (K x N), but the product's are 1 x 5"));
    assert!(refuse(4, 5, resident(2048, 1, 5)).contains("need 1 addresses, but only 0 of 2048 are free"));
    assert!(refuse(4, 5, resident(1 << 20, 1, 5)).contains("need 1 addresses, but only 0 of 2048 are free"));
}

#[test]
fn activations_that_do_not_fit_are_refused() {
    let config = ArrayConfig::named("tiny").unwrap();
    let rows = Matrix { elements: &[1, 2, 7, -9], k: 2 };
    let segments = [Segment::whole(2, ActBits::A4, true, WeightFormat::top(WeightBits::W4, Rounding::Floor))];
    let job =
        Job { m: 2, k: 2, n: 1, rows: &rows, segments: &segments, weights: Weights::Streamed(&[1, 1]), output: Output::Raw };
    let error = gemm::run(&mut session(BackendKind::Sim, &config), &job, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "activation [1, 1] is -9, expected -8 to 7 (signed 4-bit): quantize it to that width, or name a wider one"
    );
}

#[test]
fn sessions_name_their_backend() {
    let config = ArrayConfig::named("tiny").unwrap();
    for kind in [BackendKind::Reference, BackendKind::Sim] {
        let backend: Box<dyn Backend> = kind.open(&config).unwrap();
        assert_eq!(backend.name(), kind.name());
    }
}
