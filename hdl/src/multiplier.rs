//! Multiplier of a requantizer: 24 x 24 bits, unsigned, three cycles.
//!
//! ```text
//!  a = {a1: 6, a0: 18}    a0*b0 --> low -----+--> outer --+
//!  b = {b1: 6, b0: 18}    a1*b1 --> high ----+            +--> product (48 bits)
//!                         a0*b1, a1*b0 --> inner_a, inner_b --> inner --+
//! ```
//!
//! Written in Verilog because rust-hdl multiplies 16 bits at most, and big integers at that. Operands are split 6 + 18, so that one
//! partial product fills an 18 x 18 multiplier (ECP5 MULT18X18D) and the other three are small.

use rust_hdl::prelude::*;

/// A 24 x 24 multiplier of three register stages: partial products, their inner sum, the product.
#[derive(LogicBlock, Default)]
pub struct Multiplier {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// First factor.
    pub a: Signal<In, Bits<24>>,
    /// Second factor.
    pub b: Signal<In, Bits<24>>,
    /// The product's upper 24 bits, three cycles after the factors.
    pub upper: Signal<Out, Bits<24>>,
    /// The product's lower 24 bits.
    pub lower: Signal<Out, Bits<24>>,
    _registers: MultiplierRegisters,
}

/// The registers inside [`Multiplier`], widths as in its Verilog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MultiplierRegisters {
    /// `a[17:0] * b[17:0]`, 36 bits.
    pub low: u64,
    /// `a[17:0] * b[23:18]`, 24 bits.
    pub inner_a: u64,
    /// `a[23:18] * b[17:0]`, 24 bits.
    pub inner_b: u64,
    /// `a[23:18] * b[23:18]`, 12 bits.
    pub high: u64,
    /// `{high, low}`, 48 bits.
    pub outer: u64,
    /// `inner_a + inner_b`, 25 bits.
    pub inner: u64,
    /// `a * b`, 48 bits.
    pub product: u64,
}

impl Multiplier {
    /// The present values of the registers.
    pub fn registers(&self) -> MultiplierRegisters {
        self._registers
    }
}

impl Logic for Multiplier {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            let (a, b) = (self.a.val().to_u64(), self.b.val().to_u64());
            let (a1, a0, b1, b0) = (a >> 18, a & 0x3ffff, b >> 18, b & 0x3ffff);
            let r = self._registers;
            let product = r.outer + (r.inner << 18);
            self._registers = MultiplierRegisters {
                low: a0 * b0,
                inner_a: a0 * b1,
                inner_b: a1 * b0,
                high: a1 * b1,
                outer: r.high << 36 | r.low,
                inner: r.inner_a + r.inner_b,
                product,
            };
            self.upper.next = (product >> 24).to_bits();
            self.lower.next = (product & 0xff_ffff).to_bits();
        }
    }

    fn connect(&mut self) {
        self.upper.connect();
        self.lower.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(
            "\
reg [35:0] low = 36'h0;
reg [23:0] inner_a = 24'h0;
reg [23:0] inner_b = 24'h0;
reg [11:0] high = 12'h0;
reg [47:0] outer = 48'h0;
reg [24:0] inner = 25'h0;
reg [47:0] product = 48'h0;
always @(posedge clock) begin
    low <= a[17:0] * b[17:0];
    inner_a <= a[17:0] * b[23:18];
    inner_b <= a[23:18] * b[17:0];
    high <= a[23:18] * b[23:18];
    outer <= {high, low};
    inner <= {1'b0, inner_a} + {1'b0, inner_b};
    product <= {outer[47:18] + {5'h0, inner}, outer[17:0]};
end
always @(*) upper = product[47:24];
always @(*) lower = product[23:0];
"
            .into(),
        )
    }

    fn timing(&self) -> Vec<TimingInfo> {
        vec![TimingInfo {
            name: "multiplier".into(),
            clock: "clock".into(),
            inputs: vec!["a".into(), "b".into()],
            outputs: vec!["upper".into(), "lower".into()],
        }]
    }
}
