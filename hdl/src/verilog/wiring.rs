//! Wires instead of pass-through processes.
//!
//! rust-hdl declares a `reg` for each input of a child and copies into it inside `always @(*)`:
//! `pe_0_clock = clock;`. A copy that is unconditional, the only write of its target, and whose source no process
//! writes, is a wire in disguise. The child is then connected to the source itself, or the copy becomes an `assign`.
//! Besides being readable, this keeps the clock out of processes: an event-driven simulator would otherwise
//! deliver it one delta cycle later at each level of the hierarchy.
//!
//! Then what nothing reads goes: constants, nets, and nets that only hold an unused output of a child.

use std::collections::{HashMap, HashSet};

use super::literal;
use super::netlist::Direction;
use super::source::{Item, Shape, Source};
use super::token::{Kind, Token};

/// Connects and prunes; `is_output` tells whether a port of a child module is one of its outputs.
pub(super) fn connect(source: &mut Source, is_output: impl Fn(&str, &str) -> bool) {
    source.items.iter_mut().for_each(drop_overwritten);
    while connect_once(source) {}
    source.items.retain(|item| !matches!(item, Item::Process { statements } if statements.is_empty()));
    prune(source, is_output);
}

/// `target = value;` as a whole statement.
fn copy(statement: &[Token]) -> Option<(&str, &Token)> {
    match statement {
        [target, equals, value, end]
            if target.kind == Kind::Word && equals.is("=") && matches!(value.kind, Kind::Word | Kind::Number) && end.is(";") =>
        {
            Some((&target.text, value))
        }
        _ => None,
    }
}

/// Drops `x = ...;` when an unconditional `x = ...;` follows and nothing between mentions `x`:
/// the default that `dff_setup!` gives, overwritten at once.
fn drop_overwritten(item: &mut Item) {
    let Item::Process { statements } = item else { return };
    let plain = |statement: &[Token]| match statement {
        [target, equals, ..] if target.kind == Kind::Word && equals.is("=") => Some(target.text.clone()),
        _ => None,
    };
    let mut at = 0;
    while at < statements.len() {
        let overwritten = plain(&statements[at]).is_some_and(|target| {
            let next = statements[at + 1..].iter().find(|statement| statement.iter().any(|t| t.is(&target)));
            next.is_some_and(|next| plain(next).as_ref() == Some(&target) && next.iter().filter(|t| t.is(&target)).count() == 1)
        });
        if overwritten {
            statements.remove(at);
        } else {
            at += 1;
        }
    }
}

/// Where a process writes, or might write: item and statement. Hand-written text is nowhere: it may do anything.
type Place = Option<(usize, usize)>;

/// All writes of each name. Whatever hand-written text mentions counts as written, and that in no known place.
fn writes(source: &Source) -> HashMap<&str, Vec<Place>> {
    let mut writes: HashMap<&str, Vec<Place>> = HashMap::new();
    for (at, item) in source.items.iter().enumerate() {
        match item {
            Item::Process { statements } => {
                for (line, statement) in statements.iter().enumerate() {
                    for target in targets(statement) {
                        writes.entry(target).or_default().push(Some((at, line)));
                    }
                }
            }
            Item::Other(tokens) => {
                for token in tokens.iter().filter(|t| t.kind == Kind::Word) {
                    writes.entry(token.text.as_str()).or_default().push(None);
                }
            }
            _ => {}
        }
    }
    writes
}

/// Whether every write of `name` comes before `place` in the same process, so that a copy there copies the final value.
fn finished(writes: &HashMap<&str, Vec<Place>>, name: &str, place: (usize, usize)) -> bool {
    let before = |write: &Place| write.is_some_and(|(item, line)| item == place.0 && line < place.1);
    writes.get(name).is_some_and(|writes| writes.iter().all(before))
}

/// The names before a `=` or `<=`, with a select between or not. A comparison counts as well, which only loses a rewrite.
pub(super) fn targets(statement: &[Token]) -> Vec<&str> {
    let mut targets = Vec::new();
    for (at, _) in statement.iter().enumerate().filter(|(_, t)| t.is("=") || t.is("<=")) {
        let mut before = at;
        let mut depth = 0_usize;
        while before > 0 {
            before -= 1;
            let previous = &statement[before];
            if previous.is("]") || previous.is("}") {
                depth += 1;
            } else if previous.is("[") || previous.is("{") {
                depth = depth.saturating_sub(1);
            } else if previous.kind == Kind::Word {
                targets.push(previous.text.as_str());
                if depth == 0 {
                    break;
                }
            } else if depth == 0 {
                break;
            }
        }
    }
    targets
}

fn value_shape(source: &Source, value: &Token) -> Option<Shape> {
    let literal = |token: &Token, signed| {
        let (width, _) = literal::parse(&token.text)?;
        Some(Shape { reg: false, signed, width: width? })
    };
    if value.kind == Kind::Number {
        return literal(value, false);
    }
    let constant = source.items.iter().find_map(|item| match item {
        Item::Constant { name, signed, value: constant } if *name == value.text => Some((*signed, constant)),
        _ => None,
    });
    match constant {
        Some((signed, constant)) => match constant.as_slice() {
            [number] => literal(number, signed),
            _ => None,
        },
        None => source.shape(&value.text).cloned(),
    }
}

