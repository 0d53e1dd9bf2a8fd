//! Quant by its definition, on every integer and its neighbourhood.

use super::*;
use crate::network::{Arithmetic, Contract, Tensor};

fn quantizer(bits: u8, signed: bool, narrow: bool, zero_point: f32, rounding: QonnxRounding) -> QonnxQuantizer {
    let rule = if bits == 1 && signed { QonnxRule::SignOfScaled } else { QonnxRule::Round(rounding) };
    let (scales, zero_points) = (vec![0.75], vec![zero_point]);
    QonnxQuantizer { scales, zero_points, axis: None, rank: 0, bits, signed, narrow, rule }
}

/// The integers stand for the values, bit for bit but for the sign of zero, and lie in the container.
#[test]
fn integers_and_values_agree() {
    let inputs: Vec<f32> = (-2400..=2400).map(|step| step as f32 * 0.125 * 0.75 + 0.001 * (step % 2) as f32).collect();
    let shape = [inputs.len()];
    let mut seen = 0;
    for bits in 1..=8u8 {
        for (signed, narrow) in [(false, false), (false, true), (true, false), (true, true)] {
            for (_, rounding) in QonnxRounding::NAMES {
                for zero_point in [0.0, 1.0] {
                    let q = quantizer(bits, signed, narrow, zero_point, rounding);
                    let (low, high) = q.range();
                    let (least, most) = q.quantizer().dtype.range(q.container());
                    assert!(least as f32 <= low && high <= most as f32, "{q:?}");
                    let params = q.quantizer().per_tensor().unwrap().at_bits(q.container());
                    assert_eq!(params.scale, 0.75);
                    let integers = q.integers(&shape, &inputs, q.container()).unwrap();
                    let integers = Tensor::new(shape.to_vec(), integers).unwrap().ints().unwrap();
                    let values = q.values(&shape, &inputs);
                    for (index, &integer) in integers.iter().enumerate() {
                        assert!((low..=high).contains(&(integer as f32)), "{q:?}");
                        assert_eq!(params.dequantize(integer), values[index], "{q:?} {}", inputs[index]);
                        let negative = values[index].to_bits() == (-0.0f32).to_bits();
                        assert!(!negative || q.has_negative_zero(), "{q:?} {}", inputs[index]);
                        seen += usize::from(negative);
                    }
                    // Both ends are reached, and every integer between them but -1 and 1's own 0.
                    let one_bit = matches!(q.rule, QonnxRule::SignOfScaled);
                    let expected = if one_bit { 2 } else { (high - low) as usize + 1 };
                    let mut distinct = integers.clone();
                    distinct.sort_unstable();
                    distinct.dedup();
                    assert_eq!(distinct.len(), expected, "{q:?}");
                }
            }
        }
    }
    assert!(seen > 0);
}

#[test]
fn the_zero_point_is_added_before_rounding() {
    // 0.5 + 1 is halfway between 1 and 2 and goes to 2; QuantizeLinear has rint(0.5) + 1 = 1.
    let q = quantizer(8, true, false, 1.0, QonnxRounding::HalfEven);
    assert_eq!(q.integers(&[1], &[0.375], 8).unwrap(), TensorData::I8(vec![2]));
}

#[test]
fn fewer_bits_than_the_file_has() {
    let inputs: Vec<f32> = (-140..=140).map(|step| step as f32 * 0.75).collect();
    let q = quantizer(8, true, true, 0.0, QonnxRounding::HalfEven);
    let params = q.quantizer().per_tensor().unwrap();
    for bits in [4, 2] {
        let expected = inputs.iter().map(|&x| params.at_bits(bits).quantize(x).max(-(1 << (bits - 1))));
        let expected = TensorData::from_ints(DType::I8, expected).unwrap();
        assert_eq!(q.integers(&[inputs.len()], &inputs, bits).unwrap(), expected);
    }
}

