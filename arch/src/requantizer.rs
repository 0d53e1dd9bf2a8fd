//! Exact requantization: an int32 accumulator to an 8, 4 or 2-bit output, bit for bit what onnxruntime computes in float32.
//!
//! ```text
//! requantize(acc) = clamp(rint_even(f32(f32(acc + bias) * f32(multiplier * 2^-adjust))) + zero_point, lo, hi)
//!
//!  acc, bias    int_to_float          multiply                     float_to_int                 + zero point, clamp
//! ----------> |x|, normalise, -----> 24 x 24 -> 48, normalise, -> shift right by n, ---------> int8 / int4 / int2
//!             round to 24 bits       round to 24 bits              round half-even
//! ```
//!
//! The three roundings are those of IEEE 754 (roundTiesToEven): the conversion of the accumulator, the product, and
//! `nearbyint`. Integers compute all three, so there is no float anywhere in the machine; a single final rounding would
//! differ in two outputs of a million (`formats.md`, "Exact arithmetic").
//!
//! Why neither subnormal numbers nor overflow need any care: |acc + bias| <= 2^31 and multiplier * 2^-adjust < 2^24 * 2^32, so the
//! product stays below 2^87 and float32 cannot overflow. A multiplier or a product that float32 would have to denormalise is
//! below 2^-126, so the exact product is below 2^-95, however it is rounded: both ways the integer is 0.
//!
//! Each pipeline stage is a function in [`stages`]; [`requantize`] is their composition. Latency: [`LATENCY`] cycles.

use serde::{Deserialize, Serialize};

use crate::command::Requantize;
use crate::precision::ActBits;

pub mod stages;

/// Cycles from the inputs of the requantizer to its output: with inputs in cycle x, the output register is visible in x + `LATENCY`.
pub const LATENCY: usize = 13;

/// Bits of a float32 significand, hidden one included (IEEE 754 binary32).
pub const SIGNIFICAND_BITS: u32 = 24;

/// The smallest normalised significand, 2^23.
const SIGNIFICAND_MIN: u32 = 1 << (SIGNIFICAND_BITS - 1);

/// The largest significand, 2^24 - 1.
const SIGNIFICAND_MAX: u32 = (1 << SIGNIFICAND_BITS) - 1;

/// What one output channel adds and multiplies: `(acc + bias) * significand * 2^-shift`.
///
/// One entry of the parameter memory. The significand is normalised (2^23 ..= 2^24 - 1), or 0 for a multiplier of zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChannelScale {
    /// Added to the accumulator, modulo 2^32; the host refuses layers whose sums leave int32.
    pub bias: i32,
    /// The 24-bit significand of the multiplier, hidden one included.
    pub significand: u32,
    /// The multiplier is `significand * 2^-shift`.
    pub shift: u8,
}

/// Why a multiplier cannot be a [`ChannelScale`].
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ScaleError {
    /// The multiplier is NaN or infinite.
    #[error(
        "multiplier {multiplier} is not a finite number: expected 0 or 2^-126 ..< 2^24; check the scales of this layer for a zero or missing value"
    )]
    NotFinite {
        /// The multiplier as given.
        multiplier: f32,
    },
    /// The multiplier is below zero.
    #[error("multiplier {multiplier:e} is negative: expected 0 or 2^-126 ..< 2^24; negate the weights of this channel instead")]
    Negative {
        /// The multiplier as given.
        multiplier: f32,
    },
    /// The multiplier is a subnormal float32, whose significand has less than 24 bits.
    #[error(
        "multiplier {multiplier:e} is subnormal (below 2^-126): expected 0 or 2^-126 ..< 2^24; every output would be the zero point, so use 0"
    )]
    Subnormal {
        /// The multiplier as given.
        multiplier: f32,
    },
    /// The multiplier needs a negative shift.
    #[error(
        "multiplier {multiplier:e} = {significand} * 2^{exponent} needs a shift of {}: expected a shift of 0..=255, a multiplier below 2^24 = 16777216; \
         check that the output scale of this layer is not far too small", -exponent
    )]
    TooLarge {
        /// The multiplier as given.
        multiplier: f32,
        /// Its 24-bit significand.
        significand: u32,
        /// Its exponent: `multiplier = significand * 2^exponent`, here above 0.
        exponent: i32,
    },
    /// The significand is neither 0 nor normalised.
    #[error(
        "significand {significand} ({significand:#x}) is not normalised: expected 0 or 8388608..=16777215 (2^23 ..< 2^24); shift it left and add to the shift"
    )]
    Significand {
        /// The significand as given.
        significand: u32,
    },
}

