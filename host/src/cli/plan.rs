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
    #[arg(long, value_name = "PLAN.toml")]
    pub precision: Option<PathBuf>,
}

impl PlanOptions {
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

    /// The precision of each layer; the network gets what the plan changes in it: biases, and zeros for pruned weights. Layers whose
    /// important channels the plan only counts are ranked by `calibrate`.
    ///
    /// # Errors
    /// If the plan's file cannot be read, does not fit the network, or contradicts the other arguments.
    pub fn plan(&self, network: &mut Network, calibrate: &Calibrate<'_>) -> Result<PrecisionPlan, Failure> {
        let default = LayerPrecision {
            weight_bits: self.weight_bits.map_or(8, u8::from),
            act_bits: self.act_bits.map_or(8, u8::from),
            rounding: self.rounding.unwrap_or(Rounding::HalfEven),
            refined: false,
        };
        let Some(path) = &self.precision else { return Ok(PrecisionPlan::uniform(default)) };
        let origin = path.display().to_string();
        let file = PlanFile::parse(&read_text(path)?, &origin)?;
        file.apply(network)?;
        let mut plan = file.plan_for(network, default)?;
        if let (widths, Some(tables)) = (self.widths(), file.covers(network))
            && !widths.is_empty()
        {
            let widths = widths.join(", ");
            return Err(
                Message(format!("{widths} and {origin}, which has {tables}, contradict each other: leave one out")).into()
            );
        }
        calibrate(network, &mut plan, &file.counts(network), &origin)?;
        Ok(plan)
    }
}

/// What ranks the important channels of the layers that a plan only counts them for; the last argument names the plan.
pub type Calibrate<'a> = dyn Fn(&Network, &mut PrecisionPlan, &BTreeMap<String, usize>, &str) -> Result<(), Failure> + 'a;

/// Refuses plans that only count important channels.
pub fn no_calibration(_: &Network, _: &mut PrecisionPlan, counts: &BTreeMap<String, usize>, origin: &str) -> Result<(), Failure> {
    match counts.keys().next() {
        None => Ok(()),
        Some(layer) => {
            let text = format!(
                "{origin}: [[layer]] {layer:?} has important channels, which a file of 8-bit types has not: leave them out"
            );
            Err(Message(text).into())
        }
    }
}
