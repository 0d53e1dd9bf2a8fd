//! Commands: how a host tells the machine what to do, in the same stream as its data.
//!
//! A command is a packet: four header lines, each with a 32-bit word in its low four bytes, then payload lines if any; `last`
//! marks the final beat. Word 0 is `{magic: 16, flags: 8, opcode: 8}`. The tables in `docs/commands.md` are made from [`fields`].

use crate::config::ArrayConfig;
use crate::error::MachineError;
use crate::precision::{ActBits, Rounding, WeightBits};
use crate::switch::WeightFormat;

/// The upper half of every header's first word.
pub const MAGIC: u16 = 0xC842;
/// Header words, one in each header line.
pub const HEADER_WORDS: usize = 4;
/// Payload lines of one weight-memory address.
pub const LINES_PER_WEIGHT_WORD: usize = 4;
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
}

/// Flag bit: wait until every tile given before is complete.
pub const FENCE_COMPUTE: u8 = 1;
/// Flag bit: wait until every drain given before is complete.
pub const FENCE_DRAIN: u8 = 2;

/// One tile: `rows` activation vectors times the switched weights of one pass, into the accumulators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// First line of the activation buffer.
    pub activations: u16,
    /// Activation vectors to stream (M), 1 or more.
    pub rows: u16,
    /// First address of the weight memory.
    pub weights: u16,
    /// Weight addresses to load, 1 to `rows * 8/A` of the configuration; the rest of the tile is weight 0.
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
    /// First parameter entry; bank t uses entry `parameters + t`.
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
    /// Writes `count` weight-memory addresses from `base`, four payload lines each.
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
}

/// An operation and what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    /// What to do.
    pub op: Op,
    /// Wait until every tile given before is complete.
    pub fence_compute: bool,
    /// Wait until every drain given before is complete.
    pub fence_drain: bool,
}

impl From<Op> for Command {
    fn from(op: Op) -> Self {
        Self { op, fence_compute: false, fence_drain: false }
    }
}

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

    const fn get(self, words: &[u32; HEADER_WORDS]) -> u32 {
        (words[self.word] >> self.lo) & (u32::MAX >> (32 - self.width))
    }

    const fn put(self, words: &mut [u32; HEADER_WORDS], value: u32) {
        words[self.word] |= (value & (u32::MAX >> (32 - self.width))) << self.lo;
    }
}

/// Where every field stands. Bits that no field of a command covers must be zero.
pub mod fields {
    use super::Field;
    /// Command kind.
    pub const OPCODE: Field = Field::new(0, 0, 8, "opcode", "what to do");
    /// Fences.
    pub const FLAGS: Field = Field::new(0, 8, 8, "flags", "bit 0: wait for all tiles; bit 1: wait for all drains; others 0");
    /// 0xC842.
    pub const MAGIC: Field = Field::new(0, 16, 16, "magic", "0xC842");
    /// Loads: first address.
    pub const BASE: Field = Field::new(1, 0, 16, "base", "first address");
    /// Loads: number of addresses.
    pub const COUNT: Field = Field::new(1, 16, 16, "count", "addresses, 1 or more");
    /// Compute: first activation line.
    pub const ACTIVATIONS: Field = Field::new(1, 0, 16, "activations", "first line of the activation buffer");
    /// Compute and drain: rows.
    pub const ROWS: Field = Field::new(1, 16, 16, "rows", "rows M, 1 or more");
    /// Compute: first weight address.
    pub const WEIGHTS: Field = Field::new(2, 0, 16, "weights", "first address of the weight memory");
    /// Compute: weight addresses.
    pub const K_WORDS: Field = Field::new(2, 16, 16, "k_words", "weight addresses to load, 1 to 8/A for each row of the array");
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
    pub const PARAMETERS: Field = Field::new(1, 0, 16, "parameters", "first parameter entry (0 if raw)");
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
    /// Fields of the other commands.
    pub const BARE: &[Field] = &[OPCODE, FLAGS, MAGIC];
}

use fields as f;

impl Command {
    /// The four header words.
    pub fn encode(&self) -> [u32; HEADER_WORDS] {
        let mut w = [0; HEADER_WORDS];
        f::MAGIC.put(&mut w, u32::from(MAGIC));
        f::OPCODE.put(&mut w, u32::from(self.op.opcode()));
        let flags = (u8::from(self.fence_compute) * FENCE_COMPUTE) | (u8::from(self.fence_drain) * FENCE_DRAIN);
        f::FLAGS.put(&mut w, u32::from(flags));
        match self.op {
            Op::LoadActivations { base, count } | Op::LoadWeights { base, count } | Op::LoadParameters { base, count } => {
                f::BASE.put(&mut w, u32::from(base));
                f::COUNT.put(&mut w, u32::from(count));
            }
            Op::Compute(tile) => tile.encode(&mut w),
            Op::Drain(drain) => drain.encode(&mut w),
            Op::ReadStatus | Op::ReadCounters | Op::ClearCounters | Op::ClearError => {}
        }
        w
    }

