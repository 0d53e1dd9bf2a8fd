//! `crumb estimate`: what it prints, and what it refuses.

use crate::cli_support::{Folder, crumb, json, printed, refusal, text};
use crate::onnx_support::fixture;
use serde_json::Value;

fn cycles(report: &Value) -> u64 {
    report["total"]["cycles"].as_u64().unwrap()
}

fn layers(report: &Value) -> &Vec<Value> {
    report["layers"].as_array().unwrap()
}

/// The keys that scripts read, and sums that are sums.
#[test]
fn one_precision_as_json() {
    let report =
        json(&["estimate", "--network", "resnet18", "--config", "large", "--act-bits", "8", "--weight-bits", "8", "--json"]);
    assert_eq!(
        (&report["network"], &report["config"], &report["precision"]),
        (&"resnet18".into(), &"large".into(), &"a8w8".into())
    );
    assert_eq!(layers(&report).len(), 21);
    // The model of `cargo xtask oracles` has the same shapes; this is what the simulator counts.
    assert_eq!(cycles(&report), 7_270_331);
    assert_eq!(layers(&report).iter().map(|layer| layer["cycles"].as_u64().unwrap()).sum::<u64>(), cycles(&report));
    for layer in layers(&report).iter().chain([&report["total"]]) {
        assert_eq!(layer["counters"].as_object().unwrap().len(), 20);
        assert_eq!(layer["counters"]["cycles"], layer["cycles"]);
        assert_eq!(layer["exact"], true);
        let traffic = &layer["traffic"];
        let of = |key: &str| traffic[key].as_u64().unwrap();
        assert_eq!(of("stream_bits_in") + of("stream_bits_out"), 8 * of("dram_bytes"));
        let kinds = traffic["stream_bytes_in"].as_object().unwrap();
        assert_eq!(kinds.values().map(|bytes| bytes.as_u64().unwrap()).sum::<u64>() + of("stream_bytes_out"), of("dram_bytes"));
        assert!(layer["roofline"]["bound_cycles"].as_u64() <= layer["cycles"].as_u64());
    }
    assert_eq!(report["layers"][0]["weights"], "resident");
    assert_eq!(report["layers"][20]["roofline"]["bound"], "weights");
    assert_eq!(report["total"]["roofline"]["bound"], "array");
}

/// Worked out by hand: MACs over MACs with K in whole tiles of `rows * 8/A` and N in whole passes of `columns * 8/W`.
#[test]
fn the_mapping_bound_of_resnet18() {
    for (config, expected) in [("large", [0.994, 0.994, 0.980]), ("huge", [0.994, 0.980, 0.676])] {
        let report = json(&["estimate", "--network", "resnet18", "--config", config, "--json"]);
        let precisions = report["precisions"].as_array().unwrap();
        assert_eq!(precisions.len(), 9);
        let bound = |name: &str| {
            let found = precisions.iter().find(|row| row["precision"] == name).unwrap();
            (1000.0 * found["total"]["roofline"]["mapping_bound"].as_f64().unwrap()).round() / 1000.0
        };
        assert_eq!(["a8w8", "a4w4", "a2w2"].map(bound), expected, "{config}");
    }
}

/// Where the stream does not limit it, the machine comes within three percent of its mapping bound, in every mode.
#[test]
fn resident_networks_reach_their_mapping_bound() {
    for machine in ["resident16", "resident32"] {
        let config = format!("{}/../examples/resident/{machine}.toml", env!("CARGO_MANIFEST_DIR"));
        let report = json(&["estimate", "--network", "resnet18", "--config", &config, "--json"]);
        for row in report["precisions"].as_array().unwrap() {
            let of = |key: &str| row["total"]["roofline"][key].as_f64().unwrap();
            let (reached, bound) = (of("utilisation"), of("mapping_bound"));
            // Where half of the columns would idle at 2-bit weights, folded layers fill them.
            let folded = machine == "resident32" && row["precision"].as_str().unwrap().ends_with("w2");
            let least = if folded { 1.15 } else { 0.97 };
            assert!(reached >= least * bound, "{} on {machine}: {reached} of {bound}", row["precision"]);
        }
    }
}

#[test]
fn nine_precisions_as_a_table() {
    let table = printed(&["estimate", "--network", "tinyllama_1_1b_decode", "--config", "huge"]);
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with('a')).collect();
    let names: Vec<&str> = rows.iter().map(|row| row.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["a8w8", "a8w4", "a8w2", "a4w8", "a4w4", "a4w2", "a2w8", "a2w4", "a2w2"]);
    // One token: every weight is read for one multiplication.
    assert!(rows.iter().all(|row| row.contains(" weights ")), "{table}");
}

