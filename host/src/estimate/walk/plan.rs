//! The schedule of a product of one segment in closed form: which command of which block comes, and which loads it needs.
//!
//! ```text
//!   visit v = (o, i)     rows outside: o a block of rows, i a group of columns; groups outside: the other way round
//!   unit u of a visit    what a slot holds: a tile of weights, or the activations that all taps of a chunk of K read
//! ```
//! A ring of slots gives way in the order of its loads, and visits ask for their units in order. So there are three ways to load:
//!
//! | what a unit depends on | slots | loaded in | load of unit u | last read in |
//! |---|---|---|---|---|
//! | `i` | hold those of all `i` | visits with `o = 0` | `i * units + u` | never overwritten |
//! | `o` | hold a visit's | visits with `i = 0` | `o * units + u` | the last visit of `o` |
//! | either | fewer | every visit | `v * units + u` | the same visit |

use crate::gemm::schedule::parameters_stay;
use crate::gemm::tiling::{KTile, Tiling};
use crate::gemm::{Placement, Shape, passes};
use crumb_arch::ArrayConfig;

/// How often a unit is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reuse {
    /// Once: slots hold everything.
    Always,
    /// Once for each step of the outer loop.
    Inner,
    /// In each visit.
    Never,
}

/// What comes to a ring of slots.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    slots: u64,
    /// Units of a visit.
    pub units: u64,
    /// Tiles that read one.
    pub tiles: u64,
    reuse: Reuse,
}

/// What visits have in common that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Rows.
    pub rows: u16,
    /// Passes of each tile, or those in which some tile of a folded product counts.
    pub passes: u64,
    /// Accumulator banks that are drained.
    pub banks: u8,
    /// Whether its weights are loaded.
    pub weights: bool,
    /// Whether its activations are loaded.
    pub activations: bool,
    /// Whether parameters are loaded.
    pub parameters: bool,
}

/// A product's schedule.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Tiles of each visit.
    pub tiles: u64,
    /// Tiles that may do what others did: those whose rows of weights fill the array, before the last chunk of K if that is smaller.
    pub whole_tiles: u64,
    /// Tiles after which one counts in the same passes again; all of them, if none is known to.
    pub period: u64,
    /// Visits.
    pub visits: u64,
    /// Weights, if they are streamed.
    pub weights: Option<Ring>,
    /// Activations.
    pub activations: Ring,
    /// Whether the parameters of all groups fit at once.
    pub parameters_stay: bool,
    requantized: bool,
    rows_outside: bool,
    /// Rows of each block.
    blocks: Vec<u16>,
    groups: u64,
    /// Passes and banks of a group, and of the last one.
    group: (u64, u8),
    last_group: (u64, u8),
    /// Computes before each tile of a visit and behind the last, of a product with one group whose tiles do not count in every pass.
    computes: Option<Vec<u64>>,
}

impl Plan {
    /// The plan of a product; `None` if it has several segments.
    pub fn new(shape: &Shape<'_>, config: &ArrayConfig, tiling: &Tiling) -> Option<Self> {
        let [segment] = shape.segments else { return None };
        let whole = config.tile_k(segment.act);
        let tiles = tiling.tiles.len() as u64;
        let first = tiling.tiles.first()?;
        let taps = tiling.tiles.iter().take_while(|tile| tile.slot == first.slot).count() as u64;
        let all = passes(segment.weight.bits, shape.n.min(config.group_channels()), config.cols);
        let computes = computes(&tiling.tiles, all);
        // Whether a tile of an image counts is decided by its tap.
        let period = match (&computes, tiling.cut.image) {
            (None, _) => 1,
            (Some(_), Some(_)) => taps,
            (Some(_), None) => tiles,
        };
        let whole_tiles = tiling.tiles.iter().take_while(|tile| tile.k.len() == whole).count() as u64;
        let groups = shape.n.div_ceil(config.group_channels()) as u64;
        let blocks: Vec<u16> = tiling.blocks(shape.m).map(|rows| u16::try_from(rows.len()).ok()).collect::<Option<Vec<_>>>()?;
        let (outer, inner) = if tiling.rows_outside { (blocks.len() as u64, groups) } else { (groups, blocks.len() as u64) };
        // Weights depend on the group, activations on the block of rows.
        let ring = |slots: usize, units: u64, tiles: u64, of_inner: bool| {
            let slots = slots as u64;
            let reuse = match of_inner {
                true if units * inner <= slots => Reuse::Always,
                false if units <= slots => Reuse::Inner,
                _ => Reuse::Never,
            };
            (slots > 0).then_some(Ring { slots, units, tiles, reuse })
        };
        let weights = match shape.weights {
            Placement::Resident(_) => None,
            Placement::Streamed { .. } => Some(ring(tiling.weight_slots, tiles, 1, tiling.rows_outside)?),
        };
        let of_group =
            |channels: usize| (passes(segment.weight.bits, channels, config.cols) as u64, channels.div_ceil(config.cols) as u8);
        let rest = shape.n - (groups as usize - 1) * config.group_channels();
        Some(Self {
            tiles,
            whole_tiles,
            period,
            visits: outer * inner,
            weights,
            activations: ring(tiling.activation_slots, tiles / taps, taps, !tiling.rows_outside)?,
            parameters_stay: parameters_stay(groups as usize, config),
            requantized: shape.requantize.is_some(),
            rows_outside: tiling.rows_outside,
            blocks,
            groups,
            group: of_group(config.group_channels()),
            last_group: of_group(rest),
            computes,
        })
    }

