//! Protocol buffers of the ONNX schema as trees that can be changed and written again, valid or not.
//!
//! Wire format: <https://protobuf.dev/programming-guides/encoding/>. A field that is a message in the schema but does not parse as
//! one stays bytes, so that no part of a file is lost.

/// Deepest nesting that is parsed; deeper messages stay bytes.
const DEPTH: usize = 20;

/// Messages of onnx.proto3 whose fields are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `ModelProto`.
    Model,
    /// `OperatorSetIdProto`.
    OpsetId,
    /// `GraphProto`.
    Graph,
    /// `NodeProto`.
    Node,
    /// `AttributeProto`.
    Attribute,
    /// `TensorProto`.
    Tensor,
    /// `ValueInfoProto`.
    ValueInfo,
    /// `TypeProto`.
    Type,
    /// `TypeProto.Tensor`.
    TensorType,
    /// `TensorShapeProto`.
    Shape,
    /// `TensorShapeProto.Dimension`.
    Dimension,
}

impl Kind {
    /// The message that is in a field, if one is.
    pub fn child(self, number: u32) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6) => Self::Graph,
            (Self::Model, 8) => Self::OpsetId,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5) => Self::Tensor,
            (Self::Graph, 11..=13) => Self::ValueInfo,
            (Self::Node, 5) => Self::Attribute,
            (Self::ValueInfo, 2) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::TensorType, 2) => Self::Shape,
            (Self::Shape, 1) => Self::Dimension,
            _ => return None,
        })
    }

    /// Whether a field of bytes is a list of packed varints: dimensions and integer data, and integers of attributes.
    pub fn is_packed(self, number: u32) -> bool {
        matches!((self, number), (Self::Tensor, 1 | 5 | 7) | (Self::Attribute, 8))
    }
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64([u8; 8]),
    /// Wire type 5.
    Fixed32([u8; 4]),
    /// Wire type 2, a string, bytes, packed numbers, or a message that is not told apart.
    Bytes(Vec<u8>),
    /// Wire type 2, a message.
    Message(Message),
}

/// A field and its number in the schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Number in the schema.
    pub number: u32,
    /// What it holds.
    pub value: Value,
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Which.
    pub kind: Kind,
    /// Its fields in the file's order.
    pub fields: Vec<Field>,
}

impl Message {
    /// The model in a file, if the file is a protocol buffer at its top.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        parse(bytes, Kind::Model, DEPTH)
    }

    /// The message as a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for Field { number, value } in &self.fields {
            let mut tag = |wire: u64| push_varint(&mut bytes, u64::from(*number) << 3 | wire);
            match value {
                Value::Varint(value) => {
                    tag(0);
                    push_varint(&mut bytes, *value);
                }
                Value::Fixed64(word) => {
                    tag(1);
                    bytes.extend(word);
                }
                Value::Fixed32(word) => {
                    tag(5);
                    bytes.extend(word);
                }
                Value::Bytes(body) => {
                    tag(2);
                    push_varint(&mut bytes, body.len() as u64);
                    bytes.extend(body);
                }
                Value::Message(message) => {
                    let body = message.encode();
                    tag(2);
                    push_varint(&mut bytes, body.len() as u64);
                    bytes.extend(body);
                }
            }
        }
        bytes
    }

    /// Number of messages in the tree, this one included.
    pub fn count(&self) -> usize {
        1 + self.children().map(Self::count).sum::<usize>()
    }

    /// The messages directly in this one.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        self.fields.iter().filter_map(|field| match &field.value {
            Value::Message(message) => Some(message),
            _ => None,
        })
    }

    /// Message `index` of the tree in preorder; `None` beyond the last, and then `index` is less by their number.
    pub fn nth(&mut self, index: &mut usize) -> Option<&mut Self> {
        if *index == 0 {
            return Some(self);
        }
        *index -= 1;
        for field in &mut self.fields {
            if let Value::Message(message) = &mut field.value
                && let Some(found) = message.nth(index)
            {
                return Some(found);
            }
        }
        None
    }

    /// Adds all messages of a kind to `found`.
    pub fn collect<'a>(&'a self, kind: Kind, found: &mut Vec<&'a Self>) {
        if self.kind == kind {
            found.push(self);
        }
        self.children().for_each(|child| child.collect(kind, found));
    }
}

/// Appends a varint.
pub fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes a varint from the front, if there is one.
pub fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index).min(63);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn parse(mut bytes: &[u8], kind: Kind, depth: usize) -> Option<Message> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = take_varint(&mut bytes)?;
        let number = u32::try_from(tag >> 3).ok()?;
        let value = match tag & 7 {
            0 => Value::Varint(take_varint(&mut bytes)?),
            1 => Value::Fixed64(take(&mut bytes, 8)?.try_into().ok()?),
            5 => Value::Fixed32(take(&mut bytes, 4)?.try_into().ok()?),
            2 => {
                let length = usize::try_from(take_varint(&mut bytes)?).ok()?;
                let body = take(&mut bytes, length)?;
                let message = kind.child(number).filter(|_| depth > 0).and_then(|kind| parse(body, kind, depth - 1));
                message.map_or_else(|| Value::Bytes(body.to_vec()), Value::Message)
            }
            _ => return None,
        };
        fields.push(Field { number, value });
    }
    Some(Message { kind, fields })
}
