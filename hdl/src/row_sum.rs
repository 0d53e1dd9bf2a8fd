//! Row sum: the signed sum of the activations of one row, added to that of the rows above.
//!
//! ```text
//!  act_in --> act --> bricks (weight crumbs 1) --> column (pair, sum) --> (+) --> total --> total_out
//!  ctl_in, act_signed --> mode0 --> mode1 --> mode2 --> mode_out (row 0)   ^ total_in
//! ```
//!
//! Latency: as `pe`, so `total` of the last row is visible with the psums of its column 0. Invariant: one adder between
//! registers. Widths: a row adds at most 255, and row 0 starts from minus R * 128, R * 16 or R * 8 (`row_offset`), so that a signed
//! total is within -128*R .. 127*R and an unsigned one within 255*R: both fit `PW = 10 + ceil(log2 R)` bits.

use crate::brick_column::{BrickColumn, Bricks};
use crate::issue::{Ctl, OffsetMode};
use rust_hdl::prelude::*;

/// The row sum left of column 0; `PW` bits.
#[derive(LogicBlock)]
pub struct RowSum<const PW: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// The activation word that the row's first PE receives.
    pub act_in: Signal<In, Bits<8>>,
    /// Control beside it; the row sum needs its activation width.
    pub ctl_in: Signal<In, Ctl>,
    /// Its sign.
    pub act_signed: Signal<In, Bit>,
    /// Total of the rows above; of row 0, what `RowOffset` makes of its `mode_out`.
    pub total_in: Signal<In, Bits<PW>>,
    /// The register `total`.
    pub total_out: Signal<Out, Bits<PW>>,
    /// The register `mode2`: what `total_in` belongs to.
    pub mode_out: Signal<Out, OffsetMode>,
    act: DFF<Bits<8>>,
    mode0: DFF<OffsetMode>,
    mode1: DFF<OffsetMode>,
    mode2: DFF<OffsetMode>,
    bricks: Bricks,
    column: BrickColumn,
    total: DFF<Bits<PW>>,
    mode_in: Signal<Local, OffsetMode>,
    ones: Constant<Bits<8>>,
}

impl<const PW: usize> Default for RowSum<PW> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            act_in: Default::default(),
            ctl_in: Default::default(),
            act_signed: Default::default(),
            total_in: Default::default(),
            total_out: Default::default(),
            mode_out: Default::default(),
            act: Default::default(),
            mode0: Default::default(),
            mode1: Default::default(),
            mode2: Default::default(),
            bricks: Default::default(),
            column: Default::default(),
            total: Default::default(),
            mode_in: Default::default(),
            ones: Constant::new(0x55.into()),
        }
    }
}

impl<const PW: usize> Logic for RowSum<PW> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, act, mode0, mode1, mode2, total);
        self.column.clock.next = self.clock.val();
        self.act.d.next = self.act_in.val();
        self.mode_in.next.a_code = self.ctl_in.val().a_code;
        self.mode_in.next.act_signed = self.act_signed.val();
        self.mode0.d.next = self.mode_in.val();
        self.mode1.d.next = self.mode0.q.val();
        self.mode2.d.next = self.mode1.q.val();
        self.bricks.act.next = self.act.q.val();
        self.bricks.word0.next = self.ones.val();
        self.bricks.word1.next = self.ones.val();
        self.bricks.word2.next = self.ones.val();
        self.bricks.word3.next = self.ones.val();
        self.column.products.next = self.bricks.products0.val();
        self.column.pair_mode.next = self.mode0.q.val().a_code;
        self.column.sum_mode.next = self.mode1.q.val().a_code;
        self.total.d.next = self.total_in.val() + bit_cast::<PW, 10>(self.column.sum_out.val());
        self.total_out.next = self.total.q.val();
        self.mode_out.next = self.mode2.q.val();
    }
}

crate::clocked!([const PW: usize] RowSum<PW>);
