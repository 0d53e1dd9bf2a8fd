//! Column sum: minus the activation offset times the weight crumbs of one column, the psums of row 0 start from it.
//!
//! ```text
//!  weight_in crumbs j --> (+) --> usum[j] --swap--> hold[j] --> -(<< log2 oa) --> scaled[j] --> init[j] --> psum_in[j]
//!                          ^---------|
//! ```
//!
//! Latency: `init` is visible three cycles after the swap reaches row 0, with the first product of the tile.
//! All words of the bus are added: a bus wider than the 8/A lanes of a row carries each of their words as often as it is wider, so that
//! `hold` is as many times too large and is shifted by less (`crumb_arch::brick::bus_offset_log2`).
//! Invariant: weights loaded in the cycle of a swap belong to the next tile. Widths: a row loads at most four words, copies included, of
//! crumbs of at most 3, so 12*R < 2^(4 + log2 R) = 2^UW; the crumbs of one cycle are at most 12, and their adders small; `scaled` is modulo 2^PW like the psums it goes to, and exact in the end.

use crate::issue::{ColumnControl, OffsetMode};
use crumb_arch::ActBits;
use crumb_arch::brick::bus_offset_log2;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// Crumbs j of all words on the weight bus, added: at most 4 * 3 = 12. A leaf, because rust-hdl adds no slices in a loop.
#[derive(LogicBlock, Default)]
pub struct CrumbSums<const NB: usize> {
    /// The bus, `NB/8` words.
    pub weight: Signal<In, Bits<NB>>,
    /// Sum of the crumbs 0.
    pub sum0: Signal<Out, Bits<4>>,
    /// Crumbs 1.
    pub sum1: Signal<Out, Bits<4>>,
    /// Crumbs 2.
    pub sum2: Signal<Out, Bits<4>>,
    /// Crumbs 3.
    pub sum3: Signal<Out, Bits<4>>,
}

impl<const NB: usize> Logic for CrumbSums<NB> {
    fn update(&mut self) {
        // Outputs follow the input only, and start as zero with it.
        if self.weight.changed {
            let bus = u64::from(self.weight.val().to_u32());
            let sum = |j: usize| -> Bits<4> { (0..NB / 8).map(|b| bus >> (8 * b + 2 * j) & 3).sum::<u64>().into() };
            self.sum0.next = sum(0);
            self.sum1.next = sum(1);
            self.sum2.next = sum(2);
            self.sum3.next = sum(3);
        }
    }

    fn connect(&mut self) {
        self.sum0.connect();
        self.sum1.connect();
        self.sum2.connect();
        self.sum3.connect();
    }

    fn hdl(&self) -> Verilog {
        let sum = |j: usize| {
            let crumbs = (0..NB / 8).map(|b| 8 * b + 2 * j).map(|lo| format!("{{2'b00, weight[{}:{lo}]}}", lo + 1));
            format!("    sum{j} = {};\n", crumbs.collect::<Vec<_>>().join(" + "))
        };
        Verilog::Custom(format!("always @(*) begin\n{}end", (0..4).map(sum).collect::<String>()))
    }
}

/// The column sum above one column; `UW = 4 + ceil(log2 R)`, `PW = 10 + ceil(log2 R)`, `NB` the bits of the weight bus.
#[derive(LogicBlock)]
pub struct ColumnSum<const UW: usize, const PW: usize, const NB: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// Weight words at the array's edge.
    pub weight_in: Signal<In, Bits<NB>>,
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
    crumb_sums: CrumbSums<NB>,
    crumb: [Signal<Local, Bits<UW>>; 4],
    base: [Signal<Local, Bits<UW>>; 4],
    wide: [Signal<Local, Bits<PW>>; 4],
    shifted: [Signal<Local, Bits<PW>>; 4],
    nothing: Signal<Local, Bits<PW>>,
    offset8: Constant<Bits<3>>,
    offset4: Constant<Bits<3>>,
    offset2: Constant<Bits<3>>,
}

impl<const UW: usize, const PW: usize, const NB: usize> Default for ColumnSum<UW, PW, NB> {
    fn default() -> Self {
        let offset = |act| Constant::new(u64::from(bus_offset_log2(act, NB / 8)).into());
        Self {
            clock: Default::default(),
            weight_in: Default::default(),
            control: Default::default(),
            init_out0: Default::default(),
            init_out1: Default::default(),
            init_out2: Default::default(),
            init_out3: Default::default(),
            usum: from_fn(|_| Default::default()),
            hold: from_fn(|_| Default::default()),
            hold_mode: Default::default(),
            scaled: from_fn(|_| Default::default()),
            init: from_fn(|_| Default::default()),
            mode_in: Default::default(),
            load_valid: Default::default(),
            first: Default::default(),
            swap: Default::default(),
            hold_code: Default::default(),
            hold_signed: Default::default(),
            crumb_sums: Default::default(),
            crumb: from_fn(|_| Default::default()),
            base: from_fn(|_| Default::default()),
            wide: from_fn(|_| Default::default()),
            shifted: from_fn(|_| Default::default()),
            nothing: Default::default(),
            offset8: offset(ActBits::A8),
            offset4: offset(ActBits::A4),
            offset2: offset(ActBits::A2),
        }
    }
}

impl<const UW: usize, const PW: usize, const NB: usize> Logic for ColumnSum<UW, PW, NB> {
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
        self.crumb_sums.weight.next = self.weight_in.val();
        self.crumb[0].next = bit_cast::<UW, 4>(self.crumb_sums.sum0.val());
        self.crumb[1].next = bit_cast::<UW, 4>(self.crumb_sums.sum1.val());
        self.crumb[2].next = bit_cast::<UW, 4>(self.crumb_sums.sum2.val());
        self.crumb[3].next = bit_cast::<UW, 4>(self.crumb_sums.sum3.val());
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
                    self.shifted[j].next = self.wide[j].val() << self.offset8.val();
                } else if self.hold_code.val() == 1 {
                    self.shifted[j].next = self.wide[j].val() << self.offset4.val();
                } else {
                    self.shifted[j].next = self.wide[j].val() << self.offset2.val();
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

crate::clocked!([const UW: usize, const PW: usize, const NB: usize] ColumnSum<UW, PW, NB>);
