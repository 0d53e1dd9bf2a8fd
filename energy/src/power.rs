//! From edges to energy.
//!
//! ```text
//! an edge on a net            1/2 C V^2             C: pins and wire, crate::timing
//! ... of a gate or register   + energy inside       liberty internal_power of the arc from the input that caused it
//! ... at a register's data    + energy inside       liberty internal_power of the pin
//! a clock cycle, each register  C V^2 + energy inside of the clock pin's two edges; no clock tree
//! time                        leakage               liberty cell_leakage_power
//! ```

use crate::library::{Cell, Library};
use crate::netlist::Netlist;
use crate::simulate::Activity;
use crate::timing::{INPUT_SLEW_NS, Timing, WIRE_PF};

/// Where energy goes, in pJ, over as many cycles as were simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Energy {
    /// Nets that inputs of the block drive.
    pub inputs: f64,
    /// Gates and the nets that they drive.
    pub logic: f64,
    /// Registers' data and outputs, and the nets that they drive; not the clock.
    pub registers: f64,
    /// Of these three, what would not be spent if nets changed at most once a cycle; the energy inside cells is shared out as that of nets.
    pub glitches: f64,
}

impl Energy {
    /// All that follows activity.
    pub fn dynamic(&self) -> f64 {
        self.inputs + self.logic + self.registers
    }

    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            inputs: self.inputs + other.inputs,
            logic: self.logic + other.logic,
            registers: self.registers + other.registers,
            glitches: self.glitches + other.glitches,
        }
    }

    /// So many times this.
    pub fn times(&self, factor: f64) -> Self {
        Self {
            inputs: self.inputs * factor,
            logic: self.logic * factor,
            registers: self.registers * factor,
            glitches: self.glitches * factor,
        }
    }
}

/// What a block costs whatever it does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// Area, um^2.
    pub area: f64,
    /// Clock, pJ in each cycle.
    pub clock: f64,
    /// Leakage, nW.
    pub leakage: f64,
    /// Registers, bits.
    pub registers: usize,
    /// Cells.
    pub cells: usize,
}

/// The energy of an activity.
pub fn energy(netlist: &Netlist, timing: &Timing, library: &Library, activity: &Activity) -> Energy {
    // 1/2 C V^2 of each net, all of its edges.
    let half_v2 = 0.5 * library.volts * library.volts;
    let spent = |net: usize, edges: &[u64]| half_v2 * timing.loads[net] * edges[net] as f64;
    let switching = |net: usize| spent(net, &activity.toggles);
    let counted = |counts: &[u64; 2], energy: &[f64; 2]| counts[0] as f64 * energy[0] + counts[1] as f64 * energy[1];
    let mut energy = Energy::default();
    for (name, nets) in &netlist.inputs {
        if !is_clock(name) {
            energy.inputs += nets.iter().map(|&net| switching(net)).sum::<f64>();
        }
    }
    for (index, gate) in netlist.gates.iter().enumerate() {
        let inside = activity.gates[index].iter().zip(&timing.gates[index]).map(|(counts, edge)| counted(counts, &edge.energy));
        let (inside, outside) = (inside.sum::<f64>(), switching(gate.output));
        energy.logic += inside + outside;
        let toggles = activity.toggles[gate.output];
        if toggles > 0 {
            let share = 1.0 - activity.settled[gate.output] as f64 / toggles as f64;
            energy.glitches += share * (inside + outside);
        }
    }
    for (index, register) in netlist.registers.iter().enumerate() {
        let flop = netlist.cell(register.cell, library).and_then(|cell| cell.inputs.get(cell.flop?.data));
        let data = flop.map_or([0.0; 2], |pin| pin.power.at(0.0, timing.slews[register.data]));
        energy.registers += counted(&activity.registers[index], &timing.registers[index].energy)
            + counted(&activity.data[index], &data)
            + switching(register.output);
    }
    energy
}

/// What the block costs by being there.
pub fn standing(netlist: &Netlist, library: &Library) -> Standing {
    let clocks = netlist.registers.iter().filter_map(|register| netlist.cell(register.cell, library));
    Standing {
        area: netlist.total(library, |cell| cell.area),
        // An empty sum is -0.0, which would be printed so.
        clock: clocks.fold(0.0, |sum, cell| sum + clock_energy(cell, library.volts)),
        leakage: netlist.total(library, |cell| cell.leakage),
        registers: netlist.registers.len(),
        cells: netlist.cells.len(),
    }
}

/// pJ that a register costs in every clock cycle: both edges of its clock pin, with the wire to it.
pub fn clock_energy(cell: &Cell, volts: f64) -> f64 {
    let pin = cell.flop.and_then(|flop| cell.inputs.get(flop.clock));
    pin.map_or(0.0, |pin| (pin.capacitance + WIRE_PF) * volts * volts + pin.power.at(0.0, INPUT_SLEW_NS).iter().sum::<f64>())
}

/// Every block's clock has this name.
pub fn is_clock(port: &str) -> bool {
    port == "clock"
}
