//! Walks against the schedule, command by command; and periods against plain walks, state by state.

use super::*;
use crate::estimate::product::Product;
use crate::gemm::schedule::Schedule;
use crate::gemm::{Fold, Image, Mapping, Placement, Segment, WeightLayout, check_weights};
use crumb_arch::precision::{ActBits, WeightBits};
use crumb_arch::{Requantize, Rounding, WeightFormat};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;

/// Named machines, and such with memories that hold little, streams that are slow, and drains that are wide.
fn config() -> impl Strategy<Value = ArrayConfig> {
    let name = prop::sample::select(vec!["tiny", "small", "wide", "medium", "large", "huge"]);
    let streams = prop::option::of(prop::sample::select(vec![8usize, 16, 32, 64, 128]));
    let memory = || prop::option::of(prop::sample::select(vec![16usize, 64, 128, 256]));
    let bus = prop::option::of(prop::sample::select(vec![1usize, 2, 4]));
    (name, streams, [memory(), memory(), memory()], bus, prop::option::of(prop::sample::select(vec![4usize, 8])))
        .prop_map(|(name, stream, [lines, sums, words], bus, entries)| {
            let mut config = ArrayConfig::named(name).unwrap();
            config.stream_bits = stream.unwrap_or(config.stream_bits);
            config.activation_lines = lines.unwrap_or(config.activation_lines);
            config.accumulator_rows = sums.unwrap_or(config.accumulator_rows);
            config.weight_words = words.unwrap_or(config.weight_words);
            config.weight_bus = bus.unwrap_or(config.weight_bus);
            config.parameter_entries = entries.unwrap_or(config.parameter_entries);
            config.rows = config.rows.next_multiple_of(config.weight_bus);
            config
        })
        .prop_filter("no machine", |config| config.validate().is_ok())
}

/// A product on a machine.
#[derive(Clone, Debug)]
struct Case {
    config: ArrayConfig,
    product: Product,
    /// How often it is folded, if it can be; otherwise as it is fastest.
    copies: Option<usize>,
}

impl Case {
    fn mapping<'a>(&self, shape: &Shape<'a>) -> Mapping<'a> {
        match self.copies {
            Some(copies) => Mapping::of_copies(shape, copies, &self.config),
            None => Mapping::new(shape, &self.config),
        }
    }

    /// Whether the machine's host takes it.
    fn is_taken(&self) -> bool {
        let shape = self.product.shape();
        matches!(shape.weights, Placement::Resident(_)) || check_weights(&shape, &self.config).is_ok()
    }
}

/// Products of one segment: matrices and images, deep and wide ones, resident and streamed weights, sums and requantized results.
fn product() -> impl Strategy<Value = Case> {
    let sizes = prop_oneof![(1usize..90, 1usize..200, 1usize..150), (1usize..900, 1usize..1500, 1usize..700)];
    let kernel = prop::sample::select(vec![[1usize, 1], [3, 3], [3, 1], [2, 2]]);
    let image = ([1usize..3, 1usize..15, 1usize..15], 1usize..40, kernel, [1usize..3, 1usize..3, 1usize..3]);
    product_of(sizes, prop::option::of(image), Just(None))
}

/// Convolutions with few output channels, and many rows or a deep kernel, folded whether that is faster or not.
fn narrow_convolution() -> impl Strategy<Value = Case> {
    let kernel = prop::sample::select(vec![[3usize, 3], [3, 1], [5, 2]]);
    let image = |height, words| ([1usize..3, height, 1usize..9], words, kernel.clone(), [1usize..3, 1usize..3, 1usize..2]);
    let images = prop_oneof![1 => image(20usize..120, 1usize..8), 2 => image(2usize..10, 40usize..160)];
    product_of((1usize..2, 1usize..2, 3usize..20), images.prop_map(Some), (2usize..9).prop_map(Some))
}

/// Images, rows and columns; channels in addresses of the weight memory; kernel; strides and dilation.
type Convolution = ([usize; 3], usize, [usize; 2], [usize; 3]);

/// Products of such sizes `(M, K, N)`, or of such images if they are there.
fn product_of(
    sizes: impl Strategy<Value = (usize, usize, usize)>,
    image: impl Strategy<Value = Option<Convolution>>,
    copies: impl Strategy<Value = Option<usize>>,
) -> impl Strategy<Value = Case> {
    let widths = (0usize..3, 0usize..4, prop::option::of(0usize..3));
    (config(), sizes, image, widths, prop::option::of(1usize..20), any::<bool>(), copies).prop_map(
        |(config, (mut m, mut k, n), image, (act, weight, width), tiles, resident, copies)| {
            let image = image.map(|([images, height, columns], words, kernel, [down, across, dilation])| {
                let channels = words * config.word_k();
                let (strides, dilations) = ([down, across], [dilation, 1]);
                Image { images, output: [height, columns], channels, kernel, strides, dilations }
            });
            if let Some(image) = image {
                (m, k) = (image.images * image.output[0] * image.output[1], image.channels * image.taps());
            }
            let act = ActBits::ALL[act];
            let words = tiles.map_or(config.weight_words, |tiles| tiles * config.tile_words(act)).min(config.weight_words);
            let fold = image.map_or(Fold::NONE, |image| Fold::most(image.kernel_rows(), n, &config));
            let weights = match resident {
                true => Placement::Resident(WeightLayout { base: 0, k, n, fold }),
                false => Placement::Streamed { base: 0, words },
            };
            let format = WeightFormat::top(WeightBits::ALL[weight], Rounding::HalfEven);
            let requantize = width.map(|width| Requantize {
                parameters: 0,
                width: ActBits::ALL[width],
                exponent_adjust: 0,
                zero_point: 0,
                lo: 0,
                hi: 3,
            });
            let segments = vec![Segment::whole(k, act, true, format)];
            Case { config, product: Product { m, k, n, segments, weights, image, requantize }, copies }
        },
    )
}

