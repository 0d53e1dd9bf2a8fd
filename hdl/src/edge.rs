//! The array's edge: between the memories and the first PE of a row or column.
//!
//! ```text
//!  row[r] --> read_address --> bank r --------> word --^ sign mask, lanes --> act --> act_in of row r
//!     +-----> row_read (load only if load_row == r) -> row_ctl ------------> ctl --> ctl_in of row r
//!
//!  col[c] --> read_address --> bank c ---> word[b] --> precision_switch[b] --> weight_bus --> weight --> weight_in of column c
//!     +-----> col_read ------------------> col_ctl ----------------------------------------> col_edge --> column_sum
//! ```
//!
//! Latency: an issue in cycle t reaches the array's edge at t + 4 (+ r or + c). Invariant: data and control stay side by side.
//! A block RAM is slow to deliver, so nothing stands between it and the register `word`.

use crate::issue::{ColumnControl, ColumnIssue, Ctl, RowControl, RowIssue};
use crate::precision_switch::PrecisionSwitch;
use crate::weight_bus::WeightBus;
use crumb_arch::ActBits;
use crumb_arch::brick::crosses_crumbs;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// Edge of one row; `A` address bits of the activation buffer, `N` words of the weight bus.
#[derive(LogicBlock)]
pub struct RowEdge<const A: usize, const N: usize> {
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
    flipped: Signal<Local, Bits<8>>,
    kept: Signal<Local, Bits<8>>,
    crumb1: Signal<Local, Bits<8>>,
    crumb2: Signal<Local, Bits<8>>,
    placed: Signal<Local, Bits<8>>,
    crosses: Constant<Bit>,
}

impl<const A: usize, const N: usize> Default for RowEdge<A, N> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            row: Default::default(),
            index: Default::default(),
            read_address: Default::default(),
            read_word: Default::default(),
            act_out: Default::default(),
            ctl_out: Default::default(),
            act_signed_out: Default::default(),
            row_read: Default::default(),
            row_ctl: Default::default(),
            word: Default::default(),
            act: Default::default(),
            ctl: Default::default(),
            address: Default::default(),
            row_read_in: Default::default(),
            here: Default::default(),
            sign_mask: Default::default(),
            flipped: Default::default(),
            kept: Default::default(),
            crumb1: Default::default(),
            crumb2: Default::default(),
            placed: Default::default(),
            crosses: Constant::new(crosses_crumbs(ActBits::A2, N)),
        }
    }
}

impl<const A: usize, const N: usize> Logic for RowEdge<A, N> {
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
        self.flipped.next = self.word.q.val() ^ self.sign_mask.val();
        // Crumbs 1 and 2 change places: the two words of the bus are those of neighbouring lanes.
        self.kept.next = self.flipped.val() & 0xc3;
        self.crumb1.next = self.flipped.val() & 0x0c;
        self.crumb2.next = self.flipped.val() & 0x30;
        self.placed.next = self.flipped.val();
        if self.crosses.val() & (self.row_ctl.q.val().a_code == 2) {
            self.placed.next = self.kept.val() | (self.crumb1.val() << 2) | (self.crumb2.val() >> 2);
        }
        self.act.d.next = self.placed.val();
        self.ctl.d.next = self.row_ctl.q.val();
        self.act_out.next = self.act.q.val();
        self.ctl_out.next.load = self.ctl.q.val().load;
        self.ctl_out.next.swap = self.ctl.q.val().swap;
        self.ctl_out.next.a_code = self.ctl.q.val().a_code;
        self.act_signed_out.next = self.ctl.q.val().act_signed;
    }
}

/// Edge of one column; `A` address bits of the weight memory, `N` words of the weight bus, `NB = 8*N`, `NM = 32*N`.
#[derive(LogicBlock)]
pub struct ColumnEdge<const A: usize, const N: usize, const NB: usize, const NM: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// The register `col[c]`.
    pub col: Signal<In, ColumnIssue>,
    /// Beside the register `col_ctl`: activation width of the tile that loads; 0 if `N = 1`.
    pub load_code: Signal<In, Bits<2>>,
    /// To the weight bank.
    pub read_address: Signal<Out, Bits<A>>,
    /// From the weight bank, a cycle later.
    pub read_words: Signal<In, Bits<NM>>,
    /// The register `weight`.
    pub weight_out: Signal<Out, Bits<NB>>,
    /// The register `col_edge`.
    pub col_edge_out: Signal<Out, ColumnControl>,
    col_read: DFF<ColumnIssue>,
    col_ctl: DFF<ColumnIssue>,
    word: [DFF<Bits<32>>; N],
    weight: DFF<Bits<NB>>,
    col_edge: DFF<ColumnControl>,
    precision_switch: [PrecisionSwitch; N],
    weight_bus: WeightBus<N, NB>,
    address: Signal<Local, Bits<18>>,
    shifted: Signal<Local, Bits<18>>,
    delivered: Signal<Local, Bits<18>>,
    col_edge_in: Signal<Local, ColumnControl>,
    bus_log2: Constant<Bits<2>>,
}

impl<const A: usize, const N: usize, const NB: usize, const NM: usize> Default for ColumnEdge<A, N, NB, NM> {
    fn default() -> Self {
        assert_eq!(NM, 32 * N, "{N} words have {} bits", 32 * N);
        Self {
            clock: Default::default(),
            col: Default::default(),
            load_code: Default::default(),
            read_address: Default::default(),
            read_words: Default::default(),
            weight_out: Default::default(),
            col_edge_out: Default::default(),
            col_read: Default::default(),
            col_ctl: Default::default(),
            word: from_fn(|_| Default::default()),
            weight: Default::default(),
            col_edge: Default::default(),
            precision_switch: from_fn(|_| Default::default()),
            weight_bus: Default::default(),
            address: Default::default(),
            shifted: Default::default(),
            delivered: Default::default(),
            col_edge_in: Default::default(),
            bus_log2: Constant::new(u64::from(N.ilog2()).into()),
        }
    }
}

impl<const A: usize, const N: usize, const NB: usize, const NM: usize> Logic for ColumnEdge<A, N, NB, NM> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, col_read, col_ctl, weight, col_edge);
        self.address.next = self.col.val().address;
        self.shifted.next = self.address.val() >> self.bus_log2.val();
        self.read_address.next = bit_cast::<A, 18>(self.shifted.val());
        self.col_read.d.next = self.col.val();
        self.col_ctl.d.next = self.col_read.q.val();
        for b in 0..N {
            self.word[b].clock.next = self.clock.val();
            self.word[b].d.next = self.read_words.val().get_bits::<32>(32 * b);
            self.precision_switch[b].word.next = self.word[b].q.val();
            self.precision_switch[b].w_code.next = self.col_ctl.q.val().w_code;
            self.precision_switch[b].slice.next = self.col_ctl.q.val().slice;
            self.precision_switch[b].rounding.next = self.col_ctl.q.val().rounding;
            self.precision_switch[b].part.next = self.col_ctl.q.val().part;
            self.precision_switch[b].is_real.next = self.col_ctl.q.val().real;
            self.weight_bus.word[b].next = self.precision_switch[b].weight.val();
        }
        self.delivered.next = self.col_ctl.q.val().address;
        self.weight_bus.first.next = self.delivered.val().get_bits::<2>(0);
        self.weight_bus.a_code.next = self.load_code.val();
        self.weight.d.next = self.weight_bus.bus.val();
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

crate::clocked!([const A: usize, const N: usize] RowEdge<A, N>);
crate::clocked!([const A: usize, const N: usize, const NB: usize, const NM: usize] ColumnEdge<A, N, NB, NM>);