impl ChannelScale {
    /// The scale that adds `bias` and multiplies by exactly `multiplier`.
    ///
    /// A normal float32 is `1.fraction * 2^(biased - 127)`, so the significand is the fraction with its hidden one and the shift is
    /// `150 - biased` (IEEE 754-2019, 3.4). Zero of either sign becomes a significand of 0.
    ///
    /// # Errors
    /// Anything but zero and a normal number in 2^-126 ..< 2^24: see [`ScaleError`].
    pub fn from_f32(bias: i32, multiplier: f32) -> Result<ChannelScale, ScaleError> {
        if !multiplier.is_finite() {
            return Err(ScaleError::NotFinite { multiplier });
        }
        if multiplier == 0.0 {
            return Ok(ChannelScale { bias, significand: 0, shift: 0 });
        }
        if multiplier < 0.0 {
            return Err(ScaleError::Negative { multiplier });
        }
        if multiplier.is_subnormal() {
            return Err(ScaleError::Subnormal { multiplier });
        }
        let bits = multiplier.to_bits();
        let significand = bits & (SIGNIFICAND_MIN - 1) | SIGNIFICAND_MIN;
        let exponent = (bits >> (SIGNIFICAND_BITS - 1)) as i32 - 150;
        let shift = u8::try_from(-exponent).map_err(|_| ScaleError::TooLarge { multiplier, significand, exponent })?;
        Ok(ChannelScale { bias, significand, shift })
    }

    /// The multiplier `significand * 2^-shift`, exactly: 2^-255 and 24 bits are well inside a double.
    pub fn multiplier(self) -> f64 {
        f64::from(self.significand) * f64::from_bits((1023 - u64::from(self.shift)) << 52)
    }

    /// Refuses a significand that is neither 0 nor normalised.
    ///
    /// # Errors
    /// [`ScaleError::Significand`].
    pub fn check(self) -> Result<ChannelScale, ScaleError> {
        match self.significand {
            0 | SIGNIFICAND_MIN..=SIGNIFICAND_MAX => Ok(self),
            significand => Err(ScaleError::Significand { significand }),
        }
    }

    /// The 64-bit entry of the parameter memory: bias in bits 31..0, significand in 55..32, shift in 63..56.
    pub fn encode(self) -> u64 {
        u64::from(self.bias as u32) | u64::from(self.significand & SIGNIFICAND_MAX) << 32 | u64::from(self.shift) << 56
    }

    /// The scale of a 64-bit entry, the inverse of [`ChannelScale::encode`].
    ///
    /// # Errors
    /// [`ScaleError::Significand`] for an entry that no scale encodes to. (The hardware does not look: it multiplies by what it reads.)
    pub fn decode(entry: u64) -> Result<ChannelScale, ScaleError> {
        ChannelScale::from_entry(entry).check()
    }

    /// The fields of a 64-bit entry as the hardware takes them apart, without a check.
    pub fn from_entry(entry: u64) -> ChannelScale {
        ChannelScale {
            bias: entry as u32 as i32,
            significand: (entry >> 32) as u32 & SIGNIFICAND_MAX,
            shift: (entry >> 56) as u8,
        }
    }
}

/// What one drain does to every output: zero point, clamp, width, and an exponent added to every channel's shift.
///
/// The default (all zero, 8 bits) is the state of the hardware at power-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OutputFormat {
    /// Added after rounding: -128 ..= 255 (9 bits, two's complement).
    pub zero_point: i16,
    /// Lowest output: -128 ..= 255 (9 bits, two's complement).
    pub lo: i16,
    /// Highest output: -128 ..= 255 (9 bits, two's complement).
    pub hi: i16,
    /// Width of one output: 8, 4 or 2 bits. The requantizer itself does not use it; `lo` and `hi` must fit it.
    pub width: ActBits,
    /// Added to every shift, so the multiplier becomes `multiplier * 2^-exponent_adjust`: -32 ..= 31 (6 bits). Running int8 weights at
    /// W bits loses a factor 2^(8-W), which an adjustment of W - 8 restores.
    pub exponent_adjust: i8,
}

