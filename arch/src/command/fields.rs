//! Where every field of a header stands. Bits that no field of a command covers must be zero.

use super::{HEADER_WORDS, opcode};

/// A field of a header word: where it stands and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Header word, 0 to 3.
    pub word: usize,
    /// Lowest bit.
    pub lo: u32,
    /// Bits.
    pub width: u32,
    /// Name in the tables.
    pub name: &'static str,
    /// Meaning, with unit.
    pub meaning: &'static str,
}

impl Field {
    const fn new(word: usize, lo: u32, width: u32, name: &'static str, meaning: &'static str) -> Self {
        Self { word, lo, width, name, meaning }
    }

    pub(super) const fn get(self, words: &[u32; HEADER_WORDS]) -> u32 {
        (words[self.word] >> self.lo) & self.mask()
    }

    /// # Panics
    /// If the value does not fit: a truncated field would be another command.
    pub(super) const fn put(self, words: &mut [u32; HEADER_WORDS], value: u32) {
        assert!(value <= self.mask(), "a value does not fit its header field");
        words[self.word] |= value << self.lo;
    }

    const fn mask(self) -> u32 {
        u32::MAX >> (32 - self.width)
    }
}

/// Command kind.
pub const OPCODE: Field = Field::new(0, 0, 8, "opcode", "what to do");
/// Fences.
pub const FLAGS: Field = Field::new(
    0,
    8,
    8,
    "flags",
    "bit 0: wait until at most n tiles are unfinished, n in bits 2 to 7 (else 0); bit 1: wait for all drains",
);
/// 0xC842.
pub const MAGIC: Field = Field::new(0, 16, 16, "magic", "0xC842");
/// Loads: first address.
pub const BASE: Field = Field::new(1, 0, 16, "base", "first address");
/// Loads: number of addresses.
pub const COUNT: Field = Field::new(1, 16, 16, "count", "addresses, 1 or more");
/// Compute: first activation line.
pub const ACTIVATIONS: Field =
    Field::new(1, 0, 16, "activations", "first line of the activation buffer; the others follow by the pattern, around its end");
/// Compute and drain: rows.
pub const ROWS: Field = Field::new(1, 16, 16, "rows", "rows M, 1 or more");
/// Compute: first weight address.
pub const WEIGHTS: Field = Field::new(2, 0, 16, "weights", "first address of the weight memory");
/// Compute: weight addresses.
pub const K_WORDS: Field = Field::new(2, 16, 16, "k_words", "weight addresses to load, 1 to rows * 8/A / weight_bus");
/// Compute: first accumulator row.
pub const TILE_ACCUMULATOR: Field = Field::new(3, 0, 12, "accumulator", "first accumulator row");
/// Compute: accumulator half.
pub const TILE_HALF: Field = Field::new(3, 12, 1, "half", "accumulator half");
/// Compute: add or overwrite.
pub const ACCUMULATE: Field = Field::new(3, 13, 1, "accumulate", "0 overwrite, 1 add");
/// Compute: shift.
pub const SHIFT: Field = Field::new(3, 14, 3, "shift", "left shift of the psum, in crumbs of two bits");
/// Compute: activation width.
pub const ACT: Field = Field::new(3, 17, 2, "act", "activation width: 0 = 8, 1 = 4, 2 = 2 bits");
/// Compute: weight width.
pub const WEIGHT: Field = Field::new(3, 19, 2, "weight", "weight width: 0 = 8, 1 = 4, 2 = 2, 3 = 6 bits");
/// Compute: slice.
pub const SLICE: Field = Field::new(3, 21, 2, "slice", "0 the rounded top, 1.. the bits below");
/// Compute: rounding.
pub const ROUNDING: Field = Field::new(3, 23, 2, "rounding", "0 floor, 1 half-up, 2 half-even");
/// Compute: activation sign.
pub const ACT_SIGNED: Field = Field::new(3, 25, 1, "act_signed", "1: activations are signed");
/// Compute: pass.
pub const PART: Field = Field::new(3, 26, 2, "part", "pass over the four weights of a word");
/// Drain: first parameter entry.
pub const PARAMETERS: Field =
    Field::new(1, 0, 16, "parameters", "first parameter entry, a multiple of the configuration's `drain_banks` (0 if raw)");
