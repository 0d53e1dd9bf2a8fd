//! The Verilog of one configuration as a circuit that can be clocked.
//!
//! ```text
//!           |<-- cycle n -->|<-- cycle n+1
//!  clock    ________/-------\________/---
//!           ^       ^       ^
//!         settle  clock   settle         (waveform: 10 ns a cycle, the rising edge 5 ns into it)
//! ```

use std::path::Path;

use verilated::RandomMode;

use crate::CosimError;
use crate::boundary::{Boundary, Inputs, Outputs};
use crate::shim::{self, Circuit};

/// How registers and memories start that the Verilog gives no initial value.
///
/// A circuit that is right starts the same with each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PowerUp {
    /// All zeros.
    #[default]
    Zeros,
    /// All ones.
    Ones,
    /// Random bits; the same for the same seed, which is at least 1.
    Random(i32),
}

/// The Verilog of one configuration, compiled by Verilator.
pub struct Verilated {
    circuit: Circuit,
    config: String,
    /// The clock is still high from the last cycle.
    high: bool,
    /// Cycles since the start.
    cycle: u64,
}

impl Verilated {
    /// A circuit in its initial state; see [`available`].
    ///
    /// # Errors
    /// If the configuration was not built in; the error names those that were.
    pub fn open(config: &str) -> Result<Self, CosimError> {
        Self::open_with(config, PowerUp::default())
    }

    /// The same, with a choice of how undefined registers start.
    ///
    /// # Errors
    /// As [`Verilated::open`].
    pub fn open_with(config: &str, power_up: PowerUp) -> Result<Self, CosimError> {
        let (mode, seed) = match power_up {
            PowerUp::Zeros => (RandomMode::AllZeros, 1),
            PowerUp::Ones => (RandomMode::AllBits, 1),
            PowerUp::Random(seed) => (RandomMode::Randomize, seed),
        };
        let circuit = Circuit::new(config, mode, seed)
            .ok_or_else(|| CosimError::NotBuilt { config: config.to_owned(), available: available() })?;
        Ok(Self { circuit, config: config.to_owned(), high: false, cycle: 0 })
    }

    /// Writes a VCD waveform from now on, until the circuit is dropped.
    ///
    /// # Errors
    /// Without the feature `trace`, if there is a waveform already, or if the file cannot be written.
    pub fn trace(&mut self, path: impl AsRef<Path>) -> Result<(), CosimError> {
        let path = path.as_ref();
        if self.circuit.is_traced() {
            return Err(CosimError::TraceTwice);
        }
        match self.circuit.trace(path) {
            Ok(true) => Ok(()),
            Ok(false) => Err(CosimError::NoTrace),
            Err(_) => {
                // Verilator does not say why, so ask the operating system.
                let source = match std::fs::File::create(path) {
                    Ok(_) => std::io::Error::other("Verilator could not open it"),
                    Err(error) => error,
                };
                Err(CosimError::TraceFile { path: path.to_owned(), source })
            }
        }
    }

    /// Cycles since the start.
    #[must_use]
    pub const fn cycle(&self) -> u64 {
        self.cycle
    }
}

impl Boundary for Verilated {
    fn stream_bytes(&self) -> usize {
        self.circuit.stream_bytes()
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        self.high = false;
        self.circuit.settle(inputs)
    }

    /// The rising edge; the falling edge, to which nothing reacts, comes with the next call of either function.
    fn clock(&mut self) {
        if std::mem::take(&mut self.high) {
            self.circuit.set_clock(false);
        }
        self.circuit.dump(10 * self.cycle);
        self.circuit.set_clock(true);
        self.circuit.dump(10 * self.cycle + 5);
        self.high = true;
        self.cycle += 1;
    }
}

impl std::fmt::Debug for Verilated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verilated").field("config", &self.config).field("cycle", &self.cycle).finish_non_exhaustive()
    }
}

/// The configurations built in: those of the crate's features.
#[must_use]
pub fn available() -> Vec<&'static str> {
    shim::available()
}

/// The Verilog file a configuration was compiled from, for tools that read it; none if it was not built in.
#[must_use]
pub fn verilog_path(config: &str) -> Option<std::path::PathBuf> {
    available().contains(&config).then(|| Path::new(env!("OUT_DIR")).join(format!("crumb_{config}.v")))
}

/// What the models were compiled with, such as `Verilator 5.006 2023-01-22 rev (Debian 5.006-3)`.
pub const VERILATOR_VERSION: &str = env!("CRUMB_COSIM_VERILATOR");
