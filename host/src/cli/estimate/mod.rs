//! `crumb estimate`: what a network costs on a machine, without running it.

mod csv;
mod energy;
pub(super) mod options;
mod peers;
pub(super) mod report;
pub(super) mod source;
mod tables;

use super::Failure;
use super::files::at;
use super::options::Message;
use super::output::{complain, print, print_json};
use super::plan::PlanOptions;
use super::progress::Late;
use crate::energy::Model;
use crate::estimate::network::{NetworkEstimate, Workload};
use crate::estimate::product::Costs;
use crate::network::LayerPrecision;
use crumb_arch::ArrayConfig;
use crumb_arch::precision::{ActBits, WeightBits};
use options::{LayerOptions, MachineOptions};
use peers::{Padding, Peer};
use report::{EnergyHeading, Heading, Outcome, Sweep};
use source::Source;

/// Estimate what a network costs: cycles, every counter, all traffic, and what bounds each layer, without running it.
///
/// The numbers are those of a run on `--backend sim`, counter by counter, for every layer. Without a width, all nine pairs of
/// precisions are estimated. Weights that fit the weight memory stay there, in the order of the layers; the others come on the stream.
/// A model is an ONNX file as `crumb run` takes it; without one, a table or a network by name, the embedded digits network.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  crumb estimate --network resnet18 --config large\n  \
crumb estimate --network resnet18 --config large --act-bits 8 --weight-bits 4 --json\n  \
crumb estimate --network resnet18 --config large --energy horowitz-45nm\n  \
crumb estimate --topology layers.csv --config huge --dram-gb-per-s 12.8 --clock 200 --weight-bits 2\n  \
crumb estimate model.onnx --input-shape 1x3x224x224 --precision plan.toml --csv > layers.csv\n  \
crumb estimate --network resnet18 --config huge --model scale-sim\n\
What each column means: docs/estimate.md.")]
pub struct Estimate {
    #[command(flatten)]
    layers: LayerOptions,
    #[command(flatten)]
    plan: PlanOptions,
    /// The second run of `crumb run --refine`: all slices of narrow weights, on as many images as the input's shape or batch says.
    #[arg(long)]
    refined: bool,
    #[command(flatten)]
    machine: MachineOptions,
    /// What events cost: osu018 (gates of this machine, 180 nm), horowitz-45nm or bitfusion-45nm (published figures), or an energy file.
    /// With it, where energy goes is part of the estimate; --clock is the clock of leakage.
    #[arg(long, value_name = "NAME|FILE.toml")]
    energy: Option<String>,
    /// Whose cycles: this machine's, or those that another accelerator's model gives for the same layers.
    #[arg(long = "model", value_enum, default_value = "crumb")]
    cycle_model: CycleModel,
    /// With --model scale-sim, which has no padding: leave a convolution's out, or count it as part of the input.
    #[arg(long, value_enum)]
    padding: Option<Padding>,
    /// Print JSON instead of a table.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV: a line for each layer.
    #[arg(long)]
    csv: bool,
}

/// Whose cycles are estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum CycleModel {
    /// This machine.
    Crumb,
    /// SCALE-Sim 3.0.0, weight-stationary, on an array of the configuration's rows and columns.
    ScaleSim,
    /// Bit Fusion, with the array and buffers of its published results.
    BitFusion,
}

/// Every pair of widths that has a speed of its own, as written: activations first.
pub(super) fn pairs() -> impl Iterator<Item = (u8, u8)> {
    let weights = WeightBits::ALL.into_iter().filter(|bits| bits.bits() == bits.lane_bits());
    ActBits::ALL.into_iter().flat_map(move |act| weights.clone().map(move |weight| (u8::from(act), u8::from(weight))))
}

/// Adds energies, if there is a file of them.
fn add_energy(estimate: &mut NetworkEstimate, model: Option<&Model>, config: &ArrayConfig) -> Result<(), Failure> {
    Ok(model.map_or(Ok(()), |model| estimate.add_energy(model, config))?)
}

