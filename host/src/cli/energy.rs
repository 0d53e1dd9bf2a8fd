//! `--energy`: energy files by name, or from the user.

use super::Failure;
use super::files::{at, read_text};
use crate::energy::Model;
use std::path::Path;

/// Reads an energy model by name or file.
///
/// # Errors
/// If there is no such name, or the file cannot be read or breaks a rule.
pub fn model(name: &str) -> Result<Model, Failure> {
    let path = Path::new(name);
    if name.ends_with(".toml") {
        return Ok(Model::parse(&read_text(path)?, path)?);
    }
    Ok(Model::named(name).map_err(at("--energy"))?)
}
