//! Registers by name out of a recording, for those who write down what a block's ports are connected to.

use crate::error::EnergyError;
use crate::record::Recording;

/// Hands out registers of a recording; without one, it notes which are wanted.
pub struct Tap<'a> {
    recording: Option<&'a Recording>,
    /// What was asked for.
    pub wanted: Vec<String>,
    /// The first that the recording does not have.
    missing: Option<String>,
}

impl<'a> Tap<'a> {
    /// Notes what is wanted, and hands out nothing.
    pub fn listing() -> Self {
        Self { recording: None, wanted: Vec::new(), missing: None }
    }

    /// Hands out what was recorded.
    pub fn on(recording: &'a Recording) -> Self {
        Self { recording: Some(recording), wanted: Vec::new(), missing: None }
    }

    /// A register's value in every cycle.
    pub fn register(&mut self, path: String) -> Vec<u64> {
        let values = match self.recording {
            None => Vec::new(),
            Some(recording) => recording.of(&path).map(<[u64]>::to_vec).unwrap_or_else(|| {
                self.missing.get_or_insert_with(|| path.clone());
                Vec::new()
            }),
        };
        self.wanted.push(path);
        values
    }

    /// Bits of a register.
    pub fn bits(&mut self, path: String, low: u32, width: u32) -> Vec<u64> {
        field(&self.register(path), low, width)
    }

    /// The same with the cycle ahead: what is at the register's input.
    pub fn next(&mut self, path: String) -> Vec<u64> {
        let mut values = self.register(path);
        if !values.is_empty() {
            values.remove(0);
        }
        values
    }

    /// Whether all that was wanted was there.
    ///
    /// # Errors
    /// If it was not: the machine has other registers than this measurement knows.
    pub fn finish(self, workload: &str) -> Result<(), EnergyError> {
        let bad = |path| EnergyError::Workload { name: workload.to_owned(), what: format!("the machine has no register {path}") };
        self.missing.map_or(Ok(()), |path| Err(bad(path)))
    }
}

/// `width` bits from `low` up, of each word.
pub fn field(words: &[u64], low: u32, width: u32) -> Vec<u64> {
    let mask = 1_u64.checked_shl(width).map_or(u64::MAX, |bit| bit - 1);
    words.iter().map(|word| word >> low & mask).collect()
}
