//! The Python environment of the tests that compare with other people's implementations.
//!
//! They need one as soon as `tests/requirements.txt` exists; it lists exact versions. The tests find its interpreter in the
//! variable [`PYTHON_VARIABLE`].

use crate::command_line::{CommandLine, root};
use crate::step::{Action, Step};
use std::path::PathBuf;

/// Names the interpreter to the tests.
pub const PYTHON_VARIABLE: &str = "CRUMB_ORACLE_PYTHON";

const REQUIREMENTS: &str = "tests/requirements.txt";

/// Makes the environment, or `None` if no test needs it.
pub fn step() -> Option<Step> {
    root().join(REQUIREMENTS).is_file().then(|| Step {
        name: "oracles",
        action: Action::Commands(vec![
            CommandLine::new("python3 -m venv").arg(folder().display().to_string()),
            CommandLine::new(&python())
                .arg("-m")
                .arg("pip")
                .arg("install")
                .arg("--quiet")
                .arg("--disable-pip-version-check")
                .arg("--requirement")
                .arg(REQUIREMENTS),
        ]),
    })
}

/// The interpreter of the environment.
pub fn python() -> String {
    folder().join("bin/python").display().to_string()
}

/// In Cargo's build directory, so that `cargo clean` removes it.
fn folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("oracles")
}
