//! Convolutions with few output channels: folded or not, they give what plain loops give, in the cycles that the estimate says.

use crumb::backend::BackendKind;
use crumb::estimate::product;
use crumb::estimate::timing::Timing;
use crumb::gemm::schedule::Schedule;
use crumb::gemm::{self, ActivationRows, Fold, Image, Job, Mapping, MatrixSizes, Output, Segment, WeightStore, Weights};
use crumb::session::Session;
use crumb_arch::precision::range;
use crumb_arch::requantizer::{ChannelScale, OutputFormat, requantize};
use crumb_arch::{ActBits, ArrayConfig, Counter, Counters, Requantize, Rounding, WeightBits, WeightFormat};
use proptest::prelude::*;
use std::ops::Range;

/// The input of a convolution, `[image][channel][row][column]`, and what the convolution is.
#[derive(Clone, Debug)]
struct Picture {
    image: Image,
    input: [usize; 2],
    /// Rows of padding above, columns to the left.
    origin: [usize; 2],
    padding: i16,
    values: Vec<i16>,
    /// Whether the host is told that there is an image.
    shown: bool,
}

impl Picture {
    fn m(&self) -> usize {
        self.image.images * self.image.output[0] * self.image.output[1]
    }

    fn k(&self) -> usize {
        self.image.taps() * self.image.channels
    }

    fn value(&self, image: usize, channel: usize, y: usize, x: usize) -> i16 {
        let [height, width] = self.input;
        let place = y.checked_sub(self.origin[0]).zip(x.checked_sub(self.origin[1])).filter(|(y, x)| *y < height && *x < width);
        place.map_or(self.padding, |(y, x)| self.values[((image * self.image.channels + channel) * height + y) * width + x])
    }

    fn row(&self, pixel: usize) -> impl Iterator<Item = i16> {
        let Image { output: [height, width], kernel, strides, dilations, channels, .. } = self.image;
        let (image, oy, ox) = (pixel / (height * width), pixel / width % height, pixel % width);
        (0..self.k()).map(move |k| {
            let (ky, kx, channel) = (k / channels / kernel[1], k / channels % kernel[1], k % channels);
            self.value(image, channel, oy * strides[0] + ky * dilations[0], ox * strides[1] + kx * dilations[1])
        })
    }
}

impl ActivationRows for Picture {
    fn fill(&self, first: usize, rows: &mut [i16]) -> Result<(), String> {
        rows.chunks_exact_mut(self.k()).enumerate().for_each(|(i, row)| {
            row.iter_mut().zip(self.row(first + i)).for_each(|(to, value)| *to = value);
        });
        Ok(())
    }

    fn image(&self) -> Option<Image> {
        self.shown.then_some(self.image)
    }

    fn fill_band(&self, image: usize, first: usize, channels: Range<usize>, band: &mut [i16]) -> Result<(), String> {
        let width = self.image.width();
        for (pixel, values) in band.chunks_exact_mut(channels.len()).enumerate() {
            let (y, x) = (first * self.image.strides[0] + pixel / width, pixel % width);
            values.iter_mut().zip(channels.clone()).for_each(|(to, channel)| *to = self.value(image, channel, y, x));
        }
        Ok(())
    }
}

/// The sums `[M, N]` of the weights at every format given, by plain loops.
fn sums(picture: &Picture, weights: &[i8], n: usize, formats: &[WeightFormat]) -> Vec<i32> {
    let apply = |weight: i8| -> i32 { formats.iter().map(|format| i32::from(format.apply(weight))).sum() };
    let pixels = (0..picture.m()).map(|pixel| picture.row(pixel).map(i32::from).collect::<Vec<i32>>());
    let sum = |row: &[i32], j: usize| row.iter().enumerate().map(|(k, a)| a * apply(weights[k * n + j])).sum();
    pixels.flat_map(|row| (0..n).map(|j| sum(&row, j)).collect::<Vec<i32>>()).collect()
}

fn estimate(job: &Job<'_>, config: &ArrayConfig, free: usize) -> (Counters, Fold) {
    let shape = job.shape(config, free);
    let mapping = Mapping::new(&shape, config);
    let mut timing = Timing::new(config);
    Schedule::new(&mapping.shape(), config, &mapping.tiling).for_each(|step| timing.give(&step.command));
    timing.settle();
    let counters = timing.read_counters();
    assert_eq!(counters, product::counters(config, [shape]), "command by command, and with what repeats taken at once");
    (counters, mapping.fold)
}

/// Runs a job, and checks that it costs what the estimate says.
fn run(session: &mut Session, job: &Job<'_>, free: usize) -> (Vec<i32>, Counters, Fold) {
    let config = session.config().clone();
    let before = session.counters().unwrap();
    let result = gemm::run(session, job, free).unwrap();
    let measured = session.counters().unwrap() - before;
    let (estimated, fold) = estimate(job, &config, free);
    if session.backend().is_clocked() {
        assert_eq!(estimated, measured, "estimated, measured: {fold:?}");
    }
    (result, measured, fold)
}

