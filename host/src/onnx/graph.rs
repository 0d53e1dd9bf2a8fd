//! The file's graph with names resolved: who produces a value, who reads it, and an order to visit the nodes in.
//!
//! Order: first everything that depends on constants only (so that scales are known wherever they are asked for), then
//! the rest; within each, the file's order as far as it is topological.

use prost::Message;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::constant::{self, Constant, dtype, type_name};
use super::error::{ImportError, Refusal, quoted};
use super::proto::{DimensionValue, FunctionProto, GraphProto, ModelProto, NodeProto, TensorShapeProto, ValueInfoProto};
use crate::network::{DType, Dim, MAX_RANK, Tensor};
use std::sync::Arc;

/// Oldest and newest opset of the operators' rules here; onnxruntime 1.31 ends at the same.
pub(crate) const OPSETS: std::ops::RangeInclusive<i64> = 10..=26;
/// Longest symbol: bounds what a few bytes can make us copy.
const MAX_SYMBOL: usize = 256;
const DAMAGED: &str = "run onnx.checker.check_model on it and export it again";

/// Index of a value (an edge of the file's graph).
pub(crate) type ValueId = usize;

/// A node with its names resolved.
pub(crate) struct GraphNode<'a> {
    /// Its place in the file.
    pub index: usize,
    pub proto: &'a NodeProto,
    /// The node's name; a nameless node goes by its first output.
    pub label: &'a str,
    pub inputs: Vec<Option<ValueId>>,
    pub outputs: Vec<Option<ValueId>>,
}

impl GraphNode<'_> {
    /// Operator, with its domain unless that is ONNX's own.
    pub fn operator(&self) -> String {
        let op_type = quoted(&self.proto.op_type);
        let op_type = op_type.trim_matches('"');
        match domain(&self.proto.domain) {
            "" => op_type.to_string(),
            domain => format!("{}.{op_type}", quoted(domain).trim_matches('"')),
        }
    }

    pub fn is(&self, op_type: &str) -> bool {
        rules(self.proto).is_empty() && self.proto.op_type == op_type
    }

    pub fn refuse(&self, refusal: Refusal) -> ImportError {
        let Refusal { found, supported, advice } = refusal;
        ImportError::Node { node: quoted(self.label), operator: self.operator(), found, supported, advice }
    }
}

/// An edge of the graph.
#[derive(Default)]
pub(crate) struct GraphValue<'a> {
    pub name: &'a str,
    /// Nodes that read it, once for each time they do.
    pub readers: Vec<usize>,
    pub is_output: bool,
    producer: Option<usize>,
    defined: bool,
    constant: bool,
}

/// An input of the graph.
pub(crate) struct GraphInput {
    pub value: ValueId,
    pub dtype: DType,
    /// Width of its integers: see [`Constant::bits`].
    pub bits: u8,
    pub shape: Option<Vec<Dim>>,
}

/// The graph.
pub(crate) struct Graph<'a> {
    pub name: &'a str,
    pub opset: i64,
    pub nodes: Vec<GraphNode<'a>>,
    /// Indices of `nodes` in the order to visit them.
    pub order: Vec<usize>,
    pub values: Vec<GraphValue<'a>>,
    pub inputs: Vec<GraphInput>,
    pub outputs: Vec<ValueId>,
    pub constants: Vec<(ValueId, Constant)>,
    /// Nodes without an effect of their own: they give a value another name, or compute what an earlier node does.
    pub removed: HashSet<usize>,
    /// For an earlier node, those that compute the same.
    pub merged: HashMap<usize, Vec<usize>>,
    /// Functions that the file defines.
    functions: &'a [FunctionProto],
}

/// ONNX's own domain has two names.
pub(crate) fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

/// The domain whose rules a node follows: QuantizeLinear and DequantizeLinear of onnxruntime's own domain are ONNX's.
pub(crate) fn rules(node: &NodeProto) -> &str {
    match (domain(&node.domain), node.op_type.as_str()) {
        ("com.microsoft", "QuantizeLinear" | "DequantizeLinear") => "",
        (domain, _) => domain,
    }
}

