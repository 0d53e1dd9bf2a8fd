//! A mapped netlist, as Yosys writes it in JSON: nets by number, gates and registers of library cells.
//!
//! Net 0 is constant 0 and net 1 constant 1. A cell of several outputs becomes a gate for each; their area is counted by [`Netlist::cells`].

use crate::error::EnergyError;
use crate::library::{Cell, Library};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// A net's number.
pub type Net = usize;

/// One output of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Its cell in [`Netlist::cells`].
    pub cell: usize,
    /// Which output.
    pub pin: usize,
    /// Inputs, in the order of the cell's.
    pub inputs: Vec<Net>,
    /// What it drives.
    pub output: Net,
}

/// A register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its cell in [`Netlist::cells`].
    pub cell: usize,
    /// Inputs, in the order of the cell's.
    pub inputs: Vec<Net>,
    /// What it takes at the clock edge.
    pub data: Net,
    /// What it drives.
    pub output: Net,
}

/// A block of gates.
#[derive(Clone, Debug, Default)]
pub struct Netlist {
    /// Its name.
    pub name: String,
    /// The name of each net in Verilog.
    pub nets: Vec<String>,
    /// Input ports with their nets, lowest bit first.
    pub inputs: BTreeMap<String, Vec<Net>>,
    /// Output ports.
    pub outputs: BTreeMap<String, Vec<Net>>,
    /// The type of each cell.
    pub cells: Vec<String>,
    /// Every cell's outputs as `instance/pin`, with what they drive.
    pub drivers: Vec<(String, Net)>,
    /// Outputs that follow inputs.
    pub gates: Vec<Gate>,
    /// Outputs that follow the clock.
    pub registers: Vec<Register>,
}

impl Netlist {
    /// Reads module `name` of what `write_json` wrote.
    ///
    /// # Errors
    /// If it is not such a file, or has a cell that is not in the library.
    pub fn read(json: &str, name: &str, library: &Library) -> Result<Self, EnergyError> {
        let bad = |what: String| EnergyError::Netlist { block: name.to_owned(), what };
        let value: Value = serde_json::from_str(json).map_err(|error| bad(error.to_string()))?;
        let module = value.get("modules").and_then(|modules| modules.get(name)).ok_or_else(|| bad("there is none".into()))?;
        let mut reader = Reader { netlist: Self { name: name.to_owned(), ..Self::default() }, numbers: HashMap::new() };
        reader.netlist.nets = vec!["1'b0".into(), "1'b1".into()];
        reader.ports(module).map_err(bad)?;
        reader.names(module);
        for (instance, cell) in entries(module, "cells") {
            reader.cell(instance, cell, library).map_err(bad)?;
        }
        Ok(reader.netlist)
    }

    /// The library's description of cell `index`.
    pub fn cell<'a>(&self, index: usize, library: &'a Library) -> Option<&'a Cell> {
        library.cells.get(self.cells.get(index)?)
    }

    /// The sum over all cells of `of`.
    pub fn total(&self, library: &Library, of: impl Fn(&Cell) -> f64) -> f64 {
        self.cells.iter().filter_map(|cell| library.cells.get(cell)).map(of).sum()
    }
}

fn entries<'a>(module: &'a Value, of: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    module.get(of).and_then(Value::as_object).into_iter().flatten()
}

struct Reader {
    netlist: Netlist,
    /// Yosys's numbers of nets, and ours.
    numbers: HashMap<u64, Net>,
}

impl Reader {
    fn net(&mut self, bit: &Value) -> Result<Net, String> {
        match bit {
            // An undefined value is whatever suits; 0 is as good as any.
            Value::String(constant) => match constant.as_str() {
                "1" => Ok(1),
                "0" | "x" => Ok(0),
                other => Err(format!("constant {other}")),
            },
            _ => {
                let number = bit.as_u64().ok_or_else(|| format!("net {bit}"))?;
                Ok(*self.numbers.entry(number).or_insert_with(|| {
                    self.netlist.nets.push(format!("n{number}"));
                    self.netlist.nets.len() - 1
                }))
            }
        }
    }

    fn bits(&mut self, bits: Option<&Value>) -> Result<Vec<Net>, String> {
        bits.and_then(Value::as_array).into_iter().flatten().map(|bit| self.net(bit)).collect()
    }

    fn ports(&mut self, module: &Value) -> Result<(), String> {
        for (name, port) in entries(module, "ports") {
            let bits = self.bits(port.get("bits"))?;
            match port.get("direction").and_then(Value::as_str) {
                Some("input") => self.netlist.inputs.insert(name.clone(), bits),
                Some("output") => self.netlist.outputs.insert(name.clone(), bits),
                other => return Err(format!("port {name} is {other:?}")),
            };
        }
        Ok(())
    }

    /// Takes the names of nets of one bit, which `rename -enumerate` and `splitnets` make of all nets.
    fn names(&mut self, module: &Value) {
        for (name, net) in entries(module, "netnames") {
            let bits = net.get("bits").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            for (place, bit) in bits.iter().enumerate() {
                let Some(net) = bit.as_u64().and_then(|number| self.numbers.get(&number)) else { continue };
                let name = if bits.len() == 1 { name.clone() } else { format!("{name}[{place}]") };
                if let Some(slot) = self.netlist.nets.get_mut(*net) {
                    *slot = name;
                }
            }
        }
    }

    fn cell(&mut self, instance: &str, value: &Value, library: &Library) -> Result<(), String> {
        let kind = value.get("type").and_then(Value::as_str).unwrap_or("");
        let cell =
            library.cells.get(kind).ok_or_else(|| format!("cell {instance} is a {kind}, which the library cannot measure"))?;
        let connections = value.get("connections");
        let mut pin = |name: &str| -> Result<Option<Net>, String> {
            let bits = self.bits(connections.and_then(|pins| pins.get(name)))?;
            Ok(bits.first().copied())
        };
        let mut inputs = Vec::new();
        for input in &cell.inputs {
            inputs.push(pin(&input.name)?.ok_or_else(|| format!("pin {} of {instance} is open", input.name))?);
        }
        let outputs: Vec<_> = cell.outputs.iter().map(|output| pin(&output.name)).collect::<Result<_, _>>()?;
        let index = self.netlist.cells.len();
        self.netlist.cells.push(kind.to_owned());
        for (place, output) in outputs.into_iter().enumerate() {
            let Some(output) = output else { continue };
            let inputs = inputs.clone();
            if let Some(pin) = cell.outputs.get(place) {
                self.netlist.drivers.push((format!("{instance}/{}", pin.name), output));
            }
            match cell.flop {
                Some(flop) => {
                    let data = inputs.get(flop.data).copied().unwrap_or(0);
                    self.netlist.registers.push(Register { cell: index, inputs, data, output });
                }
                None => self.netlist.gates.push(Gate { cell: index, pin: place, inputs, output }),
            }
        }
        Ok(())
    }
}
