//! `crumb report`: its figures are the estimate's and the planner's, and what is not known is not 0.

mod cli_support;

use cli_support::{Folder, crumb, json, printed, refusal, text};
use serde_json::Value;

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
    // By hand: 1.5 pJ a MAC, twice the operands' traffic, sums as they are. Sizes of 'large' and the file's figures.
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
    let wide = stream("activations") + stream("weights") + of("stream_bytes_out");
    let dram = 8.0 * 30.47 * (2.0 * wide + stream("parameters") + stream("commands"));
    let expected = 1.5 * total["macs"].as_f64().unwrap() + on_chip + dram;
    let found = 1e6 * fp16["energy_uj"].as_f64().unwrap();
    assert!((found / expected - 1.0).abs() < 1e-9, "{found}, expected {expected}");
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
    let planned = json(&["plan", "--budget", "cycles=0.5x", "-o", text(&plan), "--json"]);
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
    assert!(said.contains("its plans are of 4 layers, the network of the report has 21"), "{said}");
    let labels = folder.write("y.npy", "");
    let table = ["report", "--json", "--network", "resnet18", "--data", "x.npy", "--labels", text(&labels)];
    assert!(refusal(&table).contains("a table has no weights to classify with"));
    let output = crumb(&["report", "--front", text(&front), "-o", text(&front)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("that is the file of --front"));
}
