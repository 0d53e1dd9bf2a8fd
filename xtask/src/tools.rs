//! The tools that the checks and the measurement of energy need, how to see that each is there, and what brings it.

use crate::command_line::CommandLine;
use crate::failure::{Failure, Missing};
use crate::packages::{self, Source};
use crate::verilator;

/// A tool.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// As people call it.
    pub name: &'static str,
    /// Tells whether it is there and new enough.
    probe: Probe,
    /// What brings it.
    pub source: Source,
    /// The same for people.
    remedy: &'static str,
}

/// How to see that a tool is there.
#[derive(Clone, Copy, Debug)]
enum Probe {
    /// A command that succeeds.
    Command(&'static [&'static str]),
    /// A Verilator that the host accepts.
    Verilator,
}

const fn debian(name: &'static str, probe: &'static [&'static str], package: &'static str, remedy: &'static str) -> Tool {
    Tool { name, probe: Probe::Command(probe), source: Source::Debian(package), remedy }
}

const fn component(name: &'static str, probe: &'static [&'static str], component: &'static str, remedy: &'static str) -> Tool {
    Tool { name, probe: Probe::Command(probe), source: Source::Rust(component), remedy }
}

/// Every tool of the checks, with what uses it.
pub const CHECKS: [Tool; 9] = [
    // Lints and simulates the generated Verilog. Version 4, which older systems have, is as good as none.
    Tool {
        name: "Verilator",
        probe: Probe::Verilator,
        source: Source::Debian("verilator"),
        remedy: "the Debian package verilator (5.006 or later)",
    },
    // Compiles what Verilator makes.
    debian("the C++ compiler", &["g++", "--version"], "g++", "the Debian package g++"),
    // Proves the merged Verilog equal to rust-hdl's.
    YOSYS,
    // Simulates blocks and the board's bridge with a second reader of Verilog.
    debian("Icarus Verilog", &["iverilog", "-V"], "iverilog", "the Debian package iverilog"),
    // Opens the report.
    debian("Chromium", &["chromium", "--version"], "chromium", "the Debian package chromium"),
    // Holds place and route, and oracles that are written in Python. `ensurepip` is what python3-venv adds.
    debian("Python with venv", &["python3", "-c", "import venv, ensurepip"], "python3-venv", "the Debian package python3-venv"),
    // Runs shards of a sweep as a job array. Its daemons stand where only root's PATH leads.
    debian("Slurm", &["/usr/sbin/slurmctld", "-V"], "slurm-wlm", "the Debian package slurm-wlm"),
    component("rustfmt", &["cargo", "fmt", "--version"], "rustfmt", "the Rust component rustfmt (rustup component add rustfmt)"),
    component("clippy", &["cargo", "clippy", "--version"], "clippy", "the Rust component clippy (rustup component add clippy)"),
];

/// Every tool of the measurement of energy.
pub const ENERGY: [Tool; 3] = [
    // Maps blocks to gates.
    YOSYS,
    // The gates: areas, capacitances, delays, energies.
    debian(
        "the OSU 180 nm cells",
        &["test", "-r", "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"],
        "qflow-tech-osu018",
        "the Debian package qflow-tech-osu018",
    ),
    // A second opinion on the energy of a block.
    debian("OpenSTA", &["sta", "-version"], "opensta", "the Debian package opensta"),
];

const YOSYS: Tool = debian("Yosys", &["yosys", "-V"], "yosys", "the Debian package yosys (0.23 or later)");

impl Tool {
    fn is_there(&self) -> bool {
        match self.probe {
            Probe::Verilator => verilator::find().is_ok(),
            Probe::Command(words) => words.split_first().is_some_and(|(program, arguments)| {
                arguments.iter().fold(CommandLine::new(program), |line, &argument| line.arg(argument)).succeeds()
            }),
        }
    }
}

fn absent(tools: &[Tool]) -> Vec<Tool> {
    tools.iter().copied().filter(|tool| !tool.is_there()).collect()
}

/// Installs the tools that are missing, and says for each whether it was there.
///
/// # Errors
/// If a tool is still missing afterwards: all of them, each with what to install.
pub fn ensure(tools: &[Tool]) -> Result<(), Failure> {
    let before = absent(tools);
    if !before.is_empty() {
        let names: Vec<_> = before.iter().map(|tool| tool.name).collect();
        println!("missing: {}", names.join(", "));
        // A failed installation is judged by what is missing after it, not by its own exit status.
        packages::install(&before.iter().map(|tool| tool.source).collect::<Vec<_>>());
    }
    let after = absent(tools);
    if after.is_empty() {
        let names: Vec<_> = tools.iter().map(|tool| tool.name).collect();
        println!("present: {}", names.join(", "));
        return Ok(());
    }
    Err(Failure::Missing(after.iter().map(|tool| Missing { tool: tool.name, remedy: tool.remedy }).collect()))
}
