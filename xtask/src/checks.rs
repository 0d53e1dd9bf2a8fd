//! Every check of the project, in the order in which it fails soonest.

use crate::command_line::CommandLine;
use crate::oracles;
use crate::slurm;
use crate::step::{Action, Step};
use crate::tools;

/// Features of `crumb-cosim` under test: the configurations whose Verilog is compiled and compared, and the circuits and
/// waveforms that test the co-simulation itself. The one list; `verify` builds what it is asked for.
const COSIM_UNDER_TEST: &str =
    "crumb-cosim/tiny,crumb-cosim/small,crumb-cosim/wide,crumb-cosim/medium,crumb-cosim/loopback,crumb-cosim/loopback-trace";

/// Linting and documenting compile no model but the smallest, as no Rust code depends on which there are.
/// `--no-default-features` drops the default configuration of `crumb-cosim`; no other crate has features.
const COSIM_UNDER_LINT: &str = "--no-default-features --features crumb-cosim/loopback";

/// The measurement, and its comparison with another tool.
const ENERGY: &str = "cargo run --release --package crumb-energy -- measure --opensta";

/// The steps of `cargo xtask test`.
pub fn all(with_fpga: bool) -> Vec<Step> {
    let mut steps = vec![
        setup(),
        Step::command("format", CommandLine::new("cargo fmt --all --check")),
        Step::command(
            "lint",
            CommandLine::new(&format!("cargo clippy --workspace --all-targets {COSIM_UNDER_LINT} -- -D warnings")),
        ),
        Step::command(
            "document",
            CommandLine::new(&format!("cargo doc --workspace --no-deps {COSIM_UNDER_LINT}")).env("RUSTDOCFLAGS", "-D warnings"),
        ),
    ];
    steps.push(oracles::step());
    let test = CommandLine::new(&format!("cargo test --workspace --features {COSIM_UNDER_TEST}"));
    steps.push(Step::command("test", test));
    steps.push(Step::command("main job", CommandLine::new("cargo run --release")));
    steps.push(oracles::large_network());
    steps.push(slurm::step());
    let transformer = CommandLine::new("python3 examples/minilm/minilm.py --check");
    let verify = CommandLine::new("cargo run --release -- verify --config tiny");
    let fpga = CommandLine::new("cargo run --release -- fpga --config tiny --place-only --max-luts-per-pe 500");
    // Each of them keeps one core busy for most of its time.
    let (name, lines) = if with_fpga {
        ("transformer, verify, fpga", vec![transformer, verify, fpga])
    } else {
        ("transformer, verify", vec![transformer, verify])
    };
    steps.push(Step { name, action: Action::Together(lines) });
    steps
}

/// Makes sure that every tool is there.
pub fn setup() -> Step {
    Step { name: "tools", action: Action::Tools(&tools::CHECKS) }
}

/// Measures the energy of every event on the gates of a cell library, and writes the energy files.
pub fn energy() -> [Step; 2] {
    [Step { name: "tools", action: Action::Tools(&tools::ENERGY) }, Step::command("energy", CommandLine::new(ENERGY))]
}

/// Places and routes the smallest configuration; the tests stop after placement, which takes half the time.
pub fn fpga() -> Step {
    Step::command("fpga", CommandLine::new("cargo run --release -- fpga --config tiny"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_those_of_the_co_simulation() {
        let manifest = include_str!("../../tests/cosim/Cargo.toml");
        let lint = COSIM_UNDER_LINT.split(' ').filter(|word| word.starts_with("crumb-cosim/"));
        for feature in COSIM_UNDER_TEST.split(',').chain(lint) {
            let name = feature.strip_prefix("crumb-cosim/").unwrap();
            assert!(manifest.lines().any(|line| line.starts_with(&format!("{name} = ["))), "{name}");
        }
    }

    #[test]
    fn only_place_and_route_can_be_left_out() {
        let commands = |fpga| all(fpga).iter().flat_map(Step::commands).collect::<Vec<_>>();
        let (with, without) = (commands(true), commands(false));
        let left_out: Vec<_> = with.iter().filter(|line| !without.contains(line)).collect();
        assert!(matches!(left_out[..], [line] if line.contains("fpga --config tiny")), "{left_out:?}");
    }
}
