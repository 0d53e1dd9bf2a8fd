//! A machine's sizes: rows, columns, depth, memories, stream width. Named configurations are TOML files.

use crate::boundary::MAX_STREAM_BYTES;
use crate::command::{HEADER_WORDS, LINES_PER_BUS_WORD};
use crate::precision::{ActBits, WeightBits, macs_per_pe};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The sizes of one machine. See `docs/configurations.md` for the named ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrayConfig {
    /// Name, also part of the Verilog module names: lower-case letters, digits and `_`.
    pub name: String,
    /// Rows of PEs: the reduction dimension K.
    pub rows: usize,
    /// Columns of PEs: output channels N.
    pub cols: usize,
    /// Activation words per row and cycle: 1, 2 or 4.
    pub depth: usize,
    /// Lines of the activation buffer (`rows * depth` bytes each).
    pub activation_lines: usize,
    /// Addresses of the weight memory (`4 * cols * depth * weight_bus` bytes each).
    pub weight_words: usize,
    /// Width of a column's weight bus, and of a weight-memory address, in words of `depth` weights: 1, 2 or 4.
    pub weight_bus: usize,
    /// Entries of the parameter memory (8 bytes for each column).
    pub parameter_entries: usize,
    /// Rows of one half of the accumulator memory (`4 * cols` int32 each).
    pub accumulator_rows: usize,
    /// Accumulator banks of a row that a drain reads, requantizes and packs per cycle: 1 or 4.
    pub drain_banks: usize,
    /// Width of both streams, in bits.
    pub stream_bits: usize,
}

/// Every rule that a configuration breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The configuration's name.
    pub name: String,
    /// One sentence for each violation: what was found, what is allowed.
    pub violations: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration '{}' cannot be built:", self.name)?;
        self.violations.iter().try_for_each(|v| write!(f, "\n  - {v}"))
    }
}

/// A configuration that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigReadError {
    /// The name is not one of the named configurations.
    #[error("no configuration is named '{found}': the named ones are {}; for your own give a .toml file", NAMES.join(", "))]
    UnknownName {
        /// The name asked for.
        found: String,
    },
    /// The text is not the TOML of a configuration.
    #[error("configuration {origin} is not readable: {source}")]
    Toml {
        /// File or name it came from.
        origin: String,
        /// What the TOML reader says.
        source: Box<toml::de::Error>,
    },
    /// The sizes break rules.
    #[error(transparent)]
    Invalid(#[from] ConfigError),
}

/// Names of the configurations that come with Crumb, smallest first; the RTL exists for these.
pub const NAMES: [&str; 6] = ["tiny", "small", "wide", "medium", "large", "huge"];

const TEXTS: [&str; 6] = [
    include_str!("../configs/tiny.toml"),
    include_str!("../configs/small.toml"),
    include_str!("../configs/wide.toml"),
    include_str!("../configs/medium.toml"),
    include_str!("../configs/large.toml"),
    include_str!("../configs/huge.toml"),
];

/// Accumulator banks of a row, one for each of the four weights of a column's word.
pub const BANKS: usize = 4;
/// Largest number of rows or columns: token bookkeeping in the simulator packs a row of PEs into 64 bits.
pub const MAX_SIDE: usize = 64;
/// Largest memory depth: addresses in commands have 16 bits.
pub const MAX_LINES: usize = 1 << 16;
/// Largest accumulator half: accumulator addresses in commands have 12 bits.
pub const MAX_ACCUMULATOR_ROWS: usize = 1 << 12;

impl ArrayConfig {
    /// A named configuration.
    pub fn named(name: &str) -> Result<Self, ConfigReadError> {
        let index =
            NAMES.iter().position(|n| *n == name).ok_or_else(|| ConfigReadError::UnknownName { found: name.to_owned() })?;
        Self::from_toml(TEXTS[index], name)
    }

