//! What a run gave: nearness to the float model, and what the machine's counters say that it cost.

use crate::linear::Work;
use crate::model::{HIDDEN, Model};
use crate::sentences::Sentences;
use crumb_arch::counters::Counter;
use crumb_arch::{ArrayConfig, Counters, Derived};

/// Columns of the table.
const HEADER: [&str; 11] = [
    "weights",
    "cosine",
    "worst",
    "neighbours",
    "cycles/token",
    "MACs/cycle",
    "utilisation",
    "weight bits read/token",
    "weight bytes in/token",
    "bytes out/token",
    "longest stall",
];

/// One precision, measured.
pub struct Row {
    /// Weight widths, and the copy that was stored.
    pub name: String,
    /// How near its embeddings are to the float model's.
    pub nearness: Nearness,
    /// What was computed, all of it equal to plain loops.
    pub work: Work,
    /// What the machine counted meanwhile.
    pub counters: Counters,
}

/// Sentence embeddings beside those of the float model.
pub struct Nearness {
    /// Mean of the cosines over the sentences.
    pub mean: f64,
    /// The smallest of them.
    pub worst: f64,
    /// Sentences whose nearest other sentence is the float model's.
    pub neighbours: usize,
}

impl Nearness {
    /// Compares two `[sentences, HIDDEN]` matrices.
    pub fn new(found: &[f32], float: &[f32]) -> Self {
        let cosines: Vec<f64> = found.chunks_exact(HIDDEN).zip(float.chunks_exact(HIDDEN)).map(|(a, b)| cosine(a, b)).collect();
        let neighbours = nearest(found).into_iter().zip(nearest(float)).filter(|(a, b)| a == b).count();
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        Self { mean, worst: cosines.into_iter().fold(1.0, f64::min), neighbours }
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The nearest other sentence of each, if there is another.
fn nearest(embeddings: &[f32]) -> Vec<Option<usize>> {
    let rows: Vec<&[f32]> = embeddings.chunks_exact(HIDDEN).collect();
    let other = |i: usize| (0..rows.len()).filter(move |&j| j != i);
    (0..rows.len())
        .map(|i| other(i).map(|j| (cosine(rows[i], rows[j]), j)).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, j)| j))
        .collect()
}

/// The whole report: what ran where, and the table.
pub fn report(model: &Model, sentences: &Sentences, config: &ArrayConfig, resident: bool, rows: &[Row]) -> String {
    let weights: u64 = model.linears().map(|linear| linear.weights.len() as u64).sum();
    let place = if resident { "each stored copy uploaded once" } else { "streamed by each product" };
    let products: usize = rows.iter().map(|row| row.work.products).sum();
    format!(
        "all-MiniLM-L6-v2 on '{}' ({} x {} PEs, backend sim): {} sentences, {} tokens, int8 activations\n\
         {} linear layers, {} weights, {place}; the int32 sums of all {products} products equal plain loops\n\n{}",
        config.name,
        config.rows,
        config.cols,
        sentences.ranges.len(),
        sentences.tokens(),
        model.linears().count(),
        thousands(weights),
        table(rows, sentences, config),
    )
}

/// Header and rows as aligned text.
fn table(rows: &[Row], sentences: &Sentences, config: &ArrayConfig) -> String {
    let mut cells = vec![HEADER.map(str::to_owned)];
    cells.extend(rows.iter().map(|row| row.cells(sentences, config)));
    let widths: [usize; HEADER.len()] = std::array::from_fn(|i| cells.iter().map(|row| row[i].len()).max().unwrap_or(0));
    let mut text = String::new();
    for [name, numbers @ ..] in &cells {
        text += &format!("{name:<width$}", width = widths[0]);
        numbers.iter().zip(&widths[1..]).for_each(|(cell, &width)| text += &format!("  {cell:>width$}"));
        text.push('\n');
    }
    text
}

impl Row {
    fn cells(&self, sentences: &Sentences, config: &ArrayConfig) -> [String; HEADER.len()] {
        let (Work { macs, bops, .. }, derived) = (self.work, self.counters.derived(config));
        let cycles = self.counters[Counter::Cycles] as f64;
        let per_token = |total: f64| thousands((total / sentences.tokens() as f64).round() as u64);
        let moved = |of: fn(&Derived) -> u64| derived.map_or_else(|| "-".to_owned(), |derived| per_token(of(&derived) as f64));
        // Work done, over the work of an array that uses every multiplier in every cycle.
        let utilisation = bops as f64 / (config.bops_per_cycle() as f64 * cycles);
        [
            self.name.clone(),
            format!("{:.3}", self.nearness.mean),
            format!("{:.3}", self.nearness.worst),
            format!("{}/{}", self.nearness.neighbours, sentences.ranges.len()),
            per_token(cycles),
            format!("{:.0}", macs as f64 / cycles),
            format!("{:.1} %", 100.0 * utilisation),
            moved(|derived| derived.weight_bits_read),
            moved(|derived| derived.weight_bits_written / 8),
            moved(|derived| derived.stream_bits_out / 8),
            self.longest_stall(cycles),
        ]
    }

    /// The reason for which the array waited longest, and its share of all cycles.
    fn longest_stall(&self, cycles: f64) -> String {
        let stalls = self.counters.iter().filter_map(|(counter, waited)| {
            let reason = counter.name().strip_prefix("stall_")?.strip_suffix("_cycles")?;
            Some((waited, reason))
        });
        stalls.max().map_or_else(String::new, |(waited, reason)| format!("{reason} {:.1} %", 100.0 * waited as f64 / cycles))
    }
}

/// A number with its thousands apart: `1 234 567`.
pub fn thousands(n: u64) -> String {
    if n < 1000 { n.to_string() } else { format!("{} {:03}", thousands(n / 1000), n % 1000) }
}