/// Drain: first accumulator row.
pub const DRAIN_ACCUMULATOR: Field = Field::new(2, 0, 12, "accumulator", "first accumulator row");
/// Drain: accumulator half.
pub const DRAIN_HALF: Field = Field::new(2, 12, 1, "half", "accumulator half");
/// Drain: banks less one.
pub const BANKS: Field = Field::new(2, 13, 2, "banks", "banks to read for each row, less one");
/// Drain: raw.
pub const RAW: Field = Field::new(2, 15, 1, "raw", "1: int32 results; the fields below are 0");
/// Drain: output width.
pub const WIDTH: Field = Field::new(2, 16, 2, "width", "output width: 0 = 8, 1 = 4, 2 = 2 bits");
/// Drain: exponent adjust.
pub const EXPONENT_ADJUST: Field =
    Field::new(2, 18, 6, "exponent_adjust", "added to each channel's right shift, two's complement");
/// Drain: zero point.
pub const ZERO_POINT: Field = Field::new(3, 0, 9, "zero_point", "added after rounding; 9-bit code, -128 to 255");
/// Drain: lower clamp.
pub const LO: Field = Field::new(3, 9, 9, "lo", "lower clamp; 9-bit code, -128 to 255");
/// Drain: upper clamp.
pub const HI: Field = Field::new(3, 18, 9, "hi", "upper clamp; 9-bit code, -128 to 255");

/// Pattern: vectors of an image row.
pub const COLUMNS: Field = Field::new(1, 0, 16, "columns", "vectors of an image row, 1 or more");
/// Pattern: lines from row to row.
pub const JUMP: Field = Field::new(1, 16, 16, "jump", "lines from the last vector of an image row to the first of the next");
/// Pattern: lines from vector to vector.
pub const STRIDE: Field = Field::new(2, 0, 8, "stride", "lines from one vector to the next");

/// Fields of a load.
pub const LOAD: &[Field] = &[OPCODE, FLAGS, MAGIC, BASE, COUNT];
/// Fields of a compute command.
pub const COMPUTE: &[Field] = &[
    OPCODE,
    FLAGS,
    MAGIC,
    ACTIVATIONS,
    ROWS,
    WEIGHTS,
    K_WORDS,
    TILE_ACCUMULATOR,
    TILE_HALF,
    ACCUMULATE,
    SHIFT,
    ACT,
    WEIGHT,
    SLICE,
    ROUNDING,
    ACT_SIGNED,
    PART,
];
/// Fields of a drain.
pub const DRAIN: &[Field] = &[
    OPCODE,
    FLAGS,
    MAGIC,
    PARAMETERS,
    ROWS,
    DRAIN_ACCUMULATOR,
    DRAIN_HALF,
    BANKS,
    RAW,
    WIDTH,
    EXPONENT_ADJUST,
    ZERO_POINT,
    LO,
    HI,
];
/// Fields of a pattern.
pub const PATTERN: &[Field] = &[OPCODE, FLAGS, MAGIC, COLUMNS, JUMP, STRIDE];
/// Fields of the other commands.
pub const BARE: &[Field] = &[OPCODE, FLAGS, MAGIC];

/// Fields of the command with this opcode, or `None` if there is no such command.
pub fn layout(op: u8) -> Option<&'static [Field]> {
    Some(match op {
        opcode::LOAD_ACTIVATIONS | opcode::LOAD_WEIGHTS | opcode::LOAD_PARAMETERS => LOAD,
        opcode::COMPUTE => COMPUTE,
        opcode::DRAIN => DRAIN,
        opcode::SET_PATTERN => PATTERN,
        opcode::READ_STATUS | opcode::READ_COUNTERS | opcode::CLEAR_COUNTERS | opcode::CLEAR_ERROR => BARE,
        _ => return None,
    })
}

/// Bits of each word that some field covers: the others are reserved.
pub fn used_bits(layout: &[Field]) -> [u32; HEADER_WORDS] {
    let mut used = [0; HEADER_WORDS];
    layout.iter().for_each(|field| used[field.word] |= field.mask() << field.lo);
    used
}

pub(super) fn reserved(layout: &[Field], words: &[u32; HEADER_WORDS]) -> bool {
    used_bits(layout).iter().zip(words).any(|(used, word)| word & !used != 0)
}
