//! Cases that other people's implementations computed: `tests/oracles/*.py` writes them into the build directory, a folder each.

use crumb::network::{Network, Tensor};
use std::path::{Path, PathBuf};

/// A folder with a model, its inputs and the outputs that it must have.
pub struct Case {
    /// The folder's name.
    pub name: String,
    folder: PathBuf,
}

/// The cases of a folder whose names begin with one of these, in order of their names.
///
/// # Panics
/// If there are fewer than `least`: the folder is made by `cargo xtask oracles`.
pub fn cases(build: &str, folder: &str, prefixes: &[&str], least: usize) -> Vec<Case> {
    let folder = Path::new(build).parent().unwrap_or(Path::new(build)).join("oracles").join(folder);
    let entries = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
    let named = |entry: std::fs::DirEntry| Some(Case { name: entry.file_name().into_string().ok()?, folder: entry.path() });
    let mut cases: Vec<Case> = entries.filter_map(named).collect();
    cases.retain(|case| prefixes.iter().any(|prefix| case.name.starts_with(prefix)));
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    let found = cases.len();
    assert!(found >= least, "{found} cases {prefixes:?} in {}, expected {least}: run `cargo xtask oracles`", folder.display());
    cases
}

impl Case {
    /// A file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The network of a model file.
    ///
    /// # Errors
    /// The refusal, with the case.
    pub fn network(&self, file: &str) -> Result<Network, String> {
        let bytes = std::fs::read(self.file(file)).map_err(|error| format!("{}/{file}: {error}", self.name))?;
        crumb::onnx::import(&bytes).map_err(|error| format!("{}: {error}", self.name))
    }

    /// The tensor in `NAME.npy`.
    ///
    /// # Panics
    /// If the file cannot be read.
    pub fn tensor(&self, name: &str) -> Tensor {
        Tensor::try_from(crumb::npy::read(&self.file(&format!("{name}.npy"))).unwrap()).unwrap()
    }

    /// Tensors `NAME_0.npy`, `NAME_1.npy`, ... as many as there are.
    ///
    /// # Panics
    /// If a file cannot be read.
    pub fn tensors(&self, name: &str) -> Vec<Tensor> {
        let names = (0..).map(|index| format!("{name}_{index}"));
        names.take_while(|name| self.file(&format!("{name}.npy")).is_file()).map(|name| self.tensor(&name)).collect()
    }
}

/// What differs between outputs and those that there must be, in words; `None` if every bit is the same.
pub fn difference(found: &[&Tensor], expected: &[Tensor]) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{} outputs, expected {}", found.len(), expected.len()));
    }
    found.iter().zip(expected).enumerate().find_map(|(index, (a, b))| {
        if a.same_bits(b) || both_nan(a, b) {
            return None;
        }
        if (a.shape(), a.dtype()) != (b.shape(), b.dtype()) {
            return Some(format!("output {index} is {} {:?}, expected {} {:?}", a.dtype(), a.shape(), b.dtype(), b.shape()));
        }
        let values = |t: &Tensor| t.floats().map_or_else(|| t.i64s().unwrap().iter().map(|&v| v as f64).collect(), widen);
        let (a, b): (Vec<f64>, Vec<f64>) = (values(a), values(b));
        let wrong: Vec<usize> = (0..a.len()).filter(|&i| a[i].to_bits() != b[i].to_bits()).collect();
        let most = wrong.iter().map(|&i| (a[i] - b[i]).abs()).fold(0.0, f64::max);
        let (first, count) = (wrong[0], wrong.len());
        Some(format!(
            "output {index}: {count} of {} differ, first at {first}: {} instead of {}, by {most:e} at most",
            a.len(),
            a[first],
            b[first]
        ))
    })
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// Floats that are the same but for the payload of NaN.
fn both_nan(a: &Tensor, b: &Tensor) -> bool {
    let (Some(x), Some(y)) = (a.floats(), b.floats()) else { return false };
    a.shape() == b.shape() && x.iter().zip(y).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
}
