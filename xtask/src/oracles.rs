//! Comparisons with other people's implementations, in a Python environment of their own.
//!
//! `tests/requirements.txt` lists the exact versions. `host/digits/evaluate.py --check` runs the embedded network with NumPy and with
//! onnxruntime at every precision, and compares both with the figures that the Rust tests expect.

use crate::command_line::{CommandLine, root};
use crate::step::{Action, Step};
use std::path::PathBuf;

/// Makes the environment and runs the comparisons.
pub fn step() -> Step {
    let python = folder().join("bin/python").display().to_string();
    let install = "-m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt";
    let with = |arguments: &str| arguments.split(' ').fold(CommandLine::new(&python), |line, word| line.arg(word));
    Step {
        name: "oracles",
        action: Action::Commands(vec![
            CommandLine::new("python3 -m venv").arg(folder().display().to_string()),
            with(install),
            with("host/digits/evaluate.py --check"),
        ]),
    }
}

/// In Cargo's build directory, so that `cargo clean` removes it.
fn folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("oracles")
}
