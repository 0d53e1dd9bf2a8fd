//! `crumb plan` as a user runs it.

mod cli_support;

use cli_support::{Folder, crumb, json, printed, refusal, text};

#[test]
fn a_plan_holds_its_budget_and_runs_as_predicted() {
    let folder = Folder::new();
    let plan = folder.file("plan.toml");
    let found = json(&["plan", "--budget", "cycles=0.5x", "--batch", "450", "-o", text(&plan), "--json"]);
    let cycles = found["plan"]["predicted_cycles"].as_u64().unwrap();
    assert_eq!(found["plan"]["measured_cycles"].as_u64(), Some(cycles));
    assert!(cycles <= found["budget"].as_u64().unwrap() && 2 * cycles <= found["full"].as_u64().unwrap());
    // The same plan by the command that runs it, which counts on its own.
    let run = json(&["run", "--precision", text(&plan), "--json"]);
    assert_eq!(run["cycles"].as_u64(), Some(cycles));
    let pairs: Vec<&str> = run["layers"].as_array().unwrap().iter().map(|layer| layer["precision"].as_str().unwrap()).collect();
    let planned: Vec<&str> = found["plan"]["pairs"].as_array().unwrap().iter().map(|pair| pair.as_str().unwrap()).collect();
    assert_eq!(pairs, planned);
}

#[test]
fn every_metric_has_a_budget() {
    for budget in ["bops=2M", "weight-bytes=5000", "cycles=2000", "energy=20000"] {
        let found = json(&["plan", "--budget", budget, "--predicted-only", "--json"]);
        let plan = &found["plan"];
        let (metric, limit) = budget.split_once('=').unwrap();
        let limit = limit.replace('M', "000000").parse::<u64>().unwrap();
        let cost = match metric {
            "bops" => &plan["bops"],
            "cycles" => &plan["predicted_cycles"],
            "energy" => &plan["energy_nj"],
            _ => &plan["weight_bytes"],
        };
        assert!(cost.as_f64().unwrap() <= limit as f64, "{budget}: {cost}");
    }
}

#[test]
fn a_front_comes_as_a_table_and_as_values() {
    let csv = printed(&["plan", "--front", "--points", "14", "--csv"]);
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert!(csv.starts_with("name,predicted_cycles,measured_cycles,bops,weight_bytes,energy_nj,predicted_loss,measured_loss,"));
    assert!(rows.len() >= 14, "{csv}");
    for row in rows {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(cells[1], cells[2], "{row}");
    }
    assert!(printed(&["plan", "--front"]).lines().count() >= 15);
}

#[test]
fn what_cannot_be_planned_is_refused() {
    let said = refusal(&["plan", "--budget", "cycles=10"]);
    assert!(said.starts_with("error: no plan has at most 10 cycles: the least possible is "), "{said}");
    assert!(refusal(&["plan"]).contains("--budget"));
    assert!(refusal(&["plan", "--budget", "speed=1x"]).contains("\"speed\" is nothing that a plan is limited in"));
    assert!(refusal(&["plan", "--budget", "cycles=1x", "--batch", "451"]).contains("there are 450 images in the data"));
    assert!(refusal(&["plan", "--budget", "cycles=1x", "--weight-widths", "3"]).contains("--weight-widths"));
    assert!(refusal(&["plan", "--budget", "energy=1x", "--energy", "tsmc5"]).contains("--energy tsmc5: expected osu018, "));
    assert!(refusal(&["plan", "--front", "--out", "x.toml"]).contains("--budget"));
    let said = refusal(&["plan", "digits/digits.onnx", "--budget", "cycles=1x"]);
    assert!(said.contains("no --data for the model"), "{said}");
    let folder = Folder::new();
    let file = folder.write("s.toml", "[[layer]]\nname = \"conv1\"\ntrace = 1.0\n");
    let said = refusal(&["plan", "--budget", "cycles=1x", "--sensitivities", text(&file)]);
    assert!(said.contains("there is no [[layer]] \"conv2\""), "{said}");
}

#[test]
fn traces_from_a_file_plan_weights_and_leave_activations() {
    let folder = Folder::new();
    let layer = |name: &str, trace: f64| format!("[[layer]]\nname = \"{name}\"\ntrace = {trace:?}\n");
    let rest = layer("conv1", 1.0) + &layer("conv3", 1.0) + &layer("fc", 1.0);
    let pairs = |trace: f64| {
        let file = folder.write("s.toml", &(rest.clone() + &layer("conv2", trace)));
        let found = json(&["plan", "--budget", "weight-bytes=0.8x", "--sensitivities", text(&file), "--json"]);
        let pairs = found["plan"]["pairs"].as_array().unwrap().iter().map(|pair| pair.as_str().unwrap().to_owned());
        pairs.collect::<Vec<_>>()
    };
    let (careless, careful) = (pairs(1e-6), pairs(1e6));
    assert!(careless.iter().chain(&careful).all(|pair| pair.starts_with("a8")), "{careless:?} {careful:?}");
    assert_ne!(careless[1], "a8w8");
    assert_eq!(careful[1], "a8w8");
}

#[test]
fn a_plan_is_no_file_that_is_read() {
    let folder = Folder::new();
    let file = folder.write("s.toml", "");
    let output = crumb(&["plan", "--budget", "cycles=1x", "--sensitivities", text(&file), "--out", text(&file)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("that is the file of --sensitivities"));
}
