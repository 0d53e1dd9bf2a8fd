//! The named configurations as circuits: their Verilog, and a simulation of each behind one type.
//!
//! ```text
//!  "small" --> Machine<8, 8, ...> --> check_all --> generate_verilog --> tidy --> crumb_small.v
//!                               \--> RtlMachine: step cycles, read registers
//! ```
//!
//! Invariant: the const generics are the sizes of `crumb_arch::ArrayConfig::named`; [`Machine::new`] refuses others.

use crate::bytes::{from_bytes, to_bytes};
use crate::machine::Machine;
use crate::registers;
use crate::step::{pulse, settle};
use crate::verilog::{Netlist, VerilogError, tidy};
use crumb_arch::boundary::{Boundary, Data, Inputs, Outputs};
use crumb_arch::config::ConfigReadError;
use crumb_arch::{ArrayConfig, Register};
use rust_hdl::core::check_error::CheckError;
use rust_hdl::prelude::*;

/// The machine of the configuration `tiny`.
pub type Tiny = Machine<4, 4, 16, 12, 19, 6, 11, 4, 10, 11, 6, 8, 1, 4, 6, 32, 32, 1, 1, 8, 32, 0>;
/// The machine of the configuration `small`.
pub type Small = Machine<8, 8, 64, 13, 20, 7, 15, 8, 11, 11, 6, 9, 1, 8, 6, 64, 64, 1, 1, 8, 32, 0>;
/// The machine of the configuration `wide`: `small` with a drain of four banks and a weight bus of four words.
pub type Wide = Machine<8, 8, 64, 13, 20, 7, 15, 8, 11, 11, 6, 9, 4, 32, 4, 64, 64, 1, 4, 32, 128, 10>;
/// The machine of the configuration `medium`: a line is two beats.
pub type Medium = Machine<8, 16, 128, 13, 20, 7, 15, 16, 11, 11, 6, 9, 1, 16, 6, 64, 128, 1, 1, 8, 32, 0>;
/// The machine of the configuration `large`.
pub type Large = Machine<16, 16, 256, 14, 21, 8, 23, 16, 11, 11, 6, 9, 4, 64, 4, 128, 128, 1, 4, 32, 128, 18>;
/// The machine of the configuration `huge`.
pub type Huge = Machine<32, 32, 1024, 15, 22, 9, 39, 32, 11, 11, 6, 9, 4, 128, 4, 256, 256, 1, 4, 32, 128, 34>;

/// A machine for tests: `tiny` with a weight bus of two words, which no named configuration has.
pub type TinyBus2 = Machine<4, 4, 16, 12, 19, 6, 11, 4, 10, 11, 6, 8, 1, 4, 6, 32, 32, 1, 2, 16, 64, 6>;

/// Why there is no circuit or no Verilog.
#[derive(Debug, thiserror::Error)]
pub enum HdlError {
    /// No configuration has this name, or its file is bad.
    #[error(transparent)]
    Config(#[from] ConfigReadError),
    /// The configuration exists, but no circuit was built for it.
    #[error("the RTL exists for {}, not for '{found}': use the simulator, or add an instance to hdl/src/configs.rs", crumb_arch::config::NAMES.join(", "))]
    NoCircuit {
        /// The configuration asked for.
        found: String,
    },
    /// rust-hdl's own check refuses the circuit.
    #[error("rust-hdl refuses the circuit of '{config}': {reason}")]
    Check {
        /// The configuration.
        config: String,
        /// What it says: open signals, loops, or inputs that are written.
        reason: String,
    },
    /// The generated Verilog cannot be tidied.
    #[error("the generated Verilog of '{config}' cannot be tidied: {source}")]
    Verilog {
        /// The configuration.
        config: String,
        /// What was found.
        source: Box<VerilogError>,
    },
}

/// A machine of any size.
trait AnyMachine: Send {
    fn settle(&mut self, inputs: &Inputs) -> Outputs;
    fn pulse(&mut self);
    fn registers(&self) -> Vec<Register>;
    fn verilog(&self) -> Result<String, CheckError>;
}

impl<
    const R: usize,
    const C: usize,
    const RC: usize,
    const PW: usize,
    const QW: usize,
    const UW: usize,
    const T: usize,
    const LB: usize,
    const AA: usize,
    const WA: usize,
    const PA: usize,
    const CA: usize,
    const DB: usize,
    const Q: usize,
    const PR: usize,
    const S: usize,
    const L: usize,
    const B: usize,
    const N: usize,
    const NB: usize,
    const NM: usize,
    const NX: usize,
> AnyMachine for Machine<R, C, RC, PW, QW, UW, T, LB, AA, WA, PA, CA, DB, Q, PR, S, L, B, N, NB, NM, NX>
{
    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        self.s_axis_tvalid.next = inputs.s_tvalid;
        self.s_axis_tlast.next = inputs.s_tlast;
        self.s_axis_tdata.next = from_bytes(inputs.s_tdata.as_bytes());
        self.m_axis_tready.next = inputs.m_tready;
        settle(self);
        Outputs {
            s_tready: self.s_axis_tready.val(),
            m_tvalid: self.m_axis_tvalid.val(),
            m_tlast: self.m_axis_tlast.val(),
            m_tdata: Data::new(&to_bytes(self.m_axis_tdata.val())),
            error: self.error.val().to_u8(),
            idle: self.idle.val(),
        }
    }

