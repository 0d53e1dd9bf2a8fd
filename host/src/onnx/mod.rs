//! Import of quantized ONNX models (QDQ, QOperator, dynamic quantization, QONNX): bytes in, [`Network`] out, or a refusal that says what to do.
//!
//! ```text
//!   bytes ─proto─▶ messages ─graph─▶ names resolved, sorted ─registry/ops─▶ translation ─▶ Network
//! ```
//!
//! Hostile input: no byte sequence makes the importer panic, and its memory is bounded by a multiple of the file's
//! size: messages are decoded by `prost` with a recursion limit, sizes are compared with data before anything is
//! allocated, and copies of constants have a budget. Everything is read that is needed to know the meaning of a node;
//! what is not understood is refused, never skipped.

mod attributes;
mod constant;
mod error;
mod export;
mod graph;
mod ops;
mod proto;
mod provenance;
mod registry;
mod translation;

use prost::Message;
use std::collections::HashMap;

pub use error::ImportError;
pub use export::{ExportError, export, weight_types};
pub use provenance::{Import, LayerSource, Provenance, QuantSite};
pub use registry::supported_operators;

use crate::network::{Network, Tensor};

/// Imports a model from the bytes of a `.onnx` file.
///
/// # Errors
/// [`ImportError`] names the node and what about it is not supported.
pub fn import(bytes: &[u8]) -> Result<Network, ImportError> {
    Ok(import_with(bytes, &HashMap::new())?.network)
}

/// The same, with values for inputs that are to be constants, such as scales, and with where in the file everything came from.
///
/// # Errors
/// As [`import`]; also constants that are no inputs of the model, or of another type.
pub fn import_with(bytes: &[u8], constants: &HashMap<String, Tensor>) -> Result<Import, ImportError> {
    let model = proto::ModelProto::decode(bytes).map_err(|error| ImportError::NotOnnx { reason: error.to_string() })?;
    let mut graph = graph::Graph::new(&model, constants)?;
    let constants = std::mem::take(&mut graph.constants);
    let mut translation = translation::Translation::new(&graph, constants, bytes.len());
    for &index in &graph.order {
        if !translation.is_absorbed(index) {
            registry::translate(&mut translation, &graph.nodes[index])?;
        }
    }
    translation.finish()
}
