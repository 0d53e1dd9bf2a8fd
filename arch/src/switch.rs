//! The precision switch: an int8 weight becomes a W-bit weight on its way into the array.
//!
//! With `D = 8 - W`, slice 0 is the rounded top of the weight, and slice `i >= 1` the bits
//! `[D - W*(i-1) - 1 : D - W*i]` below a `floor` top, unsigned, so that
//! `w = floor_top * 2^D + sum_i slice_i * 2^(D - W*i)`.

use crate::precision::{Rounding, WeightBits, range};
use serde::{Deserialize, Serialize};

/// What the precision switch makes of the stored int8 weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WeightFormat {
    /// Width of the delivered weights.
    pub bits: WeightBits,
    /// 0 for the rounded top, 1 .. 8/W - 1 for the residual bits below a `floor` top.
    pub slice: u8,
    /// Rounding of slice 0; `floor` for the lower slices, which are cut, not rounded.
    pub rounding: Rounding,
}

/// A slice that the width does not have, or a rounded residual slice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The slice does not exist at this width.
    #[error(
        "slice {slice} does not exist at {bits}-bit weights, which have slices 0 to {last}: choose one of those or another width"
    )]
    NoSuchSlice {
        /// The slice asked for.
        slice: u8,
        /// The weight width.
        bits: WeightBits,
        /// The last slice of that width.
        last: u8,
    },
    /// Lower slices refine a `floor` pass; they are never rounded.
    #[error("slice {slice} is cut from the weight without rounding, but rounding {rounding} was asked for: use floor")]
    RoundedSlice {
        /// The slice asked for.
        slice: u8,
        /// The rounding asked for.
        rounding: Rounding,
    },
}

impl WeightFormat {
    /// The rounded top of the weights.
    pub const fn top(bits: WeightBits, rounding: Rounding) -> Self {
        Self { bits, slice: 0, rounding }
    }

    /// A format with any slice, refused when the machine has no such slice.
    pub fn new(bits: WeightBits, slice: u8, rounding: Rounding) -> Result<Self, FormatError> {
        let last = bits.slices() - 1;
        if slice > last {
            return Err(FormatError::NoSuchSlice { slice, bits, last });
        }
        if slice > 0 && rounding != Rounding::Floor {
            return Err(FormatError::RoundedSlice { slice, rounding });
        }
        Ok(Self { bits, slice, rounding })
    }

    /// Whether the delivered weights are signed: the top is, the lower slices are not.
    pub const fn signed(self) -> bool {
        self.slice == 0
    }

    /// Smallest and largest delivered weight.
    pub const fn range(self) -> (i32, i32) {
        range(self.bits.bits(), self.signed())
    }

    /// The weight that the switch delivers for the stored weight `w`.
    pub const fn apply(self, w: i8) -> i16 {
        let w = w as i16;
        let bits = self.bits.bits();
        let drop = 8 - bits;
        if self.slice > 0 {
            return (w >> (drop - bits * self.slice as u32)) & ((1 << bits) - 1);
        }
        if drop == 0 {
            return w;
        }
        let floor = w >> drop;
        let half = (w >> (drop - 1)) & 1 == 1;
        let sticky = w & ((1 << (drop - 1)) - 1) != 0;
        let up = match self.rounding {
            Rounding::Floor => false,
            Rounding::HalfUp => half,
            Rounding::HalfEven => half && (sticky || floor & 1 == 1),
        };
        // Rounding up can only leave the range at the top, so clipping is not rounding up there.
        let max = (1 << (bits - 1)) - 1;
        if up && floor != max { floor + 1 } else { floor }
    }

    /// `apply` as the array carries it: the weight in its lane, in offset binary (top bit flipped when signed).
    pub const fn offset_binary(self, w: i8) -> u8 {
        self.encode(self.apply(w))
    }

    /// Offset binary of weight 0: what the switch delivers for rows beyond the end of a tile.
    pub const fn zero(self) -> u8 {
        self.encode(0)
    }

    const fn encode(self, value: i16) -> u8 {
        let lane = self.bits.lane_bits();
        let mask = ((1u16 << lane) - 1) as u8;
        let flip = if self.signed() { 1u8 << (lane - 1) } else { 0 };
        (value as u8 & mask) ^ flip
    }

    /// Left shift, in bits, that brings a product with this slice to the scale of the int8 weight: `D - W*slice`.
    pub const fn exponent(self) -> u32 {
        self.bits.exponent() - self.bits.bits() * self.slice as u32
    }