    /// Reads four header words and checks them against the machine's sizes, in the machine's order:
    /// magic, opcode, reserved bits and field values, tile size, then the ranges of each memory.
    pub fn decode(words: &[u32; HEADER_WORDS], config: &ArrayConfig) -> Result<Self, MachineError> {
        if f::MAGIC.get(words) != u32::from(MAGIC) {
            return Err(MachineError::BadMagic);
        }
        let op = f::OPCODE.get(words) as u8;
        let layout = layout(op).ok_or(MachineError::BadOpcode)?;
        let flags = f::FLAGS.get(words) as u8;
        if reserved(layout, words) || flags & !(FENCE_COMPUTE | FENCE_DRAIN) != 0 {
            return Err(MachineError::BadField);
        }
        let op = match op {
            opcode::COMPUTE => Op::Compute(Tile::decode(words)?),
            opcode::DRAIN => Op::Drain(Drain::decode(words)?),
            opcode::READ_STATUS => Op::ReadStatus,
            opcode::READ_COUNTERS => Op::ReadCounters,
            opcode::CLEAR_COUNTERS => Op::ClearCounters,
            opcode::CLEAR_ERROR => Op::ClearError,
            load => {
                let (base, count) = (f::BASE.get(words) as u16, f::COUNT.get(words) as u16);
                if count == 0 {
                    return Err(MachineError::BadField);
                }
                match load {
                    opcode::LOAD_ACTIVATIONS => Op::LoadActivations { base, count },
                    opcode::LOAD_WEIGHTS => Op::LoadWeights { base, count },
                    _ => Op::LoadParameters { base, count },
                }
            }
        };
        op.check_ranges(config)?;
        Ok(Self { op, fence_compute: flags & FENCE_COMPUTE != 0, fence_drain: flags & FENCE_DRAIN != 0 })
    }

    /// Payload lines that follow the header.
    pub const fn payload_lines(&self) -> usize {
        match self.op {
            Op::LoadActivations { count, .. } => count as usize,
            Op::LoadWeights { count, .. } => count as usize * LINES_PER_WEIGHT_WORD,
            Op::LoadParameters { count, .. } => count as usize * LINES_PER_PARAMETER,
            _ => 0,
        }
    }
}

/// Fields of the command with this opcode, or `None` if there is no such command.
pub fn layout(op: u8) -> Option<&'static [Field]> {
    Some(match op {
        opcode::LOAD_ACTIVATIONS | opcode::LOAD_WEIGHTS | opcode::LOAD_PARAMETERS => f::LOAD,
        opcode::COMPUTE => f::COMPUTE,
        opcode::DRAIN => f::DRAIN,
        opcode::READ_STATUS | opcode::READ_COUNTERS | opcode::CLEAR_COUNTERS | opcode::CLEAR_ERROR => f::BARE,
        _ => return None,
    })
}

/// Bits of each word that some field covers: the others are reserved.
pub fn used_bits(layout: &[Field]) -> [u32; HEADER_WORDS] {
    let mut used = [0; HEADER_WORDS];
    layout.iter().for_each(|field| field.put(&mut used, u32::MAX));
    used
}

fn reserved(layout: &[Field], words: &[u32; HEADER_WORDS]) -> bool {
    used_bits(layout).iter().zip(words).any(|(used, word)| word & !used != 0)
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
        }
    }

    fn check_ranges(&self, config: &ArrayConfig) -> Result<(), MachineError> {
        let within = |base: u16, count: u16, size: usize, error| {
            if base as usize + count as usize <= size { Ok(()) } else { Err(error) }
        };
        match *self {
            Self::LoadActivations { base, count } => within(base, count, config.activation_lines, MachineError::ActivationRange),
            Self::LoadWeights { base, count } => within(base, count, config.weight_words, MachineError::WeightRange),
            Self::LoadParameters { base, count } => within(base, count, config.parameter_entries, MachineError::ParameterRange),
            Self::Compute(t) => {
                if t.k_words as usize > config.tile_words(t.act) {
                    return Err(MachineError::TileRange);
                }
                within(t.activations, t.rows, config.activation_lines, MachineError::ActivationRange)?;
                within(t.weights, t.k_words, config.weight_words, MachineError::WeightRange)?;
                within(t.accumulator, t.rows, config.accumulator_rows, MachineError::AccumulatorRange)
            }
            Self::Drain(d) => {
                if let Some(r) = d.requantize {
                    within(r.parameters, d.banks.into(), config.parameter_entries, MachineError::ParameterRange)?;
                }
                within(d.accumulator, d.rows, config.accumulator_rows, MachineError::AccumulatorRange)
            }
            Self::ReadStatus | Self::ReadCounters | Self::ClearCounters | Self::ClearError => Ok(()),
        }
    }
}

