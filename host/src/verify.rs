//! The same random work on every model: outputs, cycle counts, counters and every boundary signal must be equal.
//!
//! Each model keeps its machine through all cases, so a case also meets what the ones before left in the memories. Both streams
//! are held back at random, at the same cycles for every model.

use crate::backend::{BackendError, BackendKind};
use crate::gemm::{self, GemmError, Job, Matrix, Output, Segment, Weights};
use crate::session::{Session, SessionError};
use crumb_arch::precision::{ActBits, Rounding, WeightBits};
use crumb_arch::requantizer::{ChannelScale, OutputFormat};
use crumb_arch::stall::Stall;
use crumb_arch::{ArrayConfig, Counters, Requantize, WeightFormat};
use fastrand::Rng;
use serde::Serialize;

/// Boundary signals that are compared in every cycle.
pub const BOUNDARY_SIGNALS: [&str; 10] = [
    "s_axis_tvalid",
    "s_axis_tready",
    "s_axis_tdata",
    "s_axis_tlast",
    "m_axis_tvalid",
    "m_axis_tready",
    "m_axis_tdata",
    "m_axis_tlast",
    "error",
    "idle",
];

/// Why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A model cannot be opened.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A model failed.
    #[error("{model}, case {case}: {source}")]
    Model {
        /// Which model.
        model: &'static str,
        /// The case.
        case: String,
        /// What happened.
        source: Box<GemmError>,
    },
}

/// One random product.
pub struct Case {
    /// `a8w4 signed half-even raw 5x20x17`.
    pub name: String,
    m: usize,
    k: usize,
    n: usize,
    segment: Segment,
    acts: Vec<i16>,
    weights: Vec<i8>,
    channels: Option<(Vec<ChannelScale>, Requantize)>,
}

/// What one model did in one case.
#[derive(Clone, Debug, PartialEq)]
struct Trace {
    output: Vec<i32>,
    counters: Counters,
    cycles: u64,
    signature: u64,
}

/// How a model compares with the simulator.
#[derive(Clone, Debug, Serialize)]
pub struct ModelReport {
    /// The model.
    pub model: &'static str,
    /// Cases run.
    pub cases: usize,
    /// Clock cycles (none for the reference).
    pub cycles: u64,
    /// Outputs equal to plain loops, element by element.
    pub outputs_equal: bool,
    /// Cycle counts equal to the simulator's (`None` for a model without a clock).
    pub cycles_equal: Option<bool>,
    /// Every counter equal to the simulator's.
    pub counters_equal: Option<bool>,
    /// Every boundary signal equal to the simulator's in every cycle.
    pub signals_equal: Option<bool>,
    /// The first case in which something differs.
    pub first_difference: Option<String>,
}

impl ModelReport {
    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.first_difference.is_none()
    }
}

impl Case {
    fn random(rng: &mut Rng, config: &ArrayConfig, act: ActBits, format: WeightFormat) -> Self {
        let (m, n) = (rng.usize(1..=2 * config.rows), rng.usize(1..=5 * config.cols));
        let k = rng.usize(1..=2 * config.tile_k(act).min(40));
        let signed = rng.bool();
        let segment = Segment { shift: rng.u8(0..=3), ..Segment::whole(k, act, signed, format) };
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
        Self { name, m, k, n, segment, acts, weights, channels }
    }

