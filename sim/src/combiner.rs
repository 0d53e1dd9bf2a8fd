//! Combiner: the four crumb sums of a column become the lanes of the weight width, shifted, one for each accumulator bank.
//!
//! ```text
//!  cycle   x              x+1             x+2                    x+3                       x+4
//!  psum[j] -> -2*total -> lane1[j] -> (+4*) -> lane2[j] -> (+16*) -> lane3[j] -> pick, << -> value[b]
//!  token  --------------> token1 ----------> token2 ---------------> token3 ---------------> token4
//! ```
//!
//! Latency: four cycles. Invariant: lanes are exact modulo 2^32, hence modulo 2^QW (QW <= 23); `lane3` extends the sign of its
//! QW bits for `value`, and what is shown is masked, so that even the sums of no token are those of the RTL.
//! Lanes stand `LANES` columns side by side; what a token asks of a stage is a mask, so that no column branches.

use crate::array::{LANES, Lanes};
use crate::datapath::Token;
use crate::skew::History;
use crate::trace::Visitor;
use crumb_arch::brick::{bank_lane, is_top_crumb};
use crumb_arch::{ArrayConfig, WeightBits};

type Stage = [[i32; LANES]; 4];

/// What a token asks for: all ones or zero.
#[derive(Clone, Copy)]
enum Mask {
    /// The sums are signed.
    Signed,
    /// The weight offset leaves crumb columns 0 and 2, 1, or 3.
    Top02,
    Top1,
    Top3,
    /// Crumbs are combined to nibbles.
    Nibbles,
    /// Nibbles are combined to bytes.
    Bytes,
}

const MASKS: usize = 6;

/// The combiners of all columns.
pub struct Combiner {
    lane1: Vec<Stage>,
    lane2: Vec<Stage>,
    lane3: Vec<Stage>,
    /// Values of the four banks, column by column.
    value: Vec<[i32; 4]>,
    /// Masks of the tokens at stage 0 of column c at age c, of stage s at age c + s.
    masks: [History<i32>; MASKS],
    /// The lane that each bank takes, by weight code.
    lanes: [[usize; 4]; 4],
    psum_bits: u32,
    lane_bits: u32,
}

/// The weight width of a code as it stands in a register.
fn width(code: u8) -> WeightBits {
    WeightBits::from_code(code & 3).unwrap_or(WeightBits::W8)
}

impl Combiner {
    /// Combiners at rest.
    pub fn new(config: &ArrayConfig) -> Self {
        let chunks = config.cols.div_ceil(LANES);
        let stages = || vec![Stage::default(); chunks];
        let mut masks: [History<i32>; MASKS] = std::array::from_fn(|_| History::new(chunks * LANES + 2));
        // Tokens at rest are those of a8w8.
        for mask in [Mask::Nibbles, Mask::Bytes] {
            (0..chunks * LANES + 2).for_each(|_| masks[mask as usize].push(-1));
        }
        Self {
            lane1: stages(),
            lane2: stages(),
            lane3: stages(),
            value: vec![[0; 4]; config.cols],
            masks,
            lanes: std::array::from_fn(|code| std::array::from_fn(|bank| bank_lane(width(code as u8), bank))),
            psum_bits: config.psum_bits(),
            lane_bits: config.lane_bits(),
        }
    }

    /// Values for the banks of column `c`.
    #[inline(always)]
    pub fn value(&self, c: usize) -> [i32; 4] {
        self.value[c]
    }

    /// The token that arrives at column 0 in the next cycle.
    #[inline(always)]
    pub fn arrive(&mut self, token: &Token) {
        let bits = width(token.w_code);
        let top = |j: usize| -i32::from(is_top_crumb(bits, j) && token.w_signed);
        let mut push = |mask: Mask, value: i32| self.masks[mask as usize].push(value);
        push(Mask::Signed, -i32::from(token.act_signed));
        push(Mask::Top02, top(0));
        push(Mask::Top1, top(1));
        push(Mask::Top3, top(3));
        push(Mask::Nibbles, -i32::from(bits.lane_bits() > 2));
        push(Mask::Bytes, -i32::from(bits.lane_bits() > 4));
    }

    fn mask(&self, mask: Mask, age: usize) -> [i32; LANES] {
        self.masks[mask as usize].from(age).first_chunk().copied().unwrap_or_default()
    }

    /// One clock edge. `totals` at the inputs, column by column; `tokens[c]` the token of stage 3 of column c.
    #[inline(always)]
    pub fn clock(&mut self, psum: &[Lanes], totals: &[u16], tokens: &[Token]) {
        // x+3: each bank takes its lane, shifted to its place.
        for (c, (value, token)) in self.value.iter_mut().zip(tokens).enumerate() {
            let shift = 2 * u32::from(token.shift & 7);
            *value = self.lanes[usize::from(token.w_code & 3)].map(|j| self.lane3[c / LANES][j & 3][c % LANES] << shift);
        }
        for (k, psum) in psum.iter().enumerate() {
            self.combine(k, psum, totals);
        }
    }

    /// x, x+1, x+2 of a chunk of columns.
    #[inline(always)]
    fn combine(&mut self, k: usize, psum: &Lanes, totals: &[u16]) {
        let at = k * LANES;
        let (lane1, lane2) = (self.lane1[k], self.lane2[k]);
        let bytes = self.mask(Mask::Bytes, at + 2);
        let spare = 32 - self.lane_bits;
        let extend = |lane: i32| lane << spare >> spare;
        self.lane3[k] = lane2.map(|lanes| lanes.map(extend));
        self.lane3[k][0] = std::array::from_fn(|l| extend(lane2[0][l].wrapping_add(lane2[2][l] << 4 & bytes[l])));

        let nibbles = self.mask(Mask::Nibbles, at + 1);
        self.lane2[k] = lane1;
        for j in [0, 2] {
            self.lane2[k][j] = std::array::from_fn(|l| lane1[j][l].wrapping_add(lane1[j + 1][l] << 2 & nibbles[l]));
        }

        let signed = self.mask(Mask::Signed, at);
        let [top02, top1, top3] = [Mask::Top02, Mask::Top1, Mask::Top3].map(|mask| self.mask(mask, at));
        let totals: [u16; LANES] = totals[at..].first_chunk().copied().unwrap_or_default();
        let (all, sign) = (u16::MAX >> (16 - self.psum_bits), 1 << (self.psum_bits - 1));
        let extend = |x: u16, l: usize| {
            let x = i32::from(x & all);
            x - ((x & sign & signed[l]) << 1)
        };
        let offset: [i32; LANES] = std::array::from_fn(|l| extend(totals[l], l) << 1);
        for (j, top) in [top02, top1, top02, top3].iter().enumerate() {
            self.lane1[k][j] = std::array::from_fn(|l| extend(psum[j][l], l) - (offset[l] & top[l]));
        }
    }

    /// The lanes and values of column `c`.
    pub fn visit(&self, v: &mut impl Visitor, c: usize) {
        for (name, stage) in [("lane1", &self.lane1), ("lane2", &self.lane2), ("lane3", &self.lane3)] {
            for (j, lanes) in stage[c / LANES].iter().enumerate() {
                let lane = u64::from(lanes[c % LANES] as u32) & ((1 << self.lane_bits) - 1);
                v.register(format_args!("{name}_{j}"), self.lane_bits, lane);
            }
        }
        for (b, value) in self.value[c].into_iter().enumerate() {
            v.register(format_args!("value_{b}"), 32, u64::from(value as u32));
        }
    }
}
