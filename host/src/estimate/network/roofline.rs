//! What bounds a layer: the cycles that each part of the machine alone would need, and the largest of them.
//!
//! ```text
//!   MACs/cycle                            ______ peak: every brick busy
//!        |               ________________/______ mapping: K and N in whole tiles
//!        |              /  array, weight bus, drain, streams, DRAM: the slowest one is the roof
//!        |  attained   /
//!        +-------------------------------------- MACs per byte of DRAM
//! ```

use super::traffic::{Dram, StreamIn, Traffic};
use crate::estimate::product::Cost;
use crumb_arch::{ArrayConfig, Counter};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a layer is bound by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// The array: an activation vector enters it in every cycle.
    Array,
    /// The weight bus: tiles load.
    WeightBus,
    /// Drains: accumulators are read.
    Drain,
    /// The input stream, mostly with activations.
    Activations,
    /// The input stream, mostly with weights.
    Weights,
    /// The input stream, mostly with biases and scales.
    Parameters,
    /// The input stream, mostly with headers of commands.
    Commands,
    /// The output stream.
    Output,
    /// The memory behind the streams.
    Dram,
}

impl Bound {
    /// Name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::WeightBus => "weight-bus",
            Self::Drain => "drain",
            Self::Activations => "activations",
            Self::Weights => "weights",
            Self::Parameters => "parameters",
            Self::Commands => "commands",
            Self::Output => "output",
            Self::Dram => "dram",
        }
    }

    /// What bounds most cycles of layers that run one after the other, and their sum.
    pub(super) fn of_all<'r>(layers: impl Iterator<Item = &'r Roofline>) -> (Self, u64) {
        let (mut cycles, mut sum) = (BTreeMap::<_, u64>::new(), 0u64);
        for layer in layers {
            let of_bound = cycles.entry(layer.bound).or_default();
            *of_bound = of_bound.saturating_add(layer.bound_cycles);
            sum = sum.saturating_add(layer.bound_cycles);
        }
        let most = cycles.into_iter().reduce(|most, next| if next.1 > most.1 { next } else { most });
        (most.map_or(Self::Array, |(bound, _)| bound), sum)
    }
}

/// Cycles that each part of the machine would need if it never waited for another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// Activation vectors into the array.
    pub array: u64,
    /// Tiles over the weight bus.
    pub weight_bus: u64,
    /// Reads of accumulators by drains.
    pub drain: u64,
    /// Beats of the input stream, by what they carry.
    pub stream_in: StreamIn,
    /// Beats of the output stream.
    pub stream_out: u64,
    /// Bytes of DRAM over its bandwidth; 0 where none is given.
    pub dram: u64,
}

impl Resources {
    /// The resources of a cost; none if DRAM takes more cycles than 63 bits hold.
    pub fn of(cost: &Cost, traffic: &Traffic, config: &ArrayConfig, dram: Option<Dram>) -> Option<Self> {
        Some(Self {
            array: cost.counters[Counter::Busy],
            weight_bus: cost.weight_bus_cycles,
            drain: cost.drain_cycles,
            stream_in: StreamIn::cycles(&cost.counters, config),
            stream_out: cost.counters[Counter::LinesOut] * config.beats_per_line() as u64,
            dram: dram.map_or(Some(0), |dram| dram.cycles(traffic.dram_bytes))?,
        })
    }

    /// The largest, and its cycles; of equal ones the first.
    pub fn bound(&self) -> (Bound, u64) {
        let StreamIn { activations, weights, parameters, commands } = self.stream_in;
        let kinds = [
            (Bound::Activations, activations),
            (Bound::Weights, weights),
            (Bound::Parameters, parameters),
            (Bound::Commands, commands),
        ];
        let largest = |first: (Bound, u64), next: (Bound, u64)| if next.1 > first.1 { next } else { first };
        let (kind, _) = kinds.into_iter().fold(kinds[0], largest);
        let rest = [
            (Bound::WeightBus, self.weight_bus),
            (Bound::Drain, self.drain),
            (kind, self.stream_in.sum()),
            (Bound::Output, self.stream_out),
            (Bound::Dram, self.dram),
        ];
        rest.into_iter().fold((Bound::Array, self.array), largest)
    }
}

/// A layer, or all layers, under the roofs of its machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Roofline {
    /// Cycles that each part alone would need.
    pub resource_cycles: Resources,
    /// The part that needs most; of several layers, the one that bounds most cycles.
    pub bound: Bound,
    /// What it needs: no schedule takes fewer cycles with this traffic. Layers run one after the other, so theirs add up.
    pub bound_cycles: u64,
    /// Multiply-accumulates for each byte of DRAM.
    pub macs_per_byte: f64,
    /// Multiply-accumulates a cycle with every brick busy, at the precision of this work.
    pub peak_macs_per_cycle: f64,
    /// The same at the pace of the part that bounds.
    pub attainable_macs_per_cycle: f64,
    /// The same in the cycles taken.
    pub macs_per_cycle: f64,
    /// `macs_per_cycle / peak_macs_per_cycle`.
    pub utilisation: f64,
    /// The share of the peak that is left when K fills whole tiles and N whole passes.
    pub mapping_bound: f64,
}

/// A quotient, 0 where there is nothing to divide by.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

impl Roofline {
    /// The roofline of `macs` multiply-accumulates in `cycles` cycles, which take `bops` bit operations of the array.
    pub fn of(resources: Resources, bound: (Bound, u64), work: Work, cycles: u64, config: &ArrayConfig) -> Self {
        let Work { macs, bops, padded_bops, dram_bytes } = work;
        let (bound, bound_cycles) = bound;
        let ideal = bops as f64 / config.bops_per_cycle() as f64;
        let macs = macs as f64;
        Self {
            resource_cycles: resources,
            bound,
            bound_cycles,
            macs_per_byte: ratio(macs, dram_bytes as f64),
            peak_macs_per_cycle: ratio(macs, ideal),
            attainable_macs_per_cycle: ratio(macs, bound_cycles as f64),
            macs_per_cycle: ratio(macs, cycles as f64),
            utilisation: ratio(ideal, cycles as f64),
            mapping_bound: ratio(bops as f64, padded_bops as f64),
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Multiply-accumulates.
    pub macs: u64,
    /// `macs * A * W`, W that of the lanes.
    pub bops: u64,
    /// The same in whole tiles and passes.
    pub padded_bops: u64,
    /// Bytes of DRAM.
    pub dram_bytes: u64,
}
