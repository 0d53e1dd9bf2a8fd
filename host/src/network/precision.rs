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
    /// Whether the lower slices of the weights are added: exact int8 weights, in as many passes as there are slices.
    pub refined: bool,
}

impl Default for LayerPrecision {
    fn default() -> Self {
        Self { weight_bits: 8, act_bits: 8, rounding: Rounding::HalfEven, refined: false }
    }
}

impl LayerPrecision {
    /// Width of the weights that the sums come from: 8 where the lower slices are added.
    pub fn effective_weight_bits(&self) -> u8 {
        if self.refined { 8 } else { self.weight_bits }
    }
}

impl std::fmt::Display for LayerPrecision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a{}w{}", self.act_bits, self.weight_bits)?;
        if self.refined { f.write_str("+") } else { Ok(()) }
    }
}

/// Precision of every layer: a default, and exceptions by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrecisionPlan {
    /// Precision of layers without an exception.
    pub default: LayerPrecision,
    /// Exceptions.
    pub layers: BTreeMap<String, LayerPrecision>,
    /// Input channels that some layers read at 8 bits, while they read the others at their activation width; in rising order.
    pub important: BTreeMap<String, Vec<usize>>,
}

impl PrecisionPlan {
    /// All layers alike.
    pub fn uniform(precision: LayerPrecision) -> Self {
        Self { default: precision, ..Self::default() }
    }

    /// With an exception for one layer.
    #[must_use]
    pub fn with(mut self, layer: &str, precision: LayerPrecision) -> Self {
        self.layers.insert(layer.to_string(), precision);
        self
    }

    /// The input channels that a layer reads at 8 bits, if it does not read all alike.
    pub fn important(&self, op: &Op) -> Option<&[usize]> {
        self.important.get(&op.array_layer()?.name).map(Vec::as_slice)
    }

    /// Precision of a layer. A right operand that is computed has its own width: only an exception makes it narrower.
    pub fn of(&self, op: &Op) -> LayerPrecision {
        let Some(layer) = op.array_layer() else { return LayerPrecision::default() };
        match self.layers.get(&layer.name) {
            Some(precision) => *precision,
            None if matches!(op, Op::MatMul(_)) => LayerPrecision { weight_bits: 8, refined: false, ..self.default },
            None => self.default,
        }
    }

    /// The same, with activations as wide as they come: `widths` are those of the operation's inputs. Where some channels are
    /// important the input has 8 bits, and the layer narrows the others itself.
    pub fn at_widths(&self, op: &Op, widths: &[u8]) -> LayerPrecision {
        let mut precision = self.of(op);
        if self.important(op).is_none() {
            precision.act_bits = widths.first().copied().unwrap_or(8);
        }
        precision
    }

    /// Width of each tensor of `network`, indexed as [`Network::tensors`].
    ///
    /// # Errors
    /// Unknown layers, widths the machine does not have, readers of one tensor that disagree, and tensors that have no
    /// quantizer to narrow.
    pub fn tensor_bits(&self, network: &Network) -> Result<Vec<u8>, NetworkError> {
        let known = network.layer_names();
        if let Some(layer) = self.layers.keys().chain(self.important.keys()).find(|layer| !known.contains(layer)) {
            return Err(NetworkError::NoSuchLayer { layer: layer.clone(), known });
        }
        let mut classes = Classes::of(network);
        let mut readers: BTreeMap<usize, (u8, String)> = BTreeMap::new();
        for (index, layer) in network.array_layers() {
            let LayerPrecision { weight_bits, act_bits, .. } = self.of(&network.nodes[index].op);
            let width = |what, found, supported| Err(NetworkError::Width { layer: layer.name.clone(), what, found, supported });
            if !matches!(weight_bits, 2 | 4 | 6 | 8) {
                return width("weights", weight_bits, "8, 6, 4 and 2");
            }
            if !matches!(act_bits, 2 | 4 | 8) {
                return width("activations", act_bits, "8, 4 and 2");
            }
            let Some(input) = network.nodes[index].inputs.first().copied().flatten() else { continue };
            let class = classes.find(input.0);
            let mut act_bits = act_bits.min(layer.input.bits);
            if let Some(channels) = self.important(&network.nodes[index].op) {
                super::packing::check_important(&network.nodes[index].op, channels)?;
                act_bits = 8;
            }
            check_narrowing(network, &classes.members(class), &layer.name, &layer.input, act_bits)?;
            if let Some((first_bits, first)) = readers.get(&class)
                && *first_bits != act_bits
            {
                return Err(NetworkError::WidthConflict {
                    tensor: network.tensor(input).name.clone(),
                    first: first.clone(),
                    first_bits: *first_bits,
                    second: layer.name.clone(),
                    second_bits: act_bits,
                });
            }
            readers.insert(class, (act_bits, layer.name.clone()));
        }
        let native = |id: usize| network.tensors[id].bits;
        Ok((0..network.tensors.len())
            .map(|id| readers.get(&classes.find(id)).map_or(8, |(bits, _)| *bits).min(native(id)))
            .collect())
    }
}