impl<'a> Graph<'a> {
    /// Resolves a model; the inputs that `given` names are constants.
    pub fn new(model: &'a ModelProto, given: &HashMap<String, Tensor>) -> Result<Self, ImportError> {
        let opset = opset(model)?;
        let Some(proto) = &model.graph else {
            let refusal = Refusal::new("no graph", "a model with a graph", "check that the file is a .onnx model");
            return Err(refusal.of_model());
        };
        if !proto.sparse_initializer.is_empty() {
            let advice = "store the weights as dense initializers";
            return Err(Refusal::new("sparse initializers", "dense initializers", advice).of_model());
        }
        let mut names = HashMap::new();
        let mut graph = Self {
            name: &proto.name,
            opset,
            nodes: Vec::with_capacity(proto.node.len()),
            order: Vec::new(),
            values: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            constants: Vec::new(),
            removed: HashSet::new(),
            merged: HashMap::new(),
            functions: &model.functions,
        };
        graph.define_given(proto, given, &mut names)?;
        graph.define_nodes(proto, &mut names)?;
        for output in &proto.output {
            let id = graph.value(&output.name, &mut names);
            graph.values[id].is_output = true;
            graph.outputs.push(id);
        }
        if graph.outputs.is_empty() {
            return Err(Refusal::new("no outputs", "at least one output", DAMAGED).of_model());
        }
        graph.check_defined()?;
        graph.sort()?;
        Ok(graph)
    }

    /// Whether the file itself defines an operator.
    pub fn has_function(&self, of: &str, name: &str) -> bool {
        self.functions.iter().any(|function| domain(&function.domain) == of && function.name == name)
    }

    fn value(&mut self, name: &'a str, names: &mut HashMap<&'a str, ValueId>) -> ValueId {
        *names.entry(name).or_insert_with(|| {
            self.values.push(GraphValue { name, ..GraphValue::default() });
            self.values.len() - 1
        })
    }

    fn define(&mut self, name: &'a str, names: &mut HashMap<&'a str, ValueId>) -> Result<ValueId, ImportError> {
        let id = self.value(name, names);
        if std::mem::replace(&mut self.values[id].defined, true) {
            return Err(Refusal::new("two definitions", "one", DAMAGED).of_tensor(name));
        }
        Ok(id)
    }

    /// Initializers and inputs. An initializer that is also listed as an input (IR 3) is a constant.
    fn define_given(
        &mut self,
        proto: &'a GraphProto,
        given: &HashMap<String, Tensor>,
        names: &mut HashMap<&'a str, ValueId>,
    ) -> Result<(), ImportError> {
        for initializer in &proto.initializer {
            let id = self.define(&initializer.name, names)?;
            self.values[id].constant = true;
            self.constants.push((id, constant::read(initializer)?));
        }
        if let Some(unknown) = given.keys().find(|name| !proto.input.iter().any(|input| input.name == **name)) {
            let inputs: Vec<_> = proto.input.iter().map(|input| quoted(&input.name)).collect();
            let advice = "name one of them";
            return Err(Refusal::new("no input of this name", inputs.join(", "), advice).of_tensor(unknown));
        }
        for input in &proto.input {
            if names.get(input.name.as_str()).is_some_and(|&id| self.values[id].constant) {
                continue;
            }
            let value = self.define(&input.name, names)?;
            let (dtype, bits, shape) = input_type(input).map_err(|refusal| refusal.of_tensor(&input.name))?;
            if let Some(tensor) = given.get(&input.name) {
                if tensor.dtype() != dtype {
                    let found = format!("a constant of {} for an input of {dtype}", tensor.dtype());
                    return Err(Refusal::new(found, "the type of the input", "convert it first").of_tensor(&input.name));
                }
                self.values[value].constant = true;
                self.constants.push((value, Constant { tensor: Arc::new(tensor.clone()), bits: 8 }));
                continue;
            }
            self.inputs.push(GraphInput { value, dtype, bits, shape });
        }
        Ok(())
    }

