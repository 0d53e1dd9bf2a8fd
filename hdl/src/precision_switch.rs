//! Precision switch: one column's weights leave the int8 memory at 8, 6, 4 or 2 bits. Combinational.
//!
//! ```text
//!  word (bytes 0..3) --+-- byte part ---------- [W6: round to 6 bits] --+
//!                      +-- bytes 2*part, 2*part+1 -- round each to 4 ---+-- offset binary --> weight
//!                      +-- bytes 0..3 -------------- round each to 2 ---+      (real = 0: weight 0)
//! ```
//!
//! Rounding of slice 0 cuts the weight into a top and a remainder and adds at most 1 to the top: only a top that is already
//! the largest could overflow, and it stays, so no adder is wider than the top. Lower slices are cut, unsigned, not rounded.
//! Invariant: equal to `crumb_arch::switch` in every mode; a width without the given slice delivers its slice 0.

use rust_hdl::prelude::*;

/// The precision switch of one column.
#[derive(LogicBlock, Default)]
pub struct PrecisionSwitch {
    /// Four int8 weights of one k, byte t for slot t of the column.
    pub word: Signal<In, Bits<32>>,
    /// Weight width: 0, 1, 2, 3 for 8, 4, 2, 6 bits.
    pub w_code: Signal<In, Bits<2>>,
    /// 0 for the rounded top, 1.. for the residual bits below it.
    pub slice: Signal<In, Bits<2>>,
    /// 0, 1, 2 for floor, half-up, half-even.
    pub rounding: Signal<In, Bits<2>>,
    /// Byte (W8, W6) or byte pair (W4) of the word.
    pub part: Signal<In, Bits<2>>,
    /// The word exists; otherwise weight 0 is delivered.
    pub is_real: Signal<In, Bit>,
    /// Weight word in offset binary.
    pub weight: Signal<Out, Bits<8>>,
    byte: [Signal<Local, Bits<8>>; 4],
    up: Signal<Local, Bit>,
    even: Signal<Local, Bit>,
    // W8 and W6.
    lone: Signal<Local, Bits<8>>,
    sextet: Signal<Local, Bits<6>>,
    sextet_up: Signal<Local, Bits<1>>,
    sextet_sum: Signal<Local, Bits<6>>,
    octet: Signal<Local, Bits<8>>,
    // W4: the chosen bytes, their tops, remainders and rounded tops.
    pick: [Signal<Local, Bits<8>>; 2],
    nibble: [Signal<Local, Bits<4>>; 2],
    nibble_up: [Signal<Local, Bits<1>>; 2],
    nibble_rest: [Signal<Local, Bits<3>>; 2],
    nibble_sum: [Signal<Local, Bits<4>>; 2],
    // W2, all four bytes.
    crumb: [Signal<Local, Bits<2>>; 4],
    crumb_up: [Signal<Local, Bits<1>>; 4],
    crumb_rest: [Signal<Local, Bits<5>>; 4],
    crumb_sum: [Signal<Local, Bits<2>>; 4],
    lanes: Signal<Local, Bits<8>>,
    offset: Signal<Local, Bits<8>>,
}

