//! Operand widths, rounding modes and slices: the vocabulary of every other module.
//!
//! A precision pair is written activations first: `a8w4` is 8-bit activations with 4-bit weights.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Width of the activations that the array multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum ActBits {
    /// Two bits: four K-lanes in an activation word.
    A2,
    /// Four bits: two K-lanes.
    A4,
    /// Eight bits: one K-lane.
    A8,
}

/// Width of the weights that the precision switch delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum WeightBits {
    /// Two bits: four N-lanes in a weight word.
    W2,
    /// Four bits: two N-lanes.
    W4,
    /// Six bits, carried in an 8-bit lane: an accuracy point at the speed of [`WeightBits::W8`].
    W6,
    /// Eight bits: one N-lane.
    W8,
}

/// How the precision switch rounds an int8 weight to fewer bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// `w >> D`: AdaBits, Bit-Mixer, TruncQuant; the base of residual refinement.
    Floor,
    /// `(w + 2^(D-1)) >> D`, clipped.
    HalfUp,
    /// Round half to even, clipped: Double Rounding as trained (`torch.round`).
    HalfEven,
}

/// A name or number that is not a precision, rounding or slice of this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {found} is not one of {expected}")]
pub struct PrecisionError {
    /// What was asked for, for example `activation width`.
    pub what: &'static str,
    /// What was found.
    pub found: String,
    /// The values that exist.
    pub expected: &'static str,
}

impl ActBits {
    /// Every width, widest first.
    pub const ALL: [Self; 3] = [Self::A8, Self::A4, Self::A2];

    /// Bits of one activation: 8, 4 or 2.
    pub const fn bits(self) -> u32 {
        match self {
            Self::A8 => 8,
            Self::A4 => 4,
            Self::A2 => 2,
        }
    }

    /// Activations in one 8-bit word: the number of K-lanes, `8/A`.
    pub const fn lanes(self) -> usize {
        8 / self.bits() as usize
    }

    /// Field value in commands and inside the array.
    pub const fn code(self) -> u8 {
        match self {
            Self::A8 => 0,
            Self::A4 => 1,
            Self::A2 => 2,
        }
    }

    /// The inverse of [`ActBits::code`].
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::A8),
            1 => Some(Self::A4),
            2 => Some(Self::A2),
            _ => None,
        }
    }

    /// Smallest and largest activation.
    pub const fn range(self, signed: bool) -> (i32, i32) {
        range(self.bits(), signed)
    }

    /// Bits that an activation of this width stands above the 8-bit one: its scale is `2^(8-A)` times as large.
    pub const fn exponent(self) -> u32 {
        8 - self.bits()
    }
}

impl WeightBits {
    /// Every width, widest first.
    pub const ALL: [Self; 4] = [Self::W8, Self::W6, Self::W4, Self::W2];
    /// The widths with a lane count of their own, widest first (W6 runs in an 8-bit lane).
    pub const LANE_WIDTHS: [Self; 3] = [Self::W8, Self::W4, Self::W2];

    /// Bits of one weight: 8, 6, 4 or 2.
    pub const fn bits(self) -> u32 {
        match self {
            Self::W8 => 8,
            Self::W6 => 6,
            Self::W4 => 4,
            Self::W2 => 2,
        }
    }

    /// Bits of the lane that carries the weight: 8, 4 or 2.
    pub const fn lane_bits(self) -> u32 {
        match self {
            Self::W8 | Self::W6 => 8,
            Self::W4 => 4,
            Self::W2 => 2,
        }
    }

    /// Weights in one 8-bit word: the number of N-lanes.
    pub const fn lanes(self) -> usize {
        8 / self.lane_bits() as usize
    }

    /// Passes that visit every channel of a group of `4 * cols` channels: 4, 2 or 1.
    pub const fn passes(self) -> usize {
        4 / self.lanes()
    }

    /// Number of slices of an int8 weight at this width, the rounded top included: `8/W` (1 for W6, whose top stands alone).
    pub const fn slices(self) -> u8 {
        match self {
            Self::W8 | Self::W6 => 1,
            Self::W4 => 2,
            Self::W2 => 4,
        }
    }

