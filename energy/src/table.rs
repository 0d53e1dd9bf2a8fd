//! Look-up tables of a liberty file: delay, transition or energy over input transition time and load.
//!
//! Invariant: axes have at least one point and rise strictly, and there is one value for each pair of points.

/// A table over load (pF) and input transition time (ns); values in ns for delays and transitions, in pJ for energies.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    loads: Vec<f64>,
    slews: Vec<f64>,
    /// Row-major, a row for each load.
    values: Vec<f64>,
}

impl Table {
    /// A table; a table of one variable has a single load. None if the sizes do not fit or an axis does not rise.
    pub fn new(loads: Vec<f64>, slews: Vec<f64>, values: Vec<f64>) -> Option<Self> {
        let rises = |axis: &[f64]| !axis.is_empty() && axis.windows(2).all(|pair| pair[0] < pair[1]);
        (rises(&loads) && rises(&slews) && loads.len() * slews.len() == values.len()).then_some(Self { loads, slews, values })
    }

    /// The value at a load and an input transition time: linear in both between the four nearest points, and beyond the table along
    /// the line of its last two, as static timing analysers do.
    pub fn at(&self, load: f64, slew: f64) -> f64 {
        let (row, along) = place(&self.loads, load);
        let (column, across) = place(&self.slews, slew);
        let value = |r: usize, c: usize| self.values.get(r * self.slews.len() + c).copied().unwrap_or(0.0);
        let in_row = |r: usize| {
            let first = value(r, column);
            if self.slews.len() == 1 { first } else { first + across * (value(r, column + 1) - first) }
        };
        let first = in_row(row);
        if self.loads.len() == 1 { first } else { first + along * (in_row(row + 1) - first) }
    }
}

/// The point at or below `x` that has a point above it, and how far `x` is on the way to that.
fn place(axis: &[f64], x: f64) -> (usize, f64) {
    let last = axis.len().saturating_sub(2);
    let index = axis.iter().rposition(|&point| point <= x).unwrap_or(0).min(last);
    match axis.get(index..index + 2) {
        Some(&[low, high]) => (index, (x - low) / (high - low)),
        _ => (0, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane() -> Table {
        // 1 + 10 * load + 2 * slew, so exact wherever the interpolation is bilinear.
        let (loads, slews) = (vec![0.0, 1.0, 4.0], vec![0.5, 1.0]);
        let values = loads.iter().flat_map(|l| slews.iter().map(move |s| 1.0 + 10.0 * l + 2.0 * s)).collect();
        Table::new(loads, slews, values).unwrap()
    }

    #[test]
    fn points_are_met_and_lines_are_followed_beyond_them() {
        for (load, slew) in [(0.0, 0.5), (4.0, 1.0), (0.5, 0.75), (2.0, 0.5), (8.0, 3.0), (-1.0, 0.0)] {
            assert_eq!(plane().at(load, slew), 1.0 + 10.0 * load + 2.0 * slew, "{load} {slew}");
        }
    }

    #[test]
    fn a_corner_bends_the_surface() {
        let table = Table::new(vec![0.0, 1.0], vec![0.0, 1.0], vec![0.0, 0.0, 0.0, 8.0]).unwrap();
        assert_eq!([table.at(0.5, 0.5), table.at(1.0, 0.5), table.at(0.25, 1.0)], [2.0, 4.0, 2.0]);
    }

    #[test]
    fn one_variable_needs_no_load() {
        let table = Table::new(vec![0.0], vec![1.0, 3.0], vec![10.0, 20.0]).unwrap();
        assert_eq!([table.at(0.0, 2.0), table.at(99.0, 2.0)], [15.0, 15.0]);
    }

    #[test]
    fn tables_that_do_not_fit_are_refused() {
        assert!(Table::new(vec![0.0], vec![1.0, 1.0], vec![1.0, 2.0]).is_none());
        assert!(Table::new(vec![0.0], vec![1.0, 2.0], vec![1.0]).is_none());
        assert!(Table::new(vec![], vec![], vec![]).is_none());
    }
}
