//! Equal modules become one, children first.
//!
//! rust-hdl writes a module for each instance. Two of them are the same when their texts are, once every child is
//! replaced by the class it belongs to; so the classes are found from the leaves up, each module visited once.

use std::collections::{HashMap, HashSet};

use super::netlist::{Direction, Instance, Module, Netlist, Port, Rename};
use super::noun::{Noun, noun};
use super::reader::Text;
use super::source::{Foreign, Item, Source};
use super::{VerilogError, lint, names, print, split, wiring};

/// Modules with equal text.
struct Class {
    source: Source,
    /// How many instances wear each noun, in order of first appearance.
    nouns: Vec<(Noun, usize)>,
}

#[derive(Default)]
struct Merge {
    waiting: HashMap<String, Source>,
    classes: Vec<Class>,
    by_text: HashMap<String, usize>,
    class_of: HashMap<String, usize>,
    /// The new names of each module's ports and nets, by the module's old name.
    new_names: HashMap<String, names::NameMap>,
    renames: Vec<Rename>,
}

/// Merges the modules of a text under a new top name.
pub(super) fn merge(text: Text, top: &str) -> Result<Netlist, VerilogError> {
    let foreign = cores(text.foreign)?;
    let mut merge = Merge::default();
    let mut found = Vec::new();
    for source in text.sources {
        found.push(format!("`{}`", source.name));
        let (line, module) = (source.line, source.name.clone());
        if merge.waiting.insert(module.clone(), source).is_some() {
            return Err(VerilogError::Duplicate { line, module });
        }
    }
    if !merge.waiting.contains_key("top") {
        found.extend(foreign.iter().map(|core| format!("`{}`", core.name)));
        let found = if found.is_empty() { "no module at all".to_owned() } else { found.join(", ") };
        return Err(VerilogError::NoTop { found });
    }
    let root = merge.classify("top", "", &mut Vec::new())?;
    Ok(merge.netlist(root, top, &foreign))
}

/// The copied cores, one of each: rust-hdl copies them once for every instance.
fn cores(all: Vec<Foreign>) -> Result<Vec<Foreign>, VerilogError> {
    let mut cores: Vec<Foreign> = Vec::new();
    for core in all {
        match cores.iter().find(|known| known.name == core.name) {
            None => cores.push(core),
            Some(known) if print::foreign(known) == print::foreign(&core) => {}
            Some(_) => return Err(VerilogError::Duplicate { line: core.line, module: core.name }),
        }
    }
    Ok(cores)
}

