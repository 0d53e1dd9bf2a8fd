//! `crumb run --activity` and `--energy`: what they print, and what they refuse.

use crate::cli_support::{Folder, json, printed, refusal, text};
use serde_json::Value;

const RUN: [&str; 6] = ["run", "--images", "1", "--weight-bits", "4", "--act-bits"];

fn run<'a>(more: &[&'a str]) -> Vec<&'a str> {
    RUN.into_iter().chain(["4"]).chain(more.iter().copied()).collect()
}

/// A plan in which a layer reads two of its channels at another width.
const IMPORTANT: &str = "[[layer]]\nname = 'conv2'\nact_bits = 4\nweight_bits = 4\nimportant_channels = [0, 1]\n";

/// Toggles and cycles of a row.
fn counted(row: &Value) -> (u64, u64) {
    let toggles = row["activity"]["toggles"].as_object().unwrap();
    assert_eq!(toggles.len(), 16);
    (toggles.values().map(|n| n.as_u64().unwrap()).sum(), row["activity"]["cycles"].as_u64().unwrap())
}

fn layers(report: &Value) -> &Vec<Value> {
    report["observed_layers"].as_array().unwrap()
}

/// Counters are read at the end of each layer, which the activity sees and the counters do not.
#[test]
fn every_cycle_of_a_run_is_some_layers() {
    let report = json(&run(&["--activity", "--json"]));
    assert_eq!((&report["activity_window"], &report["exact"]), (&"..".into(), &true.into()));
    assert_eq!(layers(&report).len(), 4);
    let sums = layers(&report).iter().map(counted).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    assert_eq!(counted(&report["observed"]), sums);
    let reading = |(layer, row): (&Value, &Value)| counted(layer).1 - row["cycles"].as_u64().unwrap();
    let readings: Vec<u64> = layers(&report).iter().zip(report["layers"].as_array().unwrap()).map(reading).collect();
    assert!(readings.iter().all(|&cycles| cycles == readings[0] && cycles < 64), "{readings:?}");
    assert!(layers(&report).iter().all(|layer| layer["activity"]["toggles"]["pe_products"].as_u64() > Some(0)));
    // What is not asked for is not there, and counting changes no cycle.
    assert!(report.get("energy_figures").is_none() && report["observed"].get("energy_pj").is_none());
    let plain = json(&run(&["--json"]));
    assert_eq!((&plain["cycles"], plain.get("observed")), (&report["cycles"], None));
}

#[test]
fn a_window_counts_its_cycles_alone() {
    let all = json(&run(&["--activity", "--json"]));
    let part = json(&run(&["--activity", "--activity-window", "3000..3100", "--json"]));
    let ((some, cycles), (many, _)) = (counted(&part["observed"]), counted(&all["observed"]));
    assert_eq!((cycles, &part["activity_window"]), (100, &"3000..3100".into()));
    assert!(0 < some && some < many);
    let text = printed(&run(&["--activity", "--activity-window", "3000..3100"]));
    assert!(text.contains("toggles a cycle, cycles 3000..3100 of the machine alone\n"), "{text}");
}

/// The network's own energy file: both estimates are of the same run, so they are near each other; memories and clocks are the same.
#[test]
fn energy_by_events_and_by_activity() {
    let report = json(&run(&["--activity", "--energy", "osu018", "--json"]));
    assert_eq!(report["energy_figures"], "osu018");
    for row in layers(&report).iter().chain([&report["observed"]]) {
        let [events, activity] = ["by_events", "by_activity"].map(|key| &row["energy_pj"][key]);
        for part in ["activation_memory", "weight_memory", "accumulators", "parameter_memory", "streams", "clock", "leakage"] {
            assert_eq!(events[part], activity[part], "{part}");
        }
        for part in ["array", "edges", "sums", "requantizers"] {
            let ratio = activity[part].as_f64().unwrap() / events[part].as_f64().unwrap();
            assert!((0.3..3.0).contains(&ratio), "{} {part}: {ratio}", row["name"]);
        }
    }
    let whole = |key: &str| report["observed"]["energy_pj"][key]["array"].as_f64().unwrap();
    let ratio = whole("by_activity") / whole("by_events");
    assert!((0.8..1.25).contains(&ratio), "{ratio}");
    let text = printed(&run(&["--activity", "--energy", "osu018"]));
    for expected in ["toggles a cycle\n", "pe_products", "energy in nJ by osu018", "by activity"] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn figures_without_toggles_give_no_energy_by_activity_and_say_so() {
    let report = json(&run(&["--activity", "--energy", "horowitz-45nm", "--json"]));
    let why = report["no_energy_by_activity"].as_str().unwrap();
    assert!(why.starts_with("energy figures horowitz-45nm: pe_cycle has no toggles, so activity is missing"), "{why}");
    assert!(report["observed"]["energy_pj"].get("by_activity").is_none());
    let text = printed(&run(&["--activity", "--energy", "horowitz-45nm"]));
    assert!(text.ends_with(&format!("{why}\n")), "{text}");
    // Without --activity nothing is missing.
    let report = json(&run(&["--energy", "horowitz-45nm", "--json"]));
    assert!(report.get("no_energy_by_activity").is_none() && report["observed"].get("activity").is_none());
    assert!(report["observed"]["energy_pj"]["by_events"]["array"].as_f64() > Some(0.0));
}

#[test]
fn what_cannot_be_observed_is_refused() {
    let said = refusal(&run(&["--activity", "--backend", "reference"]));
    assert!(said.contains("only the simulator counts toggles: use --backend sim"), "{said}");
    let said = refusal(&run(&["--energy", "osu018", "--backend", "reference"]));
    assert!(said.contains("this backend has no clock"), "{said}");
    let said = refusal(&run(&["--energy", "osu042"]));
    assert!(said.contains("--energy: no energy file is named osu042: expected osu018, "), "{said}");
    assert!(refusal(&run(&["--activity-window", "1..2"])).contains("--activity"));
    assert!(refusal(&run(&["--activity", "--activity-window", "2..1"])).contains("contains no cycle"));
    let both = ["--activity", "--activity-window", "1..2", "--energy", "osu018"];
    assert!(refusal(&run(&both)).contains("cannot be used with"));
    let folder = Folder::new();
    let plan = folder.write("plan.toml", IMPORTANT);
    let said = refusal(&["run", "--images", "1", "--precision", text(&plan), "--energy", "osu018"]);
    assert!(said.contains("layer \"conv2\" has activations of two widths"), "{said}");
}
