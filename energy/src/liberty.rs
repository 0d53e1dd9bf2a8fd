//! Reads a liberty file: the syntax by `liberty-parse`, what it means here.
//!
//! Cells that need more than [`Cell`] can say (latches, set and reset, three-state outputs) are left out: synthesis is not told of them,
//! and a netlist that has one all the same is refused by name.

use crate::error::EnergyError;
use crate::function::{Function, INPUTS_MAX};
use crate::library::{Arc, Cell, Edges, Flop, Input, Library, Output};
use crate::table::Table;
use liberty_parse::ast::Value;
use liberty_parse::liberty::{Cell as RawCell, Group, Library as RawLibrary, Pin};
use std::collections::HashMap;
use std::path::Path;

/// The units that the numbers are read in.
const UNITS: [(&str, &str); 3] = [("time_unit", "1ns"), ("voltage_unit", "1V"), ("leakage_power_unit", "1nW")];
/// The file's own name for a picofarad.
const PICOFARAD: &str = "pf";
/// What the loads of a table are called.
const LOAD: &str = "total_output_net_capacitance";
/// What the transition times of a table are called: of delays, of energies.
const SLEWS: [&str; 2] = ["input_net_transition", "input_transition_time"];

type Attributes = HashMap<String, Value>;

/// Reads the library in `text`; `path` is for messages.
///
/// # Errors
/// If it is no liberty file, has other units, or a cell contradicts itself.
pub fn read(text: &str, path: &Path) -> Result<Library, EnergyError> {
    let bad = |what: String| EnergyError::Liberty { path: path.to_owned(), what };
    let parsed = liberty_parse::parse_lib(text).map_err(|error| bad(first_line(&error.to_string())))?;
    let library = parsed.0.into_iter().next().ok_or_else(|| bad("there is no library in it".into()))?;
    library_of(&library).map_err(bad)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn library_of(library: &RawLibrary) -> Result<Library, String> {
    for (name, wanted) in UNITS {
        let found = text(&library.simple_attributes, name).unwrap_or("nothing");
        if found != wanted {
            return Err(format!("{name} is {found}, expected {wanted}"));
        }
    }
    match library.complex_attributes.get("capacitive_load_unit").map(Vec::as_slice) {
        Some([Value::Float(1.0), Value::Expression(unit)]) if unit.eq_ignore_ascii_case(PICOFARAD) => {}
        found => return Err(format!("capacitive_load_unit is {found:?}, expected 1 pf")),
    }
    let volts = number(&library.simple_attributes, "nom_voltage").ok_or("nom_voltage is missing")?;
    let templates = Templates::of(library);
    let mut cells = std::collections::BTreeMap::new();
    for (name, cell) in &library.cells {
        if let Some(read) = cell_of(cell, &templates).map_err(|what| format!("cell {name}: {what}"))? {
            cells.insert(name.clone(), read);
        }
    }
    Ok(Library { volts, cells })
}

/// Which variables the tables of a template have.
struct Templates<'a>(HashMap<&'a str, [Option<&'a str>; 2]>);

impl<'a> Templates<'a> {
    fn of(library: &'a RawLibrary) -> Self {
        let variables = |group: &'a Group| ["variable_1", "variable_2"].map(|name| text(&group.simple_attributes, name));
        Self(library.groups.iter().map(|group| (group.name.as_str(), variables(group))).collect())
    }

    fn table(&self, group: &Group) -> Result<Table, String> {
        let bad = |what: &str| format!("{} {}: {what}", group.type_, group.name);
        let floats = |name: &str| -> Vec<f64> {
            let groups = group.complex_attributes.get(name).into_iter().flatten();
            groups.flat_map(|value| if let Value::FloatGroup(row) = value { row.clone() } else { Vec::new() }).collect()
        };
        let (first, second) = (floats("index_1"), floats("index_2"));
        let (loads, slews) = match self.0.get(group.name.as_str()) {
            Some([Some(LOAD), Some(slew)]) if SLEWS.contains(slew) => (first, second),
            Some([Some(slew), None]) if SLEWS.contains(slew) => (vec![0.0], first),
            _ => return Err(bad("neither over load and input transition nor over input transition alone")),
        };
        Table::new(loads, slews, floats("values")).ok_or_else(|| bad("its values do not fit its axes, or an axis does not rise"))
    }

    /// The tables called `rise` and `fall` in a group.
    fn edges(&self, group: &Group, rise: &str, fall: &str) -> Result<Edges, String> {
        let of = |kind: &str| group.groups.iter().find(|g| g.type_ == kind).map(|g| self.table(g)).transpose();
        Ok(Edges { rise: of(rise)?, fall: of(fall)? })
    }
}

/// A cell, or none if it is one of those left out.
fn cell_of(cell: &RawCell, templates: &Templates<'_>) -> Result<Option<Cell>, String> {
    let mut pins: Vec<&Pin> = cell.pins.values().collect();
    pins.sort_by(|a, b| a.name.cmp(&b.name));
    let is = |pin: &&&Pin, direction: &str| text(&pin.simple_attributes, "direction") == Some(direction);
    let input_pins: Vec<&Pin> = pins.iter().filter(|pin| is(pin, "input")).copied().collect();
    let names: Vec<String> = input_pins.iter().map(|pin| pin.name.clone()).collect();
    let registers: Vec<&Group> = cell.groups.iter().filter(|g| ["ff", "latch"].contains(&g.type_.as_str())).collect();
    let flop = registers.first().and_then(|group| flop_of(group, &names));
    let three_state = pins.iter().any(|pin| pin.simple_attributes.contains_key("three_state"));
    if names.len() > INPUTS_MAX || three_state || registers.len() > usize::from(flop.is_some()) {
        return Ok(None);
    }
    let state = registers.first().and_then(|group| group.name.split(',').next()).unwrap_or("");
    let mut inputs = Vec::new();
    for pin in &input_pins {
        let capacitance = number(&pin.simple_attributes, "capacitance").ok_or(format!("pin {} has no capacitance", pin.name))?;
        let power = pin.groups.iter().find(|group| group.type_ == "internal_power");
        let power = power.map(|group| templates.edges(group, "rise_power", "fall_power")).transpose()?.unwrap_or_default();
        inputs.push(Input { name: pin.name.clone(), capacitance, power });
    }
    let mut outputs = Vec::new();
    for pin in pins.iter().filter(|pin| is(pin, "output")) {
        let text = text(&pin.simple_attributes, "function").ok_or(format!("output {} has no function", pin.name))?;
        let function = match Function::parse(text, &names) {
            None if flop.is_some() && text.trim() == state.trim() => None,
            None => return Err(format!("the function \"{text}\" of {} cannot be read", pin.name)),
            function => function,
        };
        outputs.push(Output { name: pin.name.clone(), function, arcs: arcs_of(pin, &names, templates)? });
    }
    let attribute = |name: &str| number(&cell.simple_attributes, name).ok_or(format!("{name} is missing"));
    Ok(Some(Cell { area: attribute("area")?, leakage: attribute("cell_leakage_power")?, inputs, outputs, flop }))
}

/// A register that takes one pin at the rising edge of another, and nothing else.
fn flop_of(group: &Group, inputs: &[String]) -> Option<Flop> {
    let place = |name: &str| inputs.iter().position(|input| Some(input.as_str()) == text(&group.simple_attributes, name));
    let plain = !["clear", "preset"].iter().any(|name| group.simple_attributes.contains_key(*name));
    Some(Flop { clock: place("clocked_on")?, data: place("next_state")? }).filter(|_| plain && group.type_ == "ff")
}

fn arcs_of(pin: &Pin, inputs: &[String], templates: &Templates<'_>) -> Result<Vec<Arc>, String> {
    let mut arcs: Vec<Arc> = Vec::new();
    for group in &pin.groups {
        let related = text(&group.simple_attributes, "related_pin");
        let Some(input) = related.and_then(|name| inputs.iter().position(|input| input == name)) else { continue };
        let index = arcs.iter().position(|arc| arc.input == input).unwrap_or_else(|| {
            arcs.push(Arc { input, ..Arc::default() });
            arcs.len() - 1
        });
        let Some(arc) = arcs.get_mut(index) else { continue };
        if group.type_ == "internal_power" {
            arc.power = templates.edges(group, "rise_power", "fall_power")?;
        } else if group.type_ == "timing" {
            arc.delay = templates.edges(group, "cell_rise", "cell_fall")?;
            arc.transition = templates.edges(group, "rise_transition", "fall_transition")?;
        }
    }
    Ok(arcs)
}

fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    match attributes.get(name)? {
        Value::String(text) | Value::Expression(text) => Some(text),
        _ => None,
    }
}

fn number(attributes: &Attributes, name: &str) -> Option<f64> {
    match attributes.get(name)? {
        Value::Float(number) => Some(*number),
        _ => None,
    }
}
