//! `crumb report`: its figures are the estimate's and the planner's, and what is not known is not 0.

use crate::cli_support::{Folder, command, json, printed, refusal, save, text};
use crumb::npy::Elements;
use serde_json::Value;
use std::path::Path;

fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["metrics"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap()
}

/// Every estimate in the report is what `crumb estimate` prints, to the last digit.
#[test]
fn estimates_are_those_of_the_estimate() {
    let network = ["--network", "resnet18", "--config", "large", "--energy", "horowitz-45nm", "--clock", "250", "--json"];
    let report = json(&[&["report"], &network[..]].concat());
    let estimate = json(&[&["estimate"], &network[..]].concat());
    assert_eq!(report["estimates"], estimate["precisions"]);
    assert_eq!(report["estimates"].as_array().unwrap().len(), 9);
    for (row, estimate) in report["metrics"].as_array().unwrap().iter().zip(estimate["precisions"].as_array().unwrap()) {
        let total = &estimate["total"];
        assert_eq!(row["name"], estimate["precision"]);
        assert_eq!([&row["macs"], &row["bops"], &row["cycles"]], [&total["macs"], &total["bops"], &total["cycles"]]);
        assert_eq!(row["utilisation"], total["roofline"]["utilisation"]);
        // The last digit of a number that is read from JSON may be another.
        let near = |a: &Value, b: f64| assert!((a.as_f64().unwrap() / b - 1.0).abs() < 1e-12, "{a} {b}");
        near(&row["energy_uj"], total["energy_pj"]["total"].as_f64().unwrap() / 1e6);
        let seconds = total["cycles"].as_f64().unwrap() / 250e6;
        near(&row["milliseconds"], 1e3 * seconds);
        let tops = row["tops"].as_f64().unwrap();
        assert!((tops - 2.0 * total["macs"].as_f64().unwrap() / seconds / 1e12).abs() < 1e-12);
        // W = J/s: operations over picojoules are TOPS/W.
        let watts = row["energy_uj"].as_f64().unwrap() * 1e-6 / seconds;
        assert!((row["tops_per_watt"].as_f64().unwrap() - tops / watts).abs() < 1e-9);
        // A table has no values, and no labels.
        assert!(row["bops_without_zeros"].is_null() && row["accuracy"].is_null());
    }
    let eight = row(&report, "a8w8");
    assert_eq!((&eight["speedup"], &eight["energy_gain"]), (&1.0.into(), &1.0.into()));
    // 11 678 912 weights: at 2 bits a quarter; always one int8 copy.
    assert_eq!(row(&report, "a4w2")["weight_bytes"], 11_678_912 / 4);
    assert_eq!(row(&report, "a4w2")["weight_bytes_stored"], 11_678_912);
    // conv1 and the classifier, of 1 814 073 344: 118 013 952 + 512 000.
    let share = eight["first_last"]["macs"].as_f64().unwrap();
    assert!((share - 118_525_952.0 / 1_814_073_344.0).abs() < 1e-12);
}

/// fp16 by hand, in pJ: 1.5 pJ a MAC, twice the operands' traffic, sums as they are. Sizes of the machine and the file's figures.
fn fp16_by_hand(estimate: &Value, operands_out: f64, sums_out: f64) -> f64 {
    let (total, machine) = (&estimate["total"], &estimate["machine"]);
    let of = |key: &str| total["traffic"][key].as_f64().unwrap();
    let size = |key: &str| machine[key].as_f64().unwrap();
    let pj = |kib: f64| {
        let points = [[0.5, 0.03906], [2.0, 0.07813], [8.0, 0.1563], [32.0, 0.3125], [1024.0, 1.563f64]];
        let after = points.iter().position(|[at, _]| *at >= kib).unwrap();
        let (Some([a, low]), [b, high]) = (after.checked_sub(1).map(|i| points[i]), points[after]) else { return points[0][1] };
        low * (kib / a).powf((high / low).ln() / (b / a).ln())
    };
    let on_chip = 2.0 * (of("activation_bits_read") + of("activation_bits_written")) * pj(size("activation_lines") / 512.0)
        + 2.0 * (of("weight_bits_read") + of("weight_bits_written")) * pj(size("weight_words") / 128.0)
        + (of("accumulator_bits_read") + of("accumulator_bits_written")) * pj(size("accumulator_rows") / 256.0);
    let stream = |key: &str| total["traffic"]["stream_bytes_in"][key].as_f64().unwrap();
    let wide = stream("activations") + stream("weights") + operands_out;
    let dram = 8.0 * 30.47 * (2.0 * wide + sums_out + stream("parameters") + stream("commands"));
    1.5 * total["macs"].as_f64().unwrap() + on_chip + dram
}

