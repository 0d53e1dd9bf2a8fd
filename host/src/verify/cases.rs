//! The random work, and what plain loops make of it.

use crate::gemm::{self, GemmError, Job, Matrix, Output, Segment, Weights};
use crate::session::Session;
use crumb_arch::precision::{ActBits, Rounding, WeightBits};
use crumb_arch::requantizer::{ChannelScale, OutputFormat};
use crumb_arch::{ArrayConfig, Counters, Requantize, WeightFormat};
use fastrand::Rng;

/// One random product.
pub struct Case {
    /// `a8w4 signed half-even raw 5x20x17`.
    pub name: String,
    m: usize,
    k: usize,
    n: usize,
    segment: Segment,
    /// First address of the weight memory that the case may use.
    free_weights: usize,
    acts: Vec<i16>,
    weights: Vec<i8>,
    channels: Option<(Vec<ChannelScale>, Requantize)>,
}

/// What one model did in one case.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trace {
    pub output: Vec<i32>,
    pub counters: Counters,
    pub cycles: u64,
    pub signature: u64,
}

impl Case {
    /// Some of everything: up to two array heights of rows, two tiles along K and five array widths of columns.
    fn small(rng: &mut Rng, config: &ArrayConfig, act: ActBits, format: WeightFormat) -> Self {
        let (m, n) = (rng.usize(1..=2 * config.rows), rng.usize(1..=5 * config.cols));
        let k = rng.usize(1..=2 * config.tile_k(act));
        Self::random(rng, act, format, [m, k, n], 0)
    }

    /// More rows than an accumulator half has, and more tiles along K than the activation buffer takes for so many rows: several blocks
    /// of rows, several chunks of each, regions of the buffer used again.
    fn tall(rng: &mut Rng, config: &ArrayConfig, act: ActBits, format: WeightFormat) -> Self {
        let m = config.accumulator_rows + rng.usize(1..=2 * config.rows);
        let tiles = config.activation_lines / config.accumulator_rows + 1;
        let k = config.tile_k(act) * (tiles - 1) + rng.usize(1..=config.tile_k(act));
        let n = rng.usize(1..=config.cols);
        Self::random(rng, act, format, [m, k, n], 0)
    }

    /// Two groups of columns whose weights stream through the last two tiles' worth of the weight memory.
    fn streamed(rng: &mut Rng, config: &ArrayConfig, act: ActBits, format: WeightFormat) -> Self {
        let (m, n) = (rng.usize(1..=2 * config.rows), config.group_channels() + rng.usize(1..=config.cols));
        let k = config.tile_k(act) * 4 + rng.usize(1..=config.tile_k(act));
        Self::random(rng, act, format, [m, k, n], config.weight_words - 2 * config.tile_words(act))
    }

    /// More weights than the whole memory holds.
    fn beyond_the_memory(rng: &mut Rng, config: &ArrayConfig, act: ActBits, format: WeightFormat) -> Self {
        let k = config.weight_words * config.word_k() + rng.usize(1..=config.tile_k(act));
        let (m, n) = (rng.usize(1..=config.rows), rng.usize(1..=config.cols));
        Self::random(rng, act, format, [m, k, n], 0)
    }

    fn random(rng: &mut Rng, act: ActBits, format: WeightFormat, [m, k, n]: [usize; 3], free_weights: usize) -> Self {
        let signed = rng.bool();
        // With K in the thousands, sums shifted by three crumbs could leave int32.
        let segment = Segment { shift: rng.u8(0..=if k > 1000 { 1 } else { 3 }), ..Segment::whole(k, act, signed, format) };
        let (lo, hi) = act.range(signed);
        let acts = (0..m * k).map(|_| rng.i32(lo..=hi) as i16).collect();
        let weights = (0..k * n).map(|_| rng.i8(..)).collect();
        let channels = rng.bool().then(|| {
            let scale = |rng: &mut Rng| ChannelScale {
                bias: rng.i32(-4000..=4000),
                significand: rng.u32(1 << 23..1 << 24),
                shift: rng.u8(24..=36),
            };
            let full = OutputFormat::full_range(ActBits::ALL[rng.usize(0..3)], rng.bool(), 0);
            let (zero_point, exponent_adjust) = (rng.i16(full.lo..=full.hi), rng.i8(-2..=6));
            let format = Requantize { parameters: 0, width: full.width, exponent_adjust, zero_point, lo: full.lo, hi: full.hi };
            ((0..n).map(|_| scale(rng)).collect(), format)
        });
        let kind = if channels.is_some() { "requantized" } else { "raw" };
        let sign = if signed { "signed" } else { "unsigned" };
        let name = format!("a{act}w{} {sign} {} slice {} {kind} {m}x{k}x{n}", format.bits, format.rounding, format.slice);
        Self { name, m, k, n, segment, free_weights, acts, weights, channels }
    }

