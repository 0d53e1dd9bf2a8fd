//! The array's edge: between the memories and the first PE of a row or column.
//!
//! ```text
//!  row[r] --> read_address --> bank r --------------> word --^ sign mask --> act --> act_in of row r
//!     +-----> row_read (load only if load_row == r) -> row_ctl ------------> ctl --> ctl_in of row r
//!
//!  col[c] --> read_address --> bank c ---> word --> precision switch --> weight --> weight_in of column c
//!     +-----> col_read ------------------> col_ctl --------------------> col_edge --> column_sum
//! ```
//!
//! Latency: an issue in cycle t reaches the array's edge at t + 4 (+ r or + c). Invariant: data and control stay side by side.
//! A block RAM is slow to deliver, so nothing stands between it and the register `word`.

use crate::issue::{ColumnControl, ColumnIssue, Ctl, RowControl, RowIssue};
use crate::precision_switch::PrecisionSwitch;
use rust_hdl::prelude::*;

/// Edge of one row; `A` address bits of the activation buffer.
#[derive(LogicBlock, Default)]
pub struct RowEdge<const A: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// The register `row[r]`.
    pub row: Signal<In, RowIssue>,
    /// The number of this row.
    pub index: Signal<In, Bits<8>>,
    /// To the activation bank.
    pub read_address: Signal<Out, Bits<A>>,
    /// From the activation bank, a cycle later.
    pub read_word: Signal<In, Bits<8>>,
    /// The register `act`.
    pub act_out: Signal<Out, Bits<8>>,
    /// The register `ctl`, as the PEs take it.
    pub ctl_out: Signal<Out, Ctl>,
    /// The rest of the register `ctl`, for `row_sum`.
    pub act_signed_out: Signal<Out, Bit>,
    row_read: DFF<RowControl>,
    row_ctl: DFF<RowControl>,
    word: DFF<Bits<8>>,
    act: DFF<Bits<8>>,
    ctl: DFF<RowControl>,
    address: Signal<Local, Bits<16>>,
    row_read_in: Signal<Local, RowControl>,
    here: Signal<Local, Bit>,
    sign_mask: Signal<Local, Bits<8>>,
}

impl<const A: usize> Logic for RowEdge<A> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, row_read, row_ctl, word, act, ctl);
        self.address.next = self.row.val().address;
        self.read_address.next = bit_cast::<A, 16>(self.address.val());

        self.here.next = self.row.val().load_valid & (self.row.val().load_row == self.index.val());
        self.row_read_in.next.a_code = self.row.val().a_code;
        self.row_read_in.next.act_signed = self.row.val().act_signed;
        self.row_read_in.next.swap = self.row.val().swap;
        if self.here.val() {
            self.row_read_in.next.load = self.row.val().load_mask;
        } else {
            self.row_read_in.next.load = 0.into();
        }
        self.row_read.d.next = self.row_read_in.val();
        self.row_ctl.d.next = self.row_read.q.val();
        self.word.d.next = self.read_word.val();

        // The top bit of every signed activation is flipped: offset binary.
        self.sign_mask.next = 0.into();
        if self.row_ctl.q.val().act_signed {
            if self.row_ctl.q.val().a_code == 0 {
                self.sign_mask.next = 0x80.into();
            } else if self.row_ctl.q.val().a_code == 1 {
                self.sign_mask.next = 0x88.into();
            } else {
                self.sign_mask.next = 0xaa.into();
            }
        }
        self.act.d.next = self.word.q.val() ^ self.sign_mask.val();
        self.ctl.d.next = self.row_ctl.q.val();
        self.act_out.next = self.act.q.val();
        self.ctl_out.next.load = self.ctl.q.val().load;
        self.ctl_out.next.swap = self.ctl.q.val().swap;
        self.ctl_out.next.a_code = self.ctl.q.val().a_code;
        self.act_signed_out.next = self.ctl.q.val().act_signed;
    }
}

/// Edge of one column; `A` address bits of the weight memory.
#[derive(LogicBlock, Default)]
pub struct ColumnEdge<const A: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// The register `col[c]`.
    pub col: Signal<In, ColumnIssue>,
    /// To the weight bank.
    pub read_address: Signal<Out, Bits<A>>,
    /// From the weight bank, a cycle later.
    pub read_word: Signal<In, Bits<32>>,
    /// The register `weight`.
    pub weight_out: Signal<Out, Bits<8>>,
    /// The register `col_edge`.
    pub col_edge_out: Signal<Out, ColumnControl>,
    col_read: DFF<ColumnIssue>,
    col_ctl: DFF<ColumnIssue>,
    word: DFF<Bits<32>>,
    weight: DFF<Bits<8>>,
    col_edge: DFF<ColumnControl>,
    precision_switch: PrecisionSwitch,
    address: Signal<Local, Bits<16>>,
    col_edge_in: Signal<Local, ColumnControl>,
}

impl<const A: usize> Logic for ColumnEdge<A> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, col_read, col_ctl, word, weight, col_edge);
        self.address.next = self.col.val().address;
        self.read_address.next = bit_cast::<A, 16>(self.address.val());
        self.col_read.d.next = self.col.val();
        self.col_ctl.d.next = self.col_read.q.val();
        self.word.d.next = self.read_word.val();
        self.precision_switch.word.next = self.word.q.val();
        self.precision_switch.w_code.next = self.col_ctl.q.val().w_code;
        self.precision_switch.slice.next = self.col_ctl.q.val().slice;
        self.precision_switch.rounding.next = self.col_ctl.q.val().rounding;
        self.precision_switch.part.next = self.col_ctl.q.val().part;
        self.precision_switch.is_real.next = self.col_ctl.q.val().real;
        self.weight.d.next = self.precision_switch.weight.val();
        self.col_edge_in.next.load_valid = self.col_ctl.q.val().valid;
        self.col_edge_in.next.first = self.col_ctl.q.val().first;
        self.col_edge_in.next.swap = self.col_ctl.q.val().swap;
        self.col_edge_in.next.a_code = self.col_ctl.q.val().a_code;
        self.col_edge_in.next.act_signed = self.col_ctl.q.val().act_signed;
        self.col_edge.d.next = self.col_edge_in.val();
        self.weight_out.next = self.weight.q.val();
        self.col_edge_out.next = self.col_edge.q.val();
    }
}

crate::clocked!([const A: usize] RowEdge<A>);
crate::clocked!([const A: usize] ColumnEdge<A>);
