//! A grid as it is written: on the command line, or in a TOML file.
//!
//! ```toml
//! config = "large"                   # where every size comes from that no axis gives
//! rows = [8, 16, 32]
//! cols = [8, 16, 32]
//! stream_bits = ["line"]             # a line in one beat, or in as few as there can be
//! networks = ["resnet18", "bert_base_128"]
//! topologies = ["layers.csv"]        # beside the grid's file
//! act_bits = [8, 4, 2]               # these three if nothing is said
//! weight_bits = [8, 4, 2]
//! batch = 1
//! ```

use super::{Field, SweepError};
use crumb_arch::ArrayConfig;
use crumb_arch::boundary::MAX_STREAM_BYTES;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A width of the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamBits {
    /// So many bits.
    Bits(usize),
    /// The widest stream that the machine's line allows.
    Line,
}

impl<'de> Deserialize<'de> for StreamBits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Takes a number or a word: what else there is has serde's error, with what is expected.
        struct NumberOrWord;

        impl Visitor<'_> for NumberOrWord {
            type Value = StreamBits;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of bits, or \"line\"")
            }

            fn visit_i64<E: Error>(self, bits: i64) -> Result<StreamBits, E> {
                usize::try_from(bits).map(StreamBits::Bits).map_err(|_| E::invalid_value(Unexpected::Signed(bits), &self))
            }

            fn visit_u64<E: Error>(self, bits: u64) -> Result<StreamBits, E> {
                usize::try_from(bits).map(StreamBits::Bits).map_err(|_| E::invalid_value(Unexpected::Unsigned(bits), &self))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<StreamBits, E> {
                word.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(NumberOrWord)
    }
}

impl FromStr for StreamBits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "line" => Ok(Self::Line),
            bits => bits.parse().map(Self::Bits).map_err(|_| format!("{text}: expected a number of bits, or line")),
        }
    }
}

impl fmt::Display for StreamBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bits(bits) => bits.fmt(f),
            Self::Line => f.write_str("line"),
        }
    }
}

impl StreamBits {
    /// The bits on a machine: the largest divisor of its line that a stream may have.
    pub fn on(self, config: &ArrayConfig) -> usize {
        match self {
            Self::Bits(bits) => bits,
            // Sides beyond what can be built need no divisor, and might be too large to have one.
            Self::Line => {
                let line = config.rows.max(config.cols).saturating_mul(config.depth);
                8 * (1..=MAX_STREAM_BYTES).rev().find(|&bytes| line.is_multiple_of(bytes)).unwrap_or(1)
            }
        }
    }
}

/// The axes of a grid. An axis without values has the one of `config`, or all of its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// A named configuration or a TOML file: where every size comes from that no axis gives.
    pub config: Option<String>,
    /// Rows of PEs.
    pub rows: Vec<usize>,
    /// Columns of PEs.
    pub cols: Vec<usize>,
    /// Activation words per row and cycle.
    pub depth: Vec<usize>,
    /// Lines of the activation buffer.
    pub activation_lines: Vec<usize>,
    /// Addresses of the weight memory.
    pub weight_words: Vec<usize>,
    /// Words of a weight bus.
    pub weight_bus: Vec<usize>,
    /// Entries of the parameter memory.
    pub parameter_entries: Vec<usize>,
    /// Rows of one half of the accumulator memory.
    pub accumulator_rows: Vec<usize>,
    /// Accumulator banks that a drain reads in a cycle.
    pub drain_banks: Vec<usize>,
    /// Widths of both streams.
    pub stream_bits: Vec<StreamBits>,
    /// Names of built-in networks.
    pub networks: Vec<String>,
    /// Tables of layers.
    pub topologies: Vec<PathBuf>,
    /// Activation widths.
    pub act_bits: Vec<u8>,
    /// Weight widths.
    pub weight_bits: Vec<u8>,
    /// Samples that run together; 1 if nothing is said.
    pub batch: Option<u64>,
}

impl Spec {
    /// A grid from TOML text; `origin` names the text in errors.
    ///
    /// # Errors
    /// Text that is no grid.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, SweepError> {
        toml::from_str(text).map_err(|error| SweepError::Spec { origin: origin.to_owned(), problem: error.to_string() })
    }

    /// The values of a size; those of the streams' width are [`Spec::stream_bits`].
    pub(super) fn values(&self, field: Field) -> &[usize] {
        match field {
            Field::Rows => &self.rows,
            Field::Cols => &self.cols,
            Field::Depth => &self.depth,
            Field::ActivationLines => &self.activation_lines,
            Field::WeightWords => &self.weight_words,
            Field::WeightBus => &self.weight_bus,
            Field::ParameterEntries => &self.parameter_entries,
            Field::AccumulatorRows => &self.accumulator_rows,
            Field::DrainBanks => &self.drain_banks,
            Field::StreamBits => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_is_read_and_what_it_must_not_hold_is_refused() {
        let text = "config = 'large'\nrows = [8, 16]\nstream_bits = [64, 'line']\nnetworks = ['resnet18']\nbatch = 4";
        let spec = Spec::from_toml(text, "g.toml").unwrap();
        let expected = Spec {
            config: Some("large".into()),
            rows: vec![8, 16],
            stream_bits: vec![StreamBits::Bits(64), StreamBits::Line],
            networks: vec!["resnet18".into()],
            batch: Some(4),
            ..Spec::default()
        };
        assert_eq!(spec, expected);
        for (text, part) in [
            ("row = [8]", "unknown field `row`"),
            ("rows = 8", "expected a sequence"),
            ("stream_bits = ['wide']", "wide: expected a number of bits, or line"),
            ("rows = [-1]", "invalid value"),
            ("stream_bits = [1.5]", "invalid type: floating point `1.5`, expected a whole number of bits, or \"line\""),
            ("stream_bits = [-8]", "invalid value: integer `-8`, expected a whole number of bits, or \"line\""),
        ] {
            let error = Spec::from_toml(text, "g.toml").unwrap_err().to_string();
            assert!(error.starts_with("g.toml: ") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn the_widest_stream_divides_the_line() {
        let small = ArrayConfig::named("small").unwrap();
        let bits = |rows, cols, depth| StreamBits::Line.on(&ArrayConfig { rows, cols, depth, ..small.clone() });
        assert_eq!([bits(8, 8, 1), bits(8, 24, 1), bits(32, 32, 1)], [64, 192, 256]);
        // Lines of 40, 64 and 37 bytes.
        assert_eq!([bits(40, 8, 1), bits(16, 16, 4), bits(37, 4, 1)], [160, 256, 8]);
        for rows in 4..=64 {
            let config = ArrayConfig { rows, weight_bus: 1, ..small.clone() };
            let config = ArrayConfig { stream_bits: StreamBits::Line.on(&config), ..config };
            assert_eq!(config.validate(), Ok(()));
        }
        assert_eq!(bits(usize::MAX, 1, 4), 8 * 17, "no overflow: 2^64 - 1 is 3 x 5 x 17 x 257 ..");
    }
}
