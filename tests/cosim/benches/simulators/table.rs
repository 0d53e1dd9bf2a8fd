//! The tables of `docs/performance.md`, from criterion's files of results.
//!
//! `target/criterion/simulators/<simulator>/<workload>/new/{benchmark,estimates}.json`: the cycles of an iteration and the
//! nanoseconds that it took. Ratios come first: they depend on the computer least.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crumb_arch::document::splice;
use crumb_cosim::VERILATOR_VERSION;
use serde_json::Value;

use crate::workload::Workload;
use crate::{GROUP, SIMULATORS};

/// Prints the tables; with `CRUMB_WRITE_DOCS` set, writes them into `docs/performance.md`.
pub fn publish(workloads: &[Workload]) -> Result<(), Box<dyn Error>> {
    let results = results();
    let rows: Vec<_> = workloads
        .iter()
        .map(|workload| (workload, SIMULATORS.map(|(simulator, _)| Speed::read(&results, simulator, &workload.name()))))
        .collect();
    let text = format!("{}\n\n{}\n\n{}", ratios(&rows), speeds(&rows), conditions());
    println!("{text}");
    if env::var_os("CRUMB_WRITE_DOCS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
        let missing: Vec<String> = rows.iter().filter(|(_, speeds)| speeds.contains(&None)).map(|(w, _)| w.name()).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(format!(
                "docs/performance.md is not written, as a simulator has not been measured at {missing}: run all"
            )
            .into());
        }
        let page = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        fs::write(&path, splice(&page, "performance", &text)?)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        println!("docs/performance.md: performance written");
    }
    Ok(())
}

/// A workload and the speed of each of [`SIMULATORS`] at it, if it was measured.
type Row<'a> = (&'a Workload, [Option<Speed>; 3]);

/// What criterion found out.
#[derive(Clone, Copy, PartialEq)]
struct Speed {
    cycles_per_second: f64,
    /// Half of the 95% confidence interval of the median, in parts of it.
    spread: f64,
}

impl Speed {
    fn read(results: &Path, simulator: &str, workload: &str) -> Option<Self> {
        let folder = results.join(simulator).join(workload).join("new");
        let json = |file: &str| serde_json::from_str::<Value>(&fs::read_to_string(folder.join(file)).ok()?).ok();
        let cycles = json("benchmark.json")?["throughput"]["Elements"].as_u64()? as f64;
        let median = json("estimates.json")?["median"].clone();
        let nanoseconds = median["point_estimate"].as_f64()?;
        let interval = &median["confidence_interval"];
        let spread = (interval["upper_bound"].as_f64()? - interval["lower_bound"].as_f64()?) / (2.0 * nanoseconds);
        Some(Self { cycles_per_second: cycles * 1e9 / nanoseconds, spread })
    }
}

/// Where criterion keeps the results of this group.
fn results() -> PathBuf {
    let home = env::var_os("CRITERION_HOME").map(PathBuf::from);
    home.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("criterion")).join(GROUP)
}

/// How many times as fast one simulator is as another.
fn ratios(rows: &[Row<'_>]) -> String {
    let mut text = "| machine | precision | array busy | sim : rust-hdl | sim : Verilator | Verilator : rust-hdl |\n\
                    |---|---|--:|--:|--:|--:|"
        .to_owned();
    for (workload, [sim, rust_hdl, verilator]) in rows {
        let busy = 100.0 * workload.busy_cycles as f64 / workload.cycles as f64;
        let ratio = |fast: &Option<Speed>, slow: &Option<Speed>| match (fast, slow) {
            (Some(fast), Some(slow)) => digits(fast.cycles_per_second / slow.cycles_per_second),
            _ => "-".to_owned(),
        };
        let ratios = [ratio(sim, rust_hdl), ratio(sim, verilator), ratio(verilator, rust_hdl)].join(" | ");
        let _ = write!(text, "\n| {} | {} | {busy:.0}% | {ratios} |", machine(workload), workload.mode);
    }
    text
}

/// Speeds in absolute numbers.
fn speeds(rows: &[Row<'_>]) -> String {
    let mut text = "| machine | precision | simulator | cycles/s | PE updates/s | ns per PE update | +- |\n\
                    |---|---|---|--:|--:|--:|--:|"
        .to_owned();
    for (workload, speeds) in rows {
        for ((simulator, _), speed) in SIMULATORS.iter().zip(speeds) {
            let Some(Speed { cycles_per_second, spread }) = speed else { continue };
            let updates = cycles_per_second * (workload.config.rows * workload.config.cols) as f64;
            let _ = write!(
                text,
                "\n| {} | {} | {simulator} | {} | {} | {} | {:.1}% |",
                machine(workload),
                workload.mode,
                scaled(*cycles_per_second),
                scaled(updates),
                digits(1e9 / updates),
                100.0 * spread
            );
        }
    }
    text
}

fn machine(workload: &Workload) -> String {
    format!("{} {}x{}", workload.config.name, workload.config.rows, workload.config.cols)
}

/// What the absolute numbers depend on.
fn conditions() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let cpu = cpu.unwrap_or_else(|| env::consts::ARCH.to_owned());
    format!("Measured on one thread of: {cpu}. {VERILATOR_VERSION}.")
}

/// Three digits that count: `0.0123`, `1.23`, `123`, `1230`.
fn digits(value: f64) -> String {
    if value <= 0.0 || !value.is_finite() {
        return "-".to_owned();
    }
    let magnitude = value.log10().floor() as i32;
    let unit = 10f64.powi(magnitude - 2);
    format!("{:.*}", usize::try_from(2 - magnitude).unwrap_or(0), (value / unit).round() * unit)
}

/// The same with a prefix: `1.23 k`, `1.23 M`, `1.23 G`.
fn scaled(value: f64) -> String {
    let (unit, prefix) = match value {
        1e9.. => (1e9, " G"),
        1e6.. => (1e6, " M"),
        1e3.. => (1e3, " k"),
        _ => (1.0, ""),
    };
    format!("{}{prefix}", digits(value / unit))
}
