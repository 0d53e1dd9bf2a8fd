//! Changes of a graph, collected by name and place, and the file with them carried out.
//!
//! Operands of the file's nodes are renamed, nodes and initializers are added, initializers get other data. What nobody reads any
//! more because of that is removed; everything else keeps its bytes.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost::Message;

use super::wire;
use crate::onnx::error::Refusal;
use crate::onnx::proto::{GraphProto, NodeProto, TensorProto};

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

/// Where a new node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Before all nodes of the file.
    First,
    /// Behind this one.
    Behind(usize),
    /// Behind all of them.
    Last,
}

/// A stored tensor's contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Dimensions.
    pub dims: Vec<i64>,
    /// `TensorProto.DataType`.
    pub data_type: i32,
    /// Elements, little-endian, narrow integers packed low bits first.
    pub raw: Vec<u8>,
}

/// A new node.
enum NewNode {
    /// Without attributes.
    Plain(NodeProto),
    /// As a node of the file, attributes and all, with its first input and its first output renamed.
    Copy { of: usize, input: String, output: String },
}

/// The changes.
pub struct Edits<'a> {
    /// The graph as the file has it.
    pub graph: &'a GraphProto,
    taken: HashSet<String>,
    readers: HashMap<&'a str, Vec<(usize, usize)>>,
    producers: HashMap<&'a str, usize>,
    initializers: HashMap<&'a str, usize>,
    operands: BTreeMap<(usize, usize), String>,
    read_instead: HashMap<String, String>,
    written_instead: HashMap<String, String>,
    tensors: Vec<TensorProto>,
    replaced: HashMap<usize, Stored>,
    nodes: BTreeMap<Place, Vec<NewNode>>,
}

impl<'a> Edits<'a> {
    /// No changes of a graph.
    pub fn new(graph: &'a GraphProto) -> Self {
        let mut readers: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
        let mut producers = HashMap::new();
        for (index, node) in graph.node.iter().enumerate() {
            for (slot, name) in node.input.iter().enumerate() {
                readers.entry(name).or_default().push((index, slot));
            }
            producers.extend(node.output.iter().map(|name| (name.as_str(), index)));
        }
        let initializers: HashMap<&str, usize> =
            graph.initializer.iter().enumerate().map(|(index, tensor)| (tensor.name.as_str(), index)).collect();
        let inputs = graph.input.iter().map(|input| input.name.as_str());
        let names = readers.keys().chain(producers.keys()).chain(initializers.keys()).copied().chain(inputs);
        let taken = names.chain(graph.node.iter().map(|node| node.name.as_str())).map(str::to_string).collect();
        let (operands, nodes) = (BTreeMap::new(), BTreeMap::new());
        let (read_instead, written_instead, replaced) = (HashMap::new(), HashMap::new(), HashMap::new());
        let tensors = Vec::new();
        Self { graph, taken, readers, producers, initializers, operands, read_instead, written_instead, tensors, replaced, nodes }
    }

    /// A node of the file.
    pub fn node(&self, index: usize) -> Result<&'a NodeProto, Refusal> {
        self.graph.node.get(index).ok_or_else(|| {
            Refusal::new(format!("no node {index}"), "the file that the network came from", "import this file again")
        })
    }

    /// Name of a node's operand in the file; `None` where it has none.
    pub fn operand(&self, node: usize, slot: usize) -> Result<Option<&'a str>, Refusal> {
        Ok(self.node(node)?.input.get(slot).map(String::as_str).filter(|name| !name.is_empty()))
    }

    /// Nodes and operands that read a value.
    pub fn readers(&self, value: &str) -> &[(usize, usize)] {
        self.readers.get(value).map_or(&[], Vec::as_slice)
    }

    /// The node that writes a value.
    pub fn producer(&self, value: &str) -> Option<usize> {
        self.producers.get(value).copied()
    }

    /// Which initializer a value is.
    pub fn initializer(&self, value: &str) -> Option<usize> {
        self.initializers.get(value).copied()
    }

    /// Whether a value is an output of the graph.
    pub fn is_output(&self, value: &str) -> bool {
        self.graph.output.iter().any(|output| output.name == value)
    }

    /// A name that nothing has, as close to the wish as there is.
    pub fn fresh(&mut self, wish: &str) -> String {
        let numbered = (2..).map(|number| format!("{wish}_{number}"));
        let name = std::iter::once(wish.to_string()).chain(numbered).find(|name| !self.taken.contains(name));
        let name = name.unwrap_or_default();
        self.taken.insert(name.clone());
        name
    }

    /// A new initializer; its name.
    pub fn add_tensor(&mut self, wish: &str, stored: Stored) -> String {
        let name = self.fresh(wish);
        let Stored { dims, data_type, raw: raw_data } = stored;
        self.tensors.push(TensorProto { dims, data_type, raw_data, name: name.clone(), ..TensorProto::default() });
        name
    }

    /// Gives an initializer other data.
    pub fn replace(&mut self, initializer: usize, stored: Stored) {
        self.replaced.insert(initializer, stored);
    }

    /// Gives a node another operand.
    pub fn set_operand(&mut self, node: usize, slot: usize, name: String) {
        self.operands.insert((node, slot), name);
    }

    /// Lets all nodes of the file read another value instead.
    pub fn read_instead(&mut self, value: &str, other: String) {
        self.read_instead.insert(value.to_string(), other);
    }

    /// Lets a value's node write it under another name, which the file's nodes also read; the old name is free for a new node.
    pub fn write_instead(&mut self, value: &str, other: String) {
        self.written_instead.insert(value.to_string(), other);
    }

    /// The name under which a value of the file is written, and the one under which its nodes read it.
    pub fn current(&self, value: &str) -> (String, String) {
        let written = self.written_instead.get(value).map_or(value, String::as_str);
        (written.to_string(), self.read_instead.get(value).map_or(written, String::as_str).to_string())
    }

    /// Adds a node without attributes; `output` is its name, too.
    pub fn add_node(&mut self, place: Place, op_type: &str, input: Vec<String>, output: &str) {
        let (name, op_type, output) = (output.to_string(), op_type.to_string(), vec![output.to_string()]);
        let node = NodeProto { input, output, name, op_type, ..NodeProto::default() };
        self.nodes.entry(place).or_default().push(NewNode::Plain(node));
    }

    /// Adds a copy of a node with another first input; the name of its output.
    pub fn copy_node(&mut self, of: usize, input: String, wish: &str) -> String {
        let output = self.fresh(wish);
        self.nodes.entry(Place::Behind(of)).or_default().push(NewNode::Copy { of, input, output: output.clone() });
        output
    }

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
