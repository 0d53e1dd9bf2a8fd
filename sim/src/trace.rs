//! A walk over every register of the machine: for waveforms, debuggers and comparisons with the RTL.

use crumb_arch::Register;
use std::fmt::Display;

/// Receives scopes and registers in the order of the hierarchy, which is the same in every cycle. A name is put together only by a
/// visitor that writes it down.
pub trait Visitor {
    /// Enters an instance.
    fn scope(&mut self, name: impl Display);
    /// Leaves the instance entered last.
    fn end(&mut self);
    /// A register of up to 64 bits.
    fn register(&mut self, name: impl Display, width: u32, value: u64);
    /// A register of whole bytes, lowest first, of any width. Given in parts of 64 bits, `name_0` the lowest, unless the visitor takes it whole.
    fn wide(&mut self, name: impl Display, bytes: &[u8]) {
        for (i, part) in bytes.chunks(8).enumerate() {
            self.register(format_args!("{name}_{i}"), 8 * part.len() as u32, number(part));
        }
    }
}

/// A register of whole bytes: one of up to 64 bits is given as a number.
pub fn wide(v: &mut impl Visitor, name: impl Display, bytes: &[u8]) {
    if bytes.len() <= 8 {
        v.register(name, 8 * bytes.len() as u32, number(bytes));
    } else {
        v.wide(name, bytes);
    }
}

/// Up to eight bytes as a number, lowest first.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// Collects every register with its path.
#[derive(Default)]
pub struct Collector {
    scopes: Vec<String>,
    /// What was visited, in order.
    pub registers: Vec<Register>,
}

impl Visitor for Collector {
    fn scope(&mut self, name: impl Display) {
        self.scopes.push(name.to_string());
    }

    fn end(&mut self) {
        self.scopes.pop();
    }

    fn register(&mut self, name: impl Display, width: u32, value: u64) {
        let path = if self.scopes.is_empty() { name.to_string() } else { format!("{}.{name}", self.scopes.join(".")) };
        self.registers.push(Register { path, width, value });
    }
}