    fn define_nodes(&mut self, proto: &'a GraphProto, names: &mut HashMap<&'a str, ValueId>) -> Result<(), ImportError> {
        let outputs: HashSet<&str> = proto.output.iter().map(|output| output.name.as_str()).collect();
        let mut quantizers = HashMap::new();
        for (index, node) in proto.node.iter().enumerate() {
            let first_output = node.output.first().map_or("", String::as_str);
            let label = if node.name.is_empty() { first_output } else { &node.name };
            let mut resolved = GraphNode { index, proto: node, label, inputs: Vec::new(), outputs: Vec::new() };
            if let Some((other, value)) = self.same_value((index, node), &outputs, names, &mut quantizers) {
                names.insert(first_output, value);
                self.removed.insert(index);
                if other != index {
                    self.merged.entry(other).or_default().push(index);
                }
                self.nodes.push(resolved);
                continue;
            }
            for name in &node.input {
                let id = (!name.is_empty()).then(|| self.value(name, names));
                if let Some(id) = id {
                    self.values[id].readers.push(index);
                }
                resolved.inputs.push(id);
            }
            for name in &node.output {
                let id = if name.is_empty() { None } else { Some(self.define(name, names)?) };
                if let Some(id) = id {
                    self.values[id].producer = Some(index);
                }
                resolved.outputs.push(id);
            }
            self.nodes.push(resolved);
        }
        Ok(())
    }

