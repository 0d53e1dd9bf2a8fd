//! What `--json` prints: an estimate, or several, under what they are of.

use super::peers::PeerEstimate;
use crate::estimate::network::NetworkEstimate;
use crumb_arch::ArrayConfig;
use serde::Serialize;

/// What an estimate is of.
#[derive(Serialize)]
pub struct Heading {
    /// The model, table or network.
    pub network: String,
    /// Whose cycles.
    pub model: String,
    /// The configuration's name.
    pub config: String,
    /// Its sizes.
    pub machine: ArrayConfig,
    /// Bandwidth of the memory behind the streams, if it is limited.
    pub dram_bytes_per_cycle: Option<f64>,
    /// Clock, if it is given.
    pub clock_mhz: Option<f64>,
    /// What was assumed.
    pub note: Option<String>,
}

/// One precision.
#[derive(Serialize)]
pub struct One<'a> {
    /// What it is of.
    #[serde(flatten)]
    pub heading: &'a Heading,
    /// `a8w8`, or the plan's file.
    pub precision: &'a str,
    /// Layers and total.
    #[serde(flatten)]
    pub estimate: &'a NetworkEstimate,
}

/// An estimate, or why there is none.
pub struct Outcome {
    /// `a8w8`.
    pub precision: String,
    /// Layers and total, or a refusal.
    pub result: Result<NetworkEstimate, String>,
}

impl Serialize for Outcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Either<'a> {
            Estimate(&'a NetworkEstimate),
            Refused { refused: &'a str },
        }
        #[derive(Serialize)]
        struct Row<'a> {
            precision: &'a str,
            #[serde(flatten)]
            either: Either<'a>,
        }
        let either = match &self.result {
            Ok(estimate) => Either::Estimate(estimate),
            Err(refused) => Either::Refused { refused },
        };
        Row { precision: &self.precision, either }.serialize(serializer)
    }
}

/// All pairs of widths.
#[derive(Serialize)]
pub struct Sweep<'a> {
    /// What they are of.
    #[serde(flatten)]
    pub heading: &'a Heading,
    /// Each pair.
    pub precisions: &'a [Outcome],
}

/// Another accelerator's estimate.
#[derive(Serialize)]
pub struct Peer<'a> {
    /// What it is of.
    #[serde(flatten)]
    pub heading: &'a Heading,
    /// Layers and total.
    #[serde(flatten)]
    pub estimate: &'a PeerEstimate,
}

/// Another accelerator's estimates at several precisions.
#[derive(Serialize)]
pub struct Peers<'a> {
    /// What they are of.
    #[serde(flatten)]
    pub heading: &'a Heading,
    /// Each of them.
    pub precisions: &'a [PeerEstimate],
}
