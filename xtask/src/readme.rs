//! `cargo xtask readme`: the parts of the README and of `docs` that commands print, written by running the commands.
//!
//! A part stands between `<!-- generated:NAME -->` and `<!-- /generated -->`, as a code block that begins with the command.

use crate::command_line::{CommandLine, root};
use crate::failure::Failure;
use crumb_arch::document::{body, splice};
use std::fs;

/// A part of a document that a command prints.
struct Part {
    document: &'static str,
    name: &'static str,
    command: &'static str,
}

const fn part(document: &'static str, name: &'static str, command: &'static str) -> Part {
    Part { document, name, command }
}

/// The model of `docs/convolution.md` is one that `cargo xtask oracles` makes, that of `docs/planner.md` comes from `examples/planner/train.py`.
const PARTS: [Part; 28] = [
    part("README.md", "main-job", "cargo run --release"),
    part("README.md", "verify", "cargo run --release -- verify --config tiny"),
    part("README.md", "fpga", "cargo run --release -- fpga --config tiny"),
    part("README.md", "fpga-small", "cargo run --release -- fpga --config small --until placement --timing-allow-fail"),
    part("README.md", "pe-energy", "cargo run --release --package crumb-energy -- pe"),
    part("docs/estimate.md", "network-estimate", "cargo run --release -- estimate --network resnet18 --config large"),
    part("docs/estimate.md", "estimate-speed", "cargo bench --package crumb --bench estimate -- --output-format bencher"),
    part(
        "docs/estimate.md",
        "utilisation16",
        "cargo run --release -- estimate --network resnet18 --config examples/resident/resident16.toml",
    ),
    part(
        "docs/estimate.md",
        "utilisation32",
        "cargo run --release -- estimate --network resnet18 --config examples/resident/resident32.toml",
    ),
    part("docs/sweep.md", "sweep", "cargo run --release -- sweep --grid examples/sweep/grid.toml --list"),
    part("docs/sweep.md", "buses", "cargo run --release --example buses"),
    part("docs/comparison.md", "scale-sim", "python3 examples/compare/scale_sim.py"),
    part("docs/comparison.md", "bit-fusion", "cargo run --release --example bit_fusion"),
    part("docs/comparison.md", "bit-fusion-layers", "cargo run --release --example bit_fusion -- --layers"),
    part("docs/channels.md", "channels", "cargo run --release --example channels"),
    part("docs/channels.md", "refine", "cargo run --release -- run --refine 2"),
    part(
        "docs/convolution.md",
        "unrolled",
        "cargo run --release -- run target/oracles/resnet18.onnx --input target/oracles/resnet18.input_0.npy --config large",
    ),
    part("docs/planner.md", "planner-budget", "cargo run --release -- plan --budget cycles=0.5x"),
    part("docs/planner.md", "planner-digits", "cargo run --release -- plan --against-uniform"),
    part("docs/planner.md", "planner-digits-loss", "cargo run --release -- plan --against-uniform --predicted-only"),
    part(
        "docs/planner.md",
        "planner-cluttered",
        "cargo run --release -- plan target/planner/cluttered.onnx --data target/planner/calibration.npy --labels target/planner/calibration_labels.npy --test target/planner/test.npy --test-labels target/planner/test_labels.npy --against-uniform",
    ),
    part("docs/planner.md", "planner-front", "cargo run --release -- plan --front"),
    part("energy/README.md", "measure", "cargo run --release --package crumb-energy -- measure --opensta"),
    part(
        "energy/README.md",
        "estimate",
        "cargo run --release --package crumb-energy -- estimate energy/osu018.toml energy/horowitz-45nm.toml energy/bitfusion-45nm.toml",
    ),
    part("docs/energy.md", "energy-compare", "cargo run --release --package crumb-energy -- compare energy/osu018.toml"),
    part("docs/energy.md", "energy-zeros", "cargo run --release --package crumb-energy -- zeros energy/osu018.toml"),
    part("docs/energy.md", "activity-speed", "cargo run --release --package crumb-sim --example activity_speed"),
    part("docs/convolution.md", "inputs", "cargo run --release -- inspect target/oracles/resnet18.onnx"),
];

/// Runs the commands of the parts named, or of all, and writes what they print.
///
/// # Errors
/// If a name or marker does not exist, or a command fails.
pub fn write(only: &[String]) -> Result<(), Failure> {
    if let Some(found) = only.iter().find(|name| !PARTS.iter().any(|part| part.name == *name)) {
        return Err(Failure::NoSuchPart { found: found.clone(), expected: PARTS.map(|part| part.name).join(", ") });
    }
    for Part { document, name, command } in PARTS.into_iter().filter(|p| only.is_empty() || only.iter().any(|o| o == p.name)) {
        let path = root().join(document);
        // Look for the marker before a command that may take minutes, and read anew after it.
        let read = || fs::read_to_string(&path).map_err(|source| Failure::File { action: "read", path: path.clone(), source });
        body(&read()?, name)?;
        println!("$ {command}");
        // Cargo's own messages go to standard error, and so stay out of the README.
        let output = CommandLine::new(command).output()?;
        let text = splice(&read()?, name, &block(command, &output))?;
        fs::write(&path, text).map_err(|source| Failure::File { action: "write", path: path.clone(), source })?;
        println!("{document}: {name} written");
    }
    Ok(())
}

fn block(command: &str, output: &str) -> String {
    format!("```text\n$ {command}\n{}\n```", output.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_its_place() {
        for Part { document, name, command } in PARTS {
            let text = fs::read_to_string(root().join(document)).unwrap();
            let body = body(&text, name).unwrap();
            assert!(body.starts_with(&format!("```text\n$ {command}\n")), "{name}: stale, run `cargo xtask readme`");
        }
    }

    #[test]
    fn unknown_parts_are_refused() {
        let error = write(&["speed".to_owned()]).unwrap_err().to_string();
        assert_eq!(
            error,
            "no document has a generated part 'speed': expected one of main-job, verify, fpga, fpga-small, pe-energy, network-estimate, estimate-speed, utilisation16, utilisation32, sweep, buses, scale-sim, bit-fusion, bit-fusion-layers, channels, refine, unrolled, planner-budget, planner-digits, planner-digits-loss, planner-cluttered, planner-front, measure, estimate, energy-compare, energy-zeros, activity-speed, inputs"
        );
    }
}
