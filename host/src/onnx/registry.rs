//! The operators that can be imported: one table, one file per family in [`super::ops`].
//!
//! To add an operator, write its `translate` function and a line here; everything else (attributes, errors, constant
//! folding, epilogues) is in reach through [`Translation`].

use super::attributes::Attributes;
use super::error::{ImportError, Refusal, quoted};
use super::graph::{GraphNode, domain};
use super::ops::{activation, constants, convolution, gemm, layout, quantization};
use super::translation::Translation;

type Translate = fn(&mut Translation<'_>, &GraphNode<'_>, &Attributes<'_>) -> Result<(), Refusal>;

/// One operator.
struct Operator {
    domain: &'static str,
    op_type: &'static str,
    /// Number of outputs that are understood.
    outputs: usize,
    translate: Translate,
}

const fn onnx(op_type: &'static str, translate: Translate) -> Operator {
    Operator { domain: "", op_type, outputs: 1, translate }
}

const OPERATORS: &[Operator] = &[
    onnx("Constant", constants::constant),
    onnx("Conv", convolution::conv),
    onnx("DequantizeLinear", quantization::dequantize_linear),
    onnx("Flatten", layout::flatten),
    onnx("Gemm", gemm::gemm),
    onnx("Identity", constants::identity),
    onnx("QuantizeLinear", quantization::quantize_linear),
    onnx("Relu", activation::relu),
];

/// Names of the operators, as a user would write them.
pub fn supported_operators() -> Vec<String> {
    let name = |operator: &Operator| match operator.domain {
        "" => operator.op_type.to_string(),
        domain => format!("{domain}.{}", operator.op_type),
    };
    OPERATORS.iter().map(name).collect()
}

/// Translates one node.
pub(crate) fn translate(cx: &mut Translation<'_>, node: &GraphNode<'_>) -> Result<(), ImportError> {
    let own = |operator: &&Operator| operator.op_type == node.proto.op_type && operator.domain == domain(&node.proto.domain);
    let Some(operator) = OPERATORS.iter().find(own) else {
        return Err(node.refuse(Refusal::new(
            format!("operator {}", quoted(&node.operator())),
            supported_operators().join(", "),
            "export the model without this operator, or run that part of it elsewhere",
        )));
    };
    if node.outputs.iter().flatten().count() > operator.outputs {
        let found = format!("{} outputs", node.outputs.len());
        return Err(node.refuse(Refusal::new(found, operator.outputs.to_string(), "export the model again")));
    }
    let attributes = Attributes::new(node.proto);
    let opset = cx.graph.opset;
    let result = (operator.translate)(cx, node, &attributes);
    result.and_then(|()| attributes.finish(opset)).map_err(|refusal| node.refuse(refusal))
}