/// A command without what does not matter for its time: where things lie.
fn timeless(mut command: Command) -> Command {
    match &mut command.op {
        Op::LoadActivations { base, .. } | Op::LoadWeights { base, .. } | Op::LoadParameters { base, .. } => *base = 0,
        Op::Compute(tile) => (tile.activations, tile.weights) = (0, 0),
        Op::Drain(drain) => {
            if let Some(format) = &mut drain.requantize {
                format.parameters = 0;
            }
        }
        _ => {}
    }
    command
}

/// The index of the first command that the walk over a product gives otherwise than the schedule.
fn first_difference(case: &Case) -> Option<usize> {
    let (shape, config) = (case.product.shape(), &case.config);
    let mapping = case.mapping(&shape);
    let shape = mapping.shape();
    let walk = Walk::new(&shape, config, &mapping.tiling).unwrap();
    let schedule = Schedule::new(&shape, config, &mapping.tiling).map(|step| timeless(step.command));
    walk.map(Some).chain([None]).zip(schedule.map(Some).chain([None])).position(|(walked, scheduled)| walked != scheduled)
}

/// What periods did.
enum Periods {
    /// Fewer commands were given one by one than without them.
    Found,
    /// As many were.
    NotFound,
    /// Some counter, or the state of the machine, is not as without them.
    Wrong,
}

/// What periods do with a product, whether it has tiles that do not count in every pass, and its visits.
fn periods(case: &Case) -> (Periods, bool, u64) {
    let (shape, config) = (case.product.shape(), &case.config);
    let mapping = case.mapping(&shape);
    let shape = mapping.shape();
    let walk = Walk::new(&shape, config, &mapping.tiling).unwrap();
    let (is_folded, visits) = (walk.plan.is_folded(), walk.plan.visits);
    let (mut plain, mut quick) = (Timing::new(config), Timing::new(config));
    walk.clone().plainly(&mut plain);
    let (given, all) = (walk.clone().run(&mut quick), walk.count() as u64);
    let states = plain.now() == quick.now() && plain.agrees(&quick, false);
    [&mut plain, &mut quick].into_iter().for_each(Timing::settle);
    let of_product = match states && plain.read_counters() == quick.read_counters() && plain.now() == quick.now() {
        true if given < all => Periods::Found,
        true => Periods::NotFound,
        false => Periods::Wrong,
    };
    (of_product, is_folded, visits)
}

/// How many of many products have periods: a test that meets none would say nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// All of them.
    all: u32,
    /// Those with tiles that do not count in every pass.
    folded: u32,
    /// Those of them with one visit: tiles repeat in it.
    folded_tiles: u32,
}

/// Periods of so many products, none of which changes what is counted.
fn periods_of(cases: u32, products: impl Strategy<Value = Case>) -> Found {
    let found = Cell::new(Found::default());
    let config = ProptestConfig { source_file: Some(file!()), ..ProptestConfig::with_cases(cases) };
    let tested = TestRunner::new(config).run(&products, |case| {
        prop_assume!(case.is_taken());
        let Found { all, folded, folded_tiles } = found.get();
        let (of_product, is_folded, visits) = periods(&case);
        match of_product {
            Periods::Found => found.set(Found {
                all: all + 1,
                folded: folded + u32::from(is_folded),
                folded_tiles: folded_tiles + u32::from(is_folded && visits == 1),
            }),
            Periods::NotFound => {}
            Periods::Wrong => prop_assert!(false, "periods change what is counted"),
        }
        Ok(())
    });
    tested.unwrap_or_else(|error| panic!("{error}"));
    found.get()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn commands_are_those_of_the_schedule(case in prop_oneof![3 => product().boxed(), 1 => narrow_convolution().boxed()]) {
        prop_assume!(case.is_taken());
        prop_assert_eq!(first_difference(&case), None);
    }
}

#[test]
fn periods_change_nothing() {
    let found = periods_of(2500, product());
    assert!(found.all >= 800, "of 2500 products only {found:?}");
}

#[test]
fn periods_of_folded_products_change_nothing() {
    let found = periods_of(2000, narrow_convolution());
    assert!(found.folded >= 150 && found.folded_tiles >= 60, "of 2000 products only {found:?}");
}
