//! NumPy `.npy` files in and out. Files are hostile until parsed: every size is checked before anything is allocated.

use npyz::WriterBuilder;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
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
    #[error("{}: shape {found}, expected {expected}", path.display())]
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

/// Reads a file of int8, uint8, int32, int64 or float32 elements.
///
/// # Errors
/// If it cannot be read, is no .npy file, is truncated or too long, or has other elements.
pub fn read(path: &Path) -> Result<Array, NpyError> {
    let bytes = std::fs::read(path).map_err(|source| NpyError::Io { path: path.to_owned(), source })?;
    parse(&bytes, path)
}

/// Reads the bytes of a file; `path` names it in errors.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<Array, NpyError> {
    let bad = |problem: String| NpyError::Format { path: path.to_owned(), problem };
    check_header(bytes).map_err(bad)?;
    let mut rest = bytes;
    let file = npyz::NpyFile::new(&mut rest).map_err(|e| bad(e.to_string()))?;
    let header = file.header().clone();
    drop(file);
    let shape: Vec<usize> = header.shape().iter().map(|&s| s as usize).collect();
    let count = shape.iter().try_fold(1usize, |n, &s| n.checked_mul(s)).ok_or_else(|| bad("its shape overflows".into()))?;
    let found = header.dtype().descr();
    let size = match found.trim_matches('\'').trim_start_matches(['<', '|', '=']) {
        "i1" | "u1" => 1,
        "i4" | "f4" => 4,
        "i8" => 8,
        _ => {
            let found = found.replace('\'', "");
            return Err(NpyError::Type {
                path: path.to_owned(),
                found,
                expected: "int8, uint8, int32, int64 or float32 (little-endian)",
            });
        }
    };
    if count.checked_mul(size) != Some(rest.len()) {
        let expected = Shape(shape);
        return Err(bad(format!(
            "{} bytes of data, but shape {expected} of {size}-byte elements needs {count} times {size}",
            rest.len()
        )));
    }
    let fortran = header.order() == npyz::Order::Fortran && shape.len() > 1;
    let file = npyz::NpyFile::with_header(header, rest);
    let io = |e: std::io::Error| bad(e.to_string());
    let elements = match (found.trim_matches('\'').trim_start_matches(['<', '|', '=']), fortran) {
        ("i1", f) => Elements::I8(c_order(file.into_vec().map_err(io)?, &shape, f)),
        ("u1", f) => Elements::U8(c_order(file.into_vec().map_err(io)?, &shape, f)),
        ("i4", f) => Elements::I32(c_order(file.into_vec().map_err(io)?, &shape, f)),
        ("i8", f) => Elements::I64(c_order(file.into_vec().map_err(io)?, &shape, f)),
        (_, f) => Elements::F32(c_order(file.into_vec().map_err(io)?, &shape, f)),
    };
    Ok(Array { shape, elements })
}

/// Magic, header length and the sizes in the shape, before the library multiplies or allocates anything by them.
fn check_header(bytes: &[u8]) -> Result<(), String> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or("it does not begin with the magic \\x93NUMPY")?;
    let (length, start) = match rest {
        [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([*a, *b])), 4),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
        [] | [1..=3, ..] => return Err("it ends within its header".into()),
        [version, ..] => return Err(format!("format version {version}, expected 1, 2 or 3")),
    };
    let header = rest.get(start..).and_then(|r| r.get(..length)).ok_or("it ends within its header")?;
    let text = String::from_utf8_lossy(header);
    let shape = text.split_once("shape").and_then(|(_, after)| after.split_once('(')).and_then(|(_, s)| s.split_once(')'));
    let (shape, _) = shape.ok_or("its header has no shape")?;
    let sizes: Result<Vec<usize>, _> = shape.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::parse).collect();
    let sizes = sizes.map_err(|_| format!("shape ({shape}) is not a tuple of sizes"))?;
    let product = sizes.iter().try_fold(16usize, |n, &s| n.checked_mul(s.max(1)));
    product.map(drop).ok_or_else(|| format!("shape ({shape}) is larger than any memory"))
}

