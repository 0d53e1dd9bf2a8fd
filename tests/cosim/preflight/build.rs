//! Fails the build, with advice, where Verilator is missing.

#[path = "src/lib.rs"]
#[allow(dead_code)]
mod preflight;

fn main() {
    println!("cargo::rerun-if-env-changed=PATH");
    println!("cargo::rerun-if-changed=src/lib.rs");
    if let Err(problem) = preflight::Verilator::find() {
        for line in problem.lines() {
            println!("cargo::error={line}");
        }
    }
}
