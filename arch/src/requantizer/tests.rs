//! The integers against the processor's own float32, and against exact integers where float32 cannot go.

use proptest::prelude::*;

use super::*;

/// SplitMix64 (Steele, Lea and Flood, 2014): small, seedable, good enough to hit every exponent.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// An int32 of a random magnitude: every bit length is as likely as any other.
    fn int32(&mut self) -> i32 {
        (self.next() as i32) >> self.below(32)
    }

    /// A 24-bit significand; one in four with few bits set, where products tie.
    fn significand(&mut self) -> u32 {
        let bits = match self.below(4) {
            0 => (self.next() as u32) << (8 + self.below(24)),
            _ => self.next() as u32,
        };
        bits >> 8 | SIGNIFICAND_MIN
    }

    fn format(&mut self) -> OutputFormat {
        let width = ActBits::ALL[self.below(3) as usize];
        let mut format = OutputFormat::full_range(width, self.below(2) == 0, self.below(384) as i16 - 128);
        format.exponent_adjust = match self.below(4) {
            0 => self.below(64) as i8 - 32,
            1 => -6,
            2 => -4,
            _ => 0,
        };
        if self.below(4) == 0 {
            format.lo = (format.zero_point).clamp(format.lo, format.hi);
        }
        format.check().unwrap()
    }
}

/// onnxruntime's arithmetic on the processor's own float32. `None` when the scaled multiplier is no normal float32.
fn native(acc: i32, scale: ChannelScale, format: &OutputFormat) -> Option<i16> {
    let exponent = -i32::from(scale.shift) - i32::from(format.exponent_adjust);
    let biased = exponent + 150;
    let m = match scale.significand {
        0 => 0.0,
        _ if !(1..=254).contains(&biased) => return None,
        significand => f32::from_bits(significand & (SIGNIFICAND_MIN - 1) | (biased as u32) << 23),
    };
    let scaled = acc.wrapping_add(scale.bias) as f32 * m;
    let rounded = scaled.round_ties_even() as i64; // saturates, far outside every clamp range
    Some(rounded.saturating_add(format.zero_point.into()).clamp(format.lo.into(), format.hi.into()) as i16)
}

/// Rounds `value / 2^drop` half-even, from the definition.
fn half_even(value: u128, drop: u32) -> u128 {
    if drop == 0 {
        return value;
    }
    if drop > 100 {
        return 0; // all values here are below 2^56
    }
    let (floor, rest, half) = (value >> drop, value & ((1 << drop) - 1), 1 << (drop - 1));
    floor + u128::from(rest > half || rest == half && floor % 2 == 1)
}

/// The float32 arithmetic with an unbounded exponent, in wide integers and with none of the pipeline's tricks.
fn exact(acc: i32, scale: ChannelScale, format: &OutputFormat) -> i16 {
    let to_24_bits = |value: u128| {
        let drop = (128 - value.leading_zeros()).saturating_sub(24);
        (half_even(value, drop), drop as i32)
    };
    let sum = acc.wrapping_add(scale.bias);
    let (mantissa, e1) = to_24_bits(u128::from(sum.unsigned_abs()));
    let (product, e2) = to_24_bits(mantissa * u128::from(scale.significand));
    let exponent = e1 + e2 - i32::from(scale.shift) - i32::from(format.exponent_adjust);
    let magnitude = if exponent >= 0 {
        (product << exponent.min(60)).min(1 << 40) as i64
    } else {
        half_even(product, -exponent as u32) as i64
    };
    let signed = if sum < 0 { -magnitude } else { magnitude };
    (signed + i64::from(format.zero_point)).clamp(format.lo.into(), format.hi.into()) as i16
}

/// Compares with both oracles; true when float32 could be asked.
fn compare(acc: i32, scale: ChannelScale, format: &OutputFormat) -> bool {
    let found = requantize(acc, scale, format);
    assert_eq!(found, exact(acc, scale, format), "exact: {acc} {scale:?} {format:?}");
    match native(acc, scale, format) {
        Some(expected) => {
            assert_eq!(found, expected, "float32: {acc} {scale:?} {format:?}");
            true
        }
        None => false,
    }
}

const INT8: OutputFormat = OutputFormat { zero_point: 0, lo: -128, hi: 127, width: ActBits::A8, exponent_adjust: 0 };
const UINT8_HIGH: OutputFormat = OutputFormat { zero_point: 3, lo: 0, hi: 255, width: ActBits::A8, exponent_adjust: 0 };

/// A shift that brings |acc| * significand near `magnitude` bits, so that the output is not all clamps and zeros.
fn shift_for(acc: i64, adjust: i8, magnitude: i32) -> u8 {
    let bits = 64 - acc.unsigned_abs().leading_zeros() as i32;
    (bits + 24 - magnitude - i32::from(adjust)).clamp(0, 255) as u8
}

