//! The documentation that is made from this crate: whole pages, and tables inside pages written by hand.
//!
//! ```text
//! docs/commands.md, counters.md, errors.md, configurations.md    whole pages
//! docs/arithmetic.md      <!-- generated:NAME -->  table  <!-- /generated -->
//! ```
//!
//! `cargo xtask docs` writes them; the test `documents` of this crate fails while a file differs from what [`expected`] says.

mod arithmetic;
mod commands;
mod configurations;
mod counters;
mod errors;
mod markers;

use std::io;

pub use markers::{MarkerError, body, splice};

/// A page under `docs/`, as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Path from the root of the project, such as `docs/commands.md`.
    pub path: &'static str,
    /// The whole text.
    pub text: String,
}

/// Why the documentation cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A page that is only generated in part could not be read.
    #[error("cannot read {path}: {source}; its text is written by hand, so restore it from the repository")]
    Read {
        /// The page.
        path: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A page lacks the markers of a table.
    #[error("{path}: {source}")]
    Marker {
        /// The page.
        path: &'static str,
        /// What is missing.
        source: MarkerError,
    },
}

/// Path of the page whose tables are generated and whose text is not.
const ARITHMETIC: &str = "docs/arithmetic.md";

/// Every document as it should be; `read` gives the present text of a page that is generated in part.
///
/// # Errors
/// If such a page cannot be read or lacks a marker.
pub fn expected(mut read: impl FnMut(&str) -> io::Result<String>) -> Result<Vec<Document>, DocumentError> {
    let mut text = read(ARITHMETIC).map_err(|source| DocumentError::Read { path: ARITHMETIC, source })?;
    for (name, table) in arithmetic::tables() {
        text = splice(&text, name, &table).map_err(|source| DocumentError::Marker { path: ARITHMETIC, source })?;
    }
    Ok(vec![
        Document { path: "docs/commands.md", text: commands::page() },
        Document { path: "docs/counters.md", text: counters::page() },
        Document { path: "docs/errors.md", text: errors::page() },
        Document { path: "docs/configurations.md", text: configurations::page() },
        Document { path: ARITHMETIC, text },
    ])
}

/// What stands at the top of a page that nobody should edit.
const NOTICE: &str = "<!-- Generated from crumb-arch by `cargo xtask docs`. Do not edit. -->\n\n";

/// A Markdown table.
fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&header.map(String::from));
    text += &format!("|{}\n", "---|".repeat(N));
    rows.into_iter().for_each(|row| text += &line(&row));
    text
}
