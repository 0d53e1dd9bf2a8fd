//! What can go wrong on the way to a routed design.
//!
//! Each text names the tool or the input, what was found, the file to read, and the way out.

use std::path::PathBuf;

use super::board::Board;

/// A failure of [`build`](super::build).
#[derive(Debug, thiserror::Error)]
pub enum FpgaError {
    /// The name is not a board of the list.
    #[error("unknown board `{name}`: expected one of {}", Board::names())]
    UnknownBoard {
        /// The name as given.
        name: String,
    },

    /// The board has a constraint file, but this project does not build for it.
    #[error("board `{board}` is not built by this project: {reason}; use `--board ulx3s`")]
    NotBuilt {
        /// The board asked for.
        board: Board,
        /// Why, in one clause.
        reason: &'static str,
    },

    /// The configuration name cannot be part of a Verilog module name.
    #[error(
        "configuration name `{name}` cannot be part of a Verilog name: \
         expected lower-case letters, digits and `_`"
    )]
    BadName {
        /// The name as given.
        name: String,
    },

    /// The Verilog lacks a module that the flow counts cells in.
    #[error(
        "the Verilog of configuration `{config}` has no module `{module}`: \
         generate it with `crumb_hdl::verilog_for(\"{config}\")`"
    )]
    MissingModule {
        /// The configuration.
        config: String,
        /// The module that was looked for.
        module: String,
    },

    /// A file or directory of the flow could not be read or written.
    #[error("cannot {action} {}: {source}; check the path and its permissions", path.display())]
    Io {
        /// `read`, `write`, `create`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },

    /// A program could not be started at all.
    #[error("cannot start {tool} ({}): {source}; {way_out}", program.display())]
    NotStarted {
        /// The tool, as a reader knows it.
        tool: &'static str,
        /// The program that was tried.
        program: PathBuf,
        /// The cause.
        source: std::io::Error,
        /// What to do about it.
        way_out: String,
    },

    /// A program ran and failed.
    #[error("{tool} failed ({status}): {cause}; the log is {}; {way_out}", log.display())]
    ToolFailed {
        /// The tool, as a reader knows it.
        tool: &'static str,
        /// The exit status.
        status: String,
        /// The error line of its log, or the last line.
        cause: String,
        /// The whole log.
        log: PathBuf,
        /// What to do about it.
        way_out: String,
    },

    /// A tool succeeded, but its report is not what the parser knows.
    #[error(
        "cannot read the report of {tool}: {what}; the report is {}; \
         the parsers are written for the pinned versions {pins}, \
         delete the tool directory if it holds others",
        report.display()
    )]
    BadReport {
        /// The tool that wrote it.
        tool: &'static str,
        /// What was expected and not found.
        what: String,
        /// The report.
        report: PathBuf,
        /// The pinned versions.
        pins: String,
    },
}

impl FpgaError {
    /// Wraps an I/O error with what was being done to which path.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_says_what_happened_and_what_to_do() {
        let unknown = FpgaError::UnknownBoard { name: "ulx4s".into() };
        assert_eq!(unknown.to_string(), "unknown board `ulx4s`: expected one of ulx3s, icebreaker, arty");

        let bad = FpgaError::BadName { name: "ti ny".into() };
        assert_eq!(
            bad.to_string(),
            "configuration name `ti ny` cannot be part of a Verilog name: \
             expected lower-case letters, digits and `_`"
        );

        let missing = FpgaError::MissingModule { config: "tiny".into(), module: "crumb_tiny_pe".into() };
        assert_eq!(
            missing.to_string(),
            "the Verilog of configuration `tiny` has no module `crumb_tiny_pe`: \
             generate it with `crumb_hdl::verilog_for(\"tiny\")`"
        );

        let failed = FpgaError::ToolFailed {
            tool: "nextpnr",
            status: "exit status: 1".into(),
            cause: "ERROR: Unable to place cell 'x'".into(),
            log: "out/nextpnr.log".into(),
            way_out: "choose a smaller configuration".into(),
        };
        assert_eq!(
            failed.to_string(),
            "nextpnr failed (exit status: 1): ERROR: Unable to place cell 'x'; \
             the log is out/nextpnr.log; choose a smaller configuration"
        );

        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let io = FpgaError::io("write", "out/board.ys")(denied);
        assert_eq!(io.to_string(), "cannot write out/board.ys: permission denied; check the path and its permissions");
    }
}
