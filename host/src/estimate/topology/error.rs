//! What can be wrong with a topology table: each message names the place, what was found, and what was expected.

use crate::estimate::layers::LayerError;

/// Longest cell that a message shows, in characters.
const SHOWN: usize = 60;

/// A table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// The file as a whole.
    #[error("{file}: {reason}")]
    File {
        /// Name of the file.
        file: String,
        /// What is wrong, and what is expected.
        reason: String,
    },
    /// A cell.
    #[error("{file}:{line}: column {column} ({name}): found {found}, expected {expected}")]
    Cell {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the column holds.
        name: String,
        /// The cell's text in quotes, shortened, or `nothing`.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// A row whose cells are right each, but together make no layer.
    #[error("{file}:{line}: {error}")]
    Layer {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Why there is no such layer.
        error: LayerError,
    },
}

/// A line of a file.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Line, from 1.
    pub line: usize,
}

impl Place<'_> {
    /// The error of the cell `index` (from 0) of this line.
    pub fn cell(self, index: usize, name: &str, found: Option<&str>, expected: impl Into<String>) -> TopologyError {
        let shown = |text: &str| format!("{:?}", text.chars().take(SHOWN).collect::<String>());
        TopologyError::Cell {
            file: self.file.into(),
            line: self.line,
            column: index + 1,
            name: name.chars().take(SHOWN).collect(),
            found: found.filter(|text| !text.is_empty()).map_or("nothing".into(), shown),
            expected: expected.into(),
        }
    }
}
