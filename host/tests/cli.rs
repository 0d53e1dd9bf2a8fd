//! The command line as a user meets it: results, error texts, exit codes.

use crate::cli_support::{Folder, crumb, json, matrices, refusal, save, text};
use crumb::npy::{self, Array, Elements};
use std::path::Path;

#[test]
fn gemm_multiplies_switched_weights_on_every_backend() {
    let folder = Folder::new();
    let (a, w, acts, weights) = matrices(&folder);
    for backend in ["reference", "sim", "rtl"] {
        for (bits, rounding, slice) in
            [("8", "floor", "0"), ("6", "half-even", "0"), ("4", "half-up", "0"), ("2", "half-even", "0"), ("2", "floor", "2")]
        {
            let y = folder.file("y.npy");
            let output = crumb(&[
                "gemm",
                "--acts",
                text(&a),
                "--weights",
                text(&w),
                "--act-bits",
                "4",
                "--weight-bits",
                bits,
                "--rounding",
                rounding,
                "--slice",
                slice,
                "--backend",
                backend,
                "--config",
                "tiny",
                "--out",
                text(&y),
                "--json",
            ]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["macs"], 7 * 19 * 23);
            let switch = |w: i8| -> i32 {
                let w = i32::from(w);
                match (bits, rounding, slice) {
                    ("6", ..) => (f64::from(w) / 4.0).round_ties_even().clamp(-32.0, 31.0) as i32,
                    ("4", ..) => ((w + 8) >> 4).min(7),
                    ("2", "half-even", _) => (f64::from(w) / 64.0).round_ties_even().clamp(-2.0, 1.0) as i32,
                    ("2", ..) => (w >> 2) & 3,
                    _ => w,
                }
            };
            let expected: Vec<i32> = (0..7 * 23)
                .map(|i| (0..19).map(|k| i32::from(acts[i / 23 * 19 + k]) * switch(weights[k * 23 + i % 23])).sum())
                .collect();
            let found = npy::read(&y).unwrap();
            assert_eq!(
                found,
                Array { shape: vec![7, 23], elements: Elements::I32(expected) },
                "{backend} W{bits} {rounding} {slice}"
            );
        }
    }
}

#[test]
fn gemm_refuses_bad_input_with_reasons() {
    let folder = Folder::new();
    let (a, w, ..) = matrices(&folder);
    let y = folder.file("y.npy");
    let gemm = |a: &Path, w: &Path, more: &[&str]| {
        let mut arguments = vec!["gemm", "--acts", text(a), "--weights", text(w), "--out", text(&y)];
        arguments.extend(more);
        refusal(&arguments)
    };
    assert!(gemm(&a, &a, &[]).contains("has K = 19 columns, but"));
    assert!(
        gemm(&a, &w, &["--act-bits", "2"]).contains("is -8, expected -2 to 1 (signed 2-bit)"),
        "{}",
        gemm(&a, &w, &["--act-bits", "2"])
    );
    assert!(gemm(&a, &w, &["--act-unsigned"]).contains("expected 0 to 255 (unsigned 8-bit)"));
    assert!(gemm(&a, &w, &["--weight-bits", "5"]).contains("is not one of 8, 6, 4, 2"));
    assert!(gemm(&a, &w, &["--slice", "1"]).contains("slice 1 does not exist at 8-bit weights"));
    assert!(gemm(&a, &w, &["--config", "giant"]).contains("the named ones are tiny, small, wide, medium, large, huge"));

    let bytes = std::fs::read(&a).unwrap();
    let cut = folder.file("cut.npy");
    std::fs::write(&cut, &bytes[..bytes.len() - 5]).unwrap();
    assert!(gemm(&cut, &w, &[]).contains("128 bytes of data, but shape (7, 19)"));
    std::fs::write(&cut, &bytes[..30]).unwrap();
    assert!(gemm(&cut, &w, &[]).contains("it ends within its header"));
    assert!(gemm(&folder.file("none.npy"), &w, &[]).contains("none.npy"));
    save(&cut, &[7, 19, 1], Elements::I8(vec![0; 133]));
    assert!(gemm(&cut, &w, &[]).contains("shape (7, 19, 1), expected two dimensions"));
    save(&cut, &[7, 19], Elements::F32(vec![0.0; 133]));
    assert!(gemm(&cut, &w, &[]).contains("element type float32, expected int8 or uint8"));
    let bad = folder.file("bad.toml");
    std::fs::write(&bad, "name = 'x'\nrows = 3\ncols = 99\ndepth = 1\nactivation_lines = 64\nweight_words = 64\nweight_bus = 1\nparameter_entries = 4\naccumulator_rows = 64\ndrain_banks = 1\nstream_bits = 64\n").unwrap();
    let said = gemm(&a, &w, &["--config", text(&bad)]);
    assert!(said.contains("rows = 3: expected 4 to 64") && said.contains("cols = 99: expected 4 to 64"), "{said}");
}

