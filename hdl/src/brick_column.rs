//! Brick column: one activation word times one weight crumb of each of the PE's four weight words.
//!
//! ```text
//!  act crumbs a0..a3                   b0 -------------(+)--> pair0 ----------------(+)--> sum
//!        | x  active[i] crumb j  -->   b1 - A2 ? b1 : 4*b1 ^                         |
//!     16 bricks (2x2 bits)             b2 -------------(+)--> pair1 - A8 ? 16* : 1* -^
//!                                      b3 - A2 ? b3 : 4*b3 ^
//! ```
//!
//! Latency: two cycles from the operands to `sum`. Invariant: one adder between any two registers.
//! Widths, all operands unsigned: a brick is at most 3*3 = 9 (4 bits); a pair 9 + 4*9 = 45 (6 bits);
//! the sum 45 + 16*45 = 765 (10 bits).
//!
//! The bricks are a leaf of boolean equations: four LUT4 each, never a DSP, and cheap in rust-hdl's simulation. All 16 of a
//! PE share one leaf, because a signal costs the simulation more than a multiplication.

use rust_hdl::prelude::*;

/// The 16 bricks of a PE: `products[j]` holds `b_i = crumb i of act * crumb j of word i` in nibble i.
#[derive(LogicBlock, Default)]
pub struct Bricks {
    /// Activation word: crumbs a0 (lowest) to a3.
    pub act: Signal<In, Bits<8>>,
    /// Weight words, one for each activation crumb.
    pub word0: Signal<In, Bits<8>>,
    /// Weight word for activation crumb 1.
    pub word1: Signal<In, Bits<8>>,
    /// Weight word for activation crumb 2.
    pub word2: Signal<In, Bits<8>>,
    /// Weight word for activation crumb 3.
    pub word3: Signal<In, Bits<8>>,
    /// Products with weight crumb 0.
    pub products0: Signal<Out, Bits<16>>,
    /// Products with weight crumb 1.
    pub products1: Signal<Out, Bits<16>>,
    /// Products with weight crumb 2.
    pub products2: Signal<Out, Bits<16>>,
    /// Products with weight crumb 3.
    pub products3: Signal<Out, Bits<16>>,
}

impl Logic for Bricks {
    fn update(&mut self) {
        // Outputs follow inputs only, and start as zero with them.
        if !(self.act.changed || self.word0.changed || self.word1.changed || self.word2.changed || self.word3.changed) {
            return;
        }
        let act = self.act.val().to_u32();
        let words = [self.word0.val(), self.word1.val(), self.word2.val(), self.word3.val()].map(|word| word.to_u32());
        let products = |j: u32| -> Bits<16> {
            let brick = |i: u32| ((act >> (2 * i)) & 3) * ((words[i as usize] >> (2 * j)) & 3);
            u64::from(brick(0) | brick(1) << 4 | brick(2) << 8 | brick(3) << 12).into()
        };
        self.products0.next = products(0);
        self.products1.next = products(1);
        self.products2.next = products(2);
        self.products3.next = products(3);
    }

    fn connect(&mut self) {
        self.products0.connect();
        self.products1.connect();
        self.products2.connect();
        self.products3.connect();
    }

    fn hdl(&self) -> Verilog {
        let mut code = String::from(
            "\
function [3:0] brick;
    input [1:0] a;
    input [1:0] w;
    brick = {a[1] & a[0] & w[1] & w[0], a[1] & w[1] & ~(a[0] & w[0]), (a[1] & w[0]) ^ (a[0] & w[1]), a[0] & w[0]};
endfunction
always @(*) begin
",
        );
        for j in 0..4 {
            let bricks: Vec<String> =
                (0..4).rev().map(|i| format!("brick(act[{}:{}], word{i}[{}:{}])", 2 * i + 1, 2 * i, 2 * j + 1, 2 * j)).collect();
            code += &format!("    products{j} = {{{}}};\n", bricks.join(", "));
        }
        code += "end";
        Verilog::Custom(code)
    }
}