    /// The value that a node's only output is, if another name has it already, and the node that gives it: the input of an Identity or
    /// of a Dropout in inference, or what an equal QuantizeLinear gives. onnxruntime removes these first, so that what is around
    /// them meets. Outputs of the graph keep nodes of their own.
    fn same_value(
        &self,
        (index, node): (usize, &'a NodeProto),
        outputs: &HashSet<&str>,
        names: &HashMap<&'a str, ValueId>,
        quantizers: &mut HashMap<Vec<u8>, (usize, &'a str)>,
    ) -> Option<(usize, ValueId)> {
        let [output] = node.output.as_slice() else { return None };
        if !rules(node).is_empty()
            || outputs.contains(output.as_str())
            || output.is_empty()
            || names.contains_key(output.as_str())
        {
            return None;
        }
        // A value of an earlier node, or a given one.
        let known = |name: &str| names.get(name).copied().filter(|&id| self.values[id].defined);
        match (node.op_type.as_str(), node.input.as_slice()) {
            ("Identity", [input]) if node.attribute.is_empty() => known(input).map(|value| (index, value)),
            ("Dropout", [input] | [input, _]) => known(input).map(|value| (index, value)),
            ("QuantizeLinear", operands) => {
                // Of the same values: onnxruntime does not compare constants of different names.
                let ids: Option<Vec<ValueId>> = operands.iter().map(|name| known(name)).collect();
                let mut key = domain(&node.domain).as_bytes().to_vec();
                key.extend(ids?.iter().flat_map(|id| id.to_le_bytes()));
                node.attribute.iter().for_each(|attribute| key.extend(attribute.encode_to_vec()));
                let (first, name) = *quantizers.entry(key).or_insert((index, output.as_str()));
                (first != index).then(|| known(name)).flatten().map(|value| (first, value))
            }
            _ => None,
        }
    }

    fn check_defined(&self) -> Result<(), ImportError> {
        match self.values.iter().find(|value| !value.defined) {
            None => Ok(()),
            Some(value) => {
                let reader = value.readers.first().map(|&node| quoted(self.nodes[node].label));
                let reader = reader.map_or_else(|| "the graph's list of outputs".to_string(), |node| format!("node {node}"));
                let found = format!("no definition, but {reader} refers to it");
                let supported = "initializers, graph inputs and outputs of nodes";
                Err(Refusal::new(found, supported, DAMAGED).of_tensor(value.name))
            }
        }
    }

    fn sort(&mut self) -> Result<(), ImportError> {
        let mut waiting: Vec<usize> = Vec::with_capacity(self.nodes.len());
        let mut constant = vec![true; self.nodes.len()];
        let mut ready = BinaryHeap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let produced = node.inputs.iter().flatten().filter(|&&id| self.values[id].producer.is_some()).count();
            let given = |&id: &ValueId| !self.values[id].constant && self.values[id].producer.is_none();
            constant[index] = !node.inputs.iter().flatten().any(given);
            waiting.push(produced);
            if produced == 0 {
                ready.push(Reverse(index));
            }
        }
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(Reverse(index)) = ready.pop() {
            order.push(index);
            for &id in self.nodes[index].outputs.iter().flatten() {
                for &reader in &self.values[id].readers {
                    constant[reader] &= constant[index];
                    waiting[reader] -= 1;
                    if waiting[reader] == 0 {
                        ready.push(Reverse(reader));
                    }
                }
            }
        }
        if let Some(stuck) = waiting.iter().position(|&count| count > 0) {
            return Err(self.nodes[stuck].refuse(Refusal::new("a cycle", "graphs without cycles", DAMAGED)));
        }
        order.retain(|index| !self.removed.contains(index));
        let (first, rest): (Vec<usize>, Vec<usize>) = order.into_iter().partition(|&index| constant[index]);
        self.order = first.into_iter().chain(rest).collect();
        Ok(())
    }
}

fn opset(model: &ModelProto) -> Result<i64, ImportError> {
    let supported = format!("opset {} to {}", OPSETS.start(), OPSETS.end());
    let mut own = model.opset_import.iter().filter(|import| domain(&import.domain).is_empty());
    let (found, advice) = match own.next() {
        Some(import) if OPSETS.contains(&import.version) => return Ok(import.version),
        Some(import) => (
            format!("opset {}", import.version),
            format!("convert it: onnx.version_converter.convert_version(model, {})", OPSETS.end().min(&21)),
        ),
        None => ("no opset of ONNX's own operators".to_string(), "export the model again; the file is damaged".into()),
    };
    Err(Refusal::new(found, supported, advice).of_model())
}

fn input_type(input: &ValueInfoProto) -> Result<(DType, u8, Option<Vec<Dim>>), Refusal> {
    let Some(tensor) = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()) else {
        return Err(Refusal::new("an input that is not a tensor", "tensors", "export the model with tensor inputs"));
    };
    let found = constant::packed(tensor.elem_type).or_else(|| dtype(tensor.elem_type).map(|dtype| (dtype, 8)));
    let Some((dtype, bits)) = found else {
        return Err(Refusal::new(
            format!("an input of {}", type_name(tensor.elem_type)),
            "float32, integers of 8, 4 and 2 bits, int32 and int64",
            "export the model with a float32 input",
        ));
    };
    Ok((dtype, bits, tensor.shape.as_ref().map(dimensions).transpose()?))
}

fn dimensions(shape: &TensorShapeProto) -> Result<Vec<Dim>, Refusal> {
    if shape.dim.len() > MAX_RANK {
        let found = format!("{} dimensions", shape.dim.len());
        return Err(Refusal::new(found, format!("up to {MAX_RANK}"), "reshape the model's input"));
    }
    let dimension = |value: &Option<DimensionValue>| match value {
        Some(DimensionValue::Size(size)) => usize::try_from(*size).map_or(Dim::Unknown, Dim::Fixed),
        Some(DimensionValue::Symbol(name)) if !name.is_empty() && name.len() <= MAX_SYMBOL => Dim::Symbolic(name.clone()),
        _ => Dim::Unknown,
    };
    Ok(shape.dim.iter().map(|dim| dimension(&dim.value)).collect())
}
