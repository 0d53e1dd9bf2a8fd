//! Joins the tables of all shards to that of the whole grid, byte for byte the one of a run without shards.

use super::keys::Keys;
use super::record::{CONVERTED, LONGEST_LINE, Record, columns, is_converted, next_line};
use super::table::regular;
use super::{Header, Shard, SweepError};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Tables that make up a grid.
pub struct Merged {
    /// Of the whole.
    pub header: Header,
    /// Points that are refused.
    pub refused: usize,
    /// Tables, in the order of their shards.
    tables: Vec<PathBuf>,
    /// The shard of each point, from 0.
    shards: Vec<usize>,
}

fn open(path: &Path) -> Result<BufReader<File>, SweepError> {
    regular(path)?;
    Ok(BufReader::new(File::open(path).map_err(file(path))?))
}

fn file(path: &Path) -> impl Fn(io::Error) -> SweepError {
    let path = path.to_owned();
    move |source| SweepError::File { action: "read", path: path.clone(), source }
}

fn table(path: &Path, problem: impl Into<String>) -> SweepError {
    SweepError::Table { path: path.to_owned(), problem: problem.into() }
}

/// Checks that tables are those of all shards of one grid, and complete.
///
/// # Errors
/// Tables that cannot be read, are of several grids or shards of several sizes, are given twice, are missing, end early, or have
/// other rows than those of their points.
pub fn merge(paths: &[PathBuf]) -> Result<Merged, SweepError> {
    let mut headers: Vec<(&PathBuf, Header)> = Vec::new();
    for path in paths {
        let first = next_line(&mut open(path)?).map_err(file(path))?;
        let header = String::from_utf8_lossy(&first).parse();
        headers.push((path, header.map_err(|problem: String| table(path, problem + "; give the tables of all shards"))?));
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
        if let Some((other, _)) = tables.insert(found.shard.index(), (*path, found)) {
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
    let shards = Shard::of_each(header.points, tables.len());
    let mut points = vec![Vec::new(); tables.len()];
    shards.iter().enumerate().for_each(|(point, &shard)| points[shard].push(point));
    let (mut keys, mut refused) = (Keys::default(), 0);
    for ((path, header), points) in tables.values().zip(&points) {
        refused += complete(path, header, points)?;
        keys = keys.and(header.keys);
    }
    let tables = tables.into_values().map(|(path, _)| path.clone()).collect();
    Ok(Merged { header: Header { shard: Shard::WHOLE, keys, ..header }, refused, tables, shards })
}

const AGAIN: &str = "remove it and run its shard again";

/// Checks that a table has a row for each of its points, in their order; how many of them are refusals.
fn complete(path: &Path, header: &Header, points: &[usize]) -> Result<usize, SweepError> {
    let mut reader = open(path)?;
    let (mut rows, mut refused, mut keys) = (0, 0, Keys::default());
    for number in 1.. {
        let line = next_line(&mut reader).map_err(file(path))?;
        if line.is_empty() {
            break;
        }
        match (number, Record::read(&line)) {
            (1, _) => {}
            (2, _) if line == columns().as_bytes() => {}
            (2, _) if is_converted(&line) => return Err(table(path, format!("{CONVERTED}, or {AGAIN}"))),
            (2, _) => return Err(table(path, format!("its columns are not those of this version; {AGAIN}"))),
            (_, Ok(row)) => {
                if let Some(&point) = points.get(rows) {
                    keys = keys.with(point, row.key());
                }
                rows += 1;
                refused += usize::from(row.is_refused());
            }
            (_, Err(_)) if !line.ends_with(b"\n") && reader.fill_buf().map_err(file(path))?.is_empty() => {
                return Err(table(path, format!("line {number} is torn; run its shard again, which repairs it")));
            }
            (_, Err(problem)) => return Err(table(path, format!("line {number} is no row: {problem}; {AGAIN}"))),
        }
    }
    if rows < points.len() {
        return Err(table(path, format!("it has {rows} of its {} rows; run its shard again, which continues it", points.len())));
    }
    if rows > points.len() {
        return Err(table(path, format!("it has {rows} rows, and its shard has {}; {AGAIN}", points.len())));
    }
    if keys != header.keys {
        let found = format!("found keys {keys}, expected {}", header.keys);
        return Err(table(path, format!("its rows are not those of its points in their order: {found}; {AGAIN}")));
    }
    Ok(refused)
}

/// Memory for what is read ahead of all shards together, in bytes.
const READ_AHEAD: usize = 64 << 20;

/// A table that is read in pieces, and open only meanwhile: a process may have fewer files open than there are shards.
struct Rows<'a> {
    path: &'a Path,
    /// Where in the file the next piece begins.
    offset: u64,
    buffer: Vec<u8>,
    /// How much of the buffer is used up.
    used: usize,
}

impl Rows<'_> {
    /// The next line, with its end; pieces are of `piece` bytes, or of as many as a line needs.
    fn next(&mut self, piece: usize) -> Result<&[u8], SweepError> {
        loop {
            let rest = self.buffer.get(self.used..).unwrap_or_default();
            if let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
                let begin = self.used;
                self.used += end + 1;
                return Ok(&self.buffer[begin..self.used]);
            }
            self.buffer.drain(..self.used);
            self.used = 0;
            let read = self.read(piece).map_err(file(self.path))?;
            if read == 0 || self.buffer.len() > LONGEST_LINE {
                return Err(table(self.path, "it was changed while it was read; merge again"));
            }
        }
    }

    fn read(&mut self, piece: usize) -> io::Result<usize> {
        let mut file = File::open(self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let read = file.take(piece as u64).read_to_end(&mut self.buffer)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl Merged {
    /// Writes the whole table, with 64 MiB of what is read ahead or a line of each shard, whichever is more.
    ///
    /// # Errors
    /// If a table cannot be read again; inside, if the whole cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> Result<io::Result<()>, SweepError> {
        let piece = (READ_AHEAD / self.tables.len().max(1)).clamp(1 << 9, LONGEST_LINE);
        let rows = |path| Rows { path, offset: 0, buffer: Vec::new(), used: 0 };
        let mut tables: Vec<_> = self.tables.iter().map(|path| rows(path.as_path())).collect();
        for table in &mut tables {
            table.next(piece)?;
            table.next(piece)?;
        }
        let mut out = io::BufWriter::new(out);
        let mut written = write!(out, "{}{}", self.header, columns());
        for &shard in &self.shards {
            let row = tables[shard].next(piece)?;
            written = written.and_then(|()| out.write_all(row));
            if written.is_err() {
                return Ok(written);
            }
        }
        Ok(written.and_then(|()| out.flush()))
    }
}
