//! The table of metrics as comma-separated values; what is not known is an empty cell.

use super::Report;
use super::columns::{COLUMNS, Cell};

/// The text.
///
/// # Errors
/// If it cannot be made.
pub fn text(report: &Report) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.iter().map(|column| column.key))?;
    for row in &report.metrics {
        writer.write_record(COLUMNS.iter().map(|column| match (column.of)(row) {
            Cell::Text(text) => text,
            Cell::Count(value) | Cell::Large(value) => value.to_string(),
            Cell::Number(value) | Cell::Energy(value) | Cell::Share(value) => value.to_string(),
            Cell::Missing => String::new(),
        }))?;
    }
    writer.flush()?;
    Ok(String::from_utf8_lossy(writer.get_ref()).into_owned())
}
