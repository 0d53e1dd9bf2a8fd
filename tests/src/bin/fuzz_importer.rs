//! Fuzzes the importer: see [`crumb_tests::fuzz`].

use clap::Parser;
use crumb_tests::fuzz::campaign::{self, Counts, Failure, Limits};
use crumb_tests::fuzz::corpus::Corpus;
use crumb_tests::fuzz::exercise::Outcome;
use crumb_tests::fuzz::minimise::minimise;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Damages models at random and demands an answer of the importer to each.
///
/// The corpus is every .onnx file of up to 64 KiB among the host's fixtures and under target/oracles (`cargo xtask oracles` makes
/// those). A model's bytes or protobuf fields are changed, the importer is called, and what it accepts is run on the reference, as
/// far as it is small. A failure is a panic, more than 10 s for one file, more than 2 GiB of memory, a message that is not whole, or
/// a result that is not what shapes promised. Its input is made smaller and written to a file, and the exit code is 1.
#[derive(Parser)]
#[command(after_help = "Examples:
  fuzz_importer --seconds 600                 ten minutes, another seed each time
  fuzz_importer --seed 7 --executions 20000   the same 20000 files each time
  fuzz_importer --replay fuzz-failure.onnx    what one file does

If the process itself is killed (a stack overflow), find the file with --threads 1, --first and --executions, and write it with
  fuzz_importer --seed SEED --first N --write")]
struct Arguments {
    /// How long to run
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Stop after this many files
    #[arg(long, default_value_t = u64::MAX)]
    executions: u64,
    /// Seed of all mutations [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// Number of the first file, to repeat a part of a run
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Threads [default: one for each core]
    #[arg(long)]
    threads: Option<usize>,
    /// More models, beside the fixtures and target/oracles
    #[arg(long, value_name = "FOLDER")]
    corpus: Vec<PathBuf>,
    /// Where to write the input of a failure
    #[arg(long, default_value = "fuzz-failure.onnx", value_name = "FILE")]
    output: PathBuf,
    /// Write the input of execution --first to --output without executing it
    #[arg(long)]
    write: bool,
    /// Execute this file and nothing else
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

fn main() -> ExitCode {
    match fuzz(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn fuzz(arguments: &Arguments) -> Result<ExitCode, String> {
    if let Some(path) = &arguments.replay {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        return Ok(match crumb_tests::fuzz::exercise::exercise(&bytes) {
            Ok(outcome) => {
                println!("{}", outcome.name());
                if let Err(error) = crumb::onnx::import(&bytes) {
                    println!("{error}");
                }
                ExitCode::SUCCESS
            }
            Err(what) => {
                println!("{what}");
                ExitCode::FAILURE
            }
        });
    }
    let mut folders = vec![Corpus::fixtures(), Corpus::regressions(), oracles()];
    folders.extend(arguments.corpus.iter().cloned());
    let corpus = Corpus::load(&folders)?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    if arguments.write {
        write(&arguments.output, &campaign::input(&corpus, seed, arguments.first))?;
        return Ok(ExitCode::SUCCESS);
    }
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1);
    let time = Duration::from_secs(arguments.seconds);
    println!("seed {seed}, {} models (fingerprint {:016x}), {threads} threads", corpus.seeds.len(), corpus.fingerprint());
    let limits = Limits { seed, first: arguments.first, executions: arguments.executions, time, threads };
    let (bar, begin) = (bar(&limits), Instant::now());
    let by_time = limits.executions == u64::MAX;
    let result = campaign::run(corpus, limits, |counts| {
        bar.set_position(if by_time { begin.elapsed().as_millis() as u64 } else { counts.total() });
        bar.set_message(format!("{} files, {:.0}/s", counts.total(), counts.total() as f64 / begin.elapsed().as_secs_f64()));
    });
    bar.finish_and_clear();
    match result {
        Ok(counts) => {
            summary(&counts, begin.elapsed());
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => report(&failure, seed, &arguments.output),
    }
}

/// Models that `cargo xtask oracles` makes, in Cargo's build directory.
fn oracles() -> PathBuf {
    let build = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    build.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")).join("oracles")
}

/// A bar with the time left on a terminal, nothing in a pipe.
fn bar(limits: &Limits) -> ProgressBar {
    let by_time = limits.executions == u64::MAX;
    let bar = ProgressBar::new(if by_time { limits.time.as_millis() as u64 } else { limits.executions });
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}, {elapsed}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn summary(counts: &Counts, time: Duration) {
    let rate = counts.total() as f64 / time.as_secs_f64();
    println!("{} files in {:.1} s ({rate:.0}/s), no failure", counts.total(), time.as_secs_f64());
    for outcome in Outcome::ALL {
        println!("{:>12}  {}", counts.of(outcome), outcome.name());
    }
}

/// Writes a failure's input, smaller if it was a panic or a broken promise: those are quick to try again.
fn report(failure: &Failure, seed: u64, output: &Path) -> Result<ExitCode, String> {
    let Failure { execution, what, bytes } = failure;
    let watched = what.starts_with("hang: ") || what.starts_with("memory: ");
    // A failure is the same if its first line is: the place of a panic.
    let place = |what: &str| what.lines().next().unwrap_or_default().chars().take(60).collect::<String>();
    let same = |bytes: &[u8]| campaign::attempt(bytes).is_err_and(|found| place(&found) == place(what));
    let smaller = if watched { bytes.clone() } else { minimise(bytes, same) };
    write(output, &smaller)?;
    println!("execution {execution} of seed {seed}: {what}");
    println!("its input, {} of {} bytes, is in {}", smaller.len(), bytes.len(), output.display());
    Ok(ExitCode::FAILURE)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}