/// Without a model it is the digits; the same figures as a run of one image.
#[test]
fn the_embedded_network_costs_what_its_run_costs() {
    let estimate = json(&["estimate", "--act-bits", "4", "--weight-bits", "2", "--json"]);
    assert!(estimate["note"].as_str().unwrap().starts_with("estimate for N = 1; others: --input-shape"));
    let run = json(&["run", "--images", "1", "--act-bits", "4", "--weight-bits", "2", "--json", "--check-estimate"]);
    assert_eq!(run["as_estimated"], true);
    assert_eq!(run["cycles"], estimate["total"]["cycles"]);
    let counters = &estimate["total"]["counters"];
    assert!(run["counters"].as_object().unwrap().iter().all(|(name, value)| counters[name] == *value));
    assert_eq!(run["derived"]["weight_bits_read"], estimate["total"]["traffic"]["weight_bits_read"]);
    for (a, b) in run["layers"].as_array().unwrap().iter().zip(layers(&estimate)) {
        for key in ["name", "precision", "macs", "bops", "cycles", "read_out"] {
            assert_eq!(a[key], b[key], "{key}");
        }
        assert_eq!(a["utilisation"], b["roofline"]["utilisation"]);
    }
    let eight = json(&["estimate", "--input-shape", "8x1x8x8", "--act-bits", "4", "--weight-bits", "2", "--json"]);
    assert_eq!(eight["total"]["macs"].as_u64().unwrap(), 8 * estimate["total"]["macs"].as_u64().unwrap());
}

#[test]
fn a_run_says_that_it_costs_as_estimated() {
    let said = printed(&["run", "--images", "2", "--weight-bits", "2", "--check-estimate"]);
    assert!(said.ends_with("as estimated: yes, in every counter of 4 layers\n"), "{said}");
    assert_eq!(
        refusal(&["run", "--images", "2", "--check-estimate", "--backend", "reference"]),
        "error: --check-estimate: this backend has no clock, so it counts nothing; use --backend sim\n"
    );
}

/// Both runs of anytime inference: the upper bits of all images, and all slices of those in doubt.
#[test]
fn refinement_is_estimated_for_a_number_of_images() {
    let run = json(&["run", "--refine", "2", "--images", "40", "--json"]);
    let doubtful = run["refined"].as_array().unwrap().len();
    assert!((1..40).contains(&doubtful));
    let of = |images: usize, more: &[&str]| {
        let shape = format!("{images}x1x8x8");
        cycles(&json(&[&["estimate", "--weight-bits", "4", "--input-shape", &shape, "--json"], more].concat()))
    };
    assert_eq!(run["first"]["cycles"], of(40, &[]));
    assert_eq!(run["second"]["cycles"], of(doubtful, &["--refined"]));
    let table = json(&["estimate", "--network", "resnet18", "--weight-bits", "2", "--refined", "--json"]);
    assert_eq!((&table["precision"], &table["layers"][3]["precision"]), (&"a8w2+".into(), &"a8w2+".into()));
}

#[test]
fn a_model_and_a_plan() {
    let folder = Folder::new();
    let model = fixture("cnn_static_u8.onnx");
    let plan = folder.file("plan.toml");
    printed(&["inspect", text(&model), "--out", text(&plan)]);
    let narrow = std::fs::read_to_string(&plan).unwrap().replace("weight_bits = 8", "weight_bits = 2");
    std::fs::write(&plan, narrow).unwrap();
    for option in ["--precision", "--plan"] {
        let report = json(&["estimate", text(&model), option, text(&plan), "--json"]);
        assert!(layers(&report).iter().all(|layer| layer["precision"] == "a8w2"));
        assert_eq!(report["precision"], text(&plan));
    }
}

