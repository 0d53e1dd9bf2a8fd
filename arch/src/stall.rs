//! Stalls on demand: which cycles of a stream are held back, as a function of a seed and the cycle.

use serde::{Deserialize, Serialize};

/// Whether the stall generator with this seed holds its stream back in this cycle, which happens in `percent` of them.
///
/// A pure function, so that every backend stalls in the same cycles. 0 percent never stalls, 100 always.
/// The hash is splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014), at position
/// `cycle` of the sequence that starts at `seed`.
#[must_use]
pub const fn stalled(seed: u64, cycle: u64, percent: u8) -> bool {
    let mut z = seed.wrapping_add(cycle.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    // The upper half as a fraction of 2^32, scaled to 0..100.
    ((z >> 32) * 100) >> 32 < percent as u64
}

/// One stall generator: see [`stalled`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// Which pattern.
    pub seed: u64,
    /// How many of a hundred cycles are held back.
    pub percent: u8,
}

impl Stall {
    /// Never holds back.
    pub const NEVER: Self = Self { seed: 0, percent: 0 };

    /// Whether this cycle is held back.
    #[must_use]
    pub const fn at(self, cycle: u64) -> bool {
        stalled(self.seed, cycle, self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_splitmix64() {
        // The first value of the published generator for seed 1234567 is 6457827717110365317, so 35 percent of 2^64.
        assert_eq!(6_457_827_717_110_365_317_u64 / (u64::MAX / 100), 35);
        assert!(!stalled(1_234_567, 0, 35));
        assert!(stalled(1_234_567, 0, 36));
    }

    #[test]
    fn holds_back_the_share_asked_for() {
        for percent in [0, 1, 30, 50, 99, 100] {
            let held = (0..100_000).filter(|&cycle| stalled(7, cycle, percent)).count() as f64;
            assert!((held / 1000.0 - f64::from(percent)).abs() < 0.6, "{held} of 100000 at {percent} percent");
        }
    }

    #[test]
    fn never_and_always_are_exact() {
        assert!((0..100_000).all(|cycle| !stalled(3, cycle, 0) && stalled(3, cycle, 100)));
    }
}