    fn run(&self, session: &mut Session) -> Result<Trace, GemmError> {
        let rows = Matrix { elements: &self.acts, k: self.k };
        let output = match &self.channels {
            None => Output::Raw,
            Some((channels, format)) => Output::Requantized { channels, format: *format },
        };
        let segments = std::slice::from_ref(&self.segment);
        let weights = Weights::Streamed(&self.weights);
        let job = Job { m: self.m, k: self.k, n: self.n, rows: &rows, segments, weights, output };
        let output = gemm::run(session, &job, 0)?;
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
    fn expected(&self) -> Vec<i32> {
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

/// Random cases in all nine modes, W6 and the lower slices, `rounds` times over.
pub fn cases(config: &ArrayConfig, rounds: usize, seed: u64) -> Vec<Case> {
    let mut rng = Rng::with_seed(seed);
    let mut formats = Vec::new();
    for bits in WeightBits::ALL {
        for slice in 1..bits.slices() {
            formats.push(WeightFormat { bits, slice, rounding: Rounding::Floor });
        }
    }
    let mut cases = Vec::new();
    for _ in 0..rounds {
        for act in ActBits::ALL {
            for bits in WeightBits::ALL {
                let rounding = Rounding::ALL[rng.usize(0..3)];
                cases.push(Case::random(&mut rng, config, act, WeightFormat::top(bits, rounding)));
            }
            let slice = formats[rng.usize(0..formats.len())];
            cases.push(Case::random(&mut rng, config, act, slice));
        }
    }
    cases
}

/// Runs the cases on each model and compares: outputs with plain loops, everything else with the first clocked model.
///
/// # Errors
/// If a model cannot be opened or fails.
pub fn verify(
    config: &ArrayConfig,
    models: &[BackendKind],
    cases: &[Case],
    mut progress: impl FnMut(&str),
) -> Result<Vec<ModelReport>, VerifyError> {
    let expected: Vec<Vec<i32>> = cases.iter().map(Case::expected).collect();
    let mut yardstick: Option<Vec<Trace>> = None;
    let mut reports = Vec::new();
    for &kind in models {
        let stall = |seed| Stall { seed, percent: 20 };
        let mut session = Session::new(kind.open(config)?).with_stalls(stall(1), stall(1001));
        let clocked = session.backend().is_clocked();
        let mut traces = Vec::new();
        for case in cases {
            progress(kind.name());
            let failed = |source| VerifyError::Model { model: kind.name(), case: case.name.clone(), source: Box::new(source) };
            traces.push(case.run(&mut session).map_err(failed)?);
        }
        reports.push(compare(kind.name(), clocked, cases, &expected, &traces, yardstick.as_deref()));
        if clocked && yardstick.is_none() {
            yardstick = Some(traces);
        }
    }
    Ok(reports)
}

fn compare(
    model: &'static str,
    clocked: bool,
    cases: &[Case],
    expected: &[Vec<i32>],
    traces: &[Trace],
    yardstick: Option<&[Trace]>,
) -> ModelReport {
    let wrong_output = traces.iter().zip(expected).position(|(t, e)| t.output != *e);
    let yardstick = if clocked { Some(yardstick.unwrap_or(traces)) } else { None };
    let differs =
        |different: fn(&Trace, &Trace) -> bool| yardstick.map(|y| traces.iter().zip(y).position(|(a, b)| different(a, b)));
    let cycles = differs(|a, b| a.cycles != b.cycles);
    let counters = differs(|a, b| a.counters != b.counters);
    let signals = differs(|a, b| a.signature != b.signature);
    let what = [("outputs", Some(wrong_output)), ("cycles", cycles), ("counters", counters), ("boundary signals", signals)];
    let first = what.iter().filter_map(|(name, at)| at.flatten().map(|i| (i, *name))).min();
    ModelReport {
        model,
        cases: traces.len(),
        cycles: traces.last().map_or(0, |t| t.cycles),
        outputs_equal: wrong_output.is_none(),
        cycles_equal: cycles.map(|at| at.is_none()),
        counters_equal: counters.map(|at| at.is_none()),
        signals_equal: signals.map(|at| at.is_none()),
        first_difference: first.map(|(i, name)| format!("{name} in case {i}: {}", cases[i].name)),
    }
}

impl From<SessionError> for VerifyError {
    fn from(error: SessionError) -> Self {
        Self::Model { model: "session", case: "opening".into(), source: Box::new(error.into()) }
    }
}
