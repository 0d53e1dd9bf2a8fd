//! The requantizer's pipeline, one function and one register struct per stage; the RTL has the same registers with the same values.
//!
//! ```text
//!  1 add_bias           sum = acc + bias                      exponent = shift + adjust
//!  2 magnitude          |sum|, sign
//!  3 normalise_coarse   left by 0, 8, 16, 24                  position[4:3] of the leading one
//!  4 normalise_fine     left by 0..7                          position[2:0]
//!  5 round_accumulator  mantissa: 24 bits, half-even; carry   exponent - position
//!  6 partial_products   18x18, 18x6, 6x18, 6x6                places = exponent - 15 - carry
//!  7 combine            inner = 18x6 + 6x18
//!  8 product            48 bits
//!  9 normalise_product  24 bits and the rounding bit          places - (product >= 2^47)
//! 10 round_product      25 bits (2^24 after a carry)
//! 11 shift_right        integer 0..512 and the rounding bit
//! 12 add_zero_point     +- (integer + up) + zero_point
//! 13 clamp              8 bits
//! ```
//!
//! No stage has more than one adder on any path. The exponent bookkeeping: with the leading one of |sum| at bit p, |sum| rounds to
//! `mantissa * 2^(p + carry - 23)`; the product of two 24-bit significands is kept as `rounded * 2^(23 + top)`, top = 1 from 2^47 up; so the
//! result is `rounded * 2^-n` with `n = shift + adjust - p - carry - top`. `places = n - 15` counts the shift beyond the coarsest grid that
//! matters: at n <= 14 the magnitude is at least 2^23 / 2^14 = 512 and no zero point in -128..=255 can bring it back into the
//! clamp range, so 512 stands for all of them; at n >= 25 it is below a half, or a tie (2^24 / 2^25) whose even neighbour is 0.
//! Ranges: shift + adjust is -32..=286, so places is -80..=271 at worst and fits its 10 bits, two's complement.

use super::{ChannelScale, OutputFormat, SIGNIFICAND_MAX, SIGNIFICAND_MIN};

/// Bits of each half-product operand: the low 18 of 24, the width of an ECP5 MULT18X18D.
pub const LOW_BITS: u32 = 18;

/// Width of the exponent and of `places`: -80..=286 in two's complement.
pub const EXPONENT_BITS: u32 = 10;

/// What enters a column in one cycle: an accumulator and its channel's parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Input {
    /// The accumulator.
    pub acc: i32,
    /// The bias of its channel.
    pub bias: i32,
    /// The significand of its channel's multiplier, 24 bits.
    pub significand: u32,
    /// The shift of its channel's multiplier.
    pub shift: u8,
}

impl Input {
    /// An accumulator with its channel's scale.
    pub fn new(acc: i32, scale: ChannelScale) -> Input {
        Input { acc, bias: scale.bias, significand: scale.significand, shift: scale.shift }
    }
}

/// Stage 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Biased {
    /// `acc + bias` modulo 2^32.
    pub sum: u32,
    /// `shift + adjust`, 10 bits signed.
    pub exponent: i16,
    /// The multiplier's significand, 24 bits.
    pub significand: u32,
}

/// Stage 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Magnitude {
    /// `|sum|`, at most 2^31.
    pub magnitude: u32,
    /// The sum is negative.
    pub sign: bool,
    /// As in stage 1.
    pub exponent: i16,
    /// As in stage 1.
    pub significand: u32,
}

/// Stage 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coarse {
    /// The magnitude, shifted left until its top byte is not zero (or it is 0).
    pub coarse: u32,
    /// Byte of the leading one, 2 bits: bits 4..3 of its position.
    pub position: u8,
    /// As in stage 2.
    pub sign: bool,
    /// As in stage 1.
    pub exponent: i16,
    /// As in stage 1.
    pub significand: u32,
}

/// Stage 4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fine {
    /// The magnitude, shifted left until bit 31 is set (or it is 0).
    pub fine: u32,
    /// Position of the leading one, 5 bits; 0 when there is none.
    pub position: u8,
    /// As in stage 2.
    pub sign: bool,
    /// As in stage 1.
    pub exponent: i16,
    /// As in stage 1.
    pub significand: u32,
}

/// Stage 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mantissa {
    /// The sum's significand, 24 bits: normalised, or 0.
    pub mantissa: u32,
    /// Rounding carried to the next power of two.
    pub carry: bool,
    /// As in stage 2.
    pub sign: bool,
    /// `shift + adjust - position`, 10 bits signed.
    pub exponent: i16,
    /// As in stage 1.
    pub significand: u32,
}

