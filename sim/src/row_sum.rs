//! Row sum: the signed sum of the activations of one row, added to that of the rows above.
//!
//! ```text
//!  act_in --> act --> brick column with weight crumbs 1 (pair, sum) [--> tree] --> (+) --> total
//!  a_code, act_signed --> mode0 --> mode1 --> mode2 [--> mode3 ..] --> offset (row 0)  ^ total above
//! ```
//!
//! Latency: as a PE, so `total` of the last row is visible with the psums of its column 0.
//! Invariant: totals are modulo 2^16, hence modulo 2^PW. Here the products are retimed as in `array`: the rows keep the sum
//! of an activation word's places in a pipeline of `2 + log2 depth` registers, and `visit` works out what stands between.

use crate::array::places;
use crate::skew::{Issue, pack};
use crate::trace::{Visitor, number};
use crumb_arch::brick::activation_offset_log2;
use crumb_arch::config::ceil_log2;
use crumb_arch::{ActBits, ArrayConfig};

/// What a row received in one cycle.
#[derive(Clone, Copy, Default)]
struct Stage {
    act: [u8; 4],
    a_code: u8,
    act_signed: bool,
    /// The sum of its activations, in offset binary.
    sum: u16,
}

/// The row sums of all rows.
pub struct RowSum {
    /// `stages[s][r]`: what row r received s + 1 cycles ago; a ring, `newest` that of s = 0.
    stages: Vec<Vec<Stage>>,
    newest: usize,
    total: Vec<u16>,
    depth: usize,
    /// Psum bits.
    bits: u32,
}

impl RowSum {
    /// Row sums at rest.
    pub fn new(config: &ArrayConfig) -> Self {
        Self {
            stages: vec![vec![Stage::default(); config.rows]; 3 + ceil_log2(config.depth) as usize],
            newest: 0,
            total: vec![0; config.rows],
            depth: config.depth,
            bits: config.psum_bits(),
        }
    }

    fn stage(&self, age: usize) -> &[Stage] {
        &self.stages[(self.newest + age) % self.stages.len()]
    }

    /// `total` of the last row.
    pub fn total(&self) -> u16 {
        self.total[self.total.len() - 1]
    }

    /// One clock edge; `act` and `ctl` at the array's edge, row by row.
    #[inline(always)]
    pub fn clock(&mut self, act: &[u8], ctl: &[Issue]) {
        let rows = self.total.len();
        self.total.copy_within(..rows - 1, 1);
        self.newest = if self.newest == 0 { self.stages.len() - 1 } else { self.newest - 1 };
        // The oldest stage leaves: it is the newest one's place.
        let stages = &mut self.stages[self.newest];
        let first = stages[0];
        self.total[0] = offset(first, rows * self.depth);
        for (total, stage) in self.total.iter_mut().zip(stages.iter()) {
            *total = total.wrapping_add(stage.sum);
        }
        for ((stage, acts), issue) in stages.iter_mut().zip(act.chunks_exact(self.depth)).zip(ctl) {
            let mut next = Stage { a_code: issue.act.a_code, act_signed: issue.act.act_signed, ..Stage::default() };
            for (to, &act) in next.act.iter_mut().zip(acts) {
                *to = act;
                next.sum += word_sum(act, next.a_code);
            }
            *stage = next;
        }
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        for r in 0..self.total.len() {
            v.scope(format_args!("row_sum_{r}"));
            v.register("act", 8 * self.depth as u32, number(&self.stage(0)[r].act[..self.depth]));
            for d in 0..self.depth {
                let [first, second] = [&self.stage(1)[r], &self.stage(2)[r]];
                let [a0, a1, a2, a3] = places(first.act[d], if first.a_code == 2 { 2 } else { 1 });
                if self.depth == 1 {
                    v.scope("column")
                } else {
                    v.scope(format_args!("column_{d}"))
                };
                v.register("pair_0", 6, u64::from(a0 + a1));
                v.register("pair_1", 6, u64::from(a2 + a3));
                v.register("sum", 10, places(second.act[d], second.a_code).iter().map(|&x| u64::from(x)).sum());
                v.end();
            }
            for age in 0..self.stages.len() {
                let stage = &self.stage(age)[r];
                v.register(format_args!("mode{age}"), 3, pack(&[(2, stage.a_code.into()), (1, stage.act_signed.into())]));
            }
            for level in 1..self.stages.len() - 2 {
                let (stage, width) = (&self.stage(2 + level)[r], 1 << level);
                for n in 0..self.depth / width {
                    let words = &stage.act[n * width..(n + 1) * width];
                    let sum = words.iter().flat_map(|&act| places(act, stage.a_code)).map(u64::from).sum();
                    v.register(format_args!("tree{level}_{n}"), 10 + level as u32, sum);
                }
            }
            v.register("total", self.bits, u64::from(self.total[r]) & ((1 << self.bits) - 1));
            v.end();
        }
    }
}

/// The sum of the activations of a word, each unsigned.
#[inline(always)]
fn word_sum(act: u8, code: u8) -> u16 {
    let nibbles = u16::from(act & 15) + u16::from(act >> 4);
    match code {
        0 => u16::from(act),
        2 => {
            let crumbs = (act & 0x33) + (act >> 2 & 0x33);
            u16::from((crumbs & 15) + (crumbs >> 4))
        }
        _ => nibbles,
    }
}

/// Minus the offsets of the activations of all rows, `words` words: `8/A * 2^(A-1)` each.
fn offset(stage: Stage, words: usize) -> u16 {
    let bits = ActBits::from_code(stage.a_code).unwrap_or(ActBits::A2);
    if stage.act_signed { ((words * bits.lanes()) << activation_offset_log2(bits)).wrapping_neg() as u16 } else { 0 }
}
