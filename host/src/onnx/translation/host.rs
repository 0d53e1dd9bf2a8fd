//! Nodes of the host: computed at import where all operands are constant, on integers where the operation keeps them, and in their
//! operands' types otherwise.

use std::sync::Arc;

use super::{Constant, Translation, Value, refuse_shapes};
use crate::network::host::{HostOperator, Operand, Outline};
use crate::network::{Known, MAX_ELEMENTS, Op, Quantizer, Tensor, bounded};
use crate::onnx::error::Refusal;
use crate::onnx::graph::{GraphNode, ValueId};

impl Translation<'_> {
    /// Translates a node of the host: computed now if all its operands are constant, on integers if it keeps them and its first
    /// `data` operands are dequantized alike, and in its operands' types otherwise.
    pub fn host(&mut self, node: &GraphNode<'_>, op: Arc<dyn HostOperator>, data: usize) -> Result<(), Refusal> {
        self.host_on(node, op, &node.inputs.clone(), data)
    }

    /// The same, on these operands.
    pub fn host_on(
        &mut self,
        node: &GraphNode<'_>,
        op: Arc<dyn HostOperator>,
        operands: &[Option<ValueId>],
        data: usize,
    ) -> Result<(), Refusal> {
        if self.fold(node, op.as_ref(), operands)? {
            return Ok(());
        }
        let data = &operands[..data.min(operands.len())];
        let quantizer = if op.keeps_integers() { self.common_quantizer(data) } else { None };
        let mut tensors = Vec::with_capacity(operands.len());
        for (index, operand) in operands.iter().enumerate() {
            tensors.push(match operand {
                None => None,
                Some(id) if index < data.len() && quantizer.is_some() => self.integers(*id)?.map(|(tensor, _)| tensor),
                Some(id) => Some(self.materialise(*id)?),
            });
        }
        let names: Vec<String> = node
            .outputs
            .iter()
            .map(|id| id.map_or("", |id| self.graph.values[id].name))
            .map(|name| if quantizer.is_some() { format!("{name}_quantized") } else { name.to_string() })
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let outputs = self.emit(node.label, &names, Op::Host(op), tensors, None)?;
        for (id, tensor) in node.outputs.iter().zip(outputs) {
            let value = match &quantizer {
                Some(quantizer) => Value::Dequantized(tensor, quantizer.clone(), None),
                None => Value::Tensor(tensor),
            };
            if let Some(id) = id {
                if quantizer.is_some() {
                    self.indirect.insert(*id);
                }
                self.values[*id] = value;
            }
        }
        Ok(())
    }

    /// The quantizer of values that are all dequantized by the same one, for the whole tensor.
    fn common_quantizer(&self, values: &[Option<ValueId>]) -> Option<Arc<Quantizer>> {
        let quantizer = |id: &Option<ValueId>| match &self.values[(*id)?] {
            Value::Dequantized(_, quantizer, _) | Value::DequantizedConstant(_, quantizer, _) => Some(quantizer),
            _ => None,
        };
        let first = quantizer(values.first()?)?;
        let alike = values.iter().all(|id| quantizer(id) == Some(first));
        (alike && first.axis.is_none() && first.dtype.is_byte()).then(|| first.clone())
    }

    /// Computes a node whose operands are all constant.
    fn fold(&mut self, node: &GraphNode<'_>, op: &dyn HostOperator, operands: &[Option<ValueId>]) -> Result<bool, Refusal> {
        let constants: Option<Vec<Option<Constant>>> = operands
            .iter()
            .map(|operand| match operand.map(|id| &self.values[id]) {
                None => Some(None),
                Some(Value::Constant(constant)) => Some(Some(constant.clone())),
                Some(_) => None,
            })
            .collect();
        let known = |id: &Option<ValueId>| -> Option<Known> {
            match &self.values[(*id)?] {
                Value::Tensor(id) => Some(Known::from(self.network.tensor(*id))),
                Value::Constant(constant) => Some(Known::of(&constant.tensor)),
                _ => None,
            }
        };
        let inputs: Vec<Option<Known>> = operands.iter().map(known).collect();
        // An operator may know its value from shapes alone, as Shape does.
        if operands.iter().zip(&inputs).all(|(operand, known)| operand.is_none() || known.is_some())
            && let Ok(outputs) = op.infer(&inputs)
            && outputs.iter().all(|output| output.value.is_some())
        {
            for (id, output) in node.outputs.iter().zip(outputs) {
                if let (Some(id), Some(tensor)) = (id, output.value) {
                    self.values[*id] = Value::Constant(Constant { tensor, bits: 8 });
                }
            }
            return Ok(true);
        }
        let Some(constants) = constants else { return Ok(false) };
        let outputs = op.infer(&inputs).and_then(|outputs| bounded(&outputs).map(|()| outputs));
        let outputs = outputs.map_err(|problem| refuse_shapes(&inputs, &problem))?;
        let sizes: Option<Vec<Vec<usize>>> = outputs.iter().map(Known::sizes).collect();
        let Some(sizes) = sizes else { return Ok(false) };
        let mut outlines = Vec::new();
        for shape in sizes {
            let elements = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
            self.charge(elements.filter(|&n| n <= MAX_ELEMENTS).unwrap_or(usize::MAX).saturating_mul(8))?;
            outlines.push(Outline { shape, bits: 8 });
        }
        let bits = constants.iter().flatten().map(|constant| constant.bits).min().filter(|_| op.keeps_integers()).unwrap_or(8);
        let tensors: Vec<Option<Operand<'_>>> =
            constants.iter().map(|constant| constant.as_ref().map(|c| Operand::whole(&c.tensor))).collect();
        let data = op.compute(&tensors, &outlines).map_err(|problem| refuse_shapes(&inputs, &problem))?;
        for ((id, data), outline) in node.outputs.iter().zip(data).zip(outlines) {
            let tensor = Tensor::new(outline.shape, data)
                .map_err(|error| Refusal::new(error.to_string(), "constants", "export the model again"))?;
            if let Some(id) = id {
                self.values[*id] = Value::Constant(Constant { tensor: Arc::new(tensor), bits });
            }
        }
        Ok(true)
    }
}
