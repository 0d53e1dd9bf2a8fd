//! Header words of a command and back, with every check that the machine makes.

use super::fields::{self as f, Field, layout, reserved};
use super::{
    Command, Drain, FENCE_COMPUTE, FENCE_DRAIN, FENCE_TILES_LO, HEADER_WORDS, MAGIC, Op, Pattern, Requantize, Tile, opcode,
};
use crate::config::ArrayConfig;
use crate::error::MachineError;
use crate::precision::{ActBits, Rounding, WeightBits};
use crate::switch::WeightFormat;

impl Command {
    /// The four header words.
    ///
    /// # Panics
    /// If a value is outside the range that its field states.
    pub fn encode(&self) -> [u32; HEADER_WORDS] {
        let mut w = [0; HEADER_WORDS];
        f::MAGIC.put(&mut w, u32::from(MAGIC));
        f::OPCODE.put(&mut w, u32::from(self.op.opcode()));
        let tiles = self.fence_compute.map_or(0, |tiles| u32::from(tiles) << FENCE_TILES_LO | u32::from(FENCE_COMPUTE));
        f::FLAGS.put(&mut w, tiles | u32::from(u8::from(self.fence_drain) * FENCE_DRAIN));
        match self.op {
            Op::LoadActivations { base, count } | Op::LoadWeights { base, count } | Op::LoadParameters { base, count } => {
                f::BASE.put(&mut w, u32::from(base));
                f::COUNT.put(&mut w, u32::from(count));
            }
            Op::Compute(tile) => tile.encode(&mut w),
            Op::Drain(drain) => drain.encode(&mut w),
            Op::SetPattern(Pattern { columns, stride, jump }) => {
                f::COLUMNS.put(&mut w, u32::from(columns));
                f::JUMP.put(&mut w, u32::from(jump));
                f::STRIDE.put(&mut w, u32::from(stride));
            }
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
        let tiles = flags >> FENCE_TILES_LO;
        let fence_compute = (flags & FENCE_COMPUTE != 0).then_some(tiles);
        if reserved(layout, words) || (fence_compute.is_none() && tiles != 0) {
            return Err(MachineError::BadField);
        }
        let op = match op {
            opcode::COMPUTE => Op::Compute(Tile::decode(words)?),
            opcode::DRAIN => Op::Drain(Drain::decode(words)?),
            opcode::SET_PATTERN => {
                let columns = f::COLUMNS.get(words) as u16;
                if columns == 0 {
                    return Err(MachineError::BadField);
                }
                Op::SetPattern(Pattern { columns, stride: f::STRIDE.get(words) as u8, jump: f::JUMP.get(words) as u16 })
            }
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
        Ok(Self { op, fence_compute, fence_drain: flags & FENCE_DRAIN != 0 })
    }
}

impl Op {
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
                within(t.weights, t.k_words, config.weight_words, MachineError::WeightRange)?;
                within(t.accumulator, t.rows, config.accumulator_rows, MachineError::AccumulatorRange)
            }
            Self::Drain(d) => {
                if let Some(r) = d.requantize {
                    if !usize::from(r.parameters).is_multiple_of(config.drain_banks) {
                        return Err(MachineError::ParameterAlignment);
                    }
                    within(r.parameters, d.banks.into(), config.parameter_entries, MachineError::ParameterRange)?;
                }
                within(d.accumulator, d.rows, config.accumulator_rows, MachineError::AccumulatorRange)
            }
            Self::ReadStatus | Self::ReadCounters | Self::ClearCounters | Self::ClearError | Self::SetPattern(_) => Ok(()),
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
        assert!(self.banks >= 1, "a drain reads at least one bank");
        f::BANKS.put(w, u32::from(self.banks - 1));
        let Some(r) = self.requantize else {
            f::RAW.put(w, 1);
            return;
        };
        f::PARAMETERS.put(w, r.parameters.into());
        f::WIDTH.put(w, r.width.code().into());
        f::EXPONENT_ADJUST.put(w, code6(r.exponent_adjust));
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
}

/// Nine-bit two's complement of an output value.
///
/// # Panics
/// If the value is not -128 to 255.
pub const fn code9(value: i16) -> u32 {
    assert!(-128 <= value && value <= 255, "an output value is -128 to 255");
    value as u32 & 0x1FF
}

/// Six-bit two's complement.
const fn code6(value: i8) -> u32 {
    assert!(-32 <= value && value <= 31, "an exponent adjustment is -32 to 31");
    value as u32 & 0x3F
}

/// The inverse of [`code9`]; `None` below -128.
pub const fn value9(code: u32) -> Option<i16> {
    let value = ((code as i16) << 7) >> 7;
    if value < -128 { None } else { Some(value) }
}