/// Stage 6: the partial products of `mantissa = m1 * 2^18 + m0` and `significand = s1 * 2^18 + s0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// `m0 * s0`, 36 bits.
    pub low: u64,
    /// `m0 * s1`, 24 bits.
    pub inner_a: u32,
    /// `m1 * s0`, 24 bits.
    pub inner_b: u32,
    /// `m1 * s1`, 12 bits.
    pub high: u16,
    /// As in stage 2.
    pub sign: bool,
    /// `exponent - 15 - carry`, 10 bits signed.
    pub places: i16,
}

/// Stage 7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Combined {
    /// `high * 2^36 + low`, 48 bits: the two do not overlap.
    pub outer: u64,
    /// `inner_a + inner_b`, 25 bits.
    pub inner: u32,
    /// As in stage 2.
    pub sign: bool,
    /// As in stage 6.
    pub places: i16,
}

/// Stage 8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// `mantissa * significand = outer + inner * 2^18`, 48 bits.
    pub product: u64,
    /// As in stage 2.
    pub sign: bool,
    /// As in stage 6.
    pub places: i16,
}

/// Stage 9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scaled {
    /// The upper 24 bits of the product, from its leading one.
    pub scaled: u32,
    /// The bits below round `scaled` up.
    pub up: bool,
    /// As in stage 2.
    pub sign: bool,
    /// `places - top`, top = 1 for a product of at least 2^47.
    pub places: i16,
}

/// Stage 10.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rounded {
    /// The float32 product's significand, 25 bits: 2^23 ..= 2^24, or 0.
    pub rounded: u32,
    /// As in stage 2.
    pub sign: bool,
    /// As in stage 9.
    pub places: i16,
}

/// Stage 11.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shifted {
    /// The integer part of the magnitude, 10 bits; 512 stands for all that is larger.
    pub integer: u16,
    /// The fraction rounds `integer` up.
    pub up: bool,
    /// As in stage 2.
    pub sign: bool,
}

/// Stage 12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset {
    /// The rounded integer plus the zero point, 11 bits signed: 512 + 255 at most, -512 - 128 at least (-256 for a zero point cut to 9 bits).
    pub offset: i16,
}

/// Stage 13.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// The low 8 bits of the clamped value.
    pub value: u8,
}

/// The low `bits` of `value`, sign-extended: what a two's complement wire of that width carries.
fn wire(value: i16, bits: u32) -> i16 {
    let unused = i16::BITS - bits;
    value << unused >> unused
}

/// Half-even: a `kept` value whose dropped bits are `guard` and then `sticky` (any of the others) goes up.
fn rounds_up(kept: u32, guard: bool, sticky: bool) -> bool {
    guard && (sticky || kept & 1 == 1)
}

/// Stage 1: the bias is added and the exponent adjusted.
#[inline]
pub fn add_bias(input: Input, format: &OutputFormat) -> Biased {
    Biased {
        sum: (input.acc as u32).wrapping_add(input.bias as u32),
        exponent: i16::from(input.shift) + wire(i16::from(format.exponent_adjust), 6),
        significand: input.significand & SIGNIFICAND_MAX,
    }
}

/// Stage 2: sign and magnitude.
#[inline]
pub fn magnitude(x: Biased) -> Magnitude {
    let sum = x.sum as i32;
    Magnitude { magnitude: sum.unsigned_abs(), sign: sum < 0, exponent: x.exponent, significand: x.significand }
}

/// Stage 3: the leading one's byte, and a left shift by whole bytes.
#[inline]
pub fn normalise_coarse(x: Magnitude) -> Coarse {
    let position = 3 - ((x.magnitude | 1).leading_zeros() / 8) as u8;
    Coarse {
        coarse: x.magnitude << (8 * (3 - position)),
        position,
        sign: x.sign,
        exponent: x.exponent,
        significand: x.significand,
    }
}

/// Stage 4: the leading one within its byte, and a left shift by the rest.
#[inline]
pub fn normalise_fine(x: Coarse) -> Fine {
    let zeros = (x.coarse | 1 << 24).leading_zeros() as u8;
    Fine {
        fine: x.coarse << zeros,
        position: x.position << 3 | (7 - zeros),
        sign: x.sign,
        exponent: x.exponent,
        significand: x.significand,
    }
}

