//! The left matrix of a convolution as an image: it lies in the activation buffer once, and every kernel tap reads it there.
//!
//! ```text
//! band: the input rows that a block of output rows meets          a line: some channels of one pixel
//!   x x x x x x
//!   x x x x x x   tap (ky, kx) begins at line (ky * width + kx) * dilation, and walks with the stride: a Pattern
//!   x x x x x x
//! ```

use super::KernelRows;
use crumb_arch::command::Pattern;

/// The left matrix of a convolution: its rows are output pixels, its columns are (kernel row, kernel column, channel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Image {
    /// Images of the batch.
    pub images: usize,
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Channels of the input.
    pub channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub strides: [usize; 2],
    /// Vertical and horizontal distance of kernel taps.
    pub dilations: [usize; 2],
}

impl Image {
    /// The same, unless it has no pixels or its input has only one: then rows of the left matrix are all there is.
    pub fn of_input(self, input: [usize; 2]) -> Option<Self> {
        (input != [1, 1] && self.images * self.output[0] * self.output[1] > 0).then_some(self)
    }

    /// So many rows of output pixels as one, under a kernel that meets what all of them meet.
    #[must_use]
    pub const fn folded(self, rows: usize) -> Self {
        let ([height, width], [down, across]) = (self.output, self.strides);
        let kernel = [self.kernel[0] + (rows - 1) * down, self.kernel[1]];
        Self { output: [height.div_ceil(rows), width], kernel, strides: [rows * down, across], ..self }
    }

    /// The kernel as folding sees it.
    pub const fn kernel_rows(&self) -> KernelRows {
        let Self {
            kernel: [rows, columns], strides: [stride, _], dilations: [dilation, _], output: [outputs, _], channels, ..
        } = *self;
        KernelRows { rows, length: columns * channels, stride, dilation, outputs }
    }

    /// Kernel taps.
    pub const fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Input rows (axis 0) or columns (axis 1) that so many output ones meet.
    pub const fn input(&self, axis: usize, outputs: usize) -> usize {
        (outputs - 1) * self.strides[axis] + (self.kernel[axis] - 1) * self.dilations[axis] + 1
    }

    /// Pixels of a band's row.
    pub const fn width(&self) -> usize {
        self.input(1, self.output[1])
    }

    /// Lines of the band of so many output rows.
    pub const fn band_lines(&self, rows: usize) -> usize {
        self.input(0, rows) * self.width()
    }

    /// The line of a band at which a tap begins.
    pub const fn offset(&self, tap: usize) -> usize {
        tap / self.kernel[1] * self.dilations[0] * self.width() + tap % self.kernel[1] * self.dilations[1]
    }

    /// How tiles read a band; `None` if it is larger than the machine's fields.
    pub fn pattern(&self) -> Option<Pattern> {
        let jump = (self.strides[0] * self.width()).checked_sub((self.output[1] - 1) * self.strides[1])?;
        Some(Pattern {
            columns: u16::try_from(self.output[1]).ok()?,
            stride: u8::try_from(self.strides[1]).ok()?,
            jump: u16::try_from(jump).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_meet_the_pixels_of_each_tap() {
        for (kernel, strides, dilations, output) in [
            ([3, 3], [1, 1], [1, 1], [5, 7]),
            ([3, 2], [2, 3], [2, 1], [4, 3]),
            ([1, 1], [2, 2], [1, 1], [3, 3]),
            ([7, 7], [2, 2], [1, 1], [2, 9]),
        ] {
            let image = Image { images: 1, output, channels: 1, kernel, strides, dilations };
            let pattern = image.pattern().unwrap();
            for tap in 0..image.taps() {
                for pixel in 0..output[0] * output[1] {
                    let y = pixel / output[1] * strides[0] + tap / kernel[1] * dilations[0];
                    let x = pixel % output[1] * strides[1] + tap % kernel[1] * dilations[1];
                    let line = pattern.address(image.offset(tap) as u16, pixel as u16);
                    assert_eq!(usize::from(line), y * image.width() + x);
                    assert!(usize::from(line) < image.band_lines(output[0]));
                }
            }
        }
    }
}