    /// Steps of the inner loop.
    fn inner(&self) -> u64 {
        if self.rows_outside { self.groups } else { self.blocks.len() as u64 }
    }

    /// What a visit is like.
    pub fn profile(&self, visit: u64) -> Profile {
        let (o, i) = (visit / self.inner(), visit % self.inner());
        let (block, group) = if self.rows_outside { (o, i) } else { (i, o) };
        let loads = |ring: &Ring| match ring.reuse {
            Reuse::Always => o == 0,
            Reuse::Inner => i == 0,
            Reuse::Never => true,
        };
        let (passes, banks) = if group + 1 == self.groups { self.last_group } else { self.group };
        Profile {
            rows: self.blocks.get(block as usize).copied().unwrap_or(0),
            passes,
            banks,
            weights: self.weights.as_ref().is_some_and(loads),
            activations: loads(&self.activations),
            parameters: self.requantized && (!self.parameters_stay || block == 0),
        }
    }

    /// Computes before a visit.
    pub fn start(&self, visit: u64) -> u64 {
        let (o, i) = (visit / self.inner(), visit % self.inner());
        if let Some(computes) = &self.computes {
            return visit * computes.last().copied().unwrap_or(0);
        }
        let last = self.last_group.0;
        // A sweep over all groups has fewer passes in the last one.
        let sweep = (self.groups - 1) * self.group.0 + last;
        let passes = if self.rows_outside {
            o * sweep + i * self.group.0
        } else {
            o * self.inner() * self.group.0 + i * if o + 1 == self.groups { last } else { self.group.0 }
        };
        passes * self.tiles
    }

    /// Whether there are tiles that do not count in every pass.
    #[cfg(test)]
    pub const fn is_folded(&self) -> bool {
        self.computes.is_some()
    }

    /// Computes of a visit that is like this before one of its tiles.
    pub fn computes(&self, profile: &Profile, tile: u64) -> u64 {
        match &self.computes {
            Some(computes) => computes.get(tile as usize).copied().unwrap_or(0),
            None => tile * profile.passes,
        }
    }

    /// Whether visits that lie so far apart load alike numbers of a ring's units.
    pub fn returns(&self, ring: &Ring, visits: u64) -> bool {
        ring.reuse != Reuse::Inner || visits.is_multiple_of(self.inner())
    }

    /// The number of the load that brings a unit of a visit which loads it.
    pub fn load(&self, ring: &Ring, visit: u64, unit: u64) -> u64 {
        let (o, i) = (visit / self.inner(), visit % self.inner());
        let first = match ring.reuse {
            Reuse::Always => i,
            Reuse::Inner => o,
            Reuse::Never => visit,
        };
        first * ring.units + unit
    }

    /// What the load of this number overwrites: the visit that read it last, and the index of the last compute that did.
    pub fn overwritten(&self, ring: &Ring, load: u64) -> Option<(u64, u64)> {
        let load = load.checked_sub(ring.slots).filter(|_| ring.reuse != Reuse::Always)?;
        let (first, unit) = (load / ring.units, load % ring.units);
        let visit = if ring.reuse == Reuse::Inner { (first + 1) * self.inner() - 1 } else { first };
        Some((visit, self.start(visit) + self.computes(&self.profile(visit), (unit + 1) * ring.tiles) - 1))
    }
}

/// Computes before each tile and behind the last, if there are tiles that do not count in each of so many passes.
fn computes(tiles: &[KTile], passes: usize) -> Option<Vec<u64>> {
    let of_tile = |tile: &KTile| tile.passes(passes).count();
    tiles.iter().any(|tile| of_tile(tile) < passes).then(|| {
        let sums = tiles.iter().scan(0, |sum, tile| {
            *sum += of_tile(tile) as u64;
            Some(*sum)
        });
        std::iter::once(0).chain(sums).collect()
    })
}