/// Stage 5: the conversion of the sum to float32, rounding half-even from 32 bits to 24.
#[inline]
pub fn round_accumulator(x: Fine) -> Mantissa {
    let kept = x.fine >> 8;
    let rounded = kept + u32::from(rounds_up(kept, x.fine & 0x80 != 0, x.fine & 0x7f != 0));
    let carry = rounded > SIGNIFICAND_MAX;
    Mantissa {
        mantissa: if carry { SIGNIFICAND_MIN } else { rounded },
        carry,
        sign: x.sign,
        exponent: x.exponent - i16::from(x.position),
        significand: x.significand,
    }
}

/// Stage 6: four partial products, of which one needs a whole 18x18 multiplier.
#[inline]
pub fn partial_products(x: Mantissa) -> Partial {
    let mask = (1 << LOW_BITS) - 1;
    let (m1, m0) = (x.mantissa >> LOW_BITS, x.mantissa & mask);
    let (s1, s0) = (x.significand >> LOW_BITS, x.significand & mask);
    Partial {
        low: u64::from(m0) * u64::from(s0),
        inner_a: m0 * s1,
        inner_b: m1 * s0,
        high: (m1 * s1) as u16,
        sign: x.sign,
        places: x.exponent - 15 - i16::from(x.carry),
    }
}

/// Stage 7: the two inner partial products are added.
#[inline]
pub fn combine(x: Partial) -> Combined {
    Combined { outer: u64::from(x.high) << (2 * LOW_BITS) | x.low, inner: x.inner_a + x.inner_b, sign: x.sign, places: x.places }
}

/// Stage 8: the 48-bit product.
#[inline]
pub fn product(x: Combined) -> Product {
    Product { product: x.outer + (u64::from(x.inner) << LOW_BITS), sign: x.sign, places: x.places }
}

/// Stage 9: one-bit normalisation of the product, and which way it rounds to 24 bits.
#[inline]
pub fn normalise_product(x: Product) -> Scaled {
    let top = x.product >> 47 == 1;
    let dropped = if top { 24 } else { 23 };
    let scaled = (x.product >> dropped) as u32;
    let guard = x.product >> (dropped - 1) & 1 == 1;
    let sticky = x.product & ((1 << (dropped - 1)) - 1) != 0;
    Scaled { scaled, up: rounds_up(scaled, guard, sticky), sign: x.sign, places: x.places - i16::from(top) }
}

/// Stage 10: the float32 product. A carry makes it 2^24, which needs no second normalisation: the next stage only shifts right.
#[inline]
pub fn round_product(x: Scaled) -> Rounded {
    Rounded { rounded: x.scaled + u32::from(x.up), sign: x.sign, places: x.places }
}

/// Stage 11: the conversion to an integer: `rounded >> (15 + places)`, and which way it rounds.
#[inline]
pub fn shift_right(x: Rounded) -> Shifted {
    let (integer, up) = match x.places {
        ..0 => (u16::from(x.rounded >= SIGNIFICAND_MIN) << 9, false),
        places @ 0..16 => {
            let n = places as u32 + 15;
            let integer = x.rounded >> n;
            let guard = x.rounded >> (n - 1) & 1 == 1;
            let sticky = x.rounded & ((1 << (n - 1)) - 1) != 0;
            (integer as u16, rounds_up(integer, guard, sticky))
        }
        _ => (0, false),
    };
    Shifted { integer, up, sign: x.sign }
}

/// Stage 12: rounding, sign and zero point in one adder: a negative result is `zero_point + !integer + !up`.
#[inline]
pub fn add_zero_point(x: Shifted, format: &OutputFormat) -> Offset {
    let magnitude = x.integer as i16 + i16::from(x.up);
    let signed = if x.sign { -magnitude } else { magnitude };
    Offset { offset: wire(format.zero_point, 9) + signed }
}

/// The clamped value: `lo` below `lo`, else `hi` above `hi`.
#[inline]
pub fn clamped(x: Offset, format: &OutputFormat) -> i16 {
    let (lo, hi) = (wire(format.lo, 9), wire(format.hi, 9));
    if x.offset < lo {
        lo
    } else if x.offset > hi {
        hi
    } else {
        x.offset
    }
}

/// Stage 13: the output register.
#[inline]
pub fn clamp(x: Offset, format: &OutputFormat) -> Value {
    Value { value: clamped(x, format) as u8 }
}

