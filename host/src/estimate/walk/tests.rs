//! Walks against the schedule, command by command; and periods against plain walks, state by state.

use super::*;
use crate::estimate::product::Product;
use crate::gemm::schedule::Schedule;
use crate::gemm::{Image, Mapping, Placement, Segment, WeightLayout, check_weights};
use crumb_arch::precision::{ActBits, WeightBits};
use crumb_arch::{Requantize, Rounding, WeightFormat};
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Products of one segment: matrices and images, deep and wide ones, resident and streamed weights, sums and requantized results.
fn product() -> impl Strategy<Value = (ArrayConfig, Product)> {
    let sizes = prop_oneof![(1usize..90, 1usize..200, 1usize..150), (1usize..900, 1usize..1500, 1usize..700)];
    let kernel = prop::sample::select(vec![[1usize, 1], [3, 3], [3, 1], [2, 2]]);
    let image = ((1usize..3, 1usize..15, 1usize..15), 1usize..40, kernel, (1usize..3, 1usize..3, 1usize..3));
    let widths = (0usize..3, 0usize..4, prop::option::of(0usize..3));
    (config(), sizes, prop::option::of(image), widths, prop::option::of(1usize..20), any::<bool>()).prop_map(
        |(config, (mut m, mut k, n), image, (act, weight, width), tiles, resident)| {
            let image = image.map(|((images, height, columns), words, kernel, (down, across, dilation))| {
                let channels = words * config.word_k();
                let (strides, dilations) = ([down, across], [dilation, 1]);
                Image { images, output: [height, columns], channels, kernel, strides, dilations }
            });
            if let Some(image) = image {
                (m, k) = (image.images * image.output[0] * image.output[1], image.channels * image.taps());
            }
            let act = ActBits::ALL[act];
            let words = tiles.map_or(config.weight_words, |tiles| tiles * config.tile_words(act)).min(config.weight_words);
            let weights = match resident {
                true => Placement::Resident(WeightLayout::new(0, k, n)),
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
            (config, Product { m, k, n, segments, weights, image, requantize })
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn commands_are_those_of_the_schedule((config, product) in product()) {
        let shape = product.shape();
        prop_assume!(matches!(shape.weights, Placement::Resident(_)) || check_weights(&shape, &config).is_ok());
        let mapping = Mapping::new(&shape, &config);
        let (shape, tiling) = (mapping.shape(), &mapping.tiling);
        // Tiles that do not count in every pass have no closed form.
        let Some(mut walk) = Walk::new(&shape, &config, tiling) else {
            prop_assert!(mapping.fold.copies > 1);
            return Ok(());
        };
        for (index, step) in Schedule::new(&shape, &config, tiling).enumerate() {
            prop_assert_eq!(walk.next(), Some(timeless(step.command)), "command {}", index);
        }
        prop_assert_eq!(walk.next(), None);
    }
}

/// Cases in which something was repeated: a test of periods that finds none would say nothing.
static REPEATED: AtomicUsize = AtomicUsize::new(0);

/// Whether the times of a walk with and without periods are the same: every counter, and the state of the machine to the cycle.
fn is_exact(config: &ArrayConfig, product: &Product) -> bool {
    let shape = product.shape();
    let mapping = Mapping::new(&shape, config);
    let shape = mapping.shape();
    let Some(walk) = Walk::new(&shape, config, &mapping.tiling) else { return mapping.fold.copies > 1 };
    let (mut plain, mut quick) = (Timing::new(config), Timing::new(config));
    walk.clone().plainly(&mut plain);
    let (given, all) = (walk.clone().run(&mut quick), walk.count() as u64);
    REPEATED.fetch_add(usize::from(given < all), Ordering::Relaxed);
    let states = plain.now() == quick.now() && plain.agrees(&quick, false);
    [&mut plain, &mut quick].into_iter().for_each(Timing::settle);
    states && plain.read_counters() == quick.read_counters() && plain.now() == quick.now()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2500))]
    // Run by the test below, which then looks whether there were periods.
    fn periods((config, product) in product()) {
        let shape = product.shape();
        prop_assume!(matches!(shape.weights, Placement::Resident(_)) || check_weights(&shape, &config).is_ok());
        prop_assert!(is_exact(&config, &product));
    }
}

#[test]
fn periods_change_nothing() {
    periods();
    let repeated = REPEATED.load(Ordering::Relaxed);
    assert!(repeated >= 800, "only {repeated} of 2500 products had periods");
}
