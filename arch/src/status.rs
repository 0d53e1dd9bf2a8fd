//! The answer to `ReadStatus`: four words that say what the machine is and how it is.

use crate::command::MAGIC;
use crate::config::ArrayConfig;
use crate::error::MachineError;

/// Words of the answer, one in each line.
pub const STATUS_WORDS: usize = 4;

/// What `ReadStatus` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The error state, if any.
    pub error: Option<MachineError>,
    /// Commands carried out since the start, modulo 2^32, the `ReadStatus` that asks included. A bad header is not counted;
    /// a load with a bad payload is.
    pub commands: u32,
}

/// Answers that no machine of this configuration gives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("status word {word} is {found:#010x}, expected {expected}: is this a '{config}' machine?")]
pub struct StatusError {
    /// Index of the word.
    pub word: usize,
    /// Its value.
    pub found: u32,
    /// What a machine of the configuration answers.
    pub expected: String,
    /// The configuration's name.
    pub config: String,
}

impl Status {
    /// The constant words 1 and 2: rows, columns, depth, log2 of the weight bus, stream bytes; log2 of the memory sizes.
    pub fn identity(config: &ArrayConfig) -> [u32; 2] {
        let sizes = config.rows | config.cols << 8 | config.depth << 16 | (config.stream_bits / 8) << 24;
        let sizes = sizes as u32 | config.weight_bus.ilog2() << 20;
        let memories = config.activation_lines.ilog2()
            | config.weight_words.ilog2() << 8
            | config.parameter_entries.ilog2() << 16
            | config.accumulator_rows.ilog2() << 24;
        [sizes, memories]
    }

    /// The four words.
    pub fn encode(&self, config: &ArrayConfig) -> [u32; STATUS_WORDS] {
        let [sizes, memories] = Self::identity(config);
        let error = self.error.map_or(0, MachineError::code);
        [u32::from(MAGIC) << 16 | u32::from(error), sizes, memories, self.commands]
    }

    /// Reads the four words and checks that they come from a machine of this configuration.
    pub fn decode(words: &[u32; STATUS_WORDS], config: &ArrayConfig) -> Result<Self, StatusError> {
        let fail =
            |word: usize, expected: String| StatusError { word, found: words[word], expected, config: config.name.clone() };
        let code = words[0] as u16;
        let error = match code {
            0 => None,
            1..=15 => Some(MachineError::from_code(code as u8).ok_or_else(|| fail(0, "a known error code".into()))?),
            _ => return Err(fail(0, "an error code below 16".into())),
        };
        if words[0] >> 16 != u32::from(MAGIC) {
            return Err(fail(0, format!("{MAGIC:#06x} in the upper half")));
        }
        for (i, expected) in Self::identity(config).into_iter().enumerate() {
            if words[i + 1] != expected {
                return Err(fail(i + 1, format!("{expected:#010x}")));
            }
        }
        Ok(Self { error, commands: words[3] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_round_trips_and_knows_its_machine() {
        let tiny = ArrayConfig::named("tiny").unwrap();
        let status = Status { error: Some(MachineError::Overlong), commands: 7 };
        let words = status.encode(&tiny);
        assert_eq!(Status::decode(&words, &tiny), Ok(status));
        let error = Status::decode(&words, &ArrayConfig::named("small").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "status word 1 is 0x04010404, expected 0x08010808: is this a 'small' machine?");
        let error = Status::decode(&words, &ArrayConfig { weight_bus: 4, ..tiny }).unwrap_err();
        assert_eq!(error.to_string(), "status word 1 is 0x04010404, expected 0x04210404: is this a 'tiny' machine?");
    }
}
