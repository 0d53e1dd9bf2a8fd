//! Precision plans as TOML files: a default, exceptions by layer, and biases that belong to a weight width.
//!
//! ```toml
//! [default]
//! act_bits = 8
//! weight_bits = 4
//! rounding = "half-even"
//!
//! [[layer]]
//! name = "conv1"            # a name, or a pattern: "/encoder/*/MatMul", "conv[1-3]"
//! act_bits = 8              # width of the layer's input
//! weight_bits = 8
//! rounding = "half-even"
//!
//! [[layer]]
//! name = "conv2"
//! act_bits = 4
//! weight_bits = 4
//! important_channels = [0, 7]   # input channels at 8 bits, the others at act_bits; or their number, ranked by --calibrate
//! pruned_channels = [3]         # input channels of 0 bits: they cost no cycle
//! pruned_outputs = [12]         # output channels whose weights are taken as 0
//!
//! [bias.w4]                 # int32, in units of input scale * weight scale
//! conv1 = [1, 2, 3]
//! ```
//! Where several tables name a layer, the last one that does so by its full name holds, otherwise the last pattern.

use super::packing::Matrices;
use super::{LayerPrecision, Network, NetworkError, PrecisionPlan, Rounding};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why a plan is refused.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Not the TOML of a plan.
    #[error("{origin}: not a precision plan: {source}")]
    Toml {
        /// The file.
        origin: String,
        /// What the TOML reader says.
        source: Box<toml::de::Error>,
    },
    /// A bias table of a width that does not exist.
    #[error("{origin}: [bias.{found}]: expected bias.w8, bias.w6, bias.w4 or bias.w2")]
    BiasWidth {
        /// The file.
        origin: String,
        /// The table's name.
        found: String,
    },
    /// A layer has another number of output channels.
    #[error(
        "{origin}: [bias.{width}] {layer} has {found} values, but the layer has {expected} output channels: give one for each"
    )]
    BiasLength {
        /// The file.
        origin: String,
        /// The table's name.
        width: String,
        /// The layer.
        layer: String,
        /// Values found.
        found: usize,
        /// Output channels.
        expected: usize,
    },
    /// A layer that the network does not have, or a width that the machine or a tensor does not have.
    #[error("{origin}: {source}")]
    Network {
        /// The file.
        origin: String,
        /// Which, and what there is.
        source: NetworkError,
    },
    /// A pattern that is none, or that no layer matches.
    #[error("{origin}: [[layer]] {pattern:?}: {problem}; the array's layers are {known:?}")]
    Pattern {
        /// The file.
        origin: String,
        /// The name or pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
        /// Names there are.
        known: Vec<String>,
    },
    /// Channels that a layer does not have, or a number of them without a calibration set to rank them.
    #[error("{origin}: [[layer]] {layer:?}: {problem}")]
    Channels {
        /// The file.
        origin: String,
        /// The layer.
        layer: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Two tables for one layer.
    #[error("{origin}: [[layer]] {layer:?} stands there twice: leave one")]
    Twice {
        /// The file.
        origin: String,
        /// The layer.
        layer: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Precision {
    act_bits: u8,
    weight_bits: u8,
    #[serde(default = "half_even")]
    rounding: Rounding,
}

/// Which input channels are important: these, or as many as calibration ranks first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Important {
    /// How many.
    Count(usize),
    /// Which.
    Channels(BTreeSet<usize>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    name: String,
    act_bits: u8,
    weight_bits: u8,
    #[serde(default = "half_even")]
    rounding: Rounding,
    important_channels: Option<Important>,
    #[serde(default)]
    pruned_channels: BTreeSet<usize>,
    #[serde(default)]
    pruned_outputs: BTreeSet<usize>,
}

const fn half_even() -> Rounding {
    Rounding::HalfEven
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    default: Option<Precision>,
    #[serde(default, rename = "layer")]
    layers: Vec<Layer>,
    #[serde(default)]
    bias: BTreeMap<String, BTreeMap<String, Vec<i32>>>,
}

/// A plan file.
pub struct PlanFile {
    origin: String,
    default: Option<LayerPrecision>,
    layers: Vec<Layer>,
    bias: BTreeMap<String, BTreeMap<String, Vec<i32>>>,
}

impl PlanFile {
    /// Reads a plan; `origin` names the text in errors.
    ///
    /// # Errors
    /// If it is not the TOML of a plan, or names a layer twice.
    pub fn parse(text: &str, origin: &str) -> Result<Self, PlanError> {
        let origin = origin.to_owned();
        let text: Text =
            toml::from_str(text).map_err(|source| PlanError::Toml { origin: origin.clone(), source: Box::new(source) })?;
        let precision = |d: Precision| LayerPrecision {
            weight_bits: d.weight_bits,
            act_bits: d.act_bits,
            rounding: d.rounding,
            refined: false,
        };
        let mut names = BTreeSet::new();
        if let Some(twice) = text.layers.iter().find(|layer| !names.insert(layer.name.as_str())) {
            return Err(PlanError::Twice { origin, layer: twice.name.clone() });
        }
        Ok(Self { origin, default: text.default.map(precision), layers: text.layers, bias: text.bias })
    }

    /// The table that holds for a layer.
    fn table(&self, layer: &str) -> Option<&Layer> {
        let exact = self.layers.iter().rfind(|table| table.name == layer);
        exact.or_else(|| self.layers.iter().rfind(|table| pattern(&table.name).is_ok_and(|pattern| pattern.matches(layer))))
    }

    /// The precision of each layer of a network, once it is known that the network can run so; `default` where the file gives none.
    ///
    /// # Errors
    /// Layers that the network does not have, widths that the machine does not have, and tensors that cannot have them.
    pub fn plan_for(&self, network: &Network, default: LayerPrecision) -> Result<PrecisionPlan, PlanError> {
        let known = network.layer_names();
        for table in &self.layers {
            let refuse = |problem: String| PlanError::Pattern {
                origin: self.origin.clone(),
                pattern: table.name.clone(),
                problem,
                known: known.clone(),
            };
            if !known.contains(&table.name) {
                let pattern = pattern(&table.name).map_err(refuse)?;
                if !known.iter().any(|name| pattern.matches(name)) {
                    return Err(refuse("no layer has this name, or matches it".into()));
                }
            }
        }
        let mut plan = PrecisionPlan::uniform(self.default.unwrap_or(default));
        for name in known {
            let Some(table) = self.table(&name) else { continue };
            let (weight_bits, act_bits, rounding) = (table.weight_bits, table.act_bits, table.rounding);
            match &table.important_channels {
                Some(Important::Channels(channels)) => {
                    plan.important.insert(name.clone(), channels.iter().copied().collect());
                }
                // Until they are ranked: the layer reads its input at 8 bits in any case.
                Some(Important::Count(_)) => {
                    plan.important.insert(name.clone(), Vec::new());
                }
                None => {}
            }
            plan.layers.insert(name, LayerPrecision { weight_bits, act_bits, rounding, refined: false });
        }
        match plan.tensor_bits(network) {
            Ok(_) => Ok(plan),
            Err(source) => Err(PlanError::Network { origin: self.origin.clone(), source }),
        }
    }

    /// Layers whose important channels are given by their number, to be ranked by calibration.
    pub fn counts(&self, network: &Network) -> BTreeMap<String, usize> {
        let count = |name: String| match self.table(&name)?.important_channels {
            Some(Important::Count(count)) => Some((name, count)),
            _ => None,
        };
        network.layer_names().into_iter().filter_map(count).collect()
    }

    /// What leaves no layer of the network to another default, in words: `None` if there are layers that the file does not speak of.
    pub fn covers(&self, network: &Network) -> Option<&'static str> {
        match self.default {
            Some(_) => Some("a [default]"),
            None if network.layer_names().iter().all(|name| self.table(name).is_some()) => Some("a [[layer]] for every layer"),
            None => None,
        }
    }

    /// Gives the network what the file changes in it: biases, and zeros for the weights of pruned channels.
    ///
    /// # Errors
    /// Unknown layers, widths or channels, and lists of the wrong length.
    pub fn apply(&self, network: &mut Network) -> Result<(), PlanError> {
        self.apply_biases(network)?;
        self.prune(network)
    }

    fn prune(&self, network: &mut Network) -> Result<(), PlanError> {
        for node in &mut network.nodes {
            let Some(name) = node.op.array_layer().map(|layer| layer.name.clone()) else { continue };
            let Some(table) = self.table(&name).filter(|t| !t.pruned_channels.is_empty() || !t.pruned_outputs.is_empty()) else {
                continue;
            };
            let refuse = |problem: String| PlanError::Channels { origin: self.origin.clone(), layer: name.clone(), problem };
            let Some(matrices) = Matrices::of(&node.op) else {
                return Err(refuse("its right operand is computed, so nothing of it can be pruned".into()));
            };
            if !matrices.is_plain() {
                return Err(refuse(
                    "its weights have a zero point, so 0 does not mean zero at every width; prune in the exporter".into(),
                ));
            }
            let (inputs, outputs) = (matrices.channels * matrices.groups, matrices.n() * matrices.groups);
            for (what, channels, count) in [("input", &table.pruned_channels, inputs), ("output", &table.pruned_outputs, outputs)]
            {
                if let Some(channel) = channels.iter().find(|&&channel| channel >= count) {
                    return Err(refuse(format!("{what} channel {channel} of {count}; name channels from 0 to {}", count - 1)));
                }
            }
            let pruned = matrices.masked(&table.pruned_channels, &table.pruned_outputs);
            if let Some(layer) = node.op.array_layer_mut() {
                layer.weights = Arc::from(pruned);
            }
        }
        Ok(())
    }

    fn apply_biases(&self, network: &mut Network) -> Result<(), PlanError> {
        let origin = &self.origin;
        for (width, layers) in &self.bias {
            let bits = match width.as_str() {
                "w8" => 8,
                "w6" => 6,
                "w4" => 4,
                "w2" => 2,
                _ => return Err(PlanError::BiasWidth { origin: origin.to_owned(), found: width.clone() }),
            };
            for (name, values) in layers {
                let layer = network.layer_mut(name).map_err(|source| PlanError::Network { origin: origin.to_owned(), source })?;
                let (found, expected) = (values.len(), layer.out_channels);
                if found != expected {
                    let (origin, width, layer) = (origin.to_owned(), width.clone(), name.clone());
                    return Err(PlanError::BiasLength { origin, width, layer, found, expected });
                }
                layer.bias.get_or_insert_default().at_weight_bits.insert(bits, values.clone());
            }
        }
        Ok(())
    }
}

/// A layer's name as a pattern: `*` and `?` match any characters, `[ab]` one of some.
fn pattern(name: &str) -> Result<glob::Pattern, String> {
    glob::Pattern::new(name).map_err(|error| format!("not a pattern: {}", error.msg))
}
