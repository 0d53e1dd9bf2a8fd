//! The unit of energies that are read beside each other: one for all of them, by the largest.

/// A unit of energy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    /// Its symbol.
    pub name: &'static str,
    /// How many microjoules it is.
    microjoules: f64,
}

/// From the largest.
const UNITS: [Unit; 4] = [
    Unit { name: "J", microjoules: 1e6 },
    Unit { name: "mJ", microjoules: 1e3 },
    Unit { name: "\u{b5}J", microjoules: 1.0 },
    Unit { name: "nJ", microjoules: 1e-3 },
];

impl Unit {
    /// The largest that the largest of these energies, in microjoules, is at least one of.
    pub fn of(microjoules: impl IntoIterator<Item = f64>) -> Self {
        let largest = microjoules.into_iter().fold(0.0, f64::max);
        let [.., microjoule, least] = UNITS;
        let found = UNITS.into_iter().find(|unit| largest >= unit.microjoules);
        found.unwrap_or(if largest > 0.0 { least } else { microjoule })
    }

    /// How many of this unit so many microjoules are.
    pub fn amount(self, value: f64) -> f64 {
        value / self.microjoules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_says_the_unit() {
        let of = |values: &[f64]| Unit::of(values.iter().copied()).name;
        let found =
            [of(&[3.0, 310_000.0]), of(&[999.9]), of(&[1000.0]), of(&[2e6]), of(&[0.02]), of(&[1e-9]), of(&[]), of(&[0.0])];
        assert_eq!(found, ["mJ", "\u{b5}J", "mJ", "J", "nJ", "nJ", "\u{b5}J", "\u{b5}J"]);
        assert_eq!(Unit::of([310_000.0]).amount(310_000.0), 310.0);
    }
}