/// All registers of one column's requantizer. The default is the power-up state: all zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// Stage 1.
    pub biased: Biased,
    /// Stage 2.
    pub magnitude: Magnitude,
    /// Stage 3.
    pub coarse: Coarse,
    /// Stage 4.
    pub fine: Fine,
    /// Stage 5.
    pub mantissa: Mantissa,
    /// Stage 6.
    pub partial: Partial,
    /// Stage 7.
    pub combined: Combined,
    /// Stage 8.
    pub product: Product,
    /// Stage 9.
    pub scaled: Scaled,
    /// Stage 10.
    pub rounded: Rounded,
    /// Stage 11.
    pub shifted: Shifted,
    /// Stage 12.
    pub offset: Offset,
    /// Stage 13.
    pub value: Value,
}

impl Registers {
    /// One clock edge: every register loads.
    #[inline]
    pub fn step(&mut self, input: Input, format: &OutputFormat) {
        self.value = clamp(self.offset, format);
        self.offset = add_zero_point(self.shifted, format);
        self.shifted = shift_right(self.rounded);
        self.rounded = round_product(self.scaled);
        self.scaled = normalise_product(self.product);
        self.product = product(self.combined);
        self.combined = combine(self.partial);
        self.partial = partial_products(self.mantissa);
        self.mantissa = round_accumulator(self.fine);
        self.fine = normalise_fine(self.coarse);
        self.coarse = normalise_coarse(self.magnitude);
        self.magnitude = magnitude(self.biased);
        self.biased = add_bias(input, format);
    }

    /// Calls `register` with the name, the width in bits and the value of every register, in the order of the pipeline.
    ///
    /// The names are those of the RTL. Stages 6 to 8 of the data are inside its block `multiplier`, here `multiplier.low` to
    /// `multiplier.product`, one after the other.
    pub fn visit(&self, mut register: impl FnMut(&str, u32, u64)) {
        let exponent = |value: i16| u64::from(value as u16) & ((1 << EXPONENT_BITS) - 1);
        register("sum1", 32, self.biased.sum.into());
        register("exponent1", EXPONENT_BITS, exponent(self.biased.exponent));
        register("significand1", 24, self.biased.significand.into());
        register("magnitude2", 32, self.magnitude.magnitude.into());
        register("sign2", 1, self.magnitude.sign.into());
        register("exponent2", EXPONENT_BITS, exponent(self.magnitude.exponent));
        register("significand2", 24, self.magnitude.significand.into());
        register("coarse3", 32, self.coarse.coarse.into());
        register("position3", 2, self.coarse.position.into());
        register("sign3", 1, self.coarse.sign.into());
        register("exponent3", EXPONENT_BITS, exponent(self.coarse.exponent));
        register("significand3", 24, self.coarse.significand.into());
        register("fine4", 32, self.fine.fine.into());
        register("position4", 5, self.fine.position.into());
        register("sign4", 1, self.fine.sign.into());
        register("exponent4", EXPONENT_BITS, exponent(self.fine.exponent));
        register("significand4", 24, self.fine.significand.into());
        register("mantissa5", 24, self.mantissa.mantissa.into());
        register("carry5", 1, self.mantissa.carry.into());
        register("sign5", 1, self.mantissa.sign.into());
        register("exponent5", EXPONENT_BITS, exponent(self.mantissa.exponent));
        register("significand5", 24, self.mantissa.significand.into());
        register("multiplier.low", 36, self.partial.low);
        register("multiplier.inner_a", 24, self.partial.inner_a.into());
        register("multiplier.inner_b", 24, self.partial.inner_b.into());
        register("multiplier.high", 12, self.partial.high.into());
        register("multiplier.outer", 48, self.combined.outer);
        register("multiplier.inner", 25, self.combined.inner.into());
        register("multiplier.product", 48, self.product.product);
        register("sign6", 1, self.partial.sign.into());
        register("places6", EXPONENT_BITS, exponent(self.partial.places));
        register("sign7", 1, self.combined.sign.into());
        register("places7", EXPONENT_BITS, exponent(self.combined.places));
        register("sign8", 1, self.product.sign.into());
        register("places8", EXPONENT_BITS, exponent(self.product.places));
        register("scaled9", 24, self.scaled.scaled.into());
        register("up9", 1, self.scaled.up.into());
        register("sign9", 1, self.scaled.sign.into());
        register("places9", EXPONENT_BITS, exponent(self.scaled.places));
        register("rounded10", 25, self.rounded.rounded.into());
        register("sign10", 1, self.rounded.sign.into());
        register("places10", EXPONENT_BITS, exponent(self.rounded.places));
        register("integer11", 10, self.shifted.integer.into());
        register("up11", 1, self.shifted.up.into());
        register("sign11", 1, self.shifted.sign.into());
        register("offset12", 11, u64::from(self.offset.offset as u16) & 0x7ff);
        register("value13", 8, self.value.value.into());
    }
}
