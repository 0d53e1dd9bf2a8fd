//! A convolution by shape: its sizes, and the height and width of its output.

use super::{at_least_one, count};

/// A convolution of `[batch, channels, height, width]` with `[filters, channels / groups, height, width]`, dilation 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Height and width of the input, without padding.
    pub input: [u64; 2],
    /// Height and width of the kernel.
    pub kernel: [u64; 2],
    /// Input channels, all groups together.
    pub channels: u64,
    /// Output channels, all groups together.
    pub filters: u64,
    /// Vertical and horizontal stride.
    pub strides: [u64; 2],
    /// Zeros above, to the left, below and to the right.
    pub padding: [u64; 4],
    /// Groups of channels that do not see each other; as many as channels in a depthwise convolution.
    pub groups: u64,
}

impl Conv {
    /// Height and width with padding.
    pub(super) fn padded_input(&self) -> Result<[u64; 2], String> {
        let mut padded = [0; 2];
        for (axis, padded) in padded.iter_mut().enumerate() {
            let sum = self.input[axis].checked_add(self.padding[axis]).and_then(|sum| sum.checked_add(self.padding[axis + 2]));
            *padded = count("the padded input's height or width", &[sum.unwrap_or(u64::MAX)])?;
        }
        Ok(padded)
    }

    /// Height and width of the output: `(padded input - kernel) / stride + 1`, rounded down.
    pub(super) fn output_size(&self) -> Result<[u64; 2], String> {
        let pairs = [("the input", self.input), ("the kernel", self.kernel), ("the stride", self.strides)];
        for (what, [height, width]) in pairs {
            at_least_one(&format!("{what}'s height"), height)?;
            at_least_one(&format!("{what}'s width"), width)?;
        }
        for (what, size) in [("channels", self.channels), ("filters", self.filters), ("groups", self.groups)] {
            at_least_one(&format!("the number of {what}"), size)?;
        }
        if !self.channels.is_multiple_of(self.groups) || !self.filters.is_multiple_of(self.groups) {
            let Self { channels, filters, groups, .. } = self;
            return Err(format!(
                "{groups} groups do not divide {channels} channels and {filters} filters; give a common divisor"
            ));
        }
        let padded = self.padded_input()?;
        let mut output = [0; 2];
        for axis in 0..2 {
            let (size, kernel) = (padded[axis], self.kernel[axis]);
            let free = size.checked_sub(kernel);
            let free =
                free.ok_or_else(|| format!("a kernel of {kernel} does not fit a padded input of {size}; give a larger input"))?;
            output[axis] = free / self.strides[axis] + 1;
        }
        Ok(output)
    }
}
