//! What the machine is recorded at: the embedded network on its images, and products of uniform random matrices, in all nine modes.

use crate::error::EnergyError;
use crate::record::{Recorder, Recording};
use crate::zeros::prune;
use crumb::digits::{self, Digits};
pub use crumb::energy::mode::Mode;
use crumb::gemm::{self, Job, Matrix, Output, Segment, Weights};
use crumb::network::machine::{LayerReport, MachineEngine};
use crumb::network::{Contract, LayerPrecision, PrecisionPlan, Tensor, TensorData, execute};
use crumb::session::Session;
use crumb_arch::precision::{ActBits, Rounding};
use crumb_arch::requantizer::{ChannelScale, OutputFormat};
use crumb_arch::{ArrayConfig, Counter, Counters, Requantize, WeightFormat};
use crumb_sim::activity::Activity;

/// Images of the network's run.
const IMAGES: usize = 1;
/// Rows of the random products.
const RANDOM_ROWS: usize = 128;
/// Tiles along K of the random products.
const RANDOM_TILES: usize = 4;

/// Where operands come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// The embedded network and its images.
    Digits,
    /// The same with so many percent of each layer's weights at zero, those that were nearest to it.
    Pruned(u8),
    /// Uniformly distributed operands; activations are signed.
    Uniform,
}

impl Data {
    /// Those that energy files are of.
    pub const FILES: [Self; 2] = [Self::Digits, Self::Uniform];

    /// The energy file of it, without its extension; those of pruned weights would be the network's.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Digits | Self::Pruned(_) => "osu018",
            Self::Uniform => "osu018-uniform",
        }
    }

    /// Its name in tables and files.
    pub fn name(self) -> String {
        match self {
            Self::Digits => "digits".into(),
            Self::Pruned(percent) => format!("digits, {percent} %"),
            Self::Uniform => "uniform".into(),
        }
    }

    /// The embedded network as this data has it; of random data, as it is.
    ///
    /// # Errors
    /// If what is embedded is damaged.
    pub fn digits(self) -> Result<Digits, String> {
        let mut digits = digits::load().map_err(|error| error.to_string())?;
        if let Self::Pruned(percent) = self {
            prune(&mut digits.network, percent);
        }
        Ok(digits)
    }
}

/// A workload as it was carried out.
pub struct Run {
    /// `digits a8w4`.
    pub name: String,
    /// What the registers did.
    pub recording: Recording,
    /// What the machine counted meanwhile.
    pub counters: Counters,
    /// Weight words that were issued to each column, those beyond the ends of tiles included.
    pub words: u64,
}

/// Carries a workload out in one mode and records the registers at `paths`.
///
/// # Errors
/// If the machine cannot be opened or fails.
pub fn run(config: &ArrayConfig, data: Data, mode: Mode, paths: &[String]) -> Result<Run, EnergyError> {
    let name = format!("{} {mode}", data.name());
    let bad = |what: String| EnergyError::Workload { name: name.clone(), what };
    let (recorder, recording) = Recorder::new(config, paths.iter().cloned()).map_err(|error| bad(error.to_string()))?;
    let mut session = Session::new(Box::new(recorder));
    let running = |on: bool| recording.borrow_mut().running = on;
    let counters = match data {
        Data::Digits | Data::Pruned(_) => network(&mut session, data, mode, &running).map(|layers| {
            let mut sum = Counters::default();
            for (report, _) in &layers {
                sum.0.iter_mut().zip(report.counters.0).for_each(|(sum, count)| *sum += count);
            }
            sum
        }),
        Data::Uniform => {
            running(true);
            product(&mut session, mode)
        }
    };
    let counters = counters.map_err(bad)?;
    drop(session);
    let words = counters[Counter::Tiles] * (config.rows * mode.act.lanes()) as u64;
    Ok(Run { recording: recording.take(), counters, words, name })
}

/// The network with all layers in one mode, each with what it cost and what toggled, if that is counted; `running` is told when the weights lie in
/// the machine, and when all is done.
///
/// # Errors
/// If the machine fails.
pub fn network(
    session: &mut Session,
    data: Data,
    mode: Mode,
    running: &dyn Fn(bool),
) -> Result<Vec<(LayerReport, Activity)>, String> {
    let digits = data.digits()?;
    let pixels = digits.images.floats().unwrap_or_default();
    let size = pixels.len() / digits::IMAGES;
    let pixels = pixels.get(..IMAGES * size).unwrap_or_default().to_vec();
    let images = Tensor::new(vec![IMAGES, 1, 8, 8], TensorData::F32(pixels)).map_err(|error| error.to_string())?;
    let plan = PrecisionPlan::uniform(LayerPrecision {
        act_bits: mode.act.bits() as u8,
        weight_bits: mode.weight.bits() as u8,
        rounding: Rounding::HalfEven,
        ..LayerPrecision::default()
    });
    let mut engine = MachineEngine::new(session, &digits.network).map_err(|error| error.to_string())?;
    running(true);
    execute(&digits.network, std::slice::from_ref(&images), &plan, &Contract, &mut engine).map_err(|error| error.to_string())?;
    running(false);
    let activities = engine.activities.into_iter().chain(std::iter::repeat(Activity::default()));
    Ok(engine.reports.into_iter().zip(activities).collect())
}

/// A product of random matrices, requantized to bytes.
fn product(session: &mut Session, mode: Mode) -> Result<Counters, String> {
    let config = session.config().clone();
    let mut random = fastrand::Rng::with_seed(8);
    let (m, k, n) = (RANDOM_ROWS, RANDOM_TILES * config.tile_k(mode.act), config.group_channels());
    let (lo, hi) = mode.act.range(true);
    let acts: Vec<i16> = (0..m * k).map(|_| random.i32(lo..=hi) as i16).collect();
    let weights: Vec<i8> = (0..k * n).map(|_| random.i8(..)).collect();
    let format = WeightFormat { bits: mode.weight, slice: 0, rounding: Rounding::HalfEven };
    let segment = Segment::whole(k, mode.act, true, format).in_8_bit_units();
    // Sums of K products of 8 bits each are some 2^(12.5 + log2(K)/2); the scale brings their spread to a byte.
    let shift = 23 + 13 - 6 + (k.ilog2() / 2) as u8;
    let mut scale = || ChannelScale { bias: random.i32(-4000..=4000), significand: random.u32(1 << 23..1 << 24), shift };
    let channels: Vec<ChannelScale> = (0..n).map(|_| scale()).collect();
    let out = OutputFormat::full_range(ActBits::A8, true, 0);
    let format = Requantize { parameters: 0, width: out.width, exponent_adjust: 0, zero_point: 0, lo: out.lo, hi: out.hi };
    let output = Output::Requantized { channels: &channels, format };
    let rows = Matrix { elements: &acts, k };
    let job =
        Job { m, k, n, rows: &rows, segments: std::slice::from_ref(&segment), weights: Weights::Streamed(&weights), output };
    gemm::run(session, &job, 0).map_err(|error| error.to_string())?;
    session.counters().map_err(|error| error.to_string())
}
