//! Why a network has no estimate.

use crate::estimate::layers::LayerError;
use crate::gemm::GemmError;
use crate::network::NetworkError;
use crumb_arch::precision::PrecisionError;

/// A network, a table or a plan that the machine could not run.
#[derive(Debug, thiserror::Error)]
pub enum EstimateError {
    /// The network, its shapes or its plan are refused.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The machine's host refuses one of a layer's products.
    #[error("layer {layer:?}: {source}")]
    Product {
        /// The layer's name.
        layer: String,
        /// Why.
        source: Box<GemmError>,
    },
    /// A layer of a table is refused, by the machine's host or by another accelerator's model.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A width does not exist.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// A size follows from data.
    #[error(
        "layer {layer:?}: the shape of its {operand} follows from values that are known only in a run; fix them in the model, or give them as --constant NAME=X.npy"
    )]
    Shape {
        /// The layer's name.
        layer: String,
        /// Which operand.
        operand: &'static str,
    },
    /// Whether a layer's sums are read out follows from data.
    #[error(
        "layer {layer:?}: its weights' zero point is computed in the run, and decides whether the machine requantizes; export the model with a constant one"
    )]
    ZeroPoint {
        /// The layer's name.
        layer: String,
    },
    /// A sum leaves 64 bits.
    #[error("layer {layer:?}: its counters, or what follows from them, exceed 2^64; give a smaller layer or batch")]
    Large {
        /// The layer's name.
        layer: String,
    },
}
