//! `crumb plan` as a user runs it.

use crate::cli_support::{Folder, command, crumb, json, printed, refusal, save, text};
use crumb::npy::{self, Elements};
use std::path::PathBuf;

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
    let folder = Folder::new();
    let (x, y) = first(&folder, &[64], &[0; 64]);
    let plan = ["plan", "digits/digits.onnx", "--data", text(&x), "--labels", text(&y), "--predicted-only", "--json"];
    for budget in ["bops=2M", "weight-bytes=5000", "cycles=2000", "energy=20000"] {
        let found = json(&[&plan[..], &["--budget", budget]].concat());
        let found = &found["plan"];
        let (metric, limit) = budget.split_once('=').unwrap();
        let limit = limit.replace('M', "000000").parse::<u64>().unwrap();
        let cost = match metric {
            "bops" => &found["bops"],
            "cycles" => &found["predicted_cycles"],
            "energy" => &found["energy_nj"],
            _ => &found["weight_bytes"],
        };
        assert!(cost.as_f64().unwrap() <= limit as f64, "{budget}: {cost}");
        // The cheapest plan holds every budget: this one makes use of what there is.
        let front = json(&[&plan[..], &["--budget", &format!("{metric}=1x"), "--front", "--points", "2"]].concat());
        let loss = |row: &serde_json::Value| row["predicted_loss"].as_f64().unwrap();
        assert!(loss(found) < loss(&front["front"][0]), "{budget}: {found} {}", front["front"][0]);
    }
}