/// A product of the model's own integers, which have no quantizer: pairs that would narrow them are refused, and said wherever the others are.
#[test]
fn pairs_that_a_tensor_cannot_have_are_said() {
    use crate::onnx_builder::{INT8, UINT8, model, node, tensor, value};
    const INT32: u8 = 6;
    let folder = Folder::new();
    let product = node("MatMulInteger", &["x", "w"], "y");
    let weights = tensor("w", &[4, 3], INT8, &[1; 12]);
    let model = model(&[product], &[weights], &[value("x", UINT8, &[2, 4])], &[value("y", INT32, &[2, 3])]);
    let path = folder.file("integers.onnx");
    std::fs::write(&path, model).unwrap();
    let why = |bits: &str| {
        format!(
            "layer \"y.node\" cannot read \"x\" at {bits} bits: it has no quantizer with one scale for the whole tensor; run it at 8 bits, "
        )
    };
    let report = json(&["estimate", text(&path), "--json"]);
    let rows = report["precisions"].as_array().unwrap();
    let refused = |row: &&Value| row["refused"].is_string();
    assert_eq!((rows.len(), rows.iter().filter(refused).count()), (9, 6));
    for row in rows.iter().filter(refused) {
        let precision = row["precision"].as_str().unwrap();
        assert!(row["refused"].as_str().unwrap().starts_with(&why(&precision[1..2])), "{row}");
        assert!(row["total"].is_null(), "{row}");
    }
    let table = printed(&["estimate", text(&path)]);
    let csv = crumb(&["estimate", text(&path), "--csv"]);
    assert!(csv.status.success());
    let (lines, said) = (String::from_utf8(csv.stdout).unwrap(), String::from_utf8(csv.stderr).unwrap());
    assert_eq!(lines.lines().count(), 1 + 3 * 2, "{lines}");
    for precision in ["a4w8", "a4w4", "a4w2", "a2w8", "a2w4", "a2w2"] {
        let expected = format!("{precision}: {}", why(&precision[1..2]));
        assert!(table.lines().any(|line| line.starts_with(&expected)), "{table}");
        assert!(said.lines().any(|line| line.starts_with(&expected)) && !lines.contains(precision), "{said}");
    }
}

#[test]
fn csv_has_a_line_for_each_layer() {
    let said = printed(&["estimate", "--network", "mobilenet_v2", "--weight-bits", "4", "--csv"]);
    let mut reader = csv::Reader::from_reader(said.as_bytes());
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|found| found == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 53 + 1);
    let number = |row: &csv::StringRecord, name: &str| row[column(name)].parse::<u64>().unwrap();
    for name in ["estimated_cycles", "cycles", "macs", "tiles", "dram_bytes", "weight_bits_read"] {
        let (layers, total) = rows.split_at(53);
        assert_eq!(layers.iter().map(|row| number(row, name)).sum::<u64>(), number(&total[0], name), "{name}");
    }
    assert_eq!(&rows[0][column("layer")], "features.0");
    assert_eq!(&rows[53][column("layer")], "total");
    let unique: std::collections::HashSet<&str> = header.iter().collect();
    assert_eq!(unique.len(), header.len());
    let nine = printed(&["estimate", "--network", "mobilenet_v2", "--csv"]);
    assert_eq!(nine.lines().count(), 1 + 9 * 54);
}

#[test]
fn topologies_are_read_with_and_without_a_trailing_comma() {
    let folder = Folder::new();
    let header = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides";
    let commas = folder.write("a.csv", &format!("{header},\nConv1, 10, 10, 3, 3, 4, 8, 1,\n"));
    let none = folder.write("b.csv", &format!("{header}\nConv1, 10, 10, 3, 3, 4, 8, 1\n"));
    let gemm = folder.write("c.csv", "Layer, M, N, K,\nFC, 64, 8, 36,\n");
    let of = |path: &std::path::Path| json(&["estimate", "--topology", text(path), "--weight-bits", "4", "--json"]);
    assert_eq!(of(&commas)["layers"], of(&none)["layers"]);
    let (conv, gemm) = (of(&none), of(&gemm));
    for key in ["m", "k", "n", "macs"] {
        assert_eq!(conv["layers"][0][key], gemm["layers"][0][key], "{key}");
    }
    let batch = json(&["estimate", "--topology", text(&none), "--weight-bits", "4", "--batch", "3", "--json"]);
    assert_eq!(batch["layers"][0]["m"], 3 * 64);
}

