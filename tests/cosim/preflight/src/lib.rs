//! Finds Verilator, or says what to install.
//!
//! A crate of its own, without dependencies, so that Cargo runs its build script first: the build script of the
//! `verilated` crate needs Verilator as well, but its complaint does not say where Verilator comes from.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Which version will do: the host's rule.
#[path = "../../../../host/src/backend/verilator.rs"]
mod rule;

/// The Verilator found in `PATH`.
#[derive(Clone, Debug)]
pub struct Verilator {
    /// What it calls itself, such as `Verilator 5.006 2023-01-22 rev (Debian 5.006-3)`.
    pub version: String,
    /// Where its headers and runtime sources are: `<root>/include`.
    pub root: PathBuf,
}

impl Verilator {
    /// The executable itself, not the Perl wrapper `verilator` around it.
    pub const PROGRAM: &'static str = rule::PROGRAM;

    /// Looks for a Verilator that will do in `PATH`, with its runtime.
    ///
    /// # Errors
    /// A text that says what was found, what is needed and what to install.
    pub fn find() -> Result<Self, String> {
        let version = rule::find().map_err(|problem| format!("Verilator for the co-simulation is {problem}.\n{INSTALL}"))?;
        let answer = Command::new(Self::PROGRAM).args(["--getenv", "VERILATOR_ROOT"]).output();
        let root = answer.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
        let root = root.map_err(|error| format!("`{} --getenv VERILATOR_ROOT` failed: {error}.\n{INSTALL}", Self::PROGRAM))?;
        let runtime = root.join("include/verilated.cpp");
        if !runtime.is_file() {
            return Err(format!("`{}` is missing: the installation of `{version}` is incomplete.\n{INSTALL}", runtime.display()));
        }
        Ok(Self { version, root })
    }

    /// The folder of Verilator's headers and runtime sources.
    pub fn include(&self) -> PathBuf {
        Path::new(&self.root).join("include")
    }
}

/// How to get it.
pub const INSTALL: &str = "Install the Debian package `verilator` (apt-get install verilator g++), \
or build without the co-simulation: it is not a default member of the workspace.";
