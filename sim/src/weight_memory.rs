//! Weight memory: one bank of 32-bit words for each column, four int8 weights each; the one copy of the weights.
//!
//! ```text
//!  line byte c, lines 0, 1, 2 --> collector[c] (24 bits) --+
//!               line 3 ------------------------------------+--> bank[c] --> word[c] (one cycle after col[c].address)
//! ```
//!
//! Latency: one cycle to read. Invariant: a bank is written with the fourth line of an address, whole words only.
//! With depth D a column has D banks, side by side.
//!
//! A column whose issue is that of the cycle before reads what it has read already, unless a write came between:
//! `read` is told which columns have news, so that an idle loader costs nothing.

use crate::trace::Visitor;
use crumb_arch::ArrayConfig;

/// Shift registers that gather the bytes of 32-bit words, oldest lowest; also used by the parameter memory.
pub struct Collectors(Vec<u32>);

impl Collectors {
    /// `n` empty collectors.
    pub fn new(n: usize) -> Self {
        Self(vec![0; n])
    }

    /// One byte for each collector; gives the collected words with the incoming byte on top.
    pub fn take<'a>(&'a mut self, line: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        self.0.iter_mut().zip(line).map(|(collector, &byte)| {
            let word = *collector | u32::from(byte) << 24;
            *collector = word >> 8;
            word
        })
    }

    /// The registers, one scope for each.
    pub fn visit(&self, v: &mut dyn Visitor) {
        for (c, &collector) in self.0.iter().enumerate() {
            v.scope(&format!("column_{c}"));
            v.register("collector", 24, u64::from(collector));
            v.end();
        }
    }
}

/// The banks, their output registers and collectors.
pub struct WeightMemory {
    words: Vec<u32>,
    data: Vec<u32>,
    collectors: Collectors,
    depth: usize,
    mask: usize,
}

impl WeightMemory {
    /// An empty memory.
    pub fn new(config: &ArrayConfig) -> Self {
        let line = config.cols * config.depth;
        Self {
            words: vec![0; line * config.weight_words],
            data: vec![0; line],
            collectors: Collectors::new(line),
            depth: config.depth,
            mask: config.weight_words - 1,
        }
    }

    /// Words delivered to column `c` in this cycle.
    #[inline(always)]
    pub fn data(&self, c: usize) -> &[u32] {
        &self.data[c * self.depth..][..self.depth]
    }

    /// Column `c` reads.
    #[inline(always)]
    pub fn read(&mut self, c: usize, address: u16) {
        let at = (usize::from(address) & self.mask) * self.data.len();
        for i in c * self.depth..(c + 1) * self.depth {
            self.data[i] = self.words[at + i];
        }
    }

    /// Line `subline` (0..3) of an address arrives.
    pub fn write(&mut self, address: u16, subline: u8, line: &[u8]) {
        let at = (usize::from(address) & self.mask) * self.data.len();
        let whole = subline & 3 == 3;
        for (word, bank) in self.collectors.take(line).zip(&mut self.words[at..]) {
            if whole {
                *bank = word;
            }
        }
    }

    /// Word `d` of column `c` at `address`.
    pub fn word(&self, c: usize, d: usize, address: usize) -> u32 {
        self.words[(address & self.mask) * self.data.len() + c * self.depth + d]
    }

    /// Every register.
    pub fn visit(&self, v: &mut dyn Visitor) {
        v.scope("weight_memory");
        self.collectors.visit(v);
        v.end();
    }
}
