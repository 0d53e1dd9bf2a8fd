//! The columns of the table of metrics: one list for the page and for CSV.

use super::metrics::Metrics;

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A name.
    Text(String),
    /// A count that is read to its last digit.
    Count(u64),
    /// A count that is read by its size.
    Large(u64),
    /// A quantity.
    Number(f64),
    /// A share of 1.
    Share(f64),
    /// What is not known.
    Missing,
}

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Its name in JSON and CSV.
    pub key: &'static str,
    /// Its heading for readers, with the unit; none for what the page says elsewhere.
    pub heading: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// A row's cell.
    pub of: fn(&Metrics) -> Cell,
}

fn count(value: Option<u64>) -> Cell {
    value.map_or(Cell::Missing, Cell::Count)
}

fn large(value: Option<u64>) -> Cell {
    value.map_or(Cell::Missing, Cell::Large)
}

fn number(value: Option<f64>) -> Cell {
    value.map_or(Cell::Missing, Cell::Number)
}

fn share(value: Option<f64>) -> Cell {
    value.map_or(Cell::Missing, Cell::Share)
}

const fn column(key: &'static str, heading: &'static str, meaning: &'static str, of: fn(&Metrics) -> Cell) -> Column {
    Column { key, heading, meaning, of }
}

/// All columns, the name first.
pub const COLUMNS: [Column; 23] = [
    column("name", "precision", "activations' and weights' bits, a plan's file, or a baseline", |row| {
        Cell::Text(row.name.clone())
    }),
    column("cycles", "cycles", "clock cycles, loads and drains included", |row| count(row.cycles)),
    column("exact", "", "whether cycles are exact; otherwise no fewer than these", |row| match row.cycles {
        Some(_) => Cell::Text(if row.exact { "yes" } else { "at least" }.into()),
        None => Cell::Missing,
    }),
    column("speedup", "speed-up", "cycles of all layers at 8 bits over these", |row| number(row.speedup)),
    column("milliseconds", "time, ms", "cycles over the clock", |row| number(row.milliseconds)),
    column("tops", "TOPS", "two operations for each multiply-accumulate, over the time", |row| number(row.tops)),
    column("utilisation", "utili\u{ad}sation", "share of the array's bit operations that are the network's", |row| {
        share(row.utilisation)
    }),
    column("energy_uj", "energy, \u{b5}J", "by the energy file, external memory included", |row| number(row.energy_uj)),
    column("energy_gain", "energy gain", "energy of all layers at 8 bits by the same file, over this", |row| {
        number(row.energy_gain)
    }),
    column("tops_per_watt", "TOPS/W", "two operations for each multiply-accumulate, over the energy", |row| {
        number(row.tops_per_watt)
    }),
    column("accuracy", "accuracy", "share of labelled images classified correctly", |row| share(row.accuracy)),
    column("macs", "MACs", "multiply-accumulates of the network", |row| Cell::Large(row.macs)),
    column("bops", "BOPs", "bit operations: multiply-accumulates times both widths", |row| Cell::Large(row.bops)),
    column("bops_without_zeros", "BOPs, no zeros", "the same without weights that are 0 at their width", |row| {
        large(row.bops_without_zeros)
    }),
    column("weight_bytes", "weights packed, B", "bytes if each layer's weights were stored at its width", |row| {
        Cell::Large(row.weight_bytes)
    }),
    column(
        "weight_bytes_stored",
        "weights stored, B",
        "bytes that are stored: Crumb keeps one int8 copy for all widths",
        |row| large(row.weight_bytes_stored),
    ),
    column("weight_bytes_read", "weights read, B", "bytes read from the weight memory", |row| large(row.weight_bytes_read)),
    column("first_last_macs", "ends: MACs", "the first and the last layer's share of multiply-accumulates", |row| {
        share(row.first_last.macs)
    }),
    column("first_last_cycles", "ends: cycles", "their share of cycles", |row| share(row.first_last.cycles)),
    column("first_last_weight_bytes", "ends: weights", "their share of packed weight bytes", |row| {
        share(row.first_last.weight_bytes)
    }),
    column("first_last_energy", "ends: energy", "their share of energy", |row| share(row.first_last.energy)),
    column("energy_table", "energy file", "whose figures the energy is by", |row| Cell::Text(row.energy_table.clone())),
    column("energy_missing", "", "events and standing costs that the file has no figure for", |row| {
        Cell::Text(row.energy_missing.join(" "))
    }),
];
