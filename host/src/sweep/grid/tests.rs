use super::super::Spec;
use super::*;
use std::collections::HashSet;

fn small() -> ArrayConfig {
    ArrayConfig::named("small").unwrap()
}

fn spec(text: &str) -> Spec {
    Spec::from_toml(text, "g").unwrap()
}

fn grid(text: &str) -> Result<Grid, String> {
    Grid::new(&spec(text), &small(), Vec::new()).map_err(|error| error.to_string())
}

/// 3 x 2 x 2 machines, of which the streams of 64 bits do not divide lines of 12 bytes.
#[test]
fn every_combination_is_a_machine_or_has_its_reasons() {
    let grid = grid("rows = [8, 16, 12]\nweight_bus = [1, 4]\nstream_bits = [64, 32]\nnetworks = ['resnet18']").unwrap();
    assert_eq!((grid.machines.len(), grid.invalid.count), (10, 2));
    assert_eq!(grid.invalid.reasons.len(), 1);
    for (reason, broken) in &grid.invalid.reasons {
        assert!(reason.starts_with("stream_bits = 64"), "{reason}");
        assert!(broken.count == 2 && broken.machines.iter().all(|name| name.starts_with("r12_") && name.ends_with("_sb64")));
    }
    let names: HashSet<_> = grid.machines.iter().chain([&small()]).map(|machine| machine.name.clone()).collect();
    assert_eq!(names.len(), 11);
    assert_eq!(grid.machines[0].name, "r8_c8_d1_al2048_ww2048_wb1_pe64_ar512_db1_sb64");
    assert_eq!(grid.machines[1].name, "r8_c8_d1_al2048_ww2048_wb1_pe64_ar512_db1_sb32");
}

/// Points count as the digits of a number, pairs fastest.
#[test]
fn points_are_all_different_and_in_order() {
    let grid = grid("rows = [8, 16]\nnetworks = ['resnet18', 'resnet50']\nweight_bits = [8, 6]").unwrap();
    assert_eq!(grid.points(), 2 * 2 * 3 * 2);
    let keys: Vec<_> = (0..grid.points()).map(|point| grid.key(point).unwrap()).collect();
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    assert_eq!(keys[1][1..], ["resnet18", "a8w6"]);
    assert_eq!(keys[6][1..], ["resnet50", "a8w8"]);
    assert!(keys[12][0].starts_with("r16_") && keys[11][0].starts_with("r8_"));
    assert_eq!([5, 6, 11, 12].map(|point| grid.network_of(point)), [0, 1, 1, 2]);
    assert!(grid.point(24).is_none() && grid.key(24).is_none());
}

/// Two words for one width are one machine.
#[test]
fn machines_are_there_once() {
    let grid = grid("stream_bits = [64, 'line']\nnetworks = ['resnet18']").unwrap();
    assert_eq!(grid.machines.len(), 1);
}

#[test]
fn axes_that_say_nothing_new_are_refused() {
    for (text, expected) in [
        ("rows = [8, 8]", "rows: 8 is given twice"),
        ("stream_bits = ['line', 'line']", "stream_bits: line is given twice"),
        ("act_bits = [3]", "act_bits: "),
        ("weight_bits = [8, 8]", "weight_bits: 8 is given twice"),
        ("networks = []", "networks: none is given; name some of resnet18, "),
        ("networks = ['resnet']", "networks: there is no \"resnet\"; those built in are resnet18, "),
        ("networks = ['resnet18', 'resnet18']", "networks: resnet18 is given twice"),
        ("rows = [3]", "none of the grid's 1 machines can be built; the first:\nconfiguration 'r3_"),
        ("batch = 0", "batch: found 0, expected 1 to 65536"),
        ("batch = 100000", "batch: found 100000, expected 1 to 65536"),
    ] {
        let networks = if text.starts_with("networks") { "" } else { "\nnetworks = ['resnet18']" };
        let error = grid(&format!("{text}{networks}")).unwrap_err();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn grids_that_never_end_are_refused() {
    let many: Vec<_> = (1..=200).collect();
    let three = format!("rows = {many:?}\ncols = {many:?}\nactivation_lines = {many:?}\nnetworks = ['resnet18']");
    assert_eq!(
        grid(&three).unwrap_err(),
        "the grid has 72000000 points: at most 4194304 are swept; leave out values, or give several grids"
    );
    let all = ["depth", "weight_words", "weight_bus", "parameter_entries", "accumulator_rows", "drain_banks"];
    let text = all.iter().fold(three, |text, axis| format!("{axis} = {many:?}\n{text}"));
    assert!(grid(&text).unwrap_err().contains("has more than 2^64 points"));
    // Nothing is compared with everything before it.
    let long = format!("rows = {:?}\nnetworks = ['resnet18']", vec![8; 1_000_000]);
    assert!(grid(&long).unwrap_err().starts_with("the grid has 9000000 points"));
    let long: Vec<_> = (1000..401_000).collect();
    assert!(
        grid(&format!("rows = {long:?}\nnetworks = ['resnet18']")).unwrap_err().starts_with("none of the grid's 400000 machines")
    );
}

/// Whatever a row depends on.
#[test]
fn fingerprints_tell_grids_apart() {
    let print = |text: &str| grid(text).unwrap().fingerprint();
    let one = print("networks = ['resnet18']");
    assert_eq!(one, print("rows = [8]\nnetworks = ['resnet18']\nact_bits = [8, 4, 2]"), "the same points");
    for other in [
        "rows = [16]\nnetworks = ['resnet18']",
        "drain_banks = [4]\nnetworks = ['resnet18']",
        "networks = ['resnet50']",
        "networks = ['resnet18']\nbatch = 2",
        "networks = ['resnet18']\nact_bits = [8]",
        "networks = ['resnet18']\nact_bits = [2, 4, 8]",
    ] {
        assert_ne!(one, print(other), "{other}");
    }
    let table = |m| {
        let gemm =
            crate::estimate::layers::Gemm { m, n: 4, k: 4, groups: 1, right: crate::estimate::layers::RightOperand::Weights };
        let layers = Layers { name: "t".into(), layers: vec![LayerShape::gemm("g", gemm, 1).unwrap()], notes: Vec::new() };
        Grid::new(&Spec::default(), &small(), vec![layers]).unwrap().fingerprint()
    };
    assert_ne!(table(4), table(5), "another table under the same name");
}

#[test]
fn names_that_would_tear_lines_are_refused() {
    let layers = Layers { name: "a\nb".into(), layers: Vec::new(), notes: Vec::new() };
    let error = Grid::new(&Spec::default(), &small(), vec![layers]).unwrap_err().to_string();
    assert_eq!(error, "topologies: \"a\\nb\" would tear a line of the table; give its file another name");
}
