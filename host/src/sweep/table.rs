//! The table of a sweep on disk: a line that says which grid and shard it is of, a line of columns, and a line for each point, in order.
//!
//! ```text
//!   # crumb sweep 0.1.0, grid 85944171f73967e8, 432 points, shard 1/1, keys 2f6a90d1c3b4e587
//!   machine,network,precision,rows,...
//!   r8_c8_...,resnet18,a8w8,8,...
//!   r8_c8_...,resnet18,a8w4,8,..          <- torn by the end of the process: cut off, and computed again
//! ```

use super::grid::MOST_POINTS;
use super::keys::Keys;
use super::record::{CONVERTED, Record, columns, is_converted, next_line};
use super::{Grid, Shard, SweepError};
use fd_lock::{RwLock, RwLockWriteGuard};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

const TITLE: &str = concat!("# crumb sweep ", env!("CARGO_PKG_VERSION"), ", grid ");

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// [`Grid::fingerprint`].
    pub fingerprint: String,
    /// Points of the whole grid.
    pub points: usize,
    /// Which of them are in this table.
    pub shard: Shard,
    /// The keys of these points, in their order.
    pub keys: Keys,
}

impl Header {
    /// The header of a grid's shard.
    pub fn of(grid: &Grid, shard: Shard) -> Self {
        let points = shard.of(grid.points()).into_iter();
        let keys = points.filter_map(|point| Some((point, grid.key(point)?)));
        let keys = keys.fold(Keys::default(), |keys, (point, key)| keys.with(point, key.iter().map(String::as_str)));
        Self { fingerprint: grid.fingerprint(), points: grid.points(), shard, keys }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}{}, {} points, shard {}, keys {}", self.fingerprint, self.points, self.shard, self.keys)
    }
}

impl FromStr for Header {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        if is_converted(line.as_bytes()) && line.starts_with(TITLE) {
            return Err(CONVERTED.into());
        }
        let header = line.strip_prefix(TITLE).and_then(|rest| {
            let (fingerprint, rest) = rest.split_once(", ")?;
            let (points, rest) = rest.trim_end().split_once(" points, shard ")?;
            let (shard, keys) = rest.split_once(", keys ")?;
            let (points, shard, keys) = (points.parse().ok()?, shard.parse().ok()?, keys.parse().ok()?);
            // A number that no grid has would be a list too long for the memory.
            (points <= MOST_POINTS).then_some(())?;
            Some(Self { fingerprint: fingerprint.to_owned(), points, shard, keys })
        });
        header.ok_or_else(|| format!("its first line is not that of a table of `crumb sweep` {}", env!("CARGO_PKG_VERSION")))
    }
}

/// What a table held before this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows that stay.
    pub rows: usize,
    /// Those of them that are refusals.
    pub refused: usize,
    /// Whether a torn end was cut off.
    pub repaired: bool,
}

/// A table's file, which one process at a time may write.
pub struct Table {
    path: PathBuf,
    lock: RwLock<File>,
}

/// A table that no other process writes.
pub struct Locked<'a> {
    path: &'a Path,
    file: RwLockWriteGuard<'a, File>,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SweepError {
    let path = path.to_owned();
    move |source| SweepError::File { action, path, source }
}

impl Table {
    /// Opens a table, or makes an empty file.
    ///
    /// # Errors
    /// If it cannot be read and written, or is a pipe, a device or a folder.
    pub fn open(path: &Path) -> Result<Self, SweepError> {
        regular(path)?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        Ok(Self { path: path.to_owned(), lock: RwLock::new(file.map_err(failed("open", path))?) })
    }

    /// Keeps other processes from writing.
    ///
    /// # Errors
    /// If one of them writes already.
    pub fn lock(&mut self) -> Result<Locked<'_>, SweepError> {
        let path = self.path.as_path();
        match self.lock.try_write() {
            Ok(file) => Ok(Locked { path, file }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(SweepError::Busy { path: path.to_owned() }),
            Err(error) => Err(failed("lock", path)(error)),
        }
    }
}

