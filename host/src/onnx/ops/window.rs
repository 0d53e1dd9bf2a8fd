//! Attributes of windows that move over one or two dimensions: convolutions and pools.

use crate::network::{Padding, Window};
use crate::onnx::attributes::Attributes;
use crate::onnx::error::{Refusal, quoted};

/// The window of a node with `spatial` dimensions (1 or 2) and this kernel, whose height is 1 if there is one dimension.
pub fn window(attributes: &Attributes<'_>, spatial: usize, kernel: [usize; 2]) -> Result<Window, Refusal> {
    let [strides, dilations] = [pair(attributes, "strides", 1, 1, spatial)?, pair(attributes, "dilations", 1, 1, spatial)?];
    let padding = padding(attributes, spatial)?;
    Ok(Window { kernel, strides, padding, dilations, ceil: false })
}

/// A size for each spatial dimension; height 1 or its like where there is one dimension.
pub fn pair(
    attributes: &Attributes<'_>,
    name: &'static str,
    minimum: i64,
    default: usize,
    spatial: usize,
) -> Result<[usize; 2], Refusal> {
    if spatial == 1 {
        let [width] = attributes.sizes::<1>(name, minimum, default)?;
        return Ok([default, width]);
    }
    attributes.sizes::<2>(name, minimum, default)
}

fn padding(attributes: &Attributes<'_>, spatial: usize) -> Result<Padding, Refusal> {
    let pads = if spatial == 1 {
        let [before, behind] = attributes.sizes::<2>("pads", 0, 0)?;
        [0, before, 0, behind]
    } else {
        attributes.sizes::<4>("pads", 0, 0)?
    };
    let auto = attributes.string("auto_pad", "NOTSET")?;
    let padding = match auto.as_str() {
        "" | "NOTSET" => return Ok(Padding::Explicit(pads)),
        "VALID" => Padding::Explicit([0; 4]),
        "SAME_UPPER" => Padding::SameUpper,
        "SAME_LOWER" => Padding::SameLower,
        _ => {
            let found = format!("auto_pad {}", quoted(&auto));
            return Err(Refusal::new(found, "NOTSET, VALID, SAME_UPPER and SAME_LOWER", "export with explicit pads"));
        }
    };
    if pads != [0; 4] {
        let found = format!("pads {pads:?} together with auto_pad {auto}");
        return Err(Refusal::new(found, "one of the two", "remove auto_pad or pads"));
    }
    Ok(padding)
}
