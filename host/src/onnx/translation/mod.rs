//! The importer's state: what each value of the file's graph is by now, and the network built so far.
//!
//! Quantization is recognised by what values *are*, not by the names of patterns:
//!
//! ```text
//!   constant ──DequantizeLinear──▶ DequantizedConstant      folded; keeps its integers
//!   tensor   ──DequantizeLinear──▶ Dequantized              lazy: nothing is emitted yet
//!   Dequantized ──Relu, MaxPool, Reshape──▶ Dequantized     they commute with it, so they act on the integers
//!   Dequantized ──QuantizeLinear, same parameters──▶ tensor the two cancel
//!   Dequantized ──Conv, Gemm, MatMul──▶ integer layer       its epilogue takes (Relu, Clip and) QuantizeLinear with it
//!   Dequantized ──anything else──▶ Dequantize is emitted, once, and float32 goes on
//!   constants ──host operator──▶ constant                   computed at import
//!   float32 ──Quant (QONNX)──▶ Dequantized, or DequantizedConstant of a constant
//! ```

mod epilogue;
mod host;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::constant::Constant;
use super::error::{ImportError, Refusal, quoted};
use super::graph::{Graph, GraphNode, ValueId};
pub(crate) use epilogue::{Chain, Epilogue};

use super::provenance::{Import, LayerSource, Provenance, QuantSite};
use crate::network::host::Dequantize;
use crate::network::{DType, Dim, Known, Network, Node, Op, QuantParams, Quantizer, TensorId, TensorInfo, infer_values};

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
    Constant(Constant),
    /// A constant behind the DequantizeLinear at this place of the file.
    DequantizedConstant(Constant, Arc<Quantizer>, usize),
    /// A tensor of the network behind DequantizeLinear; the last is the float32 tensor, once somebody needed it.
    Dequantized(TensorId, Arc<Quantizer>, Option<TensorId>),
}

/// The importer's state.
pub(crate) struct Translation<'a> {
    pub graph: &'a Graph<'a>,
    pub network: Network,
    pub provenance: Provenance,
    values: Vec<Value>,
    /// Network tensors of constants, once somebody needed them as tensors.
    stored: HashMap<ValueId, TensorId>,
    /// The same of dequantized constants in float32.
    dequantized: HashMap<ValueId, TensorId>,
    /// Values that are dequantized, but not by a DequantizeLinear that their reader sees: an operation on integers stands between.
    indirect: HashSet<ValueId>,
    absorbed: HashSet<usize>,
    layer_names: HashMap<String, usize>,
    budget: Cell<usize>,
}

impl<'a> Translation<'a> {
    pub fn new(graph: &'a Graph<'a>, constants: Vec<(ValueId, Constant)>, file_bytes: usize) -> Self {
        let mut this = Self {
            graph,
            network: Network { name: graph.name.to_string(), ..Network::default() },
            provenance: Provenance::default(),
            values: vec![Value::Undefined; graph.values.len()],
            stored: HashMap::new(),
            dequantized: HashMap::new(),
            indirect: HashSet::new(),
            absorbed: HashSet::new(),
            layer_names: HashMap::new(),
            budget: Cell::new(file_bytes.saturating_mul(COPIES).max(FREE_BYTES)),
        };
        for (id, constant) in constants {
            this.values[id] = Value::Constant(constant);
        }
        for input in &graph.inputs {
            let (name, shape) = (graph.values[input.value].name.to_string(), input.shape.clone());
            let id =
                this.add_tensor(TensorInfo { name, dtype: input.dtype, shape, quant: None, bits: input.bits, constant: None });
            this.network.inputs.push(id);
            this.values[input.value] = Value::Tensor(id);
        }
        this
    }

    /// The finished network.
    pub fn finish(mut self) -> Result<Import, ImportError> {
        for &output in &self.graph.outputs {
            let name = self.graph.values[output].name;
            let id = match &self.values[output] {
                Value::Tensor(id) => *id,
                _ => self.materialise(output).map_err(|refusal| refusal.of_tensor(name))?,
            };
            self.network.outputs.push(id);
            self.network.output_names.push(name.to_string());
        }
        Ok(Import { network: self.network, provenance: self.provenance })
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
        node.inputs.get(index).copied().flatten().ok_or_else(|| {
            let found = format!("no input {}", quoted(name));
            Refusal::new(found, "nodes with all required inputs", "export the model again")
        })
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

    /// A constant that the file has as an attribute, as a value that operands can name.
    pub fn new_constant(&mut self, constant: Constant) -> ValueId {
        self.values.push(Value::Constant(constant));
        self.values.len() - 1
    }

    /// The name of a value; those that the file does not name have none.
    fn name(&self, id: ValueId) -> &'a str {
        self.graph.values.get(id).map_or("", |value| value.name)
    }

