//! The figures that the literature compares accelerators by, of one precision, plan or baseline.

use super::ratio;
use crate::estimate::network::{LayerEstimate, NetworkEstimate, WeightSource};
use serde::Serialize;

/// What a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// All layers at one pair of widths.
    Uniform,
    /// A plan's file.
    Plan,
    /// What the others are compared with.
    Baseline,
}

/// The first and the last layer together, as shares of all: quantization papers often leave these at 8 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct FirstLast {
    /// Of multiply-accumulates.
    pub macs: Option<f64>,
    /// Of cycles.
    pub cycles: Option<f64>,
    /// Of weight bytes at their widths.
    pub weight_bytes: Option<f64>,
    /// Of energy.
    pub energy: Option<f64>,
}

/// A row. What is not known is `None`, never 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// `a8w8`, the plan's file, or the baseline.
    pub name: String,
    /// What it is of.
    pub kind: Kind,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bit operations: `macs * A * W`.
    pub bops: u64,
    /// The same without those of weights that are 0 at their width; tables have no values, and activations are not looked at.
    pub bops_without_zeros: Option<u64>,
    /// Bytes of the weights if each layer's were stored at its width, as BOPs papers count model size.
    pub weight_bytes: u64,
    /// Bytes of the weights as Crumb stores them: one int8 copy for all precisions.
    pub weight_bytes_stored: Option<u64>,
    /// Bytes that are read from the weight memory.
    pub weight_bytes_read: Option<u64>,
    /// Clock cycles; no fewer than these if they are not exact.
    pub cycles: Option<u64>,
    /// Whether cycles are exact.
    pub exact: bool,
    /// Time at the report's clock.
    pub milliseconds: Option<f64>,
    /// Cycles of all layers at 8 bits, over these.
    pub speedup: Option<f64>,
    /// Two operations for each multiply-accumulate, over the time.
    pub tops: Option<f64>,
    /// The share of the array's bit operations that are the network's.
    pub utilisation: Option<f64>,
    /// Energy, external memory included.
    pub energy_uj: Option<f64>,
    /// The energy file.
    pub energy_table: String,
    /// What happens and has no figure there: the energy is a lower bound if there is any.
    pub energy_missing: Vec<String>,
    /// Energy of all layers at 8 bits by the same file, over this.
    pub energy_gain: Option<f64>,
    /// Two operations for each multiply-accumulate, over the energy.
    pub tops_per_watt: Option<f64>,
    /// Share of labelled images that are classified correctly.
    pub accuracy: Option<f64>,
    /// Shares of the first and the last layer.
    pub first_last: FirstLast,
}

/// Weights of a layer; none if they are another layer's result.
pub fn weights(layer: &LayerEstimate) -> u64 {
    if layer.weights == WeightSource::Computed { 0 } else { layer.k * layer.n * layer.groups }
}

/// Bits of a layer's weights at the width that its sums come from.
fn weight_bits(layer: &LayerEstimate) -> u64 {
    weights(layer) * u64::from(layer.report.precision.effective_weight_bits())
}

/// The share of the first and the last layer in all.
fn share(layers: &[LayerEstimate], of: impl Fn(&LayerEstimate) -> f64) -> Option<f64> {
    let all: f64 = layers.iter().map(&of).sum();
    let ends: f64 = match layers {
        [] => return None,
        [only] => of(only),
        [first, .., last] => of(first) + of(last),
    };
    ratio(ends, all)
}

fn picojoules(layer: &LayerEstimate) -> Option<f64> {
    layer.cost.energy.as_ref().map(crate::energy::Estimate::total)
}

impl Metrics {
    /// Whether its cycles are a lower bound, and what follows from them no more than that.
    pub const fn is_bound(&self) -> bool {
        self.cycles.is_some() && !self.exact
    }

    /// The figures of an estimate at a clock in MHz; what needs values of weights, labels or other rows is not filled in.
    pub fn of(name: &str, kind: Kind, estimate: &NetworkEstimate, clock_mhz: f64, energy_table: &str) -> Self {
        let (layers, total) = (&estimate.layers, &estimate.total);
        let seconds = total.cycles as f64 / (1e6 * clock_mhz);
        let energy_pj = total.energy.as_ref().map(crate::energy::Estimate::total);
        let operations = 2.0 * total.macs as f64;
        let missing = total.energy.iter().flat_map(|energy| &energy.missing).map(|&name| name.to_owned());
        Self {
            name: name.to_owned(),
            kind,
            macs: total.macs,
            bops: total.bops,
            bops_without_zeros: None,
            weight_bytes: layers.iter().map(weight_bits).sum::<u64>().div_ceil(8),
            weight_bytes_stored: Some(layers.iter().map(weights).sum()),
            weight_bytes_read: Some(total.traffic.bits.weight_bits_read / 8),
            cycles: Some(total.cycles),
            exact: total.exact,
            milliseconds: Some(1e3 * seconds),
            speedup: None,
            tops: ratio(operations / 1e12, seconds),
            utilisation: Some(total.roofline.utilisation),
            energy_uj: energy_pj.map(|pj| pj / 1e6),
            energy_table: energy_table.to_owned(),
            energy_missing: missing.collect(),
            energy_gain: None,
            tops_per_watt: energy_pj.and_then(|pj| ratio(operations, pj)),
            accuracy: None,
            first_last: FirstLast {
                macs: share(layers, |layer| layer.cost.macs as f64),
                cycles: share(layers, |layer| layer.cost.cycles as f64),
                weight_bytes: share(layers, |layer| weight_bits(layer) as f64),
                energy: energy_pj.and_then(|_| share(layers, |layer| picojoules(layer).unwrap_or(0.0))),
            },
        }
    }

    /// Fills in what compares rows: each with all layers at 8 bits, energies only by the same file.
    pub fn compare(rows: &mut [Self]) {
        // A plan's file may have any name.
        let all_eight = |row: &&Self| row.kind != Kind::Plan && row.name.starts_with(ALL_EIGHT);
        let eight: Vec<Self> = rows.iter().filter(all_eight).cloned().collect();
        for row in rows {
            let cycles = eight.iter().find_map(|eight| eight.cycles);
            row.speedup = cycles.zip(row.cycles).and_then(|(eight, own)| ratio(eight as f64, own as f64));
            let energy = eight.iter().find(|eight| eight.energy_table == row.energy_table).and_then(|eight| eight.energy_uj);
            row.energy_gain = energy.zip(row.energy_uj).and_then(|(eight, own)| ratio(eight, own));
        }
    }
}

/// The precision that others are compared with.
pub const ALL_EIGHT: &str = "a8w8";