#[test]
fn the_examples_of_the_help_run() {
    let folder = Folder::new();
    std::fs::copy("digits/digits.onnx", folder.file("model.onnx")).unwrap();
    let images = crumb::digits::load().unwrap().images.part(0, vec![8, 1, 8, 8]).unwrap();
    for name in ["X.npy", "x.npy"] {
        save(&folder.file(name), &[8, 1, 8, 8], Elements::F32(images.floats().unwrap().to_vec()));
    }
    save(&folder.file("y.npy"), &[8], Elements::I64((0..8).collect()));
    let help = printed(&["plan", "--help"]);
    let examples = help.split_once("Examples:\n").unwrap().1.lines().map_while(|line| line.strip_prefix("  crumb "));
    // What an example is for stands behind it.
    let examples: Vec<&str> = examples.map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(examples.len(), 4, "{help}");
    for example in examples {
        let sooner = example.starts_with("plan ").then_some("--predicted-only");
        let arguments = example.split(' ').chain(sooner);
        let output = command().current_dir(folder.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The first images of the digits as `--data`, eight or one for each label of more, with some labels.
fn first(folder: &Folder, shape: &[usize], labels: &[i64]) -> (PathBuf, PathBuf) {
    let (x, y) = (folder.file("x.npy"), folder.file("y.npy"));
    let shape_of_images = [labels.len().max(8), 1, 8, 8];
    let images = crumb::digits::load().unwrap().images.part(0, shape_of_images.to_vec()).unwrap();
    save(&x, &shape_of_images, Elements::F32(images.floats().unwrap().to_vec()));
    save(&y, shape, Elements::I64(labels.to_vec()));
    (x, y)
}

#[test]
fn labels_are_one_class_for_each_image() {
    let folder = Folder::new();
    let classes = [0, 1, 2, 3, 4, 5, 6, 7];
    for (shape, labels, problem) in [
        (&[8][..], &[0, 1, 2, 99, 4, 5, 6, -5][..], "label 99 of image 3: expected 0 to 9, as the first output has 10 classes"),
        (&[8], &[0, 1, 2, 3, 4, 5, 6, -5], "label -5 of image 7: expected 0 to 9, as the first output has 10 classes"),
        (&[2, 4], &classes, "labels of shape [2, 4], expected [8]: one for each image"),
        (&[3], &[0, 1, 2], "3 labels for 8 images: give one for each"),
    ] {
        let (x, y) = first(&folder, shape, labels);
        let (x, y) = (text(&x), text(&y));
        let model = ["plan", "digits/digits.onnx", "--budget", "cycles=1x", "--predicted-only", "--data", x];
        for (option, arguments) in [("--labels", &["--labels", y][..]), ("--test-labels", &["--test", x, "--test-labels", y])] {
            assert_eq!(refusal(&[&model, arguments].concat()), format!("error: {option} {y}: {problem}\n"));
        }
    }
    let (x, y) = first(&folder, &[8], &classes);
    let model = ["plan", "digits/digits.onnx", "--budget", "cycles=1x", "--predicted-only", "--data", text(&x)];
    printed(&[&model[..], &["--labels", text(&y), "--loss", "cross-entropy"]].concat());
    let missing = |option| {
        format!("error: --loss cross-entropy: it is of labels, and there are no {option}: give them, or another --loss\n")
    };
    assert_eq!(refusal(&[&model[..], &["--loss", "cross-entropy"]].concat()), missing("--labels"));
    let tested = ["--labels", text(&y), "--test", text(&x), "--loss", "cross-entropy"];
    assert_eq!(refusal(&[&model[..], &tested].concat()), missing("--test-labels"));
}

#[test]
fn data_are_images_of_numbers() {
    let folder = Folder::new();
    let (x, _) = first(&folder, &[8], &[0; 8]);
    let bad = folder.file("bad.npy");
    for (images, number, problem) in [
        (0, 0.0, "shape [0, 1, 8, 8] holds no images: expected one or more"),
        (2, f32::NAN, "element 70 is NaN: expected finite numbers alone"),
        (2, f32::NEG_INFINITY, "element 70 is -inf: expected finite numbers alone"),
    ] {
        let mut pixels = vec![0.0; images * 64];
        pixels.iter_mut().skip(70).take(1).for_each(|pixel| *pixel = number);
        npy::write(&bad, &npy::Array { shape: vec![images, 1, 8, 8], elements: Elements::F32(pixels) }).unwrap();
        let (x, bad) = (text(&x), text(&bad));
        let model = ["plan", "digits/digits.onnx", "--budget", "cycles=1x", "--predicted-only"];
        let said = refusal(&[&model[..], &["--data", bad]].concat());
        assert_eq!(said, format!("error: --data {bad}: {problem}\n"));
        let said = refusal(&[&model[..], &["--data", x, "--test", bad]].concat());
        assert_eq!(said, format!("error: --test {bad}: {problem}\n"));
    }
}

#[test]
fn a_front_comes_as_a_table_and_as_values() {
    let csv = printed(&["plan", "--front", "--points", "14", "--predicted-only", "--csv"]);
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert!(csv.starts_with("name,predicted_cycles,measured_cycles,bops,weight_bytes,energy_nj,predicted_loss,measured_loss,"));
    assert!(rows.len() >= 14, "{csv}");
    for row in rows {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(cells[1], cells[2], "{row}");
    }
    assert!(printed(&["plan", "--front", "--predicted-only"]).lines().count() >= 15);
    // The plan of a budget comes first.
    let both = printed(&["plan", "--budget", "cycles=0.5x", "--front", "--points", "14", "--predicted-only", "--csv"]);
    let mut lines: Vec<&str> = both.lines().collect();
    assert!(lines.remove(1).starts_with("plan,"), "{both}");
    assert!(lines.iter().eq(csv.lines().collect::<Vec<_>>().iter()), "{both}");
}

#[test]
fn what_cannot_be_planned_is_refused() {
    let said = refusal(&["plan", "--budget", "cycles=10"]);
    assert!(said.starts_with("error: no plan has at most 10 cycles: the least possible is "), "{said}");
    assert!(refusal(&["plan"]).contains("--budget"));
    assert!(refusal(&["plan", "--budget", "speed=1x"]).contains("\"speed\" is nothing that a plan is limited in"));
    assert!(refusal(&["plan", "--budget", "cycles=1x", "--batch", "451"]).contains("there are 450 images in the data"));
    assert!(refusal(&["plan", "--budget", "cycles=1x", "--points", "5"]).contains("--front"));
    assert!(refusal(&["plan", "--budget", "speed=1x"]).contains("a share of the cost of all layers at their widest"));
    assert!(refusal(&["plan", "--budget", "cycles=1x", "--weight-widths", "3"]).contains("--weight-widths"));
    assert!(
        refusal(&["plan", "--budget", "energy=1x", "--energy", "tsmc5"])
            .contains("--energy: no energy file is named tsmc5: expected osu018, ")
    );
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
