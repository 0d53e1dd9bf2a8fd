//! What can go wrong while reading Verilog; each error names what was found, what was expected and where.

use thiserror::Error;

/// Why a Verilog text could not be tidied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerilogError {
    /// A character that begins no Verilog token of the subset.
    #[error("line {line}: found character {found:?}, expected the beginning of a Verilog token")]
    Character {
        /// Line of the input, counted from 1.
        line: usize,
        /// The character.
        found: char,
    },
    /// A comment, string or attribute that is opened and never closed.
    #[error("line {line}: found the beginning of a {what} and the end of the text, expected {expected:?}")]
    Unclosed {
        /// Line on which it opens.
        line: usize,
        /// What was opened.
        what: &'static str,
        /// What would close it.
        expected: &'static str,
    },
    /// A literal such as `8'h-5`, which rust-hdl writes for a negative signed constant.
    #[error(
        "line {line}: found {found:?}, which rust-hdl writes for a negative signed value and which is not Verilog; \
         expected a plain literal: give the constant as Bits and cast it where it is used"
    )]
    NegativeLiteral {
        /// Line of the input.
        line: usize,
        /// The literal up to its sign.
        found: String,
    },
    /// Something other than the subset allows at this place.
    #[error("line {line}, {place}: found {found}, expected {expected}")]
    Unexpected {
        /// Line of the input.
        line: usize,
        /// The construct being read, and in which module.
        place: String,
        /// What stands there.
        found: String,
        /// What the subset allows there.
        expected: String,
    },
    /// The text has no module of rust-hdl's fixed top name.
    #[error("found {found}, expected a module named `top`, the name rust-hdl gives the outermost circuit")]
    NoTop {
        /// The modules that are there.
        found: String,
    },
    /// Two different modules share one name.
    #[error("line {line}: found a second, different module `{module}`, expected one definition for each name")]
    Duplicate {
        /// Line of the second definition.
        line: usize,
        /// The name.
        module: String,
    },
    /// An instance of one of rust-hdl's modules that is not in the text.
    #[error("module `{parent}`: found an instance of `{module}`, expected that module in the same text")]
    Missing {
        /// The instantiating module.
        parent: String,
        /// The absent module.
        module: String,
    },
    /// A module that contains itself.
    #[error("found module `{module}` inside itself, expected a hierarchy that ends in leaves")]
    Recursive {
        /// The module.
        module: String,
    },
    /// The wanted name of the top module is not a plain Verilog name.
    #[error("found top name {found:?}, expected a letter followed by letters, digits and underscores, and no keyword")]
    TopName {
        /// The name that was given.
        found: String,
    },
}
