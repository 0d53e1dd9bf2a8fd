use super::super::Spec;
use super::super::{merge, run};
use super::*;
use crumb_arch::ArrayConfig;
use std::fs;

fn grid(text: &str) -> Grid {
    Grid::new(&Spec::from_toml(text, "g").unwrap(), &ArrayConfig::named("tiny").unwrap(), Vec::new()).unwrap()
}

/// Three machines, one network of few layers, four pairs.
fn some() -> Grid {
    grid("rows = [4, 8, 16]\nstream_bits = ['line']\nnetworks = ['bert_base_128']\nact_bits = [8, 2]\nweight_bits = [8, 2]")
}

/// Sweeps a shard into a file, as the command does; how many rows were there.
fn sweep(grid: &Grid, shard: Shard, path: &Path) -> Result<Found, String> {
    let points = shard.of(grid.points());
    let mut table = Table::open(path).unwrap();
    let mut table = table.lock().unwrap();
    let found = table.resume(grid, &Header::of(grid, shard), &points).map_err(|error| error.to_string())?;
    run(grid, &points[found.rows..], &|| {}, |lines| table.append(lines)).unwrap();
    table.finish().unwrap();
    Ok(found)
}

/// A table that was cut at any byte becomes the same again.
#[test]
fn every_torn_end_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let (grid, path) = (some(), folder.path().join("s.csv"));
    assert_eq!(sweep(&grid, Shard::WHOLE, &path).unwrap(), Found::default());
    let whole = fs::read(&path).unwrap();
    assert_eq!(whole.iter().filter(|&&byte| byte == b'\n').count(), 2 + 12);
    let header = Header::of(&grid, Shard::WHOLE);
    let points = Shard::WHOLE.of(12);
    let check = |bytes: &[u8]| check(&mut &bytes[..], &grid, &header, &points).unwrap();
    for end in 0..=whole.len() {
        let (keep, found) = check(&whole[..end]).unwrap();
        let lines = whole[..end].iter().filter(|&&byte| byte == b'\n').count();
        let last = whole[..end].iter().rposition(|&byte| byte == b'\n').map_or(0, |i| i + 1);
        let good = if lines < 2 { 0 } else { last };
        assert_eq!((keep, found.rows, found.repaired), (good as u64, lines.saturating_sub(2), good != end), "{end}");
    }
    for end in [0, 1, 60, 100, whole.len() / 2, whole.len() - 1, whole.len()] {
        fs::write(&path, &whole[..end]).unwrap();
        sweep(&grid, Shard::WHOLE, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole, "{end}");
    }
    // A whole last line that is not a row was torn too: a disk may have kept its end and not its middle.
    fs::write(&path, [&whole[..], b"\0\0\0\n"].concat()).unwrap();
    assert_eq!(sweep(&grid, Shard::WHOLE, &path).unwrap(), Found { rows: 12, refused: 0, repaired: true });
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn what_is_not_this_table_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (grid, path) = (some(), folder.path().join("s.csv"));
    sweep(&grid, Shard::WHOLE, &path).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let swapped = [&lines[..3], &[lines[4], lines[3]], &lines[5..]].concat().concat();
    let cases = [
        (
            "something else".to_owned(),
            "its first line is not that of a table of `crumb sweep` 0.1.0: give another --out, or remove the file",
        ),
        (
            whole.replacen("shard 1/1", "shard 1/2", 1),
            "it holds shard 1/2 of this grid, and this is shard 1/1: give another --out",
        ),
        (
            whole.replacen(&grid.fingerprint(), "0123456789abcdef", 1),
            "it holds results of another grid (0123456789abcdef; this one is ",
        ),
        (whole.replacen(",cols,", ",columns,", 1), "its columns are not those of this version: give another --out"),
        (swapped, "line 4 is not the row of its point; something else has written to the file"),
        (whole.replacen("a8w2,4,4", "a8w2,4", 1), "line 4 is not the row of its point"),
    ];
    for (text, expected) in cases {
        assert_ne!(text, whole, "{expected}");
        fs::write(&path, &text).unwrap();
        let error = sweep(&grid, Shard::WHOLE, &path).unwrap_err();
        assert!(error.starts_with(&format!("{}: {expected}", path.display())), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.csv");
    let (mut one, mut two) = (Table::open(&path).unwrap(), Table::open(&path).unwrap());
    let held = one.lock().unwrap();
    assert!(matches!(two.lock(), Err(SweepError::Busy { .. })));
    drop(held);
    assert!(two.lock().is_ok());
}

/// Merged shards are the whole table, whatever their number and the order in which they are given.
#[test]
fn shards_make_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (grid, path) = (some(), folder.path().join("s.csv"));
    sweep(&grid, Shard::WHOLE, &path).unwrap();
    let whole = fs::read(&path).unwrap();
    for count in [1, 2, 3, 13] {
        let mut paths = Vec::new();
        for shard in Shard::all(count) {
            let path = folder.path().join(format!("{}-of-{count}", shard.index()));
            sweep(&grid, shard, &path).unwrap();
            paths.insert(0, path);
        }
        let mut out = Vec::new();
        merge(&paths).unwrap().write(&mut out).unwrap();
        assert_eq!(out, whole, "{count}");
    }
}

