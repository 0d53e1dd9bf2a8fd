//! The operators that can be imported: one table, one file per family in [`super::ops`].
//!
//! To add an operator, write its `translate` function and a line here; everything else (attributes, errors, constant
//! folding, epilogues) is in reach through [`Translation`].

use super::attributes::Attributes;
use super::error::{ImportError, Refusal, quoted};
use super::graph::{GraphNode, domain, rules};
use super::ops::{
    activation, arithmetic, constants, convolution, layout, matrix, normalisation, pooling, qlinear, qonnx, quantization,
    rearrange,
};
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

/// An operator of onnxruntime's own.
const fn microsoft(op_type: &'static str, translate: Translate) -> Operator {
    Operator { domain: "com.microsoft", op_type, outputs: 1, translate }
}

/// An operator of QONNX, in the domain of this number.
const fn of_qonnx(domain: usize, op_type: &'static str, translate: Translate) -> Operator {
    Operator { domain: qonnx::DOMAINS[domain], op_type, outputs: 1, translate }
}

const OPERATORS: &[Operator] = &[
    onnx("Abs", activation::abs),
    onnx("Add", arithmetic::add),
    onnx("AveragePool", pooling::average_pool),
    onnx("BatchNormalization", normalisation::batch_normalization),
    onnx("Cast", constants::cast),
    onnx("Clip", activation::clip),
    onnx("Concat", rearrange::concat),
    onnx("Constant", constants::constant),
    onnx("ConstantOfShape", constants::constant_of_shape),
    onnx("Conv", convolution::conv),
    onnx("ConvInteger", convolution::conv_integer),
    onnx("DequantizeLinear", quantization::dequantize_linear),
    onnx("Div", arithmetic::div),
    onnx("Dropout", constants::dropout),
    Operator { domain: "", op_type: "DynamicQuantizeLinear", outputs: 3, translate: quantization::dynamic_quantize_linear },
    onnx("Erf", activation::erf),
    onnx("Exp", activation::exp),
    onnx("Expand", layout::expand),
    onnx("Flatten", layout::flatten),
    onnx("Gather", rearrange::gather),
    onnx("Gelu", activation::gelu),
    onnx("Gemm", matrix::gemm),
    onnx("GlobalAveragePool", pooling::global_average_pool),
    onnx("GlobalMaxPool", pooling::global_max_pool),
    onnx("HardSigmoid", activation::hard_sigmoid),
    onnx("HardSwish", activation::hard_swish),
    onnx("Identity", constants::identity),
    onnx("LayerNormalization", normalisation::layer_normalization),
    onnx("LeakyRelu", activation::leaky_relu),
    onnx("LogSoftmax", normalisation::log_softmax),
    onnx("MatMul", matrix::matmul),
    onnx("MatMulInteger", matrix::matmul_integer),
    onnx("Max", arithmetic::max),
    onnx("MaxPool", pooling::max_pool),
    onnx("Min", arithmetic::min),
    onnx("Mul", arithmetic::mul),
    onnx("Neg", activation::neg),
    onnx("Pad", rearrange::pad),
    onnx("Pow", arithmetic::pow),
    onnx("QLinearConv", convolution::qlinear_conv),
    onnx("QLinearMatMul", matrix::qlinear_matmul),
    onnx("QuantizeLinear", quantization::quantize_linear),
    onnx("Reciprocal", activation::reciprocal),
    onnx("RMSNormalization", normalisation::rms_normalization),
    onnx("ReduceMax", normalisation::reduce_max),
    onnx("ReduceMean", normalisation::reduce_mean),
    onnx("ReduceSum", normalisation::reduce_sum),
    onnx("Relu", activation::relu),
    onnx("Reshape", layout::reshape),
    onnx("Resize", rearrange::resize),
    onnx("Shape", constants::shape),
    onnx("Sigmoid", activation::sigmoid),
    onnx("Slice", rearrange::slice),
    Operator { domain: "", op_type: "Split", outputs: usize::MAX, translate: rearrange::split },
    onnx("Softmax", normalisation::softmax),
    onnx("Sqrt", activation::sqrt),
    onnx("Squeeze", layout::squeeze),
    onnx("Sub", arithmetic::sub),
    onnx("Tanh", activation::tanh),
    onnx("Transpose", layout::transpose),
    onnx("Unsqueeze", layout::unsqueeze),
    microsoft("Gelu", activation::gelu),
    microsoft("QGemm", matrix::qgemm),
    microsoft("QLinearAdd", qlinear::add),
    microsoft("QLinearAveragePool", qlinear::average_pool),
    microsoft("QLinearConcat", qlinear::concat),
    microsoft("QLinearGlobalAveragePool", qlinear::global_average_pool),
    microsoft("QLinearLeakyRelu", qlinear::leaky_relu),
    microsoft("QLinearMul", qlinear::mul),
    microsoft("QLinearSigmoid", qlinear::sigmoid),
    microsoft("QLinearSoftmax", qlinear::softmax),
    of_qonnx(0, "BipolarQuant", qonnx::bipolar_quant),
    of_qonnx(0, "IntQuant", qonnx::quant),
    of_qonnx(0, "Quant", qonnx::quant),
    of_qonnx(0, "Trunc", qonnx::trunc),
    of_qonnx(1, "BipolarQuant", qonnx::bipolar_quant),
    of_qonnx(1, "IntQuant", qonnx::quant),
    of_qonnx(1, "Quant", qonnx::quant),
    of_qonnx(1, "Trunc", qonnx::trunc),
    of_qonnx(2, "BipolarQuant", qonnx::bipolar_quant),
    of_qonnx(2, "IntQuant", qonnx::quant),
    of_qonnx(2, "Quant", qonnx::quant),
    of_qonnx(2, "Trunc", qonnx::trunc),
];

