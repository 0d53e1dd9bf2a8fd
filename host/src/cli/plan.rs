//! The arguments that say at which precision a network runs, and the plan that they make.

use super::Failure;
use super::files::read_text;
use super::options::Message;
use crate::network::plan_file::PlanFile;
use crate::network::{LayerPrecision, Network, PrecisionPlan, Rounding};
use crumb_arch::precision::{ActBits, WeightBits};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Precision of the layers: alike, or as a plan says.
#[derive(clap::Args)]
pub struct PlanOptions {
    /// Weight width of every layer that the plan does not name.
    #[arg(long, value_name = "8|6|4|2")]
    pub weight_bits: Option<WeightBits>,
    /// Activation width of every layer that the plan does not name.
    #[arg(long, value_name = "8|4|2")]
    act_bits: Option<ActBits>,
    /// How int8 weights are rounded to fewer bits, where the plan does not say.
    #[arg(long, value_name = "half-even|half-up|floor")]
    rounding: Option<Rounding>,
    /// Precision of each layer, and biases by weight width.
    #[arg(long, value_name = "PLAN.toml", visible_alias = "plan")]
    pub precision: Option<PathBuf>,
}

impl PlanOptions {
    /// Those of a plan's file.
    pub fn of_file(path: PathBuf) -> Self {
        Self { weight_bits: None, act_bits: None, rounding: None, precision: Some(path) }
    }

    /// The arguments that give every layer a width or a rounding.
    fn widths(&self) -> Vec<&'static str> {
        let given = [
            ("--weight-bits", self.weight_bits.is_some()),
            ("--act-bits", self.act_bits.is_some()),
            ("--rounding", self.rounding.is_some()),
        ];
        given.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
    }

    /// Whether any of them is given.
    pub fn is_given(&self) -> bool {
        !self.widths().is_empty() || self.precision.is_some()
    }

    /// Whether they say at which widths layers run.
    pub fn has_widths(&self) -> bool {
        self.weight_bits.is_some() || self.act_bits.is_some() || self.precision.is_some()
    }

    /// The precision of every layer that no file names.
    pub fn uniform(&self) -> LayerPrecision {
        LayerPrecision {
            weight_bits: self.weight_bits.map_or(8, u8::from),
            act_bits: self.act_bits.map_or(8, u8::from),
            rounding: self.rounding.unwrap_or(Rounding::HalfEven),
            refined: false,
        }
    }

    /// The precision of each layer; the network gets what the plan changes in it: biases, and zeros for pruned weights.
    ///
    /// # Errors
    /// If the plan's file cannot be read, does not fit the network, or contradicts the other arguments.
    pub fn plan(&self, network: &mut Network) -> Result<Planned, Failure> {
        let default = self.uniform();
        let Some(path) = &self.precision else {
            return Ok(Planned { plan: PrecisionPlan::uniform(default), counts: BTreeMap::new(), origin: String::new() });
        };
        let origin = path.display().to_string();
        let file = PlanFile::parse(&read_text(path)?, &origin)?;
        file.apply(network)?;
        let plan = file.plan_for(network, default)?;
        match (self.widths(), file.covers(network)) {
            (widths, Some(tables)) if !widths.is_empty() => Err(Message(format!(
                "{} and {origin}, which has {tables}, contradict each other: leave one out",
                widths.join(", ")
            ))
            .into()),
            _ => Ok(Planned { plan, counts: file.counts(network), origin }),
        }
    }
}

/// A plan, as far as its file says it.
pub struct Planned {
    /// The plan.
    pub plan: PrecisionPlan,
    /// Layers whose important channels the file only counts: they are to be ranked.
    pub counts: BTreeMap<String, usize>,
    /// The file; nothing if there is none.
    pub origin: String,
}
