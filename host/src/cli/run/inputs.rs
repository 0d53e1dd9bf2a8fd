//! The tensors that a network reads, from `.npy` files.

use crate::cli::Failure;
use crate::cli::files::at;
use crate::cli::options::Message;
use crate::digits::Digits;
use crate::network::{DType, Network, NetworkError, Tensor, TensorData};
use crate::npy::{self, Array};
use std::path::Path;

/// The file of an `--input` argument that names its input, if it does.
fn split<'a>(option: &str, argument: &'a str, names: &[&str]) -> Result<(Option<usize>, &'a Path), Message> {
    let whole = Path::new(argument);
    let Some((name, file)) = argument.split_once('=') else { return Ok((None, whole)) };
    match names.iter().position(|n| *n == name) {
        Some(slot) => Ok((Some(slot), Path::new(file))),
        None if whole.is_file() => Ok((None, whole)),
        None => {
            Err(Message(format!("{option} {argument}: the model has no input {name:?}; its inputs are {}", names.join(", "))))
        }
    }
}

/// The file of an `--input` argument, as far as can be told without the model.
pub fn path_of(argument: &str) -> &Path {
    let whole = Path::new(argument);
    argument.split_once('=').map_or(whole, |(_, file)| if whole.is_file() { whole } else { Path::new(file) })
}

/// Reads labels: one integer for each image.
///
/// # Errors
/// Files that cannot be read, or hold no integers.
pub fn labels(path: &Path) -> Result<Vec<i64>, Failure> {
    let array = npy::read(path)?;
    let found = array.elements.type_name();
    let labels = Tensor::try_from(array)?.i64s();
    labels.ok_or_else(|| {
        Message(format!("{}: labels of {found}, expected integers: convert them with .astype", path.display())).into()
    })
}

/// Reads a network's inputs from an option: each argument is `FILE`, for the next input that has none, or `NAME=FILE`.
///
/// # Errors
/// Names that do not exist, inputs given twice or not at all, and files that do not fit; the argument or the file is named.
pub fn read(option: &str, arguments: &[String], network: &Network) -> Result<Vec<Tensor>, Failure> {
    let names: Vec<&str> = network.inputs.iter().map(|&id| network.tensor(id).name.as_str()).collect();
    let mut slots: Vec<Option<(Tensor, &Path)>> = vec![None; names.len()];
    for argument in arguments {
        let (named, path) = split(option, argument, &names)?;
        let Some(slot) = named.or_else(|| slots.iter().position(Option::is_none)) else {
            let list = names.join(", ");
            return Err(
                Message(format!("{option} {argument}: the model has {} input(s): {list}; leave it out", names.len())).into()
            );
        };
        if let Some((_, first)) = &slots[slot] {
            let (name, first) = (names[slot], first.display());
            return Err(Message(format!("{option} {argument}: {name} is {first} already; give each input once")).into());
        }
        slots[slot] = Some((to_tensor(npy::read(path)?, network.tensor(network.inputs[slot]).dtype, path)?, path));
    }
    let missing: Vec<&str> = names.iter().zip(&slots).filter(|(_, s)| s.is_none()).map(|(n, _)| *n).collect();
    if !missing.is_empty() {
        return Err(Message(format!("no {option} for {}: give each as {option} NAME=FILE.npy", missing.join(", "))).into());
    }
    let (tensors, files): (Vec<Tensor>, Vec<&Path>) = slots.into_iter().flatten().unzip();
    let shapes: Vec<Vec<usize>> = tensors.iter().map(|tensor| tensor.shape().to_vec()).collect();
    if let Err(error) = network.known(&shapes) {
        let file = match &error {
            NetworkError::InputShape { input, .. } | NetworkError::Symbol { input, .. } => names.iter().position(|n| n == input),
            _ => None,
        };
        let all = || files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(at(file.map_or_else(all, |i| files[i].display().to_string()))(error).into());
    }
    Ok(tensors)
}

fn to_tensor(array: Array, expected: DType, path: &Path) -> Result<Tensor, Failure> {
    let found = array.elements.type_name();
    let tensor = Tensor::try_from(array)?;
    if tensor.dtype() != expected {
        let file = path.display();
        let text = format!("{file}: element type {found}, but the model takes {expected}: convert it with .astype");
        return Err(Message(text).into());
    }
    Ok(tensor)
}

/// The first of the embedded images, or all of them.
pub fn first_images(digits: &Digits, images: Option<usize>) -> Result<Tensor, NetworkError> {
    let count = images.unwrap_or(digits.labels.len()).min(digits.labels.len());
    let pixels = digits.images.floats().unwrap_or_default();
    Tensor::new(vec![count, 1, 8, 8], TensorData::F32(pixels[..count * 64].to_vec()))
}
