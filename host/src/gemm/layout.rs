//! Where a weight matrix lies in the weight memory, and its payload lines.
//!
//! ```text
//! columns 0 .. 4C-1 -> group 0, 4C .. 8C-1 -> group 1, ...      C = columns of the array
//! column j of a group: array column c = j mod C, slot t = j / C
//! address of k in group g: base + g * ceil(K / word_k) + k / word_k       word_k = depth * weight_bus
//! ```
//! Filling slot 0 of every column first means that a group with few channels takes few passes, at every width.

use super::Fold;
use crumb_arch::ArrayConfig;
use crumb_arch::lanes::weight_lines;
use std::ops::Range;

/// A weight matrix in the weight memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeightLayout {
    /// First address.
    pub base: usize,
    /// Rows of the matrix.
    pub k: usize,
    /// Columns of the matrix.
    pub n: usize,
    /// Copies of it that lie side by side, in one group.
    pub fold: Fold,
}

impl WeightLayout {
    /// A matrix that is not folded.
    pub const fn new(base: usize, k: usize, n: usize) -> Self {
        Self { base, k, n, fold: Fold::NONE }
    }

    /// So many of its copies as one matrix.
    #[must_use]
    pub const fn part(&self, copies: usize) -> Self {
        let fold = self.fold.with(copies);
        Self::new(self.base, fold.rows(self.k), fold.columns(self.n))
    }

    /// All of its copies as one matrix.
    #[must_use]
    pub const fn whole(&self) -> Self {
        self.part(self.fold.copies)
    }

    /// Groups of `4 * cols` columns.
    pub fn groups(&self, config: &ArrayConfig) -> usize {
        self.n.div_ceil(config.group_channels())
    }

    /// Addresses of one group.
    pub fn words_per_group(&self, config: &ArrayConfig) -> usize {
        self.k.div_ceil(config.word_k())
    }

    /// Addresses of the whole matrix.
    pub fn words(&self, config: &ArrayConfig) -> usize {
        self.groups(config) * self.words_per_group(config)
    }

    /// Columns of group `g`.
    pub fn channels(&self, g: usize, config: &ArrayConfig) -> usize {
        (self.n - g * config.group_channels()).min(config.group_channels())
    }

    /// Address of row `k` in group `g`; only a multiple of [`ArrayConfig::word_k`] begins one.
    pub fn address(&self, g: usize, k: usize, config: &ArrayConfig) -> usize {
        self.base + g * self.words_per_group(config) + k / config.word_k()
    }
}

/// The payload of addresses `words` of group `g` of a row-major `[K, N]` matrix.
pub fn payload(weights: &[i8], k: usize, n: usize, g: usize, words: Range<usize>, config: &ArrayConfig) -> Vec<u8> {
    let (depth, cols) = (config.depth, config.cols);
    let first = g * config.group_channels();
    let mut lines = Vec::with_capacity(config.lines_per_weight_word() * words.len() * config.line_bytes());
    let mut bank = vec![[0i8; 4]; cols * config.word_k()];
    for word in words {
        for (i, slots) in bank.iter_mut().enumerate() {
            // `b` counts the words of the address, each of `depth` rows of the matrix.
            let (b, c, d) = (i / (cols * depth), i / depth % cols, i % depth);
            let row = word * config.word_k() + b * depth + d;
            *slots = std::array::from_fn(|t| {
                let column = first + t * cols + c;
                if row < k && column < n { weights[row * n + column] } else { 0 }
            });
        }
        weight_lines(&bank, config, &mut lines);
    }
    lines
}
