//! The planner's front, as `crumb plan --front --json` prints it.

use crate::planner::Metric;
use serde::{Deserialize, Serialize};
use std::fs;

/// Plans of which none is better than another in both cost and loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Front {
    /// The model that was planned.
    pub model: String,
    /// The configuration that it was planned for.
    pub config: String,
    /// Images that a run has.
    pub batch: usize,
    /// What plans were measured on.
    pub test: String,
    /// What is lost.
    pub loss: String,
    /// The cost that the front is of.
    pub metric: String,
    /// Its plans, the cheapest first.
    pub front: Vec<Point>,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its place on the front.
    pub name: String,
    /// The pair of each layer.
    pub pairs: Vec<String>,
    /// Cycles that the machine counted.
    pub measured_cycles: u64,
    /// Bit operations.
    pub bops: u64,
    /// Bytes of the weights at their widths.
    pub weight_bytes: u64,
    /// Energy without external memory, if it is known.
    pub energy_nj: Option<f64>,
    /// Loss on the test data.
    pub measured_loss: f64,
    /// Share of images classified correctly.
    pub measured_accuracy: Option<f64>,
}

/// A front that is not one, or not of this report.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// The file is not what the planner prints.
    #[error("{0}; make it with crumb plan --front --json")]
    Json(#[from] serde_json::Error),
    /// There is no plan in it.
    #[error("it has no front; make it with crumb plan --front --json")]
    Empty,
    /// It is of another cost than the charts are over.
    #[error(
        "its front is of {found:?}, expected {:?}, which its charts are over; make it with crumb plan --front --json, without --budget or \
         with --budget cycles=...",
        Metric::Cycles.key()
    )]
    Metric {
        /// The front's.
        found: String,
    },
    /// A value that no plan has.
    #[error("{place}: {name} is {found}, expected {expected}; make it with crumb plan --front --json")]
    Value {
        /// Where: the front, or one of its plans.
        place: String,
        /// The value's name.
        name: &'static str,
        /// The value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// It is of another network.
    #[error("its plans are of '{found}', the report is of '{expected}'; plan that one, or give both commands the same path")]
    Model {
        /// The front's.
        found: String,
        /// The report's.
        expected: String,
    },
    /// It is of another machine.
    #[error("its plans are for '{found}', the report is of '{expected}'; plan for that, or give --config {found}")]
    Config {
        /// The front's.
        found: String,
        /// The report's.
        expected: String,
    },
    /// It is of another version of the network.
    #[error("its plans are of {found} layers, the network of the report has {expected}; plan that one")]
    Layers {
        /// The front's.
        found: usize,
        /// The report's.
        expected: usize,
    },
}

impl Front {
    /// Reads a front over cycles for a network of this name and so many layers on a configuration.
    ///
    /// # Errors
    /// If it is none, of another network, machine or cost, or has values that no plan has.
    pub fn parse(text: &str, model: &str, config: &str, layers: usize) -> Result<Self, FrontError> {
        let front: Self = serde_json::from_str(text)?;
        if !is_same_model(&front.model, model) {
            return Err(FrontError::Model { found: front.model, expected: model.to_owned() });
        }
        if front.config != config {
            return Err(FrontError::Config { found: front.config, expected: config.to_owned() });
        }
        if front.front.is_empty() {
            return Err(FrontError::Empty);
        }
        if front.metric != Metric::Cycles.key() {
            return Err(FrontError::Metric { found: front.metric });
        }
        if front.batch == 0 {
            let (place, found) = ("the front".to_owned(), front.batch.to_string());
            return Err(FrontError::Value { place, name: "batch", found, expected: "at least 1" });
        }
        front.front.iter().try_for_each(Point::check)?;
        match front.front.iter().find(|point| point.pairs.len() != layers) {
            Some(point) => Err(FrontError::Layers { found: point.pairs.len(), expected: layers }),
            None => Ok(front),
        }
    }
}

impl Point {
    /// Refuses values that no plan has, and that no chart could show.
    fn check(&self) -> Result<(), FrontError> {
        let refuse = |name, found: f64, expected| {
            let (place, found) = (format!("plan {:?}", self.name), format!("{found:e}"));
            Err(FrontError::Value { place, name, found, expected })
        };
        // Cross-entropy over that of the widest plan may be below 0.
        if !(-MOST_LOSS..=MOST_LOSS).contains(&self.measured_loss) {
            return refuse("measured_loss", self.measured_loss, "a number from -1e12 to 1e12");
        }
        match self.measured_accuracy {
            Some(share) if !(0.0..=1.0).contains(&share) => refuse("measured_accuracy", share, "a share from 0 to 1"),
            _ => Ok(()),
        }
    }
}

