//! Attributes of a node, read with their types checked; an attribute nobody read is refused, not ignored.

use std::cell::RefCell;
use std::collections::HashSet;

use super::error::{Refusal, quoted};
use super::proto::{AttributeProto, NodeProto, TensorProto};

/// `AttributeProto.AttributeType`.
mod kind {
    pub const FLOAT: i32 = 1;
    pub const INT: i32 = 2;
    pub const STRING: i32 = 3;
    pub const TENSOR: i32 = 4;
    pub const FLOATS: i32 = 6;
    pub const INTS: i32 = 7;
    pub const NAMES: [&str; 15] = [
        "undefined",
        "float",
        "int",
        "string",
        "tensor",
        "graph",
        "floats",
        "ints",
        "strings",
        "tensors",
        "graphs",
        "sparse_tensor",
        "sparse_tensors",
        "type_proto",
        "type_protos",
    ];
}

/// Reader of one node's attributes.
pub(crate) struct Attributes<'a> {
    attributes: &'a [AttributeProto],
    read: RefCell<HashSet<&'static str>>,
}

impl<'a> Attributes<'a> {
    pub fn new(node: &'a NodeProto) -> Self {
        Self { attributes: &node.attribute, read: RefCell::default() }
    }

    fn find(&self, name: &'static str, expected: i32) -> Result<Option<&'a AttributeProto>, Refusal> {
        self.read.borrow_mut().insert(name);
        let mut found = self.attributes.iter().filter(|attribute| attribute.name == name);
        let Some(attribute) = found.next() else { return Ok(None) };
        let damaged = "export the model again; the file is damaged";
        if found.next().is_some() {
            return Err(Refusal::new(format!("attribute {name} twice"), "one", damaged));
        }
        if !attribute.ref_attr_name.is_empty() {
            return Err(Refusal::new(
                format!("attribute {name} that refers to a function's parameter"),
                "attributes with a value",
                "inline the model's functions: onnx.inliner.inline_local_functions",
            ));
        }
        if attribute.r#type != expected {
            let name_of = |code: i32| usize::try_from(code).ok().and_then(|code| kind::NAMES.get(code)).unwrap_or(&"unknown");
            let found = format!("attribute {name} of type {}", name_of(attribute.r#type));
            return Err(Refusal::new(found, format!("type {}", name_of(expected)), damaged));
        }
        Ok(Some(attribute))
    }

    /// An integer, or `default`.
    pub fn int(&self, name: &'static str, default: i64) -> Result<i64, Refusal> {
        Ok(self.optional_int(name)?.unwrap_or(default))
    }

    /// An integer, if it is there.
    pub fn optional_int(&self, name: &'static str) -> Result<Option<i64>, Refusal> {
        Ok(self.find(name, kind::INT)?.map(|attribute| attribute.i))
    }

    /// A float32, if it is there.
    pub fn optional_float(&self, name: &'static str) -> Result<Option<f32>, Refusal> {
        Ok(self.find(name, kind::FLOAT)?.map(|attribute| attribute.f))
    }

    /// A list of integers, if it is there.
    pub fn optional_ints(&self, name: &'static str) -> Result<Option<&'a [i64]>, Refusal> {
        Ok(self.find(name, kind::INTS)?.map(|attribute| attribute.ints.as_slice()))
    }

    /// A list of floats, if it is there.
    pub fn optional_floats(&self, name: &'static str) -> Result<Option<&'a [f32]>, Refusal> {
        Ok(self.find(name, kind::FLOATS)?.map(|attribute| attribute.floats.as_slice()))
    }

    /// A string, or `default`; bytes that are not UTF-8 are shown as such.
    pub fn string(&self, name: &'static str, default: &str) -> Result<String, Refusal> {
        let found = self.find(name, kind::STRING)?;
        Ok(found.map_or_else(|| default.to_string(), |attribute| String::from_utf8_lossy(&attribute.s).into_owned()))
    }

    /// A tensor, if it is there.
    pub fn optional_tensor(&self, name: &'static str) -> Result<Option<&'a TensorProto>, Refusal> {
        Ok(self.find(name, kind::TENSOR)?.and_then(|attribute| attribute.t.as_deref()))
    }

    /// `N` sizes of at least `minimum`, or `default` for each.
    pub fn sizes<const N: usize>(&self, name: &'static str, minimum: i64, default: usize) -> Result<[usize; N], Refusal> {
        let Some(values) = self.optional_ints(name)? else { return Ok([default; N]) };
        let sizes: Vec<usize> =
            values.iter().filter(|&&value| value >= minimum).filter_map(|&value| usize::try_from(value).ok()).collect();
        match <[usize; N]>::try_from(sizes) {
            Ok(sizes) if values.len() == N => Ok(sizes),
            _ => Err(Refusal::new(
                format!("{name} = {}", shown(values)),
                format!("{N} values of at least {minimum} here"),
                "correct the attribute in the exporter",
            )),
        }
    }

    /// Refuses attributes that were not read.
    pub fn finish(&self, opset: i64) -> Result<(), Refusal> {
        let read = self.read.borrow();
        match self.attributes.iter().find(|attribute| !read.contains(attribute.name.as_str())) {
            None => Ok(()),
            Some(attribute) => {
                let mut known: Vec<_> = read.iter().copied().collect();
                known.sort_unstable();
                let known = if known.is_empty() { "no attributes".into() } else { known.join(", ") };
                Err(Refusal::new(
                    format!("attribute {}", quoted(&attribute.name)),
                    format!("{known} (opset {opset})"),
                    "export without it, or with the opset that has it",
                ))
            }
        }
    }
}

/// The first few of a list from the file.
pub(crate) fn shown(values: &[i64]) -> String {
    if values.len() <= 8 { format!("{values:?}") } else { format!("{} values", values.len()) }
}
