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
    #[error("{origin}: [bias.{width}] {layer} has {found} values, but the layer has {expected} output channels")]
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
    /// A layer that the network does not have.
    #[error("{origin}: {source}")]
    Network {
        /// The file.
        origin: String,
        /// Which layer.
        source: NetworkError,
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

/// A plan file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    default: Option<Precision>,
    #[serde(default, rename = "layer")]
    layers: Vec<Layer>,
    #[serde(default)]
    bias: BTreeMap<String, BTreeMap<String, Vec<i32>>>,
}

impl PlanFile {
    /// Reads a plan; `origin` names the text in errors.
    ///
    /// # Errors
    /// If it is not the TOML of a plan.
    pub fn parse(text: &str, origin: &str) -> Result<Self, PlanError> {
        toml::from_str(text).map_err(|source| PlanError::Toml { origin: origin.to_owned(), source: Box::new(source) })
    }

    /// The precision of each layer; `default` where the file gives none.
    pub fn plan(&self, default: LayerPrecision) -> PrecisionPlan {
        let precision = |act_bits, weight_bits, rounding| LayerPrecision { weight_bits, act_bits, rounding };
        let default = self.default.as_ref().map_or(default, |d| precision(d.act_bits, d.weight_bits, d.rounding));
        let layers = self.layers.iter().map(|l| (l.name.clone(), precision(l.act_bits, l.weight_bits, l.rounding))).collect();
        PrecisionPlan { default, layers }
    }

    /// Gives the network the file's biases.
    ///
    /// # Errors
    /// Unknown layers or widths, and lists of the wrong length.
    pub fn apply_biases(&self, network: &mut Network, origin: &str) -> Result<(), PlanError> {
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