fn assert_near(row: &Value, picojoules: f64) {
    let found = 1e6 * row["energy_uj"].as_f64().unwrap();
    assert!((found / picojoules - 1.0).abs() < 1e-9, "{found}, expected {picojoules}");
}

/// Sums that are read out have 32 bits, whatever operands have.
#[test]
fn sums_that_are_read_out_are_as_wide_in_fp16() {
    let model = ["tests/fixtures/conv_float_output.onnx", "--input-shape", "1x3x9x7", "--energy", "horowitz-45nm", "--json"];
    let report = json(&[&["report"], &model[..]].concat());
    let estimate = json(&[&["estimate", "--act-bits", "8"], &model[..]].concat());
    assert!(!estimate["layers"][0]["read_out"].is_null());
    let sums = estimate["total"]["traffic"]["stream_bytes_out"].as_f64().unwrap();
    assert!(sums >= 4.0 * 8.0 * 63.0, "{sums}");
    assert_near(row(&report, "fp16"), fp16_by_hand(&estimate, 0.0, sums));
}

/// fp16 has energy by Horowitz's figures, and nothing that only a machine has.
#[test]
fn baselines_are_by_one_file() {
    let report = json(&["report", "--network", "resnet18", "--config", "large", "--json"]);
    let fp16 = row(&report, "fp16");
    for key in ["cycles", "milliseconds", "tops", "utilisation", "speedup", "accuracy"] {
        assert!(fp16[key].is_null(), "{key}");
    }
    let eight = row(&report, "a8w8, horowitz-45nm");
    assert_eq!((&fp16["energy_table"], &eight["energy_table"]), (&"horowitz-45nm".into(), &"horowitz-45nm".into()));
    assert_eq!(row(&report, "a8w8")["energy_table"], "osu018");
    let gain = fp16["energy_gain"].as_f64().unwrap();
    assert_eq!(gain, eight["energy_uj"].as_f64().unwrap() / fp16["energy_uj"].as_f64().unwrap());
    assert!(gain < 0.6, "{gain}");
    assert_eq!(fp16["bops"].as_u64().unwrap(), 4 * eight["bops"].as_u64().unwrap());
    // Every layer of the table is requantized.
    let estimate = json(&[
        "estimate",
        "--network",
        "resnet18",
        "--config",
        "large",
        "--act-bits",
        "8",
        "--energy",
        "horowitz-45nm",
        "--json",
    ]);
    let out = estimate["total"]["traffic"]["stream_bytes_out"].as_f64().unwrap();
    assert_near(fp16, fp16_by_hand(&estimate, out, 0.0));
    // By that file alone there is one row at 8 bits.
    let report = json(&["report", "--energy", "horowitz-45nm", "--json"]);
    let names: Vec<&str> = report["metrics"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names[9..], ["fp16"]);
}

/// The embedded network's plan: cycles, BOPs, weight bytes and accuracy are the planner's.
#[test]
fn a_plan_beside_the_uniform_precisions() {
    let folder = Folder::new();
    let plan = folder.file("plan.toml");
    let planned = json(&["plan", "--budget", "cycles=0.5x", "--predicted-only", "-o", text(&plan), "--json"]);
    let report = json(&["report", "--precision", text(&plan), "--json"]);
    let found = row(&report, text(&plan));
    assert_eq!((&found["kind"], &report["shown"]), (&"plan".into(), &text(&plan).into()));
    let outcome = &planned["plan"];
    for key in ["bops", "weight_bytes"] {
        assert_eq!(found[key], outcome[key], "{key}");
    }
    assert_eq!(found["accuracy"], outcome["measured_accuracy"]);
    let zeros = |name: &str| row(&report, name)["bops_without_zeros"].as_u64().unwrap();
    let bops = |name: &str| row(&report, name)["bops"].as_u64().unwrap();
    // Fewer bits make more zeros.
    let share = |name: &str| zeros(name) as f64 / bops(name) as f64;
    assert!(share("a8w2") < share("a8w4") && share("a8w4") < share("a8w8") && share("a8w8") < 1.0);
    assert_eq!(report["accuracy_on"], "the 450 test images");
}

#[test]
fn a_page_and_values_at_once() {
    let folder = Folder::new();
    let page = folder.file("report.html");
    let csv = printed(&["report", "-o", text(&page), "--csv"]);
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][..4], ["name", "cycles", "exact", "speedup"]);
    let macs = rows[0].iter().position(|column| *column == "macs").unwrap();
    assert_eq!((rows.len(), rows[1][0], rows[1][macs]), (12, "a8w8", "121088"));
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("default-src 'none'"));
    for forbidden in ["<script", "http://", "https://", "@import", "url("] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    let said = printed(&["report", "-o", text(&page)]);
    assert_eq!(said, format!("{}: digits on 'small' at 9 precisions and plans\n", text(&page)));
}

