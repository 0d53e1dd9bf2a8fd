//! The `crumb` command: arguments in, tables or JSON out, exit codes that a script can use.
//!
//! Exit codes: 0 success; 1 a comparison failed; 2 wrong usage or input, or a tool is missing.

mod constants;
mod doctor;
mod energy;
mod estimate;
mod export;
mod files;
mod fpga;
mod gemm;
mod inspect;
mod labelled;
mod options;
mod output;
mod plan;
mod planner;
mod progress;
mod report;
mod run;
mod sweep;
pub mod table;
mod verify;
mod verilog;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// What went wrong, with the exit code it leads to.
#[derive(Debug)]
pub enum Failure {
    /// Something that must be equal is not.
    Mismatch(String),
    /// The arguments, a file or the environment.
    Error(Box<dyn std::error::Error>),
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(Box::new(error))
    }
}

/// An open accelerator core that runs a network at 8, 4 and 2 bits from one int8 copy of its weights.
#[derive(Parser)]
#[command(
    version,
    propagate_version = true,
    args_conflicts_with_subcommands = true,
    after_help = "Without a command: the embedded digits network at six precisions, \
every layer checked bit for bit against the reference.\nExit codes: 0 success, 1 a comparison failed, 2 wrong usage or input."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    main_job: run::MainJob,
}

#[derive(Subcommand)]
enum Command {
    Gemm(gemm::Gemm),
    Run(run::Run),
    Inspect(inspect::Inspect),
    Estimate(estimate::Estimate),
    Sweep(sweep::Sweep),
    Plan(planner::Plan),
    Report(report::Report),
    Export(export::Export),
    Verilog(verilog::Verilog),
    Verify(verify::Verify),
    Fpga(fpga::Fpga),
    Doctor(doctor::Doctor),
}

/// Parses the arguments and carries the command out.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        None => cli.main_job.execute(),
        Some(Command::Gemm(command)) => command.execute(),
        Some(Command::Run(command)) => command.execute(),
        Some(Command::Inspect(command)) => command.execute(),
        Some(Command::Estimate(command)) => command.execute(),
        Some(Command::Sweep(command)) => command.execute(),
        Some(Command::Plan(command)) => command.execute(),
        Some(Command::Report(command)) => command.execute(),
        Some(Command::Export(command)) => command.execute(),
        Some(Command::Verilog(command)) => command.execute(),
        Some(Command::Verify(command)) => command.execute(),
        Some(Command::Fpga(command)) => command.execute(),
        Some(Command::Doctor(command)) => command.execute(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Mismatch(text)) => {
            output::complain(&format!("mismatch: {text}"));
            ExitCode::from(1)
        }
        Err(Failure::Error(error)) => {
            output::complain(&with_causes(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

/// An error and its causes, one a line. Most texts contain those of their causes; these are not said again.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = format!("error: {error}");
    for cause in std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string) {
        if !text.contains(cause.trim_end()) {
            text += &format!("\n  because: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read x: {0}")]
    struct Complete(#[source] std::fmt::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("the pipe broke")]
    struct Brief(#[source] std::fmt::Error);

    #[test]
    fn causes_are_said_once() {
        let cause = std::fmt::Error;
        assert_eq!(with_causes(&Complete(cause)), format!("error: cannot read x: {cause}"));
        assert_eq!(with_causes(&Brief(cause)), format!("error: the pipe broke\n  because: {cause}"));
    }
}
