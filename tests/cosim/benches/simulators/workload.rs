//! The command streams that every simulator is given: what the host's driver sends for one matrix product.
//!
//! ```text
//!  gemm::run -> Session -> Recorder -> Sim          (once)
//!                             |
//!                          batches -> beats -> Replay -> any Boundary     (again and again, without a pause)
//! ```

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;

use crumb::backend::{Backend, BackendError, Sim};
use crumb::gemm::{self, Job, Matrix, Output, Segment, Weights};
use crumb::session::Session;
use crumb_arch::boundary::Boundary;
use crumb_arch::driver::{Batch, Beats, Driver, Expect, Outcome};
use crumb_arch::precision::{ActBits, Rounding, WeightBits};
use crumb_arch::requantizer::ChannelScale;
use crumb_arch::{ArrayConfig, Counter, Requantize, WeightFormat};

/// Machines that are measured.
const CONFIGS: [&str; 3] = ["tiny", "small", "large"];
/// Precisions that are measured: the most and the fewest bits.
const MODES: [(ActBits, WeightBits); 2] = [(ActBits::A8, WeightBits::W8), (ActBits::A2, WeightBits::W2)];

/// Rows of the left matrix.
const M: usize = 128;
/// Tiles along K.
const K_TILES: usize = 4;

/// One product on one machine, as its input stream.
pub struct Workload {
    /// The machine.
    pub config: ArrayConfig,
    /// Its precision: `a8w8`.
    pub mode: String,
    /// The stream, without its pauses.
    pub beats: Beats,
    /// Clock cycles that the host's driver needs for it.
    pub cycles: u64,
    /// Cycles of them in which the array takes an activation vector.
    pub busy_cycles: u64,
}

impl Workload {
    /// Every machine at every precision.
    pub fn all() -> Result<Vec<Self>, Box<dyn Error>> {
        let pairs = CONFIGS.into_iter().flat_map(|config| MODES.map(|mode| (config, mode)));
        pairs.map(|(config, (act, weight))| Self::record(ArrayConfig::named(config)?, act, weight)).collect()
    }

    /// `machine_mode`, also the name of the benchmark.
    pub fn name(&self) -> String {
        format!("{}_{}", self.config.name, self.mode)
    }

    /// Computes a requantized product of `K_TILES` tiles along K and one group of output channels, and keeps what is sent.
    fn record(config: ArrayConfig, act: ActBits, weight: WeightBits) -> Result<Self, Box<dyn Error>> {
        let (k, n) = (K_TILES * config.rows * act.lanes(), 4 * config.cols);
        let mut seed = 1u32;
        let mut random = move || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8 as i8
        };
        let weights: Vec<i8> = (0..k * n).map(|_| random()).collect();
        let activations: Vec<i16> = (0..M * k).map(|_| i16::from(random() >> (8 - act.bits()))).collect();
        let channels = vec![ChannelScale::from_f32(3, 1.0 / 512.0)?; n];
        let (lo, hi) = act.range(true);
        let (lo, hi) = (i16::try_from(lo)?, i16::try_from(hi)?);
        let format = Requantize { parameters: 0, width: act, exponent_adjust: 0, zero_point: 0, lo, hi };

        let recorded = Rc::new(RefCell::new(Vec::new()));
        let recorder = Recorder { sim: Sim::new(&config)?, batches: Rc::clone(&recorded) };
        let mut session = Session::new(Box::new(recorder));
        let job = Job {
            m: M,
            k,
            n,
            rows: &Matrix { elements: &activations, k },
            segments: &[Segment::whole(k, act, true, WeightFormat::top(weight, Rounding::HalfEven))],
            weights: Weights::Streamed(&weights),
            output: Output::Requantized { channels: &channels, format },
        };
        gemm::run(&mut session, &job, 0)?;
        let (cycles, batches) = (session.cycles(), recorded.take());
        let mut beats = Beats::new(config.stream_bits / 8);
        batches.iter().for_each(|batch| beats.append(&batch.input));
        let busy_cycles = session.counters()?[Counter::Busy];
        Ok(Self { config, mode: format!("a{}w{}", act.bits(), weight.bits()), beats, cycles, busy_cycles })
    }
}

/// Keeps every batch that passes through it.
struct Recorder {
    sim: Sim,
    batches: Rc<RefCell<Vec<Batch>>>,
}

impl Backend for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn config(&self) -> &ArrayConfig {
        self.sim.config()
    }

    fn run(&mut self, batch: &Batch) -> Result<Outcome, BackendError> {
        self.batches.borrow_mut().push(batch.clone());
        self.sim.run(batch)
    }
}

/// A machine that is sent a stream over and over.
pub struct Replay<'a> {
    driver: Driver<Box<dyn Boundary>>,
    beats: &'a Beats,
    next: usize,
}

impl<'a> Replay<'a> {
    /// From the beginning, on a fresh machine.
    pub fn new(machine: Box<dyn Boundary>, beats: &'a Beats) -> Self {
        Self { driver: Driver::new(machine), beats, next: 0 }
    }

    /// Exactly so many cycles.
    pub fn advance(&mut self, cycles: u64) -> Result<Outcome, Box<dyn Error>> {
        let mut input = Beats::new(self.beats.beat_bytes());
        // A cycle takes one beat at most, and the output waited for never comes: only the cycles end the batch.
        let offered =
            (self.next..self.next + usize::try_from(cycles)?).filter_map(|beat| self.beats.get(beat % self.beats.len()));
        offered.for_each(|(data, last)| input.push(data, last));
        let outcome = self.driver.run(&Batch::new(input, Expect::Beats(u64::MAX), cycles))?;
        if outcome.error != 0 {
            return Err(format!("the machine stopped with error {} in the recorded stream", outcome.error).into());
        }
        self.next = (self.next + usize::try_from(outcome.accepted)?) % self.beats.len();
        Ok(outcome)
    }
}