    pub(super) fn run(&self, session: &mut Session) -> Result<Trace, GemmError> {
        let rows = Matrix { elements: &self.acts, k: self.k };
        let output = match &self.channels {
            None => Output::Raw,
            Some((channels, format)) => Output::Requantized { channels, format: *format },
        };
        let segments = std::slice::from_ref(&self.segment);
        let weights = Weights::Streamed(&self.weights);
        let job = Job { m: self.m, k: self.k, n: self.n, rows: &rows, segments, weights, output };
        let output = gemm::run(session, &job, self.free_weights)?;
        let counters = session.counters()?;
        Ok(Trace { output, counters, cycles: session.cycles(), signature: session.signature() })
    }

    /// Runs the case and panics unless its result is that of plain loops: for tests that watch the machine meanwhile.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn check(&self, session: &mut Session) -> Result<(), GemmError> {
        let trace = self.run(session)?;
        assert_eq!(trace.output, self.expected(), "{}", self.name);
        Ok(())
    }

    /// The result by plain loops.
    pub(super) fn expected(&self) -> Vec<i32> {
        let product = |m: usize, n: usize| {
            let term = |k: usize| {
                i32::from(self.acts[m * self.k + k]) * i32::from(self.segment.weight.apply(self.weights[k * self.n + n]))
            };
            (0..self.k).map(term).sum::<i32>() << (2 * self.segment.shift)
        };
        let finish = |n: usize, sum: i32| match &self.channels {
            None => sum,
            Some((channels, format)) => crumb_arch::requantizer::requantize(sum, channels[n], &OutputFormat::from(format)).into(),
        };
        (0..self.m * self.n).map(|i| finish(i % self.n, product(i / self.n, i % self.n))).collect()
    }
}

/// Every width below which there are more bits, and each of the slices there.
fn lower_slices() -> Vec<WeightFormat> {
    let slices = |bits: WeightBits| (1..bits.slices()).map(move |slice| WeightFormat { bits, slice, rounding: Rounding::Floor });
    WeightBits::ALL.into_iter().flat_map(slices).collect()
}

/// Random cases in all nine modes, W6 and the lower slices, `rounds` times over: 15 small ones for each round.
pub fn cases(config: &ArrayConfig, rounds: usize, seed: u64) -> Vec<Case> {
    let mut rng = Rng::with_seed(seed);
    let formats = lower_slices();
    let mut cases = Vec::new();
    for _ in 0..rounds {
        for act in ActBits::ALL {
            for bits in WeightBits::ALL {
                let rounding = Rounding::ALL[rng.usize(0..3)];
                cases.push(Case::small(&mut rng, config, act, WeightFormat::top(bits, rounding)));
            }
            let slice = formats[rng.usize(0..formats.len())];
            cases.push(Case::small(&mut rng, config, act, slice));
        }
    }
    cases
}

/// Random cases larger than the machine's memories, in random modes: one with more rows than an accumulator half and more of K than
/// the activation buffer takes at once, and one with streamed weights, for each round; and a last one with more weights than the whole
/// memory holds, which takes as long as the rest of a round.
pub fn large_cases(config: &ArrayConfig, rounds: usize, seed: u64) -> Vec<Case> {
    let mut rng = Rng::with_seed(seed);
    let mode = |rng: &mut Rng| {
        let (bits, rounding) = (WeightBits::ALL[rng.usize(0..WeightBits::ALL.len())], Rounding::ALL[rng.usize(0..3)]);
        (ActBits::ALL[rng.usize(0..3)], WeightFormat::top(bits, rounding))
    };
    let mut cases = Vec::new();
    let mut add = |make: fn(&mut Rng, &ArrayConfig, ActBits, WeightFormat) -> Case| {
        let (act, format) = mode(&mut rng);
        cases.push(make(&mut rng, config, act, format));
    };
    for _ in 0..rounds {
        add(Case::tall);
        add(Case::streamed);
    }
    add(Case::beyond_the_memory);
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_cases_are_larger_than_the_memories() {
        for name in crumb_arch::config::NAMES {
            let config = ArrayConfig::named(name).unwrap();
            for seed in 0..20 {
                let cases = large_cases(&config, 2, seed);
                let [tall, streamed, .., last] = cases.as_slice() else { panic!("two a round and one more") };
                let tiles = |case: &Case| case.k.div_ceil(config.tile_k(case.segment.act));
                assert!(
                    tall.m > config.accumulator_rows && tiles(tall) * config.accumulator_rows > config.activation_lines,
                    "{name}"
                );
                assert!(tiles(streamed) > 2 && streamed.n > config.group_channels(), "{name}");
                assert!(last.k.div_ceil(config.word_k()) > config.weight_words, "{name}");
            }
        }
    }

    /// Tests that watch every register take the first cases, and have no time for more.
    #[test]
    fn the_first_round_is_small() {
        let config = ArrayConfig::named("tiny").unwrap();
        let cases = cases(&config, 3, 7);
        assert_eq!(cases.len(), 45);
        assert!(
            cases.iter().all(|c| c.m <= 2 * config.rows && c.k <= 2 * config.tile_k(c.segment.act) && c.n <= 5 * config.cols)
        );
        assert!(cases.iter().any(|c| c.k > config.tile_k(c.segment.act)), "no case accumulates over two tiles");
    }
}
