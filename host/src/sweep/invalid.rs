//! Machines of a grid that cannot be built: how many break which rule, and the first of them by name.

use crumb_arch::config::ConfigError;
use std::collections::BTreeMap;

/// Most reasons that are told apart, and most machines that are named for each.
const MOST: usize = 100;

/// A rule, and the machines that break it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub machines: Vec<String>,
}

/// All of them; a grid may have millions, so that texts are kept for the first alone.
#[derive(Clone, Debug, Default)]
pub struct Invalid {
    /// How many machines.
    pub count: usize,
    /// Why the first of them is none.
    pub first: Option<ConfigError>,
    /// The reasons.
    pub reasons: BTreeMap<String, Broken>,
    /// Violations of rules that are not among the reasons, as there are too many.
    pub others: usize,
}

impl Invalid {
    /// Counts a machine.
    pub fn add(&mut self, error: ConfigError) {
        self.count += 1;
        for reason in &error.violations {
            if self.reasons.len() >= MOST && !self.reasons.contains_key(reason) {
                self.others += 1;
                continue;
            }
            let broken = self.reasons.entry(reason.clone()).or_default();
            broken.count += 1;
            if broken.machines.len() < MOST {
                broken.machines.push(error.name.clone());
            }
        }
        self.first.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_is_counted_and_the_first_are_named() {
        let mut invalid = Invalid::default();
        for i in 0..1000 {
            let violations = vec!["the same".to_owned(), format!("its own {i}")];
            invalid.add(ConfigError { name: format!("m{i}"), violations });
        }
        assert_eq!((invalid.count, invalid.reasons.len(), invalid.others), (1000, 100, 1000 - 99));
        let same = &invalid.reasons["the same"];
        assert_eq!((same.count, same.machines.len(), same.machines[0].as_str()), (1000, 100, "m0"));
        assert_eq!(invalid.first.unwrap().name, "m0");
    }
}
