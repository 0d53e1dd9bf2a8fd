//! Processing element: 16 bricks, four psums, and two sets of weight words.
//!
//! ```text
//!                 weight_in            psum_in[j]
//!                     |                    |
//!  act_in --> act ----|------ bricks --> column[j] (pair, sum) --> (+) --> psum[j] --> psum_out[j]
//!  ctl_in --> ctl     +--> shadow[i] --> active[i]
//!                     +--> weight --> weight_out
//! ```
//!
//! Latency: `act_in` in cycle t, its product in `psum` at t + 4. Invariant: the weight width never enters; a column passes
//! down the sums of its four weight crumbs, in offset binary, unsigned, and they never wrap for the R rows that `PW` allows:
//! a row adds at most 765 < 2^10, or at least -384 and at most 381 once `column_sum` has taken the activation offset away.

use crate::brick_column::{BrickColumn, Bricks};
use crate::issue::Ctl;
use rust_hdl::prelude::*;

/// One PE; `PW` is the psum width, `10 + ceil(log2 R)`, `NB` the bits of the weight bus: 8, 16 or 32.
#[derive(LogicBlock, Default)]
pub struct Pe<const PW: usize, const NB: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// Activation word in offset binary.
    pub act_in: Signal<In, Bits<8>>,
    /// Control beside the activation.
    pub ctl_in: Signal<In, Ctl>,
    /// Weight words in offset binary.
    pub weight_in: Signal<In, Bits<NB>>,
    /// Crumb sums of the rows above.
    pub psum_in0: Signal<In, Bits<PW>>,
    /// Crumb column 1.
    pub psum_in1: Signal<In, Bits<PW>>,
    /// Crumb column 2.
    pub psum_in2: Signal<In, Bits<PW>>,
    /// Crumb column 3.
    pub psum_in3: Signal<In, Bits<PW>>,
    /// The register `act`, for the right neighbour.
    pub act_out: Signal<Out, Bits<8>>,
    /// The register `ctl`, for the right neighbour.
    pub ctl_out: Signal<Out, Ctl>,
    /// The register `weight`, for the neighbour below.
    pub weight_out: Signal<Out, Bits<NB>>,
    /// The register `psum[0]`, for the neighbour below.
    pub psum_out0: Signal<Out, Bits<PW>>,
    /// Crumb column 1.
    pub psum_out1: Signal<Out, Bits<PW>>,
    /// Crumb column 2.
    pub psum_out2: Signal<Out, Bits<PW>>,
    /// Crumb column 3.
    pub psum_out3: Signal<Out, Bits<PW>>,
    act: DFF<Bits<8>>,
    ctl: DFF<Ctl>,
    weight: DFF<Bits<NB>>,
    shadow: [DFF<Bits<8>>; 4],
    active: [DFF<Bits<8>>; 4],
    bricks: Bricks,
    column: [BrickColumn; 4],
    mode: DFF<Bits<2>>,
    psum: [DFF<Bits<PW>>; 4],
    load: Signal<Local, Bits<4>>,
    swap: Signal<Local, Bit>,
    pair_mode: Signal<Local, Bits<2>>,
}

impl<const PW: usize, const NB: usize> Logic for Pe<PW, NB> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, act, ctl, weight, mode);
        self.act.d.next = self.act_in.val();
        self.ctl.d.next = self.ctl_in.val();
        self.weight.d.next = self.weight_in.val();
        self.act_out.next = self.act.q.val();
        self.ctl_out.next = self.ctl.q.val();
        self.weight_out.next = self.weight.q.val();

        // A load in the cycle of a swap belongs to the next tile: active takes the old shadow.
        self.load.next = self.ctl_in.val().load;
        self.swap.next = self.ctl_in.val().swap;
        for i in 0..4 {
            self.shadow[i].clock.next = self.clock.val();
            self.active[i].clock.next = self.clock.val();
            self.shadow[i].d.next = self.shadow[i].q.val();
            self.active[i].d.next = self.active[i].q.val();
            if self.load.val().get_bit(i) {
                // Word i * N/4 of the N = NB/8 on the bus: no mode moves it. `w` is NB, which Verilog cannot name.
                for w in NB..(NB + 1) {
                    self.shadow[i].d.next = self.weight_in.val().get_bits::<8>(((i * w) >> 5) << 3);
                }
            }
            if self.swap.val() {
                self.active[i].d.next = self.shadow[i].q.val();
            }
        }

        self.bricks.act.next = self.act.q.val();
        self.bricks.word0.next = self.active[0].q.val();
        self.bricks.word1.next = self.active[1].q.val();
        self.bricks.word2.next = self.active[2].q.val();
        self.bricks.word3.next = self.active[3].q.val();
        self.column[0].products.next = self.bricks.products0.val();
        self.column[1].products.next = self.bricks.products1.val();
        self.column[2].products.next = self.bricks.products2.val();
        self.column[3].products.next = self.bricks.products3.val();
        self.pair_mode.next = self.ctl.q.val().a_code;
        self.mode.d.next = self.pair_mode.val();
        for j in 0..4 {
            self.column[j].clock.next = self.clock.val();
            self.column[j].pair_mode.next = self.pair_mode.val();
            self.column[j].sum_mode.next = self.mode.q.val();
            self.psum[j].clock.next = self.clock.val();
        }
        self.psum[0].d.next = self.psum_in0.val() + bit_cast::<PW, 10>(self.column[0].sum_out.val());
        self.psum[1].d.next = self.psum_in1.val() + bit_cast::<PW, 10>(self.column[1].sum_out.val());
        self.psum[2].d.next = self.psum_in2.val() + bit_cast::<PW, 10>(self.column[2].sum_out.val());
        self.psum[3].d.next = self.psum_in3.val() + bit_cast::<PW, 10>(self.column[3].sum_out.val());
        self.psum_out0.next = self.psum[0].q.val();
        self.psum_out1.next = self.psum[1].q.val();
        self.psum_out2.next = self.psum[2].q.val();
        self.psum_out3.next = self.psum[3].q.val();
    }
}

crate::clocked!([const PW: usize, const NB: usize] Pe<PW, NB>);
