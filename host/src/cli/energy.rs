//! `--energy`: energy files by name, or from the user.

use super::Failure;
use super::files::{at, read_text};
use super::options::named_file;
use crate::energy::Model;
use std::collections::BTreeSet;

/// A line on figures that a file does not have; nothing if it has all.
pub fn lower_bound(file: &str, missing: &BTreeSet<&'static str>) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = missing.iter().copied().collect();
    format!("not in '{file}', and so in no sum, which are lower bounds: {}\n", names.join(", "))
}

/// Reads an energy model by name or file.
///
/// # Errors
/// If there is no such name, or the file cannot be read or breaks a rule.
pub fn model(name: &str) -> Result<Model, Failure> {
    match named_file(name) {
        Some(path) => Ok(Model::parse(&read_text(path)?, path)?),
        None => Ok(Model::named(name).map_err(at("--energy"))?),
    }
}
