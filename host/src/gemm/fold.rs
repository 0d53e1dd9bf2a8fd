//! Convolutions with few output channels, folded: rows of output pixels that lie below each other become columns that lie side by side.
//!
//! ```text
//!   input rows   output row 0   output row 1          weights: copies of [K, N], each one stride of kernel rows lower
//!      y0            w0              .                     w0   .
//!      y1            w1             w0                     w1  w0
//!      y2            w2             w1                     w2  w1
//!      y3             .             w2                      .  w2
//! ```
//! A pass has room for `columns * 8/W` output channels, and one with fewer takes as long. Two rows of pixels as one with twice the channels
//! need half the passes over a kernel that is one stride taller. The unfolded matrix is the upper left part of the folded one, so that a
//! layer is uploaded once, folded as far as any width asks for, and each width reads as many of the copies as make it fastest.

use super::checks::passes;
use super::cut::{Cost, Cut};
use super::tiling::Tiling;
use super::{ActivationRows, Image, Placement, Segment, Shape};
use crumb_arch::{ArrayConfig, WeightBits};
use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

/// A kernel of eight rows meets, eight times, little more than twice its rows of input; a ninth copy would save hardly anything.
const MOST_COPIES: usize = 8;

/// What folding asks of a convolution, whose K is (kernel row, kernel column, channel) in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelRows {
    /// Kernel rows.
    pub rows: usize,
    /// Elements of K in each: kernel columns by channels.
    pub length: usize,
    /// Vertical stride.
    pub stride: usize,
    /// Vertical distance between kernel rows.
    pub dilation: usize,
    /// Rows of output pixels, or more if their number is open: so many copies have something to do.
    pub outputs: usize,
}

/// Copies of a weight matrix side by side, each so many rows lower than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fold {
    /// How many.
    pub copies: usize,
    /// Rows between one and the next.
    pub shift: usize,
}

impl Fold {
    /// The matrix itself.
    pub const NONE: Self = Self { copies: 1, shift: 0 };

    /// As many copies of a convolution's matrix `[K, N]` as one group of columns holds and at most double its rows, and no more than
    /// eight or than there are rows of output; one if kernel rows leave out rows of the input.
    pub fn most(kernel: KernelRows, n: usize, config: &ArrayConfig) -> Self {
        let KernelRows { rows, length, stride, dilation, outputs } = kernel;
        if dilation != 1 {
            return Self::NONE;
        }
        let shift = length.saturating_mul(stride);
        let taller = rows.saturating_mul(length).checked_div(shift).unwrap_or(0).saturating_add(1);
        let copies = (config.group_channels() / n.max(1)).min(taller).min(outputs).min(MOST_COPIES);
        if copies > 1 { Self { copies, shift } } else { Self::NONE }
    }

    /// The same with so many copies.
    pub const fn with(self, copies: usize) -> Self {
        if copies == 1 { Self::NONE } else { Self { copies, ..self } }
    }

    /// Rows of the folded matrix.
    pub const fn rows(&self, k: usize) -> usize {
        k.saturating_add((self.copies - 1).saturating_mul(self.shift))
    }

    /// Columns of the folded matrix.
    pub const fn columns(&self, n: usize) -> usize {
        self.copies * n
    }

    /// The folded matrix of a row-major `[K, N]`, row-major.
    pub fn matrix<'w>(&self, weights: &'w [i8], k: usize, n: usize) -> Cow<'w, [i8]> {
        if self.copies == 1 {
            return Cow::Borrowed(weights);
        }
        let mut folded = vec![0; self.rows(k) * self.columns(n)];
        for (at, row) in folded.chunks_exact_mut(self.columns(n)).enumerate() {
            for (copy, part) in row.chunks_exact_mut(n).enumerate() {
                let source = at.checked_sub(copy * self.shift).filter(|source| *source < k);
                if let Some(values) = source.and_then(|source| weights.get(source * n..(source + 1) * n)) {
                    part.copy_from_slice(values);
                }
            }
        }
        Cow::Owned(folded)
    }
}

/// A product as the machine computes it: folded or not, and cut into tiles.
#[derive(Clone, Debug)]
pub struct Mapping<'a> {
    /// How it is folded.
    pub fold: Fold,
    /// How the folded product is cut.
    pub tiling: Tiling,
    folded: Folded<'a>,
}

impl<'a> Mapping<'a> {
    /// The fastest, or one that takes hardly longer and moves less.
    pub fn new(shape: &Shape<'a>, config: &ArrayConfig) -> Self {
        let most = most(shape, config);
        let map = |copies| Self::cut(shape, most.with(copies), config);
        let (cost, (cut, folded)) = Cost::best((1..=most.copies).map(map)).unwrap_or_else(|| map(1));
        Self::of(cost, cut, folded, config)
    }

    /// One with so many copies, or as many as there can be.
    #[cfg(test)]
    pub fn of_copies(shape: &Shape<'a>, copies: usize, config: &ArrayConfig) -> Self {
        let most = most(shape, config);
        let (cost, (cut, folded)) = Self::cut(shape, most.with(copies.min(most.copies)), config);
        Self::of(cost, cut, folded, config)
    }

