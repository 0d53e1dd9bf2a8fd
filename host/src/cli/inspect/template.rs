//! A precision plan to edit: every layer of the array, at the widths that the file has.

use super::report::NodeRow;
use crate::cli::table::thousands;

/// The plan's text. Numbers in comments are those of the report.
pub fn plan(model: &str, rows: &[NodeRow]) -> String {
    let model = model.escape_debug();
    let mut text = format!(
        "# Precision plan of {model}\n\
         # act_bits: 8, 4 or 2, the width of the layer's input; layers that share an input share it.\n\
         # weight_bits: 8, 6, 4 or 2; rounding of int8 weights to them: half-even, half-up or floor.\n\
         # crumb run {model} --precision PLAN.toml, or crumb export {model} --precision PLAN.toml --out SWITCHED.onnx\n"
    );
    for row in rows {
        let Some(layer) = &row.layer else { continue };
        let macs = layer.macs.map_or(String::new(), |macs| format!(", {} MACs", thousands(macs)));
        let (kind, shape) = (&row.operator, row.shape.join(", "));
        text += &format!("\n# {kind}, output [{shape}], {} weight bytes{macs}\n", thousands(layer.weight_bytes));
        if !layer.shares_input_with.is_empty() {
            let names: Vec<String> = layer.shares_input_with.iter().map(|name| name.escape_debug().to_string()).collect();
            text += &format!("# reads the same input as {}\n", names.join(", "));
        }
        let name = toml::Value::String(row.name.clone());
        text += &format!(
            "[[layer]]\nname = {name}\nact_bits = {}\nweight_bits = {}\nrounding = \"half-even\"\n",
            layer.act_bits, layer.weight_bits
        );
    }
    text
}
