//! Every register of a circuit with its path and value: to compare the RTL with the simulator, register by register.
//!
//! ```text
//!  Block::accept --> scopes with timing() --> datapath$array$pe$3$psum$0 --> "array.pe_3.psum_0"
//! ```
//!
//! Invariant: a register is the output `q` of a leaf whose `timing()` declares it. Its path is that of the leaf without `datapath`; `$` in
//! array elements becomes `_`, and a counter has its name. Registers inside hand-written leaves are not signals: those of the
//! requantizers' multipliers are added from [`Requantizer::visit`]; memories, and their read ports, are not listed.

use crate::requantizer::Requantizer;
use crumb_arch::requantizer::stages::Registers;
use crumb_arch::{Counter, Register};
use rust_hdl::core::block::Block;
use rust_hdl::prelude::*;
use std::collections::HashMap;

/// Bits of one part of a wide register.
const PART_BITS: usize = 64;

/// The walk.
#[derive(Default)]
struct Walk {
    scopes: Vec<String>,
    is_register: Vec<bool>,
    registers: Vec<Register>,
}

impl Walk {
    fn path(&self) -> String {
        let names = self.scopes.iter().skip(1).map(String::as_str).filter(|name| *name != "datapath");
        let path = names.map(|name| name.replace('$', "_")).collect::<Vec<_>>().join(".");
        let counter = path.strip_prefix("counters.count_").and_then(|i| i.parse::<usize>().ok());
        counter.map_or(path, |i| format!("counters.{}", Counter::ALL[i].name()))
    }

    fn add(&mut self, path: String, width: usize, digits: &str) {
        let value = |digits: &str| u64::from_str_radix(digits, 16).expect("hexadecimal digits");
        if width <= PART_BITS {
            return self.registers.push(Register { path, width: width as u32, value: value(digits) });
        }
        let digits = format!("{digits:0>all$}", all = width.div_ceil(4));
        for part in 0..width.div_ceil(PART_BITS) {
            let end = digits.len() - part * PART_BITS / 4;
            let bits = PART_BITS.min(width - part * PART_BITS);
            let part_value = value(&digits[end.saturating_sub(PART_BITS / 4)..end]);
            self.registers.push(Register { path: format!("{path}_{part}"), width: bits as u32, value: part_value });
        }
    }
}

impl Probe for Walk {
    fn visit_start_scope(&mut self, name: &str, node: &dyn Block) {
        self.scopes.push(name.to_owned());
        self.is_register.push(node.timing().iter().any(|info| info.outputs == ["q"]));
    }

    fn visit_atom(&mut self, name: &str, signal: &dyn Atom) {
        if name == "q" && self.is_register.last() == Some(&true) {
            let literal = format!("{:x}", signal.verilog());
            let digits = literal.split_once('h').expect("rust-hdl writes width'hdigits").1;
            self.add(self.path(), signal.bits(), digits);
        }
    }

    fn visit_end_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.scopes.pop();
        self.is_register.pop();
    }
}

/// Every register of a circuit.
pub fn of(circuit: &dyn Block) -> Vec<Register> {
    let mut walk = Walk::default();
    circuit.accept("top", &mut walk);
    walk.registers
}

/// Every register of a machine, those inside its multipliers included, after the others.
pub(crate) fn of_machine(machine: &dyn Block, requantizers: &[Requantizer]) -> Vec<Register> {
    let mut widths = HashMap::new();
    Registers::default().visit(|name, width, _| {
        widths.insert(name.to_owned(), width);
    });
    let mut registers = of(machine);
    for (c, requantizer) in requantizers.iter().enumerate() {
        requantizer.visit(|name, value| {
            if name.starts_with("multiplier.") {
                registers.push(Register { path: format!("requantizer_{c}.{name}"), width: widths[name], value });
            }
        });
    }
    registers
}
