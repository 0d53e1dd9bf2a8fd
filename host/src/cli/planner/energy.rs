//! Energy files by name, or from the user.

use crate::cli::Failure;
use crate::cli::files::read_text;
use crate::cli::options::Message;
use crate::energy::Model;
use std::path::Path;

const NAMED: [(&str, &str); 3] = [
    ("osu018", include_str!("../../../../energy/osu018.toml")),
    ("horowitz-45nm", include_str!("../../../../energy/horowitz-45nm.toml")),
    ("bitfusion-45nm", include_str!("../../../../energy/bitfusion-45nm.toml")),
];

/// Reads an energy model by name or file.
///
/// # Errors
/// If there is no such name, or the file cannot be read or breaks a rule.
pub fn model(name: &str) -> Result<Model, Failure> {
    let path = Path::new(name);
    if name.ends_with(".toml") {
        return Ok(Model::parse(&read_text(path)?, path)?);
    }
    match NAMED.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => Ok(Model::parse(text, path)?),
        None => {
            let known = NAMED.map(|(known, _)| known).join(", ");
            Err(Message(format!("--energy {name}: expected {known}, or a file that ends in .toml")).into())
        }
    }
}
