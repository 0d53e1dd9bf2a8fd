//! Joins the tables of all shards to that of the whole grid, byte for byte the one of a run without shards.

use super::table::{cells, columns};
use super::{Header, Shard, SweepError};
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// Tables that make up a grid.
pub struct Merged {
    /// Of the whole.
    pub header: Header,
    /// Points that are refused.
    pub refused: usize,
    /// Tables, in the order of their shards.
    tables: Vec<PathBuf>,
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path)?))
}

fn file(path: &Path) -> impl Fn(io::Error) -> SweepError {
    let path = path.to_owned();
    move |source| SweepError::File { action: "read", path: path.clone(), source }
}

/// Checks that tables are those of all shards of one grid, and complete.
///
/// # Errors
/// Tables that cannot be read, are of several grids or shards of several sizes, are given twice, are missing, or end early.
pub fn merge(paths: &[PathBuf]) -> Result<Merged, SweepError> {
    let mut headers: Vec<(&PathBuf, Header)> = Vec::new();
    for path in paths {
        let mut first = String::new();
        open(path).and_then(|mut reader| reader.read_line(&mut first)).map_err(file(path))?;
        let header = first.parse().map_err(|problem: String| table(path, problem + "; give the tables of all shards"))?;
        headers.push((path, header));
    }
    let Some((first, header)) = headers.first().cloned() else {
        return Err(SweepError::Merge("no table is given; give those of all shards".into()));
    };
    let mut tables = BTreeMap::new();
    for (path, found) in &headers {
        let both = format!("{} and {}", first.display(), path.display());
        if found.fingerprint != header.fingerprint || found.points != header.points {
            return Err(SweepError::Merge(format!("{both} are of different grids; give the tables of one")));
        }
        if found.shard.count() != header.shard.count() {
            let (a, b) = (header.shard, found.shard);
            return Err(SweepError::Merge(format!("{both} are shards {a} and {b}; give shards of one number")));
        }
        if let Some(other) = tables.insert(found.shard.index(), *path) {
            let text = format!("{} and {} are both shard {}; give one of them", other.display(), path.display(), found.shard);
            return Err(SweepError::Merge(text));
        }
    }
    let missing = Shard::all(header.shard.count()).filter(|shard| !tables.contains_key(&shard.index()));
    let missing: Vec<_> = missing.map(|shard| shard.to_string()).collect();
    if !missing.is_empty() {
        let (first, rest) = missing.split_at(missing.len().min(10));
        let rest = if rest.is_empty() { String::new() } else { format!(" and {} others", rest.len()) };
        let text = format!("no table is of shard {}{rest}; run them, and give their tables too", first.join(", "));
        return Err(SweepError::Merge(text));
    }
    let (mut keys, mut refused) = (HashSet::new(), 0);
    for (shard, path) in Shard::all(header.shard.count()).zip(tables.values()) {
        refused += complete(path, shard.of(header.points).len(), &mut keys)?;
    }
    let tables = tables.into_values().cloned().collect();
    Ok(Merged { header: Header { shard: Shard::WHOLE, ..header }, refused, tables })
}

fn table(path: &Path, problem: impl Into<String>) -> SweepError {
    SweepError::Table { path: path.to_owned(), problem: problem.into() }
}

/// Checks that a table has so many rows, whose keys no other row has; how many of them are refusals.
fn complete(path: &Path, rows: usize, keys: &mut HashSet<[String; 3]>) -> Result<usize, SweepError> {
    let mut reader = open(path).map_err(file(path))?;
    let (mut found, mut refused, mut line) = (0, 0, Vec::new());
    for number in 1.. {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(file(path))? == 0 {
            break;
        }
        match (number, cells(&line)) {
            (1, _) => {}
            (2, _) if line == columns().as_bytes() => {}
            (3.., Some(cells)) => {
                if !keys.insert([0, 1, 2].map(|i| cells.get(i).unwrap_or_default().to_owned())) {
                    return Err(table(
                        path,
                        format!("line {number} is of a point that has a row already; remove the file and run its shard again"),
                    ));
                }
                found += 1;
                refused += usize::from(cells.iter().next_back().is_some_and(|refused| !refused.is_empty()));
            }
            _ => return Err(table(path, format!("line {number} is torn or no row; run its shard again, which repairs it"))),
        }
    }
    if found == rows {
        Ok(refused)
    } else {
        Err(table(path, format!("it has {found} of its {rows} rows; run its shard again, which continues it")))
    }
}

impl Merged {
    /// Writes the whole table.
    ///
    /// # Errors
    /// If a table cannot be read again, or the whole cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let points = self.header.points;
        let mut shard_of = vec![0; points];
        for (number, shard) in Shard::all(self.tables.len()).enumerate() {
            shard.of(points).into_iter().for_each(|point| shard_of[point] = number);
        }
        let mut readers = self.tables.iter().map(|path| open(path)).collect::<io::Result<Vec<_>>>()?;
        let mut line = Vec::new();
        for reader in &mut readers {
            for _ in 0..2 {
                reader.read_until(b'\n', &mut line)?;
            }
        }
        let mut out = io::BufWriter::new(out);
        write!(out, "{}{}", self.header, columns())?;
        for shard in shard_of {
            line.clear();
            readers[shard].read_until(b'\n', &mut line)?;
            out.write_all(&line)?;
        }
        out.flush()
    }
}
