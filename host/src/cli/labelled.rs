//! Data and labels of a plan or report, looked at before anything runs: how many images, numbers, and labels that are classes.

use crate::cli::Failure;
use crate::cli::options::Message;
use crate::cli::run::inputs;
use crate::network::{Network, Tensor};
use crate::npy;
use crate::planner::PlannerError;
use crate::planner::loss::check_labels;
use std::path::Path;

/// Images of a network's inputs.
pub fn images(tensors: &[Tensor]) -> usize {
    tensors.first().and_then(|tensor| tensor.shape().first()).copied().unwrap_or(0)
}

/// Reads a network's inputs from an option: some images, and numbers alone.
///
/// # Errors
/// Files that cannot be read, do not fit, are empty, or have an element that is infinite or no number; the file is named.
pub fn data(option: &str, arguments: &[String], network: &Network) -> Result<Vec<Tensor>, Failure> {
    let tensors = inputs::read(option, arguments, network)?;
    for (tensor, argument) in tensors.iter().zip(in_order(arguments, network)) {
        let refuse = |problem: String| Err(Message(format!("{option} {argument}: {problem}")).into());
        if tensor.data().is_empty() {
            return refuse(format!("shape {:?} holds no images: expected one or more", tensor.shape()));
        }
        let numbers = tensor.floats().unwrap_or_default();
        if let Some(place) = numbers.iter().position(|number| !number.is_finite()) {
            return refuse(format!("element {place} is {}: expected finite numbers alone", numbers[place]));
        }
    }
    Ok(tensors)
}

/// Arguments that [`inputs::read`] has taken, in the order of the network's inputs.
fn in_order<'a>(arguments: &'a [String], network: &Network) -> Vec<&'a str> {
    let mut slots: Vec<Option<&str>> = vec![None; network.inputs.len()];
    for argument in arguments {
        let named = |name: &str| network.inputs.iter().position(|&id| network.tensor(id).name == name);
        let named = argument.split_once('=').and_then(|(name, _)| named(name));
        if let Some(slot) = named.or_else(|| slots.iter().position(Option::is_none)) {
            slots[slot] = Some(argument);
        }
    }
    slots.into_iter().flatten().collect()
}

/// Reads labels from an option: one class of the network's first output for each image.
///
/// # Errors
/// Files that cannot be read, have no integers, another shape than one label for each image, or a label that is no class.
pub fn labels(option: &str, path: &Path, network: &Network, tensors: &[Tensor]) -> Result<Vec<i64>, Failure> {
    let place = format!("{option} {}", path.display());
    let refuse = |problem: String| Failure::from(Message(format!("{place}: {problem}")));
    let array = npy::read(path)?;
    let (found, images) = (array.elements.type_name(), images(tensors));
    let array = Tensor::try_from(array)?;
    let labels =
        array.i64s().ok_or_else(|| refuse(format!("labels of {found}, expected integers: convert them with .astype")))?;
    if array.shape().len() != 1 {
        return Err(refuse(format!("labels of shape {:?}, expected [{images}]: one for each image", array.shape())));
    }
    let shapes: Vec<Vec<usize>> = tensors.iter().map(|tensor| tensor.shape().to_vec()).collect();
    let known = network.known(&shapes)?;
    let output = network.outputs.first().and_then(|output| known[output.0].dims.as_ref());
    let output: Option<Vec<usize>> = output.and_then(|dims| dims.iter().map(|dim| dim.fixed()).collect());
    // Shapes that follow from values are known only when the network has run; then its labels are looked at again.
    let (rows, classes) = match output.as_deref().map(<[usize]>::split_last) {
        Some(Some((&classes, rows))) => (Some(rows.iter().product::<usize>()), classes.max(1)),
        _ => (None, usize::MAX),
    };
    check_labels(&labels, images, classes).map_err(|error: PlannerError| refuse(error.to_string()))?;
    if let Some(rows) = rows.filter(|&rows| rows != images) {
        return Err(refuse(format!(
            "the network's first output has {rows} rows of {classes} values for {images} images: expected one for each"
        )));
    }
    Ok(labels)
}
