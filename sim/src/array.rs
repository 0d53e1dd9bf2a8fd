//! The systolic array of PEs.
//!
//! ```text
//!                            init[c]
//!                               |
//!  act, ctl of row r --> x_i ---|--> x_i --> ...      x_i = crumb i of act, times its place in its element
//!                               v
//!            psum[j] = above[j] + sum over i of x_i * crumb j of word i
//! ```
//!
//! Latency: `act_in` of row 0 in cycle t0, `psum` of row r at t0 + r + 4 (+ log2 depth). Three ideas make it fast:
//!
//! - `act` and `ctl` only move right, so a row keeps one history of them, and PE c reads it at age c.
//!   `weight` only moves down, so the rows of weights are a ring.
//! - `pair`, `sum` and the adder trees hold nothing that the operands of a few cycles ago do not tell. The registers of
//!   these stages stand *before* the multipliers here (a retiming: psums are the same in every cycle): `psum` adds
//!   products of the `act` and `active` of `delay` cycles ago, and `visit` works the stages between out again.
//! - swaps and loads are one bit for each PE in a word for each row; only set bits cost.
//!
//! Invariant: psums are modulo 2^16, hence modulo 2^PW, as PW <= 16; only who shows or extends one masks it.
//! The inner loop has `LANES` columns, four psums each, and no branch; columns beyond the last are multiplied too.

use crate::skew::{Issue, ones, pack};
use crate::trace::{Visitor, number, wide};
use crumb_arch::brick::{brick, bus_word, column, crumb, pairs};
use crumb_arch::config::ceil_log2;
use crumb_arch::{ActBits, ArrayConfig};

/// Columns that the inner loop takes at once: a 128-bit vector of psums.
pub const LANES: usize = 8;
/// The four crumb columns of `LANES` neighbouring columns.
pub type Lanes = [[u16; LANES]; 4];

/// Longest `delay`: three registers and two levels of adder tree, less the psum itself.
const MOST_DELAY: usize = 4;
/// Cycles between two moves of the activation history.
const SLACK: usize = 64;

/// All PEs. Index of PE (r, c): `r * cols + c`; of a word in it: times `depth`, plus d; of a word of its bus: times `bus * depth`, plus
/// `b * depth + d`.
pub struct Array {
    rows: usize,
    cols: usize,
    depth: usize,
    /// Words of the weight bus.
    bus: usize,
    chunks: usize,
    psum_bits: u32,
    /// Cycles from `act` and `active` to their product's addition: pair, sum, tree.
    delay: usize,
    /// For each row its streams x (`depth * 4`) and raw (`depth`: act, a_code above), each `stream` long.
    streams: Vec<u16>,
    stream: usize,
    /// Age 0 of every stream.
    head: usize,
    /// Ring of weight rows, `top` that of row 0.
    weight: Vec<u8>,
    top: usize,
    shadow: Vec<[u8; 4]>,
    /// `active[s]` is `active` of s cycles ago, s < delay.
    active: Vec<Vec<[u8; 4]>>,
    /// `active` of `delay` cycles ago, as crumbs: for each row, chunk and word i, the crumbs j.
    operand: Vec<Lanes>,
    psum: Vec<Lanes>,
    tokens: Vec<Tokens>,
    /// Cycles for which a row may still carry a token.
    live: Vec<u8>,
}

/// Control of a row, one bit for each column: `load[i]`, and `swap[s]` of s cycles ago.
#[derive(Clone, Copy, Default)]
struct Tokens {
    load: [u64; 4],
    swap: [u64; MOST_DELAY],
}

