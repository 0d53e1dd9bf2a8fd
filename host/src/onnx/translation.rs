//! The importer's state: what each value of the file's graph is by now, and the network built so far.
//!
//! Quantization is recognised by what values *are*, not by the names of patterns:
//!
//! ```text
//!   constant ──DequantizeLinear──▶ DequantizedConstant      folded; keeps its integers
//!   tensor   ──DequantizeLinear──▶ Dequantized              lazy: nothing is emitted yet
//!   Dequantized ──Relu, Flatten──▶ Dequantized              they commute with it, so they act on the integers
//!   Dequantized ──QuantizeLinear, same parameters──▶ tensor the two cancel
//!   Dequantized ──Conv, Gemm──▶ integer layer               its epilogue takes (Relu and) QuantizeLinear with it
//!   Dequantized ──anything else──▶ Dequantize is emitted, once, and float32 goes on
//! ```

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::error::{ImportError, Refusal};
use super::graph::{Graph, GraphNode, ValueId};
use super::ops::quantization;
use crate::network::{
    DType, Dequantize, Dim, MAX_ELEMENTS, Network, Node, Op, QuantParams, Quantize, Tensor, TensorId, TensorInfo,
};

/// Constants may be copied into several layers; all copies together stay below this many times the file, or below
/// [`FREE_BYTES`] if that is more. So memory is bounded by the file's size.
const COPIES: usize = 8;
const FREE_BYTES: usize = 64 << 20;

/// What a value is.
#[derive(Clone)]
pub(crate) enum Value {
    /// Not computed yet, or an output that its node does not give.
    Undefined,
    /// A tensor of the network.
    Tensor(TensorId),
    /// A constant.
    Constant(Rc<Tensor>),
    /// A constant behind DequantizeLinear.
    DequantizedConstant(Rc<Tensor>, Rc<Quantize>),
    /// A tensor of the network behind DequantizeLinear; the last is the float32 tensor, once somebody needed it.
    Dequantized(TensorId, Rc<Quantize>, Option<TensorId>),
}

/// What a layer's output goes through before anybody else sees it.
pub(crate) struct Epilogue {
    pub relu: bool,
    pub quantizer: QuantParams,
    /// The value that the quantizer writes.
    pub output: ValueId,
}

/// The importer's state.
pub(crate) struct Translation<'a> {
    pub graph: &'a Graph<'a>,
    pub network: Network,
    values: Vec<Value>,
    absorbed: HashSet<usize>,
    layer_names: HashMap<String, usize>,
    budget: Cell<usize>,
}

impl<'a> Translation<'a> {
    pub fn new(graph: &'a Graph<'a>, constants: Vec<(ValueId, Tensor)>, file_bytes: usize) -> Self {
        let mut this = Self {
            graph,
            network: Network { name: graph.name.to_string(), ..Network::default() },
            values: vec![Value::Undefined; graph.values.len()],
            absorbed: HashSet::new(),
            layer_names: HashMap::new(),
            budget: Cell::new(file_bytes.saturating_mul(COPIES).max(FREE_BYTES)),
        };
        for (id, tensor) in constants {
            this.values[id] = Value::Constant(Rc::new(tensor));
        }
        for input in &graph.inputs {
            let (name, shape) = (graph.values[input.value].name.to_string(), input.shape.clone());
            let id = this.add_tensor(TensorInfo { name, dtype: input.dtype, shape, quant: None, constant: None });
            this.network.inputs.push(id);
            this.values[input.value] = Value::Tensor(id);
        }
        this
    }

    /// The finished network.
    pub fn finish(mut self) -> Result<Network, ImportError> {
        for &output in &self.graph.outputs {
            let name = self.graph.values[output].name;
            let id = match &self.values[output] {
                Value::Tensor(id) => *id,
                _ => self.materialise(output).map_err(|refusal| refusal.of_tensor(name))?,
            };
            self.network.outputs.push(id);
            self.network.output_names.push(name.to_string());
        }
        Ok(self.network)
    }

    fn add_tensor(&mut self, info: TensorInfo) -> TensorId {
        self.network.tensors.push(info);
        TensorId(self.network.tensors.len() - 1)
    }

    /// True for nodes that an earlier layer has taken with it.
    pub fn is_absorbed(&self, node: usize) -> bool {
        self.absorbed.contains(&node)
    }

    /// Value of a required operand.
    pub fn operand(&self, node: &GraphNode<'_>, index: usize, name: &str) -> Result<ValueId, Refusal> {
        node.inputs
            .get(index)
            .copied()
            .flatten()
            .ok_or_else(|| Refusal::new(format!("no input {name}"), "nodes with all required inputs", "export the model again"))
    }