fn config() -> impl Strategy<Value = ArrayConfig> {
    let named = prop::sample::select(vec!["tiny", "small", "wide", "large"]).prop_map(|name| ArrayConfig::named(name).unwrap());
    (named, prop::option::of(4u32..7), any::<bool>()).prop_map(|(mut config, rows, deep)| {
        config.accumulator_rows = rows.map_or(config.accumulator_rows, |rows| 1 << rows);
        if deep {
            (config.depth, config.stream_bits) = (2, 32);
        }
        config.validate().unwrap();
        config
    })
}

fn picture() -> impl Strategy<Value = (Picture, ActBits)> {
    let kernel = prop::sample::select(vec![[1usize, 1], [3, 3], [3, 1], [2, 3], [5, 5], [7, 7]]);
    let strides = [1usize..4, 1usize..3];
    let sizes = (1usize..3, 1usize..9, 1usize..7, prop_oneof![Just(1usize), 1usize..6, Just(8), Just(16)]);
    (kernel, strides, sizes, 1usize..3, 0usize..3, [0usize..3, 0usize..3]).prop_map(
        |(kernel, strides, (images, height, width, channels), dilation, act, origin)| {
            let image = Image { images, output: [height, width], channels, kernel, strides, dilations: [dilation, 1] };
            let act = ActBits::ALL[act];
            let (lo, hi) = range(act.bits(), true);
            let reach = [0, 1].map(|axis| image.input(axis, image.output[axis]));
            let input = [0, 1].map(|axis| reach[axis].saturating_sub(origin[axis] + 1).max(1));
            let count = images * channels * input[0] * input[1];
            let values = (0..count).map(|i| (((i * 7919) >> 3) as i32 % (hi - lo + 1) + lo) as i16).collect();
            (Picture { image, input, origin, padding: lo as i16, values, shown: true }, act)
        },
    )
}

/// As a layer of a network: folded as far as its group of columns holds it.
fn resident(picture: &Picture, n: usize, config: &ArrayConfig) -> Option<(WeightStore, gemm::WeightLayout)> {
    let fold = Fold::most(picture.image.kernel_rows(), n, config);
    let mut store = WeightStore::default();
    let layouts = store.reserve_layers([Some(vec![MatrixSizes { count: 1, k: picture.k(), n, fold }])], config);
    let layout = (*layouts[0].as_ref()?.first()?)?;
    Some((store, layout))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn sums_and_values_are_those_of_plain_loops(
        config in config(), (picture, act) in picture(), n in prop_oneof![1usize..5, 5usize..40], widths in prop::collection::vec(0usize..4, 1..3),
        width in prop::option::of(0usize..3), stays: bool,
    ) {
        let (m, k) = (picture.m(), picture.k());
        let formats: Vec<_> = widths.iter().map(|&width| WeightFormat::top(WeightBits::ALL[width], Rounding::HalfEven)).collect();
        let matrix: Vec<i8> = (0..k * n).map(|i| (i * 37 + i / 11) as i8).collect();
        let segments: Vec<_> = formats.iter().map(|&format| Segment::whole(k, act, true, format)).collect();
        let channels: Vec<ChannelScale> =
            (0..n).map(|j| ChannelScale::from_f32(j as i32 * 5 - 9, 0.004 + j as f32 * 0.001).unwrap()).collect();
        let width = width.map(|width| ActBits::ALL[width]);
        let form = width.map(|width| {
            let (lo, hi) = range(width.bits(), true);
            Requantize { parameters: 0, width, exponent_adjust: 0, zero_point: 1, lo: lo as i16, hi: hi as i16 }
        });
        let mut expected = sums(&picture, &matrix, n, &formats);
        if let Some(form) = form {
            for (i, value) in expected.iter_mut().enumerate() {
                *value = requantize(*value, channels[i % n], &OutputFormat::from(&form)).into();
            }
        }
        for kind in [BackendKind::Reference, BackendKind::Sim] {
            let mut session = Session::new(kind.open(&config).unwrap());
            let place = resident(&picture, n, &config).filter(|_| stays);
            let (weights, free) = match &place {
                Some((store, layout)) => {
                    gemm::upload(&mut session, *layout, &matrix).unwrap();
                    (Weights::Resident(*layout), store.used())
                }
                None => (Weights::Streamed(&matrix), 0),
            };
            let output = match form {
                Some(format) => Output::Requantized { channels: &channels, format },
                None => Output::Raw,
            };
            let job = Job { m, k, n, rows: &picture, segments: &segments, weights, output };
            let (result, _, fold) = run(&mut session, &job, free);
            prop_assert_eq!(&result, &expected, "{:?} folded {:?}", kind, fold);
        }
    }
}

fn filters(channels: usize, output: [usize; 2]) -> Picture {
    let image = Image { images: 1, output, channels, kernel: [3, 3], strides: [1, 1], dilations: [1, 1] };
    let values = (0..channels * output[0] * output[1]).map(|i| (i % 4) as i16 - 2).collect();
    Picture { image, input: output, origin: [1, 1], padding: 0, values, shown: true }
}

