//! Combiner: the four crumb sums of a column become one, two or four int32 values, one for each accumulator bank.
//!
//! ```text
//!  cycle   x              x+1             x+2                    x+3                       x+4
//!  psum[j] -> -2*total -> lane1[j] -> (+4*) -> lane2[j] -> (+16*) -> lane3[j] -> pick, << -> value[b]
//!  token  --------------> token1 ----------> token2 ---------------> token3 ---------------> token4
//!  total  --------------> total --> the combiner on the right, with token1
//! ```
//!
//! Latency: four cycles. Invariant: one adder between registers; the offset of the weights, `2 * total` for the top crumb of
//! each signed weight, is taken away before anything is combined, so that every lane is an exact signed sum from then on.
//! Widths: `QW = PW + 7 = 17 + log2 R` holds +-255 * 255 * R; 14 more bits of shift wrap modulo 2^32 as int32 does, and the host
//! refuses what could.

use crate::extend::Extend;
use crate::issue::Token;
use rust_hdl::prelude::*;

/// The combiner of one column; `QW = PW + 7`.
#[derive(LogicBlock, Default)]
pub struct Combiner<const PW: usize, const QW: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// Crumb sums of the last row of PEs.
    pub psum0: Signal<In, Bits<PW>>,
    /// Crumb column 1.
    pub psum1: Signal<In, Bits<PW>>,
    /// Crumb column 2.
    pub psum2: Signal<In, Bits<PW>>,
    /// Crumb column 3.
    pub psum3: Signal<In, Bits<PW>>,
    /// Sum of the activations, beside them.
    pub total_in: Signal<In, Bits<PW>>,
    /// What to do with them.
    pub token_in: Signal<In, Token>,
    /// The register `total`, for the combiner on the right.
    pub total_out: Signal<Out, Bits<PW>>,
    /// The register `token1`, for the combiner on the right.
    pub token1_out: Signal<Out, Token>,
    /// The register `token3`: the accumulator reads now.
    pub token3_out: Signal<Out, Token>,
    /// The register `token4`, beside the values.
    pub token4_out: Signal<Out, Token>,
    /// The register `value[0]`.
    pub value0: Signal<Out, Bits<32>>,
    /// Bank 1.
    pub value1: Signal<Out, Bits<32>>,
    /// Bank 2.
    pub value2: Signal<Out, Bits<32>>,
    /// Bank 3.
    pub value3: Signal<Out, Bits<32>>,
    total: DFF<Bits<PW>>,
    token1: DFF<Token>,
    token2: DFF<Token>,
    token3: DFF<Token>,
    token4: DFF<Token>,
    lane1: [DFF<Bits<QW>>; 4],
    lane2: [DFF<Bits<QW>>; 4],
    lane3: [DFF<Bits<QW>>; 4],
    value: [DFF<Bits<32>>; 4],
    extend: [Extend<PW, QW>; 4],
    extend_total: Extend<PW, QW>,
    widen: [Extend<QW, 32>; 4],
    w_code: Signal<Local, Bits<2>>,
    w_signed: Signal<Local, Bit>,
    act_signed: Signal<Local, Bit>,
    offset: Signal<Local, Bits<QW>>,
    nothing: Signal<Local, Bits<QW>>,
    subtract: [Signal<Local, Bits<QW>>; 4],
    is_w2: Signal<Local, Bit>,
    is_w8: Signal<Local, Bit>,
    upper: [Signal<Local, Bits<QW>>; 3],
    code3: Signal<Local, Bits<2>>,
    amount: Signal<Local, Bits<4>>,
    pick: [Signal<Local, Bits<QW>>; 4],
    yes: Signal<Local, Bit>,
}

