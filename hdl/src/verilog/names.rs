//! Names without `$`: `pe$0$clock` becomes `pe_0_clock`, and never a name that is already taken.
//!
//! rust-hdl joins path components with `$`, which is legal Verilog but reserved for tools by habit,
//! troublesome in shells and scripts, and rejected by some netlist readers.

use std::collections::{HashMap, HashSet};

use super::source::{Item, Source};
use super::statement::is_keyword;
use super::token::{Kind, Token};

/// From the old name to the new, for the names that change.
pub(super) type NameMap = HashMap<String, String>;

/// Renames everything a module declares. `child` gives the map of a child module, by its name, for its ports.
pub(super) fn plain<'a>(source: &mut Source, child: impl Fn(&str) -> Option<&'a NameMap>) -> NameMap {
    let map = changes(source);
    let apply = |name: &mut String| {
        if let Some(new) = map.get(name.as_str()) {
            name.clone_from(new);
        }
    };
    for port in &mut source.ports {
        apply(&mut port.name);
    }
    for item in &mut source.items {
        match item {
            Item::Constant { name, .. } | Item::Net { name, .. } | Item::Assign { target: name, .. } => apply(name),
            Item::Instance { module, name, connections, .. } => {
                apply(name);
                if let Some(ports) = child(module) {
                    for port in connections.iter_mut().filter_map(|connection| connection.port.as_mut()) {
                        if let Some(new) = ports.get(port.as_str()) {
                            port.clone_from(new);
                        }
                    }
                }
            }
            Item::Process { .. } | Item::Other(_) => {}
        }
        let mut selected = false; // behind a dot stands a name of another module
        for token in item.tokens_mut() {
            if token.kind == Kind::Word && !selected {
                apply(&mut token.text);
            }
            selected = token.is(".");
        }
    }
    map
}

fn changes(source: &Source) -> NameMap {
    let (declared, mentioned) = (declared(source), mentioned(source));
    let strange = |name: &str| name.contains('$') || name.starts_with('\\');
    let taken: HashSet<&str> = declared.iter().chain(&mentioned).copied().filter(|name| !strange(name)).collect();
    let mut new_names: Vec<(&str, String)> = Vec::new();
    let mut seen = HashSet::new();
    for &name in
        declared.iter().filter(|name| strange(name) || is_keyword(name)).chain(mentioned.iter().filter(|name| strange(name)))
    {
        if !seen.insert(name) {
            continue;
        }
        let mut new: String = name.trim_start_matches('\\').chars().map(plain_character).collect();
        if new.starts_with(|c: char| c.is_ascii_digit()) {
            new.insert(0, '_');
        }
        while is_keyword(&new) || taken.contains(new.as_str()) || new_names.iter().any(|(_, other)| *other == new) {
            new.push('_');
        }
        new_names.push((name, new));
    }
    new_names.into_iter().map(|(old, new)| (old.to_owned(), new)).collect()
}

fn plain_character(c: char) -> char {
    if c.is_ascii_alphanumeric() { c } else { '_' }
}

fn declared(source: &Source) -> Vec<&str> {
    let ports = source.ports.iter().map(|port| port.name.as_str());
    let items = source.items.iter().filter_map(|item| match item {
        Item::Constant { name, .. } | Item::Net { name, .. } | Item::Instance { name, .. } => Some(name.as_str()),
        Item::Assign { .. } | Item::Process { .. } | Item::Other(_) => None,
    });
    ports.chain(items).collect()
}

fn mentioned(source: &Source) -> Vec<&str> {
    let word = |token: &&Token| token.kind == Kind::Word;
    source.items.iter().flat_map(|item| item.tokens().filter(word)).map(|token| token.text.as_str()).collect()
}
