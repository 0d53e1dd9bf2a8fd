//! Image classifiers: residual networks and MobileNetV2 on 3 x 224 x 224 inputs, with torchvision's names and paddings.

use crate::estimate::layers::{Conv, Gemm, LayerError, LayerShape, RightOperand};

/// Height and width of the input.
const INPUT: u64 = 224;
/// Classes of ImageNet.
const CLASSES: u64 = 1000;

/// Residual block of a ResNet (He et al., CVPR 2016, figure 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Two 3 x 3 convolutions.
    Basic,
    /// 1 x 1, 3 x 3, and 1 x 1 to four times the channels.
    Bottleneck,
}

/// Square feature maps on their way through the layers.
#[derive(Clone, Copy)]
struct Maps {
    /// Height and width.
    size: u64,
    channels: u64,
}

impl Maps {
    /// Appends a convolution whose padding keeps the size at stride 1; returns the maps behind it.
    fn conv(
        self,
        to: &mut Vec<LayerShape>,
        name: String,
        kernel: u64,
        filters: u64,
        stride: u64,
        groups: u64,
    ) -> Result<Self, LayerError> {
        let conv = Conv {
            input: [self.size; 2],
            kernel: [kernel; 2],
            channels: self.channels,
            filters,
            strides: [stride; 2],
            padding: [kernel / 2; 4],
            groups,
        };
        let layer = LayerShape::conv(name, conv, 1)?;
        let maps = Self { size: layer.output_size()[0], channels: filters };
        to.push(layer);
        Ok(maps)
    }

    /// Appends the classifier behind a global pool.
    fn classifier(self, to: &mut Vec<LayerShape>, name: &str) -> Result<(), LayerError> {
        let gemm = Gemm { m: 1, n: CLASSES, k: self.channels, groups: 1, right: RightOperand::Weights };
        to.push(LayerShape::gemm(name, gemm, 1)?);
        Ok(())
    }
}

/// A ResNet with so many blocks in each of its four stages (He et al., table 1).
pub fn resnet(block: Block, blocks: [u64; 4]) -> Result<Vec<LayerShape>, LayerError> {
    let mut layers = Vec::new();
    let mut maps = Maps { size: INPUT, channels: 3 }.conv(&mut layers, "conv1".into(), 7, 64, 2, 1)?;
    // A 3 x 3 pool of stride 2 with a padding of 1.
    maps.size = maps.size.div_ceil(2);
    for (stage, count) in (1..).zip(blocks) {
        let width = 32 << stage;
        for index in 0..count {
            let name = |part: &str| format!("layer{stage}.{index}.{part}");
            let stride = if stage > 1 && index == 0 { 2 } else { 1 };
            let shortcut = maps;
            maps = match block {
                Block::Basic => maps.conv(&mut layers, name("conv1"), 3, width, stride, 1)?.conv(
                    &mut layers,
                    name("conv2"),
                    3,
                    width,
                    1,
                    1,
                )?,
                Block::Bottleneck => maps
                    .conv(&mut layers, name("conv1"), 1, width, 1, 1)?
                    .conv(&mut layers, name("conv2"), 3, width, stride, 1)?
                    .conv(&mut layers, name("conv3"), 1, 4 * width, 1, 1)?,
            };
            if stride > 1 || shortcut.channels != maps.channels {
                shortcut.conv(&mut layers, name("downsample.0"), 1, maps.channels, stride, 1)?;
            }
        }
    }
    maps.classifier(&mut layers, "fc")?;
    Ok(layers)
}

/// Expansion, output channels, repetitions and stride of each stage (Sandler et al., CVPR 2018, table 2).
const INVERTED_RESIDUALS: [(u64, u64, u64, u64); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// MobileNetV2 of width 1.0.
pub fn mobilenet_v2() -> Result<Vec<LayerShape>, LayerError> {
    let mut layers = Vec::new();
    let mut maps = Maps { size: INPUT, channels: 3 }.conv(&mut layers, "features.0".into(), 3, 32, 2, 1)?;
    let mut block = 0;
    for (expansion, channels, repetitions, first_stride) in INVERTED_RESIDUALS {
        for repetition in 0..repetitions {
            block += 1;
            let name = |part: &str| format!("features.{block}.{part}");
            let stride = if repetition == 0 { first_stride } else { 1 };
            if expansion > 1 {
                maps = maps.conv(&mut layers, name("expand"), 1, expansion * maps.channels, 1, 1)?;
            }
            maps = maps.conv(&mut layers, name("depthwise"), 3, maps.channels, stride, maps.channels)?.conv(
                &mut layers,
                name("project"),
                1,
                channels,
                1,
                1,
            )?;
        }
    }
    maps = maps.conv(&mut layers, format!("features.{}", block + 1), 1, 1280, 1, 1)?;
    maps.classifier(&mut layers, "classifier")?;
    Ok(layers)
}
