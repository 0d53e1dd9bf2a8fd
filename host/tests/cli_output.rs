//! What commands print and where: tables, JSON, closed pipes, full disks, missing tools.

use crate::cli_support::{Folder, command, crumb, json, matrices, printed, refusal, save, text};
use crumb::npy::Elements;
use serde_json::Value;

#[test]
#[cfg(target_os = "linux")]
fn a_closed_pipe_is_quiet_and_a_full_disk_is_an_error() {
    for arguments in [&["doctor"][..], &["doctor", "--json"], &["run", "--images", "1"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command().args(arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{arguments:?}");

        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command().args(arguments).stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("error: cannot write to standard output: No space left"), "{said}");
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command().args(["run", "none.onnx"]).stderr(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "nobody can be told, and still it is no panic");
}

#[test]
fn causes_are_said_once() {
    let folder = Folder::new();
    let said = refusal(&["run", folder.path()]);
    assert!(said.contains("Is a directory") && !said.contains("because"), "{said}");
    assert_eq!(said.matches("Is a directory").count(), 1, "{said}");
}

#[test]
fn arguments_that_would_be_ignored_are_refused() {
    assert!(refusal(&["--json", "doctor"]).contains("cannot be used with '--json'"));
    for (images, range) in [("0", "0 is not in 1..=450"), ("451", "451 is not in 1..=450")] {
        assert!(refusal(&["run", "--images", images]).contains(range));
    }
    assert!(refusal(&["run", "--images", "3", "--input", "x.npy"]).contains("cannot be used with"));
    for rounds in ["0", "1001", "1000000000"] {
        assert!(refusal(&["verify", "--rounds", rounds]).contains(&format!("{rounds} is not in 1..=1000")));
    }
    for command in ["verify", "fpga"] {
        assert!(
            refusal(&[command, "--config", "own.toml"]).contains("[possible values: tiny, small, wide, medium, large, huge]")
        );
    }
}

#[test]
fn a_machine_without_a_clock_prints_no_cycles() {
    let folder = Folder::new();
    let (a, w, ..) = matrices(&folder);
    let y = folder.file("y.npy");
    let gemm = ["gemm", "--acts", text(&a), "--weights", text(&w), "--out", text(&y), "--backend"];
    let on = |backend: &'static str, more: &[&'static str]| [&gemm[..], &[backend], more].concat();
    let report = json(&on("reference", &["--json"]));
    assert_eq!((&report["counters"], &report["derived"], &report["utilisation"]), (&Value::Null, &Value::Null, &Value::Null));
    let table = printed(&on("reference", &[]));
    assert!(table.contains("\ncycles       -\nutilisation  -\n"), "{table}");
    let report = json(&on("sim", &["--json"]));
    assert!(report["counters"]["cycles"].as_u64().unwrap() > 0 && report["utilisation"].as_f64().unwrap() > 0.0);

    let report = json(&["run", "--images", "2", "--backend", "reference", "--json"]);
    for field in ["cycles", "macs_per_cycle", "utilisation", "counters", "derived"] {
        assert_eq!(report["runs"][0][field], Value::Null, "{field}");
    }
    assert_eq!((&report["runs"][0]["exact"], &report["runs"][0]["layers"][0]["cycles"]), (&true.into(), &Value::Null));
    let table = printed(&["run", "--images", "2", "--backend", "reference"]);
    assert!(!table.contains("inf") && !table.contains("NaN") && !table.contains("uploaded"), "{table}");
    assert!(printed(&["run", "--images", "2", "--backend", "reference", "--act-bits", "4"]).ends_with("\nexact: yes\n"));
}

#[test]
fn gemm_says_in_which_mode_it_ran() {
    let folder = Folder::new();
    let (a, w, ..) = matrices(&folder);
    let y = folder.file("y.npy");
    let gemm = ["gemm", "--acts", text(&a), "--weights", text(&w), "--out", text(&y), "--weight-bits", "2", "--slice", "1"];
    let report = json(&[&gemm[..], &["--json"]].concat());
    let mode = ["act_bits", "act_signed", "weight_bits", "slice", "rounding"].map(|field| report[field].clone());
    assert_eq!(Value::from(mode.to_vec()), serde_json::json!([8, true, 2, 1, "floor"]));
    let table = printed(&gemm);
    for line in ["product      7 x 19 x 23 (M x K x N), 3 059 MACs", "mode         a8w2, signed activations, slice 1, floor"] {
        assert!(table.lines().any(|l| l == line), "{line}\n{table}");
    }
    assert!(table.ends_with(&format!("result       {}, int32 [7, 23]\n", text(&y))), "{table}");
}

#[test]
fn the_main_job_says_whether_the_weights_stayed() {
    let folder = Folder::new();
    let said = printed(&["run", "--images", "2"]);
    assert!(said.lines().next().unwrap().ends_with(", 2 images, weights uploaded once"), "{said}");
    let config = folder.write(
        "own.toml",
        "name = 'own'\nrows = 4\ncols = 4\ndepth = 1\nactivation_lines = 1024\nweight_words = 256\nweight_bus = 1\nparameter_entries = 64\n\
         accumulator_rows = 256\ndrain_banks = 1\nstream_bits = 32\n",
    );
    let said = printed(&["run", "--images", "2", "--config", text(&config)]);
    assert!(said.lines().next().unwrap().ends_with("weights streamed in every run: they exceed the weight memory"), "{said}");
}

#[test]
fn verify_compares_the_standard_with_nothing() {
    let report = json(&["verify", "--without-verilator", "--rounds", "1", "--json"]);
    assert_eq!((&report["equal"], &report["cases"], &report["cases_beyond_the_memories"]), (&true.into(), &18.into(), &3.into()));
    let models = report["models"].as_array().unwrap();
    let fields = |i: usize| {
        Value::from(["standard", "outputs_equal", "cycles_equal", "signals_equal"].map(|field| models[i][field].clone()).to_vec())
    };
    assert_eq!(fields(0), serde_json::json!([false, true, null, null]), "reference");
    assert_eq!(fields(1), serde_json::json!([true, true, null, null]), "sim");
    assert_eq!(fields(2), serde_json::json!([false, true, true, true]), "rtl");
    assert!(models[1]["cycles"].as_u64().unwrap() > 10_000 && models[0]["cycles"].is_null());
}

#[test]
fn doctor_names_what_is_missing_and_the_command_that_brings_it() {
    let output = command().arg("doctor").env("PATH", "/nonexistent").output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    let packages = ["verilator", "yosys", "iverilog", "g++", "python3", "python3-venv"];
    assert!(packages.iter().all(|package| said.contains(&format!("missing: apt-get install {package}"))), "{said}");
    assert!(said.contains("missing: curl ") && said.contains("https://sh.rustup.rs | sh"), "{said}");
}

/// Debian's Python without python3-venv knows `venv` and its help, but not `ensurepip`; Ubuntu 22.04 has Verilator 4.
#[test]
#[cfg(unix)]
fn doctor_finds_tools_that_are_there_and_will_not_do() {
    let folder = Folder::new();
    folder.program("verilator_bin", "echo 'Verilator 4.038 2020-07-11 rev v4.036-114-g0cd4a57ad'");
    folder.program("python3", "case \"$*\" in *ensurepip*) exit 1;; *) echo Python 3.11.2;; esac");
    let output = command().args(["doctor", "--json"]).env("PATH", folder.path()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |tool: &str| report.as_array().unwrap().iter().find(|t| t["tool"] == tool).unwrap().clone();
    assert_eq!(of("Verilator")["problem"], "too old: found 4.038, 5.006 or later needed, apt-get install verilator");
    assert_eq!((&of("Python")["version"], &of("venv")["version"]), (&"Python 3.11.2".into(), &Value::Null));
    assert_eq!(of("venv")["problem"], "missing: apt-get install python3-venv");

    let (a, y) = (folder.file("a.npy"), folder.file("y.npy"));
    save(&a, &[1, 1], Elements::I8(vec![1]));
    let gemm = ["gemm", "--acts", text(&a), "--weights", text(&a), "--out", text(&y), "--backend", "verilog"];
    let output = command().args(gemm).env("PATH", folder.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "error: backend verilog: Verilator is too old: found 4.038, 5.006 or later needed, apt-get install verilator\n"
    );
    assert!(!y.exists() && output.status.code() == Some(2));
}

#[test]
fn version_and_help_are_there() {
    assert!(printed(&["--version"]).starts_with("crumb "));
    for arguments in [&["--help"][..], &["gemm", "--help"], &["run", "--help"], &["verify", "--help"], &["verilog", "--help"]] {
        assert!(crumb(arguments).status.success(), "{arguments:?}");
    }
}
