//! The rust-hdl circuit in rust-hdl's simulator as a backend.

use super::{Backend, BackendError};
use crumb_arch::ArrayConfig;
use crumb_arch::config::NAMES;
use crumb_arch::driver::{Batch, Driver, Outcome};
use crumb_hdl::RtlMachine;

/// The circuit, being driven.
pub struct Rtl {
    driver: Driver<RtlMachine>,
    config: ArrayConfig,
}

impl Rtl {
    /// The circuit of a named configuration.
    ///
    /// # Errors
    /// If the configuration is not a named one.
    pub fn open(config: &ArrayConfig) -> Result<Self, BackendError> {
        let fail = |text: String| Err(BackendError::Rtl(text));
        if ArrayConfig::named(&config.name).ok().as_ref() != Some(config) {
            let names = NAMES.join(", ");
            return fail(format!("the circuit of '{}' does not exist: choose one of {names}, or the backend sim", config.name));
        }
        match RtlMachine::open(&config.name) {
            Ok(machine) => Ok(Self { driver: Driver::new(machine), config: config.clone() }),
            Err(error) => fail(error.to_string()),
        }
    }
}

impl Backend for Rtl {
    fn name(&self) -> &'static str {
        "rtl"
    }

    fn config(&self) -> &ArrayConfig {
        &self.config
    }

    fn run(&mut self, batch: &Batch) -> Result<Outcome, BackendError> {
        Ok(self.driver.run(batch)?)
    }
}
