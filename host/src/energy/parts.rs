//! Where energy goes: the parts of a sum, of which some may have no figure.

use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeSet;
use std::ops::AddAssign;

/// Where the energy went, in pJ; `None` where a table has no figure for it, and where it has some, they alone.
///
/// The order is that of the data's way through the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    /// External memory.
    pub dram: Option<f64>,
    /// Streams.
    pub streams: Option<f64>,
    /// Activation buffer.
    pub activation_memory: Option<f64>,
    /// Weight memory.
    pub weight_memory: Option<f64>,
    /// Precision switches, row sums and column sums.
    pub edges: Option<f64>,
    /// PEs, beyond their clock: bricks, the adders behind them, and weights that pass.
    pub array: Option<f64>,
    /// Combiners and accumulators' adders.
    pub sums: Option<f64>,
    /// Memories of the accumulators.
    pub accumulators: Option<f64>,
    /// Biases and scales.
    pub parameter_memory: Option<f64>,
    /// Requantizers.
    pub requantizers: Option<f64>,
    /// The clock of every register.
    pub clock: Option<f64>,
    /// Leakage.
    pub leakage: Option<f64>,
    /// What happened, or is there, and has no figure: names of an energy file. The sums are without it.
    pub missing: BTreeSet<&'static str>,
}

/// Where energy goes, as tables, JSON and CSV name it.
pub const PARTS: [&str; 12] = [
    "dram",
    "streams",
    "activation_memory",
    "weight_memory",
    "edges",
    "array",
    "sums",
    "accumulators",
    "parameter_memory",
    "requantizers",
    "clock",
    "leakage",
];

impl Estimate {
    /// Each part, in the order of [`PARTS`].
    pub const fn parts(&self) -> [Option<f64>; PARTS.len()] {
        [
            self.dram,
            self.streams,
            self.activation_memory,
            self.weight_memory,
            self.edges,
            self.array,
            self.sums,
            self.accumulators,
            self.parameter_memory,
            self.requantizers,
            self.clock,
            self.leakage,
        ]
    }

    fn parts_mut(&mut self) -> [&mut Option<f64>; PARTS.len()] {
        [
            &mut self.dram,
            &mut self.streams,
            &mut self.activation_memory,
            &mut self.weight_memory,
            &mut self.edges,
            &mut self.array,
            &mut self.sums,
            &mut self.accumulators,
            &mut self.parameter_memory,
            &mut self.requantizers,
            &mut self.clock,
            &mut self.leakage,
        ]
    }

    /// All that is known of it.
    pub fn total(&self) -> f64 {
        self.parts().into_iter().flatten().sum()
    }

    /// On-chip memories.
    pub fn memories(&self) -> Option<f64> {
        [self.activation_memory, self.weight_memory, self.accumulators, self.parameter_memory]
            .into_iter()
            .flatten()
            .reduce(|sum, pj| sum + pj)
    }
}

/// Adds what is known, if anything is.
pub(super) fn add(sum: &mut Option<f64>, pj: Option<f64>) {
    if let Some(pj) = pj {
        *sum = Some(sum.unwrap_or(0.0) + pj);
    }
}

impl Serialize for Estimate {
    /// The total, each part, and what is missing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("total", &self.total())?;
        for (name, pj) in PARTS.iter().zip(self.parts()) {
            map.serialize_entry(name, &pj)?;
        }
        map.serialize_entry("missing", &self.missing)?;
        map.end()
    }
}

impl AddAssign<&Self> for Estimate {
    fn add_assign(&mut self, other: &Self) {
        self.parts_mut().into_iter().zip(other.parts()).for_each(|(sum, pj)| add(sum, pj));
        self.missing.extend(&other.missing);
    }
}