/// For each tensor of a network, indexed as [`Network::tensors`], the representative of its class: tensors of a class hold the same
/// integers, in another shape or order, and so have one width.
pub fn width_classes(network: &Network) -> Vec<TensorId> {
    let mut classes = Classes::of(network);
    (0..network.tensors.len()).map(|id| TensorId(classes.find(id))).collect()
}

/// Tensors that hold the same integers, in another shape or order: they have one quantizer, and so one width.
struct Classes<'a> {
    network: &'a Network,
    parents: Vec<usize>,
}

impl<'a> Classes<'a> {
    fn of(network: &'a Network) -> Self {
        let mut this = Self { network, parents: (0..network.tensors.len()).collect() };
        for node in &network.nodes {
            let Op::Host(host) = &node.op else { continue };
            if !host.keeps_integers() {
                continue;
            }
            let tensors = node.inputs.iter().flatten().chain(&node.outputs);
            let bytes: Vec<usize> = tensors.filter(|id| network.tensor(**id).dtype.is_byte()).map(|id| id.0).collect();
            for pair in bytes.windows(2) {
                let (a, b) = (this.find(pair[0]), this.find(pair[1]));
                this.parents[a] = b;
            }
        }
        this
    }

    fn find(&mut self, tensor: usize) -> usize {
        let mut root = tensor;
        while self.parents[root] != root {
            self.parents[root] = self.parents[self.parents[root]];
            root = self.parents[root];
        }
        root
    }

    /// Tensors of a class, with whether each gets its integers from outside the class.
    fn members(&mut self, class: usize) -> Vec<(TensorId, bool)> {
        let mut origin = vec![true; self.parents.len()];
        for node in &self.network.nodes {
            if matches!(&node.op, Op::Host(host) if host.keeps_integers()) {
                node.outputs.iter().for_each(|id| origin[id.0] = false);
            }
        }
        (0..self.parents.len()).filter(|&id| self.find(id) == class).map(|id| (TensorId(id), origin[id])).collect()
    }
}

fn check_narrowing(
    network: &Network,
    members: &[(TensorId, bool)],
    layer: &str,
    reader: &QuantParams,
    bits: u8,
) -> Result<(), NetworkError> {
    if bits == reader.bits {
        return Ok(());
    }
    for &(id, origin) in members {
        let info = network.tensor(id);
        let problem = match info.quant {
            Some(producer) if producer == *reader => continue,
            Some(producer) => format!("its producer means {producer:?} but the layer reads {reader:?}"),
            None if !origin => continue,
            None => "it has no quantizer with one scale for the whole tensor".to_string(),
        };
        return Err(NetworkError::CannotNarrow { layer: layer.into(), tensor: info.name.clone(), bits, problem });
    }
    Ok(())
}
