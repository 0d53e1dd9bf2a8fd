//! The systolic array: `R x C` PEs, the row sums on its left and the column sums above. Wiring only.
//!
//! ```text
//!                     column_sum[0]   column_sum[1] ...
//!                          |               |
//!  act_in[0] -> row_sum[0]   pe[0] --------> pe[1] ---->
//!                  |         |               |
//!  act_in[1] -> row_sum[1]   pe[C] --------> pe[C+1] -->
//!                  |         |               |
//!                total     psum[0]         psum[1]
//! ```
//!
//! Latency: activation of row 0 in cycle t, psum of column c at t + R + 3 + c; `total` with column 0.
//! Invariant: PE (r, c) is `pe[r*C + c]`.

use crate::column_sum::ColumnSum;
use crate::issue::{ColumnControl, Ctl};
use crate::pe::Pe;
use crate::row_offset::RowOffset;
use crate::row_sum::RowSum;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// The array; `RC = R*C`, `PW = 10 + ceil(log2 R)`, `UW = 4 + ceil(log2 R)`, `NB` bits of the weight bus.
#[derive(LogicBlock)]
pub struct Array<const R: usize, const C: usize, const RC: usize, const PW: usize, const UW: usize, const NB: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// Activation words at the left edge.
    pub act_in: [Signal<In, Bits<8>>; R],
    /// Control beside them.
    pub ctl_in: [Signal<In, Ctl>; R],
    /// Sign of the activations, for the row sums.
    pub act_signed: [Signal<In, Bit>; R],
    /// Weight words at the upper edge.
    pub weight_in: [Signal<In, Bits<NB>>; C],
    /// Control beside them, for the column sums.
    pub control: [Signal<In, ColumnControl>; C],
    /// Crumb sums 0 of the last row.
    pub psum0: [Signal<Out, Bits<PW>>; C],
    /// Crumb sums 1.
    pub psum1: [Signal<Out, Bits<PW>>; C],
    /// Crumb sums 2.
    pub psum2: [Signal<Out, Bits<PW>>; C],
    /// Crumb sums 3.
    pub psum3: [Signal<Out, Bits<PW>>; C],
    /// Sum of the activations of all rows.
    pub total: Signal<Out, Bits<PW>>,
    pe: [Pe<PW, NB>; RC],
    row_offset: RowOffset<R, PW>,
    row_sum: [RowSum<PW>; R],
    column_sum: [ColumnSum<UW, PW, NB>; C],
}

impl<const R: usize, const C: usize, const RC: usize, const PW: usize, const UW: usize, const NB: usize> Default
    for Array<R, C, RC, PW, UW, NB>
{
    fn default() -> Self {
        assert_eq!(RC, R * C, "an array of {R} x {C} has {} PEs", R * C);
        Self {
            clock: Default::default(),
            act_in: from_fn(|_| Default::default()),
            ctl_in: from_fn(|_| Default::default()),
            act_signed: from_fn(|_| Default::default()),
            weight_in: from_fn(|_| Default::default()),
            control: from_fn(|_| Default::default()),
            psum0: from_fn(|_| Default::default()),
            psum1: from_fn(|_| Default::default()),
            psum2: from_fn(|_| Default::default()),
            psum3: from_fn(|_| Default::default()),
            total: Default::default(),
            pe: from_fn(|_| Default::default()),
            row_offset: Default::default(),
            row_sum: from_fn(|_| Default::default()),
            column_sum: from_fn(|_| Default::default()),
        }
    }
}

impl<const R: usize, const C: usize, const RC: usize, const PW: usize, const UW: usize, const NB: usize> Logic
    for Array<R, C, RC, PW, UW, NB>
{
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..RC {
            self.pe[i].clock.next = self.clock.val();
        }
        // Activations and control from the left; `w` is C, which an index cannot name.
        for w in C..(C + 1) {
            for r in 0..R {
                self.pe[r * w].act_in.next = self.act_in[r].val();
                self.pe[r * w].ctl_in.next = self.ctl_in[r].val();
                for c in 1..C {
                    self.pe[r * w + c].act_in.next = self.pe[r * w + c - 1].act_out.val();
                    self.pe[r * w + c].ctl_in.next = self.pe[r * w + c - 1].ctl_out.val();
                }
            }
            // Weights and psums from above.
            for c in 0..C {
                self.pe[c].weight_in.next = self.weight_in[c].val();
                self.pe[c].psum_in0.next = self.column_sum[c].init_out0.val();
                self.pe[c].psum_in1.next = self.column_sum[c].init_out1.val();
                self.pe[c].psum_in2.next = self.column_sum[c].init_out2.val();
                self.pe[c].psum_in3.next = self.column_sum[c].init_out3.val();
                for r in 1..R {
                    self.pe[r * w + c].weight_in.next = self.pe[r * w - w + c].weight_out.val();
                    self.pe[r * w + c].psum_in0.next = self.pe[r * w - w + c].psum_out0.val();
                    self.pe[r * w + c].psum_in1.next = self.pe[r * w - w + c].psum_out1.val();
                    self.pe[r * w + c].psum_in2.next = self.pe[r * w - w + c].psum_out2.val();
                    self.pe[r * w + c].psum_in3.next = self.pe[r * w - w + c].psum_out3.val();
                }
                for l in RC..(RC + 1) {
                    self.psum0[c].next = self.pe[l - w + c].psum_out0.val();
                    self.psum1[c].next = self.pe[l - w + c].psum_out1.val();
                    self.psum2[c].next = self.pe[l - w + c].psum_out2.val();
                    self.psum3[c].next = self.pe[l - w + c].psum_out3.val();
                }
            }
        }
        for c in 0..C {
            self.column_sum[c].clock.next = self.clock.val();
            self.column_sum[c].weight_in.next = self.weight_in[c].val();
            self.column_sum[c].control.next = self.control[c].val();
        }
        for r in 0..R {
            self.row_sum[r].clock.next = self.clock.val();
            self.row_sum[r].act_in.next = self.act_in[r].val();
            self.row_sum[r].ctl_in.next = self.ctl_in[r].val();
            self.row_sum[r].act_signed.next = self.act_signed[r].val();
        }
        self.row_offset.mode.next = self.row_sum[0].mode_out.val();
        self.row_sum[0].total_in.next = self.row_offset.start.val();
        for r in 1..R {
            self.row_sum[r].total_in.next = self.row_sum[r - 1].total_out.val();
        }
        for n in R..(R + 1) {
            self.total.next = self.row_sum[n - 1].total_out.val();
        }
    }
}

crate::clocked!([const R: usize, const C: usize, const RC: usize, const PW: usize, const UW: usize, const NB: usize] Array<R, C, RC, PW, UW, NB>);