    fn pulse(&mut self) {
        pulse(self);
    }

    fn registers(&self) -> Vec<Register> {
        registers::of_machine(self, self.requantizers())
    }

    fn verilog(&self) -> Result<String, CheckError> {
        check_all(self)?;
        Ok(generate_verilog(self))
    }
}

/// Builds on a thread of its own: a large circuit passes over the stack on its way to the heap.
fn build<M: AnyMachine + Block + 'static>(make: impl FnOnce() -> M + Send + 'static) -> Box<dyn AnyMachine> {
    const STACK_BYTES: usize = 1 << 30;
    let construct = || {
        let mut wrapped = Box::new(TopWrap::new(make()));
        wrapped.connect_all();
        Box::new(wrapped.uut) as Box<dyn AnyMachine>
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(construct);
    match thread.expect("a thread with a 1 GiB stack, of which little is touched").join() {
        Ok(machine) => machine,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn circuit(name: &str) -> Result<(ArrayConfig, Box<dyn AnyMachine>), HdlError> {
    let config = ArrayConfig::named(name)?;
    let sizes = config.clone();
    let machine = match name {
        "tiny" => build(move || Tiny::new(&sizes)),
        "small" => build(move || Small::new(&sizes)),
        "wide" => build(move || Wide::new(&sizes)),
        "medium" => build(move || Medium::new(&sizes)),
        "large" => build(move || Large::new(&sizes)),
        "huge" => build(move || Huge::new(&sizes)),
        _ => return Err(HdlError::NoCircuit { found: name.to_owned() }),
    };
    Ok((config, machine))
}

/// The modules of a named configuration, identical ones merged, `crumb_<config>` on top.
///
/// # Errors
/// For an unknown name, and when rust-hdl or the tidying refuses the circuit.
pub fn netlist_for(config: &str) -> Result<Netlist, HdlError> {
    let netlist = tidy(&untidy_verilog_for(config)?, &format!("crumb_{config}"));
    netlist.map_err(|source| HdlError::Verilog { config: config.to_owned(), source: Box::new(source) })
}

/// The Verilog of a named configuration, one module per distinct circuit, `crumb_<config>` on top.
///
/// # Errors
/// As [`netlist_for`].
pub fn verilog_for(config: &str) -> Result<String, HdlError> {
    Ok(netlist_for(config)?.to_verilog())
}

/// The Verilog as rust-hdl writes it, one module per instance, `top` on top: to check the tidying against.
///
/// # Errors
/// For an unknown name, and when rust-hdl refuses the circuit.
pub fn untidy_verilog_for(config: &str) -> Result<String, HdlError> {
    let (_, machine) = circuit(config)?;
    machine.verilog().map_err(|e| HdlError::Check { config: config.to_owned(), reason: format!("{e:?}") })
}

/// The circuit of a named configuration in rust-hdl's simulation, stepped a cycle at a time.
pub struct RtlMachine {
    config: ArrayConfig,
    machine: Box<dyn AnyMachine>,
    inputs: Inputs,
}

impl RtlMachine {
    /// The machine with every register and memory at its start.
    ///
    /// # Errors
    /// For an unknown name.
    pub fn open(config: &str) -> Result<Self, HdlError> {
        let (config, machine) = circuit(config)?;
        Ok(Self::of(config, machine))
    }

    /// The machine [`TinyBus2`].
    ///
    /// # Errors
    /// None: the configuration `tiny` exists.
    pub fn tiny_bus2() -> Result<Self, HdlError> {
        let config = ArrayConfig { weight_bus: 2, ..ArrayConfig::named("tiny")? };
        let sizes = config.clone();
        Ok(Self::of(config, build(move || TinyBus2::new(&sizes))))
    }

    fn of(config: ArrayConfig, machine: Box<dyn AnyMachine>) -> Self {
        let inputs = Inputs { s_tdata: Data::zeros(config.stream_bits / 8), ..Inputs::default() };
        Self { config, machine, inputs }
    }

    /// The machine's sizes.
    pub fn config(&self) -> &ArrayConfig {
        &self.config
    }

    /// The outputs of this cycle: functions of registers alone.
    pub fn outputs(&mut self) -> Outputs {
        self.machine.settle(&self.inputs)
    }

    /// One clock cycle with these inputs; `s_tdata` has `stream_bits / 8` bytes.
    pub fn clock(&mut self, s_tvalid: bool, s_tlast: bool, s_tdata: &[u8], m_tready: bool) {
        self.settle(&Inputs { s_tvalid, s_tlast, s_tdata: Data::new(s_tdata), m_tready });
        Boundary::clock(self);
    }

    /// Every register in the order of the hierarchy, in this cycle.
    pub fn registers(&self) -> Vec<Register> {
        self.machine.registers()
    }
}

impl Boundary for RtlMachine {
    fn stream_bytes(&self) -> usize {
        self.config.stream_bits / 8
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        self.inputs = *inputs;
        self.machine.settle(inputs)
    }

    fn clock(&mut self) {
        self.machine.pulse();
    }
}

#[cfg(test)]
mod tests;
