//! A walk over every register of the machine: for waveforms, debuggers and comparisons with the RTL.

use crumb_arch::Register;

/// Receives scopes and registers in the order of the hierarchy.
pub trait Visitor {
    /// Enters an instance.
    fn scope(&mut self, name: &str);
    /// Leaves the instance entered last.
    fn end(&mut self);
    /// A register of up to 64 bits.
    fn register(&mut self, name: &str, width: u32, value: u64);
    /// A register of whole bytes, lowest first, of any width. Given in parts of 64 bits, `name_0` the lowest, unless the visitor takes it whole.
    fn wide(&mut self, name: &str, bytes: &[u8]) {
        for (i, part) in bytes.chunks(8).enumerate() {
            let value = part.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
            self.register(&format!("{name}_{i}"), 8 * part.len() as u32, value);
        }
    }
}

/// A register of whole bytes: one of up to 64 bits is given as a number.
pub fn wide(v: &mut dyn Visitor, name: &str, bytes: &[u8]) {
    if bytes.len() <= 8 {
        v.register(name, 8 * bytes.len() as u32, bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)));
    } else {
        v.wide(name, bytes);
    }
}

/// Collects every register with its path.
#[derive(Default)]
pub struct Collector {
    scopes: Vec<String>,
    /// What was visited, in order.
    pub registers: Vec<Register>,
}

impl Visitor for Collector {
    fn scope(&mut self, name: &str) {
        self.scopes.push(name.to_owned());
    }

    fn end(&mut self) {
        self.scopes.pop();
    }

    fn register(&mut self, name: &str, width: u32, value: u64) {
        let path = if self.scopes.is_empty() { name.to_owned() } else { format!("{}.{name}", self.scopes.join(".")) };
        self.registers.push(Register { path, width, value });
    }
}
