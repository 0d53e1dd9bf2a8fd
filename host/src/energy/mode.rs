//! The modes of a machine: pairs of an activation and a weight width.

use crumb_arch::precision::{ActBits, WeightBits};
use std::fmt;

/// A pair of widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Activations.
    pub act: ActBits,
    /// Weights.
    pub weight: WeightBits,
}

impl Mode {
    /// All nine, widest first.
    pub fn all() -> impl Iterator<Item = Self> {
        ActBits::ALL.into_iter().flat_map(|act| WeightBits::LANE_WIDTHS.map(|weight| Self { act, weight }))
    }

    /// Multiply-accumulates of a PE in a cycle.
    pub fn macs(self) -> u64 {
        crumb_arch::precision::macs_per_pe(self.act, self.weight)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{}w{}", self.act.bits(), self.weight.bits())
    }
}