impl Tile {
    fn encode(&self, w: &mut [u32; HEADER_WORDS]) {
        f::ACTIVATIONS.put(w, self.activations.into());
        f::ROWS.put(w, self.rows.into());
        f::WEIGHTS.put(w, self.weights.into());
        f::K_WORDS.put(w, self.k_words.into());
        f::TILE_ACCUMULATOR.put(w, self.accumulator.into());
        f::TILE_HALF.put(w, self.half.into());
        f::ACCUMULATE.put(w, self.accumulate.into());
        f::SHIFT.put(w, self.shift.into());
        f::ACT.put(w, self.act.code().into());
        f::WEIGHT.put(w, self.weight.bits.code().into());
        f::SLICE.put(w, self.weight.slice.into());
        f::ROUNDING.put(w, self.weight.rounding.code().into());
        f::ACT_SIGNED.put(w, self.act_signed.into());
        f::PART.put(w, self.part.into());
    }

    fn decode(w: &[u32; HEADER_WORDS]) -> Result<Self, MachineError> {
        let act = ActBits::from_code(f::ACT.get(w) as u8).ok_or(MachineError::BadField)?;
        let bits = WeightBits::from_code(f::WEIGHT.get(w) as u8).ok_or(MachineError::BadField)?;
        let rounding = Rounding::from_code(f::ROUNDING.get(w) as u8).ok_or(MachineError::BadField)?;
        let weight = WeightFormat::new(bits, f::SLICE.get(w) as u8, rounding).map_err(|_| MachineError::BadField)?;
        let tile = Self {
            activations: f::ACTIVATIONS.get(w) as u16,
            rows: f::ROWS.get(w) as u16,
            weights: f::WEIGHTS.get(w) as u16,
            k_words: f::K_WORDS.get(w) as u16,
            accumulator: f::TILE_ACCUMULATOR.get(w) as u16,
            half: f::TILE_HALF.get(w) as u8,
            accumulate: f::ACCUMULATE.get(w) == 1,
            shift: f::SHIFT.get(w) as u8,
            act,
            act_signed: f::ACT_SIGNED.get(w) == 1,
            weight,
            part: f::PART.get(w) as u8,
        };
        if tile.rows == 0 || tile.k_words == 0 || tile.part as usize >= bits.passes() {
            return Err(MachineError::BadField);
        }
        Ok(tile)
    }
}

impl Drain {
    fn encode(&self, w: &mut [u32; HEADER_WORDS]) {
        f::ROWS.put(w, self.rows.into());
        f::DRAIN_ACCUMULATOR.put(w, self.accumulator.into());
        f::DRAIN_HALF.put(w, self.half.into());
        f::BANKS.put(w, u32::from(self.banks.wrapping_sub(1)));
        let Some(r) = self.requantize else {
            f::RAW.put(w, 1);
            return;
        };
        f::PARAMETERS.put(w, r.parameters.into());
        f::WIDTH.put(w, r.width.code().into());
        f::EXPONENT_ADJUST.put(w, r.exponent_adjust as u32);
        f::ZERO_POINT.put(w, code9(r.zero_point));
        f::LO.put(w, code9(r.lo));
        f::HI.put(w, code9(r.hi));
    }

    fn decode(w: &[u32; HEADER_WORDS]) -> Result<Self, MachineError> {
        let raw = f::RAW.get(w) == 1;
        let width = ActBits::from_code(f::WIDTH.get(w) as u8).ok_or(MachineError::BadField)?;
        let quiet =
            [f::PARAMETERS, f::WIDTH, f::EXPONENT_ADJUST, f::ZERO_POINT, f::LO, f::HI].iter().all(|field| field.get(w) == 0);
        if f::ROWS.get(w) == 0 || (raw && !quiet) {
            return Err(MachineError::BadField);
        }
        let value9 = |field: Field| value9(field.get(w)).ok_or(MachineError::BadField);
        let requantize = Requantize {
            parameters: f::PARAMETERS.get(w) as u16,
            width,
            exponent_adjust: ((f::EXPONENT_ADJUST.get(w) as i8) << 2) >> 2,
            zero_point: value9(f::ZERO_POINT)?,
            lo: value9(f::LO)?,
            hi: value9(f::HI)?,
        };
        if requantize.lo > requantize.hi {
            return Err(MachineError::BadField);
        }
        Ok(Self {
            rows: f::ROWS.get(w) as u16,
            accumulator: f::DRAIN_ACCUMULATOR.get(w) as u16,
            half: f::DRAIN_HALF.get(w) as u8,
            banks: f::BANKS.get(w) as u8 + 1,
            requantize: (!raw).then_some(requantize),
        })
    }

