//! Refusals of the importer. Each says where, what was found, what is supported, and what to do.
//!
//! Names come from the file and may hold anything, so they are shown escaped and cut to [`SHOWN`] characters.

use crate::network::excerpt;

/// Longest part of a name from the file that a message shows.
pub const SHOWN: usize = 80;
/// Longest description of what was found: it may quote a list from the file.
const FOUND: usize = 400;

/// Why a file was not imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not a protocol buffer of the ONNX schema.
    #[error("this is not an ONNX model: {reason}; check that the file is complete and is a .onnx file")]
    NotOnnx {
        /// The decoder's reason.
        reason: String,
    },
    /// Something about the whole model.
    #[error("model: found {found}; supported: {supported}; {advice}")]
    Model {
        /// What was found.
        found: String,
        /// What would have been accepted.
        supported: String,
        /// What to do.
        advice: String,
    },
    /// Something about one tensor.
    #[error("tensor {tensor}: found {found}; supported: {supported}; {advice}")]
    Tensor {
        /// The tensor, quoted.
        tensor: String,
        /// What was found.
        found: String,
        /// What would have been accepted.
        supported: String,
        /// What to do.
        advice: String,
    },
    /// Something about one node.
    #[error("node {node} ({operator}): found {found}; supported: {supported}; {advice}")]
    Node {
        /// The node, quoted.
        node: String,
        /// Its operator, with domain if that is not ONNX's own.
        operator: String,
        /// What was found.
        found: String,
        /// What would have been accepted.
        supported: String,
        /// What to do.
        advice: String,
    },
}

/// The three parts of a refusal that do not depend on where it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub found: String,
    pub supported: String,
    pub advice: String,
}

impl Refusal {
    pub fn new(found: impl Into<String>, supported: impl Into<String>, advice: impl Into<String>) -> Self {
        let found = excerpt(&found.into(), FOUND).into_owned();
        Self { found, supported: supported.into(), advice: advice.into() }
    }

    /// The refusal of a tensor.
    pub fn of_tensor(self, name: &str) -> ImportError {
        let Self { found, supported, advice } = self;
        ImportError::Tensor { tensor: quoted(name), found, supported, advice }
    }

    /// The refusal of the model.
    pub fn of_model(self) -> ImportError {
        let Self { found, supported, advice } = self;
        ImportError::Model { found, supported, advice }
    }
}

/// A name from the file, in quotes, escaped and cut.
pub(crate) fn quoted(name: &str) -> String {
    format!("{:?}", excerpt(name, SHOWN))
}