#[test]
fn agrees_with_float32_on_random_values_of_every_magnitude() {
    let mut random = Random(1);
    let mut asked = 0u32;
    for _ in 0..6_000_000 {
        let format = random.format();
        let (acc, bias) = (random.int32(), if random.below(2) == 0 { random.int32() } else { 0 });
        let near = shift_for(acc.wrapping_add(bias).into(), format.exponent_adjust, random.below(14) as i32 - 3);
        let shift = if random.below(8) == 0 { random.next() as u8 } else { near };
        let scale = ChannelScale { bias, significand: random.significand(), shift };
        asked += u32::from(compare(acc, scale, &format));
    }
    assert!(asked > 5_000_000, "float32 could be asked only {asked} times");
}

#[test]
fn agrees_around_the_extremes_of_the_accumulator() {
    let mut random = Random(2);
    let mut centres: Vec<i64> = (0..=31).flat_map(|b| [1i64 << b, -(1i64 << b), 3 << b, -(3 << b)]).collect();
    centres.extend([0, i64::from(i32::MIN), i64::from(i32::MAX)]);
    for centre in centres {
        for offset in -9..=9 {
            let Ok(acc) = i32::try_from(centre + offset) else { continue };
            for magnitude in -3..=11 {
                for significand in [SIGNIFICAND_MIN, SIGNIFICAND_MIN + 1, 0xc0_0000, SIGNIFICAND_MAX, random.significand(), 0] {
                    let scale = ChannelScale { bias: 0, significand, shift: shift_for(acc.into(), 0, magnitude) };
                    compare(acc, scale, &INT8);
                    compare(acc, scale, &UINT8_HIGH);
                    compare(0, ChannelScale { bias: acc, ..scale }, &INT8);
                }
            }
        }
    }
}

#[test]
fn agrees_for_every_shift_and_every_exponent_adjustment() {
    let mut random = Random(3);
    for shift in 0..=255u8 {
        for exponent_adjust in -32..=31 {
            let format = OutputFormat { exponent_adjust, ..INT8 };
            for significand in [SIGNIFICAND_MIN, SIGNIFICAND_MAX, random.significand()] {
                let reach = (i32::from(shift) + i32::from(exponent_adjust) - 24 + random.below(10) as i32).clamp(0, 31);
                let acc = ((1u64 << reach) as i64 + random.below(3) as i64 - 1).min(i32::MAX.into()) as i32;
                for acc in [acc, -acc, random.int32(), i32::MIN, i32::MAX, 1, 0] {
                    compare(acc, ChannelScale { bias: 0, significand, shift }, &format);
                }
            }
        }
    }
}

#[test]
fn agrees_on_every_tie_of_the_final_rounding() {
    // m = 2^-k: the product is acc * 2^-k exactly, and every acc = odd * 2^(k-1) is a tie.
    for k in 1..=22 {
        let scale = ChannelScale { bias: 0, significand: SIGNIFICAND_MIN, shift: 23 + k };
        for odd in (-1023i32..=1023).step_by(2) {
            for near in -1..=1 {
                let acc = odd * (1 << (k - 1)) + near;
                for format in [INT8, UINT8_HIGH, OutputFormat { zero_point: -128, ..INT8 }] {
                    assert!(compare(acc, scale, &format));
                }
            }
        }
    }
}

#[test]
fn agrees_on_ties_of_the_accumulator() {
    let mut random = Random(4);
    for _ in 0..1_000_000 {
        // The accumulator: 25 to 31 significant bits whose tail is exactly one half.
        let tail = 1 + random.below(7) as u32;
        let half = ((random.next() as u32 >> 8 | SIGNIFICAND_MIN) << tail | 1 << (tail - 1)) & 0x7fff_ffff;
        let acc = half as i32 * if random.below(2) == 0 { 1 } else { -1 };
        let near = ChannelScale {
            bias: 0,
            significand: random.significand(),
            shift: shift_for(acc.into(), 0, random.below(11) as i32 - 1),
        };
        assert!(compare(acc, near, &INT8));
    }
}

/// Factors of 25-bit products that lie half a unit beside `integer + 1/2` once that has 24 bits: rounding the product half-even meets the tie
/// exactly, and anything else misses it. Yields (accumulator, significand, shift).
fn product_ties() -> impl Iterator<Item = (i32, u32, u8)> {
    (0..=255u32).flat_map(|integer| [-1i64, 1].map(|side| (2 * integer + 1, side))).flat_map(|(twice, side)| {
        let up = 24 - (31 - twice.leading_zeros());
        let product = (i64::from(twice << up) + side) as u32;
        let factors = (3..5792).step_by(2).filter(move |&a| product.is_multiple_of(a)).flat_map(move |a| [a, product / a]);
        factors.filter(|&a| a != 1).map(move |a| {
            let b = product / a;
            let left = b.leading_zeros() - 8;
            (a as i32, b << left, (up + 1 + left) as u8)
        })
    })
}

