//! `--constant`: a model whose scales are inputs, as some exporters write them.

use crate::cli_support::{Folder, json, printed, refusal, save, text};
use crate::onnx_builder::{FLOAT, INT8, UINT8, model, node, tensor, value};
use crumb::npy::{Elements, read};

const WEIGHTS: [u8; 4] = [3, 250, 7, 100];

/// `y = dequantize(x) * W`, with the scale of x an input or a constant.
fn product(scale_is_input: bool) -> Vec<u8> {
    let nodes = [
        node("DequantizeLinear", &["w", "sw"], "wf"),
        node("DequantizeLinear", &["x", "s", "z"], "xf"),
        node("MatMul", &["xf", "wf"], "y"),
    ];
    let scale = |name: &str, value: f32| tensor(name, &[], FLOAT, &value.to_le_bytes());
    let mut tensors = vec![tensor("w", &[2, 2], INT8, &WEIGHTS), scale("sw", 0.25), tensor("z", &[], UINT8, &[3])];
    let mut inputs = vec![value("x", UINT8, &[2, 2])];
    if scale_is_input {
        inputs.push(value("s", FLOAT, &[]));
    } else {
        tensors.push(scale("s", 0.5));
    }
    model(&nodes, &tensors, &inputs, &[value("y", FLOAT, &[2, 2])])
}

#[test]
fn a_scale_that_is_an_input() {
    let folder = Folder::new();
    let path = |name: &str| text(&folder.file(name)).to_owned();
    for (name, is_input) in [("open.onnx", true), ("closed.onnx", false)] {
        std::fs::write(folder.file(name), product(is_input)).unwrap();
    }
    save(&folder.file("s.npy"), &[], Elements::F32(vec![0.5]));
    save(&folder.file("x.npy"), &[2, 2], Elements::U8(vec![0, 3, 200, 255]));
    let (scale, x) = (format!("s={}", path("s.npy")), path("x.npy"));
    let refused = refusal(&["inspect", &path("open.onnx")]);
    assert!(refused.contains("MatMul") || refused.contains("DequantizeLinear"), "{refused}");

    let given = json(&["inspect", &path("open.onnx"), "--constant", &scale, "--json"]);
    let mut known = json(&["inspect", &path("closed.onnx"), "--json"]);
    known["model"] = given["model"].clone();
    assert_eq!(given, known);

    let run = |model: &str, out: &str, more: &[&str]| {
        printed(&[&["run", &path(model), "--input", &x, "--out", &path(out)], more].concat());
        let elements = read(&folder.file(out)).unwrap().elements;
        let Elements::F32(values) = elements else { panic!("{}", elements.type_name()) };
        values
    };
    let switched = ["--weight-bits", "4"];
    let expected = run("closed.onnx", "closed.npy", &switched);
    assert_eq!(run("open.onnx", "open.npy", &[&switched[..], &["--constant", &scale]].concat()), expected);

    // The weights of the export are those of 4 bits; its scale is an input still.
    let exported = path("switched.onnx");
    printed(&[&["export", &path("open.onnx"), "--out", &exported, "--constant", &scale], &switched[..]].concat());
    assert_eq!(run("switched.onnx", "switched.npy", &["--constant", &scale]), expected);
    let same = refusal(&["export", &path("open.onnx"), "--out", &path("s.npy"), "--constant", &scale]);
    assert!(same.contains("--constant") && same.contains("--out"), "{same}");
}
