//! Loads, transition times and delays of a netlist, as a static timing analyser finds them.
//!
//! - The load of a net is the capacitance of the pins that it drives and [`WIRE_PF`] for each of them. Outputs of a block drive
//!   nothing else: the pins that they would drive are counted with the nets of the next block's inputs.
//! - The transition time of a net is that of its slowest driver arc; inputs and the clock have [`INPUT_SLEW_NS`].
//! - Delays, transition times and energies come from the library's tables at that load and at the input's transition time.

use crate::error::EnergyError;
use crate::library::{Arc, Cell, Library};
use crate::netlist::{Net, Netlist};

/// Capacitance of the wire to each pin: there is no layout, and 2 fF is 10 um of the narrowest metal of a 180 nm process.
pub const WIRE_PF: f64 = 0.002;
/// Transition time of inputs and of the clock: near that of a register that drives four gates.
pub const INPUT_SLEW_NS: f64 = 0.1;
/// A glitch narrower than this does not exist: the delay of no gate is shorter.
const DELAY_MIN_NS: f64 = 0.001;

/// What an edge at one input does to an output: `[fall, rise]` of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Edge {
    /// Delay in ps.
    pub delay: [u32; 2],
    /// Energy inside the cell, pJ.
    pub energy: [f64; 2],
}

/// A netlist with its delays and energies.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Load of each net, pF.
    pub loads: Vec<f64>,
    /// For each gate, an edge for each of its inputs.
    pub gates: Vec<Vec<Edge>>,
    /// For each register, the edge from its clock.
    pub registers: Vec<Edge>,
    /// Transition time of each net, ns.
    pub slews: Vec<f64>,
    /// Gates in an order in which each stands after those that drive it.
    pub order: Vec<usize>,
}

impl Timing {
    /// Analyses a netlist with `wire` pF to each pin: [`WIRE_PF`], but for comparisons with tools that are told of no wires.
    ///
    /// # Errors
    /// If gates drive each other in a loop.
    pub fn of(netlist: &Netlist, library: &Library, wire: f64) -> Result<Self, EnergyError> {
        let loads = loads(netlist, library, wire);
        let order = order(netlist)?;
        let mut slews = vec![INPUT_SLEW_NS; netlist.nets.len()];
        let load = |net: Net| loads.get(net).copied().unwrap_or(0.0);
        let mut registers = Vec::new();
        for register in &netlist.registers {
            let (edge, slew) = netlist
                .cell(register.cell, library)
                .and_then(clock_arc)
                .map_or((Edge::default(), INPUT_SLEW_NS), |arc| edge(arc, load(register.output), INPUT_SLEW_NS));
            registers.push(edge);
            set(&mut slews, register.output, slew);
        }
        let mut gates = vec![Vec::new(); netlist.gates.len()];
        for &index in &order {
            let Some(gate) = netlist.gates.get(index) else { continue };
            let arcs =
                netlist.cell(gate.cell, library).and_then(|cell| cell.outputs.get(gate.pin)).map(|output| output.arcs.as_slice());
            let mut edges = vec![Edge::default(); gate.inputs.len()];
            let mut slowest: f64 = 0.0;
            for arc in arcs.unwrap_or_default() {
                let slew = gate.inputs.get(arc.input).and_then(|&net| slews.get(net)).copied().unwrap_or(INPUT_SLEW_NS);
                let (found, transition) = edge(arc, load(gate.output), slew);
                slowest = slowest.max(transition);
                set(&mut edges, arc.input, found);
            }
            set(&mut slews, gate.output, slowest);
            set(&mut gates, index, edges);
        }
        Ok(Self { loads, gates, registers, slews, order })
    }
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(slot) = list.get_mut(index) {
        *slot = value;
    }
}

fn clock_arc(cell: &Cell) -> Option<&Arc> {
    let flop = cell.flop?;
    cell.outputs.first()?.arcs.iter().find(|arc| arc.input == flop.clock)
}

/// The edge through an arc, and the slower of the output's transition times.
fn edge(arc: &Arc, load: f64, slew: f64) -> (Edge, f64) {
    let delay = arc.delay.at(load, slew).map(|ns| (1000.0 * ns.max(DELAY_MIN_NS)).round() as u32);
    let [fall, rise] = arc.transition.at(load, slew);
    (Edge { delay, energy: arc.power.at(load, slew) }, fall.max(rise))
}

/// The load of each net; the clock's is that of all registers, although it drives them through a tree that is not there.
fn loads(netlist: &Netlist, library: &Library, wire: f64) -> Vec<f64> {
    let mut loads = vec![0.0; netlist.nets.len()];
    let mut seen = vec![false; netlist.cells.len()];
    let sinks =
        netlist.gates.iter().map(|gate| (gate.cell, &gate.inputs)).chain(netlist.registers.iter().map(|r| (r.cell, &r.inputs)));
    for (index, inputs) in sinks {
        // A cell of two outputs has its pins once.
        if seen.get_mut(index).is_none_or(|seen| std::mem::replace(seen, true)) {
            continue;
        }
        let Some(cell) = netlist.cell(index, library) else { continue };
        for (net, pin) in inputs.iter().zip(&cell.inputs) {
            if let Some(load) = loads.get_mut(*net) {
                *load += pin.capacitance + wire;
            }
        }
    }
    loads
}

/// Gates, drivers first.
fn order(netlist: &Netlist) -> Result<Vec<usize>, EnergyError> {
    let mut driver = vec![None; netlist.nets.len()];
    netlist.gates.iter().enumerate().for_each(|(index, gate)| set(&mut driver, gate.output, Some(index)));
    let drivers = |gate: usize| {
        let inputs = netlist.gates.get(gate).map(|gate| gate.inputs.as_slice()).unwrap_or_default();
        inputs.iter().filter_map(|&net| driver.get(net).copied().flatten())
    };
    let mut sinks = vec![Vec::new(); netlist.gates.len()];
    let mut waits = vec![0; netlist.gates.len()];
    for (gate, waits) in waits.iter_mut().enumerate() {
        for from in drivers(gate) {
            *waits += 1;
            sinks[from].push(gate);
        }
    }
    let mut order: Vec<usize> = (0..netlist.gates.len()).filter(|&gate| waits[gate] == 0).collect();
    let mut next = 0;
    while let Some(&gate) = order.get(next) {
        next += 1;
        for &sink in &sinks[gate] {
            waits[sink] -= 1;
            if waits[sink] == 0 {
                order.push(sink);
            }
        }
    }
    if order.len() == netlist.gates.len() {
        return Ok(order);
    }
    Err(EnergyError::Netlist { block: netlist.name.clone(), what: "gates drive each other in a loop".into() })
}
