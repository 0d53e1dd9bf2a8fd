//! The generated Verilog under Verilator as a backend: built on demand, run as a process of its own.
//!
//! The main program is built with Rust alone. The co-simulation needs Verilator and a C++ compiler, so it is a crate that only
//! this backend (and the tests) build: `crumb-cosim`, one feature for each configuration.

use super::cosim::client::Client;
use super::cosim::protocol::Open;
use super::{Backend, BackendError};
use crumb_arch::ArrayConfig;
use crumb_arch::config::NAMES;
use crumb_arch::driver::{Batch, Outcome};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace that this program was built from.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A running co-simulation.
pub struct Verilog {
    client: Client,
    config: ArrayConfig,
}

impl Verilog {
    /// Builds the co-simulation of a named configuration if it is not built, and starts it.
    ///
    /// # Errors
    /// If the configuration is not a named one, Verilator is missing, or the build fails.
    pub fn open(config: &ArrayConfig, trace: Option<&Path>) -> Result<Self, BackendError> {
        if !NAMES.contains(&config.name.as_str()) || ArrayConfig::named(&config.name).ok().as_ref() != Some(config) {
            let names = NAMES.join(", ");
            return Err(fail(format!(
                "the Verilog of '{}' does not exist: choose one of {names}, or the backend sim",
                config.name
            )));
        }
        let program = build(&config.name, trace.is_some())?;
        let trace = trace.map(|path| path.display().to_string());
        let client = Client::launch(&program, &Open { config: config.name.clone(), trace }).map_err(|e| fail(e.to_string()))?;
        Ok(Self { client, config: config.clone() })
    }

    /// What the Verilog was compiled with.
    pub fn verilator(&self) -> &str {
        &self.client.opened().verilator
    }
}

impl Backend for Verilog {
    fn name(&self) -> &'static str {
        "verilog"
    }

    fn config(&self) -> &ArrayConfig {
        &self.config
    }

    fn run(&mut self, batch: &Batch) -> Result<Outcome, BackendError> {
        self.client.run(batch).map_err(|e| fail(e.to_string()))
    }
}

fn fail(text: String) -> BackendError {
    BackendError::Verilog(text)
}

/// Verilator's version, or what to install.
///
/// # Errors
/// If it is not on the path.
pub fn verilator_version() -> Result<String, BackendError> {
    let output = Command::new("verilator_bin").arg("--version").output();
    match output {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        _ => Err(fail("Verilator is not installed: install the Debian package `verilator` (apt-get install verilator)".into())),
    }
}

/// Builds `crumb-cosim` for one configuration and returns a copy that no other build overwrites.
fn build(config: &str, trace: bool) -> Result<PathBuf, BackendError> {
    verilator_version()?;
    let features = if trace { format!("{config},trace") } else { config.to_owned() };
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(WORKSPACE).join("target"), PathBuf::from);
    let output = Command::new("cargo")
        .current_dir(WORKSPACE)
        .args(["build", "--quiet", "--release", "--package", "crumb-cosim", "--no-default-features", "--features", &features])
        .output()
        .map_err(|e| fail(format!("cannot run cargo to build the co-simulation in {WORKSPACE}: {e}")))?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        return Err(fail(format!("the co-simulation does not build:\n{log}")));
    }
    let built = target.join("release").join("crumb-cosim");
    let own = target.join("release").join(format!("crumb-cosim-{}-{}", features.replace(',', "-"), std::process::id()));
    std::fs::copy(&built, &own).map_err(|e| fail(format!("cannot copy {}: {e}", built.display())))?;
    let stable = target.join("release").join(format!("crumb-cosim-{}", features.replace(',', "-")));
    std::fs::rename(&own, &stable).map_err(|e| fail(format!("cannot write {}: {e}", stable.display())))?;
    Ok(stable)
}