#[test]
fn merging_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (grid, other) = (some(), grid("networks = ['bert_base_128']"));
    let file = |name: &str| folder.path().join(name);
    let paths: Vec<_> = Shard::all(3).map(|shard| file(&format!("{}", shard.index()))).collect();
    for (shard, path) in Shard::all(3).zip(&paths) {
        sweep(&grid, shard, path).unwrap();
    }
    sweep(&other, Shard::WHOLE, &file("other")).unwrap();
    sweep(&grid, "1/2".parse().unwrap(), &file("half")).unwrap();
    fs::copy(&paths[1], file("again")).unwrap();
    let rows = fs::read_to_string(&paths[2]).unwrap();
    let lines: Vec<&str> = rows.split_inclusive('\n').collect();
    fs::write(file("short"), lines[..lines.len() - 1].concat()).unwrap();
    fs::write(file("torn"), &rows[..rows.len() - 9]).unwrap();
    fs::write(file("twice"), [&lines[..lines.len() - 1], &lines[2..3]].concat().concat()).unwrap();
    fs::write(file("text"), "text\n").unwrap();
    fs::write(file("large"), Header { points: usize::MAX, ..Header::of(&grid, Shard::WHOLE) }.to_string()).unwrap();
    fs::write(file("many"), Header { shard: "1/99".parse().unwrap(), ..Header::of(&grid, Shard::WHOLE) }.to_string()).unwrap();
    let name = |name: &str| file(name).display().to_string();
    let cases = [
        (vec!["1", "2"], "no table is of shard 3/3; run them, and give their tables too".to_owned()),
        (vec!["1", "other"], format!("{} and {} are of different grids; give the tables of one", name("1"), name("other"))),
        (vec!["1", "half"], format!("{} and {} are shards 1/3 and 1/2; give shards of one number", name("1"), name("half"))),
        (vec!["1", "2", "again", "3"], format!("{} and {} are both shard 2/3; give one of them", name("2"), name("again"))),
        (vec!["1", "2", "short"], format!("{}: it has 3 of its 4 rows; run its shard again, which continues it", name("short"))),
        (vec!["1", "2", "torn"], format!("{}: line 6 is torn or no row; run its shard again, which repairs it", name("torn"))),
        (
            vec!["1", "2", "twice"],
            format!("{}: line 6 is of a point that has a row already; remove the file and run its shard again", name("twice")),
        ),
        (vec!["text"], format!("{}: its first line is not that of a table of `crumb sweep` 0.1.0; give the tables of all shards", name("text"))),
        (
            vec!["large"],
            format!("{}: its first line is not that of a table of `crumb sweep` 0.1.0; give the tables of all shards", name("large")),
        ),
        (
            vec!["many"],
            "no table is of shard 2/99, 3/99, 4/99, 5/99, 6/99, 7/99, 8/99, 9/99, 10/99, 11/99 and 88 others; run them, and give their tables too".to_owned(),
        ),
        (vec![], "no table is given; give those of all shards".to_owned()),
    ];
    for (names, expected) in cases {
        let paths: Vec<_> = names.iter().map(|name| file(name)).collect();
        assert_eq!(merge(&paths).map(|_| ()).unwrap_err().to_string(), expected);
    }
}

/// What stops a run stops all threads, and the rows before it stay.
#[test]
fn a_failed_write_ends_the_run() {
    let (grid, mut calls) = (some(), 0);
    let full = || SweepError::Merge("the disk is full".into());
    let result = run(&grid, &Shard::WHOLE.of(12), &|| {}, |_| {
        calls += 1;
        if calls == 2 { Err(full()) } else { Ok(()) }
    });
    assert_eq!(result.unwrap_err().to_string(), "the disk is full");
    assert_eq!(calls, 2, "nothing is written after a failure");
}

#[test]
fn a_column_has_a_name_of_its_own_and_a_row_a_cell_for_each() {
    let names: std::collections::HashSet<_> = COLUMNS.iter().map(|column| column.name).collect();
    assert_eq!(names.len(), COLUMNS.len());
    let huge = grid("networks = ['resnet18']\nact_bits = [8]\nweight_bits = [8]");
    let mut text = String::new();
    run(&huge, &[0], &|| {}, |lines| {
        text += lines;
        Ok(())
    })
    .unwrap();
    let cells = cells(text.as_bytes()).unwrap();
    for (column, cell) in COLUMNS.iter().zip(&cells) {
        use super::super::Kind;
        let fits = match column.kind {
            Kind::Text => true,
            Kind::Integer => cell.parse::<u64>().is_ok(),
            Kind::Real => cell.parse::<f64>().is_ok(),
        };
        assert!(fits, "{}: {cell}", column.name);
    }
}
