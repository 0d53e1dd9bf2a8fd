//! What a network costs on a machine, layer by layer: every counter, all traffic, and what bounds it, without running it.
//!
//! ```text
//!   model + plan ---\                                     /--> counters, as the simulator counts them
//!                    Workload: products without data --> Costs --> traffic: counters times widths
//!   layer table ----/                                     \--> roofline: what each part alone would need
//! ```

mod energy;
mod error;
mod model;
mod roofline;
mod traffic;
mod workload;

pub use energy::NetworkEnergyError;
pub use error::EstimateError;
pub use model::{Mode, Model};
pub use roofline::{Bound, Resources, Roofline};
pub use traffic::{Dram, StreamIn, Traffic};
pub use workload::{LayerWork, WeightSource, Workload};

use super::product::{ActShare, Cost, Costs};
use crate::energy::Estimate;
use crate::network::machine::LayerReport;
use crumb_arch::precision::ActBits;
use crumb_arch::{ArrayConfig, Counter, Counters};
use roofline::Work;
use serde::{Serialize, Serializer};

/// Layers whose products are computed together, on all cores, before the first of them is told of.
const TOGETHER: usize = 64;

/// What was counted, and what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bit operations: `macs * A * W`.
    pub bops: u64,
    /// Clock cycles: exact, or no fewer than these.
    pub cycles: u64,
    /// Whether they are exact: a DRAM that may hold the streams back makes them a lower bound.
    pub exact: bool,
    /// Every counter of the machine, with a DRAM that never holds it back.
    #[serde(serialize_with = "named")]
    pub counters: Counters,
    /// What moves.
    pub traffic: Traffic,
    /// What bounds it.
    pub roofline: Roofline,
    /// Its energy, if an energy file was given ([`NetworkEstimate::add_energy`]).
    #[serde(rename = "energy_pj", skip_serializing_if = "Option::is_none")]
    pub energy: Option<Estimate>,
}

/// A layer's estimate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerEstimate {
    /// Its name.
    pub name: String,
    /// `a4w2`.
    pub precision: String,
    /// Width of its activations.
    pub act_bits: u8,
    /// Width of its weights.
    pub weight_bits: u8,
    /// Rows of each of its products.
    pub m: u64,
    /// Length of the dot products.
    pub k: u64,
    /// Columns of each product.
    pub n: u64,
    /// Products.
    pub groups: u64,
    /// Where its weights come from.
    pub weights: WeightSource,
    /// Why its sums are read out, if the machine does not requantize them.
    pub read_out: Option<String>,
    /// What it costs.
    #[serde(flatten)]
    pub cost: Summary,
    /// Tiles and busy cycles at each activation width, in the order of [`ActBits::ALL`].
    #[serde(skip)]
    pub by_act: [ActShare; ActBits::ALL.len()],
    /// What a run of it reports, counters included.
    #[serde(skip)]
    pub report: LayerReport,
}

/// A network's estimate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkEstimate {
    /// Its layers, in the order in which they run.
    pub layers: Vec<LayerEstimate>,
    /// Their sums.
    pub total: Summary,
    /// Addresses of the weight memory that hold resident weights, uploaded before the first run.
    pub resident_words: usize,
}

/// Counters by their names, in their order.
fn named<S: Serializer>(counters: &Counters, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counters.iter().map(|(counter, value)| (counter.name(), value)))
}

