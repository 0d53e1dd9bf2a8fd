//! `crumb sweep`: its table, its shards, and what it refuses.

use crate::cli_support::{Folder, crumb, json, printed, refusal, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The rows of a table by their keys.
fn rows(path: &Path) -> BTreeMap<[String; 3], BTreeMap<String, String>> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let row = |record: csv::StringRecord| {
        let cells: BTreeMap<_, _> = names.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
        (["machine", "network", "precision"].map(|key| cells[key].clone()), cells)
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

const GRID: [&str; 10] = [
    "--config",
    "large",
    "--rows",
    "8,16",
    "--drain-banks",
    "1,4",
    "--networks",
    "resnet18,tinyllama_1_1b_decode",
    "--act-bits",
    "8,4",
];

fn sweep(out: &Path, more: &[&str]) -> Value {
    json(&[&["sweep", "--json", "--out", text(out)], &GRID[..], more].concat())
}

/// A row is what `crumb estimate` says of its point.
#[test]
fn a_row_is_an_estimate() {
    let folder = Folder::new();
    let out = folder.file("s.csv");
    let report = sweep(&out, &[]);
    assert_eq!((&report["points"], &report["computed"], &report["present"]), (&48.into(), &48.into(), &0.into()));
    let rows = rows(&out);
    assert_eq!(rows.len(), 4 * 2 * 6);
    let machine = "r16_c16_d1_al2048_ww2048_wb4_pe64_ar512_db4_sb128";
    for network in ["resnet18", "tinyllama_1_1b_decode"] {
        let estimate = ["estimate", "--network", network, "--config", "large"];
        let table = printed(&[&estimate[..], &["--csv"]].concat());
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let names = reader.headers().unwrap().clone();
        let totals = reader.records().map(Result::unwrap).filter(|record| &record[0] == "total" && !record[1].starts_with("a2"));
        let mut precisions = 0;
        for total in totals {
            let row = &rows[&[machine, network, &total[1]].map(str::to_owned)];
            // As text: JSON's numbers are read one unit in the last place off.
            let same: Vec<_> = names.iter().zip(&total).filter(|(name, _)| row.contains_key(*name)).collect();
            assert_eq!(same.len(), 25, "{same:?}");
            for (name, value) in same {
                assert_eq!(row[name], value, "{network} {name}");
            }
            assert_eq!(row["refused"], "");
            precisions += 1;
        }
        assert_eq!(precisions, 6);
        let whole = json(&[&estimate[..], &["--json"]].concat());
        for expected in whole["precisions"].as_array().unwrap() {
            let precision = expected["precision"].as_str().unwrap();
            if let Some(row) = rows.get(&[machine, network, precision].map(str::to_owned)) {
                assert_eq!(row["resident_words"], expected["resident_words"].to_string(), "{network} {precision}");
            }
        }
    }
    // 16 x 16 PEs; 32, 512, 8 and 256 KiB, as docs/configurations.md has them.
    let large = &rows[&[machine, "resnet18", "a8w8"].map(str::to_owned)];
    let bits = ["activation", "weight", "parameter", "accumulator"].map(|memory| large[&format!("{memory}_memory_bits")].clone());
    assert_eq!(bits, [32, 512, 8, 256].map(|kib| (8192 * kib).to_string()));
    assert_eq!((large["memory_bits"].as_str(), large["pes"].as_str()), ("6619136", "256"));
}

/// Whatever ends a run, the next one has the same table; and nothing is computed twice.
#[test]
fn a_second_run_goes_on() {
    let folder = Folder::new();
    let (out, again) = (folder.file("s.csv"), folder.file("again.csv"));
    sweep(&out, &[]);
    let whole = std::fs::read(&out).unwrap();
    std::fs::write(&again, &whole[..whole.len() / 2]).unwrap();
    let report = sweep(&again, &[]);
    assert_eq!(report["repaired"], true);
    let (computed, present) = (report["computed"].as_u64().unwrap(), report["present"].as_u64().unwrap());
    assert!(computed > 0 && present > 0 && computed + present == 48, "{report}");
    assert_eq!(std::fs::read(&again).unwrap(), whole);
    let said = printed(&[&["sweep", "--out", text(&again)], &GRID[..]].concat());
    let expected = "again.csv: 48 points, 0 computed, 48 were there\n4 machines x 2 networks x 6 precisions\n";
    assert!(said.ends_with(expected), "{said}");
    let other = refusal(&["sweep", "--config", "large", "--networks", "resnet18", "--out", text(&again)]);
    assert!(other.contains("again.csv: it holds results of another grid ("), "{other}");
    assert!(other.ends_with("continue it; or give another --out, or remove the file\n"), "{other}");
    assert_eq!(std::fs::read(&again).unwrap(), whole);
}

#[test]
fn shards_are_merged_to_the_whole() {
    let folder = Folder::new();
    let (out, merged) = (folder.file("s.csv"), folder.file("merged.csv"));
    sweep(&out, &[]);
    let names = [1, 2, 3].map(|i| {
        let report = sweep(&out, &["--shard", &format!("{i}/3")]);
        assert_eq!((&report["points"], &report["shard"]), (&16.into(), &format!("{i}/3").into()));
        report["out"].as_str().unwrap().to_owned()
    });
    assert!(names[1].ends_with("s.2-of-3.csv"));
    let merge = |names: &[&str]| {
        [&["sweep", "--out", text(&merged), "--merge"][..], names].concat().iter().map(|&s| s.to_owned()).collect::<Vec<_>>()
    };
    let words = merge(&[&names[2], &names[0], &names[1]]);
    let said = printed(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(said.ends_with("merged.csv: 48 points of 3 shards\n"), "{said}");
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&merged).unwrap());
    let words = merge(&[&names[2], &names[0]]);
    let said = refusal(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(said, "error: no table is of shard 2/3; run them, and give their tables too\n");
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&merged).unwrap(), "a failed merge changes nothing");
    let own = ["sweep", "--out", &names[0], "--merge", &names[0], &names[1], &names[2]];
    assert!(refusal(&own).contains("that is the file of --merge; give another"));
}