/// Column-major elements in row-major order.
fn c_order<T: Copy>(elements: Vec<T>, shape: &[usize], fortran: bool) -> Vec<T> {
    if !fortran {
        return elements;
    }
    let mut strides = vec![1; shape.len()];
    (1..shape.len()).for_each(|d| strides[d] = strides[d - 1] * shape[d - 1]);
    (0..elements.len())
        .map(|mut i| {
            let mut at = 0;
            for d in (0..shape.len()).rev() {
                at += i % shape[d] * strides[d];
                i /= shape[d];
            }
            elements[at]
        })
        .collect()
}

/// Writes an array in C order.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, array: &Array) -> Result<(), NpyError> {
    let write = || -> std::io::Result<()> {
        let file = std::io::BufWriter::new(std::fs::File::create(path)?);
        let shape: Vec<u64> = array.shape.iter().map(|&s| s as u64).collect();
        fn all<T: npyz::AutoSerialize + Copy>(file: impl std::io::Write, shape: &[u64], values: &[T]) -> std::io::Result<()> {
            let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd()?;
            writer.extend(values.iter().copied())?;
            writer.finish()
        }
        match &array.elements {
            Elements::I8(v) => all(file, &shape, v),
            Elements::U8(v) => all(file, &shape, v),
            Elements::I32(v) => all(file, &shape, v),
            Elements::I64(v) => all(file, &shape, v),
            Elements::F32(v) => all(file, &shape, v),
        }
    };
    write().map_err(|source| NpyError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
        let fortran = if fortran { "True" } else { "False" };
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    }

    fn error(bytes: &[u8]) -> String {
        parse(bytes, Path::new("x.npy")).unwrap_err().to_string()
    }

    #[test]
    fn both_orders_are_read() {
        let c = parse(&file("|i1", false, "(2, 3)", &[1, 2, 3, 4, 5, 6]), Path::new("c")).unwrap();
        assert_eq!(c, Array { shape: vec![2, 3], elements: Elements::I8(vec![1, 2, 3, 4, 5, 6]) });
        let f = parse(&file("|i1", true, "(2, 3)", &[1, 4, 2, 5, 3, 6]), Path::new("f")).unwrap();
        assert_eq!(c, f);
    }

    #[test]
    fn bad_files_are_refused_with_reasons() {
        let good = file("|u1", false, "(2, 2)", &[1, 2, 3, 4]);
        assert_eq!(
            error(b"PK"),
            "x.npy: not a readable .npy file: it does not begin with the magic \\x93NUMPY. Write it with numpy.save"
        );
        assert!(error(&good[..40]).contains("it ends within its header"));
        assert!(error(&good[..good.len() - 1]).contains("3 bytes of data, but shape (2, 2) of 1-byte elements needs 4 times 1"));
        assert!(error(&file("<f8", false, "(1,)", &[0; 8])).contains("element type <f8, expected int8, uint8"));
        assert!(error(&file("|u1", false, "(4294967296, 4294967296)", &[])).contains("larger than any memory"));
    }

    #[test]
    fn what_is_written_is_read() {
        let path = std::env::temp_dir().join(format!("crumb-npy-{}.npy", std::process::id()));
        for elements in [Elements::I32(vec![1, -2, i32::MIN, 7]), Elements::F32(vec![0.5, -1.0, 2.0, 3.5])] {
            let array = Array { shape: vec![2, 2], elements };
            write(&path, &array).unwrap();
            assert_eq!(read(&path).unwrap(), array);
        }
        std::fs::remove_file(path).unwrap();
    }

    proptest! {
        #[test]
        fn mutations_never_panic(at in 0usize..140, value: u8, cut in 0usize..140) {
            let mut bytes = file("<i4", false, "(2, 2)", &[0; 16]);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            bytes.truncate(140 - cut.min(140));
            let _ = parse(&bytes, Path::new("x"));
        }
    }
}
