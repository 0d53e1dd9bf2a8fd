//! Row offset: what the row sum of row 0 starts from, minus the offsets of all rows' activations.
//!
//! ```text
//!  row_sum[0].mode2 --> (select) --> row_sum[0].total_in
//! ```
//!
//! Combinational. Rows * K-lanes * offset of one activation: 1 * 128, 2 * 8 or 4 * 2 for each row, 0 when unsigned.

use crate::issue::OffsetMode;
use rust_hdl::prelude::*;

/// The start of the row sums of `R` rows, `PW` bits.
#[derive(LogicBlock)]
pub struct RowOffset<const R: usize, const PW: usize> {
    /// Width and sign of the activations that the sum belongs to.
    pub mode: Signal<In, OffsetMode>,
    /// Minus their offsets.
    pub start: Signal<Out, Bits<PW>>,
    offset8: Constant<Bits<PW>>,
    offset4: Constant<Bits<PW>>,
    offset2: Constant<Bits<PW>>,
}

impl<const R: usize, const PW: usize> Default for RowOffset<R, PW> {
    fn default() -> Self {
        let minus = |offset: usize| Constant::new((((1u64 << PW) - offset as u64) & ((1 << PW) - 1)).into());
        Self {
            mode: Default::default(),
            start: Default::default(),
            offset8: minus(R * 128),
            offset4: minus(R * 16),
            offset2: minus(R * 8),
        }
    }
}

impl<const R: usize, const PW: usize> Logic for RowOffset<R, PW> {
    #[hdl_gen]
    fn update(&mut self) {
        self.start.next = 0.into();
        if self.mode.val().act_signed {
            if self.mode.val().a_code == 0 {
                self.start.next = self.offset8.val();
            } else if self.mode.val().a_code == 1 {
                self.start.next = self.offset4.val();
            } else {
                self.start.next = self.offset2.val();
            }
        }
    }
}
