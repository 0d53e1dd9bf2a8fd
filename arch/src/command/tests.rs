use super::*;
use crate::config::ArrayConfig;
use crate::error::MachineError;
use crate::precision::{Rounding, WeightBits};
use proptest::prelude::*;

fn config() -> ArrayConfig {
    ArrayConfig::named("tiny").unwrap()
}

fn words() -> impl Strategy<Value = [u32; HEADER_WORDS]> {
    // Mostly plausible headers: right magic, an opcode near the real ones, sparse field bits.
    (0u32..12, any::<[u32; 3]>(), any::<[u32; 3]>(), 0u32..4).prop_map(|(op, a, b, flags)| {
        [u32::from(MAGIC) << 16 | flags << 8 | op, a[0] & b[0], a[1] & b[1], a[2] & b[2] & 0x0FFF_FFFF]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn whatever_decodes_encodes_back(words in words()) {
        if let Ok(command) = Command::decode(&words, &config()) {
            prop_assert_eq!(command.encode(), words);
        }
    }

    #[test]
    fn random_words_never_panic(words: [u32; HEADER_WORDS]) {
        let _ = Command::decode(&words, &config());
    }
}

fn tile() -> Tile {
    Tile {
        activations: 3,
        rows: 5,
        weights: 7,
        k_words: 4,
        accumulator: 9,
        half: 1,
        accumulate: true,
        shift: 6,
        act: ActBits::A4,
        act_signed: true,
        weight: WeightFormat::top(WeightBits::W4, Rounding::HalfEven),
        part: 1,
    }
}

#[test]
fn commands_round_trip() {
    let requantize = Requantize { parameters: 60, width: ActBits::A2, exponent_adjust: -32, zero_point: -128, lo: -128, hi: 255 };
    let drain = Drain { rows: 2, accumulator: 1, half: 0, banks: 4, requantize: Some(requantize) };
    for op in [
        Op::LoadActivations { base: 1, count: 2 },
        Op::LoadWeights { base: 1, count: 2 },
        Op::LoadParameters { base: 1, count: 2 },
        Op::Compute(tile()),
        Op::Drain(drain),
        Op::Drain(Drain { requantize: None, ..drain }),
        Op::ReadStatus,
        Op::ReadCounters,
        Op::ClearCounters,
        Op::ClearError,
        Op::SetPattern(Pattern { columns: 56, stride: 2, jump: 60_000 }),
    ] {
        for fences in 0..4 {
            let command = Command { op, fence_compute: (fences & 1 != 0).then_some(fences >> 2), fence_drain: fences & 2 != 0 };
            assert_eq!(Command::decode(&command.encode(), &config()), Ok(command));
        }
    }
}

#[test]
fn each_error_has_its_cause() {
    let config = config();
    let decode = |op: Op| Command::decode(&Command::from(op).encode(), &config);
    let rejects = |op: Op, error| assert_eq!(decode(op), Err(error), "{op:?}");
    let mut words = Command::from(Op::ReadStatus).encode();
    words[0] ^= 1 << 31;
    assert_eq!(Command::decode(&words, &config), Err(MachineError::BadMagic));
    words[0] ^= 1 << 31 | 0xF0;
    assert_eq!(Command::decode(&words, &config), Err(MachineError::BadOpcode));
    words[0] ^= 0xF0;
    words[2] = 1;
    assert_eq!(Command::decode(&words, &config), Err(MachineError::BadField));
    rejects(Op::LoadActivations { base: 0, count: 0 }, MachineError::BadField);
    rejects(Op::LoadActivations { base: 1023, count: 2 }, MachineError::ActivationRange);
    rejects(Op::LoadWeights { base: 2048, count: 1 }, MachineError::WeightRange);
    rejects(Op::LoadParameters { base: 0, count: 65 }, MachineError::ParameterRange);
    rejects(Op::Compute(Tile { rows: 0, ..tile() }), MachineError::BadField);
    rejects(Op::Compute(Tile { part: 2, ..tile() }), MachineError::BadField);
    rejects(Op::Compute(Tile { k_words: 9, ..tile() }), MachineError::TileRange);
    rejects(Op::SetPattern(Pattern { columns: 0, ..Pattern::LINEAR }), MachineError::BadField);
    rejects(Op::Compute(Tile { weights: 2045, ..tile() }), MachineError::WeightRange);
    rejects(Op::Compute(Tile { accumulator: 252, ..tile() }), MachineError::AccumulatorRange);
    let format = Requantize { parameters: 61, width: ActBits::A2, exponent_adjust: 0, zero_point: 0, lo: 0, hi: 3 };
    let drain = |parameters, rows| {
        let requantize = Some(Requantize { parameters, ..format });
        Op::Drain(Drain { rows, accumulator: 0, half: 0, banks: 4, requantize })
    };
    rejects(drain(61, 1), MachineError::ParameterRange);
    rejects(drain(60, 257), MachineError::AccumulatorRange);
    // Four entries at once begin at a multiple of four, and that is looked at before the range.
    let wide = ArrayConfig { drain_banks: 4, ..config.clone() };
    for parameters in 0..70 {
        let found = Command::decode(&Command::from(drain(parameters, 257)).encode(), &wide);
        let expected = match parameters {
            _ if parameters % 4 != 0 => MachineError::ParameterAlignment,
            64.. => MachineError::ParameterRange,
            _ => MachineError::AccumulatorRange,
        };
        assert_eq!(found, Err(expected), "{parameters}");
    }
}

#[test]
fn a_value_that_does_not_fit_its_field_is_not_another_command() {
    let tile = Tile::ONE;
    let format = Requantize { parameters: 0, width: ActBits::A8, exponent_adjust: 0, zero_point: 0, lo: -128, hi: 127 };
    let drain = |banks, requantize| Op::Drain(Drain { rows: 1, accumulator: 0, half: 0, banks, requantize: Some(requantize) });
    let refused = |op: Op| std::panic::catch_unwind(|| Command::from(op).encode()).is_err();
    assert!(!refused(Op::Compute(tile)) && !refused(drain(4, format)));
    for wrong in
        [Tile { accumulator: 4096, ..tile }, Tile { shift: 8, ..tile }, Tile { part: 4, ..tile }, Tile { half: 2, ..tile }]
    {
        assert!(refused(Op::Compute(wrong)), "{wrong:?}");
    }
    for (banks, wrong) in [
        (0, format),
        (5, format),
        (1, Requantize { exponent_adjust: 32, ..format }),
        (1, Requantize { zero_point: 256, ..format }),
        (1, Requantize { lo: -129, ..format }),
    ] {
        assert!(refused(drain(banks, wrong)), "{banks} {wrong:?}");
    }
}

#[test]
fn patterns_walk_over_images() {
    for pattern in [Pattern::LINEAR, Pattern { columns: 1, stride: 9, jump: 5 }, Pattern { columns: 7, stride: 3, jump: 65_530 }]
    {
        let (mut address, mut column) = (65_500u16, 0);
        for index in 0..500 {
            assert_eq!(pattern.address(65_500, index), address, "{pattern:?} {index}");
            column = (column + 1) % pattern.columns;
            address = address.wrapping_add(if column == 0 { pattern.jump } else { pattern.stride.into() });
        }
    }
}
