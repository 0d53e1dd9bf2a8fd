//! NumPy `.npy` files in and out. Files are hostile until parsed: every size is checked before anything is allocated.

mod read;
mod tensor;
mod write;

pub use read::{parse, read};
pub use write::{write, write_to};

use std::fmt;
use std::path::PathBuf;

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// It cannot be read or written.
    #[error("cannot {action} {}: {source}; check the path and its permissions", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not a .npy file, or not a whole one.
    #[error("{}: not a readable .npy file: {problem}. Write it with numpy.save", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The elements have another type.
    #[error("{}: element type {found}, expected {expected}: convert it with .astype", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// NumPy's description of the type.
        found: String,
        /// The types that are taken.
        expected: &'static str,
    },
    /// The shape has another number of dimensions.
    #[error("{}: shape {found}, expected {expected}: change it with .reshape", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The shape found.
        found: Shape,
        /// What is expected, in words.
        expected: &'static str,
    },
}

/// A shape, printed as NumPy does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(pub Vec<usize>);

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(usize::to_string).collect();
        write!(f, "({})", sizes.join(", "))
    }
}

/// The elements of an array, in C order.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// int8.
    I8(Vec<i8>),
    /// uint8.
    U8(Vec<u8>),
    /// int32.
    I32(Vec<i32>),
    /// int64.
    I64(Vec<i64>),
    /// float32.
    F32(Vec<f32>),
}

/// An array: shape and elements in C order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// As many elements as the shape has.
    pub elements: Elements,
}

impl Elements {
    /// NumPy's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::I8(_) => "int8",
            Self::U8(_) => "uint8",
            Self::I32(_) => "int32",
            Self::I64(_) => "int64",
            Self::F32(_) => "float32",
        }
    }
}
