//! Which layer runs at how many bits, and what that means for the tensors between them.
//!
//! A layer's activation width is the width of its *input tensor*, which its producer writes: so a plan is resolved into
//! one width per tensor, and two readers of a tensor must agree.

use std::collections::BTreeMap;

use super::{Network, NetworkError, Op, QuantParams, Rounding, TensorId};

/// Precision of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LayerPrecision {
    /// Weight width: 8, 6, 4 or 2.
    pub weight_bits: u8,
    /// Activation width: 8, 4 or 2.
    pub act_bits: u8,
    /// How int8 weights are rounded to fewer bits.
    pub rounding: Rounding,
}

impl Default for LayerPrecision {
    fn default() -> Self {
        Self { weight_bits: 8, act_bits: 8, rounding: Rounding::HalfEven }
    }
}

/// Precision of every layer: a default, and exceptions by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrecisionPlan {
    /// Precision of layers without an exception.
    pub default: LayerPrecision,
    /// Exceptions.
    pub layers: BTreeMap<String, LayerPrecision>,
}

impl PrecisionPlan {
    /// All layers alike.
    pub fn uniform(precision: LayerPrecision) -> Self {
        Self { default: precision, layers: BTreeMap::new() }
    }

    /// With an exception for one layer.
    #[must_use]
    pub fn with(mut self, layer: &str, precision: LayerPrecision) -> Self {
        self.layers.insert(layer.to_string(), precision);
        self
    }

    /// Precision of a layer.
    pub fn of(&self, layer: &str) -> LayerPrecision {
        self.layers.get(layer).copied().unwrap_or(self.default)
    }

    /// Width of each tensor of `network`, indexed as [`Network::tensors`].
    ///
    /// # Errors
    /// Unknown layers, widths the machine does not have, readers of one tensor that disagree, and tensors that have no
    /// quantizer to narrow.
    pub fn tensor_bits(&self, network: &Network) -> Result<Vec<u8>, NetworkError> {
        let known = network.layer_names();
        if let Some(layer) = self.layers.keys().find(|layer| !known.contains(layer)) {
            return Err(NetworkError::NoSuchLayer { layer: layer.clone(), known });
        }
        let roots = roots(network);
        let mut readers: BTreeMap<TensorId, (u8, String)> = BTreeMap::new();
        for (index, layer) in network.array_layers() {
            let LayerPrecision { weight_bits, act_bits, .. } = self.of(&layer.name);
            let width = |what, found, supported| Err(NetworkError::Width { layer: layer.name.clone(), what, found, supported });
            if !matches!(weight_bits, 2 | 4 | 6 | 8) {
                return width("weights", weight_bits, "8, 6, 4 and 2");
            }
            if !matches!(act_bits, 2 | 4 | 8) {
                return width("activations", act_bits, "8, 4 and 2");
            }
            let Some(&input) = network.nodes[index].inputs.first() else { continue };
            let root = roots[input.0];
            check_narrowing(network, root, &layer.name, &layer.input, act_bits)?;
            if let Some((first_bits, first)) = readers.get(&root)
                && *first_bits != act_bits
            {
                return Err(NetworkError::WidthConflict {
                    tensor: network.tensor(root).name.clone(),
                    first: first.clone(),
                    first_bits: *first_bits,
                    second: layer.name.clone(),
                    second_bits: act_bits,
                });
            }
            readers.insert(root, (act_bits, layer.name.clone()));
        }
        Ok(roots.iter().map(|root| readers.get(root).map_or(8, |(bits, _)| *bits)).collect())
    }
}

/// For each tensor, the tensor whose integers it repeats: through layout changes and integer ReLU.
fn roots(network: &Network) -> Vec<TensorId> {
    let mut roots: Vec<TensorId> = (0..network.tensors.len()).map(TensorId).collect();
    for node in &network.nodes {
        let passes = match &node.op {
            Op::Flatten(_) => true,
            Op::Relu(relu) => relu.quant.is_some(),
            _ => false,
        };
        if let (true, Some(input)) = (passes, node.inputs.first()) {
            roots[node.output.0] = roots[input.0];
        }
    }
    roots
}

fn check_narrowing(network: &Network, root: TensorId, layer: &str, reader: &QuantParams, bits: u8) -> Result<(), NetworkError> {
    let info = network.tensor(root);
    let problem = match info.quant {
        _ if bits == 8 => return Ok(()),
        Some(producer) if producer == *reader => return Ok(()),
        Some(producer) => format!("its producer means {producer:?} but the layer reads {reader:?}"),
        None => "it has no quantizer with one scale for the whole tensor".to_string(),
    };
    Err(NetworkError::CannotNarrow { layer: layer.into(), tensor: info.name.clone(), bits, problem })
}
