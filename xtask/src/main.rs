//! `cargo xtask`: everything there is to do with this project beyond compiling it, in commands that need nothing but Rust.
//!
//! ```text
//! setup    tools      -> packages          what must be installed, and how
//! test     checks     -> runner -> step    every check, in order, timed
//! oracles  oracles -> runner -> step   the models of onnxruntime alone
//! fpga     checks     -> runner -> step    place and route alone
//! energy   checks     -> runner -> step    energy per event, on gates
//! docs     docs                            pages generated from crumb-arch
//! readme   readme                          the parts of the documents that commands print
//! ```

mod checks;
mod cli;
mod command_line;
mod docs;
mod failure;
mod oracles;
mod packages;
mod readme;
mod runner;
mod slurm;
mod step;
mod tools;
/// Which Verilator will do: the host's rule, without the host.
#[path = "../../host/src/backend/verilator.rs"]
mod verilator;

use clap::Parser;
use cli::{Cli, Task};
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), Failure> {
    match task {
        Task::Setup => runner::run(&[checks::setup()]),
        Task::Test { without_fpga, list } => {
            let steps = checks::all(!without_fpga);
            if list {
                runner::list(&steps);
                return Ok(());
            }
            runner::run(&steps)
        }
        Task::Oracles => runner::run(&[checks::setup(), oracles::step()]),
        Task::Fpga => runner::run(&[checks::setup(), checks::fpga()]),
        Task::Energy => runner::run(&checks::energy()),
        Task::Docs => docs::write(),
        Task::Readme { only } => readme::write(&only),
    }
}