    /// The node's first output.
    pub fn result(&self, node: &GraphNode<'_>) -> Result<ValueId, Refusal> {
        node.outputs.first().copied().flatten().ok_or_else(|| Refusal::new("no output", "one", "export the model again"))
    }

    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id]
    }

    pub fn set(&mut self, id: ValueId, value: Value) {
        self.values[id] = value;
    }

    /// Accounts for a copy of constant data.
    pub fn charge(&self, bytes: usize) -> Result<(), Refusal> {
        match self.budget.get().checked_sub(bytes) {
            Some(rest) => {
                self.budget.set(rest);
                Ok(())
            }
            None => Err(Refusal::new(
                "constants that are used so often that their copies outgrow the file by far",
                format!("copies of up to {COPIES} times the file"),
                "check that the file is what it should be",
            )),
        }
    }

    /// A network tensor for a value in float32 (or in its own type, if it is no quantized one).
    pub fn materialise(&mut self, id: ValueId) -> Result<TensorId, Refusal> {
        let name = self.graph.values[id].name;
        match self.values[id].clone() {
            Value::Undefined => Err(Refusal::new("a value that no node gives", "outputs of nodes", "export it again")),
            Value::Tensor(tensor) | Value::Dequantized(_, _, Some(tensor)) => Ok(tensor),
            Value::Constant(tensor) => {
                let tensor = self.add_constant(name, &tensor, None)?;
                self.values[id] = Value::Tensor(tensor);
                Ok(tensor)
            }
            Value::DequantizedConstant(tensor, params) => {
                let integers = self.add_constant(&format!("{name}_quantized"), &tensor, params.per_tensor())?;
                self.values[id] = Value::Dequantized(integers, params, None);
                self.materialise(id)
            }
            Value::Dequantized(tensor, params, None) => {
                let op = Op::Dequantize(Dequantize(params.as_ref().clone()));
                let float = self.emit(name, name, op, tensor, DType::F32, None)?;
                self.values[id] = Value::Dequantized(tensor, params, Some(float));
                Ok(float)
            }
        }
    }

    fn add_constant(&mut self, name: &str, tensor: &Tensor, quant: Option<QuantParams>) -> Result<TensorId, Refusal> {
        self.charge(tensor.data().len().saturating_mul(8))?;
        let shape = tensor.shape().iter().map(|&size| Dim::Fixed(size)).collect();
        let (name, dtype, constant) = (name.to_string(), tensor.dtype(), Some(tensor.clone()));
        Ok(self.add_tensor(TensorInfo { name, dtype, shape: Some(shape), quant, constant }))
    }

    /// A float32 tensor for an operand of a host operator.
    pub fn float_operand(&mut self, id: ValueId) -> Result<TensorId, Refusal> {
        let tensor = self.materialise(id)?;
        match self.network.tensor(tensor).dtype {
            DType::F32 => Ok(tensor),
            other => Err(Refusal::new(
                format!("an input of {other}"),
                "float32, or integers behind DequantizeLinear",
                "insert a DequantizeLinear before it",
            )),
        }
    }

    /// Appends an operation and its output tensor.
    pub fn emit(
        &mut self,
        node_name: &str,
        output_name: &str,
        op: Op,
        input: TensorId,
        dtype: DType,
        quant: Option<QuantParams>,
    ) -> Result<TensorId, Refusal> {
        let shape = match &self.network.tensor(input).shape {
            None => None,
            Some(dims) => {
                let shown: Vec<_> = dims.iter().map(ToString::to_string).collect();
                let refuse = |problem| {
                    let found = format!("input of shape [{}]: {problem}", shown.join(", "));
                    let supported = format!("shapes the operator is defined on, up to {MAX_ELEMENTS} elements");
                    Refusal::new(found, supported, "correct the shapes in the exporter")
                };
                Some(crate::network::infer_shape(&op, dims).map_err(refuse)?)
            }
        };
        let name = output_name.to_string();
        let output = self.add_tensor(TensorInfo { name, dtype, shape, quant, constant: None });
        self.network.nodes.push(Node { name: node_name.to_string(), op, inputs: vec![input], output });
        Ok(output)
    }

    /// Notes what a tensor's integers mean, if nothing has yet.
    pub fn note_quant(&mut self, tensor: TensorId, quant: Option<QuantParams>) {
        let known = &mut self.network.tensors[tensor.0].quant;
        *known = known.or(quant);
    }

    /// Takes the (Relu and) QuantizeLinear that follow a value, if nobody else reads what is between.
    pub fn take_epilogue(&mut self, mut value: ValueId) -> Option<Epilogue> {
        let mut taken = Vec::new();
        let mut relu = false;
        loop {
            let edge = &self.graph.values[value];
            let &[reader] = edge.readers.as_slice() else { return None };
            let node = &self.graph.nodes[reader];
            if edge.is_output || node.inputs.first() != Some(&Some(value)) {
                return None;
            }
            taken.push(reader);
            if node.is("Relu") && node.proto.attribute.is_empty() {
                relu = true;
                value = self.result(node).ok()?;
            } else if node.is("QuantizeLinear") {
                // A faulty quantizer is not taken, and is refused when its own turn comes.
                let quantizer = quantization::quantizer(self, node).ok()?.per_tensor()?;
                let output = self.result(node).ok()?;
                self.absorbed.extend(taken);
                return Some(Epilogue { relu, quantizer, output });
            } else {
                return None;
            }
        }
    }

    /// A name for a layer that no other layer has.
    pub fn layer_name(&mut self, label: &str) -> String {
        let mut name = label.to_string();
        loop {
            let count = self.layer_names.entry(name.clone()).or_insert(0);
            *count += 1;
            if *count == 1 {
                return name;
            }
            name = format!("{label}_{count}");
        }
    }
}
