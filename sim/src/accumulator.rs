//! Accumulator: the int32 memory of each column, two halves of four banks; one half is filled while the other drains.
//!
//! ```text
//!  token3 (cycle x+3) --address--+--> [half][bank 0..3] --(x+4)--> + value[b] --> result[b] --(x+5)--> write
//!  drain address ----------------^          +----> word, a cycle later
//! ```
//!
//! Latency: an accumulation is written in cycle x+5. Invariant: a half has one read port; a valid token3 of that half has
//! it, otherwise the drain. The four banks of a row lie side by side, so that an accumulation is one vector.

use crate::datapath::{DrainRead, Token};
use crate::trace::Visitor;
use crumb_arch::ArrayConfig;
use crumb_arch::WeightBits;
use crumb_arch::brick::bank_takes_part;

/// Registers of one column.
#[derive(Clone, Default)]
struct Column {
    /// Output registers of the half that token4 accumulates into.
    stored: [i32; 4],
    result: [i32; 4],
}

/// The accumulators of all columns.
pub struct Accumulator {
    columns: Vec<Column>,
    /// Row `(half * cols + c) * rows + address`.
    rows: Vec<[i32; 4]>,
    mask: usize,
    /// `[bank * cols + c]`; a machine that drains one bank at a time has the words of that one alone.
    words: Vec<i32>,
    /// `drain_select`: {half, bank} of `words`.
    select: (u8, u8),
    /// All ones where a bank takes part, by weight code and, above it, part.
    takes: [[i32; 4]; 16],
}

impl Accumulator {
    /// Empty accumulators.
    pub fn new(config: &ArrayConfig) -> Self {
        Self {
            columns: vec![Column::default(); config.cols],
            rows: vec![[0; 4]; 2 * config.cols * config.accumulator_rows],
            mask: config.accumulator_rows - 1,
            words: vec![0; config.cols * config.drain_banks],
            select: (0, 0),
            takes: std::array::from_fn(|i| {
                let weight = WeightBits::from_code(i as u8 & 3).unwrap_or(WeightBits::W8);
                std::array::from_fn(|b| -i32::from(bank_takes_part(weight, i as u8 >> 2, b)))
            }),
        }
    }

    /// What the drain read in the cycle before.
    pub fn words(&self) -> &[i32] {
        &self.words
    }

    /// Rows of one half of column `c`.
    #[inline(always)]
    fn start(&self, half: u8, c: usize) -> usize {
        (usize::from(half & 1) * self.columns.len() + c) * (self.mask + 1)
    }

    /// One clock edge of column `c`; `tokens[s]` is the token of stage s.
    #[inline(always)]
    pub fn clock(&mut self, c: usize, value: [i32; 4], tokens: &[Token; 6], drain: &DrainRead) {
        let [.., token3, token4, token5] = tokens;
        let port = |half: u8| if token3.valid && token3.half & 1 == half & 1 { token3.address } else { drain.address };
        let row = |half: u8| self.start(half, c) + (usize::from(port(half)) & self.mask);
        let stored = self.rows[row(token3.half)];
        let read = self.rows[row(drain.half)];
        let cols = self.columns.len();
        if self.words.len() == cols {
            self.words[c] = read[usize::from(drain.bank & 3)];
        } else {
            self.words[c..].iter_mut().step_by(cols).zip(read).for_each(|(word, sum)| *word = sum);
        }
        if token5.valid {
            let at = self.start(token5.half, c) + (usize::from(token5.address) & self.mask);
            let takes = self.takes[usize::from(token5.w_code & 3 | (token5.part & 3) << 2)];
            for ((bank, result), take) in self.rows[at].iter_mut().zip(self.columns[c].result).zip(takes) {
                *bank = result & take | *bank & !take;
            }
        }
        let column = &mut self.columns[c];
        let add = -i32::from(token4.accumulate);
        column.result = std::array::from_fn(|b| (column.stored[b] & add).wrapping_add(value[b]));
        column.stored = stored;
    }

    /// One clock edge of what the columns share.
    #[inline(always)]
    pub fn select(&mut self, drain: &DrainRead) {
        self.select = (drain.half & 1, drain.bank & 3);
    }

    /// One stored sum.
    pub fn sum(&self, half: usize, bank: usize, c: usize, address: usize) -> i32 {
        self.rows[self.start(half as u8, c) + (address & self.mask)][bank & 3]
    }

    /// The registers of column `c`.
    pub fn visit(&self, v: &mut impl Visitor, c: usize, token5: &Token) {
        v.scope(format_args!("accumulator_{c}"));
        for (b, result) in self.columns[c].result.into_iter().enumerate() {
            v.register(format_args!("result_{b}"), 32, u64::from(result as u32));
        }
        v.register("token5", 25, token5.bits());
        v.register("drain_select", 3, u64::from(self.select.0 << 2 | self.select.1));
        v.end();
    }
}
