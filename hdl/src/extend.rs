//! Widening: sign or zero extension from `N` to `M` bits, a leaf because rust-hdl's signed casts go through big integers
//! and differ from the Verilog that they emit. No logic beyond one AND gate.

use rust_hdl::prelude::*;

/// `y` is `x` in `M <= 32` bits, two's complement when `is_signed`.
#[derive(LogicBlock, Default)]
pub struct Extend<const N: usize, const M: usize> {
    /// The narrow value.
    pub x: Signal<In, Bits<N>>,
    /// Whether it is two's complement.
    pub is_signed: Signal<In, Bit>,
    /// The wide value.
    pub y: Signal<Out, Bits<M>>,
}

impl<const N: usize, const M: usize> Logic for Extend<N, M> {
    fn update(&mut self) {
        let x = u64::from(self.x.val().to_u32());
        let negative = self.is_signed.val() && x >> (N - 1) == 1;
        let above = if negative { (1u64 << M) - (1 << N) } else { 0 };
        self.y.next = (x | above).into();
    }

    fn connect(&mut self) {
        self.y.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!("always @(*) y = {{{{{}{{is_signed & x[{}]}}}}, x}};", M - N, N - 1))
    }
}
