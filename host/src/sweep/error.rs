//! Why a grid is not swept, or tables are not merged.

use crate::estimate::layers::LayerError;
use std::io;
use std::path::PathBuf;

/// A grid, a table of its results or a file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// An axis says nothing, or something twice, or what is not there.
    #[error("{axis}: {problem}")]
    Axis {
        /// Its name.
        axis: String,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// The grid has too many points.
    #[error("the grid has {found} points: at most {most} are swept; leave out values, or give several grids")]
    Large {
        /// How many.
        found: String,
        /// How many may be.
        most: usize,
    },
    /// No machine of the grid can be built.
    #[error("none of the grid's {count} machines can be built; the first:\n{first}")]
    NoMachine {
        /// How many there are.
        count: usize,
        /// What is wrong with the first.
        first: String,
    },
    /// A network's table of layers is refused.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The text of a grid is not what it should be.
    #[error("{origin}: {problem}")]
    Spec {
        /// The file.
        origin: String,
        /// What the TOML reader says.
        problem: String,
    },
    /// A table cannot be read or written.
    #[error("cannot {action} {}: {source}; check the path, its permissions and the disk's space", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process writes the table.
    #[error("{}: another sweep writes it at this moment; wait for its end, or give another --out", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A table is not of this grid.
    #[error("{}: {problem}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the way out.
        problem: String,
    },
    /// Tables do not make up a whole grid.
    #[error("{0}")]
    Merge(String),
    /// Points could not be written, as a thread ended early.
    #[error("a part of the grid was not computed; run again to continue")]
    Incomplete,
}
