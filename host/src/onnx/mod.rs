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
    let not_onnx = |reason: String| ImportError::NotOnnx { reason };
    if bytes.is_empty() {
        return Err(not_onnx("the file is empty".into()));
    }
    let model = proto::ModelProto::decode(bytes)
        .map_err(|error| not_onnx(other_format(bytes).map_or_else(|| error.to_string(), str::to_string)))?;
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

/// What a file is that often stands where a model should, by how it begins.
fn other_format(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.trim_ascii_start();
    let begins = |start: &str| text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()));
    if begins("version https://git-lfs") {
        Some("it is a pointer of Git LFS, `git lfs pull` fetches the file")
    } else if begins("<!doctype html") || begins("<html") {
        Some("it is a web page")
    } else if begins("PK\x03\x04") {
        Some("it is a zip archive, as PyTorch writes it; convert it with torch.onnx.export")
    } else if bytes.get(4..9) == Some(b"\0\0\0\0{") {
        Some("it is a safetensors file, which has weights and no graph")
    } else {
        None
    }
}