#[test]
fn one_bit_by_the_sign() {
    let mut q = quantizer(1, true, false, 0.0, QonnxRounding::HalfEven);
    q.scales = vec![4.0];
    // The smallest denormal divided by 4 is -0, and -0 + 0 is not negative; BipolarQuant does not divide.
    let inputs = [-0.0, 0.0, -1.0, 3.0, -f32::from_bits(1), f32::NAN];
    assert_eq!(q.integers(&[6], &inputs, 2).unwrap(), TensorData::I8(vec![1, 1, -1, 1, 1, -1]));
    q.rule = QonnxRule::SignOfInput;
    assert_eq!(q.integers(&[6], &inputs, 2).unwrap(), TensorData::I8(vec![1, 1, -1, 1, -1, -1]));
    assert_eq!(q.values(&[2], &inputs[2..4]), [-4.0, 4.0]);
}

#[test]
fn a_scale_for_each_slice() {
    let mut q = quantizer(4, true, false, 0.0, QonnxRounding::HalfEven);
    (q.scales, q.zero_points, q.axis, q.rank) = (vec![1.0, 2.0], vec![0.0, 3.0], Some(1), 4);
    let inputs = [5.0, 6.0, 4.0, 6.0, 1.0, 2.0, -4.0, 8.0];
    let found = q.integers(&[2, 2, 1, 2], &inputs, 4).unwrap();
    assert_eq!(found, TensorData::I8(vec![5, 6, 5, 6, 1, 2, 1, 7]));
    assert!(q.check_shape(Some(&[Dim::Fixed(2), Dim::Fixed(3), Dim::Unknown, Dim::Unknown])).is_err());
    assert!(q.check_shape(Some(&[Dim::Fixed(2), Dim::Fixed(2)])).is_err());
}

#[test]
fn nan_and_infinities() {
    let q = quantizer(8, false, false, 0.0, QonnxRounding::Floor);
    assert!(q.integers(&[1], &[f32::NAN], 8).is_err());
    assert_eq!(q.integers(&[2], &[f32::INFINITY, f32::NEG_INFINITY], 8).unwrap(), TensorData::U8(vec![255, 0]));
}

/// The requantizer makes the integers of a Quant whose scale is a power of two out of the sums, whatever the layer's scale is.
#[test]
fn powers_of_two_on_the_array() {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let (mut inside, mut ties) = (0, 0);
    for round in 0..200_000 {
        let bits = 2 + (next() % 7) as u8;
        let mut q = quantizer(bits, next() % 2 == 0, next() % 2 == 0, 0.0, QonnxRounding::HalfEven);
        let exponent = (next() % 20) as i32 - 10;
        q.scales = vec![2f32.powi(exponent)];
        let sum = (next() as i32 >> (next() % 31)) - (next() as i32 >> (next() % 31));
        // The sum is up to 2^8 steps of the output; every other layer has a power of two for a scale, and so ties.
        let fraction = if round % 2 == 0 { 1.0 } else { 1.0 + (next() % (1 << 23)) as f32 / 8_388_608.0 };
        let layer = fraction * 2f32.powi(exponent + (next() % 8) as i32 - (sum | 1).unsigned_abs().ilog2() as i32);
        let value = sum as f32 * layer;
        let expected = q.integers(&[1], &[value], q.container()).unwrap();
        let expected = Tensor::new(vec![1], expected).unwrap().ints().unwrap()[0];
        let params = q.quantizer().per_tensor().unwrap();
        let (low, high) = q.range();
        let shift = i32::from(8 - q.container());
        let found = Contract.requantize(sum, layer / params.scale, shift, 0, low as i32, high as i32);
        assert_eq!(found, expected, "{q:?}: {sum} * {layer:e}");
        inside += usize::from(found != 0 && low < found as f32 && (found as f32) < high);
        ties += usize::from((value / q.scales[0]).abs() < 128.0 && (value / q.scales[0]).fract().abs() == 0.5);
    }
    assert!(inside > 20_000 && ties > 500, "{inside} integers inside the range, {ties} ties");
}
