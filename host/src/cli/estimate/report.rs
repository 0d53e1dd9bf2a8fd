//! What `--json` prints: an estimate, or several, under what they are of.

use super::peers::PeerEstimate;
use crate::energy::Model;
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
    /// Whose energies, if an energy file is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy: Option<EnergyHeading>,
    /// What was assumed.
    pub note: Option<String>,
}

/// The energy file that an estimate is by.
#[derive(Clone, Debug, Serialize)]
pub struct EnergyHeading {
    /// Its name.
    pub table: String,
    /// What it is and what it leaves out.
    pub about: String,
    /// Feature size.
    pub node_nm: f64,
    /// Supply, if it is known.
    pub volts: Option<f64>,
    /// The clock at which leakage becomes energy.
    pub megahertz: f64,
}

impl EnergyHeading {
    /// That of a file.
    pub fn of(model: &Model) -> Self {
        let Model { name, about, node_nm, volts, megahertz, .. } = model.clone();
        Self { table: name, about, node_nm, volts, megahertz }
    }

    /// `45 nm, 0.9 V`.
    pub fn technology(&self) -> String {
        let volts = self.volts.map_or_else(String::new, |volts| format!(", {volts} V"));
        format!("{} nm{volts}", self.node_nm)
    }
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
