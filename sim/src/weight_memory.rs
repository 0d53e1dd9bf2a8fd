//! Weight memory: banks of 32-bit words for each column, four int8 weights each; the one copy of the weights.
//!
//! ```text
//!  line byte c, lines 0, 1, 2 --> collector[c] (24 bits) --+
//!               line 3 ------------------------------------+--> bank[c] --> word[c] (one cycle after col[c].address)
//! ```
//!
//! Latency: one cycle to read. Invariant: a bank is written with the fourth line of a word, whole words only.
//! With depth D a column has D banks, side by side. With a weight bus of B words it has them B times: an address of a command is that
//! of B words, and here every word has an address of its own, B times the command's and upwards. All B words are read at once.
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
    pub fn visit(&self, v: &mut impl Visitor) {
        for (c, &collector) in self.0.iter().enumerate() {
            v.scope(format_args!("column_{c}"));
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
    /// 32-bit words of all columns under one word's address.
    line: usize,
    /// 32-bit words that a column reads at once, `weight_bus * depth`.
    word_k: usize,
    depth: usize,
    bus_log2: u32,
    mask: usize,
}

impl WeightMemory {
    /// An empty memory.
    pub fn new(config: &ArrayConfig) -> Self {
        let line = config.cols * config.depth;
        Self {
            words: vec![0; line * config.weight_words * config.weight_bus],
            data: vec![0; line * config.weight_bus],
            collectors: Collectors::new(line),
            line,
            word_k: config.word_k(),
            depth: config.depth,
            bus_log2: config.weight_bus.ilog2(),
            mask: config.weight_words * config.weight_bus - 1,
        }
    }

    /// Words delivered to column `c` in this cycle, `depth` for each word of the address.
    #[inline(always)]
    pub fn data(&self, c: usize) -> &[u32] {
        &self.data[c * self.word_k..][..self.word_k]
    }

    /// Column `c` reads the address that has word `address`.
    #[inline(always)]
    pub fn read(&mut self, c: usize, address: u32) {
        let at = ((address as usize & self.mask) >> self.bus_log2) * self.data.len() + c * self.depth;
        for (b, data) in self.data[c * self.word_k..][..self.word_k].chunks_exact_mut(self.depth).enumerate() {
            data.copy_from_slice(&self.words[at + b * self.line..][..self.depth]);
        }
    }

    /// Line `subline` (0..3) of word `address` arrives.
    pub fn write(&mut self, address: u32, subline: u8, line: &[u8]) {
        let at = (address as usize & self.mask) * self.line;
        let whole = subline & 3 == 3;
        for (word, bank) in self.collectors.take(line).zip(&mut self.words[at..]) {
            if whole {
                *bank = word;
            }
        }
    }

    /// Word `d` of column `c` in word `address`.
    pub fn word(&self, c: usize, d: usize, address: usize) -> u32 {
        self.words[(address & self.mask) * self.line + c * self.depth + d]
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        v.scope("weight_memory");
        self.collectors.visit(v);
        v.end();
    }
}
