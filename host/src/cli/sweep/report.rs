//! What a sweep says at its end, for reading and as JSON.

use crate::cli::table::thousands;
use crate::sweep::{Broken, Found, Grid, Layers, Shard};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A rule, and the machines that break it.
#[derive(Serialize)]
pub struct Violation {
    reason: String,
    /// How many, and the first of them.
    count: usize,
    machines: Vec<String>,
}

/// A table that is complete.
#[derive(Serialize)]
pub struct Written {
    out: PathBuf,
    /// Rows computed in this run, and rows that were there before.
    computed: usize,
    present: usize,
    /// Whether a torn end was cut off.
    repaired: bool,
    /// Points that are refused.
    refused: usize,
}

/// A grid, and its table if one was written.
#[derive(Serialize)]
pub struct Report {
    shard: String,
    points: usize,
    machines: Vec<String>,
    networks: Vec<String>,
    precisions: Vec<String>,
    /// What tables of layers say and the layers do not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// How many machines cannot be built, and the reasons.
    invalid: usize,
    violations: Vec<Violation>,
    /// Violations beyond these, which are only counted.
    #[serde(skip_serializing_if = "is_zero")]
    other_violations: usize,
    #[serde(flatten)]
    written: Option<Written>,
}

const fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn plural(count: usize, of: &str) -> String {
    format!("{} {of}{}", thousands(count as u64), if count == 1 { "" } else { "s" })
}

impl Report {
    /// Of a shard with so many points, and of its table.
    pub fn new(grid: &Grid, shard: Shard, points: usize, written: Option<(&Path, Found)>) -> Self {
        let violation = |(reason, Broken { count, machines }): (&String, &Broken)| Violation {
            reason: reason.clone(),
            count: *count,
            machines: machines.clone(),
        };
        let notes = |layers: &Layers| layers.notes.iter().map(|note| format!("{}: {note}", layers.name)).collect::<Vec<_>>();
        Self {
            shard: shard.to_string(),
            points,
            machines: grid.machines.iter().map(|machine| machine.name.clone()).collect(),
            networks: grid.networks.iter().map(|network| network.name.clone()).collect(),
            precisions: grid.pairs.iter().map(ToString::to_string).collect(),
            notes: grid.networks.iter().flat_map(notes).collect(),
            invalid: grid.invalid.count,
            violations: grid.invalid.reasons.iter().map(violation).collect(),
            other_violations: grid.invalid.others,
            written: written.map(|(out, Found { rows, refused, repaired })| Written {
                out: out.to_owned(),
                computed: points - rows,
                present: rows,
                repaired,
                refused,
            }),
        }
    }

    /// For reading; `all` names every machine.
    pub fn text(&self, all: bool) -> String {
        let Self { shard, points, machines, networks, precisions, notes, invalid, violations, other_violations, written } = self;
        let sizes = [(machines.len(), "machine"), (networks.len(), "network"), (precisions.len(), "precision")];
        let sizes = sizes.map(|(count, of)| plural(count, of)).join(" x ");
        let part =
            if shard == "1/1" { String::new() } else { format!(", of which {} in shard {shard}", plural(*points, "point")) };
        let mut text = format!("{sizes}{part}\n");
        if let Some(Written { out, computed, present, repaired, refused }) = written {
            let there = if *present == 0 { String::new() } else { format!(", {} were there", thousands(*present as u64)) };
            let cut = if *repaired { ", a torn end was cut off" } else { "" };
            let computed = format!("{} computed{there}{cut}", thousands(*computed as u64));
            text = format!("{}: {}, {computed}\n{text}", out.display(), plural(*points, "point"));
            if *refused > 0 {
                text += &format!("{} refused: the column 'refused' says why\n", plural(*refused, "point"));
            }
        }
        for note in notes {
            text += &format!("{note}\n");
        }
        if all {
            text += &list("machines", machines);
        }
        if *invalid > 0 {
            text += &format!(
                "{} cannot be built, and {} in no table:\n",
                plural(*invalid, "machine"),
                if *invalid == 1 { "is" } else { "are" }
            );
        }
        for Violation { reason, count, machines } in violations {
            text += &format!("  {:>6}  {reason}\n", thousands(*count as u64));
            let shown = if all { machines.len() } else { 1 };
            for machine in machines.iter().take(shown) {
                text += &format!("          {machine}\n");
            }
            if all && *count > shown {
                text += &format!("          and {}\n", plural(count - shown, "other"));
            }
        }
        if *other_violations > 0 {
            text += &format!("  {:>6}  for other reasons\n", thousands(*other_violations as u64));
        }
        if violations.iter().any(|violation| !all && violation.machines.len() > 1) {
            text += "  (one machine is named for each reason; --list names the first hundred)\n";
        }
        text
    }
}

fn list(what: &str, names: &[String]) -> String {
    names.iter().fold(format!("{what}:\n"), |text, name| text + &format!("  {name}\n"))
}

/// Shards that were joined.
#[derive(Serialize)]
pub struct Joined<'a> {
    /// The whole table.
    pub out: &'a Path,
    /// Its rows.
    pub points: usize,
    /// How many shards there were.
    pub shards: usize,
    /// Points that are refused.
    pub refused: usize,
}

impl Joined<'_> {
    /// For reading.
    pub fn text(&self) -> String {
        let Self { out, points, shards, refused } = self;
        let refused = if *refused == 0 { String::new() } else { format!("{} refused\n", plural(*refused, "point")) };
        format!("{}: {} of {}\n{refused}", out.display(), plural(*points, "point"), plural(*shards, "shard"))
    }
}
