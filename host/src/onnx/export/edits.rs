//! Changes of a graph, collected by name and place; [`super::rewrite`] carries them out.
//!
//! Operands of the file's nodes are renamed, nodes and initializers are added, initializers get other data.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::onnx::error::Refusal;
use crate::onnx::proto::{GraphProto, NodeProto, TensorProto};

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
pub(super) enum NewNode {
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
    pub(super) operands: BTreeMap<(usize, usize), String>,
    pub(super) read_instead: HashMap<String, String>,
    pub(super) written_instead: HashMap<String, String>,
    pub(super) tensors: Vec<TensorProto>,
    pub(super) replaced: HashMap<usize, Stored>,
    pub(super) nodes: BTreeMap<Place, Vec<NewNode>>,
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
}