impl Array {
    /// An array at rest.
    pub fn new(config: &ArrayConfig) -> Self {
        let (rows, cols, depth) = (config.rows, config.cols, config.depth);
        let chunks = cols.div_ceil(LANES);
        let delay = 2 + ceil_log2(depth) as usize;
        let stream = chunks * LANES + delay + SLACK;
        let words = rows * cols * depth;
        Self {
            rows,
            cols,
            depth,
            bus: config.weight_bus,
            chunks,
            psum_bits: config.psum_bits(),
            delay,
            streams: vec![0; rows * depth * 5 * stream],
            stream,
            head: SLACK,
            weight: vec![0; words * config.weight_bus],
            top: 0,
            shadow: vec![[0; 4]; words],
            active: vec![vec![[0; 4]; words]; delay],
            operand: vec![Lanes::default(); rows * chunks * depth * 4],
            psum: vec![Lanes::default(); rows * chunks],
            tokens: vec![Tokens::default(); rows],
            live: vec![0; rows],
        }
    }

    /// Psums at the bottom, eight columns a chunk.
    #[inline(always)]
    pub fn bottom(&self) -> &[Lanes] {
        &self.psum[(self.rows - 1) * self.chunks..]
    }

    /// One clock edge. `act` and `ctl` row by row (`depth` words each), `weight` (`bus * depth`) and `init` column by column.
    #[inline(always)]
    pub fn clock(&mut self, act: &[u8], ctl: &[Issue], weight: &[u8], init: &[Lanes]) {
        match self.depth {
            1 => self.add::<4>(init),
            2 => self.add::<8>(init),
            _ => self.add::<16>(init),
        }
        self.push(act, ctl, weight);
        for (r, issue) in ctl.iter().enumerate().take(self.rows) {
            let load = issue.load(r);
            if issue.act.swap || load != 0 {
                self.live[r] = (self.cols + self.delay) as u8;
            }
            if self.live[r] > 0 {
                self.live[r] -= 1;
                self.load_and_swap(r, issue.act.swap, load);
            }
        }
    }

    /// Every psum: bottom row first, so that a row still finds the old psums above it. `WORDS` = 4 * depth.
    #[inline(never)]
    fn add<const WORDS: usize>(&mut self, init: &[Lanes]) {
        let stream = self.stream;
        let age = self.head + self.delay;
        for r in (0..self.rows).rev() {
            let (upper, own) = self.psum.split_at_mut(r * self.chunks);
            let above = if r == 0 { init } else { &upper[(r - 1) * self.chunks..] };
            let x = &self.streams[r * (WORDS + WORDS / 4) * stream..][..WORDS * stream];
            let operands = self.operand[r * self.chunks * WORDS..].chunks_exact(WORDS);
            for (k, ((psum, above), operand)) in own[..self.chunks].iter_mut().zip(above).zip(operands).enumerate() {
                let mut sum = *above;
                for i in 0..WORDS {
                    let Some(x) = x[i * stream + age + k * LANES..].first_chunk::<LANES>() else { continue };
                    for j in 0..4 {
                        for l in 0..LANES {
                            sum[j][l] = sum[j][l].wrapping_add(x[l].wrapping_mul(operand[i][j][l]));
                        }
                    }
                }
                *psum = sum;
            }
        }
    }

    /// `act` and `ctl` move right, `weight` down.
    fn push(&mut self, act: &[u8], ctl: &[Issue], weight: &[u8]) {
        let (stream, depth) = (self.stream, self.depth);
        if self.head == 0 {
            for stream in self.streams.chunks_exact_mut(stream) {
                stream.copy_within(..stream.len() - SLACK, SLACK);
            }
            self.head = SLACK;
        }
        self.head -= 1;
        let rows = self.streams.chunks_exact_mut(5 * depth * stream).zip(act.chunks_exact(depth)).zip(ctl);
        for ((streams, acts), issue) in rows {
            for (d, &act) in acts.iter().enumerate() {
                let code = issue.act.a_code;
                for (i, x) in places(act, code).into_iter().enumerate() {
                    streams[(4 * d + i) * stream + self.head] = x;
                }
                streams[(4 * depth + d) * stream + self.head] = u16::from(act) | u16::from(code) << 8;
            }
        }
        self.top = if self.top == 0 { self.rows - 1 } else { self.top - 1 };
        let line = weight.len();
        self.weight[self.top * line..][..line].copy_from_slice(weight);
    }

