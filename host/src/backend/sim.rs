//! The native simulator as a backend, with an optional waveform and an optional count of its registers' toggles.

use super::{Backend, BackendError};
use crumb_arch::ArrayConfig;
use crumb_arch::boundary::{Boundary, Inputs, Outputs};
use crumb_arch::config::ConfigError;
use crumb_arch::driver::{Batch, Driver, Outcome};
use crumb_sim::Machine;
use crumb_sim::activity::{Activity, ActivityCounter};
use crumb_sim::vcd::{VcdWriter, WaveWindow};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The simulator, being driven.
pub struct Sim {
    driver: Driver<Traced>,
    config: ArrayConfig,
}

/// Why there is no waveform.
#[derive(Debug, thiserror::Error)]
pub enum WaveError {
    /// The configuration breaks a rule.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file cannot be written.
    #[error("cannot write the waveform {}: {source}; check the path and its permissions", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl Sim {
    /// A fresh machine.
    ///
    /// # Errors
    /// If the configuration breaks a rule.
    pub fn new(config: &ArrayConfig) -> Result<Self, BackendError> {
        Ok(Self::over(Machine::new(config)?, None))
    }

    /// A fresh machine that writes the cycles of `window` as a VCD waveform to `path`.
    ///
    /// # Errors
    /// If the configuration breaks a rule or the file cannot be written. What goes wrong with the file later, the batch reports
    /// in which it happens; the waveform ends there.
    pub fn with_wave(config: &ArrayConfig, path: impl AsRef<Path>, window: WaveWindow) -> Result<Self, WaveError> {
        let path = path.as_ref();
        let machine = Machine::new(config)?;
        let vcd = File::create(path).and_then(|file| VcdWriter::new(file, &machine, window));
        let vcd = vcd.map_err(|source| WaveError::File { path: path.to_owned(), source })?;
        Ok(Self::over(machine, Some(Box::new(Wave { vcd, path: path.to_owned(), failure: None }))))
    }

    fn over(machine: Machine, wave: Option<Box<Wave>>) -> Self {
        let config = machine.config().clone();
        Self { driver: Driver::new(Traced { machine, inputs: Inputs::default(), wave, counter: None }), config }
    }

    /// The same machine, whose registers' toggles are counted in the cycles of `window` from now on.
    #[must_use]
    pub fn counting(mut self, window: WaveWindow) -> Self {
        let traced = self.driver.boundary_mut();
        traced.counter = Some(Box::new(ActivityCounter::new(&traced.machine, window)));
        self
    }

    /// The machine itself, to read its registers.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.driver.boundary_mut().machine
    }
}

impl Backend for Sim {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn config(&self) -> &ArrayConfig {
        &self.config
    }

    fn run(&mut self, batch: &Batch) -> Result<Outcome, BackendError> {
        let outcome = self.driver.run(batch)?;
        let watched = &mut self.driver.boundary_mut().wave;
        // A waveform that has failed is over: it would have a gap.
        if let Some(mut wave) = watched.take() {
            wave.write_out()?;
            *watched = Some(wave);
        }
        Ok(outcome)
    }

    fn activity(&self) -> Option<Activity> {
        self.driver.boundary().counter.as_ref().map(|counter| *counter.activity())
    }
}

/// A machine that may be watched. Watching changes nothing that its driver sees.
struct Traced {
    machine: Machine,
    inputs: Inputs,
    wave: Option<Box<Wave>>,
    counter: Option<Box<ActivityCounter>>,
}

impl Boundary for Traced {
    fn stream_bytes(&self) -> usize {
        self.machine.stream_bytes()
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        self.inputs = *inputs;
        self.machine.outputs()
    }

    fn clock(&mut self) {
        match &mut self.wave {
            Some(wave) => wave.step(&mut self.machine, &self.inputs),
            None => self.machine.step(&self.inputs),
        }
        if let Some(counter) = &mut self.counter {
            counter.stepped(&self.machine);
        }
    }
}

/// A waveform being written.
struct Wave {
    vcd: VcdWriter<File>,
    path: PathBuf,
    /// What ended it: a clock edge cannot fail, so the batch does.
    failure: Option<io::Error>,
}

impl Wave {
    fn step(&mut self, machine: &mut Machine, inputs: &Inputs) {
        if self.failure.is_some() {
            machine.step(inputs);
        } else {
            self.failure = self.vcd.step(machine, inputs).err();
        }
    }

    fn write_out(&mut self) -> Result<(), WaveError> {
        let done = self.failure.take().map_or_else(|| self.vcd.flush(), Err);
        done.map_err(|source| WaveError::File { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_arch::Op;
    use crumb_arch::driver::{Beats, Expect};
    use crumb_arch::lanes::header_lines;
    use crumb_sim::activity::Group;

    fn tiny() -> ArrayConfig {
        ArrayConfig::named("tiny").unwrap()
    }

    fn question() -> Batch {
        let mut bytes = Vec::new();
        header_lines(&crumb_arch::Command::from(Op::ReadCounters).encode(), &tiny(), &mut bytes);
        Batch::new(Beats::packet(4, &bytes), Expect::Packets(1), 1000)
    }

    #[test]
    fn watching_changes_nothing_and_every_batch_is_written_out() {
        let path = std::env::temp_dir().join(format!("crumb-sim-{}.vcd", std::process::id()));
        let mut plain = Sim::new(&tiny()).unwrap();
        let mut watched = Sim::with_wave(&tiny(), &path, WaveWindow::ALL).unwrap();
        for _ in 0..2 {
            let outcome = plain.run(&question()).unwrap();
            assert_eq!(watched.run(&question()).unwrap(), outcome);
            assert_eq!(watched.machine().registers(), plain.machine().registers());
            let end = format!("\n#{}\n", 10 * plain.machine().cycle());
            assert!(std::fs::read_to_string(&path).unwrap().ends_with(&end), "no {end:?} at the end");
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn counting_changes_nothing_and_counts_every_cycle_of_its_window() {
        let mut plain = Sim::new(&tiny()).unwrap();
        let mut counting = Sim::new(&tiny()).unwrap().counting("10..".parse().unwrap());
        let outcome = plain.run(&question()).unwrap();
        assert_eq!(counting.run(&question()).unwrap(), outcome);
        assert_eq!(plain.activity(), None);
        let activity = counting.activity().unwrap();
        assert_eq!(activity.cycles, outcome.cycles - 10);
        assert!(activity[Group::Streams] > 0 && activity[Group::PePsums] == 0, "{activity:?}");
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let error = Sim::with_wave(&tiny(), "/nonexistent/wave.vcd", WaveWindow::ALL).err().unwrap();
        assert_eq!(
            error.to_string(),
            "cannot write the waveform /nonexistent/wave.vcd: No such file or directory (os error 2); check the path and its permissions"
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_reported_by_the_batch_and_ends_the_waveform() {
        // A window so late that opening the file writes nothing out but the buffered header.
        let window = "90..".parse().unwrap();
        let small = ArrayConfig { rows: 4, cols: 4, ..tiny() };
        let error = match Sim::with_wave(&small, "/dev/full", window) {
            Err(error) => error.to_string(),
            Ok(mut sim) => {
                let error = sim.run(&question()).unwrap_err().to_string();
                assert!(sim.run(&question()).is_ok());
                error
            }
        };
        assert!(error.contains("cannot write the waveform /dev/full: No space left on device (os error 28)"), "{error}");
    }
}