    /// An operand that must be constant if it is there.
    pub fn constant(&self, node: &GraphNode<'_>, index: usize, name: &str) -> Result<Option<Constant>, Refusal> {
        let Some(id) = node.inputs.get(index).copied().flatten() else { return Ok(None) };
        match self.value(id) {
            Value::Constant(constant) => Ok(Some(constant.clone())),
            Value::Tensor(tensor) if self.network.inputs.contains(tensor) => Err(Refusal::new(
                format!("a {name} that is the model's input {}", quoted(self.name(id))),
                "constants (initializers, or Constant nodes)",
                "export the model with its value, or give it when importing",
            )),
            _ => Err(Refusal::new(
                format!("a {name} that is computed"),
                "constants (initializers, or Constant nodes)",
                "quantize statically: onnxruntime.quantization.quantize_static",
            )),
        }
    }

    /// Notes a node's parameters for the integers of a tensor, and those of the nodes that are merged with it.
    pub fn site(&mut self, node: usize, scale: usize, tensor: TensorId, writes: Option<usize>) {
        let merged = self.graph.merged.get(&node).into_iter().flatten().copied();
        for node in std::iter::once(node).chain(merged) {
            self.provenance.quantizers.push(QuantSite { node, scale, tensor, writes });
        }
    }

    /// Whether a value comes out of a DequantizeLinear itself.
    pub fn is_direct(&self, id: ValueId) -> bool {
        !self.indirect.contains(&id)
    }

    /// Notes where a layer came from.
    pub fn layer_source(&mut self, source: LayerSource) {
        self.provenance.layers.push(source);
    }

    /// Accounts for a copy of constant data.
    pub fn charge(&self, bytes: usize) -> Result<(), Refusal> {
        match self.budget.get().checked_sub(bytes) {
            Some(rest) => {
                self.budget.set(rest);
                Ok(())
            }
            None => Err(Refusal::new(
                "constants that outgrow the file by far when they are computed, or copied to where they are used",
                format!("up to {COPIES} times the file, or {} MiB", FREE_BYTES >> 20),
                "store large constants in the file: fold them with onnxruntime's optimizer or onnx-simplifier",
            )),
        }
    }

    /// A network tensor for a value in float32 (or in its own type, if it is no quantized one).
    pub fn materialise(&mut self, id: ValueId) -> Result<TensorId, Refusal> {
        let name = self.name(id);
        match self.values[id].clone() {
            Value::Undefined => Err(Refusal::new("a value that no node gives", "outputs of nodes", "export it again")),
            Value::Tensor(tensor) | Value::Dequantized(_, _, Some(tensor)) => Ok(tensor),
            Value::Constant(constant) => {
                if let Some(&tensor) = self.stored.get(&id) {
                    return Ok(tensor);
                }
                let tensor = self.add_constant(name, &constant, None)?;
                self.stored.insert(id, tensor);
                Ok(tensor)
            }
            Value::DequantizedConstant(constant, quantizer, node) => {
                if let Some(&float) = self.dequantized.get(&id) {
                    return Ok(float);
                }
                let integers = self.stored_integers(id, &constant, &quantizer, node)?;
                let op = Arc::new(Dequantize(quantizer.as_ref().clone()));
                let float = self.emit(name, &[name], Op::Host(op), vec![Some(integers)], None)?[0];
                self.dequantized.insert(id, float);
                Ok(float)
            }
            Value::Dequantized(tensor, quantizer, None) => {
                let op = Arc::new(Dequantize(quantizer.as_ref().clone()));
                let float = self.emit(name, &[name], Op::Host(op), vec![Some(tensor)], None)?[0];
                self.values[id] = Value::Dequantized(tensor, quantizer, Some(float));
                Ok(float)
            }
        }
    }

