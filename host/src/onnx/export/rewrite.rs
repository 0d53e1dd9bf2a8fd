//! The file with the edits of its graph: what nobody reads any more because of them is removed, everything else keeps its bytes.

use std::collections::{HashMap, HashSet};

use prost::Message;

use super::edits::{Edits, NewNode, Place};
use super::wire;

/// Field numbers of onnx.proto3.
mod field {
    pub const MODEL_GRAPH: u64 = 7;
    pub const NODE: u64 = 1;
    pub const INITIALIZER: u64 = 5;
    pub const GRAPH_INPUT: u64 = 11;
    pub const VALUE_INFO: u64 = 13;
    pub const NODE_INPUT: u64 = 1;
    pub const NODE_OUTPUT: u64 = 2;
    pub const NODE_NAME: u64 = 3;
    pub const DIMS: u64 = 1;
    pub const INT32_DATA: u64 = 5;
    pub const RAW_DATA: u64 = 9;
}

impl<'a> Edits<'a> {
    fn is_empty(&self) -> bool {
        let renamed = self.operands.len() + self.read_instead.len() + self.written_instead.len();
        renamed + self.tensors.len() + self.replaced.len() + self.nodes.len() == 0
    }

    /// What a node of the file reads at last.
    fn reads<'s>(&'s self, node: usize, slot: usize, name: &'s str) -> &'s str {
        let renamed = || self.read_instead.get(name).or_else(|| self.written_instead.get(name));
        self.operands.get(&(node, slot)).or_else(renamed).map_or(name, String::as_str)
    }

