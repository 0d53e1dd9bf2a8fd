//! A standard-cell library as the measurement needs it: area, leakage, pin capacitances, functions, delays and energies.
//!
//! Units are those of every liberty file that [`crate::liberty`] accepts: ns, V, pF, nW; so energies are in pJ and areas in um^2.

use crate::function::Function;
use crate::table::Table;
use std::collections::BTreeMap;

/// The library.
#[derive(Clone, Debug)]
pub struct Library {
    /// Supply voltage.
    pub volts: f64,
    /// By name.
    pub cells: BTreeMap<String, Cell>,
}

/// A cell.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Area in um^2.
    pub area: f64,
    /// Leakage in nW.
    pub leakage: f64,
    /// Input pins, by name.
    pub inputs: Vec<Input>,
    /// Output pins that have a function.
    pub outputs: Vec<Output>,
    /// The register in it.
    pub flop: Option<Flop>,
}

/// An input pin.
#[derive(Clone, Debug)]
pub struct Input {
    /// Name.
    pub name: String,
    /// Capacitance in pF.
    pub capacitance: f64,
    /// Energy inside the cell when it rises and falls while no output does, over its transition time.
    pub power: Edges,
}

/// An output pin.
#[derive(Clone, Debug)]
pub struct Output {
    /// Name.
    pub name: String,
    /// What it computes from the inputs, in their order; none for the output of a register.
    pub function: Option<Function>,
    /// One for each input that it depends on.
    pub arcs: Vec<Arc>,
}

/// What an input does to an output.
#[derive(Clone, Debug, Default)]
pub struct Arc {
    /// The input, by its place.
    pub input: usize,
    /// Delay to the output's edge, ns.
    pub delay: Edges,
    /// Transition time of the output, ns.
    pub transition: Edges,
    /// Energy inside the cell, pJ, without that of the load.
    pub power: Edges,
}

/// A table for each edge; none counts as zero.
#[derive(Clone, Debug, Default)]
pub struct Edges {
    /// The output, or the pin itself, rises.
    pub rise: Option<Table>,
    /// It falls.
    pub fall: Option<Table>,
}

impl Edges {
    /// Both values, `[fall, rise]`, at a load (pF) and an input transition time (ns).
    pub fn at(&self, load: f64, slew: f64) -> [f64; 2] {
        [&self.fall, &self.rise].map(|table| table.as_ref().map_or(0.0, |table| table.at(load, slew)))
    }
}

/// An edge-triggered register without set or reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flop {
    /// The clock pin, by its place among the inputs.
    pub clock: usize,
    /// The data pin.
    pub data: usize,
}

impl Cell {
    /// The place of an input.
    pub fn input(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|input| input.name == name)
    }
}
