//! The machine's error states: what a bad command does to it, as numbers on the boundary and as words.

use std::fmt;

/// The named error state; its [`code`](MachineError::code) stands on the `error` port until `ClearError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MachineError {
    /// The first header word lacks the magic number.
    BadMagic,
    /// No command has this opcode.
    BadOpcode,
    /// A reserved bit is set, a count is zero, or a field has an illegal value.
    BadField,
    /// `last` came before the command was complete.
    Truncated,
    /// The command was complete without `last`.
    Overlong,
    /// Activation lines beyond the end of the activation buffer.
    ActivationRange,
    /// Addresses beyond the end of the weight memory.
    WeightRange,
    /// Entries beyond the end of the parameter memory.
    ParameterRange,
    /// Rows beyond the end of the accumulator half.
    AccumulatorRange,
    /// More weight addresses than a tile has rows and K-lanes.
    TileRange,
    /// A drain's first parameter entry is not one at which the parameter memory can be read.
    ParameterAlignment,
}

impl MachineError {
    /// Every error, in the order of their codes, from 1.
    pub const ALL: [Self; 11] = [
        Self::BadMagic,
        Self::BadOpcode,
        Self::BadField,
        Self::Truncated,
        Self::Overlong,
        Self::ActivationRange,
        Self::WeightRange,
        Self::ParameterRange,
        Self::AccumulatorRange,
        Self::TileRange,
        Self::ParameterAlignment,
    ];

    /// Value of the `error` port; 0 is no error.
    pub const fn code(self) -> u8 {
        self as u8 + 1
    }

    /// The inverse of [`MachineError::code`].
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.code() == code)
    }

    /// Name in tables and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadMagic => "bad_magic",
            Self::BadOpcode => "bad_opcode",
            Self::BadField => "bad_field",
            Self::Truncated => "truncated",
            Self::Overlong => "overlong",
            Self::ActivationRange => "activation_range",
            Self::WeightRange => "weight_range",
            Self::ParameterRange => "parameter_range",
            Self::AccumulatorRange => "accumulator_range",
            Self::TileRange => "tile_range",
            Self::ParameterAlignment => "parameter_alignment",
        }
    }

    /// What happened, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::BadMagic => "the first word of a command does not begin with the magic number 0xC842",
            Self::BadOpcode => "no command has this opcode",
            Self::BadField => "a reserved bit is set, a count is zero, or a field has an illegal value",
            Self::Truncated => "last came before the command was complete",
            Self::Overlong => "the command was complete, but last did not come",
            Self::ActivationRange => "the command reaches beyond the end of the activation buffer",
            Self::WeightRange => "the command reaches beyond the end of the weight memory",
            Self::ParameterRange => "the command reaches beyond the end of the parameter memory",
            Self::AccumulatorRange => "the command reaches beyond the end of the accumulator half",
            Self::TileRange => "the tile has more weight addresses than rows * 8/A / weight_bus",
            Self::ParameterAlignment => "the drain's first parameter entry is not a multiple of the machine's drain_banks",
        }
    }
}

impl fmt::Display for MachineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.meaning())
    }
}

impl std::error::Error for MachineError {}