    /// Lines that the drain sends out.
    pub const fn output_lines(&self) -> usize {
        let (rows, banks) = (self.rows as usize, self.banks as usize);
        match self.requantize {
            None => rows * banks * LINES_PER_RAW_ROW,
            Some(r) => rows * banks.div_ceil(r.width.lanes()),
        }
    }
}

/// Nine-bit two's complement of an output value.
pub const fn code9(value: i16) -> u32 {
    value as u32 & 0x1FF
}

/// The inverse of [`code9`]; `None` below -128.
pub const fn value9(code: u32) -> Option<i16> {
    let value = ((code as i16) << 7) >> 7;
    if value < -128 { None } else { Some(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config() -> ArrayConfig {
        ArrayConfig::named("tiny").unwrap()
    }

    fn words() -> impl Strategy<Value = [u32; HEADER_WORDS]> {
        // Mostly plausible headers: right magic, an opcode near the real ones, sparse field bits.
        (0u32..12, any::<[u32; 3]>(), any::<[u32; 3]>(), 0u32..4).prop_map(|(op, a, b, flags)| {
            [u32::from(MAGIC) << 16 | flags << 8 | op, a[0] & b[0], a[1] & b[1], a[2] & b[2] & 0x0FFF_FFFF]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn whatever_decodes_encodes_back(words in words()) {
            if let Ok(command) = Command::decode(&words, &config()) {
                prop_assert_eq!(command.encode(), words);
            }
        }

        #[test]
        fn random_words_never_panic(words: [u32; HEADER_WORDS]) {
            let _ = Command::decode(&words, &config());
        }
    }

    fn tile() -> Tile {
        Tile {
            activations: 3,
            rows: 5,
            weights: 7,
            k_words: 4,
            accumulator: 9,
            half: 1,
            accumulate: true,
            shift: 6,
            act: ActBits::A4,
            act_signed: true,
            weight: WeightFormat::top(WeightBits::W4, Rounding::HalfEven),
            part: 1,
        }
    }

    #[test]
    fn commands_round_trip() {
        let requantize =
            Requantize { parameters: 60, width: ActBits::A2, exponent_adjust: -32, zero_point: -128, lo: -128, hi: 255 };
        let drain = Drain { rows: 2, accumulator: 1, half: 0, banks: 4, requantize: Some(requantize) };
        for op in [
            Op::LoadActivations { base: 1, count: 2 },
            Op::LoadWeights { base: 1, count: 2 },
            Op::LoadParameters { base: 1, count: 2 },
            Op::Compute(tile()),
            Op::Drain(drain),
            Op::Drain(Drain { requantize: None, ..drain }),
            Op::ReadStatus,
            Op::ReadCounters,
            Op::ClearCounters,
            Op::ClearError,
        ] {
            for fences in 0..4 {
                let command = Command { op, fence_compute: fences & 1 != 0, fence_drain: fences & 2 != 0 };
                assert_eq!(Command::decode(&command.encode(), &config()), Ok(command));
            }
        }
    }

    #[test]
    fn each_error_has_its_cause() {
        let config = config();
        let decode = |op: Op| Command::decode(&Command::from(op).encode(), &config);
        let rejects = |op: Op, error| assert_eq!(decode(op), Err(error), "{op:?}");
        let mut words = Command::from(Op::ReadStatus).encode();
        words[0] ^= 1 << 31;
        assert_eq!(Command::decode(&words, &config), Err(MachineError::BadMagic));
        words[0] ^= 1 << 31 | 0xF0;
        assert_eq!(Command::decode(&words, &config), Err(MachineError::BadOpcode));
        words[0] ^= 0xF0;
        words[2] = 1;
        assert_eq!(Command::decode(&words, &config), Err(MachineError::BadField));
        rejects(Op::LoadActivations { base: 0, count: 0 }, MachineError::BadField);
        rejects(Op::LoadActivations { base: 1023, count: 2 }, MachineError::ActivationRange);
        rejects(Op::LoadWeights { base: 2048, count: 1 }, MachineError::WeightRange);
        rejects(Op::LoadParameters { base: 0, count: 65 }, MachineError::ParameterRange);
        rejects(Op::Compute(Tile { rows: 0, ..tile() }), MachineError::BadField);
        rejects(Op::Compute(Tile { part: 2, ..tile() }), MachineError::BadField);
        rejects(Op::Compute(Tile { k_words: 9, ..tile() }), MachineError::TileRange);
        rejects(Op::Compute(Tile { activations: 1020, ..tile() }), MachineError::ActivationRange);
        rejects(Op::Compute(Tile { weights: 2045, ..tile() }), MachineError::WeightRange);
        rejects(Op::Compute(Tile { accumulator: 252, ..tile() }), MachineError::AccumulatorRange);
    }
}
