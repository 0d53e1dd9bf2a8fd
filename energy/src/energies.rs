//! All measurements: every block, in every mode, on one kind of data.

use crate::blocks::{Place, Stimulus, pe_registers};
use crate::error::EnergyError;
use crate::library::Library;
use crate::measure::{measure, register_toggles, toggles_of};
use crate::power::Energy;
use crate::subject::{Block, Subject};
use crate::tap::Tap;
use crate::workload::{Data, Mode, Run, run};
use crumb_arch::{ArrayConfig, Counter};

/// A block's energy in one mode, per event and block.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Which block.
    pub block: Block,
    /// On what.
    pub data: Data,
    /// In which mode.
    pub mode: Mode,
    /// Per event: pJ.
    pub energy: Energy,
    /// pJ of the event that is counted apart, for each of those: a weight word of a PE, a drained value of a requantizer; else 0.
    pub aside: f64,
    /// How many of those come with an event.
    pub asides: f64,
    /// Toggles of registers, per event, those of the events that are counted apart among them.
    pub toggles: f64,
    /// Toggles of registers that come with each of those.
    pub aside_toggles: f64,
    /// Edges of all nets, per event.
    pub edges: f64,
    /// Nets in it, so that `edges / nets` is the activity.
    pub nets: usize,
}

/// What a block's energy is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// Cycles in which an activation enters the array.
    Busy,
    /// Weight words.
    Word,
}

impl Block {
    /// Its event.
    pub const fn per(self) -> Per {
        match self {
            Self::PrecisionSwitch | Self::ColumnSum => Per::Word,
            _ => Per::Busy,
        }
    }

    /// Whether it is measured on this data in this mode: fixed PEs at a8w8, on activations of their own kind.
    fn applies(self, data: Data, mode: Mode) -> bool {
        let widest = mode.macs() == 1;
        match self {
            Self::FixedPe => widest && data == Data::Uniform,
            Self::FixedPeUnsigned => widest && data == Data::Digits,
            _ => true,
        }
    }
}

/// Measures all subjects on one kind of data in all modes, and hands each mode's run to `done`.
///
/// # Errors
/// If a workload fails or gates differ from the machine.
pub fn all(
    subjects: &[Subject],
    config: &ArrayConfig,
    library: &Library,
    data: Data,
    mut done: impl FnMut(&Run, Mode),
) -> Result<Vec<Measured>, EnergyError> {
    let places = Place::sample(config);
    let blocks: Vec<Block> = subjects.iter().map(|subject| subject.block).collect();
    let paths = Sampled::paths(&blocks, &places);
    let mut all = Vec::new();
    for mode in Mode::all() {
        let run = run(config, data, mode, &paths)?;
        for subject in subjects.iter().filter(|subject| subject.block.applies(data, mode)) {
            let places = if subject.block == Block::Requantizer { &places[..1] } else { &places };
            all.push(one(subject, library, &run, data, mode, places)?);
        }
        done(&run, mode);
    }
    Ok(all)
}

/// What blocks in some places see of a run.
pub struct Sampled;

impl Sampled {
    /// The registers that must be recorded for them.
    pub fn paths(blocks: &[Block], places: &[Place]) -> Vec<String> {
        let mut tap = Tap::listing();
        for (block, place) in blocks.iter().flat_map(|block| places.iter().map(move |place| (block, place))) {
            block.stimulus(&mut tap, place);
            block.aside(&mut tap, place);
        }
        tap.wanted.extend(places.iter().filter(|_| blocks.contains(&Block::Pe)).flat_map(pe_registers));
        tap.wanted
    }

    /// What one of them saw.
    ///
    /// # Errors
    /// If the machine has other registers than this measurement knows.
    pub fn stimulus(block: Block, place: &Place, run: &Run) -> Result<Stimulus, EnergyError> {
        let mut tap = Tap::on(&run.recording);
        let stimulus = block.stimulus(&mut tap, place);
        tap.finish(&run.name)?;
        Ok(stimulus)
    }
}

/// One block, the mean over some places.
///
/// # Errors
/// If its gates differ from the machine, in what they put out or in how often a PE's registers toggle.
pub fn one(
    subject: &Subject,
    library: &Library,
    run: &Run,
    data: Data,
    mode: Mode,
    places: &[Place],
) -> Result<Measured, EnergyError> {
    let block = subject.block;
    let [busy, drained] = [Counter::Busy, Counter::DrainReads].map(|counter| run.counters[counter] as f64);
    let words = run.words as f64;
    let count = if block.per() == Per::Busy { busy } else { words };
    let apart = if block == Block::Requantizer { drained } else { words };
    let (mut energy, mut aside, mut edges) = (Energy::default(), 0.0, 0.0);
    let (mut toggles, mut aside_toggles) = (0.0, 0.0);
    let places_n = places.len() as f64;
    for place in places {
        let stimulus = Sampled::stimulus(block, place, run)?;
        let (spent, activity) = measure(subject, library, &stimulus)?;
        energy = energy.plus(&spent.times(1.0 / (places_n * count)));
        edges += activity.toggles.iter().sum::<u64>() as f64 / (places_n * count);
        let toggled = register_toggles(subject, &stimulus, &activity);
        if block == Block::Pe {
            same_toggles(run, place, toggled)?;
        }
        toggles += toggled as f64 / (places_n * count);
        if let Some(stimulus) = block.aside(&mut Tap::on(&run.recording), place) {
            let (spent, activity) = measure(subject, library, &stimulus)?;
            aside += spent.dynamic() / (places_n * apart);
            aside_toggles += register_toggles(subject, &stimulus, &activity) as f64 / (places_n * apart);
        }
    }
    let (asides, nets) = (apart / count, subject.netlist.nets.len());
    Ok(Measured { block, data, mode, energy, aside, asides, toggles, aside_toggles, edges, nets })
}

/// Whether the registers of a PE's gates toggle as often as those of the machine's PE, so that toggles of the one are toggles of the other.
fn same_toggles(run: &Run, place: &Place, found: u64) -> Result<(), EnergyError> {
    let mut tap = Tap::on(&run.recording);
    let expected = pe_registers(place).into_iter().map(|path| toggles_of(&tap.register(path))).sum::<u64>();
    tap.finish(&run.name)?;
    let what = || format!("registers of the gates of pe toggle {found} times, those of the machine {expected} times");
    if found == expected { Ok(()) } else { Err(EnergyError::Workload { name: run.name.clone(), what: what() }) }
}

impl Measured {
    /// pJ of an event without those that are counted apart.
    pub fn without_asides(&self) -> f64 {
        (self.energy.dynamic() - self.aside * self.asides).max(0.0)
    }

    /// Register toggles of an event without those that are counted apart.
    pub fn toggles_without_asides(&self) -> f64 {
        (self.toggles - self.aside_toggles * self.asides).max(0.0)
    }
}
