//! What can go wrong, and the way out.

use crumb_arch::document::{DocumentError, MarkerError};
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A program is not there.
    #[error("`{command}` could not be started: {source}")]
    NotStarted {
        /// As typed.
        command: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program did not succeed. Its own message is on the terminal.
    #[error("`{command}` failed ({status})")]
    Ended {
        /// As typed.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// Tools are missing and could not be installed.
    #[error("{}", missing(.0))]
    Missing(Vec<Missing>),
    /// A step failed; the runner has said which.
    #[error("step '{step}': {cause}\nTo run it alone: {again}")]
    Step {
        /// Its name.
        step: String,
        /// Why.
        cause: Box<Failure>,
        /// Its commands.
        again: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A page cannot be generated.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The README lacks a marker.
    #[error("README.md: {0}")]
    Readme(#[from] MarkerError),
    /// No part of a document has this name.
    #[error("no document has a generated part '{found}': expected one of {expected}")]
    NoSuchPart {
        /// The name asked for.
        found: String,
        /// The names that exist.
        expected: String,
    },
}

/// A tool that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The tool as people call it.
    pub tool: &'static str,
    /// What to install, such as `the Debian package yosys`.
    pub remedy: &'static str,
}

fn missing(list: &[Missing]) -> String {
    let lines: String = list.iter().map(|m| format!("\n  - {}: install {}", m.tool, m.remedy)).collect();
    format!("these tools are needed, missing, and could not be installed:{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_tools_are_named_with_their_packages() {
        let list = vec![
            Missing { tool: "Yosys", remedy: "the Debian package yosys" },
            Missing { tool: "clippy", remedy: "the Rust component clippy" },
        ];
        assert_eq!(
            Failure::Missing(list).to_string(),
            "these tools are needed, missing, and could not be installed:\n  - Yosys: install the Debian package yosys\n  - clippy: install the Rust component clippy"
        );
    }
}
