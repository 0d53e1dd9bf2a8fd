//! A row of a topology table: its cells by column, and the layer that they make.

use super::error::{Place, TopologyError};
use super::header::{Field, Header};
use crate::estimate::layers::{Conv, Gemm, LayerError, LayerShape, RightOperand};

/// The numbers of a row.
struct Sizes<'a> {
    columns: &'a [Field],
    values: Vec<u64>,
}

impl Sizes<'_> {
    /// The value of a column; 1 if the table has no such column, which is what a batch and a stride then are.
    fn get(&self, field: Field) -> u64 {
        let values = self.columns.iter().zip(&self.values);
        values.into_iter().find(|(column, _)| **column == field).map_or(1, |(_, &value)| value)
    }
}

/// The layer of a row; what the row says but the layer does not goes into `notes`, once for each column.
///
/// # Errors
/// A cell that is not what its column holds, or sizes that make no layer.
pub fn layer(place: Place, header: &Header, cells: &[String], notes: &mut Vec<String>) -> Result<LayerShape, TopologyError> {
    let mut sizes = Sizes { columns: &header.columns, values: Vec::new() };
    let mut name = "";
    for (index, &field) in header.columns.iter().enumerate() {
        let cell = cells.get(index).map_or("", String::as_str);
        let mut value = 1;
        match field {
            Field::Name if cell.is_empty() => return Err(place.cell(index, field.name(), None, "the name of a layer")),
            Field::Name => name = cell,
            Field::Sparsity => sparsity(place, index, cell, notes)?,
            Field::Target if cell.is_empty() => {}
            Field::Target => {
                note(notes, format!("column {} (Target) does not change a layer's cycles and is left out", index + 1))
            }
            Field::Unnamed if cell.is_empty() => {}
            Field::Unnamed => unnamed(place, index, cells, notes)?,
            Field::Batch if cell.is_empty() => {}
            _ => value = size(place, index, field, cell)?,
        }
        sizes.values.push(value);
    }
    let beyond = cells.iter().enumerate().skip(header.columns.len()).find(|(_, cell)| !cell.is_empty());
    if let Some((index, cell)) = beyond {
        let expected = format!("no cell: the header has {} columns", header.columns.len());
        return Err(place.cell(index, Field::Unnamed.name(), Some(cell), expected));
    }
    let layer = if header.products { product(name, &sizes) } else { convolution(name, &sizes) };
    layer.map_err(|error| TopologyError::Layer { file: place.file.into(), line: place.line, error })
}

/// A convolution with SCALE-Sim's output size: padding below and to the right holds what hangs over.
fn convolution(name: &str, sizes: &Sizes) -> Result<LayerShape, LayerError> {
    let input = [sizes.get(Field::InputHeight), sizes.get(Field::InputWidth)];
    let kernel = [sizes.get(Field::FilterHeight), sizes.get(Field::FilterWidth)];
    let both = sizes.get(Field::Strides);
    // Only one of the two forms has columns; the other reads as 1.
    let strides = [both.max(sizes.get(Field::StrideHeight)), both.max(sizes.get(Field::StrideWidth))];
    let mut padding = [0; 4];
    for axis in 0..2 {
        let free = input[axis].saturating_sub(kernel[axis]);
        padding[axis + 2] = free.div_ceil(strides[axis]).saturating_mul(strides[axis]) - free;
    }
    let (channels, filters) = (sizes.get(Field::Channels), sizes.get(Field::Filters));
    let (groups, filters) = if name.contains("DP") { (channels, channels.saturating_mul(filters)) } else { (1, filters) };
    LayerShape::conv(name, Conv { input, kernel, channels, filters, strides, padding, groups }, sizes.get(Field::Batch))
}

/// Matrix products; the right operand counts as weights, which is SCALE-Sim's name for it, and a batch as that many products.
fn product(name: &str, sizes: &Sizes) -> Result<LayerShape, LayerError> {
    let (m, n, k) = (sizes.get(Field::M), sizes.get(Field::N), sizes.get(Field::K));
    LayerShape::gemm(name, Gemm { m, n, k, groups: sizes.get(Field::Batch), right: RightOperand::Weights }, 1)
}

/// A whole number from 1.
fn size(place: Place, index: usize, field: Field, cell: &str) -> Result<u64, TopologyError> {
    let digits = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    let value = if digits { cell.parse().ok() } else { None };
    let value = value.filter(|&value: &u64| value > 0);
    value.ok_or_else(|| place.cell(index, field.name(), Some(cell), "a whole number from 1 below 2^64"))
}

/// A ratio `N:M`, or 1 for dense weights.
fn sparsity(place: Place, index: usize, cell: &str, notes: &mut Vec<String>) -> Result<(), TopologyError> {
    if cell.is_empty() || cell == "1" {
        return Ok(());
    }
    let ratio = cell.split_once(':').and_then(|(kept, of)| Some((kept.trim().parse().ok()?, of.trim().parse().ok()?)));
    match ratio.filter(|&(kept, of): &(u64, u64)| 0 < kept && kept <= of) {
        Some((kept, of)) if kept == of => {}
        Some(_) => note(notes, format!("column {} (Sparsity) is left out: layers count as dense", index + 1)),
        None => return Err(place.cell(index, Field::Sparsity.name(), Some(cell), "a ratio such as 2:4, or 1 for dense weights")),
    }
    Ok(())
}

/// A cell below a header cell without text: SCALE-Sim drops whatever follows the last comma, and so do we.
fn unnamed(place: Place, index: usize, cells: &[String], notes: &mut Vec<String>) -> Result<(), TopologyError> {
    let cell = cells.get(index).map_or("", String::as_str);
    if cell.contains(':') {
        return sparsity(place, index, cell, notes);
    }
    if index + 1 < cells.len() {
        let expected = "nothing, as the header has no name here; name the column (Sparsity, Batch Size or Target)";
        return Err(place.cell(index, Field::Unnamed.name(), Some(cell), expected));
    }
    note(notes, format!("column {} has no name and is left out, as SCALE-Sim drops what follows the last comma", index + 1));
    Ok(())
}

/// Adds a note that is not there yet.
fn note(notes: &mut Vec<String>, text: String) {
    if !notes.contains(&text) {
        notes.push(text);
    }
}
