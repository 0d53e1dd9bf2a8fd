//! Waveforms: the boundary and every register of a [`Machine`] as a VCD file, for GTKWave, Surfer and comparisons with the Verilog.
//!
//! ```text
//!           |<----- cycle n ----->|        10 ns a cycle, as in the Verilog co-simulation
//!  clock    ___________/----------\____
//!           ^          ^
//!       10n: inputs    10n + 5: outputs and registers take the values of cycle n + 1
//! ```
//!
//! Scopes are those of [`Machine::visit`], inside `crumb_<config>`; a register of more than 64 bits is one vector.
//! Invariant: a signal is written when it changes, and once at the window's first cycle (`$dumpvars`).
//! A machine that is not stepped through a writer costs nothing.

use crate::Machine;
use crate::trace::{self, Visitor};
use crumb_arch::boundary::Inputs;
use std::fmt::{self, Display};
use std::io::{self, BufWriter, Write};
use std::str::FromStr;
use vcd::{IdCode, ReferenceIndex, SimulationCommand, TimescaleUnit, Value, VarType};

/// Nanoseconds of a cycle; the clock rises in its middle.
const CYCLE_NS: u64 = 10;
/// Bits of the boundary's `error`.
const ERROR_BITS: u32 = 4;

/// The cycles that a waveform shows: all by default, or `1000..2000`, `..500`, `100..` (the end is not included).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WaveWindow {
    first: u64,
    /// Not included; none for no end.
    end: Option<u64>,
}

impl WaveWindow {
    /// Every cycle.
    pub const ALL: Self = Self { first: 0, end: None };

    /// Whether a cycle is shown.
    pub fn contains(&self, cycle: u64) -> bool {
        cycle >= self.first && self.end.is_none_or(|end| cycle < end)
    }
}

impl Default for WaveWindow {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for WaveWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.end) {
            (0, Some(end)) => write!(f, "..{end}"),
            (first, Some(end)) => write!(f, "{first}..{end}"),
            (0, None) => f.write_str(".."),
            (first, None) => write!(f, "{first}.."),
        }
    }
}

/// A text that is no [`WaveWindow`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaveWindowError {
    /// It has no `..`.
    NotARange {
        /// The text.
        found: String,
    },
    /// A bound is not a number.
    NotACycle {
        /// The text.
        found: String,
        /// The bound.
        bound: String,
    },
    /// It contains no cycle.
    Empty {
        /// The text.
        found: String,
    },
}

impl fmt::Display for WaveWindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const EXPECTED: &str = "expected first..end in clock cycles, such as 1000..2000, ..500 or 100..";
        match self {
            Self::NotARange { found } => write!(f, "window '{found}' is not a range: {EXPECTED}"),
            Self::NotACycle { found, bound } => write!(f, "window '{found}': '{bound}' is not a cycle number; {EXPECTED}"),
            Self::Empty { found } => {
                write!(f, "window '{found}' contains no cycle: the end, which is not included, must lie after the first cycle")
            }
        }
    }
}

impl std::error::Error for WaveWindowError {}

impl FromStr for WaveWindow {
    type Err = WaveWindowError;

    fn from_str(s: &str) -> Result<Self, WaveWindowError> {
        let found = || s.to_owned();
        let (first, end) = s.split_once("..").ok_or_else(|| WaveWindowError::NotARange { found: found() })?;
        let bound = |text: &str| match text.trim() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| WaveWindowError::NotACycle { found: found(), bound: text.to_owned() }),
        };
        let window = Self { first: bound(first)?.unwrap_or(0), end: bound(end)? };
        if window.end.is_some_and(|end| end <= window.first) {
            return Err(WaveWindowError::Empty { found: found() });
        }
        Ok(window)
    }
}

/// A signal of the file, by the code that stands for it there, and the value written last.
enum Signal {
    Narrow { code: String, width: u32, value: u64 },
    Wide { code: String, value: Vec<u8> },
}

/// Writes the waveform of one machine, buffered.
pub struct VcdWriter<W: Write> {
    vcd: vcd::Writer<BufWriter<W>>,
    window: WaveWindow,
    clock: IdCode,
    inputs: Vec<Signal>,
    state: Vec<Signal>,
    /// Whether the initial values stand in the file.
    begun: bool,
    /// The time written last.
    time: Option<u64>,
    /// End of the cycle recorded last.
    end: u64,
    /// Room for a line.
    line: Vec<u8>,
}

