//! Cuts a product into tiles, and decides in which order blocks of the result are computed.
//!
//! ```text
//! rows outside:    for each block of rows, for each group of 4C columns     -- activations stay, weights come again for each block
//! groups outside:  for each group of 4C columns, for each block of rows     -- weights stay, activations come again for each group
//! each block:      for each K tile, for each pass: compute;  then drain     -- the next block uses the other accumulator half
//! ```
//! Both memories are rings of slots; what a ring still holds is not loaded again. A slot of the weight memory is a tile. A slot of the
//! activation buffer is a tile of the left matrix, row by row, or the band of an image that all taps of a tile's channels read.

use super::Shape;
use super::cut::Cut;
use super::work::{k_tiles, weight_slot_words, weight_slots};
use crumb_arch::ArrayConfig;
use crumb_arch::command::Pattern;
use std::ops::Range;

/// One K tile: a part of a segment that the array holds at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KTile {
    /// Index of the segment.
    pub segment: usize,
    /// Rows of the weight matrix.
    pub k: Range<usize>,
    /// What a slot of the activation buffer holds of it: columns of the left matrix, or channels of an image.
    pub slot: Range<usize>,
    /// The line of the slot at which it begins.
    pub offset: usize,
    /// The passes in which it has weights: bit `t` is pass `t`.
    parts: u8,
    /// The passes in which a tile before it has some.
    begun: u8,
}

impl KTile {
    /// Those of the first so many passes in which it counts.
    pub fn passes(&self, passes: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        let parts = self.parts;
        (0..passes).filter(move |part| parts >> part & 1 == 1)
    }

    /// Whether it adds to sums in a pass, and does not begin them.
    pub const fn adds_in(&self, part: usize) -> bool {
        self.begun >> part & 1 == 1
    }
}

/// How a product is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// How the left matrix is cut.
    pub cut: Cut,
    /// K tiles, in order.
    pub tiles: Vec<KTile>,
    /// Slots of the activation buffer.
    pub activation_slots: usize,
    /// Slots of the weight memory for streamed weights, each of one tile; 0 if weights are resident.
    pub weight_slots: usize,
    /// Addresses of a weight slot.
    pub weight_slot_words: usize,
    /// Blocks of rows are the outer loop.
    pub rows_outside: bool,
}

impl Tiling {
    /// The tiling of a product that is cut so, blocks of rows or groups of columns being the outer loop.
    pub fn new(cut: Cut, rows_outside: bool, shape: &Shape<'_>, config: &ArrayConfig) -> Self {
        let mut tiles = Vec::new();
        for (segment, s) in shape.segments.iter().enumerate() {
            // Each segment meets every column; a pass has others at another width.
            let mut begun = if tiles.is_empty() { 0 } else { u8::MAX };
            tiles.extend(k_tiles(cut.image, &s.k, config.tile_k(s.act)).map(|(k, slot, tap)| {
                let offset = cut.image.map_or(0, |image| image.offset(tap));
                let parts = shape.parts(&k, s.weight.bits, config.cols);
                let tile = KTile { segment, k, slot, offset, parts, begun };
                begun |= parts;
                tile
            }));
        }
        Self {
            cut,
            tiles,
            activation_slots: config.activation_lines / cut.slot_lines,
            weight_slots: weight_slots(shape, config).unwrap_or(0),
            weight_slot_words: weight_slot_words(shape, config),
            rows_outside,
        }
    }

    /// How tiles read their slot.
    pub fn pattern(&self) -> Pattern {
        self.cut.image.and_then(|image| image.pattern()).unwrap_or(Pattern::LINEAR)
    }

    /// Rows of each block.
    pub fn blocks(&self, m: usize) -> impl Iterator<Item = Range<usize>> + Clone + use<> {
        let cut = self.cut;
        (0..m).step_by(cut.span).flat_map(move |image| {
            let sizes = cut.blocks_of(cut.span.min(m - image)).into_iter();
            sizes.flat_map(|(rows, times)| std::iter::repeat_n(rows, times)).scan(image, |end, rows| {
                let first = *end;
                *end += rows;
                Some(first..*end)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::{Fold, Image, Placement, Segment, WeightLayout};
    use crumb_arch::{ActBits, Rounding, WeightBits, WeightFormat};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_are_all_rows_once_and_fit_the_memories(
            pixels in [1usize..40, 1usize..40], images in 1usize..4, channels in 1usize..70, n in 1usize..300, convolution: bool, act in 0usize..3,
        ) {
            let config = ArrayConfig::named("large").unwrap();
            let image = Image { images, output: pixels, channels, kernel: [3, 3], strides: [1, 1], dilations: [1, 1] };
            let (m, k) = (images * pixels[0] * pixels[1], 9 * channels);
            let format = WeightFormat::top(WeightBits::W4, Rounding::HalfEven);
            let segments = [Segment::whole(k, ActBits::ALL[act], false, format)];
            let weights = Placement::Resident(WeightLayout::new(0, k, n));
            let shape = Shape { m, k, n, segments: &segments, weights, image: convolution.then_some(image), requantize: None, fold: Fold::NONE };
            for cut in Cut::all(&shape, &config) {
                let tiling = Tiling::new(cut, true, &shape, &config);
                let mut end = 0;
                for block in tiling.blocks(m) {
                    prop_assert!(block.start == end && !block.is_empty(), "{block:?} follows {end} in {cut:?}");
                    prop_assert!(block.len() <= cut.block_rows && block.len() <= config.accumulator_rows);
                    prop_assert!(cut.lines_of(block.len()) <= cut.slot_lines);
                    prop_assert_eq!(block.start / cut.span, (block.end - 1) / cut.span, "an image ends its block");
                    prop_assert!(cut.image.is_none() || block.len().is_multiple_of(pixels[1]));
                    end = block.end;
                }
                prop_assert_eq!(end, m);
                prop_assert!(tiling.activation_slots >= 2, "{cut:?}");
                let [first, largest, last] = cut.ends(m);
                prop_assert_eq!(first, tiling.blocks(m).next().unwrap().len());
                prop_assert!(largest >= tiling.blocks(m).map(|block| block.len()).max().unwrap());
                prop_assert_eq!(last, tiling.blocks(m).last().unwrap().len());
            }
        }
    }
}
