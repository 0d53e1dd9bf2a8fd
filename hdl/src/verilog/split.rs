//! One process into independent ones, and single assignments into `assign`.
//!
//! ```text
//! always @(*) begin                 assign ready = free & enable;
//!     ready = free & enable;        always @(*) begin
//!     next = q;               -->       next = q;
//!     if (ready) next = d;              if (ready) begin next = d; end
//! end                               end
//! ```
//!
//! rust-hdl writes all logic of a block into one `always @(*)`. A tool that treats a process as a whole then sees loops
//! between blocks where there are none (Verilator's UNOPTFLAT), and an event-driven simulator evaluates everything for
//! every change.
//!
//! Statements stay together, in their order, when they write a common name, or when one reads a name before its last
//! write. Whoever reads it later reads its final value, and that any process may. Groups that would wait for each other
//! stay together too. So every name has the value that it had.

use std::collections::{HashMap, HashSet};

use super::source::{Item, Source};
use super::token::{Kind, Token};
use super::wiring::targets;

/// Splits every process of a module.
pub(super) fn processes(source: &mut Source) {
    let items = std::mem::take(&mut source.items);
    let nets: HashSet<&str> = source.ports.iter().map(|port| port.name.as_str()).collect();
    let nets: HashSet<String> = nets
        .into_iter()
        .chain(items.iter().filter_map(|item| match item {
            Item::Net { name, .. } => Some(name.as_str()),
            _ => None,
        }))
        .map(str::to_owned)
        .collect();
    for item in items {
        match item {
            Item::Process { statements } => source.items.extend(split(statements, &nets)),
            item => source.items.push(item),
        }
    }
    let assigned: HashSet<String> = source
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Assign { target, .. } => Some(target.clone()),
            _ => None,
        })
        .collect();
    for item in &mut source.items {
        if let Item::Net { name, shape } = item {
            shape.reg &= !assigned.contains(name);
        }
    }
    for port in &mut source.ports {
        port.shape.reg &= !assigned.contains(&port.name);
    }
}

fn split(statements: Vec<Vec<Token>>, nets: &HashSet<String>) -> Vec<Item> {
    let mut groups = Groups::of(&statements, nets);
    groups.close_loops();
    let mut parts: Vec<(usize, Vec<Vec<Token>>)> = Vec::new();
    for (at, statement) in statements.into_iter().enumerate() {
        let group = groups.root(at);
        match parts.iter_mut().find(|(known, _)| *known == group) {
            Some((_, part)) => part.push(statement),
            None => parts.push((group, vec![statement])),
        }
    }
    let (mut assigns, mut processes) = (Vec::new(), Vec::new());
    for (_, part) in parts {
        match assignment(&part) {
            Some(assign) => assigns.push(assign),
            None => processes.push(Item::Process { statements: part }),
        }
    }
    assigns.extend(processes);
    assigns
}

/// `target = value;` alone.
fn assignment(part: &[Vec<Token>]) -> Option<Item> {
    let [statement] = part else { return None };
    let [target, equals, value @ .., end] = statement.as_slice() else { return None };
    let plain = target.kind == Kind::Word && equals.is("=") && end.is(";") && !value.is_empty();
    plain.then(|| Item::Assign { target: target.text.clone(), value: value.to_vec() })
}

/// Statements that stay together: a forest over their numbers, and which of them read what others wrote.
struct Groups {
    parents: Vec<usize>,
    /// Reader and one writer of the same name.
    reads: Vec<(usize, usize)>,
}

impl Groups {
    fn of(statements: &[Vec<Token>], nets: &HashSet<String>) -> Self {
        let mut groups = Self { parents: (0..statements.len()).collect(), reads: Vec::new() };
        let mut writers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, statement) in statements.iter().enumerate() {
            for target in targets(statement).into_iter().filter(|target| nets.contains(*target)) {
                writers.entry(target).or_default().push(at);
            }
        }
        let mut silent = Vec::new();
        for (at, statement) in statements.iter().enumerate() {
            let mut reads_net = false;
            let written = targets(statement);
            for token in statement.iter().filter(|token| token.kind == Kind::Word && nets.contains(&token.text)) {
                reads_net |= !written.contains(&token.text.as_str());
                let Some(writers) = writers.get(token.text.as_str()) else { continue };
                let (first, last) = (writers[0], writers[writers.len() - 1]);
                if at <= last {
                    groups.join(at, first);
                } else {
                    groups.reads.push((at, first));
                }
            }
            if !reads_net {
                silent.push(at);
            }
        }
        groups.wake(statements, &silent);
        groups
    }

    /// A process that reads nothing never runs, unless it is an `assign`: it joins the first one that reads.
    fn wake(&mut self, statements: &[Vec<Token>], silent: &[usize]) {
        let loud: HashSet<usize> = (0..statements.len()).filter(|at| !silent.contains(at)).map(|at| self.root(at)).collect();
        let assigns = |groups: &Self, at: usize| {
            let root = groups.root(at);
            let alone = (0..statements.len()).filter(|other| groups.root(*other) == root).count() == 1;
            alone && assignment(&statements[at..=at]).is_some()
        };
        let Some(host) = loud.iter().copied().min_by_key(|at| (assigns(self, *at), *at)) else { return };
        for &at in silent {
            if !loud.contains(&self.root(at)) && !assigns(self, at) {
                self.join(at, host);
            }
        }
    }

    fn root(&self, mut at: usize) -> usize {
        while self.parents[at] != at {
            at = self.parents[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b);
    }

    /// Joins groups of which each reads the other, directly or through others.
    fn close_loops(&mut self) {
        loop {
            let mut sources: HashMap<usize, HashSet<usize>> = HashMap::new();
            for &(reader, writer) in &self.reads {
                let (reader, writer) = (self.root(reader), self.root(writer));
                if reader != writer {
                    sources.entry(reader).or_default().insert(writer);
                }
            }
            let Some((a, b)) = find_loop(&sources) else { return };
            self.join(a, b);
        }
    }
}

/// Two neighbours on some loop.
fn find_loop(sources: &HashMap<usize, HashSet<usize>>) -> Option<(usize, usize)> {
    let mut starts: Vec<usize> = sources.keys().copied().collect();
    starts.sort_unstable();
    for start in starts {
        let mut seen = HashSet::new();
        let mut open: Vec<usize> = vec![start];
        while let Some(at) = open.pop() {
            let mut next: Vec<usize> = sources.get(&at).into_iter().flatten().copied().collect();
            next.sort_unstable();
            for next in next {
                if next == start {
                    return Some((start, at));
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
    }
    None
}
