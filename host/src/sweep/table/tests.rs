use super::super::Spec;
use super::super::{COLUMNS, merge, run};
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

/// A table with another cell, counted from 0 as lines are.
fn with_cell(table: &str, line: usize, cell: usize, text: &str) -> String {
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    let mut cells: Vec<&str> = lines[line].split(',').collect();
    cells[cell] = text;
    lines[line] = cells.join(",");
    lines.join("\n") + "\n"
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
    // A last line of zeros was torn too: a disk may have kept its length and not what is in it.
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
    let header = Header::of(&grid, Shard::WHOLE);
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
        (swapped.clone(), "line 4 is not the row of its point: found \""),
        (
            whole.replacen("a8w2,4,4", "a8w2,4", 1),
            "line 4 is not the row of its point: found 49 cells, expected 50; something else",
        ),
        (
            with_cell(&whole, 3, 24, "banana"),
            "line 4 is not the row of its point: column 25 (estimated_cycles): found \"banana\", expected a whole number; something else",
        ),
        (
            with_cell(&whole, 13, 24, "banana"),
            "line 14 is not the row of its point: column 25 (estimated_cycles): found \"banana\", expected a whole number; something else",
        ),
        (whole.clone() + lines[4], "line 15 is not the row of its point: all points have theirs before it; something else"),
        (whole.clone() + "a note\n", "line 15 is not the row of its point: found 1 cells, expected 50; something else"),
        (
            whole.replace('\n', "\r\n"),
            "its lines end with CR LF, where a table's end with LF alone: convert them back: give another --out, or remove the file",
        ),
        (
            format!("{}{}", lines[..5].concat(), lines[5..].concat().replace('\n', "\r\n")),
            "line 6 is not the row of its point: its lines end with CR LF",
        ),
        (
            whole.replacen(&header.keys.to_string(), "0123456789abcdef", 1),
            "its first line was changed: found keys 0123456789abcdef, expected ",
        ),
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
        merge(&paths).unwrap().write(&mut out).unwrap().unwrap();
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
    fs::write(file("more"), [&lines[..], &lines[2..3]].concat().concat()).unwrap();
    fs::write(file("banana"), with_cell(&rows, 3, 24, "banana")).unwrap();
    fs::write(file("nonsense"), with_cell(&rows, 3, 0, "nonsense")).unwrap();
    fs::write(file("pair"), with_cell(&rows, 3, 2, "a4w4")).unwrap();
    fs::write(file("ends"), rows.replace('\n', "\r\n")).unwrap();
    fs::write(file("end"), rows.replacen(lines[2], &lines[2].replace('\n', "\r\n"), 1)).unwrap();
    fs::File::create(file("zeros")).unwrap().set_len(1 << 32).unwrap();
    let (again, row) = ("remove it and run its shard again", lines[3].split(',').collect::<Vec<_>>());
    let (machine, pair) = (row[0], row[2]);
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
        (vec!["1", "2", "torn"], format!("{}: line 6 is torn; run its shard again, which repairs it", name("torn"))),
        (
            vec!["1", "2", "banana"],
            format!("{}: line 4 is no row: column 25 (estimated_cycles): found \"banana\", expected a whole number; {again}", name("banana")),
        ),
        (
            vec!["1", "2", "nonsense"],
            format!("{}: line 4 is no row: column 1 (machine): found \"nonsense\", expected \"{machine}\", as the row's sizes are; {again}", name("nonsense")),
        ),
        (
            vec!["1", "2", "pair"],
            format!("{}: line 4 is no row: column 3 (precision): found \"a4w4\", expected \"{pair}\", as the row's widths are; {again}", name("pair")),
        ),
        (vec!["1", "2", "more"], format!("{}: it has 5 rows, and its shard has 4; {again}", name("more"))),
        (
            vec!["1", "2", "ends"],
            format!("{}: its lines end with CR LF, where a table's end with LF alone: convert them back; give the tables of all shards", name("ends")),
        ),
        (vec!["1", "2", "end"], format!("{}: line 3 is no row: its lines end with CR LF, where a table's end with LF alone: convert them back; {again}", name("end"))),
        (
            vec!["zeros"],
            format!("{}: its first line is not that of a table of `crumb sweep` 0.1.0; give the tables of all shards", name("zeros")),
        ),
        (
            vec!["."],
            format!("{}: it is a pipe, a device or a folder; a table is read again, to go on where it ends: give a file", name(".")),
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

/// Rows of the grid, each whole, that are not where they belong.
#[test]
fn merging_finds_rows_of_other_points() {
    let folder = tempfile::tempdir().unwrap();
    let grid = some();
    let paths: Vec<_> = Shard::all(2).map(|shard| folder.path().join(format!("{}", shard.index()))).collect();
    for (shard, path) in Shard::all(2).zip(&paths) {
        sweep(&grid, shard, path).unwrap();
    }
    let (one, two) = (fs::read_to_string(&paths[0]).unwrap(), fs::read_to_string(&paths[1]).unwrap());
    let (one, two): (Vec<_>, Vec<_>) = (one.split_inclusive('\n').collect(), two.split_inclusive('\n').collect());
    let swapped = [&one[..2], &[one[3], one[2]], &one[4..]].concat();
    let twice = [&one[..3], &one[2..3], &one[4..]].concat();
    let others = [&one[..2], &two[2..]].concat();
    for table in [swapped, twice, others] {
        assert_eq!(table.len(), one.len());
        fs::write(&paths[0], table.concat()).unwrap();
        let error = merge(&paths).map(|_| ()).unwrap_err().to_string();
        let expected = format!("{}: its rows are not those of its points in their order: found keys ", paths[0].display());
        assert!(error.starts_with(&expected) && error.ends_with("; remove it and run its shard again"), "{error}");
    }
    fs::write(&paths[0], one.concat()).unwrap();
    assert!(merge(&paths).is_ok());
}

/// What ends between the check and the writing is not half a table.
#[test]
fn a_shard_that_changes_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.csv");
    sweep(&some(), Shard::WHOLE, &path).unwrap();
    let merged = merge(std::slice::from_ref(&path)).unwrap();
    fs::write(&path, "").unwrap();
    let said = |merged: &super::super::Merged| merged.write(&mut Vec::new()).unwrap_err().to_string();
    assert_eq!(said(&merged), format!("{}: it was changed while it was read; merge again", path.display()));
    fs::remove_file(&path).unwrap();
    assert!(said(&merged).starts_with(&format!("cannot read {}: ", path.display())));
}

/// What is no file holds nothing that a second run could read.
#[test]
fn a_table_is_a_regular_file() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), Path::new("/dev/null")] {
        let error = Table::open(path).map(|_| ()).unwrap_err().to_string();
        assert!(
            error.ends_with("it is a pipe, a device or a folder; a table is read again, to go on where it ends: give a file"),
            "{error}"
        );
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
    let row = Record::read(text.as_bytes()).unwrap();
    assert_eq!(row.key().collect::<Vec<_>>(), huge.key(0).unwrap());
    assert!(!row.is_refused());
    assert_eq!(COLUMNS[super::super::row::MEASURED].name, "macs");
}
