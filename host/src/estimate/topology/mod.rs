//! Reads SCALE-Sim's topology tables (CSV): one layer a line, as convolutions or as matrix products.
//!
//! The header tells the two apart; its first columns have SCALE-Sim's order. Accepted besides: a trailing comma or none,
//! either line end, blank lines, comments (from a cell that begins with `#`), quoted cells, strides in one column or two,
//! a batch, and columns that do not change the shape (see [`Topology::notes`]).
//!
//! SCALE-Sim has no padding, and its output size `ceil((size - kernel + stride) / stride)` rounds up, so the last window may
//! hang over the lower or right edge. The layers read keep those outputs: the overhang becomes padding below and to the
//! right, and every model sees the same products. A convolution with `DP` in its name is depthwise, as in SCALE-Sim
//! (`scalesim/topology_utils.py`): each channel alone meets the given number of filters.

mod error;
mod header;
mod row;

pub use error::TopologyError;

use super::layers::LayerShape;
use error::Place;
use header::Header;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest file that is read, in bytes: some five thousand layers.
const LARGEST_FILE: u64 = 256 << 10;

/// The layers of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Layers in the order of the table.
    pub layers: Vec<LayerShape>,
    /// What the table says but the layers do not: sparsity, unknown columns. Sentences to show to the user.
    pub notes: Vec<String>,
}

impl Topology {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or as [`Topology::parse`].
    pub fn read(path: &Path) -> Result<Self, TopologyError> {
        let name = path.display().to_string();
        let failed = |reason: String| TopologyError::File { file: name.clone(), reason };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| failed(error.to_string()))?;
        file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(failed("it has more than 256 KiB; a topology has a line for each layer".into()));
        }
        Self::parse(&name, &bytes)
    }

    /// Reads the text of a table; `file` is its name in messages.
    ///
    /// # Errors
    /// The first cell that is not what it should be, or a layer that cannot be.
    pub fn parse(file: &str, text: &[u8]) -> Result<Self, TopologyError> {
        let failed = |reason: &str| TopologyError::File { file: file.into(), reason: reason.into() };
        let text = std::str::from_utf8(text).map_err(|error| {
            let line = text.iter().take(error.valid_up_to()).filter(|&&byte| byte == b'\n').count() + 1;
            failed(&format!("line {line} is not UTF-8 text; give a CSV file"))
        })?;
        let (mut header, mut topology) = (None, Self { layers: Vec::new(), notes: Vec::new() });
        for (line, text) in (1..).zip(text.lines()) {
            let place = Place { file, line };
            for cells in cells(text).map_err(|reason| failed(&format!("line {line}: {reason}")))? {
                match &header {
                    None => header = Some(Header::parse(place, &cells)?),
                    Some(header) => topology.layers.push(row::layer(place, header, &cells, &mut topology.notes)?),
                }
            }
        }
        if topology.layers.is_empty() {
            return Err(failed("it has no layers; give a header line and a line for each layer"));
        }
        Ok(topology)
    }
}

/// The cells of each row on a line, up to a comment; rows without content are left out.
///
/// Lines are split one by one, so that a quote that is never closed spoils one line and not the rest of the file.
fn cells(line: &str) -> Result<Vec<Vec<String>>, String> {
    if line.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(line.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let row: Vec<String> = record.iter().take_while(|cell| !cell.starts_with('#')).map(String::from).collect();
        if row.iter().any(|cell| !cell.is_empty()) {
            rows.push(row);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