#[test]
fn what_cannot_be_shown_is_refused() {
    assert!(refusal(&["report"]).contains("--out <REPORT.html>"));
    assert!(refusal(&["report", "--json", "--show", "a3w3"]).starts_with("error: --show a3w3: expected one of a8w8, "));
    assert!(refusal(&["report", "--json", "--energy", "tsmc5"]).contains("no energy file is named tsmc5: expected osu018, "));
    let folder = Folder::new();
    let front = folder.write("front.json", &printed(&["plan", "--front", "--json"]));
    let said = refusal(&["report", "--json", "--front", text(&front), "--config", "tiny"]);
    assert!(said.contains("its plans are for 'small', the report is of 'tiny'"), "{said}");
    let said = refusal(&["report", "--json", "--front", text(&front), "--network", "resnet18", "--config", "small"]);
    assert!(said.contains("front.json: its plans are of 'digits', the report is of 'resnet18'; plan that one"), "{said}");
    let labels = folder.write("y.npy", "");
    let table = ["report", "--json", "--network", "resnet18", "--data", "x.npy", "--labels", text(&labels)];
    assert!(refusal(&table).contains("a table has no weights to classify with"));
}

/// Whatever the report reads is still there after it was named as the page.
#[test]
fn what_is_read_is_not_overwritten() {
    let folder = Folder::new();
    let config = folder.write("config.toml", &std::fs::read_to_string("../arch/configs/small.toml").unwrap());
    let energy = folder.write("energy.toml", &std::fs::read_to_string("../energy/osu018.toml").unwrap());
    let front = folder.write("front.json", "{}");
    let constant = folder.write("scale.npy", "a constant");
    let named = format!("scale={}", text(&constant));
    let cases: [(&Path, &str, &[&str]); 5] = [
        (&config, "--config", &["--config", text(&config)]),
        (&energy, "--energy", &["--energy", text(&energy)]),
        (&front, "--front", &["--front", text(&front)]),
        (&constant, "--constant", &["m.onnx", "--constant", &named]),
        (&energy, "--precision", &["--precision", text(&energy)]),
    ];
    for (file, option, arguments) in cases {
        let before = std::fs::read(file).unwrap();
        let said = refusal(&[&["report"], arguments, &["-o", text(file)]].concat());
        assert!(said.contains(&format!("that is the file of {option}; give another")), "{said}");
        assert_eq!(std::fs::read(file).unwrap(), before, "{option}");
    }
    // A name that is no file is none that could be overwritten.
    let page = folder.file("small");
    printed(&["report", "--config", "small", "-o", text(&page)]);
    assert!(page.is_file());
}

/// A DRAM that may hold the streams back makes lower bounds of cycles, on the page as in the other outputs.
#[test]
fn bounds_are_not_shown_as_exact() {
    let folder = Folder::new();
    let page = folder.file("report.html");
    let html = |more: &[&str]| {
        let csv = printed(&[&["report", "--csv", "-o", text(&page)], more].concat());
        (csv, std::fs::read_to_string(&page).unwrap())
    };
    let exact = "Cycles, counters and traffic are those of";
    let (csv, free) = html(&[]);
    assert!(!csv.contains("at least") && free.contains(exact));
    assert!(["&gt;= ", "&lt;= ", "~ "].iter().all(|sign| !free.contains(sign)), "signs on an exact page");
    let (csv, held) = html(&["--dram-bytes-per-cycle", "1"]);
    assert!(!held.contains(exact) && held.contains("This DRAM may"));
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let place = |name: &str, headers: &csv::StringRecord| headers.iter().position(|header| header == name).unwrap();
    let headers = reader.headers().unwrap().clone();
    let (cycles, exact) = (place("cycles", &headers), place("exact", &headers));
    let mut rows = 0;
    for record in reader.records().map(Result::unwrap).filter(|record| !record[cycles].is_empty()) {
        assert_eq!(&record[exact], "at least");
        let digits: Vec<&str> =
            record[cycles].as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
        assert!(held.contains(&format!("<td>&gt;= {}</td>", digits.join(" "))), "{}", &record[cycles]);
        rows += 1;
    }
    assert_eq!(rows, 10);
    // Layers too: the four of the network, cycles and energy each; shares of what is attained are upper bounds.
    let layers = &held[held.find("id=\"layers\"").unwrap()..];
    let layers = &layers[..layers.find("</table>").unwrap()];
    assert_eq!((layers.matches("&gt;= ").count(), layers.matches("&lt;= ").count()), (8, 4), "{layers}");
}

