//! What a plan is made and measured on: the network, calibration data, test data, and the images that the machine runs.

use super::Plan;
use crate::cli::Failure;
use crate::cli::files::read;
use crate::cli::labelled::{self, images};
use crate::cli::options::Message;
use crate::digits;
use crate::network::{Network, NetworkError, Tensor};
use crate::planner::loss::Loss;
use std::path::PathBuf;

/// A network and its data.
pub struct Data {
    /// The model's file, or `digits`.
    pub name: String,
    /// The network.
    pub network: Network,
    /// What sensitivities are measured on.
    pub calibration: Vec<Tensor>,
    /// Their labels.
    pub labels: Option<Vec<i64>>,
    /// What plans are measured on, if that is something else.
    pub test: Option<Vec<Tensor>>,
    test_labels: Option<Vec<i64>>,
    /// What the machine runs.
    pub batch: Vec<Tensor>,
    /// Images of that.
    pub images: usize,
}

impl Data {
    /// Reads what the arguments name, or the embedded network's.
    ///
    /// # Errors
    /// If files cannot be read or do not fit.
    pub fn read(arguments: &Plan) -> Result<Self, Failure> {
        let Some(path) = &arguments.model else { return Self::digits(arguments.batch) };
        refuse_missing(arguments)?;
        let network = arguments.constants.import(&read(path)?, path)?.network;
        let calibration = labelled::data("--data", &arguments.data, &network)?;
        let test = if arguments.test.is_empty() { None } else { Some(labelled::data("--test", &arguments.test, &network)?) };
        let read = |option: &str, path: &Option<PathBuf>, data: &[Tensor]| {
            path.as_deref().map(|path| labelled::labels(option, path, &network, data)).transpose()
        };
        let labels = read("--labels", &arguments.labels, &calibration)?;
        let test_labels = read("--test-labels", &arguments.test_labels, test.as_deref().unwrap_or(&calibration))?;
        let (batch, images) = first(&calibration, arguments.batch)?;
        Ok(Self { name: path.display().to_string(), network, calibration, labels, test, test_labels, batch, images })
    }

    fn digits(batch: usize) -> Result<Self, Failure> {
        let digits = digits::load()?;
        let (images, labels) = digits::calibration()?;
        let wide = |labels: Vec<u8>| Some(labels.into_iter().map(i64::from).collect());
        let test = vec![digits.images];
        let (batch, count) = first(&test, batch)?;
        Ok(Self {
            name: "digits".into(),
            network: digits.network,
            calibration: vec![images],
            labels: wide(labels),
            test: Some(test),
            test_labels: wide(digits.labels),
            batch,
            images: count,
        })
    }

    /// Labels of what plans are measured on.
    pub fn test_labels(&self) -> Option<&[i64]> {
        if self.test.is_some() { self.test_labels.as_deref() } else { self.labels.as_deref() }
    }

    /// Images of the calibration data.
    pub fn calibration_images(&self) -> usize {
        images(&self.calibration)
    }

    /// What plans are measured on, in words.
    pub fn test_phrase(&self) -> String {
        match &self.test {
            Some(test) => format!("{} test images", images(test)),
            None => "the calibration images themselves".into(),
        }
    }
}

/// Cross-entropy is of labels, wherever it is measured: given sensitivities are not measured, and plans are measured on test data, if any.
fn refuse_missing(arguments: &Plan) -> Result<(), Failure> {
    let measured = [
        ("--labels", arguments.labels.is_some(), arguments.sensitivities.is_none() || arguments.test.is_empty()),
        ("--test-labels", arguments.test_labels.is_some(), !arguments.test.is_empty()),
    ];
    let missing = measured.into_iter().find(|(_, given, wanted)| *wanted && !given);
    match missing.filter(|_| arguments.loss == Loss::CrossEntropy) {
        Some((option, ..)) => Err(Message(format!(
            "--loss cross-entropy: it is of labels, and there are no {option}: give them, or another --loss"
        ))
        .into()),
        None => Ok(()),
    }
}

/// The first images of each tensor, and how many.
fn first(tensors: &[Tensor], batch: usize) -> Result<(Vec<Tensor>, usize), Failure> {
    let available = images(tensors);
    if batch > available {
        return Err(Message(format!("--batch {batch}: there are {available} images in the data; ask for no more")).into());
    }
    // What has another first axis is no batch of images, and stays whole.
    let part = |tensor: &Tensor| match tensor.shape().split_first() {
        Some((&count, rest)) if count == available => tensor.part(0, [&[batch], rest].concat()),
        _ => Ok(tensor.clone()),
    };
    let tensors: Result<Vec<Tensor>, NetworkError> = tensors.iter().map(part).collect();
    Ok((tensors?, batch))
}
