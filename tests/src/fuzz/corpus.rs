//! The models that the fuzzer starts from: every `.onnx` file under some folders.

use super::wire::Message;
use std::path::{Path, PathBuf};

/// Largest file that is taken, in bytes: mutations of large weights find little and take long.
pub const LARGEST: u64 = 64 << 10;

/// One model.
pub struct Seed {
    /// Its file.
    pub path: PathBuf,
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// The file as messages; `None` for files that are no protocol buffer.
    pub tree: Option<Message>,
}

/// Models, in order of their paths.
pub struct Corpus {
    /// The models.
    pub seeds: Vec<Seed>,
}

impl Corpus {
    /// Reads every `.onnx` file of at most [`LARGEST`] bytes under these folders; folders that are not there have none.
    ///
    /// # Errors
    /// If a file cannot be read, or there is none.
    pub fn load(folders: &[PathBuf]) -> Result<Self, String> {
        let mut paths = Vec::new();
        for folder in folders {
            find(folder, &mut paths);
        }
        paths.sort();
        let read = |path: PathBuf| {
            let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let tree = Message::parse(&bytes);
            Ok(Seed { path, bytes, tree })
        };
        let seeds = paths.into_iter().map(read).collect::<Result<Vec<_>, String>>()?;
        if seeds.is_empty() {
            return Err(format!("no .onnx file of at most {LARGEST} bytes under {folders:?}: run `cargo xtask oracles`"));
        }
        Ok(Self { seeds })
    }

    /// The models in a repository: the host's fixtures.
    pub fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/tests/fixtures")
    }

    /// Models on which a campaign has failed before.
    pub fn regressions() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz")
    }

    /// FNV-1a of all files (<http://www.isthe.com/chongo/tech/comp/fnv/>): runs of one seed are the same if this is.
    pub fn fingerprint(&self) -> u64 {
        let bytes = self.seeds.iter().flat_map(|seed| &seed.bytes);
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            find(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "onnx")
            && entry.metadata().is_ok_and(|file| file.len() <= LARGEST)
        {
            paths.push(path);
        }
    }
}
