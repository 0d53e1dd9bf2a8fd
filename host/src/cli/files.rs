//! Files that a command reads and writes: errors that name them, and results that appear whole or not at all.

use super::Failure;
use super::options::Message;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}; check the path and its permissions", path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// What was being done to which file.
    pub fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

/// An error, and the file that it is about.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {source}")]
pub struct At {
    place: String,
    source: Box<dyn Error>,
}

/// Names the place of an error: a file, or what it is that a user can change.
pub fn at<E: Error + 'static>(place: impl ToString) -> impl FnOnce(E) -> At {
    let place = place.to_string();
    move |source| At { place, source: Box::new(source) }
}

/// Reads a file.
///
/// # Errors
/// If it cannot be read; the file is named.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(FileError::new("read", path))
}

/// Largest file of text that is read, in bytes: plans, grids and configurations have some kilobytes.
const LARGEST_TEXT: u64 = 16 << 20;

/// Reads a file of text.
///
/// # Errors
/// If it cannot be read, is not UTF-8 or has more than 16 MiB; the file is named.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST_TEXT + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST_TEXT {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 16 MiB, and no text of a command has"));
        }
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
    };
    read().map_err(FileError::new("read", path))
}

/// Refuses an output that is also an input or another output. Each comes with the argument that names it.
///
/// # Errors
/// The first two that are one file.
pub fn refuse_same(outputs: &[(&str, &Path)], inputs: &[(&str, &Path)]) -> Result<(), Failure> {
    for (i, (name, path)) in outputs.iter().enumerate() {
        let Some(file) = identity(path) else { continue };
        let others = inputs.iter().chain(&outputs[..i]);
        if let Some((other, _)) = others.into_iter().find(|(_, other)| identity(other).as_ref() == Some(&file)) {
            return Err(Message(format!("{name} {}: that is the file of {other}; give another", path.display())).into());
        }
    }
    Ok(())
}

/// The file itself, whatever path leads to it; it need not exist. Devices and pipes may be named twice.
fn identity(path: &Path) -> Option<PathBuf> {
    if let Ok(path) = fs::canonicalize(path) {
        return fs::metadata(&path).is_ok_and(|data| data.is_file()).then_some(path);
    }
    Some(fs::canonicalize(folder(path)).ok()?.join(path.file_name()?))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A result on its way: a file beside its destination, which takes the destination's place once it is complete.
pub struct OutputFile {
    path: PathBuf,
    place: Place,
}

enum Place {
    Beside(NamedTempFile, PathBuf),
    /// A device or a pipe, which cannot be replaced.
    Direct(File),
}

impl OutputFile {
    /// Makes sure, before the work begins, that the result can be written.
    ///
    /// # Errors
    /// If the path is a folder, or it cannot be written to.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let place = Self::place(path).map_err(FileError::new("write", path))?;
        Ok(Self { path: path.to_owned(), place })
    }

    fn place(path: &Path) -> io::Result<Place> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".crumb-");
        // Opening for writing finds out about folders and permissions, and changes nothing.
        let (target, permissions) = match OpenOptions::new().write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (path.to_owned(), new_file()),
            Err(error) => return Err(error),
            Ok(file) if !file.metadata()?.is_file() => return Ok(Place::Direct(file)),
            // Behind a link, so that the link stays.
            Ok(file) => (fs::canonicalize(path)?, Some(file.metadata()?.permissions())),
        };
        if let Some(permissions) = permissions {
            builder.permissions(permissions);
        }
        // Asked first, because the error of a temporary file would name that file.
        fs::metadata(folder(&target))?;
        let file = builder.tempfile_in(folder(&target))?;
        Ok(Place::Beside(file, target))
    }

    /// Writes the result and puts it in its place.
    ///
    /// # Errors
    /// If it cannot be written; then what was there before is still there.
    pub fn finish(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), FileError> {
        let done = match self.place {
            Place::Beside(mut file, target) => write(file.as_file_mut()).and_then(|()| Ok(file.persist(target).map(drop)?)),
            Place::Direct(mut file) => write(&mut file),
        };
        done.map_err(FileError::new("write", &self.path))
    }
}

/// What a new file may be, the user's mask aside; a temporary file is its owner's alone otherwise.
#[cfg(unix)]
fn new_file() -> Option<fs::Permissions> {
    Some(std::os::unix::fs::PermissionsExt::from_mode(0o666))
}

#[cfg(not(unix))]
fn new_file() -> Option<fs::Permissions> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_appears_when_it_is_complete_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("y");
        fs::write(&path, "old").unwrap();
        drop(OutputFile::create(&path).unwrap());
        let failed =
            OutputFile::create(&path).unwrap().finish(|w| w.write_all(b"half").and_then(|()| Err(io::Error::other("no"))));
        assert!(failed.unwrap_err().to_string().starts_with("cannot write "));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        OutputFile::create(&path).unwrap().finish(|w| w.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_that_are_not_there_and_paths_that_are_folders_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(OutputFile::create(folder.path()).is_err());
        assert!(OutputFile::create(&folder.path().join("none/y")).is_err());
    }

    /// A file without an end, as /dev/zero is, takes no more memory than the limit.
    #[test]
    fn texts_have_a_largest_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.toml");
        File::create(&path).unwrap().set_len(LARGEST_TEXT + 1).unwrap();
        let error = read_text(&path).unwrap_err().to_string();
        assert!(error.contains("t.toml: it has more than 16 MiB, and no text of a command has; "), "{error}");
        File::create(&path).unwrap().set_len(LARGEST_TEXT).unwrap();
        assert_eq!(read_text(&path).unwrap().len() as u64, LARGEST_TEXT);
        fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path).unwrap_err().to_string().contains("t.toml: it is not UTF-8 text; "));
    }

    #[test]
    #[cfg(unix)]
    fn links_devices_and_permissions_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        OutputFile::create(&link).unwrap().finish(|w| w.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().permissions().mode() & 0o777),
            (b"new".to_vec(), 0o640)
        );
        OutputFile::create(Path::new("/dev/null")).unwrap().finish(|w| w.write_all(b"gone")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn one_file_under_two_names_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "").unwrap();
        let roundabout = folder.path().join(".").join("a");
        assert!(refuse_same(&[("--out", &b)], &[("--acts", &a)]).is_ok());
        let refused = refuse_same(&[("--out", &roundabout)], &[("--acts", &a)]);
        assert!(matches!(refused, Err(Failure::Error(e)) if e.to_string().ends_with("that is the file of --acts; give another")));
        assert!(refuse_same(&[("--out", &b), ("--wave", &b)], &[]).is_err(), "two outputs, neither of which exists");
        assert!(refuse_same(&[("--out", Path::new("/dev/null")), ("--wave", Path::new("/dev/null"))], &[]).is_ok());
    }
}
