//! The energy files that are part of the program.

use super::{EnergyError, Model};
use std::path::Path;

/// Names and texts; each figure has its source in the text.
const FILES: [(&str, &str); 4] = [
    ("osu018", include_str!("../../../energy/osu018.toml")),
    ("osu018-uniform", include_str!("../../../energy/osu018-uniform.toml")),
    ("horowitz-45nm", include_str!("../../../energy/horowitz-45nm.toml")),
    ("bitfusion-45nm", include_str!("../../../energy/bitfusion-45nm.toml")),
];

impl Model {
    /// The names that [`Model::named`] knows.
    pub fn names() -> [&'static str; FILES.len()] {
        FILES.map(|(name, _)| name)
    }

    /// The energy file of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Self, EnergyError> {
        match FILES.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(text, Path::new(name)),
            None => Err(EnergyError::Name { found: name.to_owned(), known: Self::names().join(", ") }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_file_and_no_other() {
        for name in Model::names() {
            assert_eq!(Model::named(name).unwrap().name, name);
        }
        let error = Model::named("tsmc5").unwrap_err().to_string();
        assert_eq!(
            error,
            "no energy file is named tsmc5: expected osu018, osu018-uniform, horowitz-45nm, bitfusion-45nm, or a file that ends in .toml"
        );
    }
}