/// A slow DRAM makes a bound of what is exact; a wide stream is another machine, exactly.
#[test]
fn bandwidths_are_parameters() {
    let of = |more: &[&str]| {
        json(&[&["estimate", "--network", "resnet18", "--config", "large", "--weight-bits", "8", "--json"], more].concat())
    };
    let exact = of(&[]);
    let (fast, slow) = (of(&["--dram-bytes-per-cycle", "32"]), of(&["--dram-bytes-per-cycle", "0.5"]));
    assert_eq!((cycles(&fast), &fast["total"]["exact"]), (cycles(&exact), &true.into()));
    assert_eq!(slow["total"]["exact"], false);
    let bytes = exact["layers"][0]["traffic"]["dram_bytes"].as_u64().unwrap();
    assert_eq!(slow["layers"][0]["cycles"].as_u64().unwrap(), 2 * bytes);
    assert_eq!(slow["layers"][0]["counters"], exact["layers"][0]["counters"]);
    assert_eq!(slow["total"]["roofline"]["bound"], "dram");
    assert_eq!(of(&["--dram-gb-per-s", "0.1", "--clock", "200"])["layers"], slow["layers"]);
    let narrow = of(&["--stream-bits", "16"]);
    assert!(cycles(&narrow) > cycles(&exact) && narrow["total"]["exact"] == true);
    assert_eq!(narrow["machine"]["stream_bits"], 16);
    let said = printed(&["estimate", "--network", "resnet18", "--weight-bits", "8", "--dram-bytes-per-cycle", "0.5"]);
    assert!(said.contains(">= ") && said.contains("a lower bound, as DRAM may hold the streams back"), "{said}");
}

#[test]
fn peers_give_their_cycles() {
    let report = json(&["estimate", "--network", "resnet18", "--config", "huge", "--model", "scale-sim", "--json"]);
    assert_eq!((cycles(&report), layers(&report).len(), &report["model"]), (2_519_815, 21, &"scale-sim".into()));
    let padded =
        &["estimate", "--network", "resnet18", "--config", "huge", "--model", "scale-sim", "--padding", "included", "--json"];
    assert!(cycles(&json(padded)) > 2_519_815);
    let report =
        json(&["estimate", "--network", "resnet18", "--model", "bit-fusion", "--act-bits", "4", "--weight-bits", "4", "--json"]);
    assert!(report["layers"][0]["compute_cycles"].as_u64().unwrap() <= report["layers"][0]["cycles"].as_u64().unwrap());
    let report = json(&["estimate", "--network", "resnet18", "--model", "bit-fusion", "--json"]);
    assert_eq!(report["precisions"].as_array().unwrap().len(), 9);
    // The same layers of a model file, with its padding.
    let model = fixture("conv_pad.onnx");
    let report = json(&["estimate", text(&model), "--model", "scale-sim", "--padding", "included", "--json"]);
    let ours = json(&["estimate", text(&model), "--weight-bits", "8", "--json"]);
    assert_eq!(report["total"]["macs"], ours["total"]["macs"]);
    let table = printed(&["estimate", "--network", "resnet18", "--model", "bit-fusion", "--csv", "--weight-bits", "2"]);
    assert_eq!(table.lines().next().unwrap(), "layer,precision,macs,cycles,compute_cycles,dram_bytes");
    assert_eq!(table.lines().count(), 1 + 21 + 1);
}

#[test]
fn refusals_say_what_to_do() {
    let folder = Folder::new();
    let says = |arguments: &[&str], expected: &str| {
        let said = refusal(&[&["estimate"], arguments].concat());
        assert!(said.contains(expected), "{arguments:?}: {said}");
    };
    let table = folder.write("t.csv", "Layer, M, N, K,\nFC, 64, 8, 0,\n");
    let plan = folder.write("plan.toml", "[default]\nact_bits = 8\nweight_bits = 4\n");
    let counted =
        folder.write("counted.toml", "[[layer]]\nname = \"conv2\"\nact_bits = 4\nweight_bits = 4\nimportant_channels = 2\n");
    let model = fixture("cnn_static_u8.onnx");
    let dilated = fixture("conv_dilation.onnx");
    says(&["--network", "resnet19"], "[possible values: resnet18, resnet50, mobilenet_v2, bert_base_128");
    says(&["--topology", text(&table)], "t.csv:2: column 4 (K): found \"0\", expected");
    says(&["--topology", text(&folder.file("none.csv"))], "No such file");
    says(&["--network", "resnet18", "--precision", text(&plan)], "a table takes --act-bits and --weight-bits");
    says(&["--network", "resnet18", "--input-shape", "1x3x8x8"], "--input-shape: a table has its shapes; give --batch");
    says(&[text(&model), "--batch", "3"], "--batch: a model's batch is a size of its input; give --input-shape");
    says(&["--precision", text(&counted)], "gives only the number of its important channels: list them");
    says(&["--network", "resnet18", "--dram-gb-per-s", "3"], "--clock");
    says(&["--network", "resnet18", "--dram-bytes-per-cycle", "0"], "0: expected a number above 0");
    says(&["--network", "resnet18", "--dram-bytes-per-cycle", "inf"], "inf: expected a number above 0");
    says(&["--network", "resnet18", "--stream-bits", "24"], "stream_bits = 24: expected a multiple of 8");
    says(&["--network", "resnet18", "--config", "giant"], "no configuration is named 'giant'");
    says(&["--network", "resnet18", "--padding", "included"], "--padding: only --model scale-sim has no padding of its own");
    says(
        &["--network", "resnet18", "--model", "bit-fusion", "--dram-bytes-per-cycle", "1"],
        "have their own memory; leave it out",
    );
    says(&[text(&dilated), "--model", "scale-sim"], "a dilated convolution, or one without elements, is none of this model's");
    says(&["--network", "resnet18", "--act-bits", "3"], "activation width 3 is not one of 8, 4, 2");
    says(&["--network", "resnet18", "--topology", text(&table)], "cannot be used with");
    says(&["--clock", "200"], "--clock: times are shown for one precision; give --act-bits or --weight-bits, or leave it out");
    says(&["--refined"], "--refined: say which upper bits come first: give --weight-bits 4 or 2, or a plan");
    says(&["--network", "resnet18", "--json", "--csv"], "cannot be used with");
    let huge = folder.write("huge.csv", "Layer, M, N, K,\nFC, 1000000, 100000, 64,\n");
    says(&["--topology", text(&huge)], "layer \"FC\": M = 1000000 and N = 100000 make a result of 100000000000 elements");
    let deep = folder.write("deep.csv", "Layer, M, N, K,\nFC, 10, 10, 1000000,\n");
    says(&["--topology", text(&deep)], "layer \"FC\": the sums could reach");
    // All pairs are refused, and the first says why.
    says(&["--topology", text(&deep)], "deep.csv: a8w8, the first of the pairs, none of which can be: layer \"FC\"");
    assert!(crumb(&["estimate", "--help"]).status.success());
}