impl Merge {
    /// The class of a module; `instance` is its place in the hierarchy in new names, `open` its ancestors.
    fn classify(&mut self, name: &str, instance: &str, open: &mut Vec<String>) -> Result<usize, VerilogError> {
        if let Some(class) = self.class_of.get(name) {
            return Ok(*class);
        }
        let Some(mut source) = self.waiting.remove(name) else {
            let module = name.to_owned();
            return Err(match open.last() {
                Some(parent) if !open.contains(&module) => VerilogError::Missing { parent: parent.clone(), module },
                _ => VerilogError::Recursive { module },
            });
        };
        lint::clean(&mut source);
        let children: Vec<(String, String)> = source
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Instance { module, name, .. } => Some((module.clone(), name.clone())),
                _ => None,
            })
            .filter(|(module, _)| module.starts_with("top$"))
            .collect();
        let renamed = names::plain(&mut source, |_| None);
        open.push(name.to_owned());
        for (child, field) in children {
            let field = renamed.get(&field).unwrap_or(&field);
            let place = if instance.is_empty() { field.clone() } else { format!("{instance}.{field}") };
            self.classify(&child, &place, open)?;
        }
        open.pop();
        self.record(name, instance, &source, &renamed);
        self.point_at_classes(&mut source);
        wiring::connect(&mut source, |class, port| self.is_output(class, port));
        split::processes(&mut source);
        self.new_names.insert(name.to_owned(), renamed);

        let noun = noun(name, &source);
        let text = print::module("", &source, str::to_owned);
        let class = *self.by_text.entry(text).or_insert_with(|| {
            self.classes.push(Class { source, nouns: Vec::new() });
            self.classes.len() - 1
        });
        let nouns = &mut self.classes[class].nouns;
        match nouns.iter_mut().find(|(known, _)| *known == noun) {
            Some((_, count)) => *count += 1,
            None => nouns.push((noun, 1)),
        }
        self.class_of.insert(name.to_owned(), class);
        Ok(class)
    }

    /// Lets the instances of a module name the class of their module, as `#3`, and the new names of its ports.
    fn point_at_classes(&self, source: &mut Source) {
        for item in &mut source.items {
            let Item::Instance { module, connections, .. } = item else { continue };
            let Some(class) = self.class_of.get(module) else { continue };
            if let Some(map) = self.new_names.get(module) {
                for port in connections.iter_mut().filter_map(|connection| connection.port.as_mut()) {
                    if let Some(new) = map.get(port.as_str()) {
                        port.clone_from(new);
                    }
                }
            }
            *module = format!("#{class}");
        }
    }

    fn class(&self, pointer: &str) -> Option<&Class> {
        self.classes.get(pointer.strip_prefix('#')?.parse::<usize>().ok()?)
    }

    fn is_output(&self, class: &str, port: &str) -> bool {
        let ports = self.class(class).map_or(&[][..], |class| &class.source.ports);
        ports.iter().any(|known| known.name == port && known.direction == Direction::Output)
    }

    /// Keeps what the equivalence proof has to rename: instances, the ports of the top, and ports that may be registers.
    fn record(&mut self, module: &str, instance: &str, source: &Source, renamed: &names::NameMap) {
        let new_of = |item: &Item| match item {
            Item::Instance { name, .. } => Some(name.clone()),
            _ => None,
        };
        let instances: HashSet<String> = source.items.iter().filter_map(new_of).collect();
        let ports: HashSet<&str> = source.ports.iter().map(|port| port.name.as_str()).collect();
        let written_by_hand = source.items.iter().any(|item| matches!(item, Item::Other(_)));
        let mut changes: Vec<(&String, &String)> = renamed.iter().collect();
        changes.sort();
        for (from, to) in changes {
            if instances.contains(to) {
                let (from, to) = (from.clone(), to.clone());
                self.renames.push(Rename::Instance { module: module.to_owned(), from, to });
            } else if ports.contains(to.as_str()) && (instance.is_empty() || written_by_hand) {
                let dot = if instance.is_empty() { "" } else { "." };
                let (from, to) = (format!("{instance}{dot}{from}"), format!("{instance}{dot}{to}"));
                self.renames.push(Rename::Port { from, to });
            }
        }
    }

    fn netlist(self, root: usize, top: &str, foreign: &[Foreign]) -> Netlist {
        let mut order = Vec::new();
        self.visit(root, &mut order);
        let names = self.names(&order, top, foreign);
        let name_of = |module: &str| match module.strip_prefix('#').and_then(|class| class.parse::<usize>().ok()) {
            Some(class) => names.get(&class).cloned().unwrap_or_default(),
            None => module.to_owned(),
        };
        let module = |class: &usize| {
            let (name, source) = (names[class].clone(), &self.classes[*class].source);
            let port =
                |p: &super::source::SourcePort| Port { name: p.name.clone(), direction: p.direction, width: p.shape.width };
            let instances = source.items.iter().filter_map(|item| match item {
                Item::Instance { module, name, .. } => Some(Instance { name: name.clone(), module: name_of(module) }),
                _ => None,
            });
            Module {
                text: print::module(&name, source, name_of),
                ports: source.ports.iter().map(port).collect(),
                instances: instances.collect(),
                name,
            }
        };
        let core = |core: &Foreign| Module {
            name: core.name.clone(),
            ports: Vec::new(),
            text: print::foreign(core),
            instances: Vec::new(),
        };
        let modules = order.iter().map(module).chain(foreign.iter().map(core)).collect();
        Netlist { top: top.to_owned(), modules, renames: self.renames }
    }

    /// The classes in order of first appearance, parents before their children.
    fn visit(&self, class: usize, order: &mut Vec<usize>) {
        if order.contains(&class) {
            return;
        }
        order.push(class);
        for item in &self.classes[class].source.items {
            if let Item::Instance { module, .. } = item
                && let Some(child) = self.class_of_pointer(module)
            {
                self.visit(child, order);
            }
        }
    }

    fn class_of_pointer(&self, pointer: &str) -> Option<usize> {
        pointer.strip_prefix('#')?.parse().ok().filter(|class| *class < self.classes.len())
    }

    /// One name a class: the commonest noun of its instances; where several classes share it, with the parent's noun before
    /// it; where that is not enough either, numbered from 1.
    fn names(&self, order: &[usize], top: &str, foreign: &[Foreign]) -> HashMap<usize, String> {
        let noun = |class: &usize| {
            let nouns = &self.classes[*class].nouns;
            let most = nouns.iter().map(|(_, count)| *count).max();
            nouns.iter().find(|(_, count)| Some(*count) == most).map(|(noun, _)| noun)
        };
        let plain = |class: &usize| noun(class).map_or_else(|| "module".to_owned(), |noun| noun.noun.clone());
        let placed = |class: &usize| noun(class).map_or_else(|| "module".to_owned(), Noun::with_parent);
        let mut taken: HashSet<String> = foreign.iter().map(|core| core.name.clone()).collect();
        taken.insert(top.to_owned());
        let mut names = HashMap::from_iter(order.first().map(|root| (*root, top.to_owned())));
        let mut left: Vec<usize> = order.iter().copied().skip(1).collect();
        // Plain nouns first: the others give way to them.
        for wanted in [&plain as &dyn Fn(&usize) -> String, &placed] {
            let nouns: Vec<String> = left.iter().map(wanted).collect();
            let alone = |noun: &String| nouns.iter().filter(|other| *other == noun).count() == 1;
            let mut shared = Vec::new();
            for (class, noun) in left.iter().zip(&nouns) {
                let name = format!("{top}_{noun}");
                if alone(noun) && taken.insert(name.clone()) {
                    names.insert(*class, name);
                } else {
                    shared.push(*class);
                }
            }
            left = shared;
        }
        for class in left {
            let mut number = 1;
            while !taken.insert(format!("{top}_{}_{number}", placed(&class))) {
                number += 1;
            }
            names.insert(class, format!("{top}_{}_{number}", placed(&class)));
        }
        names
    }
}
