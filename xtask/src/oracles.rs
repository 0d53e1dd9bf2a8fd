//! Comparisons with other people's implementations, in a Python environment of their own.
//!
//! `tests/requirements.txt` lists the exact versions. `host/digits/evaluate.py --check` runs the embedded network with NumPy and with
//! onnxruntime at every precision, and compares both with the figures that the Rust tests expect. `tests/oracles/all.py` writes the
//! models, inputs and outputs of onnxruntime that the Rust tests read, and `tests/oracles/resnet18.py` those of a large network.

use crate::command_line::{CommandLine, root};
use crate::step::{Action, Step};
use std::path::PathBuf;

/// The last version of the ONNX project's package that carries its node tests; the tests themselves use a later one.
const NODE_TESTS: &str = "onnx==1.22.0";

/// Makes the environment and runs the comparisons, as a step.
pub fn step() -> Step {
    Step { name: "oracles", action: Action::Commands(vec![commands()]) }
}

/// Makes the environment and runs the comparisons.
pub fn commands() -> Vec<CommandLine> {
    let python = folder().join("bin/python").display().to_string();
    let install = "-m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt";
    let with = |arguments: &str| arguments.split(' ').fold(CommandLine::new(&python), |line, word| line.arg(word));
    let wheels = folder().join("wheels").display().to_string();
    vec![
        CommandLine::new("python3 -m venv").arg(folder().display().to_string()),
        with(install),
        with(&format!("-m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: {NODE_TESTS}"))
            .arg("--dest")
            .arg(wheels.clone()),
        with("host/digits/evaluate.py --check"),
        with("tests/oracles/all.py").arg(folder().display().to_string()).arg("--wheels").arg(wheels),
    ]
}

/// A network of ResNet-18's shape at 224 x 224, whole, on the simulator: equal to the reference and to onnxruntime, and every counter
/// of every layer equal to the estimate.
pub fn large_network() -> Vec<CommandLine> {
    let file = |name: &str| folder().join(name).display().to_string();
    let script = |option: Option<&str>| {
        let line = CommandLine::new(&file("bin/python")).arg("tests/oracles/resnet18.py").arg(file("resnet18.onnx"));
        option.map_or(line.clone(), |option| line.arg(option).arg(file("resnet18.npy")))
    };
    let run = CommandLine::new("cargo run --release -- run").arg(file("resnet18.onnx"));
    let run = run.arg("--input").arg(file("resnet18.input_0.npy")).arg("--config").arg("large");
    let run = run.arg("--out").arg(file("resnet18.npy")).arg("--check-estimate");
    vec![script(None), run, script(Some("--check"))]
}

/// In Cargo's build directory, so that `cargo clean` removes it.
fn folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("oracles")
}