impl Locked<'_> {
    /// Finds the rows that are there, cuts off a torn end, and makes ready for the next row.
    ///
    /// `points` are those of the header's shard, in order.
    ///
    /// # Errors
    /// A file that cannot be read or cut, or that is not the beginning of this table.
    pub fn resume(&mut self, grid: &Grid, header: &Header, points: &[usize]) -> Result<Found, SweepError> {
        let path = self.path;
        let (keep, found) = check(&mut BufReader::new(&*self.file), grid, header, points)
            .map_err(failed("read", path))?
            .map_err(|problem| SweepError::Table { path: path.to_owned(), problem })?;
        let mut begin = || -> io::Result<()> {
            self.file.set_len(keep)?;
            self.file.seek(SeekFrom::End(0))?;
            if keep == 0 { self.file.write_all((header.to_string() + &columns()).as_bytes()) } else { Ok(()) }
        };
        begin().map_err(failed("write", path))?;
        Ok(found)
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// If they cannot be written; the next run cuts off what was.
    pub fn append(&mut self, lines: &str) -> Result<(), SweepError> {
        self.file.write_all(lines.as_bytes()).map_err(failed("write", self.path))
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> Result<(), SweepError> {
        self.file.sync_all().map_err(failed("write", self.path))
    }
}

/// Refuses what holds no bytes that could be read again; a path where nothing is passes.
pub fn regular(path: &Path) -> Result<(), SweepError> {
    match fs::metadata(path) {
        Ok(data) if !data.is_file() => Err(SweepError::Table {
            path: path.to_owned(),
            problem: "it is a pipe, a device or a folder; a table is read again, to go on where it ends: give a file".into(),
        }),
        _ => Ok(()),
    }
}

/// How many bytes are good, and the rows in them; or why the file is none of this table's.
fn check(reader: &mut impl BufRead, grid: &Grid, header: &Header, points: &[usize]) -> io::Result<Result<(u64, Found), String>> {
    let mut keep = 0;
    for expected in [header.to_string(), columns()] {
        let line = next_line(reader)?;
        if line != expected.as_bytes() {
            let torn = expected.as_bytes().starts_with(&line) && reader.fill_buf()?.is_empty();
            let found = Found { repaired: keep > 0 || !line.is_empty(), ..Found::default() };
            let columns = format!("its columns are not those of this version: {WAY_OUT}");
            let problem = if keep == 0 { other(&line, header) } else { columns };
            return Ok(if torn { Ok((0, found)) } else { Err(problem) });
        }
        keep += line.len() as u64;
    }
    let mut found = Found::default();
    loop {
        let line = next_line(reader)?;
        if line.is_empty() {
            return Ok(Ok((keep, found)));
        }
        match row(&line, points.get(found.rows).and_then(|&point| grid.key(point))) {
            Ok(row) => {
                keep += line.len() as u64;
                found.rows += 1;
                found.refused += usize::from(row.is_refused());
            }
            // A disk may have kept the length of a line and not what is in it: that is zeros.
            Err(_) if (!line.ends_with(b"\n") || line.contains(&0)) && reader.fill_buf()?.is_empty() => {
                return Ok(Ok((keep, Found { repaired: true, ..found })));
            }
            Err(problem) => {
                let text = "something else has written to the file: remove it, or give another --out";
                return Ok(Err(format!("line {} is not the row of its point: {problem}; {text}", found.rows + 3)));
            }
        }
    }
}

/// The row of a point with this key, or why a line is none.
fn row(line: &[u8], key: Option<[String; 3]>) -> Result<Record, String> {
    let row = Record::read(line)?;
    match key {
        None => Err("all points have theirs before it".into()),
        Some(key) if row.key().eq(key.iter()) => Ok(row),
        Some(key) => {
            let found: Vec<_> = row.key().collect();
            Err(format!("found {:?}, expected {:?}", found.join(","), key.join(",")))
        }
    }
}

const WAY_OUT: &str = "give another --out, or remove the file";

/// Why a file with this first line is none of this table's.
fn other(line: &[u8], header: &Header) -> String {
    match String::from_utf8_lossy(line).parse::<Header>() {
        Ok(found) if found.fingerprint != header.fingerprint => format!(
            "it holds results of another grid ({}; this one is {}): the same axes, tables of layers and version continue it; or {WAY_OUT}",
            found.fingerprint, header.fingerprint
        ),
        Ok(found) if found.shard != header.shard => {
            format!("it holds shard {} of this grid, and this is shard {}: {WAY_OUT}", found.shard, header.shard)
        }
        Ok(found) if found.points != header.points => {
            format!("it holds {} points, and this grid has {}: {WAY_OUT}", found.points, header.points)
        }
        Ok(found) => format!("its first line was changed: found keys {}, expected {}: {WAY_OUT}", found.keys, header.keys),
        Err(problem) => format!("{problem}: {WAY_OUT}"),
    }
}

#[cfg(test)]
mod tests;
