//! A grid of machines, networks and precisions, estimated on all cores into one table: `crumb sweep`.
//!
//! ```text
//!   flags or TOML --> Grid: machines that can be built x networks x pairs of widths
//!                       |  Shard i/n: its part of the points
//!                       v
//!                     run: a thread for each core, rows in the order of the points --> Table: a CSV that a second run continues
//!                                                                                        |
//!                                                                    merge: the shards' tables --> the whole grid's
//! ```
//!
//! Invariant: a table is a prefix of the one that its grid and shard will end with, whatever ended the run that wrote it; and merged shards
//! are, byte for byte, the table of a run without shards.

mod error;
mod field;
mod fingerprint;
mod grid;
mod invalid;
mod keys;
mod merge;
mod record;
mod row;
mod run;
mod shard;
mod spec;
mod table;

pub use error::SweepError;
pub use field::Field;
pub use grid::{BATCHES, Grid, Layers};
pub use invalid::{Broken, Invalid};
pub use merge::{Merged, merge};
pub use row::{COLUMNS, Column, Kind};
pub use run::run;
pub use shard::Shard;
pub use spec::{Spec, StreamBits};
pub use table::{Found, Header, Table};
