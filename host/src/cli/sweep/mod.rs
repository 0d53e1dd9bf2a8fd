//! `crumb sweep`: a grid of machines, networks and precisions, estimated into one table.

mod axes;
mod report;

use super::Failure;
use super::files::{OutputFile, at, read_text, refuse_same};
use super::options::{Message, config, named_file};
use super::output::{print, print_json};
use super::progress::Late;
use crate::estimate::layers::LayerShape;
use crate::estimate::topology::Topology;
use crate::sweep::{Found, Grid, Header, Layers, Shard, Spec, Table, merge, run};
use axes::Axes;
use report::{Joined, Report};
use std::io;
use std::path::{Path, PathBuf};

/// Estimate a grid of machines, networks and precisions on all cores, into one CSV.
///
/// Every combination of the axes' values is a machine; those that cannot be built are counted and listed. A run that was ended goes on
/// where it stopped when it is given again. Shards are for job arrays: each process computes its own part, and --merge joins them to
/// the table that one process would have written.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
crumb sweep --config large --rows 8,16,32 --cols 8,16,32 --stream-bits line --networks resnet18,bert_base_128 -o sweep.csv\n  \
crumb sweep --grid grid.toml -o sweep.csv\n  \
crumb sweep --grid grid.toml --shard 2/4 -o sweep.csv               writes sweep.2-of-4.csv\n  \
crumb sweep --merge sweep.*-of-4.csv -o sweep.csv\n\
What each column means, a file of axes, and job arrays: docs/sweep.md. RAYON_NUM_THREADS sets the number of threads.")]
pub struct Sweep {
    #[command(flatten)]
    axes: Axes,
    /// The axes in a TOML file, under the names of these options with _ for -.
    #[arg(long, value_name = "GRID.toml", conflicts_with = "axes")]
    grid: Option<PathBuf>,
    /// The table. With --shard, the shard is put into the name: sweep.csv becomes sweep.2-of-4.csv.
    #[arg(long, short, value_name = "SWEEP.csv", required_unless_present = "list")]
    out: Option<PathBuf>,
    /// Only the I-th of N parts.
    #[arg(long, value_name = "I/N", conflicts_with = "merge")]
    shard: Option<Shard>,
    /// Join the tables of all shards.
    #[arg(long, value_name = "SHARD.csv", num_args = 1.., conflicts_with_all = ["axes", "grid", "list"])]
    merge: Vec<PathBuf>,
    /// Print the grid's machines and those that cannot be built, and compute nothing.
    #[arg(long)]
    list: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

impl Sweep {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        if !self.merge.is_empty() {
            return self.join();
        }
        let grid = self.grid()?;
        let shard = self.shard.unwrap_or(Shard::WHOLE);
        let points = shard.of(grid.points());
        match &self.out {
            Some(out) if !self.list => {
                let path = of_shard(out, shard);
                let found = sweep(&grid, &path, shard, &points)?;
                self.print(&Report::new(&grid, shard, points.len(), Some((&path, found))))
            }
            _ => self.print(&Report::new(&grid, shard, points.len(), None)),
        }
    }

    fn print(&self, report: &Report) -> Result<(), Failure> {
        if self.json { print_json(report) } else { print(&report.text(self.list)) }
    }

    fn grid(&self) -> Result<Grid, Failure> {
        let (spec, folder) = match &self.grid {
            None => (self.axes.spec(), PathBuf::new()),
            Some(path) => {
                let spec = Spec::from_toml(&read_text(path)?, &path.display().to_string())?;
                (spec, path.parent().map(Path::to_owned).unwrap_or_default())
            }
        };
        let name = spec.config.as_deref().unwrap_or("small");
        // A file's paths are relative to its folder, as the file may be used from any.
        let base = match named_file(name) {
            Some(file) => config(&folder.join(file).to_string_lossy())?,
            None => config(name)?,
        };
        let batch = spec.batch.unwrap_or(1);
        let tables = spec.topologies.iter().map(|path| table(&folder, path, batch)).collect::<Result<_, _>>()?;
        let grid = Grid::new(&spec, &base, tables);
        match &self.grid {
            Some(path) => Ok(grid.map_err(at(path.display()))?),
            None => Ok(grid?),
        }
    }

    fn join(&self) -> Result<(), Failure> {
        let Some(out) = &self.out else { return Err(Message("--merge: give the whole table a name with --out".into()).into()) };
        let inputs: Vec<_> = self.merge.iter().map(|path| ("--merge", path.as_path())).collect();
        refuse_same(&[("--out", out)], &inputs)?;
        let file = OutputFile::create(out)?;
        let merged = merge(&self.merge)?;
        let mut read = Ok(());
        let written = file.finish(|w| {
            merged.write(w).unwrap_or_else(|error| {
                read = Err(error);
                Err(io::Error::other("a shard cannot be read"))
            })
        });
        // What could not be read is why nothing was written.
        read?;
        written?;
        let joined = Joined { out, points: merged.header.points, shards: self.merge.len(), refused: merged.refused };
        if self.json { print_json(&joined) } else { print(&joined.text()) }
    }
}

/// A table of layers, under the name that it is given by.
fn table(folder: &Path, path: &Path, batch: u64) -> Result<Layers, Failure> {
    let Topology { layers, notes } = Topology::read(&folder.join(path))?;
    // A row may have a batch of its own.
    let layers: Result<Vec<LayerShape>, _> =
        layers.iter().map(|layer| layer.with_batch(layer.batch().saturating_mul(batch))).collect();
    Ok(Layers { name: path.display().to_string(), layers: layers.map_err(at(path.display()))?, notes })
}

/// `sweep.csv`, or `sweep.2-of-4.csv` for a shard.
fn of_shard(out: &Path, shard: Shard) -> PathBuf {
    if shard == Shard::WHOLE {
        return out.to_owned();
    }
    let extension = out.extension().map_or_else(String::new, |extension| format!(".{}", extension.to_string_lossy()));
    out.with_extension(format!("{}-of-{}{extension}", shard.index(), shard.count()))
}

/// Computes what a table does not have yet.
fn sweep(grid: &Grid, path: &Path, shard: Shard, points: &[usize]) -> Result<Found, Failure> {
    let mut table = Table::open(path)?;
    let mut table = table.lock()?;
    let mut found = table.resume(grid, &Header::of(grid, shard), points)?;
    let missing = points.get(found.rows..).unwrap_or_default();
    let bar = Late::new(missing.len());
    found.refused += run(grid, missing, &|| bar.inc(), |lines| table.append(lines))?;
    bar.finish();
    table.finish()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_stands_in_the_name() {
        let shard = "2/4".parse().unwrap();
        let name = |path: &str| of_shard(Path::new(path), shard).display().to_string();
        assert_eq!([name("a/s.csv"), name("s"), name("s.x.csv")], ["a/s.2-of-4.csv", "s.2-of-4", "s.x.2-of-4.csv"]);
        assert_eq!(of_shard(Path::new("s.csv"), Shard::WHOLE), Path::new("s.csv"));
    }
}
