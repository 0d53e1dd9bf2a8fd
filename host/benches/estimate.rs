//! How long an estimate takes: single layers on one core, and networks at all nine pairs of widths on all.
//!
//!     cargo bench --package crumb --bench estimate

use criterion::{Criterion, criterion_group, criterion_main};
use crumb::estimate::layers::{LayerError, LayerShape};
use crumb::estimate::network::{EstimateError, Workload};
use crumb::estimate::networks::Network;
use crumb::estimate::product::Costs;
use crumb::network::LayerPrecision;
use crumb_arch::ArrayConfig;
use std::hint::black_box;

/// Layers of networks: a network, a layer of it, and what it is.
const LAYERS: [(Network, &str, &str); 6] = [
    (Network::Resnet50, "conv1", "7x7, 3 to 64 channels, 112x112"),
    (Network::Resnet50, "layer1.0.conv2", "3x3, 64 to 64 channels, 56x56"),
    (Network::Resnet50, "layer3.0.conv3", "1x1, 256 to 1024 channels, 14x14"),
    (Network::Resnet50, "layer4.2.conv2", "3x3, 512 to 512 channels, 7x7"),
    (Network::MobilenetV2, "features.2.depthwise", "3x3, 96 groups, 56x56"),
    (Network::BertBase128, "layer0.up", "128 x 768 x 3072"),
];
/// Widths at which single layers are estimated.
const PAIRS: [(u8, u8); 3] = [(8, 8), (4, 4), (2, 2)];

fn precision(act_bits: u8, weight_bits: u8) -> LayerPrecision {
    LayerPrecision { act_bits, weight_bits, ..LayerPrecision::default() }
}

/// Cycles of a table of layers, with nothing known beforehand.
fn cycles(layers: &[LayerShape], pairs: &[(u8, u8)], config: &ArrayConfig) -> Result<u64, EstimateError> {
    let mut costs = Costs::new(config);
    let each = pairs.iter().map(|&(act, weight)| {
        let workload = Workload::of_table(layers, precision(act, weight), config)?;
        Ok(costs.network(&workload, None)?.total.cycles)
    });
    each.sum()
}

fn layers(criterion: &mut Criterion) {
    let config = ArrayConfig::named("large").expect("a named configuration");
    for (network, name, what) in LAYERS {
        let all = network.layers().expect("a network");
        let layer: Vec<LayerShape> = all.into_iter().filter(|layer| layer.name() == name).collect();
        for pair in PAIRS {
            criterion.bench_function(&format!("large, a{}w{}: {what}", pair.0, pair.1), |bencher| {
                bencher.iter(|| cycles(black_box(&layer), &[pair], &config).expect("an estimate"));
            });
        }
    }
}

fn networks(criterion: &mut Criterion) {
    let pairs: Vec<(u8, u8)> = [8, 4, 2].iter().flat_map(|&act| [8, 4, 2].map(|weight| (act, weight))).collect();
    for name in ["large", "huge"] {
        let config = ArrayConfig::named(name).expect("a named configuration");
        for network in [Network::Resnet18, Network::Resnet50, Network::MobilenetV2, Network::BertBase128] {
            let layers: Result<Vec<LayerShape>, LayerError> = network.layers();
            let layers = layers.expect("a network");
            criterion.bench_function(&format!("{name}, nine pairs: {}", network.name()), |bencher| {
                bencher.iter(|| cycles(black_box(&layers), &pairs, &config).expect("an estimate"));
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = layers, networks
}
criterion_main!(benches);
