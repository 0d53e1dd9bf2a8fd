//! Proofs with Yosys (Debian package `yosys`): without it these fail and say so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crumb_hdl::verilog::{Netlist, yosys_equivalence_script};

/// A directory of its own for each test, inside the build directory.
pub fn directory(test: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("yosys").join(test);
    std::fs::create_dir_all(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    directory
}

/// Writes a file and returns its path as text.
pub fn write(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path.display().to_string()
}

/// Runs Yosys on the proof of `merged`, the text of `netlist` or a corruption of it.
pub fn prove(test: &str, original: &str, merged: &str, netlist: &Netlist) -> Output {
    let directory = directory(test);
    let original = write(&directory.join("original.v"), original);
    let merged = write(&directory.join("merged.v"), merged);
    let script = yosys_equivalence_script(&original, &merged, netlist);
    let script = write(&directory.join("equivalence.ys"), &script);
    let run = Command::new("yosys").args(["-q", "-s", &script]).output();
    run.unwrap_or_else(|error| panic!("`yosys` does not start ({error}); install the Debian package `yosys`"))
}

/// What a program said.
pub fn report(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