#[test]
fn agrees_on_ties_of_the_product() {
    let mut ties = 0;
    for (acc, significand, shift) in product_ties() {
        for acc in [acc, -acc] {
            ties += 1;
            let scale = ChannelScale { bias: 0, significand, shift };
            assert!(compare(acc, scale, &INT8) && compare(acc, scale, &UINT8_HIGH));
        }
    }
    assert!(ties > 1000, "only {ties} ties");
}

/// Products for which rounding once differs from rounding twice: they sit just beside a final tie, within the product's rounding.
#[test]
fn agrees_where_a_single_rounding_would_not() {
    let mut random = Random(5);
    let mut differs = 0;
    for _ in 0..2_000_000 {
        let acc = (random.next() as u32 >> (1 + random.below(12)) | 1) as i32;
        let target = 2 * random.below(127) + 1; // twice a half-integer
        // significand * 2^-shift = target / 2 / acc, rounded to 24 bits: the product lands within half an ulp of the tie.
        let scale = ChannelScale::from_f32(0, (target as f64 / 2.0 / f64::from(acc)) as f32).unwrap();
        assert!(compare(acc, scale, &INT8));
        let product = u128::from(acc.unsigned_abs()) * u128::from(scale.significand);
        let once = half_even(product, scale.shift.into()) as i16;
        differs += u32::from(once.clamp(-128, 127) != requantize(acc, scale, &INT8));
    }
    assert!(differs > 10_000, "only {differs} cases tell one rounding from three");
}

#[test]
fn from_f32_is_exact_or_refuses() {
    let mut random = Random(6);
    for _ in 0..1_000_000 {
        let multiplier = f32::from_bits(random.next() as u32);
        match ChannelScale::from_f32(7, multiplier) {
            Ok(scale) => {
                assert_eq!(scale.multiplier(), f64::from(multiplier));
                assert_eq!((scale.bias, scale.check()), (7, Ok(scale)));
            }
            Err(ScaleError::NotFinite { .. }) => assert!(!multiplier.is_finite()),
            Err(ScaleError::Negative { .. }) => assert!(multiplier < 0.0),
            Err(ScaleError::Subnormal { .. }) => assert!(multiplier.is_subnormal()),
            Err(ScaleError::TooLarge { exponent, significand, .. }) => {
                assert!(multiplier >= 16_777_216.0);
                assert_eq!(f64::from(significand) * 2f64.powi(exponent), f64::from(multiplier));
            }
            Err(error @ ScaleError::Significand { .. }) => panic!("{error}"),
        }
    }
    assert_eq!(ChannelScale::from_f32(0, 1.0), Ok(ChannelScale { bias: 0, significand: 1 << 23, shift: 23 }));
    assert_eq!(ChannelScale::from_f32(0, f32::MIN_POSITIVE).map(|s| s.shift), Ok(149));
    assert_eq!(ChannelScale::from_f32(0, 16_777_215.0).map(|s| s.shift), Ok(0));
    assert_eq!(ChannelScale::from_f32(5, -0.0), Ok(ChannelScale { bias: 5, significand: 0, shift: 0 }));
}

#[test]
fn scale_errors_carry_their_numbers() {
    let text = |m: f32| ChannelScale::from_f32(0, m).unwrap_err().to_string();
    assert!(text(f32::NAN).starts_with("multiplier NaN is not a finite number: expected 0 or 2^-126 ..< 2^24"));
    assert!(text(f32::INFINITY).starts_with("multiplier inf is not"));
    assert!(text(-0.25).starts_with("multiplier -2.5e-1 is negative"));
    assert!(text(1e-40).starts_with("multiplier 1e-40 is subnormal"));
    assert!(
        text(16_777_216.0).starts_with("multiplier 1.6777216e7 = 8388608 * 2^1 needs a shift of -1: expected a shift of 0..=255")
    );
    let error = ChannelScale::decode(5 << 32).unwrap_err().to_string();
    assert!(error.starts_with("significand 5 (0x5) is not normalised: expected 0 or 8388608..=16777215"), "{error}");
}

#[test]
fn the_parameter_entry_has_its_documented_fields() {
    let scale = ChannelScale { bias: -2, significand: 0xabcdef, shift: 0x12 };
    assert_eq!(scale.encode(), 0x12ab_cdef_ffff_fffe);
    assert_eq!(ChannelScale::decode(scale.encode()), Ok(scale));
    assert_eq!(ChannelScale::decode(0), Ok(ChannelScale::default()));
}