/// The operands of a brick column's adders: shifts by wiring, and the multiplexers of the activation width.
///
/// A leaf because rust-hdl shifts and slices through big integers, which was more than half of the array's simulation time.
#[derive(LogicBlock, Default)]
pub struct Align {
    /// The four bricks, b0 in the lowest nibble.
    pub products: Signal<In, Bits<16>>,
    /// Activation width of the products.
    pub pair_mode: Signal<In, Bits<2>>,
    /// The register `pair[1]`.
    pub pair1: Signal<In, Bits<6>>,
    /// Activation width of the pairs.
    pub sum_mode: Signal<In, Bits<2>>,
    /// b0.
    pub low0: Signal<Out, Bits<6>>,
    /// b1 or 4*b1.
    pub high0: Signal<Out, Bits<6>>,
    /// b2.
    pub low1: Signal<Out, Bits<6>>,
    /// b3 or 4*b3.
    pub high1: Signal<Out, Bits<6>>,
    /// pair1 or 16*pair1.
    pub upper: Signal<Out, Bits<10>>,
}

impl Logic for Align {
    fn update(&mut self) {
        // Outputs follow inputs only, and start as zero with them.
        if self.products.changed || self.pair_mode.changed {
            let b = self.products.val().to_u64();
            let shift = if self.pair_mode.val() == 2 { 0 } else { 2 };
            self.low0.next = (b & 15).into();
            self.high0.next = ((b >> 4 & 15) << shift).into();
            self.low1.next = (b >> 8 & 15).into();
            self.high1.next = ((b >> 12) << shift).into();
        }
        if self.pair1.changed || self.sum_mode.changed {
            let shift = if self.sum_mode.val() == 0 { 4 } else { 0 };
            self.upper.next = (self.pair1.val().to_u64() << shift).into();
        }
    }

    fn connect(&mut self) {
        self.low0.connect();
        self.high0.connect();
        self.low1.connect();
        self.high1.connect();
        self.upper.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(
            "\
always @(*) begin
    low0 = {2'b00, products[3:0]};
    low1 = {2'b00, products[11:8]};
    high0 = (pair_mode == 2'd2) ? {2'b00, products[7:4]} : {products[7:4], 2'b00};
    high1 = (pair_mode == 2'd2) ? {2'b00, products[15:12]} : {products[15:12], 2'b00};
    upper = (sum_mode == 2'd0) ? {pair1, 4'b0000} : {4'b0000, pair1};
end"
            .into(),
        )
    }
}

/// The adders and registers below four bricks.
#[derive(LogicBlock, Default)]
pub struct BrickColumn {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// The four bricks, b0 in the lowest nibble.
    pub products: Signal<In, Bits<16>>,
    /// Activation width of the products.
    pub pair_mode: Signal<In, Bits<2>>,
    /// Activation width of the pairs: `pair_mode`, a cycle later.
    pub sum_mode: Signal<In, Bits<2>>,
    /// The register `sum`.
    pub sum_out: Signal<Out, Bits<10>>,
    pair: [DFF<Bits<6>>; 2],
    sum: DFF<Bits<10>>,
    align: Align,
}

impl Logic for BrickColumn {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, sum);
        self.pair[0].clock.next = self.clock.val();
        self.pair[1].clock.next = self.clock.val();
        self.align.products.next = self.products.val();
        self.align.pair_mode.next = self.pair_mode.val();
        self.align.pair1.next = self.pair[1].q.val();
        self.align.sum_mode.next = self.sum_mode.val();
        self.pair[0].d.next = self.align.low0.val() + self.align.high0.val();
        self.pair[1].d.next = self.align.low1.val() + self.align.high1.val();
        self.sum.d.next = bit_cast::<10, 6>(self.pair[0].q.val()) + self.align.upper.val();
        self.sum_out.next = self.sum.q.val();
    }
}

crate::clocked!([] BrickColumn);
