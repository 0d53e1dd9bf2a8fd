//! Activation buffer: one bank of words for each row, written by lines, read by each row at its own address.
//!
//! ```text
//!  line[0..R-1], address --> bank[0] .. bank[R-1]
//!  row[r].address -> bank[r] --> data[r] (one cycle later)
//! ```
//!
//! Latency: one cycle. Invariant: a read in the cycle of a write to its address delivers the old word.
//! Lines lie one after the other, because neighbouring rows read neighbouring lines in the same cycle.

use crumb_arch::ArrayConfig;

/// The banks and their output registers; a word has `depth` bytes.
pub struct ActivationBuffer {
    words: Vec<u8>,
    data: Vec<u8>,
    depth: usize,
    mask: usize,
}

impl ActivationBuffer {
    /// An empty buffer.
    pub fn new(config: &ArrayConfig) -> Self {
        let line = config.rows * config.depth;
        Self {
            words: vec![0; line * config.activation_lines],
            data: vec![0; line],
            depth: config.depth,
            mask: config.activation_lines - 1,
        }
    }

    /// Words delivered in this cycle: byte `r * depth + d` for row `r`.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Every row reads at its own address.
    #[inline(always)]
    pub fn read(&mut self, addresses: impl Iterator<Item = u16>) {
        let (line, depth, mask) = (self.data.len(), self.depth, self.mask);
        for ((r, data), address) in self.data.chunks_exact_mut(depth).enumerate().zip(addresses) {
            let at = (usize::from(address) & mask) * line + r * depth;
            for (to, &from) in data.iter_mut().zip(&self.words[at..at + depth]) {
                *to = from;
            }
        }
    }

    /// A line arrives.
    pub fn write(&mut self, address: u16, line: &[u8]) {
        let at = (usize::from(address) & self.mask) * self.data.len();
        for (to, &from) in self.words[at..at + self.data.len()].iter_mut().zip(line) {
            *to = from;
        }
    }

    /// Byte `d` of the word that row `r` has at `address`.
    pub fn word(&self, r: usize, d: usize, address: usize) -> u8 {
        self.words[(address & self.mask) * self.data.len() + r * self.depth + d]
    }
}