/// Names of the operators, as a user would write them.
pub fn supported_operators() -> Vec<String> {
    let name = |operator: &Operator| match operator.domain {
        "" => operator.op_type.to_string(),
        domain => format!("{domain}.{}", operator.op_type),
    };
    OPERATORS.iter().map(name).collect()
}

/// What to do about an operator that is none of them.
fn way_out(cx: &Translation<'_>, node: &GraphNode<'_>) -> &'static str {
    match (domain(&node.proto.domain), node.proto.op_type.as_str()) {
        (domain, op_type) if cx.graph.has_function(domain, op_type) => {
            "inline the model's functions: onnx.inliner.inline_local_functions"
        }
        ("", "If" | "Loop" | "Scan") => "export the model for one path through it: trace it instead of scripting it",
        ("com.microsoft", _) => "start from the model before onnxruntime's optimizer, and quantize that with quantize_static",
        _ => "export the model without this operator, or run that part of it elsewhere",
    }
}

/// Translates one node.
pub(crate) fn translate(cx: &mut Translation<'_>, node: &GraphNode<'_>) -> Result<(), ImportError> {
    let own = |operator: &&Operator| operator.op_type == node.proto.op_type && operator.domain == rules(node.proto);
    let Some(operator) = OPERATORS.iter().find(own) else {
        return Err(node.refuse(Refusal::new(
            format!("operator {}", quoted(&node.operator())),
            supported_operators().join(", "),
            way_out(cx, node),
        )));
    };
    if node.outputs.iter().flatten().count() > operator.outputs {
        let found = format!("{} outputs", node.outputs.len());
        let supported = if operator.outputs == 1 { "the first".to_string() } else { format!("the first {}", operator.outputs) };
        return Err(node.refuse(Refusal::new(found, supported, "export the model without what reads the others")));
    }
    let attributes = Attributes::new(node.proto);
    let opset = cx.graph.opset;
    let result = (operator.translate)(cx, node, &attributes);
    result.and_then(|()| attributes.finish(opset)).map_err(|refusal| node.refuse(refusal))
}
