//! One column's requantizer: an int32 accumulator in, an 8-bit output 13 cycles later, one every cycle, never stalling.
//!
//! ```text
//!            1      2        3      4      5       6    7    8     9      10      11      12      13
//! acc --+-> sum -> |x| ---> coarse fine -> round -> [ multiplier ]-> scale -> round -> shift -> offset -> clamp --> value
//! bias -+                   normalise      24 bits   24 x 24 -> 48   24 bits            integer  + zp
//! shift --> exponent -------------------> - pos  --> places ------> - top ----------->
//! ```
//!
//! Latency: `crumb_arch::requantizer::LATENCY` = 13 cycles. Every register loads in every cycle; validity travels with the drain unit's
//! tokens. Invariant: register for register equal to `crumb_arch::requantizer::stages`, which argues every width and formula.
//!
//! The format ports (`exponent_adjust`, `zero_point`, `lo`, `hi`) are not pipelined: a drain holds them until its last value has left.

use crate::multiplier::Multiplier;
use rust_hdl::prelude::*;

/// The requantizer of one column. Registers are named as in `crumb_arch::requantizer::stages::Registers::visit`: what, then the stage.
#[derive(LogicBlock, Default)]
pub struct Requantizer {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Accumulator, two's complement.
    pub acc: Signal<In, Bits<32>>,
    /// Bias, two's complement.
    pub bias: Signal<In, Bits<32>>,
    /// Significand of the multiplier.
    pub significand: Signal<In, Bits<24>>,
    /// Shift of the multiplier.
    pub shift: Signal<In, Bits<8>>,
    /// Added to the shift, two's complement; constant during a drain.
    pub exponent_adjust: Signal<In, Bits<6>>,
    /// Output zero point, two's complement; constant during a drain.
    pub zero_point: Signal<In, Bits<9>>,
    /// Lowest output, two's complement; constant during a drain.
    pub lo: Signal<In, Bits<9>>,
    /// Highest output, two's complement; constant during a drain.
    pub hi: Signal<In, Bits<9>>,
    /// Low 8 bits of the clamped output.
    pub value: Signal<Out, Bits<8>>,

    // 1: bias
    sum1: DFF<Bits<32>>,
    exponent1: DFF<Bits<10>>,
    significand1: DFF<Bits<24>>,
    adjust: Signal<Local, Bits<10>>,

    // 2: sign and magnitude
    magnitude2: DFF<Bits<32>>,
    sign2: DFF<Bit>,
    exponent2: DFF<Bits<10>>,
    significand2: DFF<Bits<24>>,
    inverted: Signal<Local, Bits<32>>,

    // 3: normalise by bytes
    coarse3: DFF<Bits<32>>,
    position3: DFF<Bits<2>>,
    sign3: DFF<Bit>,
    exponent3: DFF<Bits<10>>,
    significand3: DFF<Bits<24>>,
    half: Signal<Local, Bits<16>>,
    by_halves: Signal<Local, Bits<32>>,
    byte: Signal<Local, Bits<8>>,
    position_16: Signal<Local, Bits<2>>,
    position_8: Signal<Local, Bits<2>>,

    // 4: normalise by bits
    fine4: DFF<Bits<32>>,
    position4: DFF<Bits<5>>,
    sign4: DFF<Bit>,
    exponent4: DFF<Bits<10>>,
    significand4: DFF<Bits<24>>,
    nibble: Signal<Local, Bits<4>>,
    by_nibbles: Signal<Local, Bits<32>>,
    pair: Signal<Local, Bits<2>>,
    by_pairs: Signal<Local, Bits<32>>,
    position_4: Signal<Local, Bits<5>>,
    position_2: Signal<Local, Bits<5>>,
    position_1: Signal<Local, Bits<5>>,

    // 5: round the accumulator
    mantissa5: DFF<Bits<24>>,
    carry5: DFF<Bit>,
    sign5: DFF<Bit>,
    exponent5: DFF<Bits<10>>,
    significand5: DFF<Bits<24>>,
    tail: Signal<Local, Bits<7>>,
    up: Signal<Local, Bits<25>>,
    mantissa: Signal<Local, Bits<25>>,

