//! What can go wrong in the example, each with the way out.

use crumb::backend::BackendError;
use crumb::gemm::GemmError;
use crumb::session::SessionError;
use crumb_arch::config::ConfigReadError;
use safetensors::SafeTensorError;
use std::io;
use std::path::PathBuf;

/// Why the example stops.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file cannot be read.
    #[error("cannot read {}: {source}; `python3 examples/minilm/minilm.py` writes it", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file is not in safetensors format, or lacks a tensor.
    #[error("{}: {source}; `python3 examples/minilm/minilm.py` writes it anew if it is deleted", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        source: SafeTensorError,
    },
    /// A tensor is not of the type and shape that belong there.
    #[error("{}: tensor {name} is {found}, expected {expected}; `python3 examples/minilm/minilm.py` writes the file anew if it is deleted", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// Its name.
        name: String,
        /// Its element type and shape.
        found: String,
        /// What they must be.
        expected: String,
    },
    /// The sentences do not fit together, or do not fit the model.
    #[error("the sentences' {what} {found}, expected {expected}: run `python3 examples/minilm/minilm.py`")]
    Sentences {
        /// Which part.
        what: &'static str,
        /// What is there.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// The file of a configuration cannot be read.
    #[error("cannot read the configuration {}: {source}; check the path", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The configuration does not exist or cannot be built.
    #[error(transparent)]
    Config(#[from] ConfigReadError),
    /// The machine cannot be opened.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The machine failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A product was refused or failed.
    #[error("{layer}: {source}")]
    Product {
        /// The linear layer.
        layer: String,
        /// Why.
        source: GemmError,
    },
    /// The machine and plain loops disagree.
    #[error("{layer} at W{bits}: sum [{row}, {column}] is {found}, but plain loops give {expected}. This is a defect of Crumb")]
    Sum {
        /// The linear layer.
        layer: String,
        /// Weight width.
        bits: u32,
        /// Token.
        row: usize,
        /// Output channel.
        column: usize,
        /// The machine's sum.
        found: i32,
        /// The sum of plain loops.
        expected: i32,
    },
    /// The float path and numpy disagree.
    #[error("{what} of the float path differ from numpy's by up to {found:e}, expected at most {limit:e}")]
    Float {
        /// What was compared.
        what: &'static str,
        /// The largest difference.
        found: f32,
        /// The largest that another order of additions explains.
        limit: f32,
    },
}