/// Charts are over cycles of this network's plans: other fronts would stand there under a wrong name.
#[test]
fn fronts_of_something_else_are_refused() {
    let folder = Folder::new();
    let made = json(&["plan", "--front", "--json"]);
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut front = made.clone();
        change(&mut front);
        let file = folder.write("front.json", &front.to_string());
        let said = refusal(&["report", "--json", "--front", text(&file)]);
        assert!(said.contains("front.json: "), "{said}");
        said
    };
    let said = refused(&|front| front["metric"] = "energy".into());
    assert!(
        said.contains("its front is of \"energy\", expected \"cycles\"") && said.contains("crumb plan --front --json"),
        "{said}"
    );
    let said = refused(&|front| front["model"] = "lenet.onnx".into());
    assert!(said.contains("its plans are of 'lenet.onnx', the report is of 'digits'"), "{said}");
    let said = refused(&|front| front["front"][0]["pairs"] = serde_json::json!(["a8w8"]));
    assert!(said.contains("its plans are of 1 layers, the network of the report has 4"), "{said}");
    let said = refused(&|front| front["batch"] = 0.into());
    assert!(said.contains("the front: batch is 0, expected at least 1"), "{said}");
    let said = refused(&|front| front["front"][0]["measured_accuracy"] = 1e300.into());
    assert!(said.contains("measured_accuracy is 1e300, expected a share from 0 to 1"), "{said}");
    // Losses that numbers can hardly tell apart.
    let mut close = made.clone();
    for (i, point) in close["front"].as_array_mut().unwrap().iter_mut().enumerate() {
        point["measured_loss"] = if i == 0 { 0.0 } else { 5e-324 }.into();
    }
    let (file, page) = (folder.write("front.json", &close.to_string()), folder.file("report.html"));
    printed(&["report", "--front", text(&file), "-o", text(&page)]);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(!html.contains("NaN") && !html.contains("inf%"), "a chart without a scale");
}

/// Rows are told apart by their names.
#[test]
fn names_of_rows_are_of_one_row() {
    let folder = Folder::new();
    let plan = "[default]\nact_bits = 2\nweight_bits = 2\n";
    folder.write("a4w4", plan);
    folder.write("fp16", plan);
    let run = |arguments: &[&str]| command().current_dir(folder.path()).args(arguments).output().unwrap();
    for (plans, said) in [
        (
            &["--precision", "a4w4"][..],
            "--precision a4w4: that is the name of another row of the table; rename the file, or give it as ./a4w4",
        ),
        (&["--precision", "fp16"], "give it as ./fp16"),
        (&["--precision", "./a4w4", "--precision", "./a4w4"], "--precision ./a4w4: it is given twice; give each plan once"),
    ] {
        let output = run(&[&["report", "--json"], plans].concat());
        let found = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && found.contains(said), "{found}");
    }
    // By another name, its figures are its own.
    let output = run(&["report", "--json", "--precision", "./a4w4", "-o", "report.html"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["shown"], "./a4w4");
    assert_eq!(row(&report, "./a4w4")["cycles"], row(&report, "a2w2")["cycles"]);
    assert_ne!(row(&report, "./a4w4")["cycles"], row(&report, "a4w4")["cycles"]);
}

/// Without images there is no accuracy; labels that do not fit are named.
#[test]
fn accuracies_are_of_images() {
    let folder = Folder::new();
    let images = |name: &str, count: usize| {
        let path = folder.file(name);
        save(&path, &[count, 1, 8, 8], Elements::F32(vec![0.0; count * 64]));
        path
    };
    let labels = |name: &str, shape: &[usize], values: &[i64]| {
        let path = folder.file(name);
        save(&path, shape, Elements::I64(values.to_vec()));
        path
    };
    let refused = |x: &Path, y: &Path| refusal(&["report", "--json", "--data", text(x), "--labels", text(y)]);
    let (x0, x2, y0) = (images("x0.npy", 0), images("x2.npy", 2), labels("y0.npy", &[0], &[]));
    let said = refused(&x0, &y0);
    assert!(said.contains("--data") && said.contains("x0.npy") && said.contains("holds no images"), "{said}");
    for (shape, values, what) in [
        (&[0_usize][..], &[][..], "0 labels for 2 images: give one for each"),
        (&[3], &[0, 1, 2], "3 labels for 2 images: give one for each"),
        (&[2], &[0, 10], "label 10 of image 1"),
        (&[2], &[-1, 0], "label -1 of image 0"),
        (&[1, 2], &[0, 1], "labels of shape [1, 2], expected [2]"),
    ] {
        let path = labels("y.npy", shape, values);
        let said = refused(&x2, &path);
        assert!(said.contains(&format!("--labels {}: {what}", text(&path))), "{said}");
    }
}
