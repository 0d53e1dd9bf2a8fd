//! Aligned tables for reading, and Markdown of the same.

/// A table: a header and rows; numbers are aligned to the right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|h| (*h).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = |i: usize| {
            let cells = self.rows.iter().chain([&self.header]).filter_map(|row| row.get(i));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let numeric = |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
        for row in [&self.header].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (i, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let right = self.rows.first().and_then(|r| r.get(i)).is_some_and(|c| numeric(c));
                let cell = if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
                line += if i == 0 { "" } else { "  " };
                line += &cell;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number with its thousands apart: `1 234 567`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["name", "cycles"]);
        table.row(vec!["a8w8".into(), thousands(1_234_567)]);
        table.row(vec!["mixed".into(), thousands(12)]);
        assert_eq!(table.to_string(), "name      cycles\na8w8   1 234 567\nmixed         12\n");
    }
}
