//! all-MiniLM-L6-v2 with its 36 linear layers on Crumb's array, at several precisions from one int8 copy of its weights.
//!
//! `python3 examples/minilm/minilm.py` writes the model and the sentences to `target/minilm` and starts this program;
//! `docs/minilm.md` explains what it prints. Every integer sum of every product is compared with plain loops.

mod encoder;
mod error;
mod host;
mod linear;
mod model;
mod plain;
mod quantize;
mod report;
mod sentences;
mod tensors;

use clap::Parser;
use crumb::backend::BackendKind;
use crumb::session::Session;
use crumb_arch::{ArrayConfig, WeightBits};
use encoder::{FloatLinears, encode, pool};
use error::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use linear::{MachineLinears, MachineWeights, Precision};
use model::{LAYERS, Model};
use quantize::Stored;
use report::{Nearness, Row, report};
use sentences::Sentences;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Largest difference between the float path and numpy. Both are float32; sums of up to 1536 terms are added in another order, and
/// `exp` and `erf` are another library's. 3e-6 was seen, in hidden states; a layer that is wrong differs by 1e-3 and more.
const FLOAT_LIMIT: f32 = 2e-5;

/// Sentences that the short check takes.
const CHECKED_SENTENCES: usize = 2;

/// What is run: the copies of the weights that are stored, and the precisions that each is switched to.
const PLAN: [(Stored, &[Precision]); 2] = {
    use WeightBits::{W2, W4, W8};
    const fn precision(attention: WeightBits, ffn: WeightBits) -> Precision {
        Precision { attention, ffn }
    }
    [
        (Stored::Whole, &[precision(W8, W8), precision(W4, W8), precision(W4, W4), precision(W2, W2)]),
        (Stored::ClippedForW4, &[precision(W8, W8), precision(W4, W4)]),
    ]
};

/// Run all-MiniLM-L6-v2 with its linear layers on the simulated array.
#[derive(Parser)]
struct Arguments {
    /// Folder with model.safetensors and sentences.safetensors.
    #[arg(long, default_value = "target/minilm")]
    folder: PathBuf,
    /// Configuration of the machine: a name, or a TOML file.
    #[arg(long, default_value = "huge")]
    config: String,
    /// Two sentences through the first layer, and no table.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<String, Failure> {
    let model = Model::read(&tensors::File::read(arguments.folder.join("model.safetensors"))?.tensors()?)?;
    let sentences = Sentences::read(&tensors::File::read(arguments.folder.join("sentences.safetensors"))?.tensors()?)?;
    let config = configuration(&arguments.config)?;
    if arguments.check {
        check(&model, &sentences.first(CHECKED_SENTENCES), &config)
    } else {
        measure(&model, &sentences, &config)
    }
}

fn configuration(name: &str) -> Result<ArrayConfig, Failure> {
    let path = Path::new(name);
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Ok(ArrayConfig::named(name)?);
    }
    let text = std::fs::read_to_string(path).map_err(|source| Failure::Configuration { path: path.to_owned(), source })?;
    Ok(ArrayConfig::from_toml(&text, name)?)
}

/// The first layer at every precision, and numpy against the float path: nothing is measured.
fn check(model: &Model, sentences: &Sentences, config: &ArrayConfig) -> Result<String, Failure> {
    let hidden = encode(model, sentences, 1, &mut FloatLinears(model))?;
    compare_floats("hidden states after the first layer", &hidden, &sentences.first_layer)?;
    let mut session = Session::new(BackendKind::Sim.open(config)?);
    let mut products = 0;
    for (stored, precisions) in PLAN {
        let weights = MachineWeights::new(model, 1, stored, &mut session)?;
        for &precision in precisions {
            let mut machine = MachineLinears::new(model, &weights, precision, &mut session, ProgressBar::hidden());
            encode(model, sentences, 1, &mut machine)?;
            products += machine.work.products;
        }
    }
    Ok(format!(
        "minilm: {products} products of {} tokens on '{}' equal to plain loops; float path within {FLOAT_LIMIT:e} of numpy's\n",
        sentences.tokens(),
        config.name
    ))
}

/// Every precision through the whole encoder.
fn measure(model: &Model, sentences: &Sentences, config: &ArrayConfig) -> Result<String, Failure> {
    let float = pool(&encode(model, sentences, LAYERS, &mut FloatLinears(model))?, sentences);
    compare_floats("sentence embeddings", &float, &sentences.embeddings)?;
    let bops_per_token: u64 = PLAN.iter().flat_map(|(_, precisions)| *precisions).map(|p| p.bops_per_token()).sum();
    let bar = bar(sentences.tokens() as u64 * bops_per_token);
    let mut session = Session::new(BackendKind::Sim.open(config)?);
    let mut rows = Vec::new();
    let mut resident = false;
    for (stored, precisions) in PLAN {
        let weights = MachineWeights::new(model, LAYERS, stored, &mut session)?;
        resident = weights.is_resident();
        for &precision in precisions {
            let name = format!("{precision}{}", stored.suffix());
            bar.set_message(format!("{} {name}", config.name));
            let before = session.counters()?;
            let mut machine = MachineLinears::new(model, &weights, precision, &mut session, bar.clone());
            let embeddings = pool(&encode(model, sentences, LAYERS, &mut machine)?, sentences);
            let work = machine.work;
            let counters = session.counters()? - before;
            rows.push(Row { name, nearness: Nearness::new(&embeddings, &sentences.embeddings), work, counters });
        }
    }
    bar.finish_and_clear();
    Ok(report(model, sentences, config, resident, &rows))
}

/// Refuses floats that numpy does not have.
fn compare_floats(what: &'static str, found: &[f32], expected: &[f32]) -> Result<(), Failure> {
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    // A NaN must not pass for equal, as it would with `f32::max`.
    let largest = differences.fold(0.0, |m: f32, d| if d > m || d.is_nan() { d } else { m });
    if found.len() == expected.len() && largest <= FLOAT_LIMIT {
        return Ok(());
    }
    Err(Failure::Float { what, found: largest, limit: FLOAT_LIMIT })
}

/// A bar with the time left on a terminal, nothing in a pipe (indicatif hides it there).
fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent} % {msg} {elapsed}, {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