    /// Field value in commands.
    pub const fn code(self) -> u8 {
        match self {
            Self::W8 => 0,
            Self::W4 => 1,
            Self::W2 => 2,
            Self::W6 => 3,
        }
    }

    /// The inverse of [`WeightBits::code`].
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::W8),
            1 => Some(Self::W4),
            2 => Some(Self::W2),
            3 => Some(Self::W6),
            _ => None,
        }
    }

    /// Bits rounded away from the int8 weight, `D = 8 - W`: the scale of the switched weight is `2^D` times as large.
    pub const fn exponent(self) -> u32 {
        8 - self.bits()
    }
}

impl Rounding {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Floor, Self::HalfUp, Self::HalfEven];

    /// Field value in commands.
    pub const fn code(self) -> u8 {
        match self {
            Self::Floor => 0,
            Self::HalfUp => 1,
            Self::HalfEven => 2,
        }
    }

    /// The inverse of [`Rounding::code`].
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Floor),
            1 => Some(Self::HalfUp),
            2 => Some(Self::HalfEven),
            _ => None,
        }
    }
}

/// Smallest and largest value of a `bits`-wide integer.
pub const fn range(bits: u32, signed: bool) -> (i32, i32) {
    if signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
}

/// MACs per PE, per activation word and cycle: `64 / (A * W)`, the fission law.
pub const fn macs_per_pe(act: ActBits, weight: WeightBits) -> u64 {
    64 / (act.bits() as u64 * weight.lane_bits() as u64)
}

impl TryFrom<u8> for ActBits {
    type Error = PrecisionError;
    fn try_from(bits: u8) -> Result<Self, PrecisionError> {
        Self::ALL.into_iter().find(|a| a.bits() == u32::from(bits)).ok_or_else(|| PrecisionError {
            what: "activation width",
            found: bits.to_string(),
            expected: "8, 4, 2",
        })
    }
}

impl TryFrom<u8> for WeightBits {
    type Error = PrecisionError;
    fn try_from(bits: u8) -> Result<Self, PrecisionError> {
        Self::ALL.into_iter().find(|w| w.bits() == u32::from(bits)).ok_or_else(|| PrecisionError {
            what: "weight width",
            found: bits.to_string(),
            expected: "8, 6, 4, 2",
        })
    }
}

impl From<ActBits> for u8 {
    fn from(a: ActBits) -> u8 {
        a.bits() as u8
    }
}

impl From<WeightBits> for u8 {
    fn from(w: WeightBits) -> u8 {
        w.bits() as u8
    }
}

impl FromStr for ActBits {
    type Err = PrecisionError;
    fn from_str(s: &str) -> Result<Self, PrecisionError> {
        s.parse::<u8>().ok().and_then(|n| Self::try_from(n).ok()).ok_or_else(|| PrecisionError {
            what: "activation width",
            found: s.to_owned(),
            expected: "8, 4, 2",
        })
    }
}

impl FromStr for WeightBits {
    type Err = PrecisionError;
    fn from_str(s: &str) -> Result<Self, PrecisionError> {
        s.parse::<u8>().ok().and_then(|n| Self::try_from(n).ok()).ok_or_else(|| PrecisionError {
            what: "weight width",
            found: s.to_owned(),
            expected: "8, 6, 4, 2",
        })
    }
}

impl FromStr for Rounding {
    type Err = PrecisionError;
    fn from_str(s: &str) -> Result<Self, PrecisionError> {
        Self::ALL.into_iter().find(|r| r.to_string() == s).ok_or_else(|| PrecisionError {
            what: "rounding",
            found: s.to_owned(),
            expected: "half-even, half-up, floor",
        })
    }
}

impl fmt::Display for ActBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.bits())
    }
}

impl fmt::Display for WeightBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.bits())
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Floor => "floor",
            Self::HalfUp => "half-up",
            Self::HalfEven => "half-even",
        })
    }
}
