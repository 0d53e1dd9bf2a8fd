//! The tidied design: a list of distinct modules, top first, and who contains whom.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Which way a port carries its signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Into the module.
    Input,
    /// Out of the module.
    Output,
    /// Both ways.
    Inout,
}

impl Direction {
    /// The Verilog keyword.
    pub fn keyword(self) -> &'static str {
        match self {
            Direction::Input => "input",
            Direction::Output => "output",
            Direction::Inout => "inout",
        }
    }
}

/// One port of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name, free of `$`.
    pub name: String,
    /// Its direction.
    pub direction: Direction,
    /// Its width in bits.
    pub width: usize,
}

/// One submodule inside a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The instance's name, from the Rust field.
    pub name: String,
    /// The name of its module.
    pub module: String,
}

/// One distinct module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Its ports in order. Empty for a vendor core that was copied verbatim, see [`super::tidy`].
    pub ports: Vec<Port>,
    /// Its Verilog, from `module` to `endmodule`, with a line break at the end.
    pub text: String,
    /// The submodules in order, as far as they stand outside of generate blocks.
    pub instances: Vec<Instance>,
}

/// A name that differs between rust-hdl's text and the tidied one; the equivalence proof pairs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rename {
    /// An instance inside a module of rust-hdl's text.
    Instance { module: String, from: String, to: String },
    /// A port, by its hierarchical name in the flattened design.
    Port { from: String, to: String },
}

/// A design of distinct modules, the top first, the others in the order in which the top's instances reach them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Netlist {
    /// The name of the top module.
    pub top: String,
    /// The modules.
    pub modules: Vec<Module>,
    pub(super) renames: Vec<Rename>,
}

impl Netlist {
    /// The whole design as one Verilog text.
    pub fn to_verilog(&self) -> String {
        let texts: Vec<&str> = self.modules.iter().map(|module| module.text.as_str()).collect();
        texts.join("\n")
    }

    /// How many distinct modules there are.
    pub fn module_count(&self) -> usize {
        self.modules.len()
    }

    /// The module of this name.
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.name == name)
    }

    /// The tree of modules, one line a distinct child, with how often its parent contains it:
    ///
    /// ```text
    /// crumb
    ///   crumb_array
    ///     crumb_pe x 16
    /// ```
    pub fn hierarchy(&self) -> String {
        let mut text = String::new();
        self.branch(&self.top, 1, 0, &mut text);
        text
    }

    fn branch(&self, name: &str, count: usize, depth: usize, text: &mut String) {
        let times = if count > 1 { format!(" x {count}") } else { String::new() };
        let _ = writeln!(text, "{:indent$}{name}{times}", "", indent = 2 * depth);
        for (child, count) in self.children(name) {
            self.branch(child, count, depth + 1, text);
        }
    }

    /// How often each module occurs in the whole design, by name.
    pub fn occurrences(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        self.count(&self.top, 1, &mut counts);
        counts
    }

    fn count<'a>(&'a self, name: &'a str, times: usize, counts: &mut BTreeMap<&'a str, usize>) {
        *counts.entry(name).or_default() += times;
        for (child, count) in self.children(name) {
            self.count(child, times * count, counts);
        }
    }

    /// The distinct children of a module, in order of first appearance, and how often each occurs.
    fn children(&self, name: &str) -> Vec<(&str, usize)> {
        let mut children: Vec<(&str, usize)> = Vec::new();
        for instance in self.module(name).into_iter().flat_map(|module| &module.instances) {
            match children.iter_mut().find(|(child, _)| *child == instance.module) {
                Some((_, count)) => *count += 1,
                None => children.push((&instance.module, 1)),
            }
        }
        children
    }
}
