//! The planner's front, as `crumb plan --front --json` prints it.

use serde::{Deserialize, Serialize};

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
    /// It is of another machine.
    #[error("its plans are for '{found}', the report is of '{expected}'; plan for that, or give --config {found}")]
    Config {
        /// The front's.
        found: String,
        /// The report's.
        expected: String,
    },
    /// It is of another network.
    #[error("its plans are of {found} layers, the network of the report has {expected}; plan that one")]
    Layers {
        /// The front's.
        found: usize,
        /// The report's.
        expected: usize,
    },
}

impl Front {
    /// Reads a front for a network of so many layers on a configuration.
    ///
    /// # Errors
    /// If it is none, or of another network or machine.
    pub fn parse(text: &str, config: &str, layers: usize) -> Result<Self, FrontError> {
        let front: Self = serde_json::from_str(text)?;
        if front.config != config {
            return Err(FrontError::Config { found: front.config, expected: config.to_owned() });
        }
        if front.front.is_empty() {
            return Err(FrontError::Empty);
        }
        match front.front.iter().find(|point| point.pairs.len() != layers) {
            Some(point) => Err(FrontError::Layers { found: point.pairs.len(), expected: layers }),
            None => Ok(front),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fronts_of_other_networks_and_machines_are_refused() {
        let front = Front {
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
        };
        let text = serde_json::to_string(&front).unwrap();
        assert_eq!(Front::parse(&text, "small", 1).unwrap(), front);
        let refused = |text: &str, config, layers| Front::parse(text, config, layers).unwrap_err().to_string();
        assert!(refused(&text, "large", 1).ends_with("plan for that, or give --config small"));
        assert!(refused(&text, "small", 2).starts_with("its plans are of 1 layers, the network of the report has 2"));
        let empty = serde_json::to_string(&Front { front: vec![], ..front }).unwrap();
        assert_eq!(refused(&empty, "small", 1), "it has no front; make it with crumb plan --front --json");
        assert!(refused("{}", "small", 1).ends_with("make it with crumb plan --front --json"));
    }
}
