//! Costs of products against the counters of machines that run them, one after the other.

use super::*;
use crumb_arch::precision::{ActBits, WeightBits};
use crumb_arch::{Counter, WeightFormat};

fn product(seed: usize, config: &ArrayConfig) -> Product {
    let of = |from: usize, to: usize, salt: usize| from + (seed * 2_654_435_761 / salt) % (to - from);
    let (m, k, n) = (of(1, 70, 3), of(1, 90, 5), of(1, 80, 7));
    let image = Image {
        images: 1,
        output: [of(1, 6, 11), of(1, 6, 13)],
        channels: of(1, 9, 17),
        kernel: [3, 3],
        strides: [1, 2],
        dilations: [1, 1],
    };
    let (m, k) = if seed.is_multiple_of(3) { (image.output[0] * image.output[1], 9 * image.channels) } else { (m, k) };
    let weight = WeightFormat::top(WeightBits::ALL[seed % 4], Rounding::HalfEven);
    let format = Requantize { parameters: 0, width: ActBits::ALL[seed / 4 % 3], exponent_adjust: 1, zero_point: 3, lo: 0, hi: 3 };
    Product {
        m,
        k,
        n,
        segments: vec![Segment::whole(k, ActBits::ALL[seed / 2 % 3], false, weight)],
        weights: Placement::of(seed.is_multiple_of(2).then_some(WeightLayout::new(3, k, n)), 9, config),
        image: seed.is_multiple_of(3).then_some(image),
        requantize: (!seed.is_multiple_of(5)).then_some(format),
    }
}

/// The sum over single products is what a machine counts that runs one after the other.
#[test]
fn costs_add_up_in_any_order() {
    for name in ["tiny", "small", "wide"] {
        let named = ArrayConfig::named(name).unwrap();
        for config in [named.clone(), ArrayConfig { stream_bits: 8, weight_words: 1024, ..named }] {
            for first in 0..60 {
                let products: Vec<Product> = (first..first + 1 + first % 5).map(|seed| product(seed, &config)).collect();
                let together = counters(&config, products.iter().map(Product::shape));
                let mut costs = Costs::new(&config);
                let each = products.iter().rev().map(|product| costs.product(product).unwrap());
                let each: Vec<Cost> = each.collect();
                let sum = each.into_iter().fold(costs.reading(), |sum, cost| sum.checked_add(cost).unwrap());
                assert_eq!(sum.counters, together, "{name}, products {first} ..");
            }
        }
    }
}

/// Parts of K at two activation widths: tiles and busy cycles of each add up to what is counted, and so do the slots of both.
#[test]
fn activation_widths_share_what_is_counted() {
    for name in ["tiny", "wide"] {
        let config = ArrayConfig::named(name).unwrap();
        let mut costs = Costs::new(&config);
        for seed in 0..60 {
            let mut product = product(seed, &config);
            let (first, weight) = (seed % 3 * config.word_k(), product.segments[0].weight);
            product.k += first;
            (product.image, product.weights) = (None, Placement::of(None, 0, &config));
            let part = |k, act| Segment { k, act, act_signed: false, weight, shift: 0 }.in_8_bit_units();
            product.segments = vec![part(first..product.k, ActBits::A4)];
            if first > 0 {
                product.segments.insert(0, part(0..first, ActBits::A8));
            }
            let Cost { counters, by_act, .. } = costs.product(&product).unwrap();
            let slots = |share: &ActShare, act| share.busy_cycles * crumb_arch::precision::macs_per_pe(act, weight.bits);
            assert_eq!(by_act.iter().map(|share| share.tiles).sum::<u64>(), counters[Counter::Tiles], "{name}, product {seed}");
            assert_eq!(by_act.iter().map(|share| share.busy_cycles).sum::<u64>(), counters[Counter::Busy]);
            let sum: u64 = by_act.iter().zip(ActBits::ALL).map(|(share, act)| slots(share, act)).sum();
            assert_eq!(sum, counters[Counter::MacSlots], "{name}, product {seed}");
        }
    }
}

/// Where all tiles load alike and each issue makes a line, the counters say what the weight bus and drains need.
#[test]
fn the_weight_bus_and_drains_are_busy_as_counted() {
    for name in ["tiny", "small", "wide", "medium"] {
        let config = ArrayConfig::named(name).unwrap();
        let mut costs = Costs::new(&config);
        for seed in 0..200 {
            let product = product(seed, &config);
            let cost = costs.product(&product).unwrap();
            let tile = config.load_cycles(product.segments[0].act) as u64;
            assert_eq!(cost.weight_bus_cycles, cost.counters[Counter::Tiles] * tile, "{name}, product {seed}");
            let issues = match product.requantize {
                Some(_) if config.drain_banks == 1 => cost.counters[Counter::DrainReads],
                _ => cost.counters[Counter::LinesOut],
            };
            assert_eq!(cost.drain_cycles, issues, "{name}, product {seed}");
        }
    }
}
