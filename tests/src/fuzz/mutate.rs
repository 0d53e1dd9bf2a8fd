//! Damage to models: of bytes, as transmission does it, and of fields, which gets past the decoder and into the operators.

use super::corpus::{Corpus, Seed};
use super::tensors;
use super::wire::{Field, Kind, Message, Value, push_varint, take_varint};
use fastrand::Rng;

/// Attributes that some operator reads, and a few that none does.
const ATTRIBUTES: &[&str] = &[
    "axis",
    "axes",
    "perm",
    "pads",
    "strides",
    "dilations",
    "kernel_shape",
    "group",
    "auto_pad",
    "alpha",
    "beta",
    "transA",
    "transB",
    "epsilon",
    "keepdims",
    "to",
    "value",
    "value_int",
    "value_ints",
    "value_float",
    "start",
    "end",
    "mode",
    "allowzero",
    "ceil_mode",
    "count_include_pad",
    "block_size",
    "output_dtype",
    "split",
    "num_outputs",
    "nearest_mode",
    "stash_type",
    "training_mode",
    "opset",
    "coordinate_transformation_mode",
    "channels_last",
    "noop_with_empty_axes",
    "saturate",
    "approximate",
    "unknown",
];
/// Numbers at which something ends, as two's complement.
const NUMBERS: &[i64] = &[
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    1 << 24,
    i32::MAX as i64,
    1 << 31,
    1 << 32,
    1 << 40,
    i64::MAX - 1,
    i64::MAX,
    -1,
    -2,
    -3,
    -4,
    -128,
    -129,
    i32::MIN as i64,
    i64::MIN,
    i64::MIN + 1,
];
/// Floats at which something ends.
const FLOATS: &[f32] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    1e-45,
    f32::MIN_POSITIVE,
    1e-30,
    1e10,
    f32::MAX,
    f32::MIN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// A damaged model: the same for the same corpus and generator.
pub fn mutate(corpus: &Corpus, rng: &mut Rng) -> Vec<u8> {
    let seed = pick(&corpus.seeds, rng);
    let donor = pick(&corpus.seeds, rng);
    match (&seed.tree, rng.u8(..10)) {
        (Some(tree), 0..8) => {
            let mut tree = tree.clone();
            for _ in 0..rng.usize(1..=4) {
                change_tree(&mut tree, donor, rng);
            }
            let mut bytes = tree.encode();
            if rng.u8(..20) == 0 {
                change_bytes(&mut bytes, rng);
            }
            bytes
        }
        (_, 8) => splice(&seed.bytes, &donor.bytes, rng),
        _ => {
            let mut bytes = seed.bytes.clone();
            for _ in 0..rng.usize(1..=5) {
                change_bytes(&mut bytes, rng);
            }
            bytes
        }
    }
}

fn pick<'a, T>(items: &'a [T], rng: &mut Rng) -> &'a T {
    &items[rng.usize(..items.len())]
}

/// An integer, often one at which something ends.
pub fn number(rng: &mut Rng) -> i64 {
    match rng.u8(..4) {
        0 => rng.i64(-5..20),
        1 => rng.i64(..) >> rng.u32(..64),
        _ => *pick(NUMBERS, rng),
    }
}

/// A float, often one at which something ends.
pub fn float(rng: &mut Rng) -> f32 {
    if rng.bool() { *pick(FLOATS, rng) } else { f32::from_bits(rng.u32(..)) }
}

fn change_bytes(bytes: &mut Vec<u8>, rng: &mut Rng) {
    if bytes.is_empty() {
        return bytes.push(rng.u8(..));
    }
    let at = rng.usize(..bytes.len());
    match rng.u8(..6) {
        0 => bytes[at] ^= 1 << rng.u8(..8),
        1 => bytes[at] = rng.u8(..),
        2 => bytes.truncate(at),
        3 => bytes.insert(at, rng.u8(..)),
        4 => drop(bytes.drain(at..(at + rng.usize(1..64)).min(bytes.len()))),
        _ => {
            let copy = bytes[at..(at + rng.usize(1..64)).min(bytes.len())].to_vec();
            let to = rng.usize(..=bytes.len());
            bytes.splice(to..to, copy);
        }
    }
}

/// The front of one file and the back of another.
fn splice(front: &[u8], back: &[u8], rng: &mut Rng) -> Vec<u8> {
    let (at, from) = (rng.usize(..=front.len()), rng.usize(..=back.len()));
    [&front[..at], &back[from..]].concat()
}

fn change_tree(tree: &mut Message, donor: &Seed, rng: &mut Rng) {
    let names = names(tree);
    let mut index = rng.usize(..tree.count());
    let Some(message) = tree.nth(&mut index) else { return };
    let at = (!message.fields.is_empty()).then(|| rng.usize(..message.fields.len()));
    match (rng.u8(..20), at) {
        (0..10, Some(at)) => change_field(message, at, &names, rng),
        (10, Some(at)) => drop(message.fields.remove(at)),
        (11, Some(at)) => {
            let copy = message.fields[at].clone();
            message.fields.push(copy);
        }
        (12 | 13, Some(at)) => exchange(message, at, rng),
        (14 | 15, _) => adopt(message, donor, rng),
        (16 | 17, _) if message.kind == Kind::Node => message.fields.push(attribute(rng)),
        (_, _) if message.kind == Kind::Tensor => tensors::reshape(message, rng),
        (_, Some(at)) => change_field(message, at, &names, rng),
        (_, None) => message.fields.push(Field { number: rng.u32(1..30), value: Value::Varint(number(rng) as u64) }),
    }
}