/// A pass at one width has other columns than at another: the sums of the first stay.
#[test]
fn segments_of_two_widths_add_up() {
    let config = ArrayConfig::named("wide").unwrap();
    let picture = filters(2, [9, 9]);
    let (k, n) = (picture.k(), 8);
    let matrix: Vec<i8> = (0..k * n).map(|i| (i * 29) as i8).collect();
    let formats = [WeightBits::W4, WeightBits::W8].map(|bits| WeightFormat::top(bits, Rounding::Floor));
    let segments = formats.map(|format| Segment::whole(k, ActBits::A8, true, format));
    let job = Job { m: 81, k, n, rows: &picture, segments: &segments, weights: Weights::Streamed(&matrix), output: Output::Raw };
    let (result, _, fold) = run(&mut Session::new(BackendKind::Sim.open(&config).unwrap()), &job, 0);
    assert!(fold.copies > 1, "{fold:?}");
    assert_eq!(result, sums(&picture, &matrix, n, &formats));
}

/// An activation that does not fit is named by its row and column of the left matrix, wherever it was met.
#[test]
fn activations_are_named_where_they_are() {
    let config = ArrayConfig::named("wide").unwrap();
    let mut picture = filters(1, [6, 6]);
    picture.values[8] = 9;
    let format = WeightFormat::top(WeightBits::W4, Rounding::Floor);
    let segments = [Segment::whole(9, ActBits::A4, true, format)];
    let job =
        Job { m: 36, k: 9, n: 1, rows: &picture, segments: &segments, weights: Weights::Streamed(&[1; 9]), output: Output::Raw };
    let error = gemm::run(&mut Session::new(BackendKind::Sim.open(&config).unwrap()), &job, 0).unwrap_err().to_string();
    // Row 1, column 2 of the input is the last tap of the pixel above and to the left of it.
    assert!(error.starts_with("activation [1, 8] is 9, expected -8 to 7"), "{error}");
}

/// A depthwise channel keeps one column of the array busy; four rows of its pixels keep four, in half the tiles and a quarter of the drains.
#[test]
fn few_channels_are_folded_and_take_less_time() {
    let config = ArrayConfig::named("large").unwrap();
    let folded = filters(1, [24, 24]);
    let plain = Picture { shown: false, ..folded.clone() };
    let format = WeightFormat::top(WeightBits::W8, Rounding::Floor);
    let segments = [Segment::whole(9, ActBits::A8, true, format)];
    let matrix = [1, -2, 3, -4, 5, -6, 7, -8, 9];
    let cost = |picture: &Picture| {
        let job = Job {
            m: 576,
            k: 9,
            n: 1,
            rows: picture,
            segments: &segments,
            weights: Weights::Streamed(&matrix),
            output: Output::Raw,
        };
        let (result, counters, fold) = run(&mut Session::new(BackendKind::Sim.open(&config).unwrap()), &job, 0);
        assert_eq!(result, sums(picture, &matrix, 1, &[format]));
        (counters, fold.copies)
    };
    let ((folded, copies), (plain, one)) = (cost(&folded), cost(&plain));
    assert_eq!((copies, one), (4, 1));
    assert!(2 * folded[Counter::Busy] <= plain[Counter::Busy], "{folded:?} against {plain:?}");
    assert_eq!(4 * folded[Counter::DrainReads], plain[Counter::DrainReads]);
    assert!(2 * folded[Counter::Cycles] < plain[Counter::Cycles], "{folded:?} against {plain:?}");
}

/// One upload serves every width, each with as many of the copies as make it fastest.
#[test]
fn widths_read_as_many_copies_as_they_need() {
    let config = ArrayConfig::named("large").unwrap();
    let picture = filters(16, [12, 12]);
    let (n, k) = (16, picture.k());
    let matrix: Vec<i8> = (0..k * n).map(|i| (i * 91) as i8).collect();
    let (store, layout) = resident(&picture, n, &config).unwrap();
    assert_eq!(layout.fold, Fold { copies: 4, shift: 48 });
    let mut session = Session::new(BackendKind::Sim.open(&config).unwrap());
    gemm::upload(&mut session, layout, &matrix).unwrap();
    let copies = [WeightBits::W8, WeightBits::W4, WeightBits::W2].map(|bits| {
        let format = WeightFormat::top(bits, Rounding::HalfEven);
        let segments = [Segment::whole(k, ActBits::A8, true, format)];
        let job =
            Job { m: 144, k, n, rows: &picture, segments: &segments, weights: Weights::Resident(layout), output: Output::Raw };
        let (result, counters, fold) = run(&mut session, &job, store.used());
        assert_eq!(result, sums(&picture, &matrix, n, &[format]), "{bits:?}");
        assert_eq!(counters[Counter::WeightWordsWritten], 0, "{bits:?} moves no weight");
        fold.copies
    });
    assert!(copies[0] < copies[1] && copies[1] <= copies[2], "{copies:?}");
}
