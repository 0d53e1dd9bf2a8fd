//! Conv: two spatial dimensions, any kernel, stride, padding, dilation and group.

use super::array_layer;
use crate::network::{Conv, Op, Padding};
use crate::onnx::attributes::{Attributes, shown};
use crate::onnx::error::Refusal;
use crate::onnx::graph::GraphNode;
use crate::onnx::translation::Translation;

/// Conv between DequantizeLinear and (Relu,) QuantizeLinear.
pub fn conv(cx: &mut Translation<'_>, node: &GraphNode<'_>, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let operands = array_layer::operands(cx, node)?;
    let &[out_channels, channels_per_group, height, width] = operands.weights.shape() else {
        return Err(Refusal::new(
            format!("weights of shape {:?}", operands.weights.shape()),
            "convolutions in two dimensions: [out, in / group, kernel height, kernel width]",
            "reshape one-dimensional data to height 1; three dimensions are not supported",
        ));
    };
    let kernel = [height, width];
    if let Some(declared) = attributes.optional_ints("kernel_shape")?
        && !declared.iter().map(|&size| usize::try_from(size).ok()).eq(kernel.map(Some))
    {
        let found = format!("kernel_shape {} for weights of {height} x {width}", shown(declared));
        return Err(Refusal::new(found, "the size of the weights", "export the model again"));
    }
    let strides = attributes.sizes::<2>("strides", 1, 1)?;
    let dilations = attributes.sizes::<2>("dilations", 1, 1)?;
    let padding = padding(attributes)?;
    let group = attributes.int("group", 1)?;
    let in_channels = usize::try_from(group).ok().filter(|&group| group > 0 && out_channels.is_multiple_of(group));
    let Some((group, in_channels)) = in_channels.and_then(|g| Some((g, g.checked_mul(channels_per_group)?))) else {
        let found = format!("group {group} for {out_channels} output channels");
        return Err(Refusal::new(found, "a divisor of the output channels", "export the model again"));
    };
    // The number of weights is the number of bytes that are there, so these products do not overflow.
    let k = operands.weights.data().len() / out_channels.max(1);
    let layer = array_layer::build(cx, node, &operands, 0, [out_channels, k], |channel, at| channel * k + at)?;
    array_layer::emit(cx, node, &operands, layer, |layer| {
        Op::Conv(Conv { layer, in_channels, kernel, strides, padding, dilations, group })
    })
}

fn padding(attributes: &Attributes<'_>) -> Result<Padding, Refusal> {
    let pads = attributes.sizes::<4>("pads", 0, 0)?;
    let auto = attributes.string("auto_pad", "NOTSET")?;
    let padding = match auto.as_str() {
        "" | "NOTSET" => return Ok(Padding::Explicit(pads)),
        "VALID" => Padding::Explicit([0; 4]),
        "SAME_UPPER" => Padding::SameUpper,
        "SAME_LOWER" => Padding::SameLower,
        _ => {
            let found = format!("auto_pad {}", crate::onnx::error::quoted(&auto));
            return Err(Refusal::new(found, "NOTSET, VALID, SAME_UPPER and SAME_LOWER", "export with explicit pads"));
        }
    };
    if pads != [0; 4] {
        let found = format!("pads {pads:?} together with auto_pad {auto}");
        return Err(Refusal::new(found, "one of the two", "remove auto_pad or pads"));
    }
    Ok(padding)
}
