//! Arguments that several commands share.

use super::Failure;
use crate::backend::{Backend, BackendKind, Sim};
use crate::session::Session;
use crumb_arch::ArrayConfig;
use std::path::{Path, PathBuf};

/// Which machine, and how it is simulated.
#[derive(clap::Args)]
pub struct MachineOptions {
    /// What carries the commands out.
    #[arg(long, value_enum, default_value = "sim")]
    pub backend: BackendKind,
    /// A named configuration (tiny, small, medium, large, huge) or a TOML file.
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

/// Reads a configuration by name or file.
pub fn config(name: &str) -> Result<ArrayConfig, Failure> {
    if !name.ends_with(".toml") {
        return Ok(ArrayConfig::named(name)?);
    }
    let text = std::fs::read_to_string(name).map_err(|e| Message(format!("{name}: {e}")))?;
    Ok(ArrayConfig::from_toml(&text, name)?)
}

impl MachineOptions {
    /// Opens the machine.
    pub fn open(&self) -> Result<Session, Failure> {
        let config = config(&self.config)?;
        let Some(path) = &self.wave else {
            return Ok(Session::new(self.backend.open(&config)?));
        };
        Ok(Session::new(self.with_wave(&config, path)?))
    }

    fn with_wave(&self, config: &ArrayConfig, path: &Path) -> Result<Box<dyn Backend>, Failure> {
        match self.backend {
            BackendKind::Sim => {
                let window = self.wave_window.as_deref().unwrap_or("..").parse()?;
                Ok(Box::new(Sim::with_wave(config, path, window)?))
            }
            BackendKind::Verilog if self.wave_window.is_none() => {
                Ok(Box::new(crate::backend::verilog::Verilog::open(config, Some(path))?))
            }
            _ => Err(Message("waveforms: use --backend sim, or --backend verilog without --wave-window".into()).into()),
        }
    }
}
