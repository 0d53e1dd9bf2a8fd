//! Other accelerators' cycles for the same layers.

use crate::estimate::bit_fusion::{self, BitFusion};
use crate::estimate::layers::{LayerError, LayerShape};
use crate::estimate::network::{EstimateError, LayerWork, Workload};
use crate::estimate::scale_sim::{self, Array};
use crumb_arch::ArrayConfig;
use serde::Serialize;

/// What becomes of a convolution's padding in SCALE-Sim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Padding {
    /// Left out, as in the networks that come with SCALE-Sim: fewer outputs than the network has.
    Ignored,
    /// Part of the input: all outputs of the network.
    Included,
}

/// A model of another accelerator.
#[derive(Clone, Copy, Debug)]
pub enum Peer {
    /// SCALE-Sim's weight-stationary array.
    ScaleSim(Array, scale_sim::Padding),
    /// Bit Fusion as published.
    BitFusion,
}

/// A layer there.
#[derive(Clone, Debug, Serialize)]
pub struct PeerLayer {
    /// Its name.
    pub name: String,
    /// `a8w8`.
    pub precision: String,
    /// Multiply-accumulates of the layer.
    pub macs: u64,
    /// Cycles that it takes there.
    #[serde(flatten)]
    pub cost: PeerCost,
}

/// What the model says.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct PeerCost {
    /// Cycles.
    pub cycles: u64,
    /// Cycles of them in which the array computes, where memory is modelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute_cycles: Option<u64>,
    /// Bytes of DRAM read and written, where memory is modelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dram_bytes: Option<u64>,
}

/// A network there.
#[derive(Clone, Debug, Serialize)]
pub struct PeerEstimate {
    /// `a8w8`, a plan's file, or `any`.
    pub precision: String,
    /// Each layer.
    pub layers: Vec<PeerLayer>,
    /// Their sums.
    pub total: PeerTotal,
}

/// Sums over a network.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PeerTotal {
    /// Multiply-accumulates of all layers.
    pub macs: u64,
    /// What the model says.
    #[serde(flatten)]
    pub cost: PeerCost,
}

impl Peer {
    /// SCALE-Sim with the array of a configuration: a PE that takes several words a cycle is as many rows.
    pub fn scale_sim(config: &ArrayConfig, padding: Padding) -> Self {
        let padding = match padding {
            Padding::Ignored => scale_sim::Padding::Ignored,
            Padding::Included => scale_sim::Padding::Included,
        };
        Self::ScaleSim(Array { rows: (config.rows * config.depth) as u64, columns: config.cols as u64 }, padding)
    }

    /// Whether all widths take the same time.
    pub const fn ignores_precision(self) -> bool {
        matches!(self, Self::ScaleSim(..))
    }

    /// The machine in words.
    pub fn machine(self) -> String {
        match self {
            Self::ScaleSim(Array { rows, columns }, _) => format!("SCALE-Sim 3.0.0, weight-stationary, {rows} x {columns}"),
            Self::BitFusion => {
                let BitFusion { rows, columns, dram_bits_per_cycle, .. } = BitFusion::PUBLISHED;
                format!("Bit Fusion, {rows} x {columns} units, DRAM of {dram_bits_per_cycle} bits a cycle")
            }
        }
    }

    /// Its cycles for a network's layers.
    ///
    /// # Errors
    /// A layer that it does not have.
    pub fn estimate(self, precision: String, workload: &Workload) -> Result<PeerEstimate, EstimateError> {
        let mut shapes = Vec::new();
        for layer in &workload.layers {
            let problem =
                "a dilated convolution, or one without elements, is none of this model's; give a table without it (--topology)";
            let shape = layer.shape.as_ref().ok_or_else(|| LayerError::new(&layer.report.name, problem))?;
            shapes.push((layer, shape));
        }
        let costs = match self {
            Self::ScaleSim(array, padding) => {
                let cost = |&(_, shape): &(&LayerWork, &LayerShape)| {
                    let cycles = scale_sim::layer_cycles(shape, array, padding)?;
                    Ok(PeerCost { cycles, ..PeerCost::default() })
                };
                shapes.iter().map(cost).collect::<Result<Vec<_>, LayerError>>()?
            }
            Self::BitFusion => {
                let widths = |layer: &LayerWork| bit_fusion::Precision {
                    activation_bits: layer.report.precision.act_bits.into(),
                    weight_bits: layer.report.precision.effective_weight_bits().into(),
                };
                let layers = shapes.iter().map(|&(layer, shape)| (shape, widths(layer)));
                let estimates = BitFusion::PUBLISHED.network_cycles(layers)?;
                let cost = |estimate: bit_fusion::Estimate| PeerCost {
                    cycles: estimate.cycles,
                    compute_cycles: Some(estimate.compute_cycles),
                    dram_bytes: Some(estimate.dram_read_bits.saturating_add(estimate.dram_write_bits).div_ceil(8)),
                };
                estimates.into_iter().map(cost).collect()
            }
        };
        let mut total = PeerTotal { macs: 0, cost: PeerCost::default() };
        let mut layers = Vec::new();
        for ((layer, shape), cost) in shapes.into_iter().zip(costs) {
            let large = || EstimateError::Large { layer: layer.report.name.clone() };
            total = total.checked_add(shape.macs(), cost).ok_or_else(large)?;
            let precision = if self.ignores_precision() { precision.clone() } else { layer.report.precision() };
            layers.push(PeerLayer { name: layer.report.name.clone(), precision, macs: shape.macs(), cost });
        }
        Ok(PeerEstimate { precision, layers, total })
    }
}

impl PeerTotal {
    fn checked_add(self, macs: u64, cost: PeerCost) -> Option<Self> {
        let add = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, b) => Some(b),
            (a, None) => Some(a),
            (Some(a), Some(b)) => a.checked_add(b).map(Some),
        };
        let cost = PeerCost {
            cycles: self.cost.cycles.checked_add(cost.cycles)?,
            compute_cycles: add(self.cost.compute_cycles, cost.compute_cycles)?,
            dram_bytes: add(self.cost.dram_bytes, cost.dram_bytes)?,
        };
        Some(Self { macs: self.macs.checked_add(macs)?, cost })
    }
}
