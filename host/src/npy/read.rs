//! Reading, with nothing taken on trust.

use super::{Array, Elements, NpyError, Shape};
use std::path::Path;

/// The element types that are read.
const EXPECTED: &str = "int8, uint8, int32, int64 or float32 (little-endian)";

/// Reads a file of int8, uint8, int32, int64 or float32 elements.
///
/// # Errors
/// If it cannot be read, is no .npy file, is truncated or too long, or has other elements.
pub fn read(path: &Path) -> Result<Array, NpyError> {
    let bytes = std::fs::read(path).map_err(|source| NpyError::Io { action: "read", path: path.to_owned(), source })?;
    parse(&bytes, path)
}

/// Reads the bytes of a file; `path` names it in errors.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<Array, NpyError> {
    let bad = |problem: String| NpyError::Format { path: path.to_owned(), problem };
    check_header(bytes, path)?;
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
            return Err(NpyError::Type { path: path.to_owned(), found, expected: EXPECTED });
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

/// Longest header that is read, in bytes: NumPy's own limit. Ours have about 120.
const MAX_HEADER: usize = 10_000;

/// Magic, header length, nesting and the sizes in the shape, before the library parses the header and multiplies or allocates anything
/// by what stands in it.
///
/// The library's parser takes time exponential in the depth to which brackets nest, so a header may have those of a plain array only:
/// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn check_header(bytes: &[u8], path: &Path) -> Result<(), NpyError> {
    let bad = |problem: &str| NpyError::Format { path: path.to_owned(), problem: problem.to_owned() };
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| bad("it does not begin with the magic \\x93NUMPY"))?;
    let (length, start) = match rest {
        [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([*a, *b])), 4),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
        [] | [1..=3, ..] => return Err(bad("it ends within its header")),
        [version, ..] => return Err(bad(&format!("format version {version}, expected 1, 2 or 3"))),
    };
    if length > MAX_HEADER {
        return Err(bad(&format!("its header has {length} bytes, expected at most {MAX_HEADER}")));
    }
    let header = rest.get(start..).and_then(|r| r.get(..length)).ok_or_else(|| bad("it ends within its header"))?;
    let text = String::from_utf8_lossy(header);
    if text.contains('[') {
        return Err(NpyError::Type { path: path.to_owned(), found: "with fields".into(), expected: EXPECTED });
    }
    if text.matches('(').count() > 1 || text.matches('{').count() > 1 {
        return Err(bad("its header nests, expected {'descr': '...', 'fortran_order': ..., 'shape': (...)}"));
    }
    let shape = text.split_once("shape").and_then(|(_, after)| after.split_once('(')).and_then(|(_, s)| s.split_once(')'));
    let (shape, _) = shape.ok_or_else(|| bad("its header has no shape"))?;
    let sizes: Result<Vec<usize>, _> = shape.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::parse).collect();
    let sizes = sizes.map_err(|_| bad(&format!("shape ({shape}) is not a tuple of sizes")))?;
    let product = sizes.iter().try_fold(16usize, |n, &s| n.checked_mul(s.max(1)));
    product.map(drop).ok_or_else(|| bad(&format!("shape ({shape}) is larger than any memory")))
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

    /// A parser that backtracks over brackets takes 2^depth steps here; the test ends at once or not at all.
    #[test]
    fn nesting_is_refused_before_it_is_parsed() {
        for (open, close) in [("[", "]"), ("(", ")"), ("{", "}")] {
            let nested = format!("{}{}", open.repeat(30), close.repeat(30));
            let text = format!("{{'descr': {nested}, 'fortran_order': False, 'shape': (1,), }}");
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((text.len() as u16).to_le_bytes());
            bytes.extend(text.bytes());
            let said = error(&bytes);
            assert!(
                said.contains("its header nests, expected {'descr': '...'") || said.contains("element type with fields"),
                "{said}"
            );
        }
        assert!(error(&file("|u1', 'more': '(1,)", false, "(1,)", &[1])).contains("its header nests"));
    }

    #[test]
    fn long_headers_are_refused_before_they_are_parsed() {
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend(20_000u32.to_le_bytes());
        bytes.extend(vec![b' '; 20_000]);
        assert!(error(&bytes).contains("its header has 20000 bytes, expected at most 10000"));
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
