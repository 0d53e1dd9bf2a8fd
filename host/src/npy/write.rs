//! Writing, in C order.

use super::{Array, Elements, NpyError};
use npyz::WriterBuilder;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes an array to a file in C order.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, array: &Array) -> Result<(), NpyError> {
    let written = File::create(path).and_then(|file| write_to(BufWriter::new(file), array));
    written.map_err(|source| NpyError::Io { action: "write", path: path.to_owned(), source })
}

/// Writes an array in C order, to the last byte.
///
/// # Errors
/// If the writer fails.
pub fn write_to(mut writer: impl Write, array: &Array) -> io::Result<()> {
    let shape: Vec<u64> = array.shape.iter().map(|&s| s as u64).collect();
    fn all<T: npyz::AutoSerialize + Copy>(file: impl Write, shape: &[u64], values: &[T]) -> io::Result<()> {
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()
    }
    match &array.elements {
        Elements::I8(v) => all(&mut writer, &shape, v),
        Elements::U8(v) => all(&mut writer, &shape, v),
        Elements::I32(v) => all(&mut writer, &shape, v),
        Elements::I64(v) => all(&mut writer, &shape, v),
        Elements::F32(v) => all(&mut writer, &shape, v),
    }?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        for elements in [Elements::I32(vec![1, -2, i32::MIN, 7]), Elements::F32(vec![0.5, -1.0, 2.0, 3.5])] {
            let array = Array { shape: vec![2, 2], elements };
            write(&path, &array).unwrap();
            assert_eq!(read(&path).unwrap(), array);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error_though_the_file_is_small() {
        let array = Array { shape: vec![1], elements: Elements::I8(vec![1]) };
        let said = write(Path::new("/dev/full"), &array).unwrap_err().to_string();
        assert_eq!(said, "cannot write /dev/full: No space left on device (os error 28); check the path and its permissions");
    }
}
