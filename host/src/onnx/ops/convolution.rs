//! Conv, QLinearConv and ConvInteger: one or two spatial dimensions, any kernel, stride, padding, dilation and group.

use super::operands::{self, Operands, Right, Slots};
use super::{array_layer, window};
use crate::network::{Conv, Op};
use crate::onnx::attributes::{Attributes, shown};
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::Translation;

/// Conv between DequantizeLinear and (Relu, Clip,) QuantizeLinear.
pub fn conv(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let operands = operands::qdq(cx, node)?;
    convolution(cx, node, attributes, &operands)
}

/// QLinearConv.
pub fn qlinear_conv(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let slots = Slots { left: 0, right: 3, bias: Some(8), output: 6, float_output: false };
    let operands = operands::qlinear(cx, node, &slots, 0)?;
    convolution(cx, node, attributes, &operands)
}

/// ConvInteger.
pub fn conv_integer(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let operands = operands::integer(cx, node)?;
    convolution(cx, node, attributes, &operands)
}

fn convolution(
    cx: &mut Translation<'_>,
    node: &GraphNode<'_>,
    attributes: &Attributes<'_>,
    operands: &Operands,
) -> Result<(), Refusal> {
    let Right::Constant(constant, quantizer, _) = &operands.right else {
        let advice = "make the kernel an initializer, or pass it as a constant";
        return Err(Refusal::new("a kernel that is computed", "constant weights", advice));
    };
    let (out_channels, channels_per_group, kernel, spatial) = match *constant.tensor.shape() {
        [out, channels, width] => (out, channels, [1, width], 1),
        [out, channels, height, width] => (out, channels, [height, width], 2),
        _ => {
            return Err(Refusal::new(
                format!("weights of shape {:?}", constant.tensor.shape()),
                "convolutions in one or two dimensions: [out, in / group, kernel width] or [out, in / group, kernel height, kernel width]",
                "reshape the data to two dimensions; three are not supported",
            ));
        }
    };
    if let Some(declared) = attributes.optional_ints("kernel_shape")?
        && !declared.iter().map(|&size| usize::try_from(size).ok()).eq(kernel[2 - spatial..].iter().map(|&size| Some(size)))
    {
        let sizes: Vec<_> = kernel[2 - spatial..].iter().map(ToString::to_string).collect();
        let found = format!("kernel_shape {} for weights of {}", shown(declared), sizes.join(" x "));
        return Err(Refusal::new(found, "the size of the weights", "export the model again"));
    }
    let window = window::window(attributes, spatial, kernel)?;
    let group = attributes.int("group", 1)?;
    let in_channels = usize::try_from(group).ok().filter(|&group| group > 0 && out_channels.is_multiple_of(group));
    let Some((group, in_channels)) = in_channels.and_then(|g| Some((g, g.checked_mul(channels_per_group)?))) else {
        let found = format!("group {group} for {out_channels} output channels");
        return Err(Refusal::new(found, "a divisor of the output channels", "export the model again"));
    };
    // The number of weights is the number of bytes that are there, so these products do not overflow.
    let k = constant.tensor.data().len() / out_channels.max(1);
    let order = |channel, at| channel * k + at;
    let layer = array_layer::build(cx, node, operands, (constant, quantizer), 0, [out_channels, k], order)?;
    array_layer::emit(cx, node, operands, layer, |layer| Op::Conv(Conv { layer, in_channels, window, group, spatial }))
}