/// The same grid from a file, whose tables lie beside it.
#[test]
fn a_file_says_what_arguments_say() {
    let folder = Folder::new();
    folder.write("layers.csv", "Layer, M, N, K,\nfc, 40, 10, 300,\n");
    folder.write("mine.toml", &std::fs::read_to_string("../arch/configs/small.toml").unwrap());
    let grid = folder.write(
        "grid.toml",
        "config = 'mine.toml'\nrows = [4, 8]\nstream_bits = ['line', 24]\nnetworks = ['mobilenet_v2']\n\
         topologies = ['layers.csv']\nact_bits = [4]\nweight_bits = [6]\nbatch = 3\n",
    );
    let (a, b) = (folder.file("a.csv"), folder.file("b.csv"));
    let report = json(&["sweep", "--grid", text(&grid), "--out", text(&a), "--json"]);
    assert_eq!((&report["points"], &report["invalid"]), (&4.into(), &2.into()));
    let found = rows(&a);
    let fc = &found[&["r4_c8_d1_al2048_ww2048_wb1_pe64_ar512_db1_sb64", "layers.csv", "a4w6"].map(str::to_owned)];
    assert_eq!((fc["macs"].as_str(), fc["batch"].as_str()), ("360000", "3"));
    let config = folder.file("mine.toml");
    let arguments = ["--config", text(&config), "--rows", "4,8", "--stream-bits", "line,24", "--networks", "mobilenet_v2"];
    let more = ["--topology", "layers.csv", "--act-bits", "4", "--weight-bits", "6", "--batch", "3", "--out", text(&b)];
    let output =
        crate::cli_support::command().current_dir(folder.path()).arg("sweep").args(arguments).args(more).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
    let both = crumb(&["sweep", "--grid", text(&grid), "--rows", "8", "--out", text(&a)]);
    assert!(String::from_utf8_lossy(&both.stderr).contains("cannot be used with"));
}

