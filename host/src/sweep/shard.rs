//! A part of a grid for each of several processes: `2/4` is the second of four.
//!
//! Points are dealt out in a mixed order, so that shards have as many points as each other, up to one, and no shard has all of the
//! large machines or all of one precision: neighbours in the grid take alike.

use std::fmt;
use std::str::FromStr;

/// Which part of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

/// Most shards: more than there are jobs in an array of Slurm's.
const MOST: usize = 1 << 20;

impl Shard {
    /// All points.
    pub const WHOLE: Self = Self { index: 1, count: 1 };

    /// Which one, from 1.
    pub const fn index(self) -> usize {
        self.index
    }

    /// Of how many.
    pub const fn count(self) -> usize {
        self.count
    }

    /// Every shard of as many, in their order.
    pub fn all(count: usize) -> impl Iterator<Item = Self> {
        (1..=count).map(move |index| Self { index, count })
    }

    /// Its points among `points` of a grid, in their order.
    pub fn of(self, points: usize) -> Vec<usize> {
        if self.count == 1 {
            return (0..points).collect();
        }
        let mut mine: Vec<_> = dealt(points).skip(self.index - 1).step_by(self.count).collect();
        mine.sort_unstable();
        mine
    }

    /// How many points [`Shard::of`] gives.
    pub const fn size(self, points: usize) -> usize {
        (points + self.count - self.index) / self.count
    }

    /// For each of `points` the number of its shard among `count`, from 0: what all shards' [`Shard::of`] say together.
    pub fn of_each(points: usize, count: usize) -> Vec<usize> {
        let mut shards = vec![0; points];
        for (turn, point) in dealt(points).enumerate() {
            shards[point] = turn % count;
        }
        shards
    }
}

/// Points in the order in which they are dealt out.
fn dealt(points: usize) -> impl Iterator<Item = usize> {
    let mut order: Vec<_> = (0..points).map(|point| (mixed(point as u64), point)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, point)| point)
}

/// The output function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a permutation of the numbers of 64 bits.
pub(super) const fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if (1..=count).contains(&index) && count <= MOST => Ok(Self { index, count }),
            _ => Err(format!("{text}: expected I/N, the I-th of N shards from 1/N to N/N, N at most {MOST}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number of points up to 40 in every number of shards up to 10.
    #[test]
    fn shards_are_disjoint_complete_and_balanced() {
        for (points, count) in (0..=40).flat_map(|points| (1..=10).map(move |count| (points, count))) {
            let shards: Vec<_> = Shard::all(count).map(|shard| shard.of(points)).collect();
            let mut union = shards.concat();
            union.sort_unstable();
            assert_eq!(union, (0..points).collect::<Vec<_>>(), "{points} in {count}");
            for shard in &shards {
                assert!(shard.is_sorted() && [points / count, points.div_ceil(count)].contains(&shard.len()));
            }
            let of_each = Shard::of_each(points, count);
            for (number, (shard, of)) in Shard::all(count).zip(&shards).enumerate() {
                assert_eq!(shard.size(points), of.len(), "{shard} of {points}");
                assert!(of.iter().all(|&point| of_each[point] == number), "{shard} of {points}");
            }
        }
    }

    /// Nine pairs of widths in three shards: dealt out in turn, each shard would have three of them on every machine.
    #[test]
    fn no_shard_has_all_of_a_kind() {
        for shard in Shard::all(3) {
            let points = shard.of(900);
            for pair in 0..9 {
                let of_pair = points.iter().filter(|&&point| point % 9 == pair).count();
                assert!((15..55).contains(&of_pair), "{shard} has {of_pair} of 100");
            }
        }
    }

    #[test]
    fn only_shards_that_there_are() {
        for text in ["1/1", "2/4", "4/4"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for text in ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/4/4", "a/b", "1/9999999", "1/99999999999999999999"] {
            let error = text.parse::<Shard>().unwrap_err();
            assert_eq!(error, format!("{text}: expected I/N, the I-th of N shards from 1/N to N/N, N at most 1048576"));
        }
    }
}