/// Where energy goes, layer by layer; layers add up, parts add up, and what a file lacks is nowhere a zero.
#[test]
fn energy_is_part_of_an_estimate() {
    let report = json(&["estimate", "--act-bits", "4", "--weight-bits", "2", "--energy", "horowitz-45nm", "--json"]);
    assert_eq!(report["energy"]["table"], "horowitz-45nm");
    let energy = |of: &Value, part: &str| of["energy_pj"][part].as_f64();
    let total = energy(&report["total"], "total").unwrap();
    let sum: f64 = layers(&report).iter().map(|layer| energy(layer, "total").unwrap()).sum();
    assert!((total - sum).abs() < 1e-9 * total);
    let parts = report["total"]["energy_pj"].as_object().unwrap().iter().filter(|(name, _)| *name != "total");
    let known: f64 = parts.filter_map(|(_, pj)| pj.as_f64()).sum();
    assert!((total - known).abs() < 1e-9 * total);
    for part in ["clock", "leakage", "streams"] {
        assert_eq!(energy(&report["total"], part), None, "{part}");
    }
    let missing = &report["total"]["energy_pj"]["missing"];
    assert_eq!(missing, &serde_json::json!(["clock_pj", "leakage_nw", "pe_weight", "requantizer_cycle", "stream_bit"]));
    // Every byte that crosses the streams, at 30.47 pJ a bit.
    let bytes = report["total"]["traffic"]["dram_bytes"].as_f64().unwrap();
    assert!((energy(&report["total"], "dram").unwrap() / (8.0 * 30.47 * bytes) - 1.0).abs() < 1e-9);
    let table = printed(&["estimate", "--act-bits", "4", "--energy", "horowitz-45nm"]);
    assert!(table.contains("energy, uJ, by 'horowitz-45nm' (45 nm, 0.9 V)"), "{table}");
    assert!(table.contains("not in 'horowitz-45nm', and so in no sum, which are lower bounds: clock_pj, "), "{table}");
    let csv = printed(&["estimate", "--act-bits", "4", "--energy", "horowitz-45nm", "--csv"]);
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|found| *found == name).unwrap();
    assert!(
        rows[1..].iter().all(|row| row[column("clock_pj")].is_empty() && row[column("energy_pj")].parse::<f64>().unwrap() > 0.0)
    );
    assert!(!printed(&["estimate", "--csv"]).contains("energy_pj"));
    // Half the clock, twice the leakage.
    let leakage = |clock| {
        energy(&json(&["estimate", "--act-bits", "8", "--energy", "osu018", "--clock", clock, "--json"])["total"], "leakage")
    };
    assert!((leakage("50").unwrap() / leakage("100").unwrap() - 2.0).abs() < 1e-9);
    assert!(refusal(&["estimate", "--energy", "osu018", "--model", "bit-fusion"]).contains("--energy: what other accelerators'"));
}
