//! Stepping a circuit by hand: settle, clock edge, cycle.
//!
//! rust-hdl evaluates a circuit with passes of `update_all`; a value moves one level of the hierarchy per pass, so a
//! circuit has *settled* when a pass changes nothing. The clock moves down the hierarchy at the same one level per pass as
//! data does at best, so a register near the top can never overtake the clock of a register near the bottom.
//!
//! ```text
//!  inputs set -> settle -> clock high -> settle -> clock low -> settle -> outputs of the next cycle
//! ```
//!
//! Box large circuits, and do not use rust-hdl's `Simulation`: its threads cost nine times as much as this loop.

use rust_hdl::core::block::Block;
use rust_hdl::prelude::*;

/// A circuit with one clock input.
pub trait Clocked: Block {
    /// Drives the clock input.
    fn set_clock(&mut self, high: bool);
}

/// Implements [`Clocked`] for a block whose clock is a field named `clock`.
#[macro_export]
macro_rules! clocked {
    ([$($generics:tt)*] $block:ty) => {
        impl<$($generics)*> $crate::step::Clocked for $block {
            fn set_clock(&mut self, high: bool) {
                self.clock.next = high.into();
            }
        }
    };
}

/// Passes after which a circuit that still changes is taken to oscillate; deep hierarchies settle in about fifteen.
const MOST_PASSES: usize = 1000;

/// Evaluates until nothing changes; returns the number of passes.
///
/// # Panics
/// When the circuit has a combinational loop that oscillates.
pub fn settle<B: Block + ?Sized>(circuit: &mut B) -> usize {
    for pass in 1..=MOST_PASSES {
        circuit.update_all();
        if !circuit.has_changed() {
            return pass;
        }
    }
    panic!("the circuit still changes after {MOST_PASSES} passes: look for a combinational loop that oscillates");
}

/// One clock edge: high, settle, low, settle. Inputs must have settled before.
pub fn edge<B: Clocked + ?Sized>(circuit: &mut B) {
    circuit.set_clock(true);
    settle(circuit);
    circuit.set_clock(false);
    settle(circuit);
}

/// One cycle: the inputs that were set settle, then comes a clock edge.
pub fn cycle<B: Clocked + ?Sized>(circuit: &mut B) {
    settle(circuit);
    edge(circuit);
}

/// One cycle in which the falling edge of the clock follows the rising one down the hierarchy a pass behind it.
///
/// No block of this crate looks at the falling edge, so the result is that of [`cycle`] for about half the passes.
pub fn pulse<B: Clocked + ?Sized>(circuit: &mut B) {
    settle(circuit);
    circuit.set_clock(true);
    circuit.update_all();
    circuit.set_clock(false);
    settle(circuit);
}

/// Builds a circuit on the heap and connects it; `Default` needs a large stack for large circuits.
///
/// # Panics
/// When the circuit's own constructor does, or no thread can be started.
pub fn build<B: Block + Default + Send + 'static>() -> Box<B> {
    const STACK_BYTES: usize = 1 << 30;
    let construct = || {
        let mut circuit = Box::<B>::default();
        circuit.connect_all();
        circuit
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(construct);
    match thread.expect("a thread with a 1 GiB stack, of which little is touched").join() {
        Ok(circuit) => circuit,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Checks that every input of a connected circuit is driven and nothing loops, then generates Verilog; the top module is `top`.
///
/// # Panics
/// When rust-hdl refuses the circuit, with its reason.
pub fn verilog<B: Block>(circuit: &B) -> String {
    if let Err(error) = check_all(circuit) {
        panic!("rust-hdl refuses the circuit: {error:?}");
    }
    generate_verilog(circuit)
}