/// Names of values in the model.
fn names(tree: &Message) -> Vec<Vec<u8>> {
    let mut nodes = Vec::new();
    tree.collect(Kind::Node, &mut nodes);
    let fields = nodes.iter().flat_map(|node| &node.fields);
    fields
        .filter_map(|field| match (&field.value, field.number) {
            (Value::Bytes(name), 1 | 2) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

fn change_field(message: &mut Message, at: usize, names: &[Vec<u8>], rng: &mut Rng) {
    let kind = message.kind;
    let Field { number: field, value } = &mut message.fields[at];
    match value {
        // Element types and attribute types are small.
        Value::Varint(value) => match (kind, *field) {
            (Kind::Tensor, 2) | (Kind::TensorType, 1) | (Kind::Attribute, 20) => *value = rng.u64(..28),
            (Kind::OpsetId, 2) => *value = rng.u64(8..28),
            _ => *value = number(rng) as u64,
        },
        Value::Fixed32(word) => *word = float(rng).to_le_bytes(),
        Value::Fixed64(word) => *word = number(rng).to_le_bytes(),
        Value::Bytes(bytes) if kind.is_packed(*field) => change_list(bytes, rng),
        Value::Bytes(bytes) => match (kind, *field) {
            (Kind::Node, 1 | 2) if !names.is_empty() && rng.u8(..8) > 0 => *bytes = pick(names, rng).clone(),
            (Kind::Node, 1 | 2) => bytes.clear(),
            (Kind::Node, 4) => *bytes = operator(rng),
            (Kind::Attribute, 1) => *bytes = pick(ATTRIBUTES, rng).as_bytes().to_vec(),
            (Kind::Tensor, 9) => tensors::change_data(bytes, rng),
            _ => change_bytes(bytes, rng),
        },
        Value::Message(message) => {
            if !message.fields.is_empty() {
                let at = rng.usize(..message.fields.len());
                change_field(message, at, names, rng);
            }
        }
    }
}

/// An operator's name, without its domain.
fn operator(rng: &mut Rng) -> Vec<u8> {
    let name = pick(&crumb::onnx::supported_operators(), rng).clone();
    name.rsplit('.').next().unwrap_or(&name).as_bytes().to_vec()
}

/// Changes packed varints: one of them, or how many there are.
fn change_list(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let mut values: Vec<u64> = std::iter::from_fn({
        let mut rest = bytes.as_slice();
        move || take_varint(&mut rest)
    })
    .collect();
    match (rng.u8(..4), values.len()) {
        (0, _) | (_, 0) => values.push(number(rng) as u64),
        (1, _) => drop(values.pop()),
        (_, length) => values[rng.usize(..length)] = number(rng) as u64,
    }
    bytes.clear();
    values.into_iter().for_each(|value| push_varint(bytes, value));
}

/// Exchanges a field's value with that of another field of its number: operands, dimensions, nodes.
fn exchange(message: &mut Message, at: usize, rng: &mut Rng) {
    let number = message.fields[at].number;
    let alike: Vec<usize> = (0..message.fields.len()).filter(|&other| message.fields[other].number == number).collect();
    message.fields.swap(at, *pick(&alike, rng));
}

/// Takes a field from a message of the same kind in another model.
fn adopt(message: &mut Message, donor: &Seed, rng: &mut Rng) {
    let mut donors = Vec::new();
    if let Some(tree) = &donor.tree {
        tree.collect(message.kind, &mut donors);
    }
    donors.retain(|donor| !donor.fields.is_empty());
    if donors.is_empty() {
        return;
    }
    let field = pick(&pick(&donors, rng).fields, rng).clone();
    match message.fields.iter_mut().find(|own| own.number == field.number && rng.bool()) {
        Some(own) => *own = field,
        None => message.fields.push(field),
    }
}

/// A field of a node: an attribute with its type, and a value of that type.
fn attribute(rng: &mut Rng) -> Field {
    let mut ints = Vec::new();
    (0..rng.usize(..6)).for_each(|_| push_varint(&mut ints, number(rng) as u64));
    let (code, number, value) = match rng.u8(..4) {
        0 => (1, 2, Value::Fixed32(float(rng).to_le_bytes())),
        1 => (7, 8, Value::Bytes(ints)),
        2 => (3, 4, Value::Bytes(pick(&["SAME_UPPER", "VALID", "edge", "reflect", "tanh", "floor"], rng).as_bytes().to_vec())),
        _ => (2, 3, Value::Varint(self::number(rng) as u64)),
    };
    let name = Value::Bytes(pick(ATTRIBUTES, rng).as_bytes().to_vec());
    let fields = [(1, name), (number, value), (20, Value::Varint(code))];
    let fields = fields.into_iter().map(|(number, value)| Field { number, value }).collect();
    Field { number: 5, value: Value::Message(Message { kind: Kind::Attribute, fields }) }
}
