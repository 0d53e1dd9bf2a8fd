//! The axes of a grid as arguments.

use crate::estimate::networks::Network;
use crate::sweep::{BATCHES, Spec, StreamBits};
use clap::builder::PossibleValuesParser;
use crumb_arch::precision::{ActBits, WeightBits};
use std::path::PathBuf;

/// Values are separated by commas; an axis that is left out has the value of `--config`.
#[derive(clap::Args)]
#[group(id = "axes", multiple = true)]
pub struct Axes {
    /// A named configuration (tiny, small, wide, medium, large, huge) or a TOML file: every size that has no axis [default: small].
    #[arg(long, value_name = "NAME|FILE.toml")]
    config: Option<String>,
    /// Rows of PEs.
    #[arg(long, value_name = "8,16", value_delimiter = ',')]
    rows: Vec<usize>,
    /// Columns of PEs.
    #[arg(long, value_name = "8,16", value_delimiter = ',')]
    cols: Vec<usize>,
    /// Activation words per row and cycle.
    #[arg(long, value_name = "1,2", value_delimiter = ',')]
    depth: Vec<usize>,
    /// Lines of the activation buffer.
    #[arg(long, value_name = "1024,2048", value_delimiter = ',')]
    activation_lines: Vec<usize>,
    /// Addresses of the weight memory.
    #[arg(long, value_name = "1024,2048", value_delimiter = ',')]
    weight_words: Vec<usize>,
    /// Words that a column's weight bus takes in a cycle.
    #[arg(long, value_name = "1,2,4", value_delimiter = ',')]
    weight_bus: Vec<usize>,
    /// Entries of the parameter memory.
    #[arg(long, value_name = "64,128", value_delimiter = ',')]
    parameter_entries: Vec<usize>,
    /// Rows of one half of the accumulator memory.
    #[arg(long, value_name = "256,512", value_delimiter = ',')]
    accumulator_rows: Vec<usize>,
    /// Accumulator banks that a drain reads in a cycle.
    #[arg(long, value_name = "1,4", value_delimiter = ',')]
    drain_banks: Vec<usize>,
    /// Width of both streams; `line` is the widest that a machine's line allows.
    #[arg(long, value_name = "64,line", value_delimiter = ',')]
    stream_bits: Vec<StreamBits>,
    /// Built-in networks.
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', value_parser = PossibleValuesParser::new(Network::ALL.map(Network::name)))]
    networks: Vec<String>,
    /// Tables of layers, in SCALE-Sim's formats; repeat for several.
    #[arg(long = "topology", value_name = "LAYERS.csv")]
    topologies: Vec<PathBuf>,
    /// Activation widths [default: 8,4,2].
    #[arg(long, value_name = "8,4,2", value_delimiter = ',')]
    act_bits: Vec<ActBits>,
    /// Weight widths [default: 8,4,2].
    #[arg(long, value_name = "8,6,4,2", value_delimiter = ',')]
    weight_bits: Vec<WeightBits>,
    /// Samples that run together [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(BATCHES))]
    batch: Option<u64>,
}

impl Axes {
    /// The same as a file says it.
    pub fn spec(&self) -> Spec {
        Spec {
            config: self.config.clone(),
            rows: self.rows.clone(),
            cols: self.cols.clone(),
            depth: self.depth.clone(),
            activation_lines: self.activation_lines.clone(),
            weight_words: self.weight_words.clone(),
            weight_bus: self.weight_bus.clone(),
            parameter_entries: self.parameter_entries.clone(),
            accumulator_rows: self.accumulator_rows.clone(),
            drain_banks: self.drain_banks.clone(),
            stream_bits: self.stream_bits.clone(),
            networks: self.networks.clone(),
            topologies: self.topologies.clone(),
            act_bits: self.act_bits.iter().copied().map(u8::from).collect(),
            weight_bits: self.weight_bits.iter().copied().map(u8::from).collect(),
            batch: self.batch,
        }
    }
}