impl Logic for PrecisionSwitch {
    #[hdl_gen]
    fn update(&mut self) {
        self.up.next = self.rounding.val() == 1;
        self.even.next = self.rounding.val() == 2;
        for t in 0..4 {
            self.byte[t].next = self.word.val().get_bits::<8>(8 * t);
        }

        // W8 passes the byte; W6 rounds away its two lowest bits and extends the sign.
        self.lone.next = self.byte[0].val();
        if self.part.val() == 1 {
            self.lone.next = self.byte[1].val();
        } else if self.part.val() == 2 {
            self.lone.next = self.byte[2].val();
        } else if self.part.val() == 3 {
            self.lone.next = self.byte[3].val();
        }
        self.sextet.next = self.lone.val().get_bits::<6>(2);
        self.sextet_up.next = 0.into();
        if self.lone.val().get_bit(1)
            & (self.up.val() | (self.even.val() & (self.lone.val().get_bit(0) | self.lone.val().get_bit(2))))
            & (self.sextet.val() != 0x1f)
        {
            self.sextet_up.next = 1.into();
        }
        self.sextet_sum.next = self.sextet.val() + bit_cast::<6, 1>(self.sextet_up.val());
        self.octet.next = self.lone.val();
        if self.w_code.val() == 3 {
            self.octet.next = bit_cast::<8, 6>(self.sextet_sum.val());
            if self.sextet_sum.val().get_bit(5) {
                self.octet.next = bit_cast::<8, 6>(self.sextet_sum.val()) | 0xc0;
            }
        }

        // W4: the low byte pair or the high one.
        self.pick[0].next = self.byte[0].val();
        self.pick[1].next = self.byte[1].val();
        if self.part.val().get_bit(0) {
            self.pick[0].next = self.byte[2].val();
            self.pick[1].next = self.byte[3].val();
        }
        for i in 0..2 {
            self.nibble[i].next = self.pick[i].val().get_bits::<4>(4);
            self.nibble_rest[i].next = self.pick[i].val().get_bits::<3>(0);
            self.nibble_up[i].next = 0.into();
            if self.pick[i].val().get_bit(3)
                & (self.up.val() | (self.even.val() & (self.nibble_rest[i].val().any() | self.pick[i].val().get_bit(4))))
                & (self.nibble[i].val() != 7)
            {
                self.nibble_up[i].next = 1.into();
            }
        }
        self.nibble_sum[0].next = self.nibble[0].val() + bit_cast::<4, 1>(self.nibble_up[0].val());
        self.nibble_sum[1].next = self.nibble[1].val() + bit_cast::<4, 1>(self.nibble_up[1].val());
        if self.slice.val().any() {
            self.nibble_sum[0].next = self.pick[0].val().get_bits::<4>(0);
            self.nibble_sum[1].next = self.pick[1].val().get_bits::<4>(0);
        }

        // W2: every byte.
        for t in 0..4 {
            self.crumb[t].next = self.byte[t].val().get_bits::<2>(6);
            self.crumb_rest[t].next = self.byte[t].val().get_bits::<5>(0);
            self.crumb_up[t].next = 0.into();
            if self.byte[t].val().get_bit(5)
                & (self.up.val() | (self.even.val() & (self.crumb_rest[t].val().any() | self.byte[t].val().get_bit(6))))
                & (self.crumb[t].val() != 1)
            {
                self.crumb_up[t].next = 1.into();
            }
        }
        self.crumb_sum[0].next = self.crumb[0].val() + bit_cast::<2, 1>(self.crumb_up[0].val());
        self.crumb_sum[1].next = self.crumb[1].val() + bit_cast::<2, 1>(self.crumb_up[1].val());
        self.crumb_sum[2].next = self.crumb[2].val() + bit_cast::<2, 1>(self.crumb_up[2].val());
        self.crumb_sum[3].next = self.crumb[3].val() + bit_cast::<2, 1>(self.crumb_up[3].val());
        for t in 0..4 {
            if self.slice.val() == 1 {
                self.crumb_sum[t].next = self.byte[t].val().get_bits::<2>(4);
            } else if self.slice.val() == 2 {
                self.crumb_sum[t].next = self.byte[t].val().get_bits::<2>(2);
            } else if self.slice.val() == 3 {
                self.crumb_sum[t].next = self.byte[t].val().get_bits::<2>(0);
            }
        }

        // The lanes, and the top bit of each when they are signed.
        if self.w_code.val() == 1 {
            self.lanes.next = bit_cast::<8, 4>(self.nibble_sum[0].val()) | (bit_cast::<8, 4>(self.nibble_sum[1].val()) << 4);
            self.offset.next = 0x88.into();
        } else if self.w_code.val() == 2 {
            self.lanes.next = bit_cast::<8, 2>(self.crumb_sum[0].val())
                | (bit_cast::<8, 2>(self.crumb_sum[1].val()) << 2)
                | (bit_cast::<8, 2>(self.crumb_sum[2].val()) << 4)
                | (bit_cast::<8, 2>(self.crumb_sum[3].val()) << 6);
            self.offset.next = 0xaa.into();
        } else {
            self.lanes.next = self.octet.val();
            self.offset.next = 0x80.into();
        }
        if self.slice.val().any() & ((self.w_code.val() == 1) | (self.w_code.val() == 2)) {
            self.offset.next = 0.into();
        }
        if self.is_real.val() {
            self.weight.next = self.lanes.val() ^ self.offset.val();
        } else {
            self.weight.next = self.offset.val();
        }
    }
}
