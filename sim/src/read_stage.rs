//! A register between the accumulators and what takes their words, and the same delay for the parameter address.

use crate::trace::Visitor;

/// The stage's registers.
pub struct ReadStage {
    words: Vec<i32>,
    entry: u16,
}

impl ReadStage {
    /// The stage of so many words: one for each column and bank that a drain reads at once.
    pub fn new(words: usize) -> Self {
        Self { words: vec![0; words], entry: 0 }
    }

    /// The accumulators' words, a cycle later.
    pub fn words(&self) -> &[i32] {
        &self.words
    }

    /// The drain's parameter entry, a cycle later.
    pub fn entry(&self) -> u16 {
        self.entry
    }

    /// One clock edge.
    pub fn clock(&mut self, words: &[i32], entry: u16) {
        self.words.copy_from_slice(words);
        self.entry = entry;
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        v.scope("read_stage");
        for (c, word) in self.words.iter().enumerate() {
            v.register(format_args!("word_{c}"), 32, u64::from(*word as u32));
        }
        v.register("entry", 16, self.entry.into());
        v.end();
    }
}
