//! The same for precision plans: TOML damaged at random must be refused in words, or give a plan that the network can run.

use crumb::network::plan_file::PlanFile;
use crumb::network::{LayerPrecision, Network};
use fastrand::Rng;

/// How far a plan got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is not the TOML of a plan.
    NotPlan,
    /// It does not fit the network.
    Refused,
    /// It fits.
    Taken,
}

/// Pieces that plans are damaged with.
const PIECES: &[&str] = &[
    "0",
    "1",
    "2",
    "4",
    "6",
    "8",
    "3",
    "255",
    "256",
    "-1",
    "18446744073709551615",
    "true",
    "\"*\"",
    "\"[\"",
    "\"\"",
    "[]",
    "[0]",
    "{}",
    "[0, 1]",
    "[1000000]",
    "\"half-even\"",
    "\"floor\"",
    "act_bits = 4",
    "weight_bits = 2",
    "important_channels = 1",
    "important_channels = [0]",
    "pruned_channels = [0]",
    "pruned_outputs = [1]",
    "[[layer]]",
    "[default]",
    "[bias.w4]",
    "[bias.w3]",
    "name = \"*\"",
    "\n",
];

/// A plan for a network, damaged: tokens exchanged, left out, or doubled.
pub fn mutate(network: &Network, rng: &mut Rng) -> String {
    let widths = |rng: &mut Rng| ([8, 8, 4, 2][rng.usize(..4)], [8, 8, 6, 4, 2][rng.usize(..5)]);
    let (act, weight) = widths(rng);
    let mut lines = vec![format!("[default]\nact_bits = {act}\nweight_bits = {weight}\nrounding = \"half-even\"")];
    for (_, layer) in network.array_layers() {
        let (act, weight) = widths(rng);
        lines.push(format!("[[layer]]\nname = {:?}\nact_bits = {act}\nweight_bits = {weight}", layer.name));
        let extra =
            ["", "important_channels = [0, 1]", "pruned_channels = [1]", "important_channels = 1", "pruned_outputs = [0]"];
        lines.push(extra[rng.usize(..extra.len())].into());
    }
    if let Some((_, layer)) = network.array_layers().next() {
        lines.push(format!("[bias.w4]\n{:?} = {:?}", layer.name, vec![7; layer.out_channels]));
    }
    let text = lines.join("\n");
    let mut tokens: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
    for _ in 0..rng.usize(..3) {
        let at = rng.usize(..tokens.len());
        match rng.u8(..5) {
            0 => drop(tokens.remove(at)),
            1 => tokens.insert(at, tokens[rng.usize(..tokens.len())]),
            2 => tokens.insert(at, "\n"),
            _ => tokens[at] = PIECES[rng.usize(..PIECES.len())],
        }
    }
    tokens.concat()
}

/// Reads a plan and gives it to a network.
///
/// # Errors
/// A promise that does not hold, in words.
pub fn exercise(network: &Network, text: &str) -> Result<Outcome, String> {
    let shown = |error: &dyn std::fmt::Display| {
        let text = error.to_string();
        let whole = text.starts_with("plan.toml: ") && text.len() > 30 && !text.chars().any(|c| c.is_control() && c != '\n');
        if whole { Ok(()) } else { Err(format!("a message that is not whole: {text:?}")) }
    };
    let file = match PlanFile::parse(text, "plan.toml") {
        Ok(file) => file,
        Err(error) => return shown(&error).map(|()| Outcome::NotPlan),
    };
    let counts = file.counts(network);
    if let Some(unknown) = counts.keys().find(|name| !network.layer_names().contains(name)) {
        return Err(format!("a count for {unknown:?}, which is no layer"));
    }
    file.covers(network);
    let plan = match file.plan_for(network, LayerPrecision::default()) {
        Ok(plan) => plan,
        Err(error) => return shown(&error).map(|()| Outcome::Refused),
    };
    let mut changed = network.clone();
    if let Err(error) = file.apply(&mut changed) {
        return shown(&error).map(|()| Outcome::Refused);
    }
    match plan.tensor_bits(&changed) {
        Ok(bits) if bits.iter().all(|bits| matches!(bits, 2 | 4 | 8)) => Ok(Outcome::Taken),
        Ok(bits) => Err(format!("widths {bits:?}")),
        Err(error) => Err(format!("the plan fits the network, but not with what it changes: {error}")),
    }
}
