//! Generates the Verilog of each configuration asked for, compiles it with Verilator and links it.
//!
//! ```text
//! feature `tiny` -> crumb_tiny.v -> verilator_bin --cc --prefix Vcrumb_tiny -> *.cpp + shim.cpp -> libcrumb_cosim_tiny.a
//! ```
//!
//! Every name carries the configuration (`--prefix` does it for Verilator's), so any set of them links into one binary.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crumb_arch::ArrayConfig;
use crumb_arch::config::NAMES;
use crumb_cosim_preflight::Verilator;

#[path = "build/stand_in.rs"]
mod stand_in;

/// Name and width of the stream in bits; all belong to the feature `loopback`.
const LOOPBACK: [(&str, u32); 4] = [("loopback32", 32), ("loopback64", 64), ("loopback128", 128), ("loopback256", 256)];

fn main() {
    for input in ["build.rs", "build", "cpp", "fixtures"] {
        println!("cargo::rerun-if-changed={input}");
    }
    println!("cargo::rerun-if-env-changed=PATH");
    if let Err(problem) = build_all() {
        for line in problem.lines().filter(|line| !line.is_empty()) {
            println!("cargo::error={line}");
        }
    }
}

fn build_all() -> Result<(), String> {
    let verilator = Verilator::find()?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: run this through Cargo")?);
    println!("cargo::rustc-env=CRUMB_COSIM_VERILATOR={}", verilator.version);

    let feature = |name: &str| env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase())).is_some();
    for config in NAMES.into_iter().filter(|config| feature(config)) {
        let sizes = ArrayConfig::named(config).map_err(|error| format!("cannot read the sizes of `{config}`: {error}"))?;
        let bits = sizes.stream_bits as u32;
        let verilog =
            crumb_hdl::verilog_for(config).map_err(|error| format!("cannot generate the Verilog of `{config}`: {error}"))?;
        build_one(&verilator, &out, config, bits, &verilog, feature("trace"))?;
    }
    for (config, bits) in LOOPBACK.into_iter().filter(|_| feature("loopback")) {
        build_one(
            &verilator,
            &out,
            config,
            bits,
            &stand_in::loopback(config, bits),
            feature("trace") || feature("loopback_trace"),
        )?;
    }
    compiler(&verilator, Effort::Full)
        .file("cpp/runtime.cpp")
        .try_compile("crumb_cosim_runtime")
        .map_err(|error| format!("cannot compile Verilator's runtime: {error}"))
}

/// One configuration: its Verilog in `OUT_DIR/crumb_<config>.v`, its library in `OUT_DIR`.
fn build_one(verilator: &Verilator, out: &Path, config: &str, bits: u32, verilog: &str, trace: bool) -> Result<(), String> {
    let class = format!("Vcrumb_{config}");
    let source = out.join(format!("crumb_{config}.v"));
    write_if_changed(&source, verilog)?;

    let folder = out.join(&class);
    if folder.exists() {
        // A former run may have left files that this one does not write.
        fs::remove_dir_all(&folder).map_err(|error| format!("cannot empty {}: {error}", folder.display()))?;
    }
    let mut command = Command::new(Verilator::PROGRAM);
    command
        .args(["--cc", "-O3", "--x-assign", "fast", "--x-initial", "unique", "--noassert", "--output-split", "20000"])
        .args(["-Wno-fatal", "-Wno-lint", "-Wno-style"]) // warnings are the business of tests/lint.rs
        .args(["--prefix", &class, "--top-module", &format!("crumb_{config}")])
        .arg("--Mdir")
        .arg(&folder)
        .args(trace.then_some("--trace"))
        .arg(&source);
    let output = command.output().map_err(|error| format!("cannot run {}: {error}", Verilator::PROGRAM))?;
    if !output.status.success() {
        return Err(format!(
            "Verilator refused the Verilog of `{config}` ({}):\n{}",
            source.display(),
            String::from_utf8_lossy(&output.stderr)
        ));
    }

    let failed = |error| format!("cannot compile the model of `{config}`: {error}");
    let mut library = compiler(verilator, Effort::Full);
    library
        .include(&folder)
        .include("cpp")
        .define("CRUMB_HEADER", format!("\"{class}.h\"").as_str())
        .define("CRUMB_CLASS", class.as_str())
        .define("CRUMB_ENTRY", format!("crumb_cosim_{config}").as_str())
        .define("CRUMB_BITS", bits.to_string().as_str())
        .define("CRUMB_TRACE", if trace { "1" } else { "0" })
        .file("cpp/shim.cpp");
    for (effort, units) in units(&folder)? {
        if effort == Effort::Full {
            library.files(units);
        } else {
            let mut build = compiler(verilator, effort);
            library.objects(build.include(&folder).files(units).try_compile_intermediates().map_err(failed)?);
        }
    }
    library.try_compile(&format!("crumb_cosim_{config}")).map_err(failed)
}

/// How much the C++ compiler optimizes. A 32x32 array takes 10 s of processor time (24 s with waveforms) instead of 15 s
/// (71 s) with everything at `Full`; what runs in every cycle is the same. Tests, which run few cycles of it, have that at
/// `Some`, which compiles in half the time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effort {
    /// What runs once.
    None,
    /// What runs while a waveform is written, and what runs in every cycle of a test.
    Some,
    /// What runs in every cycle of a release build.
    Full,
}

impl Effort {
    /// By the names that Verilator gives its files.
    fn of(file: &str) -> Self {
        if file.contains("__Slow") || file.contains("__Syms") {
            Self::None
        } else if file.contains("__Trace") || env::var_os("PROFILE").is_some_and(|profile| profile == "debug") {
            Self::Some
        } else {
            Self::Full
        }
    }
}

/// The translation units of a model by effort. Small files take all their time in Verilator's headers, so the generated
/// files are gathered into units of about a quarter of a megabyte.
fn units(folder: &Path) -> Result<BTreeMap<Effort, Vec<PathBuf>>, String> {
    const UNIT_BYTES: u64 = 250_000;
    let unreadable = |error| format!("cannot read {}: {error}", folder.display());
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".cpp") {
            sources.push((Effort::of(&name), name, entry.metadata().map_err(unreadable)?.len()));
        }
    }
    sources.sort();

    let mut units: BTreeMap<Effort, Vec<(String, u64)>> = BTreeMap::new();
    for (effort, name, bytes) in sources {
        let units = units.entry(effort).or_default();
        if units.last().is_none_or(|(_, present)| present + bytes > UNIT_BYTES) {
            units.push((String::new(), 0));
        }
        if let Some((text, present)) = units.last_mut() {
            text.push_str(&format!("#include {name:?}\n"));
            *present += bytes;
        }
    }

    let mut number = 0;
    let mut write = |text: &str| {
        let unit = folder.join(format!("unit{number}.cc"));
        number += 1;
        write_if_changed(&unit, text).map(|()| unit)
    };
    units
        .into_iter()
        .map(|(effort, units)| Ok((effort, units.iter().map(|(text, _)| write(text)).collect::<Result<_, String>>()?)))
        .collect()
}

fn compiler(verilator: &Verilator, effort: Effort) -> cc::Build {
    let mut build = cc::Build::new();
    build.cpp(true).std("gnu++17").opt_level(effort as u32).debug(false).warnings(false);
    build.include(verilator.include()).include(verilator.include().join("vltstd"));
    build.flag_if_supported("-faligned-new");
    build
}

/// Leaves the time of an unchanged file alone.
fn write_if_changed(path: &Path, text: &str) -> Result<(), String> {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
