//! Computes points on all cores, and hands their rows over in the order of the points.

use super::record::line;
use super::row::row;
use super::{Grid, SweepError};
use crate::estimate::product::Costs;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows of consecutive points that share a machine and a network.
struct Rows {
    text: String,
    refused: usize,
}

/// Rows on their way to the writer: those that wait for earlier ones, which other threads compute.
struct InOrder<W> {
    next: usize,
    waiting: BTreeMap<usize, Rows>,
    refused: usize,
    write: W,
    failed: Option<SweepError>,
}

impl<W: FnMut(&str) -> Result<(), SweepError>> InOrder<W> {
    fn hand_over(&mut self, group: usize, rows: Rows) {
        self.waiting.insert(group, rows);
        while self.failed.is_none()
            && let Some(rows) = self.waiting.remove(&self.next)
        {
            self.next += 1;
            self.refused += rows.refused;
            self.failed = (self.write)(&rows.text).err();
        }
    }
}

/// Computes the rows of these points, in rising order, and writes them in this order: `write` gets whole lines.
///
/// Threads take a network on a machine in turn, so that only the few that are computed at one time are lost if the run is ended. `done` is told of
/// every row. Returns the number of points that are refused.
///
/// # Errors
/// The first failure of `write`; no more is computed then.
pub fn run(
    grid: &Grid,
    points: &[usize],
    done: &(dyn Fn() + Sync),
    write: impl FnMut(&str) -> Result<(), SweepError> + Send,
) -> Result<usize, SweepError> {
    let groups: Vec<&[usize]> = points.chunk_by(|&a, &b| grid.network_of(a) == grid.network_of(b)).collect();
    let turn = AtomicUsize::new(0);
    let order = Mutex::new(InOrder { next: 0, waiting: BTreeMap::new(), refused: 0, write, failed: None });
    let work = || {
        while let Some((number, group)) = take(&turn, &groups) {
            let rows = rows(grid, group, done)?;
            let mut order = order.lock().ok()?;
            order.hand_over(number, rows);
            if order.failed.is_some() {
                return None;
            }
        }
        Some(())
    };
    rayon::scope(|scope| {
        (0..rayon::current_num_threads()).for_each(|_| {
            scope.spawn(|_| {
                work();
            });
        })
    });
    let order = order.into_inner().map_err(|_| SweepError::Incomplete)?;
    match order.failed {
        Some(error) => Err(error),
        None if order.next < groups.len() => Err(SweepError::Incomplete),
        None => Ok(order.refused),
    }
}

/// The next group that nobody has.
fn take<'a>(turn: &AtomicUsize, groups: &[&'a [usize]]) -> Option<(usize, &'a [usize])> {
    let number = turn.fetch_add(1, Ordering::Relaxed);
    groups.get(number).map(|group| (number, *group))
}

/// The rows of points that share a machine and a network.
fn rows(grid: &Grid, points: &[usize], done: &(dyn Fn() + Sync)) -> Option<Rows> {
    let (machine, ..) = grid.point(*points.first()?)?;
    let mut costs = Costs::new(machine);
    let mut rows = Rows { text: String::new(), refused: 0 };
    for &point in points {
        let cells = row(grid, point, &mut costs)?;
        rows.refused += usize::from(cells.last().is_some_and(|refused| !refused.is_empty()));
        rows.text += &line(&cells);
        done();
    }
    Some(rows)
}
