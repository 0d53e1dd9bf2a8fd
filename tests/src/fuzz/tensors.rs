//! Damage to stored tensors that leaves them consistent: other shapes with as much data, other numbers at the same length.

use super::mutate::{float, number};
use super::wire::{Field, Kind, Message, Value, push_varint};
use fastrand::Rng;

/// Most elements of a tensor that is made here.
const ELEMENTS: u64 = 4096;

/// Gives a `TensorProto` another shape, and raw data of the length that goes with it.
pub fn reshape(tensor: &mut Message, rng: &mut Rng) {
    debug_assert_eq!(tensor.kind, Kind::Tensor);
    let code = tensor.fields.iter().find(|field| field.number == 2).map(|field| field.value.clone());
    let size = match code {
        Some(Value::Varint(1 | 6)) => 4,
        Some(Value::Varint(7)) => 8,
        Some(Value::Varint(10)) => 2,
        _ => 1,
    };
    let sizes = [0, 1, 1, 2, 3, 4, 5, 8, 9, 16];
    let mut dims: Vec<u64> = (0..rng.usize(..6)).map(|_| sizes[rng.usize(..sizes.len())]).collect();
    // An empty tensor may have any other sizes.
    if dims.contains(&0) && rng.bool() {
        dims.push(number(rng) as u64);
    }
    let elements = dims.iter().try_fold(1u64, |product, &size| product.checked_mul(size)).unwrap_or(0).min(ELEMENTS);
    let mut data: Vec<u8> = Vec::new();
    for field in &tensor.fields {
        if let (9, Value::Bytes(bytes)) = (field.number, &field.value) {
            data.clone_from(bytes);
        }
    }
    data.resize(elements as usize * size, data.first().copied().unwrap_or(1));
    tensor.fields.retain(|field| !matches!(field.number, 1 | 4 | 5 | 7 | 9));
    let mut packed = Vec::new();
    dims.iter().for_each(|&dim| push_varint(&mut packed, dim));
    tensor.fields.push(Field { number: 1, value: Value::Bytes(packed) });
    tensor.fields.push(Field { number: 9, value: Value::Bytes(data) });
}

/// Changes numbers of raw data; now and then their count.
pub fn change_data(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let length = bytes.len();
    match rng.u8(..8) {
        0 => bytes.truncate(rng.usize(..=length)),
        1 => bytes.extend([0, 0, 0x80, 0x3f]),
        2 => bytes.fill(rng.u8(..)),
        3 | 4 if length >= 8 => {
            let at = rng.usize(..length / 8) * 8;
            bytes[at..at + 8].copy_from_slice(&number(rng).to_le_bytes());
        }
        _ if length >= 4 => {
            let at = rng.usize(..length / 4) * 4;
            let word = if rng.bool() { float(rng).to_le_bytes() } else { (number(rng) as i32).to_le_bytes() };
            bytes[at..at + 4].copy_from_slice(&word);
        }
        _ if length > 0 => bytes[rng.usize(..length)] = number(rng) as u8,
        _ => {}
    }
}
