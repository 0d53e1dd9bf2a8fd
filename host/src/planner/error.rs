//! Why there is no plan.

use super::costs::Metric;
use crate::backend::BackendError;
use crate::estimate::network::EstimateError;
use crate::network::NetworkError;
use crate::network::machine::MachineRunError;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlannerError {
    /// The network has nothing to plan.
    #[error("the network has no layer on the array, so there is nothing to plan")]
    NoLayers,
    /// The network, its inputs or a plan are refused.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The machine refuses a layer.
    #[error(transparent)]
    Machine(#[from] MachineRunError),
    /// A layer has no estimate.
    #[error(transparent)]
    Estimate(#[from] EstimateError),
    /// The machine cannot be made.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A budget that cannot be read.
    #[error(
        "budget {found:?}: {problem}; expected cycles, bops, energy or weight-bytes, =, and a share of the cost of all layers at their widest (0.5x) or an amount (250000, 1.5M)"
    )]
    Budget {
        /// The text.
        found: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A budget below the cheapest plan.
    #[error(
        "no plan has at most {}: the least possible is {}; all layers at their widest take {}",
        metric.show(*budget), metric.show(*least), metric.show(*full)
    )]
    Infeasible {
        /// What is limited.
        metric: Metric,
        /// The limit.
        budget: u64,
        /// What the cheapest plan takes.
        least: u64,
        /// What all layers at their widest take.
        full: u64,
    },
    /// A cost that is not known.
    #[error("{} of layer {layer:?}: {problem}", metric.key())]
    Cost {
        /// What was asked for.
        metric: Metric,
        /// The layer.
        layer: String,
        /// Why.
        problem: String,
    },
    /// The solver gives up, or its answer is not one.
    #[error("the solver (microlp) found no plan: {0}; another budget may have one")]
    Solver(String),
    /// A sensitivity file that is none, or of another network.
    #[error("{origin}: {problem}")]
    Sensitivities {
        /// The file.
        origin: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Losses that cannot be added up.
    #[error("predicted losses, or the sum of each layer's largest, are infinite or no numbers: they cannot be compared")]
    Losses,
    /// A loss that is none.
    #[error("the {loss} of the network's first output is infinite or no number at some choice of widths: try another --loss")]
    NoLoss {
        /// What was to be measured.
        loss: &'static str,
    },
    /// An output that has no loss.
    #[error("the network's first output is {found}: a loss needs numbers")]
    Output {
        /// What it is.
        found: String,
    },
    /// Labels that do not fit the data.
    #[error("{labels} labels for {images} images: give one for each")]
    Labels {
        /// Labels.
        labels: usize,
        /// Images.
        images: usize,
    },
    /// A loss that needs labels.
    #[error("cross-entropy is of labels: give them, or another --loss")]
    NoLabels,
    /// A label beyond the output.
    #[error("label {label} of image {image}: expected 0 to {}, as the first output has {classes} classes", classes.saturating_sub(1))]
    Label {
        /// The label.
        label: i64,
        /// Where it is among the labels, from 0.
        image: usize,
        /// Length of a row of the output.
        classes: usize,
    },
}
