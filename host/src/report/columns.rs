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
    /// An energy in microjoules.
    Energy(f64),
    /// A share of 1.
    Share(f64),
    /// What is not known.
    Missing,
}

/// What a figure is where cycles are a lower bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The figure itself: it does not follow from cycles.
    Exact,
    /// No more than what it really is.
    Lower,
    /// No less than what it really is.
    Upper,
    /// Either: it compares two lower bounds.
    Ratio,
}

impl Bound {
    /// What stands before such a figure.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Exact => "",
            Self::Lower => ">= ",
            Self::Upper => "<= ",
            Self::Ratio => "~ ",
        }
    }
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
    /// What its figures are where cycles are a lower bound.
    pub bound: Bound,
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
    Column { key, heading, meaning, bound: Bound::Exact, of }
}

impl Column {
    /// The same, with figures that follow from cycles.
    const fn bound(self, bound: Bound) -> Self {
        Self { bound, ..self }
    }
}

/// All columns, the name first.
pub const COLUMNS: [Column; 23] = [
    column("name", "precision", "activations' and weights' bits, a plan's file, or a baseline", |row| {
        Cell::Text(row.name.clone())
    }),
    column("cycles", "cycles", "clock cycles, loads and drains included", |row| count(row.cycles)).bound(Bound::Lower),
    column("exact", "", "whether cycles are exact; otherwise no fewer than these", |row| match row.cycles {
        Some(_) => Cell::Text(if row.exact { "yes" } else { "at least" }.into()),
        None => Cell::Missing,
    }),
    column("speedup", "speed-up", "cycles of all layers at 8 bits over these", |row| number(row.speedup)).bound(Bound::Ratio),
    column("milliseconds", "time, ms", "cycles over the clock", |row| number(row.milliseconds)).bound(Bound::Lower),
    column("tops", "TOPS", "two operations for each multiply-accumulate, over the time", |row| number(row.tops))
        .bound(Bound::Upper),
    column("utilisation", "utili\u{ad}sation", "share of the array's bit operations that are the network's", |row| {
        share(row.utilisation)
    })
    .bound(Bound::Upper),
    column("energy_uj", "energy", "by the energy file, external memory included", |row| {
        row.energy_uj.map_or(Cell::Missing, Cell::Energy)
    })
    .bound(Bound::Lower),
    column("energy_gain", "energy gain", "energy of all layers at 8 bits by the same file, over this", |row| {
        number(row.energy_gain)
    })
    .bound(Bound::Ratio),
    column("tops_per_watt", "TOPS/W", "two operations for each multiply-accumulate, over the energy", |row| {
        number(row.tops_per_watt)
    })
    .bound(Bound::Upper),
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
    column("first_last_cycles", "ends: cycles", "their share of cycles", |row| share(row.first_last.cycles)).bound(Bound::Ratio),
    column("first_last_weight_bytes", "ends: weights", "their share of packed weight bytes", |row| {
        share(row.first_last.weight_bytes)
    }),
    column("first_last_energy", "ends: energy", "their share of energy", |row| share(row.first_last.energy)).bound(Bound::Ratio),
    column("energy_table", "energy file", "whose figures the energy is by", |row| Cell::Text(row.energy_table.clone())),
    column("energy_missing", "", "events and standing costs that the file has no figure for", |row| {
        Cell::Text(row.energy_missing.join(" "))
    }),
];