    /// The integers of a dequantized value, and their quantizer; `None` for other values.
    pub fn integers(&mut self, id: ValueId) -> Result<Option<(TensorId, Arc<Quantizer>)>, Refusal> {
        match self.values[id].clone() {
            Value::Dequantized(tensor, quantizer, _) if quantizer.dtype.is_byte() => Ok(Some((tensor, quantizer))),
            Value::DequantizedConstant(constant, quantizer, node) if quantizer.dtype.is_byte() => {
                let tensor = self.stored_integers(id, &constant, &quantizer, node)?;
                Ok(Some((tensor, quantizer)))
            }
            _ => Ok(None),
        }
    }

    /// The network tensor of a dequantized constant's integers. The value stays a constant for those who read it as one.
    fn stored_integers(
        &mut self,
        id: ValueId,
        constant: &Constant,
        quantizer: &Quantizer,
        node: usize,
    ) -> Result<TensorId, Refusal> {
        if let Some(&tensor) = self.stored.get(&id) {
            return Ok(tensor);
        }
        let name = format!("{}_quantized", self.name(id));
        let tensor = self.add_constant(&name, constant, quantizer.per_tensor())?;
        self.site(node, 1, tensor, None);
        self.stored.insert(id, tensor);
        Ok(tensor)
    }

    fn add_constant(&mut self, name: &str, constant: &Constant, quant: Option<QuantParams>) -> Result<TensorId, Refusal> {
        let tensor = &constant.tensor;
        self.charge(tensor.data().len().saturating_mul(8))?;
        let shape = tensor.shape().iter().map(|&size| Dim::Fixed(size)).collect();
        let (name, dtype, bits) = (name.to_string(), tensor.dtype(), constant.bits);
        let constant = Some(tensor.clone());
        let quant = quant.filter(|_| dtype.is_byte());
        Ok(self.add_tensor(TensorInfo { name, dtype, shape: Some(shape), quant, bits, constant }))
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

    /// Appends an operation and its output tensors. Integers of the first output mean `quant`; those of an operation that keeps
    /// integers what its first input's do.
    pub fn emit(
        &mut self,
        node_name: &str,
        output_names: &[&str],
        op: Op,
        inputs: Vec<Option<TensorId>>,
        quant: Option<QuantParams>,
    ) -> Result<Vec<TensorId>, Refusal> {
        let known: Vec<Option<Known>> = inputs.iter().map(|id| id.map(|id| Known::from(self.network.tensor(id)))).collect();
        let outputs = infer_values(&op, &known).map_err(|problem| refuse_shapes(&known, &problem))?;
        let kept = match &op {
            Op::Host(host) if host.keeps_integers() => {
                inputs.first().copied().flatten().and_then(|id| self.network.tensor(id).quant)
            }
            _ => None,
        };
        let bits = match &op {
            Op::Host(host) if host.keeps_integers() => {
                inputs.first().copied().flatten().map_or(8, |id| self.network.tensor(id).bits)
            }
            _ => quant.map_or(8, |quant| quant.bits),
        };
        let mut ids = Vec::with_capacity(output_names.len());
        for (index, (name, output)) in output_names.iter().zip(outputs).enumerate() {
            let own = quant.filter(|_| index == 0).or(kept).filter(|_| output.dtype.is_byte());
            let (name, dtype, shape) = (name.to_string(), output.dtype, output.dims);
            let bits = if dtype.is_byte() { bits } else { 8 };
            ids.push(self.add_tensor(TensorInfo { name, dtype, shape, quant: own, bits, constant: None }));
        }
        self.network.nodes.push(Node { name: node_name.to_string(), op, inputs, outputs: ids.clone() });
        Ok(ids)
    }

    /// Notes the width of a tensor whose quantizer belongs to an axis.
    pub fn note_bits(&mut self, tensor: TensorId, bits: u8) {
        self.network.tensors[tensor.0].bits = bits;
    }

    /// Notes what a tensor's integers mean, if nothing has yet.
    pub fn note_quant(&mut self, tensor: TensorId, quant: Option<QuantParams>) {
        let known = &mut self.network.tensors[tensor.0].quant;
        *known = known.or(quant);
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

/// The refusal of an operation whose inputs do not fit it.
fn refuse_shapes(inputs: &[Option<Known>], problem: &str) -> Refusal {
    let shape = |known: &Known| match &known.dims {
        None => "unknown shape".to_string(),
        Some(dims) => format!("[{}]", dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    let shapes: Vec<_> = inputs.iter().flatten().map(shape).collect();
    let found = format!("input of shape {}: {problem}", shapes.join(" and "));
    Refusal::new(found, "types and shapes that the operator is defined on", "correct the model in the exporter")
}