impl<W: Write> VcdWriter<W> {
    /// Writes the header, which declares every signal of `machine`.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn new(out: W, machine: &Machine, window: WaveWindow) -> io::Result<Self> {
        let mut vcd = vcd::Writer::new(BufWriter::new(out));
        vcd.version(concat!("crumb-sim ", env!("CARGO_PKG_VERSION")))?;
        vcd.timescale(1, TimescaleUnit::NS)?;
        vcd.add_module(&format!("crumb_{}", machine.config().name))?;
        let clock = vcd.add_wire(1, "clock")?;
        let mut declare = Declare { vcd: &mut vcd, kind: VarType::Wire, signals: Vec::new(), result: Ok(()) };
        visit_inputs(&mut declare, machine, &Inputs::default());
        let inputs = std::mem::take(&mut declare.signals);
        visit_outputs(&mut declare, machine);
        declare.kind = VarType::Reg;
        machine.visit(&mut declare);
        let Declare { signals: state, result, .. } = declare;
        result?;
        vcd.upscope()?;
        vcd.enddefinitions()?;
        Ok(Self { vcd, window, clock, inputs, state, begun: false, time: None, end: 0, line: Vec::new() })
    }

    /// One clock cycle of the machine for which this writer was made, recorded if the window contains it.
    ///
    /// # Errors
    /// If the file cannot be written; the machine has been stepped all the same.
    pub fn step(&mut self, machine: &mut Machine, inputs: &Inputs) -> io::Result<()> {
        let cycle = machine.cycle();
        if !self.window.contains(cycle) {
            machine.step(inputs);
            return Ok(());
        }
        let low = self.low(machine, inputs);
        machine.step(inputs);
        low?;
        self.high(machine, cycle)?;
        // Outside the window nothing follows that would write what is still buffered.
        if self.window.contains(cycle + 1) { Ok(()) } else { self.flush() }
    }

    /// The first half of a cycle: the clock falls, inputs change.
    fn low(&mut self, machine: &Machine, inputs: &Inputs) -> io::Result<()> {
        self.at(CYCLE_NS * machine.cycle())?;
        let all = !self.begun;
        if all {
            self.vcd.begin(SimulationCommand::Dumpvars)?;
        }
        self.vcd.change_scalar(self.clock, Value::V0)?;
        self.sample(Group::Inputs, all, |v| visit_inputs(v, machine, inputs))?;
        if all {
            self.begun = true;
            self.sample(Group::State, all, |v| visit_state(v, machine))?;
            self.vcd.end()?;
        }
        Ok(())
    }

    /// The second half: the clock rises, registers and outputs change.
    fn high(&mut self, machine: &Machine, cycle: u64) -> io::Result<()> {
        self.at(CYCLE_NS * cycle + CYCLE_NS / 2)?;
        self.vcd.change_scalar(self.clock, Value::V1)?;
        self.sample(Group::State, false, |v| visit_state(v, machine))?;
        self.end = CYCLE_NS * (cycle + 1);
        Ok(())
    }

    /// Completes the cycle recorded last and writes everything out. More may follow.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.begun {
            self.at(self.end)?;
        }
        self.vcd.flush()
    }

    fn at(&mut self, time: u64) -> io::Result<()> {
        if self.time.replace(time) == Some(time) { Ok(()) } else { self.vcd.timestamp(time) }
    }

    fn sample(&mut self, group: Group, all: bool, visit: impl FnOnce(&mut Sample<'_, W>)) -> io::Result<()> {
        let signals = match group {
            Group::Inputs => &mut self.inputs,
            Group::State => &mut self.state,
        };
        let mut sample =
            Sample { out: self.vcd.writer(), line: &mut self.line, signals: signals.iter_mut(), all, result: Ok(()) };
        visit(&mut sample);
        sample.result
    }
}

/// Signals that change together.
enum Group {
    Inputs,
    State,
}

fn visit_inputs(v: &mut impl Visitor, machine: &Machine, inputs: &Inputs) {
    v.register("s_axis_tvalid", 1, inputs.s_tvalid.into());
    v.register("s_axis_tlast", 1, inputs.s_tlast.into());
    // The data of inputs at rest may be of no bytes at all.
    let data = inputs.s_tdata.padded().get(..machine.config().stream_bits / 8).unwrap_or_default();
    trace::wide(v, "s_axis_tdata", data);
    v.register("m_axis_tready", 1, inputs.m_tready.into());
}

