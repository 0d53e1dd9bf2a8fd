//! Parameter memory: bias and scale of every output channel, two 32-bit banks a column.
//!
//! ```text
//!  line byte c, eight lines --> collector[c] --+-- after line 3 --> bias bank[c]  (int32)
//!                                              +-- after line 7 --> scale bank[c] {shift: 8, significand: 24}
//! ```
//!
//! Latency: one cycle to read, all columns at one address. Invariant: lowest byte first; the two banks of an entry are
//! one 64-bit word here, bias lowest. A machine that drains four banks at once reads four entries, from a multiple of four.

use crate::trace::Visitor;
use crate::weight_memory::Collectors;
use crumb_arch::ArrayConfig;

/// The banks, their output registers and collectors.
pub struct ParameterMemory {
    entries: Vec<u64>,
    data: Vec<u64>,
    collectors: Collectors,
    mask: usize,
    cols: usize,
    /// Entries read at once.
    together: usize,
}

impl ParameterMemory {
    /// An empty memory.
    pub fn new(config: &ArrayConfig) -> Self {
        Self {
            entries: vec![0; config.cols * config.parameter_entries],
            data: vec![0; config.cols * config.drain_banks],
            collectors: Collectors::new(config.cols),
            mask: config.parameter_entries - 1,
            cols: config.cols,
            together: config.drain_banks,
        }
    }

    /// Entries delivered in this cycle, that of bank `b` and column `c` at `b * cols + c`.
    pub fn data(&self) -> &[u64] {
        &self.data
    }

    /// All columns read.
    pub fn read(&mut self, address: u16) {
        let first = (usize::from(address) & self.mask) / self.together * self.together;
        let words = first * self.cols..(first + self.together) * self.cols;
        self.data.copy_from_slice(&self.entries[words]);
    }

    /// Line `subline` (0..7) of an entry arrives.
    pub fn write(&mut self, address: u16, subline: u8, line: &[u8]) {
        let at = (usize::from(address) & self.mask) * self.cols;
        for (word, entry) in self.collectors.take(line).zip(&mut self.entries[at..]) {
            match subline & 7 {
                3 => *entry = *entry >> 32 << 32 | u64::from(word),
                7 => *entry = *entry & 0xffff_ffff | u64::from(word) << 32,
                _ => {}
            }
        }
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        v.scope("parameter_memory");
        self.collectors.visit(v);
        v.end();
    }
}