    /// A configuration from TOML text; `origin` names the text in errors.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ConfigReadError> {
        let config: Self = toml::from_str(text)
            .map_err(|source| ConfigReadError::Toml { origin: origin.to_owned(), source: Box::new(source) })?;
        config.validate()?;
        Ok(config)
    }

    /// Checks every rule and reports every violation.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut violations = Vec::new();
        let mut require = |ok: bool, text: String| {
            if !ok {
                violations.push(text);
            }
        };
        let name_ok = !self.name.is_empty()
            && self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !self.name.starts_with(|c: char| c.is_ascii_digit());
        require(name_ok, format!("name '{}': expected lower-case letters, digits and _, not starting with a digit", self.name));
        require((4..=MAX_SIDE).contains(&self.rows), format!("rows = {}: expected 4 to {MAX_SIDE}", self.rows));
        require((4..=MAX_SIDE).contains(&self.cols), format!("cols = {}: expected 4 to {MAX_SIDE}", self.cols));
        require([1, 2, 4].contains(&self.depth), format!("depth = {}: expected 1, 2 or 4", self.depth));
        require(
            self.rows.saturating_mul(self.depth) <= MAX_SIDE || self.rows > MAX_SIDE,
            format!(
                "rows * depth = {}: expected at most {MAX_SIDE}, so that a psum has 16 bits",
                self.rows.saturating_mul(self.depth)
            ),
        );
        let depths = [
            ("activation_lines", self.activation_lines, 16, MAX_LINES),
            ("weight_words", self.weight_words, 16, MAX_LINES),
            ("parameter_entries", self.parameter_entries, 4, MAX_LINES),
            ("accumulator_rows", self.accumulator_rows, 16, MAX_ACCUMULATOR_ROWS),
        ];
        for (field, value, lo, hi) in depths {
            require(
                value.is_power_of_two() && (lo..=hi).contains(&value),
                format!("{field} = {value}: expected a power of two from {lo} to {hi}"),
            );
        }
        require([1, BANKS].contains(&self.drain_banks), format!("drain_banks = {}: expected 1 or {BANKS}", self.drain_banks));
        require([1, 2, 4].contains(&self.weight_bus), format!("weight_bus = {}: expected 1, 2 or 4", self.weight_bus));
        let bus = self.weight_bus.clamp(1, 4);
        require(
            self.rows.is_multiple_of(bus),
            format!("rows = {}: expected a multiple of weight_bus = {bus}, so that a tile is whole addresses", self.rows),
        );
        let sides_ok = self.rows <= MAX_SIDE && self.cols <= MAX_SIDE && self.depth <= 4 && self.weight_bus == bus;
        if sides_ok {
            let line = self.line_bytes() * 8;
            require(
                (8..=8 * MAX_STREAM_BYTES).contains(&self.stream_bits)
                    && self.stream_bits.is_multiple_of(8)
                    && line.is_multiple_of(self.stream_bits),
                format!(
                    "stream_bits = {}: expected a multiple of 8, at most {}, that divides the line of {line} bits (8 * depth * max(rows, cols))",
                    self.stream_bits,
                    8 * MAX_STREAM_BYTES
                ),
            );
            require(
                self.weight_words >= self.tile_words(ActBits::A2),
                format!(
                    "weight_words = {}: expected at least one tile, {} words (4 * rows / weight_bus)",
                    self.weight_words,
                    self.tile_words(ActBits::A2)
                ),
            );
        }
        if violations.is_empty() { Ok(()) } else { Err(ConfigError { name: self.name.clone(), violations }) }
    }

    /// Bytes of a line: the unit in which the machine handles streams, `depth * max(rows, cols)`.
    pub const fn line_bytes(&self) -> usize {
        self.depth * if self.rows > self.cols { self.rows } else { self.cols }
    }

    /// Header words in a header line: 4, 2 or 1, as many as fit.
    pub const fn words_per_header_line(&self) -> usize {
        match self.line_bytes() {
            16.. => 4,
            8..=15 => 2,
            _ => 1,
        }
    }

    /// Header lines of a command.
    pub const fn header_lines(&self) -> usize {
        HEADER_WORDS / self.words_per_header_line()
    }

    /// Stream beats in a line.
    pub const fn beats_per_line(&self) -> usize {
        self.line_bytes() * 8 / self.stream_bits
    }

    /// K held by one weight-memory address, in every slot of every column: `depth * weight_bus`.
    pub const fn word_k(&self) -> usize {
        self.depth * self.weight_bus
    }

    /// Payload lines of one weight-memory address: those of its words, one after another.
    pub const fn lines_per_weight_word(&self) -> usize {
        LINES_PER_BUS_WORD * self.weight_bus
    }

    /// Bits of the activation, weight, parameter and accumulator memories: lines of `rows * depth` bytes, addresses of four int8 for each
    /// column and word, entries of 64 bits for each column, and two halves of rows of four int32 for each column.
    pub const fn memory_bits(&self) -> [usize; 4] {
        [
            self.activation_lines * 8 * self.rows * self.depth,
            self.weight_words * 32 * self.cols * self.word_k(),
            self.parameter_entries * 64 * self.cols,
            2 * self.accumulator_rows * 4 * 32 * self.cols,
        ]
    }

    /// Weight-memory addresses of a whole tile: `rows * 8/A / weight_bus`.
    pub const fn tile_words(&self, act: ActBits) -> usize {
        self.rows * act.lanes() / self.weight_bus
    }

    /// Weight-bus cycles of a row of PEs: `ceil(8/A / weight_bus)`, a word for each K-lane.
    pub const fn row_loads(&self, act: ActBits) -> usize {
        act.lanes().div_ceil(self.weight_bus)
    }

    /// Weight-bus cycles of a tile: `rows * ceil(8/A / weight_bus)`.
    pub const fn load_cycles(&self, act: ActBits) -> usize {
        self.rows * self.row_loads(act)
    }

    /// K covered by a tile: `rows * depth * 8/A`.
    pub const fn tile_k(&self, act: ActBits) -> usize {
        self.rows * act.lanes() * self.depth
    }

    /// Output channels of a tile: `cols * 8/W`.
    pub const fn tile_n(&self, weight: WeightBits) -> usize {
        self.cols * weight.lanes()
    }

    /// Output channels of a group, the unit of the weight memory: `4 * cols`.
    pub const fn group_channels(&self) -> usize {
        4 * self.cols
    }

    /// Accumulator banks of one issue of a drain that requantizes to this width: those of one output line, or one.
    pub const fn banks_per_issue(&self, width: ActBits) -> usize {
        if width.lanes() < self.drain_banks { width.lanes() } else { self.drain_banks }
    }

    /// MACs per cycle of the full array: `rows * cols * depth * 64/(A*W)`.
    pub const fn macs_per_cycle(&self, act: ActBits, weight: WeightBits) -> u64 {
        (self.rows * self.cols * self.depth) as u64 * macs_per_pe(act, weight)
    }

    /// Bit operations per busy cycle, the same in every mode: `64 * rows * cols * depth`.
    pub const fn bops_per_cycle(&self) -> u64 {
        (64 * self.rows * self.cols * self.depth) as u64
    }

    /// Bits of a psum: a brick column sum is at most 255 * 3 < 2^10, and `rows * depth` of them are added.
    pub const fn psum_bits(&self) -> u32 {
        10 + ceil_log2(self.rows * self.depth)
    }

    /// Bits of a combined lane: 255 * 255 * rows * depth and a sign need 17 + log2(rows * depth).
    pub const fn lane_bits(&self) -> u32 {
        self.psum_bits() + 7
    }

    /// Bits of a weight crumb sum: at most `3 * 4 * rows * depth`, as a row of PEs has at most four words for each of `depth`, copies included.
    pub const fn crumb_sum_bits(&self) -> u32 {
        4 + ceil_log2(self.rows * self.depth)
    }
}