    /// Start of the weight registers of row `r`; after `push`, what the row receives in this edge.
    fn weight_row(&self, r: usize) -> usize {
        let row = self.top + r;
        (if row < self.rows { row } else { row - self.rows }) * self.cols * self.bus * self.depth
    }

    /// The swaps and loads of row `r`, oldest stage first, so that each stage still finds the old value of the one before.
    fn load_and_swap(&mut self, r: usize, swap: bool, mask: u8) {
        let (depth, cols, delay) = (self.depth, self.cols, self.delay);
        let tokens = &mut self.tokens[r];
        let old = tokens.swap;
        let swap = old[0] << 1 | u64::from(swap);
        tokens.swap = [swap, old[0], old[1], old[2]];
        for (i, load) in tokens.load.iter_mut().enumerate() {
            *load = *load << 1 | u64::from(mask >> i & 1);
        }
        let load = tokens.load;
        if (old[..delay].iter().fold(swap, |any, bits| any | bits)) != 0 {
            for c in ones(old[delay - 1], cols) {
                let (k, l) = (c / LANES, c % LANES);
                let at = (r * cols + c) * depth;
                for d in 0..depth {
                    let words = self.active[delay - 1][at + d];
                    let operand = &mut self.operand[((r * self.chunks + k) * depth + d) * 4..][..4];
                    for (lanes, word) in operand.iter_mut().zip(words) {
                        for (j, lane) in lanes.iter_mut().enumerate() {
                            lane[l] = u16::from(crumb(word, j));
                        }
                    }
                }
            }
            for s in (1..delay).rev() {
                let (newer, older) = self.active.split_at_mut(s);
                for c in ones(old[s - 1], cols) {
                    let words = (r * cols + c) * depth..(r * cols + c + 1) * depth;
                    older[0][words.clone()].copy_from_slice(&newer[s - 1][words]);
                }
            }
            for c in ones(swap, cols) {
                let words = (r * cols + c) * depth..(r * cols + c + 1) * depth;
                self.active[0][words.clone()].copy_from_slice(&self.shadow[words]);
            }
        }
        let (weights, bus) = (self.weight_row(r), self.bus);
        for c in ones(load[0] | load[1] | load[2] | load[3], cols) {
            let weights = &self.weight[weights + c * bus * depth..][..bus * depth];
            for (d, shadow) in self.shadow[(r * cols + c) * depth..][..depth].iter_mut().enumerate() {
                for (i, (word, load)) in shadow.iter_mut().zip(load).enumerate() {
                    *word = if load >> c & 1 == 1 { weights[bus_word(i, bus) * depth + d] } else { *word };
                }
            }
        }
    }

    /// `act` of word d and `a_code` of PE (r, c), `age` cycles ago.
    fn raw(&self, r: usize, c: usize, d: usize, age: usize) -> (u8, u8) {
        let raw = self.streams[((5 * r + 4) * self.depth + d) * self.stream + self.head + c + age];
        (raw as u8, (raw >> 8) as u8)
    }

    /// `active` of word d of PE (r, c), `age` cycles ago, up to `delay`.
    fn active(&self, r: usize, c: usize, d: usize, age: usize) -> [u8; 4] {
        if age < self.delay {
            return self.active[age][(r * self.cols + c) * self.depth + d];
        }
        let operand = &self.operand[((r * self.chunks + c / LANES) * self.depth + d) * 4..];
        std::array::from_fn(|i| (0..4).fold(0, |word, j| word | (operand[i][j][c % LANES] as u8) << (2 * j)))
    }

    /// The pair registers of word d, one for each brick column, if they were loaded `age - 1` cycles ago.
    fn pairs(&self, r: usize, c: usize, d: usize, age: usize) -> ([[u8; 2]; 4], ActBits) {
        let (act, code) = self.raw(r, c, d, age);
        let words = self.active(r, c, d, age);
        let bits = mode(code);
        let acts: [u8; 4] = std::array::from_fn(|i| crumb(act, i));
        (std::array::from_fn(|j| pairs(std::array::from_fn(|i| brick(acts[i], crumb(words[i], j))), bits)), bits)
    }

