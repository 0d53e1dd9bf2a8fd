//! A recording of the machine at work: chosen registers of the cycle-accurate simulator, in every cycle.
//!
//! The recorder is a [`Backend`] like any other, so that the host's own code for networks and matrix products drives it; what the host
//! gets is what the plain simulator gives.

use crumb::backend::{Backend, BackendError};
use crumb_arch::ArrayConfig;
use crumb_arch::boundary::{Boundary, Inputs, Outputs};
use crumb_arch::config::ConfigError;
use crumb_arch::driver::{Batch, Driver, Outcome};
use crumb_sim::Machine;
use crumb_sim::trace::Visitor;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::rc::Rc;

/// Registers by path, such as `array.pe_9.act`, each with its value in every cycle.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Cycles recorded.
    pub cycles: usize,
    /// Whether the machine's cycles are recorded.
    pub running: bool,
    values: BTreeMap<String, Vec<u64>>,
}

impl Recording {
    /// A register's values; none if it was not chosen or does not exist.
    pub fn of(&self, path: &str) -> Option<&[u64]> {
        self.values.get(path).map(Vec::as_slice).filter(|values| !values.is_empty())
    }
}

/// A recording that its recorder writes while others wait for it.
pub type Shared = Rc<RefCell<Recording>>;

/// The simulator, recorded.
pub struct Recorder {
    driver: Driver<Recorded>,
    config: ArrayConfig,
}

impl Recorder {
    /// A fresh machine, and the recording of the registers at `paths`, which is not yet running.
    ///
    /// # Errors
    /// If the configuration breaks a rule.
    pub fn new(config: &ArrayConfig, paths: impl Iterator<Item = String>) -> Result<(Self, Shared), ConfigError> {
        let machine = Machine::new(config)?;
        let values: BTreeMap<String, Vec<u64>> = paths.map(|path| (path, Vec::new())).collect();
        // Registers are visited in the same order in every cycle: their places are looked up once.
        let all = machine.registers();
        let places = all.into_iter().enumerate().filter(|(_, r)| values.contains_key(&r.path)).map(|(i, r)| (i, r.path));
        let (places, names): (Vec<usize>, Vec<String>) = places.unzip();
        let recording = Rc::new(RefCell::new(Recording { values, ..Recording::default() }));
        let columns = vec![Vec::new(); names.len()];
        let recorded = Recorded { machine, inputs: Inputs::default(), places, names, columns, recording: Rc::clone(&recording) };
        Ok((Self { driver: Driver::new(recorded), config: config.clone() }, recording))
    }
}

impl Backend for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn config(&self) -> &ArrayConfig {
        &self.config
    }

    fn run(&mut self, batch: &Batch) -> Result<Outcome, BackendError> {
        let outcome = self.driver.run(batch)?;
        self.driver.boundary_mut().hand_over();
        Ok(outcome)
    }
}

struct Recorded {
    machine: Machine,
    inputs: Inputs,
    /// Where in the visit the chosen registers stand, rising.
    places: Vec<usize>,
    names: Vec<String>,
    /// What was seen of each since the last hand-over.
    columns: Vec<Vec<u64>>,
    recording: Shared,
}

impl Recorded {
    fn hand_over(&mut self) {
        let mut recording = self.recording.borrow_mut();
        recording.cycles += self.columns.first().map_or(0, Vec::len);
        for (name, column) in self.names.iter().zip(&mut self.columns) {
            if let Some(values) = recording.values.get_mut(name) {
                values.append(column);
            }
        }
    }
}

impl Boundary for Recorded {
    fn stream_bytes(&self) -> usize {
        self.machine.stream_bytes()
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        self.inputs = *inputs;
        self.machine.outputs()
    }

    fn clock(&mut self) {
        if self.recording.borrow().running {
            let mut picker = Picker { seen: 0, wanted: self.places.iter().zip(&mut self.columns).peekable() };
            self.machine.visit(&mut picker);
        }
        self.machine.step(&self.inputs);
    }
}

/// Takes the registers at rising places of a visit.
struct Picker<I: Iterator> {
    seen: usize,
    wanted: std::iter::Peekable<I>,
}

impl<'a, I: Iterator<Item = (&'a usize, &'a mut Vec<u64>)>> Visitor for Picker<I> {
    fn scope(&mut self, _: impl Display) {}

    fn end(&mut self) {}

    fn register(&mut self, _: impl Display, _: u32, value: u64) {
        if let Some((_, column)) = self.wanted.next_if(|(place, _)| **place == self.seen) {
            column.push(value);
        }
        self.seen += 1;
    }
}
