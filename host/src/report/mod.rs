//! The report: what a network costs at many precisions side by side, as figures, charts and one page.
//!
//! ```text
//!   NetworkEstimate of each precision --metrics--> a row of figures --\
//!   ... layer by layer -----------------------------------------------+--> page: one HTML file, charts as SVG
//!   front of plans, from the planner ---------------------------------/     csv, JSON: the same figures
//! ```
//! Nothing is computed twice: cycles, counters, traffic and energies are those of the estimates, which stand in the JSON whole.

pub mod baseline;
mod chart;
mod columns;
pub mod csv;
mod energy;
pub mod front;
mod layers;
pub mod metrics;
pub mod page;
mod sections;
mod unit;
pub mod zeros;

pub use front::Front;
pub use metrics::{Kind, Metrics};

use crate::estimate::network::NetworkEstimate;
use crumb_arch::ArrayConfig;
use serde::Serialize;

/// What `crumb report` shows.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The model, table or network.
    pub network: String,
    /// What was assumed of its shapes.
    pub note: Option<String>,
    /// The configuration's name.
    pub config: String,
    /// Its sizes.
    pub machine: ArrayConfig,
    /// Bandwidth of the memory behind the streams, if it is limited.
    pub dram_bytes_per_cycle: Option<f64>,
    /// The clock of times, TOPS and leakage.
    pub clock_mhz: f64,
    /// The energy file, and what it is.
    pub energy_table: String,
    /// What that file is and what it leaves out.
    pub energy_about: String,
    /// What accuracies were measured on.
    pub accuracy_on: Option<String>,
    /// A row for each precision and plan, then for each baseline.
    pub metrics: Vec<Metrics>,
    /// Precisions that the network cannot have, and why.
    pub refused: Vec<Refused>,
    /// The precision or plan that is shown layer by layer.
    pub shown: Shown,
    /// Each precision and plan, as `crumb estimate --json` has it.
    pub estimates: Vec<Estimated>,
    /// Plans that no other beats, from the planner.
    pub front: Option<Front>,
}

/// Which estimate is shown layer by layer; its row of the table has the same place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its place among the estimates.
    #[serde(skip)]
    pub index: usize,
}

/// A precision without an estimate.
#[derive(Clone, Debug, Serialize)]
pub struct Refused {
    /// `a2w2`.
    pub precision: String,
    /// Why.
    pub refused: String,
}

/// A precision or plan, and its estimate.
#[derive(Clone, Debug, Serialize)]
pub struct Estimated {
    /// `a8w8`, or the plan's file.
    pub precision: String,
    /// Layers and total.
    #[serde(flatten)]
    pub estimate: NetworkEstimate,
}

impl Report {
    /// The estimate that is shown layer by layer.
    pub fn shown(&self) -> Option<&Estimated> {
        self.estimates.get(self.shown.index)
    }
}

/// `a / b`, if there is something to divide by.
pub(crate) fn ratio(a: f64, b: f64) -> Option<f64> {
    (b > 0.0).then(|| a / b)
}
