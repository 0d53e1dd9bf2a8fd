//! The arguments that say which layers are estimated, and on which machine.

use super::source::Source;
use crate::cli::Failure;
use crate::cli::constants::ConstantOptions;
use crate::cli::options::{Message, config, named_file};
use crate::estimate::network::Dram;
use crate::estimate::networks::Network;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use crumb_arch::ArrayConfig;
use std::path::{Path, PathBuf};

/// A model, a table of layers or a built-in network.
#[derive(clap::Args)]
pub struct LayerOptions {
    /// The model.
    #[arg(value_name = "MODEL.onnx")]
    model: Option<PathBuf>,
    /// A table of layers, a line each: SCALE-Sim's CSV of convolutions or of matrix products.
    #[arg(long, value_name = "LAYERS.csv", conflicts_with = "model")]
    topology: Option<PathBuf>,
    /// A built-in table of layers.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["model", "topology"], value_parser = network_parser())]
    network: Option<Network>,
    /// Samples that run together, for a table or a built-in network; a model has --input-shape.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=65536))]
    batch: Option<u64>,
    /// Sizes of a model's input that the file leaves open; repeat for several. The name may be left out if there is one input.
    #[arg(long = "input-shape", value_name = "[NAME=]1x3x224x224")]
    input_shapes: Vec<String>,
    #[command(flatten)]
    constants: ConstantOptions,
}

/// The machine, and the memory behind it.
#[derive(clap::Args)]
pub struct MachineOptions {
    /// A named configuration (tiny, small, wide, medium, large, huge) or a TOML file.
    #[arg(long, default_value = "small", value_name = "NAME|FILE.toml")]
    config: String,
    /// Width of both streams, instead of the configuration's.
    #[arg(long, value_name = "BITS")]
    stream_bits: Option<usize>,
    /// Bandwidth of the memory behind the streams, reads and writes together; without it, it never holds them back.
    #[arg(long, value_name = "BYTES", conflicts_with = "dram_gb_per_s", value_parser = positive)]
    dram_bytes_per_cycle: Option<f64>,
    /// The same in 10^9 bytes a second.
    #[arg(long, value_name = "GB/S", requires = "clock", value_parser = positive)]
    dram_gb_per_s: Option<f64>,
    /// Clock of the machine, in MHz.
    #[arg(long, value_name = "MHZ", value_parser = positive)]
    pub clock: Option<f64>,
}

fn network_parser() -> impl TypedValueParser<Value = Network> {
    PossibleValuesParser::new(Network::ALL.map(Network::name))
        .try_map(|name| Network::from_name(&name).ok_or_else(|| format!("no network is named {name}")))
}

/// A number above 0, and no larger or smaller than any clock or memory.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (1e-6..=1e9).contains(&value) => Ok(value),
        Ok(value) => Err(format!("{value}: expected a number above 0, from 1e-6 to 1e9")),
        Err(error) => Err(format!("{error}: expected a number")),
    }
}

impl LayerOptions {
    /// The files it reads, with the arguments that name them.
    pub fn inputs(&self) -> Vec<(&'static str, &Path)> {
        let model = self.model.as_deref().map(|path| ("the model", path));
        let topology = self.topology.as_deref().map(|path| ("--topology", path));
        model.into_iter().chain(topology).chain(self.constants.inputs()).collect()
    }

    /// Whether the layers are those of the embedded network.
    pub const fn is_embedded(&self) -> bool {
        self.model.is_none() && self.topology.is_none() && self.network.is_none()
    }

    /// Reads the layers.
    ///
    /// # Errors
    /// Files and arguments that are refused.
    pub fn source(&self) -> Result<Source, Failure> {
        match (&self.topology, self.network) {
            (None, None) => {
                if self.batch.is_some() {
                    let text = "--batch: a model's batch is a size of its input; give --input-shape NAME=8x3x224x224";
                    return Err(Message(text.into()).into());
                }
                Source::model(self.model.as_deref(), &self.constants, &self.input_shapes)
            }
            (topology, network) => {
                if !self.input_shapes.is_empty() {
                    return Err(Message("--input-shape: a table has its shapes; give --batch for more samples".into()).into());
                }
                let batch = self.batch.unwrap_or(1);
                topology.as_ref().map_or_else(|| Source::built_in(network, batch), |path| Source::topology(path, batch))
            }
        }
    }
}

impl MachineOptions {
    /// The files it reads, with the arguments that name them.
    pub fn inputs(&self) -> Vec<(&'static str, &Path)> {
        named_file(&self.config).map(|path| ("--config", path)).into_iter().collect()
    }

    /// The configuration, with the streams' width that is given.
    ///
    /// # Errors
    /// Configurations that are refused.
    pub fn config(&self) -> Result<ArrayConfig, Failure> {
        let mut config = config(&self.config)?;
        if let Some(bits) = self.stream_bits {
            config.stream_bits = bits;
            config.validate()?;
        }
        Ok(config)
    }

    /// The memory behind the streams, if its bandwidth is given.
    pub fn dram(&self) -> Option<Dram> {
        let of_clock = self.dram_gb_per_s.zip(self.clock).map(|(gigabytes, megahertz)| 1000.0 * gigabytes / megahertz);
        self.dram_bytes_per_cycle.or(of_clock).map(|bytes_per_cycle| Dram { bytes_per_cycle })
    }
}