    // 6, 7, 8: multiply
    multiplier: Multiplier,
    sign6: DFF<Bit>,
    places6: DFF<Bits<10>>,
    sign7: DFF<Bit>,
    places7: DFF<Bits<10>>,
    sign8: DFF<Bit>,
    places8: DFF<Bits<10>>,
    beyond_grid: Signal<Local, Bits<10>>,

    // 9: normalise the product
    scaled9: DFF<Bits<24>>,
    up9: DFF<Bit>,
    sign9: DFF<Bit>,
    places9: DFF<Bits<10>>,
    upper: Signal<Local, Bits<24>>,
    lower: Signal<Local, Bits<24>>,
    rest: Signal<Local, Bits<22>>,

    // 10: round the product
    rounded10: DFF<Bits<25>>,
    sign10: DFF<Bit>,
    places10: DFF<Bits<10>>,
    product_up: Signal<Local, Bits<25>>,

    // 11: shift right
    integer11: DFF<Bits<10>>,
    up11: DFF<Bit>,
    sign11: DFF<Bit>,
    rounded: Signal<Local, Bits<25>>,
    places: Signal<Local, Bits<10>>,
    lost_15: Signal<Local, Bits<14>>,
    by_8: Signal<Local, Bits<11>>,
    lost_8: Signal<Local, Bits<8>>,
    by_4: Signal<Local, Bits<11>>,
    lost_4: Signal<Local, Bits<4>>,
    by_2: Signal<Local, Bits<11>>,
    lost_2: Signal<Local, Bits<2>>,
    by_1: Signal<Local, Bits<11>>,
    lost_1: Signal<Local, Bits<1>>,
    beyond: Signal<Local, Bits<5>>,

    // 12: sign, final rounding and zero point
    offset12: DFF<Bits<11>>,
    zero_point_wide: Signal<Local, Bits<11>>,
    addend: Signal<Local, Bits<11>>,
    carry_in: Signal<Local, Bits<12>>,
    zero_point_term: Signal<Local, Bits<12>>,
    addend_term: Signal<Local, Bits<12>>,
    offset: Signal<Local, Bits<12>>,

    // 13: clamp
    value13: DFF<Bits<8>>,
    lo_wide: Signal<Local, Bits<11>>,
    hi_wide: Signal<Local, Bits<11>>,
    lo_biased: Signal<Local, Bits<11>>,
    hi_biased: Signal<Local, Bits<11>>,
    offset_biased: Signal<Local, Bits<11>>,
}

