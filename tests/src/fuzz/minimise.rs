//! Smaller files that fail in the same way: fields are left out one after the other, as long as the failure stays.

use super::wire::{Message, Value};

/// A smaller file for which `fails` still holds; `bytes` itself if it is no protocol buffer.
pub fn minimise(bytes: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let Some(mut tree) = Message::parse(bytes).filter(|tree| fails(&tree.encode())) else { return bytes.to_vec() };
    loop {
        let before = tree.encode().len();
        let mut message = 0;
        while message < tree.count() {
            let mut field = 0;
            while let Some(smaller) = without(&tree, message, field) {
                if fails(&smaller.encode()) {
                    tree = smaller;
                } else {
                    field += 1;
                }
            }
            message += 1;
        }
        if tree.encode().len() >= before {
            return tree.encode();
        }
    }
}

/// The tree without one field of one message, if there is such a field.
fn without(tree: &Message, message: usize, field: usize) -> Option<Message> {
    let mut tree = tree.clone();
    let mut index = message;
    let found = tree.nth(&mut index)?;
    if field >= found.fields.len() {
        return None;
    }
    if let Value::Bytes(bytes) = &mut found.fields[field].value
        && bytes.len() > 64
    {
        // Long data is halved before it is left out.
        bytes.truncate(bytes.len() / 2);
    } else {
        found.fields.remove(field);
    }
    Some(tree)
}