    /// The 8-bit weight word of one column: pass `part` of the four stored weights `bank[0..4]`, in offset binary.
    ///
    /// W8 and W6 take byte `part`; W4 bytes `2*part` and `2*part + 1`; W2 all four, lowest channel in the lowest bits.
    pub fn word(self, bank: [i8; 4], part: u8) -> u8 {
        let (lanes, lane_bits) = (self.bits.lanes(), self.bits.lane_bits());
        (0..lanes).fold(0, |word, lane| {
            let w = bank[(part as usize * lanes + lane) & 3];
            word | self.offset_binary(w) << (lane as u32 * lane_bits)
        })
    }

    /// The weight word of a row beyond the end of a tile: weight 0 in every lane.
    pub fn zero_word(self) -> u8 {
        let (lanes, lane_bits) = (self.bits.lanes(), self.bits.lane_bits());
        (0..lanes).fold(0, |word, lane| word | self.zero() << (lane as u32 * lane_bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounding written as in the papers, in floating point: an independent statement of the rule.
    fn by_definition(w: i8, bits: WeightBits, rounding: Rounding) -> i32 {
        let d = f64::from(1u32 << bits.exponent());
        let x = f64::from(w) / d;
        let rounded = match rounding {
            Rounding::Floor => x.floor(),
            Rounding::HalfUp => (x + 0.5).floor(),
            Rounding::HalfEven => x.round_ties_even(),
        };
        let (lo, hi) = range(bits.bits(), true);
        (rounded as i32).clamp(lo, hi)
    }

    #[test]
    fn all_weights_in_all_modes_follow_the_definition() {
        for bits in WeightBits::ALL {
            for rounding in Rounding::ALL {
                for w in i8::MIN..=i8::MAX {
                    let got = WeightFormat::top(bits, rounding).apply(w);
                    let expected = if bits == WeightBits::W8 { i32::from(w) } else { by_definition(w, bits, rounding) };
                    assert_eq!(i32::from(got), expected, "w={w} W={bits} {rounding}");
                }
            }
        }
    }

    #[test]
    fn floor_and_its_slices_restore_the_weight() {
        for bits in WeightBits::LANE_WIDTHS {
            for w in i8::MIN..=i8::MAX {
                let sum: i32 = (0..bits.slices())
                    .map(|slice| {
                        let format = WeightFormat::new(bits, slice, Rounding::Floor).unwrap();
                        if slice > 0 {
                            // A lower slice is a bit field of the stored byte.
                            let low = 8 - bits.bits() * (u32::from(slice) + 1);
                            let field = i16::from(w as u8 >> low) & ((1 << bits.bits()) - 1);
                            assert_eq!(format.apply(w), field, "w={w} W={bits} slice {slice}");
                        }
                        i32::from(format.apply(w)) << format.exponent()
                    })
                    .sum();
                assert_eq!(sum, i32::from(w), "W={bits}");
            }
        }
    }

    #[test]
    fn words_carry_offset_binary_lanes() {
        for bits in WeightBits::ALL {
            for slice in 0..bits.slices() {
                let format = WeightFormat::new(bits, slice, Rounding::Floor).unwrap();
                for (part, byte) in (0..bits.passes() as u8).flat_map(|part| (0..=255u8).map(move |byte| (part, byte))) {
                    // Every byte in every slot, its neighbours different.
                    let bank = [byte, byte ^ 0xFF, byte.wrapping_mul(7), byte.wrapping_add(64)].map(|b| b as i8);
                    let word = format.word(bank, part);
                    for lane in 0..bits.lanes() {
                        let field = i32::from(word >> (lane as u32 * bits.lane_bits())) & ((1 << bits.lane_bits()) - 1);
                        let offset = if format.signed() { 1 << (bits.lane_bits() - 1) } else { 0 };
                        let w = bank[part as usize * bits.lanes() + lane];
                        assert_eq!(field - offset, i32::from(format.apply(w)), "{format:?} part {part} lane {lane}");
                    }
                }
            }
        }
    }

    #[test]
    fn slices_that_do_not_exist_are_refused() {
        let error = WeightFormat::new(WeightBits::W4, 2, Rounding::Floor).unwrap_err();
        assert_eq!(
            error.to_string(),
            "slice 2 does not exist at 4-bit weights, which have slices 0 to 1: choose one of those or another width"
        );
        let error = WeightFormat::new(WeightBits::W2, 3, Rounding::HalfUp).unwrap_err();
        assert_eq!(
            error.to_string(),
            "slice 3 is cut from the weight without rounding, but rounding half-up was asked for: use floor"
        );
    }
}
