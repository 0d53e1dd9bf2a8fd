//! Shapes of a network's inputs: those that the user gives, those that the file fixes, and 1 for a batch that it leaves open.

use crate::cli::Failure;
use crate::cli::options::Message;
use crate::network::{Dim, Network};
use std::collections::BTreeMap;

/// Shapes of all inputs, as far as they are known.
pub struct InputShapes {
    /// One for each input; `None` if some size is open.
    pub sizes: Option<Vec<Vec<usize>>>,
    /// What was assumed, or what is missing, in words.
    pub note: Option<String>,
}

/// An `--input-shape` argument: `NAME=1x3x224x224`, or without a name if there is one input.
fn parse(argument: &str, names: &[&str]) -> Result<(String, Vec<usize>), Message> {
    let (name, text) = match (argument.rsplit_once('='), names) {
        (Some((name, text)), _) => (name, text),
        (None, [only]) => (*only, argument),
        (None, _) => return Err(Message(format!("--input-shape {argument}: say which input: NAME={argument}"))),
    };
    if !names.contains(&name) {
        let known = names.join(", ");
        return Err(Message(format!("--input-shape {argument}: the model has no input {name:?}; its inputs are {known}")));
    }
    let sizes: Result<Vec<usize>, _> = text.split('x').filter(|_| !text.is_empty()).map(str::parse).collect();
    match sizes {
        Ok(sizes) => Ok((name.to_string(), sizes)),
        Err(_) => Err(Message(format!("--input-shape {argument}: {text:?} is no shape; write sizes as 1x3x224x224"))),
    }
}

/// The shapes of a network's inputs; `what` is what is made of them, in notes.
///
/// # Errors
/// Arguments that are no shapes, or name no input.
pub fn of(network: &Network, arguments: &[String], what: &str) -> Result<InputShapes, Failure> {
    let names: Vec<&str> = network.inputs.iter().map(|&id| network.tensor(id).name.as_str()).collect();
    let mut given = BTreeMap::new();
    for argument in arguments {
        let (name, sizes) = parse(argument, &names)?;
        if given.insert(name.clone(), sizes).is_some() {
            return Err(Message(format!("--input-shape {argument}: {name} has a shape already; give each input once")).into());
        }
    }
    let mut open = Vec::new();
    let mut shapes: Vec<Option<Vec<usize>>> = Vec::new();
    for &id in &network.inputs {
        let info = network.tensor(id);
        let declared = || {
            let dims = info.shape.as_ref()?;
            let size = |(axis, dim): (usize, &Dim)| {
                dim.fixed().unwrap_or_else(|| {
                    let name = if matches!(dim, Dim::Unknown) { format!("axis {axis}") } else { dim.to_string() };
                    open.push(name);
                    1
                })
            };
            Some(dims.iter().enumerate().map(size).collect())
        };
        shapes.push(given.remove(&info.name).or_else(declared));
    }
    open.sort();
    open.dedup();
    let (sizes, note) = match (shapes.into_iter().collect::<Option<Vec<_>>>(), open.as_slice()) {
        (sizes @ Some(_), []) => (sizes, None),
        (sizes @ Some(_), [one]) => (sizes, Some(format!("{what} for {one} = 1; others: --input-shape NAME=1x3x224x224"))),
        (Some(_), several) => {
            let several = several.join(", ");
            (None, Some(format!("no {what}, as sizes are open ({several}): give --input-shape NAME=1x3x224x224")))
        }
        (None, _) => (None, Some(format!("no {what}, as an input has no shape: give --input-shape NAME=1x3x224x224"))),
    };
    Ok(InputShapes { sizes, note })
}