impl Logic for Requantizer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, sum1, exponent1, significand1, magnitude2, sign2, exponent2, significand2);
        dff_setup!(
            self,
            clock,
            coarse3,
            position3,
            sign3,
            exponent3,
            significand3,
            fine4,
            position4,
            sign4,
            exponent4,
            significand4
        );
        dff_setup!(
            self,
            clock,
            mantissa5,
            carry5,
            sign5,
            exponent5,
            significand5,
            sign6,
            places6,
            sign7,
            places7,
            sign8,
            places8
        );
        dff_setup!(
            self, clock, scaled9, up9, sign9, places9, rounded10, sign10, places10, integer11, up11, sign11, offset12, value13
        );
        self.multiplier.clock.next = self.clock.val();

        // 1: add the bias, and the drain's exponent to the channel's
        self.sum1.d.next = self.acc.val() + self.bias.val();
        self.adjust.next = bit_cast::<10, 6>(self.exponent_adjust.val());
        if self.exponent_adjust.val().get_bit(5) {
            self.adjust.next = bit_cast::<10, 6>(self.exponent_adjust.val()) | 0x3c0;
        }
        self.exponent1.d.next = bit_cast::<10, 8>(self.shift.val()) + self.adjust.val();
        self.significand1.d.next = self.significand.val();

        // 2: -x = !x + 1
        self.inverted.next = self.sum1.q.val();
        if self.sum1.q.val().get_bit(31) {
            self.inverted.next = !self.sum1.q.val();
        }
        self.magnitude2.d.next = self.inverted.val() + bit_cast::<32, 1>(self.sum1.q.val().get_bits::<1>(31));
        self.sign2.d.next = self.sum1.q.val().get_bit(31);
        self.exponent2.d.next = self.exponent1.q.val();
        self.significand2.d.next = self.significand1.q.val();

        // 3: shift left by 16 when the upper half is empty, by 8 when then the upper byte is
        self.half.next = self.magnitude2.q.val().get_bits::<16>(16);
        self.by_halves.next = self.magnitude2.q.val() << 16;
        self.position_16.next = 0.into();
        if self.half.val().any() {
            self.by_halves.next = self.magnitude2.q.val();
            self.position_16.next = 2.into();
        }
        self.byte.next = self.by_halves.val().get_bits::<8>(24);
        self.coarse3.d.next = self.by_halves.val() << 8;
        self.position_8.next = 0.into();
        if self.byte.val().any() {
            self.coarse3.d.next = self.by_halves.val();
            self.position_8.next = 1.into();
        }
        self.position3.d.next = self.position_16.val() | self.position_8.val();
        self.sign3.d.next = self.sign2.q.val();
        self.exponent3.d.next = self.exponent2.q.val();
        self.significand3.d.next = self.significand2.q.val();

        // 4: by 4, 2 and 1
        self.nibble.next = self.coarse3.q.val().get_bits::<4>(28);
        self.by_nibbles.next = self.coarse3.q.val() << 4;
        self.position_4.next = 0.into();
        if self.nibble.val().any() {
            self.by_nibbles.next = self.coarse3.q.val();
            self.position_4.next = 4.into();
        }
        self.pair.next = self.by_nibbles.val().get_bits::<2>(30);
        self.by_pairs.next = self.by_nibbles.val() << 2;
        self.position_2.next = 0.into();
        if self.pair.val().any() {
            self.by_pairs.next = self.by_nibbles.val();
            self.position_2.next = 2.into();
        }
        self.fine4.d.next = self.by_pairs.val() << 1;
        self.position_1.next = 0.into();
        if self.by_pairs.val().get_bit(31) {
            self.fine4.d.next = self.by_pairs.val();
            self.position_1.next = 1.into();
        }
        self.position4.d.next = ((bit_cast::<5, 2>(self.position3.q.val()) << 3) | self.position_4.val())
            | (self.position_2.val() | self.position_1.val());
        self.sign4.d.next = self.sign3.q.val();
        self.exponent4.d.next = self.exponent3.q.val();
        self.significand4.d.next = self.significand3.q.val();

        // 5: half-even to 24 bits; after a carry the low 24 bits are 0 and the carry is the leading one
        self.tail.next = self.fine4.q.val().get_bits::<7>(0);
        self.up.next = 0.into();
        if self.fine4.q.val().get_bit(7) & (self.tail.val().any() | self.fine4.q.val().get_bit(8)) {
            self.up.next = 1.into();
        }
        self.mantissa.next = bit_cast::<25, 24>(self.fine4.q.val().get_bits::<24>(8)) + self.up.val();
        self.mantissa5.d.next =
            self.mantissa.val().get_bits::<24>(0) | (bit_cast::<24, 1>(self.mantissa.val().get_bits::<1>(24)) << 23);
        self.carry5.d.next = self.mantissa.val().get_bit(24);
        self.sign5.d.next = self.sign4.q.val();
        self.exponent5.d.next = self.exponent4.q.val() - bit_cast::<10, 5>(self.position4.q.val());
        self.significand5.d.next = self.significand4.q.val();

        // 6, 7, 8: multiply; -15 (0x3f1), or -16 after a carry
        self.multiplier.a.next = self.mantissa5.q.val();
        self.multiplier.b.next = self.significand5.q.val();
        self.beyond_grid.next = 0x3f1.into();
        if self.carry5.q.val() {
            self.beyond_grid.next = 0x3f0.into();
        }
        self.places6.d.next = self.exponent5.q.val() + self.beyond_grid.val();
        self.sign6.d.next = self.sign5.q.val();
        self.places7.d.next = self.places6.q.val();
        self.sign7.d.next = self.sign6.q.val();
        self.places8.d.next = self.places7.q.val();
        self.sign8.d.next = self.sign7.q.val();

        // 9: the product's leading one is bit 47 or bit 46
        self.upper.next = self.multiplier.upper.val();
        self.lower.next = self.multiplier.lower.val();
        self.rest.next = self.lower.val().get_bits::<22>(0);
        if self.upper.val().get_bit(23) {
            self.scaled9.d.next = self.upper.val();
            self.up9.d.next = self.lower.val().get_bit(23)
                & ((self.rest.val().any() | self.lower.val().get_bit(22)) | self.upper.val().get_bit(0));
        } else {
            self.scaled9.d.next = (self.upper.val() << 1) | bit_cast::<24, 1>(self.lower.val().get_bits::<1>(23));
            self.up9.d.next = self.lower.val().get_bit(22) & (self.rest.val().any() | self.lower.val().get_bit(23));
        }
        self.places9.d.next = self.places8.q.val() - bit_cast::<10, 1>(self.upper.val().get_bits::<1>(23));
        self.sign9.d.next = self.sign8.q.val();

        // 10: half-even to 24 bits, or 2^24
        self.product_up.next = 0.into();
        if self.up9.q.val() {
            self.product_up.next = 1.into();
        }
        self.rounded10.d.next = bit_cast::<25, 24>(self.scaled9.q.val()) + self.product_up.val();
        self.places10.d.next = self.places9.q.val();
        self.sign10.d.next = self.sign9.q.val();

        // 11: right by 14 + places, which leaves the integer and one bit below it; what is shifted out is sticky
        self.rounded.next = self.rounded10.q.val();
        self.places.next = self.places10.q.val();
        self.lost_15.next = self.rounded.val().get_bits::<14>(0);
        self.by_8.next = self.rounded.val().get_bits::<11>(14);
        self.lost_8.next = 0.into();
        if self.places.val().get_bit(3) {
            self.by_8.next = bit_cast::<11, 3>(self.rounded.val().get_bits::<3>(22));
            self.lost_8.next = self.rounded.val().get_bits::<8>(14);
        }
        self.by_4.next = self.by_8.val();
        self.lost_4.next = 0.into();
        if self.places.val().get_bit(2) {
            self.by_4.next = bit_cast::<11, 7>(self.by_8.val().get_bits::<7>(4));
            self.lost_4.next = self.by_8.val().get_bits::<4>(0);
        }
        self.by_2.next = self.by_4.val();
        self.lost_2.next = 0.into();
        if self.places.val().get_bit(1) {
            self.by_2.next = bit_cast::<11, 9>(self.by_4.val().get_bits::<9>(2));
            self.lost_2.next = self.by_4.val().get_bits::<2>(0);
        }
        self.by_1.next = self.by_2.val();
        self.lost_1.next = 0.into();
        if self.places.val().get_bit(0) {
            self.by_1.next = bit_cast::<11, 10>(self.by_2.val().get_bits::<10>(1));
            self.lost_1.next = self.by_2.val().get_bits::<1>(0);
        }
        self.beyond.next = self.places.val().get_bits::<5>(4);
        self.integer11.d.next = self.by_1.val().get_bits::<10>(1);
        self.up11.d.next = self.by_1.val().get_bit(0)
            & (((self.lost_15.val().any() | self.lost_8.val().any()) | (self.lost_4.val().any() | self.lost_2.val().any()))
                | (self.lost_1.val().any() | self.by_1.val().get_bit(1)));
        if self.places.val().get_bit(9) | self.beyond.val().any() {
            self.integer11.d.next = 0.into();
            self.up11.d.next = false;
        }
        if self.places.val().get_bit(9) & (self.rounded.val().get_bit(24) | self.rounded.val().get_bit(23)) {
            self.integer11.d.next = 512.into();
        }
        self.sign11.d.next = self.sign10.q.val();

        // 12: zero_point + x, or zero_point + !x + 1; a bit below the point of both terms makes the carry in
        self.zero_point_wide.next = bit_cast::<11, 9>(self.zero_point.val());
        if self.zero_point.val().get_bit(8) {
            self.zero_point_wide.next = bit_cast::<11, 9>(self.zero_point.val()) | 0x600;
        }
        self.addend.next = bit_cast::<11, 10>(self.integer11.q.val());
        if self.sign11.q.val() {
            self.addend.next = bit_cast::<11, 10>(self.integer11.q.val()) ^ 0x7ff;
        }
        self.carry_in.next = 0.into();
        if self.up11.q.val() ^ self.sign11.q.val() {
            self.carry_in.next = 1.into();
        }
        self.zero_point_term.next = (bit_cast::<12, 11>(self.zero_point_wide.val()) << 1) | 1;
        self.addend_term.next = (bit_cast::<12, 11>(self.addend.val()) << 1) | self.carry_in.val();
        self.offset.next = self.zero_point_term.val() + self.addend_term.val();
        self.offset12.d.next = self.offset.val().get_bits::<11>(1);

        // 13: compared with the top bit flipped, where two's complement orders as unsigned
        self.lo_wide.next = bit_cast::<11, 9>(self.lo.val());
        if self.lo.val().get_bit(8) {
            self.lo_wide.next = bit_cast::<11, 9>(self.lo.val()) | 0x600;
        }
        self.hi_wide.next = bit_cast::<11, 9>(self.hi.val());
        if self.hi.val().get_bit(8) {
            self.hi_wide.next = bit_cast::<11, 9>(self.hi.val()) | 0x600;
        }
        self.lo_biased.next = self.lo_wide.val() ^ 0x400;
        self.hi_biased.next = self.hi_wide.val() ^ 0x400;
        self.offset_biased.next = self.offset12.q.val() ^ 0x400;
        self.value13.d.next = self.offset12.q.val().get_bits::<8>(0);
        if self.offset_biased.val() < self.lo_biased.val() {
            self.value13.d.next = self.lo.val().get_bits::<8>(0);
        } else if self.offset_biased.val() > self.hi_biased.val() {
            self.value13.d.next = self.hi.val().get_bits::<8>(0);
        }
        self.value.next = self.value13.q.val();
    }
}