fn visit_outputs(v: &mut impl Visitor, machine: &Machine) {
    let outputs = machine.outputs();
    v.register("s_axis_tready", 1, outputs.s_tready.into());
    v.register("m_axis_tvalid", 1, outputs.m_tvalid.into());
    v.register("m_axis_tlast", 1, outputs.m_tlast.into());
    trace::wide(v, "m_axis_tdata", outputs.m_tdata.as_bytes());
    v.register("error", ERROR_BITS, outputs.error.into());
    v.register("idle", 1, outputs.idle.into());
}

fn visit_state(v: &mut impl Visitor, machine: &Machine) {
    visit_outputs(v, machine);
    machine.visit(v);
}

/// Declares what it visits.
struct Declare<'a, W: Write> {
    vcd: &'a mut vcd::Writer<BufWriter<W>>,
    kind: VarType,
    signals: Vec<Signal>,
    result: io::Result<()>,
}

impl<W: Write> Declare<'_, W> {
    fn add(&mut self, name: &str, width: u32, signal: impl FnOnce(String) -> Signal) {
        let range = (width > 1).then(|| ReferenceIndex::Range(i32::try_from(width).unwrap_or(i32::MAX) - 1, 0));
        match self.vcd.add_var(self.kind, width, name, range) {
            Ok(id) => self.signals.push(signal(id.to_string())),
            Err(error) => keep_first(&mut self.result, Err(error)),
        }
    }
}

impl<W: Write> Visitor for Declare<'_, W> {
    fn scope(&mut self, name: impl Display) {
        let done = self.vcd.add_module(&name.to_string());
        keep_first(&mut self.result, done);
    }

    fn end(&mut self) {
        let done = self.vcd.upscope();
        keep_first(&mut self.result, done);
    }

    fn register(&mut self, name: impl Display, width: u32, value: u64) {
        self.add(&name.to_string(), width, |code| Signal::Narrow { code, width, value });
    }

    fn wide(&mut self, name: impl Display, bytes: &[u8]) {
        self.add(&name.to_string(), 8 * bytes.len() as u32, |code| Signal::Wide { code, value: bytes.to_vec() });
    }
}

/// Writes what has changed since the last visit, or everything. The order of visits is always that of the declarations.
///
/// Tens of kilobytes in a cycle of a large array, so it writes its lines itself: the `vcd` crate formats bit by bit.
struct Sample<'a, W: Write> {
    out: &'a mut BufWriter<W>,
    line: &'a mut Vec<u8>,
    signals: std::slice::IterMut<'a, Signal>,
    all: bool,
    result: io::Result<()>,
}

impl<W: Write> Sample<'_, W> {
    /// One change; a vector's highest bit first.
    fn change(line: &mut Vec<u8>, width: u32, bits: impl Iterator<Item = bool>, code: &str) {
        line.clear();
        line.extend((width > 1).then_some(b'b'));
        line.extend(bits.map(|bit| b'0' + u8::from(bit)));
        line.extend((width > 1).then_some(b' '));
        line.extend_from_slice(code.as_bytes());
        line.push(b'\n');
    }

    fn write(&mut self) {
        let done = self.out.write_all(self.line);
        keep_first(&mut self.result, done);
    }
}

impl<W: Write> Visitor for Sample<'_, W> {
    fn scope(&mut self, _: impl Display) {}

    fn end(&mut self) {}

    fn register(&mut self, _: impl Display, _: u32, new: u64) {
        let Some(Signal::Narrow { code, width, value }) = self.signals.next() else { return };
        if std::mem::replace(value, new) != new || self.all {
            Self::change(self.line, *width, (0..*width).rev().map(|bit| new >> bit & 1 == 1), code);
            self.write();
        }
    }

    fn wide(&mut self, _: impl Display, bytes: &[u8]) {
        let Some(Signal::Wide { code, value }) = self.signals.next() else { return };
        if value != bytes || self.all {
            value.copy_from_slice(bytes);
            let bits = bytes.iter().rev().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
            Self::change(self.line, 8 * bytes.len() as u32, bits, code);
            self.write();
        }
    }
}

/// A visitor returns nothing, so it keeps its first error.
fn keep_first(result: &mut io::Result<()>, done: io::Result<()>) {
    if result.is_ok() {
        *result = done;
    }
}