    /// The sum registers, likewise.
    fn sums(&self, r: usize, c: usize, d: usize, age: usize) -> [u16; 4] {
        let (pairs, bits) = self.pairs(r, c, d, age);
        pairs.map(|pairs| column(pairs, bits))
    }

    /// Every register of PE (r, c).
    fn visit_pe(&self, v: &mut impl Visitor, r: usize, c: usize) {
        let depth = self.depth;
        let at = (r * self.cols + c) * depth;
        let bit = |bits: u64| bits >> c & 1;
        let tokens = &self.tokens[r];
        let mut acts = [0; 4];
        acts.iter_mut().enumerate().take(depth).for_each(|(d, act)| *act = self.raw(r, c, d, 0).0);
        let load = tokens.load.iter().rev().fold(0, |load, &bits| load << 1 | bit(bits));
        v.register("act", 8 * depth as u32, number(&acts[..depth]));
        v.register("ctl", 7, pack(&[(4, load), (1, bit(tokens.swap[0])), (2, self.raw(r, c, 0, 0).1.into())]));
        let words = self.bus * depth;
        wide(v, "weight", &self.weight[self.weight_row(r) + c * words..][..words]);
        for (name, words) in [("shadow", &self.shadow), ("active", &self.active[0])] {
            for (i, &word) in words[at..at + depth].as_flattened().iter().enumerate() {
                v.register(format_args!("{name}_{i}"), 8, u64::from(word));
            }
        }
        for d in 0..depth {
            let columns = self.pairs(r, c, d, 1).0.into_iter().zip(self.sums(r, c, d, 2));
            for (j, (pairs, sum)) in columns.enumerate() {
                v.scope(format_args!("column_{}", 4 * d + j));
                v.register("pair_0", 6, u64::from(pairs[0]));
                v.register("pair_1", 6, u64::from(pairs[1]));
                v.register("sum", 10, u64::from(sum));
                v.end();
            }
        }
        v.register("mode", 2, u64::from(self.raw(r, c, 0, 1).1));
        for level in 1..self.delay - 1 {
            let width = 1 << level;
            for n in 0..depth / width {
                let mut sums = [0; 4];
                for d in n * width..(n + 1) * width {
                    sums.iter_mut().zip(self.sums(r, c, d, 2 + level)).for_each(|(sum, word)| *sum += word);
                }
                for (j, sum) in sums.into_iter().enumerate() {
                    v.register(format_args!("tree{level}_{}", 4 * n + j), 10 + level as u32, u64::from(sum));
                }
            }
        }
        for (j, lanes) in self.psum[r * self.chunks + c / LANES].iter().enumerate() {
            let psum = u64::from(lanes[c % LANES]) & ((1 << self.psum_bits) - 1);
            v.register(format_args!("psum_{j}"), self.psum_bits, psum);
        }
    }

    /// Every register of every PE.
    pub fn visit(&self, v: &mut impl Visitor) {
        for r in 0..self.rows {
            for c in 0..self.cols {
                v.scope(format_args!("pe_{}", r * self.cols + c));
                self.visit_pe(v, r, c);
                v.end();
            }
        }
    }
}

/// The activation width of a code as it stands in a register: 3, illegal, pairs like A4 (neither 0 nor 2).
fn mode(code: u8) -> ActBits {
    ActBits::from_code(code).unwrap_or(ActBits::A4)
}

/// The crumbs of an activation word, each times its place in its element: what `pair` and `sum` shift by.
#[inline(always)]
pub fn places(act: u8, code: u8) -> [u16; 4] {
    let [a0, a1, a2, a3] = std::array::from_fn(|i| u16::from(crumb(act, i)));
    let (in_pair, in_sum) = (if code == 2 { 0 } else { 2 }, if code == 0 { 4 } else { 0 });
    [a0, a1 << in_pair, a2 << in_sum, a3 << (in_pair + in_sum)]
}

#[cfg(test)]
mod tests;
