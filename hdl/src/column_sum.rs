//! Column sum: minus the activation offset times the weight crumbs of one column, the psums of row 0 start from it.
//!
//! ```text
//!  weight_in crumb j --> (+) --> usum[j] --swap--> hold[j] --> -(<< log2 oa) --> scaled[j] --> init[j] --> psum_in[j]
//!                         ^---------|
//! ```
//!
//! Latency: `init` is visible three cycles after the swap reaches row 0, with the first product of the tile.
//! Invariant: weights loaded in the cycle of a swap belong to the next tile. Widths: a tile loads at most 4*R words of crumbs of
//! at most 3, so 12*R < 2^(4 + log2 R) = 2^UW; `scaled` is modulo 2^PW like the psums it goes to, and exact in the end.

use crate::issue::{ColumnControl, OffsetMode};
use rust_hdl::prelude::*;

/// The column sum above one column; `UW = 4 + ceil(log2 R)`, `PW = 10 + ceil(log2 R)`.
#[derive(LogicBlock, Default)]
pub struct ColumnSum<const UW: usize, const PW: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// Weight word at the array's edge.
    pub weight_in: Signal<In, Bits<8>>,
    /// Control beside it.
    pub control: Signal<In, ColumnControl>,
    /// The register `init[0]`.
    pub init_out0: Signal<Out, Bits<PW>>,
    /// Crumb column 1.
    pub init_out1: Signal<Out, Bits<PW>>,
    /// Crumb column 2.
    pub init_out2: Signal<Out, Bits<PW>>,
    /// Crumb column 3.
    pub init_out3: Signal<Out, Bits<PW>>,
    usum: [DFF<Bits<UW>>; 4],
    hold: [DFF<Bits<UW>>; 4],
    hold_mode: DFF<OffsetMode>,
    scaled: [DFF<Bits<PW>>; 4],
    init: [DFF<Bits<PW>>; 4],
    mode_in: Signal<Local, OffsetMode>,
    load_valid: Signal<Local, Bit>,
    first: Signal<Local, Bit>,
    swap: Signal<Local, Bit>,
    hold_code: Signal<Local, Bits<2>>,
    hold_signed: Signal<Local, Bit>,
    crumb: [Signal<Local, Bits<UW>>; 4],
    base: [Signal<Local, Bits<UW>>; 4],
    wide: [Signal<Local, Bits<PW>>; 4],
    shifted: [Signal<Local, Bits<PW>>; 4],
    nothing: Signal<Local, Bits<PW>>,
}

impl<const UW: usize, const PW: usize> Logic for ColumnSum<UW, PW> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, hold_mode);
        self.load_valid.next = self.control.val().load_valid;
        self.first.next = self.control.val().first;
        self.swap.next = self.control.val().swap;
        self.mode_in.next.a_code = self.control.val().a_code;
        self.mode_in.next.act_signed = self.control.val().act_signed;
        if self.swap.val() {
            self.hold_mode.d.next = self.mode_in.val();
        }
        self.hold_code.next = self.hold_mode.q.val().a_code;
        self.hold_signed.next = self.hold_mode.q.val().act_signed;
        self.nothing.next = 0.into();
        self.crumb[0].next = bit_cast::<UW, 2>(self.weight_in.val().get_bits::<2>(0));
        self.crumb[1].next = bit_cast::<UW, 2>(self.weight_in.val().get_bits::<2>(2));
        self.crumb[2].next = bit_cast::<UW, 2>(self.weight_in.val().get_bits::<2>(4));
        self.crumb[3].next = bit_cast::<UW, 2>(self.weight_in.val().get_bits::<2>(6));
        self.wide[0].next = bit_cast::<PW, UW>(self.hold[0].q.val());
        self.wide[1].next = bit_cast::<PW, UW>(self.hold[1].q.val());
        self.wide[2].next = bit_cast::<PW, UW>(self.hold[2].q.val());
        self.wide[3].next = bit_cast::<PW, UW>(self.hold[3].q.val());
        for j in 0..4 {
            self.usum[j].clock.next = self.clock.val();
            self.hold[j].clock.next = self.clock.val();
            self.scaled[j].clock.next = self.clock.val();
            self.init[j].clock.next = self.clock.val();
            self.base[j].next = self.usum[j].q.val();
            if self.first.val() {
                self.base[j].next = 0.into();
            }
            self.usum[j].d.next = self.usum[j].q.val();
            if self.load_valid.val() {
                self.usum[j].d.next = self.base[j].val() + self.crumb[j].val();
            }
            self.hold[j].d.next = self.hold[j].q.val();
            if self.swap.val() {
                self.hold[j].d.next = self.usum[j].q.val();
            }
            self.shifted[j].next = 0.into();
            if self.hold_signed.val() {
                if self.hold_code.val() == 0 {
                    self.shifted[j].next = self.wide[j].val() << 7;
                } else if self.hold_code.val() == 1 {
                    self.shifted[j].next = self.wide[j].val() << 3;
                } else {
                    self.shifted[j].next = self.wide[j].val() << 1;
                }
            }
            self.scaled[j].d.next = self.nothing.val() - self.shifted[j].val();
            self.init[j].d.next = self.scaled[j].q.val();
        }
        self.init_out0.next = self.init[0].q.val();
        self.init_out1.next = self.init[1].q.val();
        self.init_out2.next = self.init[2].q.val();
        self.init_out3.next = self.init[3].q.val();
    }
}

crate::clocked!([const UW: usize, const PW: usize] ColumnSum<UW, PW>);
