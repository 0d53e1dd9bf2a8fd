//! A layer of a table as products on the machine, and what they count.

use super::layers::{Conv, LayerKind, LayerShape};
use super::timing::Timing;
use crate::gemm::schedule::Schedule;
use crate::gemm::tiling::Tiling;
use crate::gemm::{Image, Shape};
use crumb_arch::{ArrayConfig, Counters};

/// The counters of products that run one after the other, as a session reads them before the first and after the last.
pub fn counters<'a>(config: &ArrayConfig, shapes: impl IntoIterator<Item = Shape<'a>>) -> Counters {
    let mut timing = Timing::new(config);
    for shape in shapes {
        let tiling = Tiling::new(&shape, config);
        Schedule::new(&shape, config, &tiling).for_each(|step| timing.give(&step.command));
        timing.settle();
    }
    timing.read_counters()
}

/// The image that a convolution's rows are; `None` for matrix products.
pub fn image(layer: &LayerShape) -> Option<Image> {
    let LayerKind::Conv(Conv { kernel, strides, channels, groups, .. }) = *layer.kind() else { return None };
    let pair = |pair: [u64; 2]| Some([usize::try_from(pair[0]).ok()?, usize::try_from(pair[1]).ok()?]);
    Some(Image {
        images: usize::try_from(layer.batch()).ok()?,
        output: pair(layer.output_size())?,
        channels: usize::try_from(channels / groups).ok()?,
        kernel: pair(kernel)?,
        strides: pair(strides)?,
        dilations: [1, 1],
    })
}
