//! Commands: how a host tells the machine what to do, in the same stream as its data.
//!
//! A command is a packet: header lines with four 32-bit words, then payload lines if any; `last`
//! marks the final beat. Word 0 is `{magic: 16, flags: 8, opcode: 8}`. The tables in `docs/commands.md` are made from [`fields`].

mod codec;
pub mod fields;

pub use codec::{code9, value9};
pub use fields::{Field, layout, used_bits};

use crate::config::ArrayConfig;
use crate::precision::{ActBits, Rounding, WeightBits};
use crate::switch::WeightFormat;

/// The upper half of every header's first word.
pub const MAGIC: u16 = 0xC842;
/// Header words of a command.
pub const HEADER_WORDS: usize = 4;
/// Payload lines of one word of the weight bus: one for each slot. An address has `weight_bus` words
/// ([`ArrayConfig::lines_per_weight_word`]).
pub const LINES_PER_BUS_WORD: usize = 4;
/// The bits of a word's address within the weight memory: 16 of the address that a command names, two for the words of the widest bus.
pub const WORD_ADDRESS: u32 = (1 << 18) - 1;
/// Payload lines of one parameter entry.
pub const LINES_PER_PARAMETER: usize = 8;
/// Output lines of one row and bank of raw int32 results.
pub const LINES_PER_RAW_ROW: usize = 4;

/// Opcodes of [`Op`], in the low byte of word 0.
pub mod opcode {
    #![allow(missing_docs)]
    pub const LOAD_ACTIVATIONS: u8 = 1;
    pub const LOAD_WEIGHTS: u8 = 2;
    pub const LOAD_PARAMETERS: u8 = 3;
    pub const COMPUTE: u8 = 4;
    pub const DRAIN: u8 = 5;
    pub const READ_STATUS: u8 = 6;
    pub const READ_COUNTERS: u8 = 7;
    pub const CLEAR_COUNTERS: u8 = 8;
    pub const CLEAR_ERROR: u8 = 9;
    pub const SET_PATTERN: u8 = 10;
}

/// Flag bit: wait until no more tiles are unfinished than the flags' upper six bits say.
pub const FENCE_COMPUTE: u8 = 1;
/// Flag bit: wait until every drain given before is complete.
pub const FENCE_DRAIN: u8 = 2;
/// Where the number of tiles of [`FENCE_COMPUTE`] begins in the flags.
pub const FENCE_TILES_LO: u32 = 2;
/// Most tiles that a fence may leave unfinished.
pub const MAX_FENCE_TILES: u8 = u8::MAX >> FENCE_TILES_LO;

/// One tile: `rows` activation vectors times the switched weights of one pass, into the accumulators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// First line of the activation buffer; the others follow by the [`Pattern`], around its end.
    pub activations: u16,
    /// Activation vectors to stream (M), 1 or more.
    pub rows: u16,
    /// First address of the weight memory.
    pub weights: u16,
    /// Weight addresses to load, 1 to [`ArrayConfig::tile_words`]; the rest of the tile is weight 0.
    pub k_words: u16,
    /// First accumulator row.
    pub accumulator: u16,
    /// Accumulator half, 0 or 1.
    pub half: u8,
    /// Add to what the accumulators hold, or overwrite it.
    pub accumulate: bool,
    /// Left shift of the psum in crumbs (two bits each), 0 to 7.
    pub shift: u8,
    /// Activation width.
    pub act: ActBits,
    /// Whether activations are signed.
    pub act_signed: bool,
    /// What the precision switch delivers.
    pub weight: WeightFormat,
    /// Pass over the four weights of a word: 0 to 3 at W8 and W6, 0 to 1 at W4, 0 at W2.
    pub part: u8,
}

impl Tile {
    /// One signed int8 activation row times one weight address, at address 0 of every memory: the base of other tiles.
    pub const ONE: Self = Self {
        activations: 0,
        rows: 1,
        weights: 0,
        k_words: 1,
        accumulator: 0,
        half: 0,
        accumulate: false,
        shift: 0,
        act: ActBits::A8,
        act_signed: true,
        weight: WeightFormat::top(WeightBits::W8, Rounding::Floor),
        part: 0,
    };
}

/// In which order tiles read the activation buffer: columns of an image, then its next row. A tile whose vectors are the pixels that a
/// kernel tap meets reads a feature map as it lies in the buffer, once for all taps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Vectors of an image row, 1 or more.
    pub columns: u16,
    /// Lines from one vector to the next.
    pub stride: u8,
    /// Lines from the last vector of an image row to the first of the next.
    pub jump: u16,
}

impl Pattern {
    /// One line after the other: what the machine begins with.
    pub const LINEAR: Self = Self { columns: u16::MAX, stride: 1, jump: 1 };

