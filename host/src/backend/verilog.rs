//! The generated Verilog under Verilator as a backend: built on demand, run as a process of its own.
//!
//! The main program is built with Rust alone. The co-simulation needs Verilator and a C++ compiler, so it is a crate that only
//! this backend (and the tests) build: `crumb-cosim`, one feature for each configuration.

use super::cosim::client::Client;
use super::cosim::protocol::Open;
use super::{Backend, BackendError, verilator};
use crumb_arch::ArrayConfig;
use crumb_arch::config::NAMES;
use crumb_arch::driver::{Batch, Outcome};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running co-simulation.
pub struct Verilog {
    client: Client,
    config: ArrayConfig,
}

impl Verilog {
    /// Builds the co-simulation of a named configuration if it is not built, and starts it.
    ///
    /// # Errors
    /// If the configuration is not a named one, Verilator is missing or too old, the source tree has gone, or the build fails.
    pub fn open(config: &ArrayConfig, trace: Option<&Path>) -> Result<Self, BackendError> {
        if ArrayConfig::named(&config.name).ok().as_ref() != Some(config) {
            let (names, name) = (NAMES.join(", "), &config.name);
            return Err(fail(format!("the Verilog of '{name}' does not exist: choose one of {names}, or the backend sim")));
        }
        verilator_version()?;
        let program = build(source_tree(), &config.name, trace.is_some())?;
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

/// Verilator's version.
///
/// # Errors
/// If it is not on the path or too old, with what to install: see [`verilator`].
pub fn verilator_version() -> Result<String, BackendError> {
    verilator::find().map_err(|problem| fail(format!("Verilator is {problem}")))
}

/// The workspace that this program was built from.
fn source_tree() -> &'static Path {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    host.parent().unwrap_or(host)
}

/// Builds `crumb-cosim` for one configuration and returns a copy that builds for others do not overwrite.
///
/// Cargo puts every configuration's program in the same place, so a lock is held until it is copied.
fn build(tree: &Path, config: &str, trace: bool) -> Result<PathBuf, BackendError> {
    if !tree.join("tests/cosim/Cargo.toml").is_file() {
        return Err(fail(format!(
            "the Verilog is compiled from Crumb's source tree, looked for in {} and not found there: put it back, install Crumb again \
             from where it is now (cargo install --path host), or use the backend sim",
            tree.display()
        )));
    }
    let target = target_dir(tree)?;
    let at_target = |e: std::io::Error| fail(format!("cannot write to {}: {e}; check CARGO_TARGET_DIR", target.display()));
    fs::create_dir_all(&target).map_err(at_target)?;
    let file =
        File::options().create(true).truncate(false).write(true).open(target.join("crumb-cosim.lock")).map_err(at_target)?;
    let mut lock = fd_lock::RwLock::new(file);
    let _held = lock.write().map_err(at_target)?;

    let features = if trace { format!("{config},trace") } else { config.to_owned() };
    let built = run_cargo(tree, &target, &features)?;
    let stable = built.with_file_name(format!("crumb-cosim-{}", features.replace(',', "-")));
    // Renamed into place, because a program that runs cannot be written to.
    let fresh = stable.with_extension("new");
    fs::copy(&built, &fresh).and_then(|_| fs::rename(&fresh, &stable)).map_err(at_target)?;
    Ok(stable)
}

/// Where Cargo builds: absolute, because Cargo is run in another folder than this program.
fn target_dir(tree: &Path) -> Result<PathBuf, BackendError> {
    match std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty()) {
        None => Ok(tree.join("target")),
        Some(dir) => {
            std::path::absolute(&dir).map_err(|e| fail(format!("CARGO_TARGET_DIR = {}: {e}", Path::new(&dir).display())))
        }
    }
}

/// Runs Cargo and returns the program that it says it has built.
fn run_cargo(tree: &Path, target: &Path, features: &str) -> Result<PathBuf, BackendError> {
    let output = Command::new("cargo")
        .current_dir(tree)
        .args(["build", "--quiet", "--release", "--package", "crumb-cosim", "--bin", "crumb-cosim"])
        .args(["--no-default-features", "--features", features, "--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(target)
        .output()
        .map_err(|e| fail(format!("cannot run cargo to compile the Verilog: {e}; install Rust from https://rustup.rs")))?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        return Err(fail(format!(
            "the co-simulation in {} does not build; Cargo says:\n{log}",
            tree.join("tests/cosim").display()
        )));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut executables = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    executables.next_back().ok_or_else(|| fail("cargo built no program crumb-cosim: restore tests/cosim/src/main.rs".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_tree_that_has_gone_is_named_with_the_ways_out() {
        let error = build(Path::new("/nonexistent/crumb"), "tiny", false).unwrap_err().to_string();
        assert!(error.contains("looked for in /nonexistent/crumb and not found there"), "{error}");
        assert!(error.contains("cargo install --path host") && error.contains("the backend sim"), "{error}");
    }

    #[test]
    fn the_source_tree_and_the_target_folder_are_absolute() {
        assert!(source_tree().join("tests/cosim/Cargo.toml").is_file());
        assert!(target_dir(source_tree()).unwrap().is_absolute());
    }
}