impl<const PW: usize, const QW: usize> Logic for Combiner<PW, QW> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, total, token1, token2, token3, token4);
        self.total.d.next = self.total_in.val();
        self.token1.d.next = self.token_in.val();
        self.token2.d.next = self.token1.q.val();
        self.token3.d.next = self.token2.q.val();
        self.token4.d.next = self.token3.q.val();
        self.total_out.next = self.total.q.val();
        self.token1_out.next = self.token1.q.val();
        self.token3_out.next = self.token3.q.val();
        self.token4_out.next = self.token4.q.val();
        for j in 0..4 {
            self.lane1[j].clock.next = self.clock.val();
            self.lane2[j].clock.next = self.clock.val();
            self.lane3[j].clock.next = self.clock.val();
            self.value[j].clock.next = self.clock.val();
        }

        // x: take the weight offset away.
        self.w_code.next = self.token_in.val().w_code;
        self.w_signed.next = self.token_in.val().w_signed;
        self.act_signed.next = self.token_in.val().act_signed;
        self.nothing.next = 0.into();
        self.extend[0].x.next = self.psum0.val();
        self.extend[1].x.next = self.psum1.val();
        self.extend[2].x.next = self.psum2.val();
        self.extend[3].x.next = self.psum3.val();
        self.extend_total.x.next = self.total_in.val();
        self.extend_total.is_signed.next = self.act_signed.val();
        self.offset.next = 0.into();
        if self.w_signed.val() {
            self.offset.next = self.extend_total.y.val() << 1;
        }
        // Top crumbs: W2 all, W4 crumbs 1 and 3, W8 and W6 crumb 3.
        self.subtract[0].next = self.nothing.val();
        self.subtract[1].next = self.nothing.val();
        self.subtract[2].next = self.nothing.val();
        self.subtract[3].next = self.offset.val();
        if self.w_code.val() == 2 {
            self.subtract[0].next = self.offset.val();
            self.subtract[1].next = self.offset.val();
            self.subtract[2].next = self.offset.val();
        }
        if self.w_code.val() == 1 {
            self.subtract[1].next = self.offset.val();
        }
        for j in 0..4 {
            self.extend[j].is_signed.next = self.act_signed.val();
            self.lane1[j].d.next = self.extend[j].y.val() - self.subtract[j].val();
        }

        // x+1: crumbs to nibbles, except at W2.
        self.is_w2.next = self.token1.q.val().w_code == 2;
        self.lane2[1].d.next = self.lane1[1].q.val();
        self.lane2[3].d.next = self.lane1[3].q.val();
        self.upper[0].next = self.lane1[1].q.val() << 2;
        self.upper[1].next = self.lane1[3].q.val() << 2;
        if self.is_w2.val() {
            self.upper[0].next = self.nothing.val();
            self.upper[1].next = self.nothing.val();
        }
        self.lane2[0].d.next = self.lane1[0].q.val() + self.upper[0].val();
        self.lane2[2].d.next = self.lane1[2].q.val() + self.upper[1].val();

        // x+2: nibbles to a byte, at W8 and W6.
        self.is_w8.next = (self.token2.q.val().w_code == 0) | (self.token2.q.val().w_code == 3);
        self.lane3[1].d.next = self.lane2[1].q.val();
        self.lane3[2].d.next = self.lane2[2].q.val();
        self.lane3[3].d.next = self.lane2[3].q.val();
        self.upper[2].next = self.nothing.val();
        if self.is_w8.val() {
            self.upper[2].next = self.lane2[2].q.val() << 4;
        }
        self.lane3[0].d.next = self.lane2[0].q.val() + self.upper[2].val();

        // x+3: each bank takes its lane, shifted to its place.
        self.code3.next = self.token3.q.val().w_code;
        self.amount.next = bit_cast::<4, 3>(self.token3.q.val().shift) << 1;
        self.yes.next = true;
        for b in 0..4 {
            self.pick[b].next = self.lane3[0].q.val();
        }
        if self.code3.val() == 1 {
            self.pick[1].next = self.lane3[2].q.val();
            self.pick[3].next = self.lane3[2].q.val();
        } else if self.code3.val() == 2 {
            self.pick[1].next = self.lane3[1].q.val();
            self.pick[2].next = self.lane3[2].q.val();
            self.pick[3].next = self.lane3[3].q.val();
        }
        for b in 0..4 {
            self.widen[b].x.next = self.pick[b].val();
            self.widen[b].is_signed.next = self.yes.val();
            self.value[b].d.next = self.widen[b].y.val() << self.amount.val();
        }
        self.value0.next = self.value[0].q.val();
        self.value1.next = self.value[1].q.val();
        self.value2.next = self.value[2].q.val();
        self.value3.next = self.value[3].q.val();
    }
}

crate::clocked!([const PW: usize, const QW: usize] Combiner<PW, QW>);
