//! Element types of constant weights as the file has them; a network only knows their 8-bit form.

use std::collections::BTreeMap;

use prost::Message;

use super::constants::type_of;
use super::edits::Edits;
use crate::onnx::constant::type_name;
use crate::onnx::proto::ModelProto;
use crate::onnx::provenance::Import;

/// ONNX's name of the type of each layer's weights, by the layer's name; `import` came from `bytes`. Layers whose weights are
/// computed, or made by nodes that say no type, are not in it.
pub fn weight_types(bytes: &[u8], import: &Import) -> BTreeMap<String, String> {
    let Some(graph) = ModelProto::decode(bytes).ok().and_then(|model| model.graph) else { return BTreeMap::new() };
    let edits = Edits::new(&graph);
    let each = import.provenance.layers.iter().filter_map(|source| {
        let (node, slot) = source.weights.dequantizer.map_or((source.node, source.weights.slot), |node| (node, 0));
        let name = edits.operand(node, slot).ok()??;
        Some((source.layer.clone(), type_name(type_of(&edits, name).ok()?)))
    });
    each.collect()
}
