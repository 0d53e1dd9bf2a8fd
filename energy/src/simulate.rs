//! An event-driven simulation of gates with their delays, which counts what switches.
//!
//! Every gate has inertia: an output that is asked to go back before its edge has come stays where it is, so that a pulse shorter than
//! the gate's delay does not exist; longer ones, glitches, run on and are counted like any other edge. Within a cycle:
//!
//! ```text
//! rising clock: registers take their data; inputs change   -->  edges spread until nothing is to come  -->  settled
//! ```
//!
//! Inputs change with the registers, after `INPUT_DELAY_PS`, as they come from registers of the same clock. A cycle ends when all is
//! settled, however long that takes: timing is that of the array at whatever clock it reaches.

use crate::function::Function;
use crate::library::Library;
use crate::netlist::{Net, Netlist};
use crate::timing::Timing;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// From the clock's edge to the inputs' change: the delay of a register of the library at a small load.
const INPUT_DELAY_PS: u64 = 150;

/// How often what switched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Clock cycles.
    pub cycles: u64,
    /// Edges of each net.
    pub toggles: Vec<u64>,
    /// Cycles in which a net ended on the other value: edges without glitches.
    pub settled: Vec<u64>,
    /// For each gate and input, edges of the output that this input caused: `[fall, rise]`.
    pub gates: Vec<Vec<[u64; 2]>>,
    /// Edges of each register's output.
    pub registers: Vec<[u64; 2]>,
    /// Edges of each register's data.
    pub data: Vec<[u64; 2]>,
}

/// What an edge on a net reaches.
#[derive(Clone, Copy)]
enum Sink {
    Gate { gate: usize, input: usize },
    Data(usize),
}

/// A gate as it stands.
#[derive(Clone, Copy)]
struct State {
    function: Function,
    /// Its inputs, packed.
    inputs: usize,
    /// The value that its output has or will have.
    future: bool,
    /// Whether an edge is to come, and which: others that are still in the queue are void.
    pending: Option<u64>,
}

/// A netlist under simulation; all registers and inputs begin as 0.
pub struct Simulator<'a> {
    netlist: &'a Netlist,
    timing: &'a Timing,
    values: Vec<bool>,
    before: Vec<bool>,
    sinks: Vec<Vec<Sink>>,
    states: Vec<State>,
    queue: BinaryHeap<Reverse<(u64, u64, Cause)>>,
    issued: u64,
    activity: Activity,
}

/// Where an edge in the queue comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Input { net: Net, value: bool },
    Register { register: usize, value: bool },
    Gate { gate: usize, input: usize },
}

impl<'a> Simulator<'a> {
    /// The netlist at rest, with its gates settled.
    pub fn new(netlist: &'a Netlist, timing: &'a Timing, library: &Library) -> Self {
        let mut sinks = vec![Vec::new(); netlist.nets.len()];
        for (gate, of) in netlist.gates.iter().enumerate() {
            for (input, &net) in of.inputs.iter().enumerate() {
                sinks[net].push(Sink::Gate { gate, input });
            }
        }
        for (register, of) in netlist.registers.iter().enumerate() {
            sinks[of.data].push(Sink::Data(register));
        }
        let function = |gate: &crate::netlist::Gate| {
            netlist.cell(gate.cell, library).and_then(|cell| cell.outputs.get(gate.pin)).and_then(|output| output.function)
        };
        let state = |gate| State { function: function(gate).unwrap_or_default(), inputs: 0, future: false, pending: None };
        let mut states: Vec<State> = netlist.gates.iter().map(state).collect();
        let mut values = vec![false; netlist.nets.len()];
        values[1] = true;
        for &gate in &timing.order {
            let of = &netlist.gates[gate];
            let inputs = of.inputs.iter().enumerate().fold(0, |packed, (n, &net)| packed | usize::from(values[net]) << n);
            let value = states[gate].function.value(inputs);
            (states[gate].inputs, states[gate].future, values[of.output]) = (inputs, value, value);
        }
        let nets = netlist.nets.len();
        let activity = Activity {
            cycles: 0,
            toggles: vec![0; nets],
            settled: vec![0; nets],
            gates: netlist.gates.iter().map(|gate| vec![[0; 2]; gate.inputs.len()]).collect(),
            registers: vec![[0; 2]; netlist.registers.len()],
            data: vec![[0; 2]; netlist.registers.len()],
        };
        let before = values.clone();
        Self { netlist, timing, values, before, sinks, states, queue: BinaryHeap::new(), issued: 0, activity }
    }

