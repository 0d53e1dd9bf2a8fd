//! The table of a sweep on disk: a line that says which grid and shard it is of, a line of columns, and a line for each point, in order.
//!
//! ```text
//!   # crumb sweep 0.1.0, grid 85944171f73967e8, 432 points, shard 1/1
//!   machine,network,precision,rows,...
//!   r8_c8_...,resnet18,a8w8,8,...
//!   r8_c8_...,resnet18,a8w4,8,..          <- torn by the end of the process: cut off, and computed again
//! ```

use super::grid::MOST_POINTS;
use super::row::{COLUMNS, KEY};
use super::{Grid, Shard, SweepError};
use fd_lock::{RwLock, RwLockWriteGuard};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
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
}

impl Header {
    /// The header of a grid's shard.
    pub fn of(grid: &Grid, shard: Shard) -> Self {
        Self { fingerprint: grid.fingerprint(), points: grid.points(), shard }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}{}, {} points, shard {}", self.fingerprint, self.points, self.shard)
    }
}

impl FromStr for Header {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let header = line.strip_prefix(TITLE).and_then(|rest| {
            let (fingerprint, rest) = rest.split_once(", ")?;
            let (points, shard) = rest.trim_end().split_once(" points, shard ")?;
            let (points, shard) = (points.parse().ok()?, shard.parse().ok()?);
            // A number that no grid has would be a list too long for the memory.
            (points <= MOST_POINTS).then_some(())?;
            Some(Self { fingerprint: fingerprint.to_owned(), points, shard })
        });
        header.ok_or_else(|| format!("its first line is not that of a table of `crumb sweep` {}", env!("CARGO_PKG_VERSION")))
    }
}

/// Cells as a line, quoted where they must be.
pub fn line<T: AsRef<[u8]>>(cells: &[T]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Memory takes every byte, and cells come from strings.
    let bytes = writer.write_record(cells).ok().and_then(|()| writer.into_inner().ok());
    String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
}

/// The line of columns.
pub fn columns() -> String {
    line(&COLUMNS.map(|column| column.name))
}

/// The cells of a line that is a whole row.
pub fn cells(line: &[u8]) -> Option<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.strip_suffix(b"\n")?);
    let mut record = csv::StringRecord::new();
    let found = reader.read_record(&mut record).ok()?;
    (found && record.len() == COLUMNS.len()).then_some(record)
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
    /// If it cannot be read and written.
    pub fn open(path: &Path) -> Result<Self, SweepError> {
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
        match self.file.sync_all() {
            // A pipe or a device has no disk behind it.
            Err(error) if error.kind() != ErrorKind::InvalidInput => Err(failed("write", self.path)(error)),
            _ => Ok(()),
        }
    }
}

/// A line with its end, or what is left of it.
fn next_line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    // No row is longer than this; a file without lines is not read whole.
    reader.take(1 << 20).read_until(b'\n', &mut line)?;
    Ok(line)
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
        let expected = points.get(found.rows).and_then(|&point| grid.key(point));
        let row = cells(&line).filter(|row| expected.is_some_and(|key| row.iter().take(KEY).eq(key.iter())));
        if let Some(row) = row {
            keep += line.len() as u64;
            found.rows += 1;
            found.refused += usize::from(row.iter().next_back().is_some_and(|refused| !refused.is_empty()));
        } else if reader.fill_buf()?.is_empty() {
            found.repaired = !line.is_empty();
            return Ok(Ok((keep, found)));
        } else {
            let text = "is not the row of its point; something else has written to the file: remove it, or give another --out";
            return Ok(Err(format!("line {} {text}", found.rows + 3)));
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
        Ok(found) => format!("it holds {} points, and this grid has {}: {WAY_OUT}", found.points, header.points),
        Err(problem) => format!("{problem}: {WAY_OUT}"),
    }
}

#[cfg(test)]
mod tests;
