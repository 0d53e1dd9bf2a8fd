//! Arguments that several commands share.

use super::Failure;
use super::files::{at, read_text};
use crate::backend::{Backend, BackendKind, Sim};
use crate::session::Session;
use crumb_arch::ArrayConfig;
use crumb_arch::config::ConfigReadError;
use crumb_sim::vcd::WaveWindow;
use std::path::{Path, PathBuf};

/// Which machine, and how it is simulated.
#[derive(clap::Args)]
pub struct MachineOptions {
    /// What carries the commands out.
    #[arg(long, value_enum, default_value = "sim")]
    pub backend: BackendKind,
    /// A named configuration (tiny, small, wide, medium, large, huge) or a TOML file.
    #[arg(long, default_value = "small", value_name = "NAME|FILE.toml")]
    pub config: String,
    /// Write a waveform (VCD) of the simulation.
    #[arg(long, value_name = "FILE")]
    pub wave: Option<PathBuf>,
    /// Only these cycles of the waveform: 1000..2000, ..500 or 100..
    #[arg(long, value_name = "FROM..TO", requires = "wave")]
    pub wave_window: Option<String>,
}

/// A message without more structure.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Message(pub String);

/// The file of an argument that takes a name or a file: what ends in `.toml` is a file.
pub fn named_file(argument: &str) -> Option<&Path> {
    argument.ends_with(".toml").then(|| Path::new(argument))
}

/// Reads a configuration by name or file.
pub fn config(name: &str) -> Result<ArrayConfig, Failure> {
    let Some(path) = named_file(name) else { return Ok(ArrayConfig::named(name)?) };
    match ArrayConfig::from_toml(&read_text(path)?, name) {
        // The others name the file themselves.
        Err(ConfigReadError::Invalid(error)) => Err(at(name)(error).into()),
        result => Ok(result?),
    }
}

impl MachineOptions {
    /// The files it reads, with the arguments that name them.
    pub fn inputs(&self) -> Vec<(&'static str, &Path)> {
        named_file(&self.config).map(|path| ("--config", path)).into_iter().collect()
    }

    /// The files it writes, with the arguments that name them.
    pub fn outputs(&self) -> Vec<(&'static str, &Path)> {
        self.wave.as_deref().map(|path| ("--wave", path)).into_iter().collect()
    }

    /// Opens the machine.
    pub fn open(&self) -> Result<Session, Failure> {
        self.open_counting(None)
    }

    /// The same, and counts the toggles of its registers in these cycles, if any.
    pub fn open_counting(&self, activity: Option<WaveWindow>) -> Result<Session, Failure> {
        let config = config(&self.config)?;
        if let Some(window) = activity {
            let sim = match (self.backend, &self.wave) {
                (BackendKind::Sim, Some(path)) => self.sim_with_wave(&config, path)?,
                (BackendKind::Sim, None) => Sim::new(&config)?,
                _ => return Err(Message("--activity: only the simulator counts toggles: use --backend sim".into()).into()),
            };
            return Ok(Session::new(Box::new(sim.counting(window))));
        }
        let Some(path) = &self.wave else {
            return Ok(Session::new(self.backend.open(&config)?));
        };
        Ok(Session::new(self.with_wave(&config, path)?))
    }

    fn sim_with_wave(&self, config: &ArrayConfig, path: &Path) -> Result<Sim, Failure> {
        let window = self.wave_window.as_deref().unwrap_or("..").parse::<WaveWindow>().map_err(at("--wave-window"))?;
        Ok(Sim::with_wave(config, path, window)?)
    }

    fn with_wave(&self, config: &ArrayConfig, path: &Path) -> Result<Box<dyn Backend>, Failure> {
        match self.backend {
            BackendKind::Sim => Ok(Box::new(self.sim_with_wave(config, path)?)),
            BackendKind::Verilog if self.wave_window.is_none() => {
                Ok(Box::new(crate::backend::verilog::Verilog::open(config, Some(path))?))
            }
            _ => Err(Message("waveforms: use --backend sim, or --backend verilog without --wave-window".into()).into()),
        }
    }
}