impl Requantizer {
    /// Calls `register` with the name and the present value of every register, in the order of `crumb_arch::requantizer::stages::Registers::visit`.
    pub fn visit(&self, mut register: impl FnMut(&str, u64)) {
        let m = self.multiplier.registers();
        register("sum1", self.sum1.q.val().to_u64());
        register("exponent1", self.exponent1.q.val().to_u64());
        register("significand1", self.significand1.q.val().to_u64());
        register("magnitude2", self.magnitude2.q.val().to_u64());
        register("sign2", self.sign2.q.val().into());
        register("exponent2", self.exponent2.q.val().to_u64());
        register("significand2", self.significand2.q.val().to_u64());
        register("coarse3", self.coarse3.q.val().to_u64());
        register("position3", self.position3.q.val().to_u64());
        register("sign3", self.sign3.q.val().into());
        register("exponent3", self.exponent3.q.val().to_u64());
        register("significand3", self.significand3.q.val().to_u64());
        register("fine4", self.fine4.q.val().to_u64());
        register("position4", self.position4.q.val().to_u64());
        register("sign4", self.sign4.q.val().into());
        register("exponent4", self.exponent4.q.val().to_u64());
        register("significand4", self.significand4.q.val().to_u64());
        register("mantissa5", self.mantissa5.q.val().to_u64());
        register("carry5", self.carry5.q.val().into());
        register("sign5", self.sign5.q.val().into());
        register("exponent5", self.exponent5.q.val().to_u64());
        register("significand5", self.significand5.q.val().to_u64());
        register("multiplier.low", m.low);
        register("multiplier.inner_a", m.inner_a);
        register("multiplier.inner_b", m.inner_b);
        register("multiplier.high", m.high);
        register("multiplier.outer", m.outer);
        register("multiplier.inner", m.inner);
        register("multiplier.product", m.product);
        register("sign6", self.sign6.q.val().into());
        register("places6", self.places6.q.val().to_u64());
        register("sign7", self.sign7.q.val().into());
        register("places7", self.places7.q.val().to_u64());
        register("sign8", self.sign8.q.val().into());
        register("places8", self.places8.q.val().to_u64());
        register("scaled9", self.scaled9.q.val().to_u64());
        register("up9", self.up9.q.val().into());
        register("sign9", self.sign9.q.val().into());
        register("places9", self.places9.q.val().to_u64());
        register("rounded10", self.rounded10.q.val().to_u64());
        register("sign10", self.sign10.q.val().into());
        register("places10", self.places10.q.val().to_u64());
        register("integer11", self.integer11.q.val().to_u64());
        register("up11", self.up11.q.val().into());
        register("sign11", self.sign11.q.val().into());
        register("offset12", self.offset12.q.val().to_u64());
        register("value13", self.value13.q.val().to_u64());
    }
}

crate::clocked!([] Requantizer);

#[cfg(test)]
mod tests;