/// Bits that number `n` things: the smallest `b` with `2^b >= n`.
pub const fn ceil_log2(n: usize) -> u32 {
    if n <= 1 { 0 } else { (n - 1).ilog2() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_configurations_are_valid_and_carry_their_names() {
        for name in NAMES {
            assert_eq!(ArrayConfig::named(name).unwrap().name, name);
        }
        let small = ArrayConfig::named("small").unwrap();
        assert_eq!((small.rows, small.cols, small.macs_per_cycle(ActBits::A2, WeightBits::W2)), (8, 8, 1024));
        let wide = ArrayConfig::named("wide").unwrap();
        assert_eq!(ActBits::ALL.map(|width| small.banks_per_issue(width)), [1, 1, 1]);
        assert_eq!(ActBits::ALL.map(|width| wide.banks_per_issue(width)), [1, 2, 4]);
    }

    #[test]
    fn configurations_of_examples_are_valid() {
        for text in [
            include_str!("../../examples/minilm/resident.toml"),
            include_str!("../../examples/resident/resident16.toml"),
            include_str!("../../examples/resident/resident32.toml"),
        ] {
            ArrayConfig::from_toml(text, "example").unwrap();
        }
    }

    #[test]
    fn every_violation_is_listed() {
        let bad = ArrayConfig {
            name: "Bad name".into(),
            rows: 3,
            cols: 65,
            depth: 3,
            activation_lines: 1000,
            weight_words: 8,
            weight_bus: 3,
            parameter_entries: 2,
            accumulator_rows: 8192,
            drain_banks: 2,
            stream_bits: 24,
        };
        let error = bad.validate().unwrap_err();
        let fields = [
            "name 'Bad name'",
            "rows = 3",
            "cols = 65",
            "depth = 3",
            "activation_lines = 1000",
            "weight_words = 8",
            "parameter_entries = 2",
            "accumulator_rows = 8192",
            "drain_banks = 2",
            "weight_bus = 3",
        ];
        assert_eq!(error.violations.len(), fields.len(), "{error}");
        for (field, text) in fields.iter().zip(&error.violations) {
            assert!(text.starts_with(field) && text.contains("expected"), "{text}");
        }
        let stream = ArrayConfig { stream_bits: 24, weight_words: 16, ..ArrayConfig::named("small").unwrap() };
        let error = stream.validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "configuration 'small' cannot be built:\n  - stream_bits = 24: expected a multiple of 8, at most 256, that divides the line of 64 bits (8 * depth * max(rows, cols))\n  - weight_words = 16: expected at least one tile, 32 words (4 * rows / weight_bus)"
        );
    }

    #[test]
    fn unknown_names_and_fields_are_refused() {
        assert_eq!(
            ArrayConfig::named("giant").unwrap_err().to_string(),
            "no configuration is named 'giant': the named ones are tiny, small, wide, medium, large, huge; for your own give a .toml file"
        );
        assert!(ArrayConfig::from_toml("name = 'x'\ncolour = 3", "x.toml").unwrap_err().to_string().contains("colour"));
    }
}