    /// Values that had a reader in the file and have none now, and the nodes that made nothing else.
    fn unread(&self) -> (HashSet<&'a str>, HashSet<usize>) {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for (index, node) in self.graph.node.iter().enumerate() {
            for (slot, name) in node.input.iter().enumerate() {
                *counts.entry(self.reads(index, slot, name)).or_default() += 1;
            }
        }
        for node in self.nodes.values().flatten() {
            let inputs: Vec<&str> = match node {
                NewNode::Plain(node) => node.input.iter().map(String::as_str).collect(),
                NewNode::Copy { of, input, .. } => {
                    let rest = self.graph.node.get(*of).into_iter().flat_map(|node| node.input.iter().skip(1));
                    std::iter::once(input).chain(rest).map(String::as_str).collect()
                }
            };
            inputs.into_iter().for_each(|name| *counts.entry(name).or_default() += 1);
        }
        self.graph.output.iter().for_each(|output| *counts.entry(&output.name).or_default() += 1);
        let operand = |&(node, slot): &(usize, usize)| Some(self.graph.node.get(node)?.input.get(slot)?.as_str());
        let mut candidates: Vec<&str> = self.operands.keys().filter_map(operand).collect();
        let (mut values, mut nodes) = (HashSet::new(), HashSet::new());
        while let Some(value) = candidates.pop() {
            if value.is_empty() || counts.get(value).is_some_and(|&count| count > 0) {
                continue;
            }
            let Some(producer) = self.producer(value) else {
                values.extend(self.initializer(value).map(|_| value));
                continue;
            };
            let outputs = self.graph.node.get(producer).map_or(&[][..], |node| node.output.as_slice());
            if outputs.iter().any(|name| counts.get(name.as_str()).is_some_and(|&count| count > 0)) || !nodes.insert(producer) {
                continue;
            }
            values.extend(outputs.iter().map(String::as_str));
            for (slot, name) in self.graph.node[producer].input.iter().enumerate() {
                if let Some(count) = counts.get_mut(self.reads(producer, slot, name)) {
                    *count = count.saturating_sub(1);
                }
                candidates.push(name);
            }
        }
        (values, nodes)
    }

    /// The file with the changes; `None` if it is not what the graph was read from.
    pub fn apply(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.is_empty() {
            return Some(bytes.to_vec());
        }
        let fields = wire::fields(bytes)?;
        if fields.iter().filter(|field| field.number == field::MODEL_GRAPH).count() != 1 {
            return None;
        }
        let mut out = Vec::with_capacity(bytes.len());
        for field in fields {
            match field.number {
                field::MODEL_GRAPH => wire::put(&mut out, field.number, &self.apply_to_graph(field.body?)?),
                _ => out.extend_from_slice(field.whole),
            }
        }
        Some(out)
    }

    fn apply_to_graph(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let fields = wire::fields(bytes)?;
        let (values, removed) = self.unread();
        let bodies: Vec<&[u8]> =
            fields.iter().filter(|field| field.number == field::NODE).filter_map(|field| field.body).collect();
        let mut out = Vec::with_capacity(bytes.len());
        self.put_new_nodes(&mut out, Place::First, &bodies)?;
        let (mut node, mut initializer) = (0, 0);
        for field in &fields {
            match field.number {
                field::NODE => {
                    if !removed.contains(&node) {
                        self.put_node(&mut out, node, field)?;
                    }
                    self.put_new_nodes(&mut out, Place::Behind(node), &bodies)?;
                    node += 1;
                }
                field::INITIALIZER => {
                    if !values.contains(self.graph.initializer.get(initializer)?.name.as_str()) {
                        self.put_initializer(&mut out, initializer, field)?;
                    }
                    initializer += 1;
                }
                // An input that is also an initializer goes with it; so do the types of values that are gone.
                field::GRAPH_INPUT | field::VALUE_INFO if values.contains(name_of(field.body?)?) => {}
                _ => out.extend_from_slice(field.whole),
            }
        }
        self.put_new_nodes(&mut out, Place::Last, &bodies)?;
        self.tensors.iter().for_each(|tensor| wire::put(&mut out, field::INITIALIZER, &tensor.encode_to_vec()));
        Some(out)
    }

    fn put_node(&self, out: &mut Vec<u8>, index: usize, field: &wire::Field<'_>) -> Option<()> {
        let node = self.graph.node.get(index)?;
        let inputs: Vec<&str> = node.input.iter().enumerate().map(|(slot, name)| self.reads(index, slot, name)).collect();
        let written = |name: &'a String| self.written_instead.get(name).unwrap_or(name).as_str();
        let outputs: Vec<&str> = node.output.iter().map(written).collect();
        if node.input.iter().eq(&inputs) && node.output.iter().eq(&outputs) {
            out.extend_from_slice(field.whole);
        } else {
            wire::put(out, field::NODE, &renamed(field.body?, &inputs, &outputs, None)?);
        }
        Some(())
    }

    fn put_new_nodes(&self, out: &mut Vec<u8>, place: Place, bodies: &[&[u8]]) -> Option<()> {
        for node in self.nodes.get(&place).into_iter().flatten() {
            let body = match node {
                NewNode::Plain(node) => node.encode_to_vec(),
                NewNode::Copy { of, input, output } => {
                    let original = self.graph.node.get(*of)?;
                    let inputs: Vec<&str> =
                        std::iter::once(input).chain(original.input.iter().skip(1)).map(String::as_str).collect();
                    renamed(bodies.get(*of)?, &inputs, &[output], Some(output))?
                }
            };
            wire::put(out, field::NODE, &body);
        }
        Some(())
    }

    fn put_initializer(&self, out: &mut Vec<u8>, index: usize, field: &wire::Field<'_>) -> Option<()> {
        let Some(stored) = self.replaced.get(&index) else {
            out.extend_from_slice(field.whole);
            return Some(());
        };
        let same_dims = self.graph.initializer.get(index)?.dims == stored.dims;
        let mut body = Vec::with_capacity(stored.raw.len() + 64);
        for field in wire::fields(field.body?)? {
            match field.number {
                field::INT32_DATA | field::RAW_DATA => {}
                field::DIMS if !same_dims => {}
                _ => body.extend_from_slice(field.whole),
            }
        }
        if !same_dims {
            stored.dims.iter().for_each(|&dim| wire::put_number(&mut body, field::DIMS, dim));
        }
        wire::put(&mut body, field::RAW_DATA, &stored.raw);
        wire::put(out, field::INITIALIZER, &body);
        Some(())
    }
}

/// A `NodeProto` with other operands, and with another name if there is one.
fn renamed(body: &[u8], inputs: &[&str], outputs: &[&str], name: Option<&str>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len() + 64);
    let (mut inputs, mut outputs) = (inputs.iter(), outputs.iter());
    for field in wire::fields(body)? {
        match (field.number, name) {
            (field::NODE_INPUT, _) => wire::put(&mut out, field.number, inputs.next()?.as_bytes()),
            (field::NODE_OUTPUT, _) => wire::put(&mut out, field.number, outputs.next()?.as_bytes()),
            (field::NODE_NAME, Some(name)) => wire::put(&mut out, field.number, name.as_bytes()),
            _ => out.extend_from_slice(field.whole),
        }
    }
    Some(out)
}

/// The name of a `ValueInfoProto`: its first field.
fn name_of(body: &[u8]) -> Option<&str> {
    let name = wire::fields(body)?.into_iter().rev().find(|field| field.number == 1).and_then(|field| field.body);
    std::str::from_utf8(name.unwrap_or_default()).ok()
}