/// Losses are errors relative to the output, or nats: none that means something is beyond this.
const MOST_LOSS: f64 = 1e12;

/// Whether two names are of one model: the same name, or paths to one file.
fn is_same_model(a: &str, b: &str) -> bool {
    a == b || matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front() -> Front {
        Front {
            model: "digits".into(),
            config: "small".into(),
            batch: 1,
            test: "450 test images".into(),
            loss: "relative error of the output".into(),
            metric: "cycles".into(),
            front: vec![Point {
                name: "1".into(),
                pairs: vec!["a8w8".into()],
                measured_cycles: 9,
                bops: 64,
                weight_bytes: 1,
                energy_nj: None,
                measured_loss: 0.0,
                measured_accuracy: None,
            }],
        }
    }

    #[test]
    fn one_file_has_many_paths() {
        let folder = tempfile::tempdir().unwrap();
        let (model, other) = (folder.path().join("m.onnx"), folder.path().join("n.onnx"));
        fs::write(&model, "").unwrap();
        fs::write(&other, "").unwrap();
        let around = folder.path().join(".").join("m.onnx");
        let same = |a: &std::path::Path, b: &std::path::Path| is_same_model(a.to_str().unwrap(), b.to_str().unwrap());
        assert!(same(&model, &around) && !same(&model, &other));
        assert!(is_same_model("none.onnx", "none.onnx") && !is_same_model("none.onnx", "neither.onnx"));
    }

    #[test]
    fn values_that_no_plan_has_are_refused() {
        let parsed = |front: &Front| Front::parse(&serde_json::to_string(front).unwrap(), "digits", "small", 1);
        let refused = |front: Front| parsed(&front).unwrap_err().to_string();
        let with = |change: fn(&mut Point)| {
            let mut front = front();
            front.front.iter_mut().for_each(change);
            front
        };
        for metric in ["energy", "bops", "weight-bytes", ""] {
            let said = refused(Front { metric: metric.into(), ..front() });
            assert!(said.starts_with(&format!("its front is of {metric:?}, expected \"cycles\"")), "{said}");
        }
        assert!(refused(Front { batch: 0, ..front() }).starts_with("the front: batch is 0, expected at least 1;"));
        let said = refused(with(|point| point.measured_accuracy = Some(1e300)));
        assert!(said.starts_with("plan \"1\": measured_accuracy is 1e300, expected a share from 0 to 1;"), "{said}");
        assert!(parsed(&with(|point| point.measured_accuracy = Some(-1e-9))).is_err());
        assert!(parsed(&with(|point| point.measured_loss = 1e13)).is_err());
        // The ends of each range, and a loss that cross-entropy may have.
        for (loss, accuracy) in [(0.0, 0.0), (5e-324, 1.0), (-0.25, 0.5)] {
            let mut front = front();
            front.front[0].measured_loss = loss;
            front.front[0].measured_accuracy = Some(accuracy);
            assert_eq!(parsed(&front).unwrap(), front);
        }
    }

    #[test]
    fn fronts_of_other_networks_and_machines_are_refused() {
        let front = front();
        let text = serde_json::to_string(&front).unwrap();
        assert_eq!(Front::parse(&text, "digits", "small", 1).unwrap(), front);
        let refused = |text: &str, config, layers| Front::parse(text, "digits", config, layers).unwrap_err().to_string();
        let of_another = Front::parse(&text, "lenet.onnx", "small", 1).unwrap_err().to_string();
        assert!(
            of_another.starts_with("its plans are of 'digits', the report is of 'lenet.onnx'; plan that one"),
            "{of_another}"
        );
        assert!(refused(&text, "large", 1).ends_with("plan for that, or give --config small"));
        assert!(refused(&text, "small", 2).starts_with("its plans are of 1 layers, the network of the report has 2"));
        let empty = serde_json::to_string(&Front { front: vec![], ..front }).unwrap();
        assert_eq!(refused(&empty, "small", 1), "it has no front; make it with crumb plan --front --json");
        assert!(refused("{}", "small", 1).ends_with("make it with crumb plan --front --json"));
    }
}