    /// The address of vector `index` of a tile that begins at line `first`, modulo 2^16; the buffer takes it modulo its size.
    pub const fn address(&self, first: u16, index: u16) -> u16 {
        let (row, column) = (index / self.columns, index % self.columns);
        let stride = self.stride as u16;
        let per_row = (self.columns - 1).wrapping_mul(stride).wrapping_add(self.jump);
        first.wrapping_add(row.wrapping_mul(per_row)).wrapping_add(column.wrapping_mul(stride))
    }
}

/// Reads accumulators out, raw or requantized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drain {
    /// Rows to read (M), 1 or more.
    pub rows: u16,
    /// First accumulator row.
    pub accumulator: u16,
    /// Accumulator half, 0 or 1.
    pub half: u8,
    /// Banks to read for each row, 1 to 4: banks 0 .. banks-1.
    pub banks: u8,
    /// Requantization, or `None` for raw int32.
    pub requantize: Option<Requantize>,
}

/// How a drain requantizes: the part that is the same for all channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Requantize {
    /// First parameter entry, a multiple of the configuration's `drain_banks`; bank t uses entry `parameters + t`.
    pub parameters: u16,
    /// Width of an output: 8, 4 or 2 bits, packed low channel first over the banks of a column.
    pub width: ActBits,
    /// Added to every channel's right shift, -32 to 31.
    pub exponent_adjust: i8,
    /// Added after rounding, -128 to 255.
    pub zero_point: i16,
    /// Lower clamp, -128 to 255.
    pub lo: i16,
    /// Upper clamp, -128 to 255.
    pub hi: i16,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Writes `count` lines of the activation buffer from `base`.
    LoadActivations {
        /// First line.
        base: u16,
        /// Lines.
        count: u16,
    },
    /// Writes `count` weight-memory addresses from `base`, [`ArrayConfig::lines_per_weight_word`] payload lines each.
    LoadWeights {
        /// First address.
        base: u16,
        /// Addresses.
        count: u16,
    },
    /// Writes `count` parameter entries from `base`, eight payload lines each.
    LoadParameters {
        /// First entry.
        base: u16,
        /// Entries.
        count: u16,
    },
    /// Runs one tile.
    Compute(Tile),
    /// Reads accumulators out.
    Drain(Drain),
    /// Answers with the status words. Works in the error state.
    ReadStatus,
    /// Answers with every counter, two words each, once the machine is idle.
    ReadCounters,
    /// Sets every counter to zero, once the machine is idle.
    ClearCounters,
    /// Leaves the error state, once the machine is idle.
    ClearError,
    /// How the tiles that follow read the activation buffer.
    SetPattern(Pattern),
}

/// An operation and what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    /// What to do.
    pub op: Op,
    /// Wait until at most so many of the tiles given before are unfinished, 0 to [`MAX_FENCE_TILES`]. Tiles finish in order, so this
    /// waits for all but the last ones.
    pub fence_compute: Option<u8>,
    /// Wait until every drain given before is complete.
    pub fence_drain: bool,
}

impl From<Op> for Command {
    fn from(op: Op) -> Self {
        Self { op, fence_compute: None, fence_drain: false }
    }
}

impl Command {
    /// Payload lines that follow the header.
    pub const fn payload_lines(&self, config: &ArrayConfig) -> usize {
        match self.op {
            Op::LoadActivations { count, .. } => count as usize,
            Op::LoadWeights { count, .. } => count as usize * config.lines_per_weight_word(),
            Op::LoadParameters { count, .. } => count as usize * LINES_PER_PARAMETER,
            _ => 0,
        }
    }
}

impl Op {
    /// The opcode of this operation.
    pub const fn opcode(&self) -> u8 {
        match self {
            Self::LoadActivations { .. } => opcode::LOAD_ACTIVATIONS,
            Self::LoadWeights { .. } => opcode::LOAD_WEIGHTS,
            Self::LoadParameters { .. } => opcode::LOAD_PARAMETERS,
            Self::Compute(_) => opcode::COMPUTE,
            Self::Drain(_) => opcode::DRAIN,
            Self::ReadStatus => opcode::READ_STATUS,
            Self::ReadCounters => opcode::READ_COUNTERS,
            Self::ClearCounters => opcode::CLEAR_COUNTERS,
            Self::ClearError => opcode::CLEAR_ERROR,
            Self::SetPattern(_) => opcode::SET_PATTERN,
        }
    }
}

impl Drain {
    /// Lines that the drain sends out.
    pub const fn output_lines(&self) -> usize {
        let (rows, banks) = (self.rows as usize, self.banks as usize);
        match self.requantize {
            None => rows * banks * LINES_PER_RAW_ROW,
            Some(r) => rows * banks.div_ceil(r.width.lanes()),
        }
    }
}

#[cfg(test)]
mod tests;
