//! A line of a table: cells as text, and a row read back, of which every cell is what its column says.

use super::Field;
use super::row::{COLUMNS, KEY, Kind, MEASURED};
use std::io::{self, BufRead, Read};

/// Longest line that is read, in bytes: no row comes near it, and a file without lines is not read whole.
pub const LONGEST_LINE: usize = 1 << 20;

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

/// A line with its end, or what is left of it; nothing at the end of the file.
pub fn next_line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.take(LONGEST_LINE as u64).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Whether a line is whole, and its end that of another system.
pub fn is_converted(line: &[u8]) -> bool {
    line.ends_with(b"\r\n")
}

/// What to say of [`is_converted`] lines.
pub const CONVERTED: &str = "its lines end with CR LF, where a table's end with LF alone: convert them back";

/// A row that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record(csv::StringRecord);

impl Record {
    /// Reads a line.
    ///
    /// # Errors
    /// What is not as it would have been written: the column, what was found, and what is expected.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let whole = bytes.strip_suffix(b"\n").ok_or("it has no end")?;
        if is_converted(bytes) {
            return Err(CONVERTED.into());
        }
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(whole);
        let mut cells = csv::StringRecord::new();
        reader.read_record(&mut cells).map_err(|_| "it is no UTF-8 text".to_owned())?;
        if cells.len() != COLUMNS.len() {
            return Err(format!("found {} cells, expected {}", cells.len(), COLUMNS.len()));
        }
        let record = Self(cells);
        record.check()?;
        if line(&record.0.iter().collect::<Vec<_>>()).as_bytes() != bytes {
            return Err("its cells are quoted in another way than a table's".into());
        }
        Ok(record)
    }

    /// The first cells, which no other row has.
    pub fn key(&self) -> impl Iterator<Item = &str> {
        self.0.iter().take(KEY)
    }

    /// Whether the row says why there is no estimate.
    pub fn is_refused(&self) -> bool {
        !self.cell(COLUMNS.len() - 1).is_empty()
    }

    fn cell(&self, index: usize) -> &str {
        self.0.get(index).unwrap_or_default()
    }

    fn check(&self) -> Result<(), String> {
        let refused = self.is_refused();
        for (index, (column, cell)) in COLUMNS.iter().zip(&self.0).take(COLUMNS.len() - 1).enumerate() {
            let problem = match column.kind {
                _ if refused && index >= MEASURED => (!cell.is_empty()).then_some("nothing, as the point is refused"),
                Kind::Text => cell.is_empty().then_some("a name"),
                Kind::Integer => (!is_integer(cell)).then_some("a whole number"),
                Kind::Real => (!is_real(cell)).then_some("a number"),
            };
            if let Some(expected) = problem {
                return Err(self.wrong(index, expected));
            }
        }
        // A machine's and a pair's name say what the numbers beside them say.
        let sizes = Field::ALL.map(Field::initials).into_iter().zip((KEY..).map(|index| self.cell(index)));
        let name = sizes.map(|(initials, size)| format!("{initials}{size}")).collect::<Vec<_>>().join("_");
        if self.cell(0) != name {
            return Err(self.wrong(0, &format!("{name:?}, as the row's sizes are")));
        }
        let widths = KEY + Field::ALL.len();
        let pair = format!("a{}w{}", self.cell(widths), self.cell(widths + 1));
        if self.cell(2) == pair { Ok(()) } else { Err(self.wrong(2, &format!("{pair:?}, as the row's widths are"))) }
    }

    fn wrong(&self, index: usize, expected: &str) -> String {
        let name = COLUMNS.get(index).map_or("", |column| column.name);
        format!("column {} ({name}): found {:?}, expected {expected}", index + 1, self.cell(index))
    }
}

/// As numbers are written: no sign, no zeros before the first digit.
fn is_integer(cell: &str) -> bool {
    cell.parse::<u64>().is_ok_and(|number| number.to_string() == cell)
}

fn is_real(cell: &str) -> bool {
    cell.parse::<f64>().is_ok_and(|number| number.is_finite() && number.to_string() == cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_finite_and_as_they_are_written() {
        assert!(["0", "0.5", "12.25"].into_iter().all(is_real));
        assert!(["inf", "NaN", "-inf", "1e3", "0.50", "", "banana"].into_iter().all(|cell| !is_real(cell)));
    }
}