    /// The best cut of a folded product, and what it costs.
    fn cut(shape: &Shape<'a>, fold: Fold, config: &ArrayConfig) -> (Cost, (Cut, Folded<'a>)) {
        let folded = Folded::of(shape, fold);
        let (cost, cut) = Cut::best(&folded.shape(), config);
        (cost, (cut, folded))
    }

    fn of(cost: Cost, cut: Cut, folded: Folded<'a>, config: &ArrayConfig) -> Self {
        let tiling = Tiling::new(cut, !cost.groups_outside, &folded.shape(), config);
        Self { fold: folded.shape.fold, tiling, folded }
    }

    /// The folded product.
    pub fn shape(&self) -> Shape<'_> {
        self.folded.shape()
    }
}

impl Shape<'_> {
    /// The passes over the first group in which this part of K has weights, but for the zeros above and below the copies of a folded
    /// matrix: bit `t` is pass `t`.
    pub(super) fn parts(&self, k: &Range<usize>, bits: WeightBits, cols: usize) -> u8 {
        let Fold { copies, shift } = self.fold;
        if copies == 1 {
            return u8::MAX;
        }
        let (rows, n, channels) = (self.k - (copies - 1) * shift, self.n / copies, cols * bits.lanes());
        let counts = |part: &usize| {
            let (first, last) = (part * channels / n, (((part + 1) * channels).min(self.n) - 1) / n);
            (first..=last).any(|copy| k.start < copy * shift + rows && copy * shift < k.end)
        };
        (0..passes(bits, self.n, cols)).filter(counts).fold(0, |parts, part| parts | 1 << part)
    }
}

/// The most copies that a product can be folded into: those of its weights' layout, if they are resident.
fn most(shape: &Shape<'_>, config: &ArrayConfig) -> Fold {
    let Some(image) = shape.image else { return Fold::NONE };
    let most = Fold::most(image.kernel_rows(), shape.n, config);
    match shape.weights {
        Placement::Resident(layout) if layout.fold.shift != most.shift => Fold::NONE,
        Placement::Resident(layout) => most.with(most.copies.min(layout.fold.copies)),
        Placement::Streamed { .. } => most,
    }
}

/// A folded product without its data.
#[derive(Clone, Debug)]
struct Folded<'a> {
    /// But for its segments, if it is folded.
    shape: Shape<'a>,
    segments: Option<Vec<Segment>>,
}

impl<'a> Folded<'a> {
    fn of(shape: &Shape<'a>, fold: Fold) -> Self {
        let weights = match shape.weights {
            Placement::Resident(layout) => Placement::Resident(layout.part(fold.copies)),
            streamed @ Placement::Streamed { .. } => streamed,
        };
        let Some(image) = shape.image.filter(|_| fold.copies > 1).map(|image| image.folded(fold.copies)) else {
            return Self { shape: Shape { weights, ..*shape }, segments: None };
        };
        let (k, n) = (fold.rows(shape.k), fold.columns(shape.n));
        let m = image.images * image.output[0] * image.output[1];
        let segments = shape.segments.iter().map(|segment| Segment { k: 0..k, ..segment.clone() }).collect();
        Self { shape: Shape { m, k, n, weights, image: Some(image), fold, ..*shape }, segments: Some(segments) }
    }

    fn shape(&self) -> Shape<'_> {
        Shape { segments: self.segments.as_deref().unwrap_or(self.shape.segments), ..self.shape }
    }
}

/// The left matrix of a folded product, from that of the product itself.
pub struct FoldedRows<'a> {
    rows: &'a dyn ActivationRows,
    /// The folded product's image.
    image: Image,
    copies: usize,
    /// The band that was met last.
    band: RefCell<Band>,
}

/// What a row of pixels meets.
#[derive(Default)]
struct Band {
    /// Image and row, if it is one.
    place: Option<(usize, usize)>,
    /// `[input row][column][channel]`.
    values: Vec<i16>,
}

impl<'a> FoldedRows<'a> {
    /// The rows of an image's product, folded into so many copies.
    pub fn new(rows: &'a dyn ActivationRows, image: Image, copies: usize) -> Self {
        Self { rows, image: image.folded(copies), copies, band: RefCell::default() }
    }
}

impl ActivationRows for FoldedRows<'_> {
    fn image(&self) -> Option<Image> {
        Some(self.image)
    }

    fn fill_band(&self, image: usize, first: usize, channels: Range<usize>, band: &mut [i16]) -> Result<(), String> {
        self.rows.fill_band(image, first * self.copies, channels, band)
    }

    fn fill(&self, first: usize, rows: &mut [i16]) -> Result<(), String> {
        let Image { output: [height, width], channels, strides, .. } = self.image;
        let mut held = self.band.borrow_mut();
        for (pixel, row) in (first..).zip(rows.chunks_exact_mut(self.image.taps() * channels)) {
            let place = (pixel / (height * width), pixel / width % height);
            if held.place != Some(place) {
                held.place = None;
                held.values.resize(self.image.band_lines(1) * channels, 0);
                self.fill_band(place.0, place.1, 0..channels, &mut held.values)?;
                held.place = Some(place);
            }
            for (tap, values) in row.chunks_exact_mut(channels).enumerate() {
                let line = self.image.offset(tap) + pixel % width * strides[1];
                values.copy_from_slice(&held.values[line * channels..][..channels]);
            }
        }
        Ok(())
    }
}