    /// One cycle: the clock rises, the inputs take these values, and everything settles.
    pub fn cycle<'p>(&mut self, inputs: impl Iterator<Item = (&'p [Net], u64)>) {
        for (register, of) in self.netlist.registers.iter().enumerate() {
            let value = self.values[of.data];
            if value != self.values[of.output] {
                let delay = u64::from(self.timing.registers[register].delay[usize::from(value)]);
                self.issue(delay, Cause::Register { register, value });
            }
        }
        for (nets, word) in inputs {
            for (place, &net) in nets.iter().enumerate() {
                let value = place < 64 && word >> place & 1 == 1;
                if value != self.values[net] {
                    self.issue(INPUT_DELAY_PS, Cause::Input { net, value });
                }
            }
        }
        self.settle();
        for (net, (&value, before)) in self.values.iter().zip(&mut self.before).enumerate() {
            self.activity.settled[net] += u64::from(std::mem::replace(before, value) != value);
        }
        self.activity.cycles += 1;
    }

    /// The value of a port.
    pub fn value(&self, nets: &[Net]) -> u64 {
        nets.iter().rev().fold(0, |word, &net| word << 1 | u64::from(self.values[net]))
    }

    /// What has switched so far.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    fn issue(&mut self, time: u64, cause: Cause) -> u64 {
        self.issued += 1;
        self.queue.push(Reverse((time, self.issued, cause)));
        self.issued
    }

    fn settle(&mut self) {
        while let Some(Reverse((time, number, cause))) = self.queue.pop() {
            match cause {
                Cause::Input { net, value } => self.edge(time, net, value),
                Cause::Register { register, value } => {
                    self.activity.registers[register][usize::from(value)] += 1;
                    self.edge(time, self.netlist.registers[register].output, value);
                }
                Cause::Gate { gate, input } => {
                    let state = &mut self.states[gate];
                    if state.pending == Some(number) {
                        state.pending = None;
                        let value = state.future;
                        self.activity.gates[gate][input][usize::from(value)] += 1;
                        self.edge(time, self.netlist.gates[gate].output, value);
                    }
                }
            }
        }
    }

    fn edge(&mut self, time: u64, net: Net, value: bool) {
        self.values[net] = value;
        self.activity.toggles[net] += 1;
        for index in 0..self.sinks[net].len() {
            match self.sinks[net][index] {
                Sink::Data(register) => self.activity.data[register][usize::from(value)] += 1,
                Sink::Gate { gate, input } => self.evaluate(time, gate, input),
            }
        }
    }

    fn evaluate(&mut self, time: u64, gate: usize, input: usize) {
        let state = &mut self.states[gate];
        state.inputs ^= 1 << input;
        let value = state.function.value(state.inputs);
        if value == state.future {
            return;
        }
        state.future = value;
        if state.pending.take().is_none() {
            let delay = u64::from(self.timing.gates[gate][input].delay[usize::from(value)]);
            let number = self.issue(time + delay, Cause::Gate { gate, input });
            self.states[gate].pending = Some(number);
        }
    }
}

impl Activity {
    /// What happened after an earlier state of the same count.
    pub fn since(&self, earlier: &Self) -> Self {
        let one = |now: &[u64], then: &[u64]| now.iter().zip(then).map(|(now, then)| now - then).collect();
        let two = |now: &[[u64; 2]], then: &[[u64; 2]]| {
            now.iter().zip(then).map(|(now, then)| [now[0] - then[0], now[1] - then[1]]).collect::<Vec<_>>()
        };
        Self {
            cycles: self.cycles - earlier.cycles,
            toggles: one(&self.toggles, &earlier.toggles),
            settled: one(&self.settled, &earlier.settled),
            gates: self.gates.iter().zip(&earlier.gates).map(|(now, then)| two(now, then)).collect(),
            registers: two(&self.registers, &earlier.registers),
            data: two(&self.data, &earlier.data),
        }
    }
}
