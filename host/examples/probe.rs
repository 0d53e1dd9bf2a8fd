use crumb::estimate::networks::Network;
use crumb::estimate::product::{counters, image};
use crumb::gemm::{Placement, Segment, Shape};
use crumb_arch::*;
use std::time::Instant;
fn main() {
    let config = ArrayConfig::named(&std::env::args().nth(1).unwrap_or("large".into())).unwrap();
    for network in [Network::from_name("resnet18").unwrap(), Network::from_name("resnet50").unwrap()] {
        let layers = network.layers().unwrap();
        let all = Instant::now();
        for act in ActBits::ALL {
            for bits in [WeightBits::W8, WeightBits::W4, WeightBits::W2] {
                let start = Instant::now();
                let (mut cycles, mut busy) = (0, 0);
                for layer in &layers {
                    let p = layer.product();
                    let (m, k, n) = (p.m as usize, p.k as usize, p.n as usize);
                    let segments = [Segment::whole(k, act, false, WeightFormat::top(bits, Rounding::HalfEven)).in_8_bit_units()];
                    let shape = Shape {
                        m,
                        k,
                        n,
                        segments: &segments,
                        weights: Placement::Streamed { base: 0, words: config.weight_words },
                        image: image(layer),
                        requantize: Some(Requantize {
                            parameters: 0,
                            width: act,
                            exponent_adjust: 0,
                            zero_point: 0,
                            lo: 0,
                            hi: 3,
                        }),
                    };
                    let c = counters(&config, std::iter::repeat_n(shape, p.groups as usize));
                    cycles += c[Counter::Cycles];
                    busy += c[Counter::Busy];
                }
                println!(
                    "{} a{}w{} {cycles} cycles {:.3} busy, {:?}",
                    network.name(),
                    act.bits(),
                    bits.bits(),
                    busy as f64 / cycles as f64,
                    start.elapsed()
                );
            }
        }
        println!("{:?}", all.elapsed());
    }
}
