//! Geometry of a convolution: kernel, strides, padding, dilations and groups of `[batch, channels, height, width]`.

use super::{ArrayLayer, Dim};

/// Padding of a convolution or a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Rows above, columns to the left, rows below, columns to the right.
    Explicit([usize; 4]),
    /// `ceil(size / stride)` outputs; an odd row or column of padding goes below or to the right.
    SameUpper,
    /// `ceil(size / stride)` outputs; an odd row or column of padding goes above or to the left.
    SameLower,
}

/// A window that moves over height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub strides: [usize; 2],
    /// Padding, with the value that means zero (or that no maximum can be).
    pub padding: Padding,
    /// Vertical and horizontal distance between kernel taps.
    pub dilations: [usize; 2],
    /// Whether a window that begins inside the padded input but ends outside it counts (pools only).
    pub ceil: bool,
}

impl Window {
    /// Size of the dilated kernel; `None` if it overflows.
    pub fn extent(&self) -> Option<[usize; 2]> {
        let size = |axis: usize| self.kernel[axis].checked_sub(1)?.checked_mul(self.dilations[axis])?.checked_add(1);
        Some([size(0)?, size(1)?])
    }

    /// Padding as `[top, left, bottom, right]` for an input of this height and width; `None` if it overflows.
    pub fn pads(&self, size: [usize; 2]) -> Option<[usize; 4]> {
        let lower = match self.padding {
            Padding::Explicit(pads) => return Some(pads),
            Padding::SameUpper => false,
            Padding::SameLower => true,
        };
        let extent = self.extent()?;
        let mut pads = [0; 4];
        for axis in 0..2 {
            let outputs = size[axis].div_ceil(self.strides[axis].max(1));
            let reach = outputs.checked_sub(1)?.checked_mul(self.strides[axis])?.checked_add(extent[axis])?;
            let total = reach.saturating_sub(size[axis]);
            let before = if lower { total.div_ceil(2) } else { total / 2 };
            (pads[axis], pads[axis + 2]) = (before, total - before);
        }
        Some(pads)
    }

    /// Height and width of the output for an input of this height and width.
    ///
    /// # Errors
    /// A sentence that says why there is no output.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2], String> {
        let overflow = || "sizes overflow; the attributes of this node cannot be meant".to_string();
        let extent = self.extent().ok_or_else(overflow)?;
        let pads = self.pads(size).ok_or_else(overflow)?;
        let mut output = [0; 2];
        for axis in 0..2 {
            let padded = size[axis].checked_add(pads[axis]).and_then(|sum| sum.checked_add(pads[axis + 2]));
            let padded = padded.ok_or_else(overflow)?;
            let free = padded.checked_sub(extent[axis]).ok_or_else(|| {
                format!("the dilated kernel spans {} but the padded input only {padded}; give a larger input", extent[axis])
            })?;
            let stride = self.strides[axis].max(1);
            output[axis] = if self.ceil { free.div_ceil(stride) } else { free / stride } + 1;
            // A window that would begin in the padding behind the input is not counted.
            if self.ceil && (output[axis] - 1).saturating_mul(stride) >= size[axis] + pads[axis] {
                output[axis] -= 1;
            }
        }
        Ok(output)
    }

    /// Input coordinate of tap `tap` of output `output` along an axis, or `None` in the padding. `before` is the padding before
    /// the input, `size` the input's size.
    pub fn coordinate(&self, axis: usize, output: usize, tap: usize, before: usize, size: usize) -> Option<usize> {
        let padded = output * self.strides[axis] + tap * self.dilations[axis];
        padded.checked_sub(before).filter(|&at| at < size)
    }
}

/// Convolution of `[batch, channels, height, width]`, or of `[batch, channels, width]`, which is the case of height 1;
/// weights `[out_channels][ci][kh][kw]`.
#[derive(Debug, Clone)]
pub struct Conv {
    /// Weights and scales; `k` is `in_channels / group * kernel[0] * kernel[1]`.
    pub layer: ArrayLayer,
    /// Input channels, all groups together.
    pub in_channels: usize,
    /// Kernel and how it moves.
    pub window: Window,
    /// Number of groups; divides both channel counts.
    pub group: usize,
    /// Spatial dimensions of input and output: 2, or 1.
    pub spatial: usize,
}

impl Conv {
    /// Shape of the weights in the file, `[out_channels, in_channels / group, kh, kw]`.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.layer.out_channels, self.in_channels / self.group.max(1), self.window.kernel[0], self.window.kernel[1]]
    }

    /// Batch, channels, height and width of an input, if it has them.
    pub fn image_shape(&self, shape: &[usize]) -> Option<[usize; 4]> {
        match (self.spatial, shape) {
            (1, &[batch, channels, width]) => Some([batch, channels, 1, width]),
            (2, &[batch, channels, height, width]) => Some([batch, channels, height, width]),
            _ => None,
        }
    }

    /// Shape of the output for an input's.
    ///
    /// # Errors
    /// A sentence that says why there is no output.
    pub fn infer(&self, input: &[Dim]) -> Result<Vec<Dim>, String> {
        let channels = Dim::Fixed(self.layer.out_channels);
        let fits = |dim: &Dim| dim.fixed().is_none_or(|size| size == self.in_channels);
        let one = Dim::Fixed(1);
        let (batch, sizes) = match (self.spatial, input) {
            (1, [batch, c, width]) if fits(c) => (batch, [&one, width]),
            (2, [batch, c, height, width]) if fits(c) => (batch, [height, width]),
            _ => {
                let expected: Vec<_> = self.expected_input().iter().map(ToString::to_string).collect();
                return Err(format!("expected [{}]", expected.join(", ")));
            }
        };
        let [height, width] = match sizes {
            [Dim::Fixed(height), Dim::Fixed(width)] => self.window.output_size([*height, *width])?.map(Dim::Fixed),
            _ => [Dim::Unknown, Dim::Unknown],
        };
        Ok(if self.spatial == 1 { vec![batch.clone(), channels, width] } else { vec![batch.clone(), channels, height, width] })
    }

    /// Expected input shape, for messages.
    pub(crate) fn expected_input(&self) -> Vec<Dim> {
        let named = |name: &str| Dim::Symbolic(name.to_string());
        let mut dims = vec![named("batch"), Dim::Fixed(self.in_channels), named("height"), named("width")];
        if self.spatial == 1 {
            dims.remove(2);
        }
        dims
    }
}