#[test]
fn formats_are_checked() {
    let text = |f: OutputFormat| f.check().unwrap_err().to_string();
    assert_eq!(INT8.check(), Ok(INT8));
    assert_eq!(OutputFormat::default().check(), Ok(OutputFormat::default()));
    assert_eq!(text(OutputFormat { zero_point: 256, ..INT8 }), "zero point 256: expected -128..=255 (int8 or uint8)");
    assert_eq!(text(OutputFormat { lo: 5, hi: 4, ..INT8 }), "clamp range 5..=4 is empty: expected lo <= hi");
    assert_eq!(
        text(OutputFormat { width: ActBits::A4, lo: -1, hi: 8, ..INT8 }),
        "clamp range -1..=8 does not fit 4 bits: expected a part of -8..=7 (signed) or 0..=15 (unsigned)"
    );
    assert!(text(OutputFormat { lo: -1, hi: 255, ..INT8 }).contains("does not fit 8 bits"));
    assert!(text(OutputFormat { exponent_adjust: 32, ..INT8 }).starts_with("exponent adjustment 32: expected -32..=31"));
    for (width, signed, lo, hi) in
        [(0, true, -128, 127), (0, false, 0, 255), (1, true, -8, 7), (2, true, -2, 1), (2, false, 0, 3)]
    {
        let format = OutputFormat::full_range(ActBits::ALL[width], signed, 0);
        assert_eq!((format.lo, format.hi, format.check()), (lo, hi, Ok(format)));
    }
}

/// The registers, stepped, deliver the composition `LATENCY` cycles later.
#[test]
fn the_pipeline_is_the_function_delayed() {
    let mut random = Random(7);
    for _ in 0..200 {
        let format = random.format();
        let mut registers = stages::Registers::default();
        let mut inputs = Vec::new();
        for t in 0..200 {
            if t >= LATENCY {
                let stages::Input { acc, bias, significand, shift } = inputs[t - LATENCY];
                let expected = requantize(acc, ChannelScale { bias, significand, shift }, &format);
                assert_eq!(registers.value.value, expected as u8);
            }
            let acc = random.int32();
            let shift = shift_for(acc.into(), format.exponent_adjust, random.below(12) as i32 - 2);
            let input = stages::Input::new(acc, ChannelScale { bias: 0, significand: random.significand(), shift });
            registers.step(input, &format);
            inputs.push(input);
        }
    }
}

/// Every register keeps its declared width whatever the inputs.
#[test]
fn registers_fit_their_widths() {
    let mut random = Random(8);
    for _ in 0..200_000 {
        let any = |r: &mut Random| r.next() as i16 >> r.below(16);
        let format = OutputFormat {
            zero_point: any(&mut random),
            lo: any(&mut random),
            hi: any(&mut random),
            width: ActBits::A8,
            exponent_adjust: random.next() as i8,
        };
        let input = stages::Input {
            acc: random.int32(),
            bias: random.int32(),
            significand: random.next() as u32,
            shift: random.next() as u8,
        };
        let mut registers = stages::Registers::default();
        for _ in 0..LATENCY {
            registers.step(input, &format);
        }
        registers.visit(|name, width, value| assert!(value < 1 << width, "{name} = {value:#x} in {width} bits"));
    }
}

proptest! {
    #[test]
    fn agrees_with_both_oracles(
        acc: i32, bias: i32, significand in SIGNIFICAND_MIN..=SIGNIFICAND_MAX, shift: u8,
        zero_point in -128i16..=255, bounds in (-128i16..=127, -128i16..=127), exponent_adjust in -32i8..=31,
    ) {
        let format = OutputFormat { zero_point, lo: bounds.0.min(bounds.1), hi: bounds.0.max(bounds.1), width: ActBits::A8, exponent_adjust };
        compare(acc, ChannelScale { bias, significand, shift }, &format);
    }

    #[test]
    fn entries_round_trip(entry: u64) {
        prop_assert_eq!(ChannelScale::from_entry(entry).encode(), entry);
        if let Ok(scale) = ChannelScale::decode(entry) {
            prop_assert_eq!(scale.encode(), entry);
        }
    }

    #[test]
    fn nothing_panics(acc: i32, entry: u64, zero_point: i16, lo: i16, hi: i16, exponent_adjust: i8) {
        let format = OutputFormat { zero_point, lo, hi, width: ActBits::A2, exponent_adjust };
        let _ = format.check();
        let _ = requantize(acc, ChannelScale::from_entry(entry), &format);
        let _ = requantize(acc, ChannelScale { bias: acc, significand: entry as u32, shift: 0 }, &format);
    }

    #[test]
    fn from_f32_never_panics(bits: u32) {
        let _ = ChannelScale::from_f32(0, f32::from_bits(bits));
    }
}
