//! The job array of `examples/sweep` on a Slurm of its own, on this machine.

use crate::command_line::{CommandLine, root};
use crate::packages::is_root;
use std::path::PathBuf;

/// Builds the command and gives it to the script, which sets up Slurm as root.
pub fn commands() -> Vec<CommandLine> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let script = if is_root() { "examples/sweep/slurm.sh" } else { "sudo examples/sweep/slurm.sh" };
    let run = CommandLine::new(script).arg(target.join("release/crumb").display().to_string());
    vec![CommandLine::new("cargo build --release"), run]
}