impl Default for OutputFormat {
    fn default() -> OutputFormat {
        OutputFormat { zero_point: 0, lo: 0, hi: 0, width: ActBits::A8, exponent_adjust: 0 }
    }
}

impl From<&Requantize> for OutputFormat {
    fn from(drain: &Requantize) -> OutputFormat {
        let &Requantize { width, exponent_adjust, zero_point, lo, hi, .. } = drain;
        OutputFormat { zero_point, lo, hi, width, exponent_adjust }
    }
}

/// Why an [`OutputFormat`] cannot be encoded, or its outputs would not fit their width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The zero point is neither an int8 nor a uint8.
    #[error("zero point {zero_point}: expected -128..=255 (int8 or uint8)")]
    ZeroPoint {
        /// The zero point as given.
        zero_point: i16,
    },
    /// The clamp range is empty.
    #[error("clamp range {lo}..={hi} is empty: expected lo <= hi")]
    EmptyRange {
        /// The lower bound as given.
        lo: i16,
        /// The upper bound as given.
        hi: i16,
    },
    /// The clamp range is wider than the outputs.
    #[error(
        "clamp range {lo}..={hi} does not fit {} bits: expected a part of {}..={} (signed) or 0..={} (unsigned)",
        width.bits(), -(1i32 << (width.bits() - 1)), (1i32 << (width.bits() - 1)) - 1, (1i32 << width.bits()) - 1
    )]
    Range {
        /// The lower bound as given.
        lo: i16,
        /// The upper bound as given.
        hi: i16,
        /// The output width.
        width: ActBits,
    },
    /// The exponent adjustment does not fit its six bits.
    #[error("exponent adjustment {exponent_adjust}: expected -32..=31; fold the rest into the shifts of the channels")]
    ExponentAdjust {
        /// The adjustment as given.
        exponent_adjust: i8,
    },
}

impl OutputFormat {
    /// The whole range of the outputs of a width, signed or unsigned, with no exponent adjustment. The zero point is not checked.
    pub const fn full_range(width: ActBits, signed: bool, zero_point: i16) -> OutputFormat {
        let values = 1i16 << width.bits();
        let lo = if signed { -(values / 2) } else { 0 };
        OutputFormat { zero_point, lo, hi: lo + (values - 1), width, exponent_adjust: 0 }
    }

    /// Refuses a field out of range, and a clamp range that is empty or wider than the outputs.
    ///
    /// # Errors
    /// The first violation, with its numbers.
    pub fn check(self) -> Result<OutputFormat, FormatError> {
        let OutputFormat { zero_point, lo, hi, width, exponent_adjust } = self;
        if !(-128..=255).contains(&zero_point) {
            return Err(FormatError::ZeroPoint { zero_point });
        }
        if lo > hi {
            return Err(FormatError::EmptyRange { lo, hi });
        }
        let half = 1i16 << (width.bits() - 1);
        let signed = lo >= -half && hi < half;
        let unsigned = lo >= 0 && hi < 2 * half;
        if !signed && !unsigned {
            return Err(FormatError::Range { lo, hi, width });
        }
        if !(-32..=31).contains(&exponent_adjust) {
            return Err(FormatError::ExponentAdjust { exponent_adjust });
        }
        Ok(self)
    }
}

/// One output: `clamp(rint_even(f32(f32(acc + bias) * f32(multiplier * 2^-adjust))) + zero_point, lo, hi)`, `acc + bias` modulo 2^32.
///
/// The composition of all [`stages`]. Total: fields out of range are cut to the width of their wires, as in hardware.
/// The result is the clamped value, of which the hardware delivers the low 8 bits ([`stages::Value`]).
pub fn requantize(acc: i32, scale: ChannelScale, format: &OutputFormat) -> i16 {
    let input = stages::Input::new(acc, scale);
    let normalised = stages::normalise_fine(stages::normalise_coarse(stages::magnitude(stages::add_bias(input, format))));
    let product = stages::product(stages::combine(stages::partial_products(stages::round_accumulator(normalised))));
    let rounded = stages::round_product(stages::normalise_product(product));
    stages::clamped(stages::add_zero_point(stages::shift_right(rounded), format), format)
}

#[cfg(test)]
mod tests;
