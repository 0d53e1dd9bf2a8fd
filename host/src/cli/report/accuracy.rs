//! Accuracies for a report: labelled images, and the reference on them at each plan.

use crate::cli::Failure;
use crate::cli::estimate::options::LayerOptions;
use crate::cli::estimate::source::Source;
use crate::cli::files::at;
use crate::cli::labelled;
use crate::cli::options::Message;
use crate::digits;
use crate::network::{Network, PrecisionPlan, Tensor};
use crate::planner::loss::outputs;
use std::path::Path;

/// Images and what is on them.
pub struct Labelled {
    inputs: Vec<Tensor>,
    labels: Vec<i64>,
    /// What they are.
    pub what: String,
    /// Where the labels come from.
    place: String,
}

impl Labelled {
    /// Those that are given, or the embedded network's; `None` if there are none.
    ///
    /// # Errors
    /// Files that cannot be read or do not fit the model, and data for a table.
    pub fn read(source: &Source, layers: &LayerOptions, data: &[String], labels: Option<&Path>) -> Result<Option<Self>, Failure> {
        let Some(network) = source.network() else {
            return match labels {
                Some(_) => Err(Message("--data, --labels: a table has no weights to classify with; give a model".into()).into()),
                None => Ok(None),
            };
        };
        if let Some(path) = labels {
            let inputs = labelled::data("--data", data, network)?;
            let labels = labelled::labels("--labels", path, network, &inputs)?;
            let place = format!("--labels {}", path.display());
            let what = format!("{} images of {}", labels.len(), path.display());
            return Ok(Some(Self { inputs, labels, what, place }));
        }
        if !layers.is_embedded() {
            return Ok(None);
        }
        let digits = digits::load()?;
        let labels: Vec<i64> = digits.labels.into_iter().map(i64::from).collect();
        let what = format!("the {} test images", labels.len());
        Ok(Some(Self { inputs: vec![digits.images], place: what.clone(), what, labels }))
    }

    /// The share of images whose largest output is at their label.
    ///
    /// # Errors
    /// If the network refuses the images or the plan, or labels do not fit.
    pub fn accuracy(&self, network: &Network, plan: &PrecisionPlan) -> Result<f64, Failure> {
        let outputs = outputs(network, &self.inputs, std::slice::from_ref(plan), &|| {})?;
        let correct = outputs.iter().map(|output| output.correct(&self.labels)).sum::<Result<usize, _>>();
        Ok(correct.map_err(at(&self.place))? as f64 / self.labels.len().max(1) as f64)
    }
}