impl Estimate {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        if self.refined && !self.plan.has_widths() {
            return Err(Message("--refined: say which upper bits come first: give --weight-bits 4 or 2, or a plan".into()).into());
        }
        let mut source = self.layers.source()?;
        let config = self.machine.config()?;
        let model = self.energy_model()?;
        let heading = Heading {
            network: source.name(),
            model: clap::ValueEnum::to_possible_value(&self.cycle_model).map_or_else(String::new, |v| v.get_name().into()),
            config: config.name.clone(),
            machine: config.clone(),
            dram_bytes_per_cycle: self.machine.dram().map(|dram| dram.bytes_per_cycle),
            clock_mhz: self.machine.clock,
            energy: model.as_ref().map(EnergyHeading::of),
            note: source.note().map(str::to_owned),
        };
        if let (true, Some(note)) = (self.csv, &heading.note) {
            // A table and JSON have it in their heading.
            complain(note);
        }
        match self.peer(&config)? {
            Some(peer) => self.print_peer(&heading, peer, &mut source, &config),
            None if self.plan.has_widths() => self.print_one(&heading, model.as_ref(), &mut source, &config),
            None => self.print_all(&heading, model.as_ref(), &source, &config),
        }
    }

    /// One precision or plan, layer by layer.
    fn print_one(
        &self,
        heading: &Heading,
        model: Option<&Model>,
        source: &mut Source,
        config: &ArrayConfig,
    ) -> Result<(), Failure> {
        let (workload, precision) = source.planned(&self.plan, self.refined, config)?;
        let bar = Late::new(workload.layers.len());
        let mut estimate = Costs::new(config).watched(&workload, self.machine.dram(), &|| bar.inc()).map_err(source.at())?;
        bar.finish();
        add_energy(&mut estimate, model, config)?;
        if self.json {
            return print_json(&report::One { heading, precision: &precision, estimate: &estimate });
        }
        if self.csv {
            print(&csv::crumb([(&precision, &estimate)])?)
        } else {
            print(&tables::one(heading, &precision, &estimate))
        }
    }

    /// All nine pairs of widths.
    fn print_all(&self, heading: &Heading, model: Option<&Model>, source: &Source, config: &ArrayConfig) -> Result<(), Failure> {
        if self.machine.clock.is_some() && self.machine.dram().is_none() && model.is_none() && !self.json {
            let text = "--clock: times are shown for one precision; give --act-bits or --weight-bits, or leave it out";
            return Err(Message(text.into()).into());
        }
        let mut costs = Costs::new(config);
        let bar = Late::new(source.layers() * pairs().count());
        let mut outcomes = Vec::new();
        for (act_bits, weight_bits) in pairs() {
            let precision = LayerPrecision { act_bits, weight_bits, ..self.plan.uniform() };
            let estimate = source.uniform(precision, config).and_then(|w| costs.watched(&w, self.machine.dram(), &|| bar.inc()));
            outcomes.push((precision.to_string(), estimate));
        }
        bar.finish();
        for estimate in outcomes.iter_mut().filter_map(|(_, outcome)| outcome.as_mut().ok()) {
            add_energy(estimate, model, config)?;
        }
        // A width that a tensor cannot have is a row without numbers; a network that has none of them is an error.
        if outcomes.iter().all(|(_, outcome)| outcome.is_err())
            && !outcomes.is_empty()
            && let (precision, Err(error)) = outcomes.swap_remove(0)
        {
            return Err(at(format!("{}: {precision}, the first of the pairs, none of which can be", source.name()))(error).into());
        }
        let refusal = |error: crate::estimate::network::EstimateError| error.to_string();
        let outcomes: Vec<Outcome> =
            outcomes.into_iter().map(|(precision, outcome)| Outcome { precision, result: outcome.map_err(refusal) }).collect();
        if self.json {
            return print_json(&Sweep { heading, precisions: &outcomes });
        }
        let estimates = outcomes.iter().filter_map(|outcome| Some((&outcome.precision, outcome.result.as_ref().ok()?)));
        if !self.csv {
            return print(&tables::all(heading, &outcomes));
        }
        // Lines are of estimates alone; what has none is said beside them.
        for Outcome { precision, result } in &outcomes {
            if let Err(refusal) = result {
                complain(&format!("{precision}: {refusal}"));
            }
        }
        print(&csv::crumb(estimates)?)
    }

    /// Another accelerator's cycles for the same layers.
    fn print_peer(&self, heading: &Heading, peer: Peer, source: &mut Source, config: &ArrayConfig) -> Result<(), Failure> {
        if self.machine.dram().is_some() {
            let text =
                "--dram-bytes-per-cycle, --dram-gb-per-s: the models of other accelerators have their own memory; leave it out";
            return Err(Message(text.into()).into());
        }
        if self.energy.is_some() {
            let text = "--energy: what other accelerators' events cost is not known; leave it out, or --model";
            return Err(Message(text.into()).into());
        }
        let estimates = if self.plan.has_widths() || peer.ignores_precision() {
            let (workload, precision) = source.planned(&self.plan, self.refined, config)?;
            let precision = if peer.ignores_precision() { "any".to_owned() } else { precision };
            vec![peer.estimate(precision, &workload).map_err(source.at())?]
        } else {
            let each = |(act_bits, weight_bits)| {
                let precision = LayerPrecision { act_bits, weight_bits, ..self.plan.uniform() };
                let workload: Workload = source.uniform(precision, config)?;
                peer.estimate(precision.to_string(), &workload)
            };
            pairs().map(each).collect::<Result<_, _>>().map_err(source.at())?
        };
        match estimates.as_slice() {
            [one] if self.json => print_json(&report::Peer { heading, estimate: one }),
            all if self.json => print_json(&report::Peers { heading, precisions: all }),
            all if self.csv => print(&csv::peer(all)?),
            all => print(&tables::peer(heading, peer, all)),
        }
    }

    /// The energy file, at the clock that is given.
    fn energy_model(&self) -> Result<Option<Model>, Failure> {
        let Some(name) = &self.energy else { return Ok(None) };
        let model = super::energy::model(name)?;
        Ok(Some(Model { megahertz: self.machine.clock.unwrap_or(model.megahertz), ..model }))
    }

    fn peer(&self, config: &ArrayConfig) -> Result<Option<Peer>, Message> {
        match (self.cycle_model, self.padding) {
            (CycleModel::ScaleSim, padding) => Ok(Some(Peer::scale_sim(config, padding.unwrap_or(Padding::Ignored)))),
            (_, Some(_)) => Err(Message("--padding: only --model scale-sim has no padding of its own; leave it out".into())),
            (CycleModel::Crumb, None) => Ok(None),
            (CycleModel::BitFusion, None) => Ok(Some(Peer::BitFusion)),
        }
    }
}
