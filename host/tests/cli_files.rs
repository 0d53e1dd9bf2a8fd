//! Files that commands read and write: what is refused, which file is named, and what is left untouched.

use crate::cli_support::{Folder, json, matrices, printed, refusal, save, text};
use crumb::npy::{self, Elements};
use std::path::{Path, PathBuf};

fn digits(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("digits").join(file)
}

fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file)
}

#[test]
fn products_that_no_memory_holds_are_refused_with_their_files() {
    let folder = Folder::new();
    let (a, w, y) = (folder.file("a.npy"), folder.file("w.npy"), folder.file("y.npy"));
    save(&a, &[20_000, 1], Elements::I8(vec![1; 20_000]));
    save(&w, &[1, 20_000], Elements::I8(vec![1; 20_000]));
    let gemm = ["gemm", "--acts", text(&a), "--weights", text(&w), "--out", text(&y)];
    let said = refusal(&gemm);
    assert!(said.contains(&format!("{} times {}: M = 20000 and N = 20000", text(&a), text(&w))), "{said}");
    assert!(said.contains("a result of 400000000 elements, expected at most 268435456: give fewer"), "{said}");
    save(&a, &[0, 1], Elements::I8(Vec::new()));
    assert!(refusal(&gemm).contains("a.npy times "));
    save(&a, &[1, 200_000], Elements::I8(vec![1; 200_000]));
    save(&w, &[200_000, 1], Elements::I8(vec![1; 200_000]));
    let said = refusal(&gemm);
    assert!(said.contains("w.npy: the sums could reach 3276800000, beyond the int32 limit"), "{said}");
    assert!(!y.exists());
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_the_work_and_inputs_stay() {
    let folder = Folder::new();
    let (a, w, ..) = matrices(&folder);
    let before = std::fs::read(&a).unwrap();
    let gemm = |out: &str, more: &[&str]| {
        refusal(&[&["gemm", "--acts", text(&a), "--weights", text(&w), "--act-bits", "4", "--out", out], more].concat())
    };
    assert!(gemm(text(&a), &[]).contains("that is the file of --acts; give another"));
    assert!(gemm(&format!("{}/./a.npy", folder.path()), &[]).contains("that is the file of --acts"));
    let y = folder.file("y.npy");
    assert!(gemm(text(&y), &["--wave", text(&y)]).contains("that is the file of --out"));
    assert!(gemm(text(&y), &["--wave", text(&w)]).contains("that is the file of --weights"));
    assert!(gemm(folder.path(), &[]).contains("Is a directory"));
    let nowhere = folder.file("none/y.npy");
    let said = gemm(text(&nowhere), &["--wave", text(&folder.file("x.vcd"))]);
    assert_eq!(
        said,
        format!(
            "error: cannot write {}: No such file or directory (os error 2); check the path and its permissions\n",
            text(&nowhere)
        )
    );
    assert!(!folder.file("x.vcd").exists(), "the machine was opened before the output");

    // A refusal in the middle leaves what was there, and nothing beside it.
    save(&y, &[1], Elements::I8(vec![5]));
    assert!(gemm(text(&y), &["--act-unsigned"]).contains("a.npy: activation [0, 0] is -8, expected 0 to 15"));
    assert_eq!(npy::read(&y).unwrap().elements, Elements::I8(vec![5]));
    assert_eq!(std::fs::read(&a).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);

    let model = digits("digits.onnx");
    let x = folder.file("x.npy");
    save(&x, &[1, 1, 8, 8], Elements::F32(vec![0.5; 64]));
    let named = format!("image={}", text(&x));
    assert!(refusal(&["run", text(&model), "--input", &named, "--out", text(&x)]).contains("that is the file of --input"));
}

#[test]
fn plans_and_widths_do_not_contradict_each_other() {
    let folder = Folder::new();
    let layer = |name: &str, bits: u8| format!("[[layer]]\nname = '{name}'\nact_bits = 8\nweight_bits = {bits}\n");
    let with = |plan: &Path, more: &[&str]| [&["run", "--images", "1", "--precision", text(plan)], more].concat().join("\n");
    let refused = |plan: &Path, more: &[&str]| refusal(&with(plan, more).split('\n').collect::<Vec<_>>());
    let twice = folder.write("twice.toml", &(layer("conv1", 4) + &layer("conv1", 2)));
    assert!(refused(&twice, &[]).contains("twice.toml: [[layer]] \"conv1\" stands there twice: leave one"));
    let unknown = folder.write("unknown.toml", &layer("conv9", 4));
    assert!(
        refused(&unknown, &[]).contains(
            "unknown.toml: [[layer]] \"conv9\": no layer has this name, or matches it; the array's layers are [\"conv1\""
        )
    );
    let width = folder.write("width.toml", &layer("conv1", 5));
    assert!(refused(&width, &[]).contains("width.toml: layer \"conv1\": weights of 5 bits; the machine has 8, 6, 4 and 2"));
    assert!(refused(&folder.file("none.toml"), &[]).contains("cannot read "));

    let default = folder.write("default.toml", "[default]\nact_bits = 8\nweight_bits = 4\n");
    let said = refused(&default, &["--weight-bits", "2", "--rounding", "floor"]);
    assert!(said.contains("--weight-bits, --rounding and ") && said.contains("default.toml, which has a [default]"), "{said}");
    let said = refused(&digits("mixed.toml"), &["--act-bits", "4"]);
    assert!(said.contains("--act-bits and ") && said.contains("mixed.toml, which has a [[layer]] for every layer"), "{said}");

    let one = folder.write("one.toml", &layer("conv1", 4));
    let report = json(&["run", "--images", "1", "--precision", text(&one), "--weight-bits", "2", "--json"]);
    let of = |i: usize| report["layers"][i]["precision"].as_str().unwrap().to_owned();
    assert_eq!((of(0), of(1)), ("a8w4".into(), "a8w2".into()), "the plan's layer, and the others");
}

#[test]
fn inputs_are_given_once_by_names_that_exist() {
    let folder = Folder::new();
    let model = fixture("conv_pad.onnx");
    let x = fixture("conv_pad.input.npy");
    let run = |inputs: &[&str]| {
        let given = inputs.iter().flat_map(|input| ["--input", input]);
        refusal(&["run", text(&model)].into_iter().chain(given).collect::<Vec<_>>())
    };
    let named = format!("x={}", text(&x));
    assert!(run(&[&named, &named]).contains("already; give each input once"));
    assert!(run(&[text(&x), &named]).contains("already; give each input once"));
    assert!(run(&[&named, text(&x)]).contains("the model has 1 input(s): x; leave it out"));
    let misspelt = run(&[&format!("y={}", text(&x))]);
    assert!(misspelt.contains("the model has no input \"y\"; its inputs are x"), "{misspelt}");
    // A file whose name has a `=` in it is still a file.
    let odd = folder.file("y=1.npy");
    std::fs::copy(&x, &odd).unwrap();
    assert!(printed(&["run", text(&model), "--input", text(&odd)]).contains("exact: yes"));

    save(&odd, &[1, 3, 9, 8], Elements::F32(vec![0.0; 216]));
    let said = run(&[text(&odd)]);
    assert!(said.contains("y=1.npy: input \"x\" has shape [1, 3, 9, 8], but the model declares"), "{said}");
    assert!(
        refusal(&["run", text(&fixture("refused/alpha.onnx"))])
            .contains("refused/alpha.onnx: node \"gemm9\" (Gemm): found alpha")
    );
    assert!(refusal(&["run", "none.onnx"]).contains("cannot read none.onnx: "));
    let bad = folder.write("bad.toml", "name = 'x'\nrows = 3\n");
    assert!(refusal(&["run", "--config", text(&bad)]).contains("bad.toml"));
}
