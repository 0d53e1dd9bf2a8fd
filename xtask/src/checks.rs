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

/// The proof that takes longest, on one core: it runs beside the tests.
const LONGEST_PROOF: &str = "yosys_proves_the_whole_machine";

/// The steps of `cargo xtask test`.
pub fn all(with_fpga: bool) -> Vec<Step> {
    let cargo = |arguments: &str| CommandLine::new(&format!("cargo {arguments}"));
    // Build scripts and macros are then compiled once for this and for the tests.
    let lint = cargo(&format!("clippy --workspace --all-targets --profile test {COSIM_UNDER_LINT} -- -D warnings"));
    let document =
        cargo(&format!("doc --workspace --no-deps --profile test {COSIM_UNDER_LINT}")).env("RUSTDOCFLAGS", "-D warnings");
    let test = |arguments| cargo(&format!("test --workspace --features {COSIM_UNDER_TEST} {arguments} {LONGEST_PROOF}"));
    let mut applied = oracles::large_network();
    applied.extend(slurm::commands());
    let compared =
        vec![CommandLine::new("python3 examples/minilm/minilm.py --check"), cargo("run --release -- verify --config tiny")];
    // What keeps one core busy, while tests do not always keep both.
    let mut beside = vec![test("--test hdl --"), cargo("build --release")];
    beside.extend(with_fpga.then(|| cargo("run --release -- fpga --config tiny --until synthesis --max-luts-per-pe 500")));
    let together = |name, lists| Step { name, action: Action::Commands(lists) };
    vec![
        setup(),
        Step::command("format", cargo("fmt --all --check")),
        together("lint, document; oracles", vec![vec![lint, document], oracles::commands()]),
        together(if with_fpga { "test; proof, fpga" } else { "test; proof" }, vec![vec![test("-- --skip")], beside]),
        Step::command("main job", cargo("run --release")),
        together("resnet-18, job array; transformer, verify", vec![applied, compared]),
    ]
}

/// Makes sure that every tool is there.
pub fn setup() -> Step {
    Step { name: "tools", action: Action::Tools(&tools::CHECKS) }
}

/// Measures the energy of every event on the gates of a cell library, and writes the energy files.
pub fn energy() -> [Step; 2] {
    [Step { name: "tools", action: Action::Tools(&tools::ENERGY) }, Step::command("energy", CommandLine::new(ENERGY))]
}

/// Places and routes the smallest configuration; the tests stop after synthesis, which takes a tenth of the time.
pub fn fpga() -> Step {
    Step::command("fpga", CommandLine::new("cargo run --release -- fpga --config tiny"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::root;
    use std::path::PathBuf;

    #[test]
    fn features_are_those_of_the_co_simulation() {
        let manifest = include_str!("../../tests/cosim/Cargo.toml");
        let lint = COSIM_UNDER_LINT.split(' ').filter(|word| word.starts_with("crumb-cosim/"));
        for feature in COSIM_UNDER_TEST.split(',').chain(lint) {
            let name = feature.strip_prefix("crumb-cosim/").unwrap();
            assert!(manifest.lines().any(|line| line.starts_with(&format!("{name} = ["))), "{name}");
        }
    }

    /// Cargo finds no files where a crate's tests are one program: one that its `main.rs` does not name would never be compiled.
    #[test]
    fn every_file_of_tests_is_compiled() {
        for tests in ["hdl/tests", "host/tests", "sim/tests", "tests/tests"] {
            let folder = root().join(tests);
            let read =
                |path: PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let (main, manifest) = (read(folder.join("main.rs")), read(folder.with_file_name("Cargo.toml")));
            let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            let names: Vec<String> = names
                .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
                .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
                .filter(|name| name != "main")
                .collect();
            assert!(names.len() >= 2, "{tests}: {names:?}");
            for name in names {
                let compiled = main.contains(&format!("\nmod {name};\n")) || manifest.contains(&format!("name = \"{name}\""));
                assert!(compiled, "{tests}/{name}.rs is in neither main.rs nor Cargo.toml");
            }
        }
    }

    #[test]
    fn only_synthesis_for_an_fpga_can_be_left_out() {
        let commands = |fpga| all(fpga).iter().flat_map(Step::commands).collect::<Vec<_>>();
        let (with, without) = (commands(true), commands(false));
        let left_out: Vec<_> = with.iter().filter(|line| !without.contains(line)).collect();
        assert!(matches!(left_out[..], [line] if line.contains("fpga --config tiny")), "{left_out:?}");
    }
}
