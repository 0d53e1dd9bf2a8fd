//! Layer tables of well-known networks, made by the rules that define them.
//!
//! Convolutions and matrix products only: no biases, normalisations, activations, pools or look-ups of embeddings.

mod image;
mod transformer;

use super::layers::{LayerError, LayerShape};

/// A built-in network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// ResNet-18 (He et al., CVPR 2016), 3 x 224 x 224.
    Resnet18,
    /// ResNet-50 with its strides in the 3 x 3 convolutions, as torchvision has it, 3 x 224 x 224.
    Resnet50,
    /// MobileNetV2, width 1.0 (Sandler et al., CVPR 2018), 3 x 224 x 224.
    MobilenetV2,
    /// The encoder of BERT base (Devlin et al., NAACL 2019), 128 tokens, without pooler.
    BertBase128,
    /// TinyLlama 1.1B (Zhang et al., arXiv 2401.02385): a prompt of 128 tokens, then the logits of its last token.
    TinyllamaPrefill,
    /// TinyLlama 1.1B: one token that attends to 128, itself included.
    TinyllamaDecode,
}

impl Network {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Resnet18, Self::Resnet50, Self::MobilenetV2, Self::BertBase128, Self::TinyllamaPrefill, Self::TinyllamaDecode];

    /// Name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::Resnet50 => "resnet50",
            Self::MobilenetV2 => "mobilenet_v2",
            Self::BertBase128 => "bert_base_128",
            Self::TinyllamaPrefill => "tinyllama_1_1b_prefill",
            Self::TinyllamaDecode => "tinyllama_1_1b_decode",
        }
    }

    /// The network with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|network| network.name() == name)
    }

    /// Its layers for one sample, in the order in which they run.
    ///
    /// # Errors
    /// None, as long as the rules of this module make possible layers.
    pub fn layers(self) -> Result<Vec<LayerShape>, LayerError> {
        match self {
            Self::Resnet18 => image::resnet(image::Block::Basic, [2, 2, 2, 2]),
            Self::Resnet50 => image::resnet(image::Block::Bottleneck, [3, 4, 6, 3]),
            Self::MobilenetV2 => image::mobilenet_v2(),
            Self::BertBase128 => transformer::BERT_BASE.layers(128, 128),
            Self::TinyllamaPrefill => transformer::TINYLLAMA.layers(128, 128),
            Self::TinyllamaDecode => transformer::TINYLLAMA.layers(1, 128),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::layers::LayerKind;
    use std::collections::HashSet;

    fn sum(layers: &[LayerShape], count: fn(&LayerShape) -> u64) -> u64 {
        layers.iter().map(count).sum()
    }

    #[test]
    fn every_network_has_its_name_and_its_layers_theirs() {
        for network in Network::ALL {
            assert_eq!(Network::from_name(network.name()), Some(network));
            let layers = network.layers().unwrap();
            let names: HashSet<_> = layers.iter().map(LayerShape::name).collect();
            assert_eq!(names.len(), layers.len(), "{}", network.name());
        }
        assert_eq!(Network::from_name("resnet"), None);
    }

    /// Parameters and operations as torchvision publishes them (`num_params` and `_ops` of its ImageNet weights:
    /// 11,689,512 and 1.814 G; 25,557,032 and 4.089 G; 3,504,872 and 0.301 G).
    ///
    /// Parameters are the weights, two of the batch normalisation behind each filter, and the classifier's 1000 biases.
    #[test]
    fn image_networks_have_the_published_sizes() {
        let published = [
            (Network::Resnet18, 21, 11_689_512, 1_814_073_344, 11_678_912),
            (Network::Resnet50, 54, 25_557_032, 4_089_184_256, 25_502_912),
            (Network::MobilenetV2, 53, 3_504_872, 300_774_272, 3_469_760),
        ];
        for (network, count, parameters, macs, weights) in published {
            let layers = network.layers().unwrap();
            let filters: u64 = layers
                .iter()
                .map(|layer| match layer.kind() {
                    LayerKind::Conv(conv) => conv.filters,
                    LayerKind::Gemm(_) => 0,
                })
                .sum();
            assert_eq!(layers.len(), count, "{}", network.name());
            assert_eq!(sum(&layers, LayerShape::weights), weights, "{}", network.name());
            assert_eq!(weights + 2 * filters + 1000, parameters, "{}", network.name());
            assert_eq!(sum(&layers, LayerShape::macs), macs, "{}", network.name());
        }
    }

    /// A layer's input has as many elements as the output of one before it, up to pooling (4 or 49 to 1).
    #[test]
    fn image_layers_fit_together() {
        for network in [Network::Resnet18, Network::Resnet50, Network::MobilenetV2] {
            let mut outputs = HashSet::from([3 * 224 * 224]);
            for layer in network.layers().unwrap() {
                let input = layer.input_elements();
                assert!([1, 4, 49].iter().any(|pool| outputs.contains(&(input * pool))), "{} {}", network.name(), layer.name());
                outputs.insert(layer.output_elements());
            }
        }
    }

    /// The published model (google-bert/bert-base-uncased) has 109,482,240 parameters: besides the encoder's matrices,
    /// embeddings of 30522 words, 512 positions and 2 segments, biases, normalisations, and the pooler.
    #[test]
    fn bert_has_the_published_size() {
        let layers = Network::BertBase128.layers().unwrap();
        assert_eq!(layers.len(), 12 * 6);
        let weights = sum(&layers, LayerShape::weights);
        assert_eq!(weights, 84_934_656);
        let (embeddings, normalisation) = ((30522 + 512 + 2) * 768, 2 * 768);
        let beside = 12 * (4 * 768 + 3072 + 768 + 2 * normalisation) + normalisation + 768 * 768 + 768;
        assert_eq!(weights + embeddings + beside, 109_482_240);
        // 128 tokens times the weights, and two products of 128 x 128 x 64 for each of 12 x 12 heads.
        assert_eq!(sum(&layers, LayerShape::macs), 128 * weights + 2 * 144 * 128 * 128 * 64);
        assert_eq!(sum(&layers, LayerShape::macs), 11_173_625_856);
    }

    /// The published model (TinyLlama/TinyLlama-1.1B) has 1,100,048,384 parameters: besides the matrices and the output
    /// vocabulary, the input vocabulary and two normalisations of 2048 a layer and one at the end.
    #[test]
    fn tinyllama_has_the_published_size() {
        for (network, macs) in [(Network::TinyllamaPrefill, 125_559_111_680), (Network::TinyllamaDecode, 1_045_954_560)] {
            let layers = network.layers().unwrap();
            assert_eq!(layers.len(), 22 * 6 + 1);
            let weights = sum(&layers, LayerShape::weights);
            assert_eq!(weights, 1_034_420_224);
            assert_eq!(weights + 32000 * 2048 + 45 * 2048, 1_100_048_384);
            assert_eq!(sum(&layers, LayerShape::macs), macs);
        }
    }
}
