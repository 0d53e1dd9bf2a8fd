//! `crumb inspect`: what it says of models whose layers are known, and the plan that it writes.

use crate::cli_support::{Folder, crumb, json, refusal, text};
use crate::onnx_support::{fixture, fixture_names, import_fixture, read_tensor};
use crumb::network::plan_file::PlanFile;
use crumb::network::{LayerPrecision, Lowering};
use serde_json::Value;

fn model(name: &str) -> String {
    text(&fixture(&format!("{name}.onnx"))).to_string()
}

fn node<'a>(report: &'a Value, operator: &str) -> &'a Value {
    report["nodes"].as_array().unwrap().iter().find(|node| node["operator"] == operator).unwrap()
}

#[test]
fn a_convolution_is_shown_with_its_types() {
    let report = json(&["inspect", &model("conv_zero_point_relu"), "--json"]);
    let layer = &node(&report, "Conv")["layer"];
    assert_eq!(node(&report, "Conv")["shape"], serde_json::json!(["batch", "8", "9", "7"]));
    assert_eq!(layer["macs"], 8 * 9 * 7 * 27);
    assert_eq!((&layer["activations"], &layer["weights"]), (&"uint8".into(), &"int8".into()));
    assert_eq!((&layer["zero_points"], &layer["weight_bytes"]), (&"input".into(), &(8 * 27).into()));
    assert_eq!(layer["output"], "requantized on chip to uint8");
    assert!(report["note"].as_str().unwrap().starts_with("MACs for batch = 1"));
    assert_eq!(report["totals"]["macs"], 8 * 9 * 7 * 27);
    assert_eq!((&report["totals"]["nodes"], &report["totals"]["host_nodes"]), (&3.into(), &2.into()));
    // Quantize 3 x 9 x 7, the layer 8 x 9 x 7, dequantize as many.
    assert_eq!(report["totals"]["elements"], (3 + 8 + 8) * 63);
    assert_eq!(report["totals"]["host_elements"], (3 + 8) * 63);
}

#[test]
fn reasons_for_reading_sums_out_are_said() {
    let output = |name: &str, operator: &str| {
        let report = json(&["inspect", &model(name), "--json"]);
        node(&report, operator)["layer"]["output"].as_str().unwrap().to_string()
    };
    assert_eq!(output("conv_float_output", "Conv"), "int32 read out: the output is float32");
    assert_eq!(output("conv_weight_zero_point", "Conv"), "int32 read out: weights have zero points");
    assert_eq!(output("gemm_float", "Gemm"), "int32 read out: the output is float32");
    let report = json(&["inspect", &model("conv_unsigned_weights"), "--json"]);
    assert_eq!(node(&report, "Conv")["layer"]["weights"], "uint8");
    assert!(node(&report, "Conv")["layer"]["zero_points"].as_str().unwrap().contains("weights"));
}

/// MACs of every fixture at a batch of three are those of the lowering, which the machine runs.
#[test]
fn given_shapes_give_sizes_and_macs() {
    for name in fixture_names() {
        let input = read_tensor(&format!("{name}.input.npy"));
        let network = import_fixture(&name);
        let shape = input.shape().iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
        let named = format!("{}={shape}", network.tensor(network.inputs[0]).name);
        for argument in [&shape, &named] {
            let report = json(&["inspect", &model(&name), "--json", "--input-shape", argument]);
            let known = network.known(&[input.shape().to_vec()]).unwrap();
            let mut macs = 0;
            for (index, _) in network.array_layers() {
                let node = &network.nodes[index];
                let shape = known[node.inputs[0].unwrap().0].sizes().unwrap();
                macs += Lowering::of(&node.op, &shape).unwrap().unwrap().macs();
                let sizes: Vec<String> = known[node.outputs[0].0].sizes().unwrap().iter().map(ToString::to_string).collect();
                assert_eq!(report["nodes"][index]["shape"], serde_json::json!(sizes), "{name}");
            }
            assert_eq!(report["totals"]["macs"], macs, "{name}");
            assert_eq!(report["note"], Value::Null);
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let conv = model("conv_pad");
    let with = |shape: &str| refusal(&["inspect", &conv, "--input-shape", shape]);
    assert!(with("y=1x2").contains("the model has no input \"y\"; its inputs are x"));
    assert!(with("1x3xx7").contains("write sizes as 1x3x224x224"));
    assert!(with("x=").contains("the model declares"), "a scalar");
    assert!(with("1x3x9x8").contains("the model declares [batch, 3, 9, 7]"));
    assert!(refusal(&["inspect", &conv, "--out", &conv]).contains("that is the file of the model"));
    assert!(
        refusal(&["inspect", &conv, "--input-shape", "1x3x9x7", "--input-shape", "2x3x9x7"]).contains("give each input once")
    );
}

/// The plan that is written is the network at the file's widths: it parses, fits, and changes nothing when run.
#[test]
fn the_plan_fits_the_model() {
    let folder = Folder::new();
    let out = folder.file("plan.toml");
    for name in ["cnn_static_u8", "flatten_dequantized", "conv_group", "gemm_float_channels"] {
        let table = crumb(&["inspect", &model(name), "--out", text(&out)]);
        assert!(table.status.success(), "{}", String::from_utf8_lossy(&table.stderr));
        let plan = std::fs::read_to_string(&out).unwrap();
        let network = import_fixture(name);
        let file = PlanFile::parse(&plan, "plan").unwrap();
        assert_eq!(file.covers(&network), Some("a [[layer]] for every layer"), "{plan}");
        let plan = file.plan_for(&network, LayerPrecision { weight_bits: 2, act_bits: 2, ..LayerPrecision::default() }).unwrap();
        for (index, _) in network.array_layers() {
            assert_eq!(plan.of(&network.nodes[index].op), LayerPrecision::default(), "{name}");
        }
        let copy = folder.file("copy.onnx");
        let export = crumb(&["export", &model(name), "--precision", text(&out), "--out", text(&copy)]);
        assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
        assert_eq!(std::fs::read(&copy).unwrap(), crate::onnx_support::fixture_bytes(name));
    }
}

#[test]
fn the_table_is_for_reading() {
    let output = crumb(&["inspect", &model("cnn_static_u8")]);
    let said = String::from_utf8(output.stdout).unwrap();
    for part in ["runs on", "array", "host", "requantized on chip to uint8", "bytes of weights", "MACs for batch = 1", "[batch, "]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}