/// What cannot be built, or not be estimated, is said.
#[test]
fn nothing_is_dropped_silently() {
    let folder = Folder::new();
    let said =
        printed(&["sweep", "--list", "--rows", "8,16", "--stream-bits", "48,64", "--networks", "resnet18", "--weight-bits", "8"]);
    let line = |bits| {
        format!(
            "stream_bits = 48: expected a multiple of 8, at most 256, that divides the line of {bits} bits (8 * depth * max(rows, cols))"
        )
    };
    let (small, tall) = ("_c8_d1_al2048_ww2048_wb1_pe64_ar512_db1_sb", "_c8_d1_al2048_ww2048_wb1_pe64_ar512_db1_sb");
    let expected = format!(
        "2 machines x 1 network x 3 precisions\nmachines:\n  r8{small}64\n  r16{tall}64\n2 machines cannot be built, and are in no table:\n       \
         1  {}\n          r16{tall}48\n       1  {}\n          r8{small}48\n",
        line(128),
        line(64)
    );
    assert_eq!(said, expected);
    // A sum of so many products leaves int32.
    let table = folder.write("deep.csv", "Layer, M, N, K,\nfc, 4, 4, 200000,\n");
    let out = folder.file("s.csv");
    let points = ["sweep", "--topology", text(&table), "--networks", "resnet18", "--out", text(&out), "--json"];
    let report = json(&points);
    let rows = rows(&out);
    let refused: Vec<_> = rows.values().filter(|row| !row["refused"].is_empty()).collect();
    assert_eq!((rows.len(), refused.len(), report["refused"].as_u64()), (18, 9, Some(9)));
    for row in &refused {
        assert!(row["refused"].starts_with("layer \"fc\": ") && row["estimated_cycles"].is_empty(), "{row:?}");
    }
    let again = json(&points);
    assert_eq!((&again["refused"], &again["computed"]), (&report["refused"], &0.into()));
    assert_eq!(
        refusal(&["sweep", "--out", text(&out), "--rows", "8"]),
        "error: networks: none is given; name some of resnet18, resnet50, mobilenet_v2, bert_base_128, tinyllama_1_1b_prefill, tinyllama_1_1b_decode, or give a topology\n"
    );
}

/// Pipes and devices would block a sweep, or lose what it continues; a grid without an end would fill the memory.
#[test]
#[cfg(unix)]
fn what_is_no_file_is_refused() {
    for arguments in
        [&["sweep", "--networks", "resnet18", "--out", "/dev/null"][..], &["sweep", "--merge", "/dev/zero", "--out", "/dev/null"]]
    {
        let said = refusal(arguments);
        assert!(
            said.ends_with("it is a pipe, a device or a folder; a table is read again, to go on where it ends: give a file\n"),
            "{said}"
        );
    }
    let said = refusal(&["sweep", "--grid", "/dev/zero", "--list"]);
    assert!(said.contains("/dev/zero: it has more than 16 MiB"), "{said}");
}

/// What a table of layers says and an estimate leaves out is not lost on the way.
#[test]
fn notes_of_tables_are_shown() {
    let folder = Folder::new();
    let table = folder.write("sparse.csv", "Layer, M, N, K, Sparsity,\nfc, 4, 4, 40, 2:4,\n");
    let note = "Sparsity) is left out: layers count as dense";
    let said = printed(&["sweep", "--topology", text(&table), "--list"]);
    assert!(said.contains("sparse.csv: ") && said.contains(note), "{said}");
    let report = json(&["sweep", "--topology", text(&table), "--list", "--json"]);
    assert!(report["notes"][0].as_str().unwrap().contains(note), "{report}");
    let output = crumb(&["estimate", "--topology", text(&table), "--csv"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains(note) && !String::from_utf8_lossy(&output.stdout).contains(note));
}
