//! What a value goes through before anybody else sees it: Relu and Clip, and a quantizer.

use super::Translation;
use crate::network::QuantParams;
use crate::onnx::graph::ValueId;
use crate::onnx::ops::{activation, quantization};

/// Nodes that read a value one behind the other, each alone: any Relu and Clip, and the first that is neither.
pub(crate) struct Chain {
    /// Bounds by Relu and Clip.
    pub clamp: [f32; 2],
    /// All of them, in order; the last is the one behind Relu and Clip.
    pub nodes: Vec<usize>,
}

/// A chain that ends in a QuantizeLinear for the whole tensor.
pub(crate) struct Epilogue {
    /// Bounds by Relu and Clip.
    pub clamp: [f32; 2],
    pub quantizer: QuantParams,
    /// Place of the QuantizeLinear.
    pub node: usize,
    /// The value that the quantizer writes.
    pub output: ValueId,
    /// The nodes that belong to it.
    pub nodes: Vec<usize>,
}

impl Epilogue {
    /// Whether the quantizer's own range implies the bounds, so that there might as well be none.
    pub fn implies_clamp(&self) -> bool {
        let narrowed = self.quantizer.at_bits(self.quantizer.bits);
        let [low, high] = self.clamp;
        low <= narrowed.dequantize(narrowed.low) && narrowed.dequantize(narrowed.high) <= high
    }
}

impl Translation<'_> {
    /// The chain behind a value, if nobody else reads what is between.
    pub fn chain(&self, mut value: ValueId) -> Option<Chain> {
        let mut nodes = Vec::new();
        let mut clamp = [f32::NEG_INFINITY, f32::INFINITY];
        loop {
            let edge = &self.graph.values[value];
            let &[reader] = edge.readers.as_slice() else { return None };
            let node = &self.graph.nodes[reader];
            if edge.is_output || node.inputs.first() != Some(&Some(value)) {
                return None;
            }
            nodes.push(reader);
            let Some([low, high]) = activation::bounds(self, node) else { return Some(Chain { clamp, nodes }) };
            // A later clamp acts on what the earlier ones left.
            clamp = clamp.map(|bound| bound.max(low).min(high));
            value = self.result(node).ok()?;
        }
    }

    /// The (Relu, Clip and) QuantizeLinear behind a value. A faulty quantizer is none: it is refused when its own turn comes.
    pub fn epilogue(&self, value: ValueId) -> Option<Epilogue> {
        let Chain { clamp, nodes } = self.chain(value)?;
        let place = *nodes.last()?;
        let node = &self.graph.nodes[place];
        if !node.is("QuantizeLinear") {
            return None;
        }
        let quantizer = quantization::quantizer(self, node).ok()?.per_tensor()?;
        let output = self.result(node).ok()?;
        Some(Epilogue { clamp, quantizer, node: place, output, nodes })
    }

    /// Takes nodes along with the one that is being translated.
    pub fn absorb(&mut self, nodes: &[usize]) {
        self.absorbed.extend(nodes);
    }
}
