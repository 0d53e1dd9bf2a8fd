//! Protocol buffers as bytes: the fields of a message, where they stand, and fields to put in their place.
//!
//! Whoever edits a file this way keeps every byte that is not edited: fields that nobody here knows, their order, and the way
//! numbers were written.
//!
//! ```text
//!   message = field field ...      field = key, value      key = number << 3 | type
//!   type 0: varint    1: 8 bytes    2: length, bytes (text, data, messages)    5: 4 bytes
//! ```

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its number in the schema.
    pub number: u64,
    /// The whole field, key included.
    pub whole: &'a [u8],
    /// The bytes of a field that has a length; `None` for numbers.
    pub body: Option<&'a [u8]>,
}

/// The fields of a message, in order; `None` if the bytes are no message.
pub fn fields(mut bytes: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (key, rest) = varint(bytes)?;
        let (body, rest) = match key & 7 {
            0 => (None, varint(rest)?.1),
            1 => (None, rest.get(8..)?),
            2 => {
                let (length, rest) = varint(rest)?;
                let (body, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Some(body), rest)
            }
            5 => (None, rest.get(4..)?),
            _ => return None,
        };
        let whole = bytes.get(..bytes.len() - rest.len())?;
        fields.push(Field { number: key >> 3, whole, body });
        bytes = rest;
    }
    Some(fields)
}

/// A number in groups of seven bits, low ones first, and what follows it. Ten bytes are the most that 64 bits need.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field that has a length.
pub fn put(out: &mut Vec<u8>, number: u64, body: &[u8]) {
    put_varint(out, number << 3 | 2);
    put_varint(out, body.len() as u64);
    out.extend_from_slice(body);
}

/// Appends a field that is a number.
pub fn put_number(out: &mut Vec<u8>, number: u64, value: i64) {
    put_varint(out, number << 3);
    put_varint(out, value as u64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_of_every_type_are_found_whole() {
        let mut bytes = vec![0x08, 0x96, 0x01]; // Field 1, number 150.
        bytes.extend([0x11, 1, 2, 3, 4, 5, 6, 7, 8]);
        put(&mut bytes, 300, b"text");
        bytes.extend([0x25, 1, 2, 3, 4]);
        put_number(&mut bytes, 5, -1);
        let fields = fields(&bytes).unwrap();
        assert_eq!(fields.iter().map(|field| field.number).collect::<Vec<_>>(), [1, 2, 300, 4, 5]);
        assert_eq!(fields[2].body, Some(&b"text"[..]));
        assert_eq!(fields.iter().map(|field| field.whole.len()).collect::<Vec<_>>(), [3, 9, 7, 5, 11]);
        assert_eq!(fields.iter().flat_map(|field| field.whole.to_vec()).collect::<Vec<_>>(), bytes);
    }

    #[test]
    fn damage_is_found() {
        for bytes in
            [&[0x08][..], &[0x0a, 5, 1], &[0x0b], &[0x11, 1], &[0x25], &[0xff; 12], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]]
        {
            assert_eq!(fields(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_there(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(fields) = fields(&bytes) {
                prop_assert_eq!(fields.iter().flat_map(|field| field.whole.to_vec()).collect::<Vec<_>>(), bytes);
            }
        }
    }
}
