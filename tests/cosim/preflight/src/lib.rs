//! Finds Verilator, or says what to install.
//!
//! A crate of its own, without dependencies, so that Cargo runs its build script first: the build script of the
//! `verilated` crate needs Verilator as well, but its complaint does not say where Verilator comes from.

use std::path::{Path, PathBuf};
use std::process::Command;

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
    pub const PROGRAM: &'static str = "verilator_bin";

    /// Looks for Verilator 5 in `PATH`.
    ///
    /// # Errors
    /// A text that says what was looked for, what was found and what to install.
    pub fn find() -> Result<Self, String> {
        let version = Self::ask(&["--version"])?;
        let major = version.split([' ', '.']).nth(1).and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < 5) {
            return Err(format!("found `{version}` in PATH, but Verilator 5.006 or later is needed.\n{INSTALL}"));
        }
        let root = PathBuf::from(Self::ask(&["--getenv", "VERILATOR_ROOT"])?);
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

    fn ask(arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(Self::PROGRAM).args(arguments).output().map_err(|error| {
            format!("the co-simulation needs Verilator, but `{}` could not be run: {error}.\n{INSTALL}", Self::PROGRAM)
        })?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// How to get it.
pub const INSTALL: &str = "Install the Debian package `verilator` (apt-get install verilator g++), \
or build without the co-simulation: it is not a default member of the workspace.";