#[test]
fn a_configuration_file_of_your_own_works() {
    let folder = Folder::new();
    let (a, w, ..) = matrices(&folder);
    let config = folder.file("own.toml");
    std::fs::write(&config, "name = 'own'\nrows = 6\ncols = 5\ndepth = 2\nactivation_lines = 64\nweight_words = 64\nweight_bus = 1\nparameter_entries = 4\naccumulator_rows = 64\ndrain_banks = 1\nstream_bits = 48\n").unwrap();
    let (y, z) = (folder.file("y.npy"), folder.file("z.npy"));
    for (config, out) in [(text(&config), &y), ("tiny", &z)] {
        let output = crumb(&["gemm", "--acts", text(&a), "--weights", text(&w), "--config", config, "--out", text(out)]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(npy::read(&y).unwrap(), npy::read(&z).unwrap());
}

#[test]
fn run_takes_a_model_and_a_plan() {
    let folder = Folder::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("digits");
    let images = folder.file("x.npy");
    let Elements::U8(pixels) = npy::read(&root.join("images.npy")).unwrap().elements else { panic!("images are uint8") };
    save(&images, &[20, 1, 8, 8], Elements::F32(pixels[..20 * 64].iter().map(|&p| f32::from(p) / 16.0).collect()));
    let (model, plan, y) = (root.join("digits.onnx"), root.join("mixed.toml"), folder.file("y.npy"));
    let wave = folder.file("out.vcd");
    let output = crumb(&[
        "run",
        text(&model),
        "--input",
        &format!("image={}", text(&images)),
        "--precision",
        text(&plan),
        "--out",
        text(&y),
        "--config",
        "tiny",
        "--wave",
        text(&wave),
        "--wave-window",
        "1000..1100",
        "--json",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["exact"], report["layers"].as_array().unwrap().len()), (&serde_json::Value::Bool(true), 4));
    let logits = npy::read(&y).unwrap();
    assert_eq!((logits.shape.as_slice(), logits.elements.type_name()), (&[20usize, 10][..], "float32"));
    let vcd = std::fs::read_to_string(&wave).unwrap();
    assert!(vcd.contains("$scope module pe_0") && vcd.contains("#10000"), "a window of the waveform");

    // On the reference, the same numbers.
    let z = folder.file("z.npy");
    let output = crumb(&[
        "run",
        text(&model),
        "--input",
        text(&images),
        "--precision",
        text(&plan),
        "--out",
        text(&z),
        "--backend",
        "reference",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(npy::read(&z).unwrap(), logits);
}

#[test]
fn run_refuses_bad_models_and_inputs() {
    let folder = Folder::new();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("digits/digits.onnx");
    let bytes = std::fs::read(&model).unwrap();
    let broken = folder.file("broken.onnx");
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refusal(&["run", text(&broken)]).starts_with("error: "));
    std::fs::write(&broken, b"not a model").unwrap();
    assert!(refusal(&["run", text(&broken)]).starts_with("error: "));
    assert!(refusal(&["run", text(&model)]).contains("no --input for image"));
    let x = folder.file("x.npy");
    save(&x, &[2, 1, 8, 8], Elements::U8(vec![0; 128]));
    assert!(refusal(&["run", text(&model), "--input", text(&x)]).contains("element type uint8, but the model takes float32"));
    save(&x, &[2, 1, 8, 9], Elements::F32(vec![0.0; 144]));
    assert!(refusal(&["run", text(&model), "--input", text(&x)]).contains("has shape [2, 1, 8, 9], but the model declares"));
    let plan = folder.file("plan.toml");
    std::fs::write(&plan, "[[layer]]\nname = 'conv9'\nact_bits = 8\nweight_bits = 4\n").unwrap();
    assert!(refusal(&["run", "--precision", text(&plan)]).contains("conv9"));
    std::fs::write(&plan, "[[layer]]\nname = 'conv1'\nact_bits = 3\nweight_bits = 4\n").unwrap();
    assert!(refusal(&["run", "--precision", text(&plan)]).contains('3'));
}

#[test]
fn verilog_is_written_with_its_readme() {
    let folder = Folder::new();
    let output = crumb(&["verilog", "--config", "tiny", "--out", folder.path()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let verilog = std::fs::read_to_string(folder.file("crumb_tiny.v")).unwrap();
    assert!(verilog.contains("module crumb_tiny") && !verilog.replace("$signed", "").replace("$unsigned", "").contains('$'));
    let readme = std::fs::read_to_string(folder.file("README.md")).unwrap();
    assert!(
        ["s_axis_tdata", "m_axis_tready", "clock", "error", "idle"].iter().all(|port| readme.contains(&format!("| `{port}` |")))
    );
    assert_eq!(std::fs::read_to_string(folder.file("crumb_tiny.f")).unwrap(), "crumb_tiny.v\n");
    let lint = "verilator --lint-only -Wall --top-module crumb_tiny crumb_tiny.vlt -f crumb_tiny.f";
    assert!(["## Protocol", "s_axis_tlast", "docs/commands.md", lint].iter().all(|part| readme.contains(part)), "{readme}");
    let waivers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../constraints/crumb.vlt");
    let given = std::fs::read_to_string(folder.file("crumb_tiny.vlt")).unwrap();
    assert_eq!(given, std::fs::read_to_string(waivers).unwrap());

    let report = json(&["verilog", "--config", "tiny", "--out", folder.path(), "--json"]);
    assert_eq!((&report["top"], report["files"].as_array().unwrap().len()), (&"crumb_tiny".into(), 4));
}