/// One round; whether anything changed.
fn connect_once(source: &mut Source) -> bool {
    let writes = writes(source);
    let selected: HashSet<String> = selected(source);
    let ports: HashMap<&str, Direction> = source.ports.iter().map(|port| (port.name.as_str(), port.direction)).collect();
    let (mut replaced, mut assigned) = (HashMap::new(), Vec::new());
    let statements = |item: &'_ Item| match item {
        Item::Process { statements } => statements.clone(),
        _ => Vec::new(),
    };
    let copies: Vec<((usize, usize), Vec<Token>)> = source
        .items
        .iter()
        .enumerate()
        .flat_map(|(at, item)| statements(item).into_iter().enumerate().map(move |(line, statement)| ((at, line), statement)))
        .collect();
    let copies = copies.iter().filter_map(|(place, statement)| copy(statement).map(|(target, value)| (*place, target, value)));
    for (place, target, value) in copies {
        let name = value.text.as_str();
        let unwritten = !writes.contains_key(name) && ports.get(name) != Some(&Direction::Inout);
        let stable = unwritten || (finished(&writes, name, place) && !selected.contains(target));
        let (Some(from), Some(to)) = (value_shape(source, value), source.shape(target)) else { continue };
        if !stable || writes.get(target) != Some(&vec![Some(place)]) || from.width != to.width || !to.reg {
            continue;
        }
        let is_net = source.shape(&value.text).is_some();
        let port = ports.contains_key(target);
        if !port && from.signed == to.signed && (is_net || !selected.contains(target)) {
            replaced.insert(target.to_owned(), value.clone());
        } else {
            assigned.push((target.to_owned(), value.clone()));
        }
    }
    if replaced.is_empty() && assigned.is_empty() {
        return false;
    }
    apply(source, &replaced, assigned);
    true
}

/// The end of a chain: of `b = a; c = b;` both `b` and `c` may go in one round, and what was `c` is then `a`, for `b` is no more.
/// A chain ends, since each of its names is read after its last write.
fn end_of<'a>(mut value: &'a Token, replaced: &'a HashMap<String, Token>) -> &'a Token {
    while let Some(next) = replaced.get(&value.text) {
        value = next;
    }
    value
}

/// The names of which some expression takes bits, or that stand in a process at all.
fn selected(source: &Source) -> HashSet<String> {
    let mut selected = HashSet::new();
    for item in &source.items {
        match item {
            Item::Instance { connections, .. } => {
                for value in connections.iter().map(|c| &c.value).filter(|value| value.len() > 1) {
                    selected.extend(value.iter().map(|t| t.text.clone()));
                }
            }
            Item::Process { statements } => {
                for statement in statements {
                    let reads = if copy(statement).is_some() { &statement[2..] } else { &statement[..] };
                    selected.extend(reads.iter().map(|t| t.text.clone()));
                }
            }
            _ => {}
        }
    }
    selected
}

fn apply(source: &mut Source, replaced: &HashMap<String, Token>, assigned: Vec<(String, Token)>) {
    let gone: HashSet<&str> = replaced.keys().chain(assigned.iter().map(|(name, _)| name)).map(String::as_str).collect();
    for item in &mut source.items {
        if let Item::Process { statements } = item {
            statements.retain(|statement| copy(statement).is_none_or(|(target, _)| !gone.contains(target)));
        }
        for token in item.tokens_mut().filter(|t| t.kind == Kind::Word) {
            // A copy of a copy: as many steps as there are copies at the most.
            for _ in 0..replaced.len() {
                let Some(value) = replaced.get(&token.text) else { break };
                token.kind = value.kind;
                token.text.clone_from(&value.text);
            }
        }
        if let Item::Net { name, shape } = item {
            shape.reg &= !gone.contains(name.as_str());
        }
    }
    for port in source.ports.iter_mut().filter(|port| gone.contains(port.name.as_str())) {
        port.shape.reg = false;
    }
    let process = source.items.iter().position(|item| matches!(item, Item::Process { .. })).unwrap_or(source.items.len());
    let assigns =
        assigned.into_iter().map(|(target, value)| Item::Assign { target, value: vec![end_of(&value, replaced).clone()] });
    source.items.splice(process..process, assigns);
}

fn prune(source: &mut Source, is_output: impl Fn(&str, &str) -> bool) {
    let ports: HashSet<String> = source.ports.iter().map(|port| port.name.clone()).collect();
    let mut mentions: HashMap<String, usize> = HashMap::new();
    for item in &source.items {
        for token in item.tokens().filter(|t| t.kind == Kind::Word) {
            *mentions.entry(token.text.clone()).or_default() += 1;
        }
        if let Item::Assign { target, .. } = item {
            *mentions.entry(target.clone()).or_default() += 1;
        }
    }
    for item in &mut source.items {
        if let Item::Instance { module, connections, .. } = item {
            for connection in connections {
                let Some(port) = &connection.port else { continue };
                if let [value] = connection.value.as_slice()
                    && mentions.get(&value.text) == Some(&1)
                    && !ports.contains(&value.text)
                    && is_output(module, port)
                {
                    mentions.remove(&value.text);
                    connection.value.clear();
                }
            }
        }
    }
    source.items.retain(|item| match item {
        Item::Constant { name, .. } | Item::Net { name, .. } => mentions.contains_key(name),
        _ => true,
    });
}