/// The result of a folded product as that of the product itself: row-major `[M, N]`, M the pixels of the image.
pub fn unfold(folded: &[i32], image: &Image, fold: Fold, n: usize) -> Vec<i32> {
    let [height, width] = image.output;
    let below = height.div_ceil(fold.copies);
    let mut result = Vec::with_capacity(image.images * height * width * n);
    for row in 0..image.images * height {
        let (index, y) = (row / height, row % height);
        let first = (index * below + y / fold.copies) * width;
        for pixel in first..first + width {
            let at = pixel * fold.columns(n) + y % fold.copies * n;
            result.extend_from_slice(&folded[at..at + n]);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::WeightLayout;
    use crumb_arch::{ActBits, Rounding, WeightFormat};
    use proptest::prelude::*;

    #[test]
    fn a_matrix_is_folded_as_far_as_its_group_and_double_its_rows_reach() {
        let config = ArrayConfig::named("large").unwrap();
        // A group of `large` has 64 columns.
        let kernel = |rows, length, stride| KernelRows { rows, length, stride, dilation: 1, outputs: usize::MAX };
        for (rows, length, stride, n, copies) in [
            (3, 3, 1, 1, 4),
            (3, 3, 2, 1, 2),
            (7, 21, 2, 64, 1),
            (7, 21, 2, 16, 4),
            (7, 21, 2, 8, 4),
            (1, 64, 1, 32, 2),
            (1, 64, 2, 32, 1),
            (7, 7, 1, 1, 8),
            (9, 9, 1, 1, 8),
            (3, 192, 1, 33, 1),
            (3, 192, 1, 21, 3),
        ] {
            let fold = Fold::most(kernel(rows, length, stride), n, &config);
            assert_eq!(fold.copies, copies, "{rows} kernel rows of {length}, stride {stride}, {n} channels");
            assert!(fold.rows(rows * length) <= 2 * rows * length && fold.columns(n) <= 64);
        }
        assert_eq!(Fold::most(KernelRows { dilation: 2, ..kernel(3, 3, 1) }, 1, &config), Fold::NONE);
        for outputs in 0..6 {
            let fold = Fold::most(KernelRows { outputs, ..kernel(3, 3, 1) }, 1, &config);
            assert_eq!(fold.copies, outputs.clamp(1, 4), "{outputs} rows of output");
        }
        assert_eq!(Fold::most(kernel(0, 0, 0), 0, &config), Fold::NONE);
        let largest = Fold::most(kernel(usize::MAX, usize::MAX, usize::MAX), 1, &config);
        assert_eq!((largest.copies, largest.rows(usize::MAX)), (2, usize::MAX));
    }

    #[test]
    fn copies_stand_one_shift_lower_each() {
        let fold = Fold { copies: 3, shift: 1 };
        assert_eq!(*fold.matrix(&[1, 2, 3, 4], 2, 2), [1, 2, 0, 0, 0, 0, 3, 4, 1, 2, 0, 0, 0, 0, 3, 4, 1, 2, 0, 0, 0, 0, 3, 4]);
        assert_eq!(*Fold::NONE.matrix(&[1, 2, 3, 4], 2, 2), [1, 2, 3, 4]);
    }

    proptest! {
        /// Against a matrix whose copies are ones: a pass counts if there is one among its columns in these rows.
        #[test]
        fn passes_count_where_there_are_weights(
            copies in 2usize..6, shift in 1usize..20, k in 1usize..40, n in 1usize..14, w in 0usize..4, ends in [0usize..80, 0usize..80],
        ) {
            let (fold, cols, bits) = (Fold { copies, shift }, 16, WeightBits::ALL[w]);
            let (rows, columns) = (fold.rows(k), fold.columns(n));
            prop_assume!(columns <= 4 * cols);
            let part = ends[0].min(ends[1]).min(rows - 1)..ends[0].max(ends[1]).min(rows - 1) + 1;
            let ones = fold.matrix(&vec![1; k * n], k, n).into_owned();
            let segments = [Segment::whole(rows, ActBits::A8, true, WeightFormat::top(bits, Rounding::Floor))];
            let weights = Placement::Resident(WeightLayout::new(0, rows, columns));
            let shape = Shape { m: 1, k: rows, n: columns, segments: &segments, weights, image: None, requantize: None, fold };
            let parts = shape.parts(&part, bits, cols);
            for pass in 0..8 {
                let channels = pass * cols * bits.lanes()..((pass + 1) * cols * bits.lanes()).min(columns);
                let counts = part.clone().any(|row| channels.clone().any(|column| ones[row * columns + column] == 1));
                prop_assert_eq!(parts >> pass & 1 == 1, counts, "pass {} of {:?}", pass, part);
            }
        }
    }
}
