//! Precision plans as TOML files: a default, exceptions by layer, and biases that belong to a weight width.
//!
//! ```toml
//! [default]
//! act_bits = 8
//! weight_bits = 4
//! rounding = "half-even"
//!
//! [[layer]]
//! name = "conv1"
//! act_bits = 8          # width of the layer's input
//! weight_bits = 8
//! rounding = "half-even"
//!
//! [bias.w4]             # int32, in units of input scale * weight scale
//! conv1 = [1, 2, 3]
//! ```

use super::{LayerPrecision, Network, NetworkError, PrecisionPlan, Rounding};
use serde::Deserialize;
use std::collections::BTreeMap;

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    name: String,
    act_bits: u8,
    weight_bits: u8,
    #[serde(default = "half_even")]
    rounding: Rounding,
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
    layers: BTreeMap<String, LayerPrecision>,
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
        let default =
            text.default.map(|d| LayerPrecision { weight_bits: d.weight_bits, act_bits: d.act_bits, rounding: d.rounding });
        let mut layers = BTreeMap::new();
        for Layer { name, act_bits, weight_bits, rounding } in text.layers {
            if layers.insert(name.clone(), LayerPrecision { weight_bits, act_bits, rounding }).is_some() {
                return Err(PlanError::Twice { origin, layer: name });
            }
        }
        Ok(Self { origin, default, layers, bias: text.bias })
    }

    /// The precision of each layer; `default` where the file gives none.
    pub fn plan(&self, default: LayerPrecision) -> PrecisionPlan {
        PrecisionPlan { default: self.default.unwrap_or(default), layers: self.layers.clone() }
    }

    /// The same, once it is known that the network can run so.
    ///
    /// # Errors
    /// Layers that the network does not have, widths that the machine does not have, and tensors that cannot have them.
    pub fn plan_for(&self, network: &Network, default: LayerPrecision) -> Result<PrecisionPlan, PlanError> {
        let plan = self.plan(default);
        match plan.tensor_bits(network) {
            Ok(_) => Ok(plan),
            Err(source) => Err(PlanError::Network { origin: self.origin.clone(), source }),
        }
    }

    /// What leaves no layer of the network to another default, in words: `None` if there are layers that the file does not speak of.
    pub fn covers(&self, network: &Network) -> Option<&'static str> {
        match self.default {
            Some(_) => Some("a [default]"),
            None if network.layer_names().iter().all(|name| self.layers.contains_key(name)) => {
                Some("a [[layer]] for every layer")
            }
            None => None,
        }
    }

    /// Gives the network the file's biases.
    ///
    /// # Errors
    /// Unknown layers or widths, and lists of the wrong length.
    pub fn apply_biases(&self, network: &mut Network) -> Result<(), PlanError> {
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
