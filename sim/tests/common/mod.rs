//! A stream that visits every block, and machines of several shapes to take it.

use crumb_arch::driver::Beats;
use crumb_arch::lanes::header_lines;
use crumb_arch::precision::{ActBits, Rounding, WeightBits};
use crumb_arch::{ArrayConfig, Command, Drain, Op, Requantize, Tile, WeightFormat};

/// A configuration by its name.
pub fn named(name: &str) -> ArrayConfig {
    ArrayConfig::named(name).unwrap()
}

/// Four words a PE, columns that fill no vector, a stream that is no power of two.
pub fn deep() -> ArrayConfig {
    ArrayConfig { name: "deep".into(), rows: 4, cols: 6, depth: 4, stream_bits: 96, ..named("tiny") }
}

/// Loads of every kind, two tiles in different modes, a requantized and a raw drain, an answer, and nonsense at last.
pub fn stream(config: &ArrayConfig) -> Beats {
    let mut beats = Beats::new(config.stream_bits / 8);
    let mut seed = 1u8;
    let mut send = |op: Op| {
        let command = Command { op, fence_compute: Some(0), fence_drain: true };
        let mut bytes = Vec::new();
        header_lines(&command.encode(), config, &mut bytes);
        for _ in 0..command.payload_lines(config) * config.line_bytes() {
            seed = seed.wrapping_mul(37).wrapping_add(101);
            bytes.push(seed ^ seed >> 3);
        }
        beats.append(&Beats::packet(config.stream_bits / 8, &bytes));
    };
    send(Op::LoadActivations { base: 0, count: 9 });
    send(Op::LoadWeights { base: 0, count: 8 });
    send(Op::LoadParameters { base: 0, count: 4 });
    let tile = Tile { rows: 9, k_words: 4, accumulator: 2, ..Tile::ONE };
    send(Op::Compute(tile));
    let weight = WeightFormat::top(WeightBits::W2, Rounding::HalfEven);
    send(Op::Compute(Tile { act: ActBits::A2, act_signed: false, weight, k_words: 8, accumulate: true, shift: 2, ..tile }));
    let requantize = Some(Requantize { parameters: 0, width: ActBits::A4, exponent_adjust: -3, zero_point: 1, lo: -8, hi: 7 });
    send(Op::Drain(Drain { rows: 9, accumulator: 2, half: 0, banks: 4, requantize }));
    send(Op::Drain(Drain { rows: 3, accumulator: 2, half: 0, banks: 1, requantize: None }));
    send(Op::ReadStatus);
    beats.append(&Beats::packet(config.stream_bits / 8, &[0xFF; 300]));
    beats
}
