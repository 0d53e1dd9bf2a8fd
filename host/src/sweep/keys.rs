//! A sum that says which points a table's rows are of: it binds each row's key to the number of its point.
//!
//! Sums of parts add up to that of the whole, so that shards can be checked, and joined, without their grid.

use super::fingerprint::Fingerprint;
use super::shard::mixed;
use std::fmt;
use std::str::FromStr;

/// The sum, modulo 2^64, of a hash of each point's number and key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys(u64);

impl Keys {
    /// With one more point.
    #[must_use]
    pub fn with<'a>(self, point: usize, key: impl IntoIterator<Item = &'a str>) -> Self {
        let hash = key.into_iter().fold(Fingerprint::new().with(&point.to_string()), Fingerprint::with);
        // FNV's last byte reaches few bits; what is added up must differ in all of them.
        self.and(Self(mixed(hash.number())))
    }

    /// Those of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Keys {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: [(usize, [&str; 3]); 3] = [(0, ["a", "n", "a8w8"]), (1, ["a", "n", "a8w4"]), (2, ["b", "n", "a8w8"])];

    fn of(points: &[(usize, [&str; 3])]) -> Keys {
        points.iter().fold(Keys::default(), |keys, (point, key)| keys.with(*point, key.iter().copied()))
    }

    #[test]
    fn parts_add_up_in_any_order() {
        let [a, b, c] = POINTS;
        assert_eq!(of(&[c, a]).and(of(&[b])), of(&POINTS));
        assert_eq!(of(&POINTS).to_string().parse(), Ok(of(&POINTS)));
    }

    #[test]
    fn a_key_at_another_point_is_another_sum() {
        let [(i, a), (j, b), (k, c)] = POINTS;
        for other in [[(i, b), (j, a), (k, c)], [(i, a), (j, c), (k, b)], [(i, a), (j, a), (k, c)], [(j, a), (i, b), (k, c)]] {
            assert_ne!(of(&other), of(&POINTS));
        }
    }
}