impl Costs<'_> {
    /// What a layer costs: the reading of the counters behind it, and each of its products.
    ///
    /// # Errors
    /// A product that the machine's host refuses, or counts beyond 64 bits.
    pub fn layer(&mut self, layer: &LayerWork) -> Result<Cost, EstimateError> {
        let name = || layer.report.name.clone();
        let large = || EstimateError::Large { layer: name() };
        let mut sum = self.reading().checked_mul(layer.readings).ok_or_else(large)?;
        for (product, times) in &layer.products {
            let cost =
                self.product(product).map_err(|source| EstimateError::Product { layer: name(), source: Box::new(source) })?;
            sum = cost.checked_mul(*times).and_then(|cost| sum.checked_add(cost)).ok_or_else(large)?;
        }
        Ok(sum)
    }

    /// Estimates a network, with DRAM that is fast enough or has a bandwidth.
    ///
    /// # Errors
    /// As [`Costs::layer`], for the first layer that fails.
    pub fn network(&mut self, workload: &Workload, dram: Option<Dram>) -> Result<NetworkEstimate, EstimateError> {
        self.watched(workload, dram, &|| {})
    }

    /// The same, telling `done` of each layer.
    ///
    /// # Errors
    /// As [`Costs::network`].
    pub fn watched(
        &mut self,
        workload: &Workload,
        dram: Option<Dram>,
        done: &dyn Fn(),
    ) -> Result<NetworkEstimate, EstimateError> {
        let config = self.config();
        let mut total = Sum::default();
        let mut layers = Vec::with_capacity(workload.layers.len());
        for (index, layer) in workload.layers.iter().enumerate() {
            if index.is_multiple_of(TOGETHER) {
                let next = workload.layers[index..].iter().take(TOGETHER);
                self.prepare(next.flat_map(|layer| layer.products.iter().map(|(product, _)| product)));
            }
            let cost = self.layer(layer)?;
            let large = || EstimateError::Large { layer: layer.report.name.clone() };
            let sum = Sum::of(layer, cost);
            let summary = sum.summary(config, dram, None).ok_or_else(large)?;
            total = total.checked_add(sum).ok_or_else(large)?;
            layers.push(LayerEstimate::of(layer, summary, cost.by_act));
            done();
        }
        let last = || EstimateError::Large { layer: layers.last().map_or_else(String::new, |layer| layer.name.clone()) };
        let total = total.summary(config, dram, Some(&layers)).ok_or_else(last)?;
        Ok(NetworkEstimate { layers, total, resident_words: workload.resident_words })
    }
}

impl LayerEstimate {
    fn of(layer: &LayerWork, cost: Summary, by_act: [ActShare; ActBits::ALL.len()]) -> Self {
        let report = LayerReport { counters: cost.counters, ..layer.report.clone() };
        let [m, k, n] = layer.size;
        Self {
            name: report.name.clone(),
            precision: report.precision(),
            act_bits: report.precision.act_bits,
            weight_bits: report.precision.weight_bits,
            m,
            k,
            n,
            groups: layer.groups,
            weights: layer.weights,
            read_out: report.read_out.map(|reason| reason.to_string()),
            cost,
            by_act,
            report,
        }
    }
}

/// Work and its cost.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    macs: u64,
    bops: u64,
    lane_bops: u64,
    cost: Cost,
}

impl Sum {
    fn of(layer: &LayerWork, cost: Cost) -> Self {
        let report = &layer.report;
        Self { macs: report.macs, bops: report.bops(), lane_bops: report.lane_bops(), cost }
    }

    fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            macs: self.macs.checked_add(other.macs)?,
            bops: self.bops.checked_add(other.bops)?,
            lane_bops: self.lane_bops.checked_add(other.lane_bops)?,
            cost: self.cost.checked_add(other.cost)?,
        })
    }

    /// What follows, for a layer or for several that run one after the other; none if it leaves 64 bits.
    fn summary(&self, config: &ArrayConfig, dram: Option<Dram>, layers: Option<&[LayerEstimate]>) -> Option<Summary> {
        let Self { macs, bops, lane_bops, cost } = *self;
        let traffic = Traffic::of(&cost.counters, config)?;
        let resources = Resources::of(&cost, &traffic, config, dram)?;
        let (cycles, bound) = match layers {
            None => (cost.counters[Counter::Cycles].max(resources.dram), resources.bound()),
            Some(layers) => {
                let cycles = layers.iter().try_fold(0_u64, |sum, layer| sum.checked_add(layer.cost.cycles))?;
                (cycles, Bound::of_all(layers.iter().map(|layer| &layer.cost.roofline)))
            }
        };
        let work = Work { macs, bops: lane_bops, padded_bops: cost.padded_bops, dram_bytes: traffic.dram_bytes };
        Some(Summary {
            macs,
            bops,
            cycles,
            exact: dram.is_none_or(|dram| dram.keeps_up(config)),
            counters: cost.counters,
            traffic,
            roofline: Roofline::of(resources, bound, work, cycles, config),
            energy: None,
        })
    }
}
