//! Every operand pair in every lane of every PE row, through the whole simulated machine, against plain multiplication.

use crumb::backend::BackendKind;
use crumb::gemm::{self, Job, Matrix, Output, Segment, Weights};
use crumb::session::Session;
use crumb_arch::precision::{ActBits, Rounding, WeightBits, range};
use crumb_arch::{ArrayConfig, WeightFormat};

/// The weight that a format delivers, as a bit field or by rounding in floating point.
fn delivered(w: i8, format: WeightFormat) -> i32 {
    let bits = format.bits.bits();
    if format.slice > 0 {
        return i32::from(w as u8 >> (8 - bits * (u32::from(format.slice) + 1))) & ((1 << bits) - 1);
    }
    let x = f64::from(w) / f64::from(1 << (8 - bits));
    let rounded = match format.rounding {
        Rounding::Floor => x.floor(),
        Rounding::HalfUp => (x + 0.5).floor(),
        Rounding::HalfEven => x.round_ties_even(),
    };
    (rounded as i32).min((1 << (bits - 1)) - 1)
}

fn check(config: &ArrayConfig, act: ActBits, act_signed: bool, format: WeightFormat) {
    let (lo, hi) = range(act.bits(), act_signed);
    // One activation in each row, at every place of a tile in turn; all 256 weights in every row of B.
    let (k, values) = (config.tile_k(act), hi - lo + 1);
    let m = k * values as usize;
    let value = |row: usize| lo + (row / k) as i32;
    let acts: Vec<i16> = (0..m * k).map(|i| if i % k == i / k % k { value(i / k) as i16 } else { 0 }).collect();
    let weights: Vec<i8> = (0..k).flat_map(|row| (0..256).map(move |n| (n + 37 * row) as u8 as i8)).collect();
    let segments = [Segment::whole(k, act, act_signed, format)];
    let rows = Matrix { elements: &acts, k };
    let weights_of = Weights::Streamed(&weights);
    let job = Job { m, k, n: 256, rows: &rows, segments: &segments, weights: weights_of, output: Output::Raw };
    let mut session = Session::new(BackendKind::Sim.open(config).unwrap());
    let found = gemm::run(&mut session, &job, 0).unwrap();
    let expected: Vec<i32> =
        (0..m * 256).map(|i| value(i / 256) * delivered(weights[i / 256 % k * 256 + i % 256], format)).collect();
    let differs = found.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(differs, None, "{act:?} signed {act_signed} {format:?}");
}

#[test]
fn every_pair_in_every_place_and_mode() {
    let config = ArrayConfig::named("tiny").unwrap();
    for act in ActBits::ALL {
        for act_signed in [true, false] {
            for bits in WeightBits::ALL {
                for rounding in Rounding::ALL {
                    check(&config, act, act_signed, WeightFormat::top(bits, rounding));
                }
                for slice in 1..bits.slices() {
                    check(&config, act, act_signed, WeightFormat::new(bits, slice, Rounding::Floor).unwrap());
                }
            }
        }
    }
}
