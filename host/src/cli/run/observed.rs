//! `crumb run --activity` and `--energy`: which registers toggled in each layer, and what the run took, by events and by activity.

use crate::benchmark::RunReport;
use crate::cli::files::at;
use crate::cli::options::{Message, named_file};
use crate::cli::{Failure, energy};
use crate::energy::{Estimate, Mode, Model, Observed, Work, by_activity, estimate};
use crate::network::machine::LayerReport;
use crumb_arch::ArrayConfig;
use crumb_arch::precision::{ActBits, WeightBits};
use crumb_sim::activity::Activity;
use crumb_sim::vcd::WaveWindow;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is observed of a run.
#[derive(clap::Args)]
pub struct ObserveOptions {
    /// Count the bits that toggle in every register of the simulator, layer by layer: what bit operations hide, such as zeros, shows here.
    #[arg(long, conflicts_with = "refine")]
    activity: bool,
    /// Count only in these cycles: 1000..2000, ..500 or 100..
    #[arg(long, value_name = "FROM..TO", requires = "activity", conflicts_with = "energy")]
    activity_window: Option<String>,
    /// Estimate the energy by what events cost, and with --activity also by what toggled: osu018 (gates of this machine, 180 nm),
    /// horowitz-45nm or bitfusion-45nm (published figures, which do not say at what activity they hold), or an energy file.
    #[arg(long, value_name = "NAME|FILE.toml", conflicts_with = "refine")]
    energy: Option<String>,
}

/// The same, read.
pub struct Observe {
    /// Cycles in which toggles are counted, if they are.
    pub window: Option<WaveWindow>,
    /// What events cost, if that is wanted.
    model: Option<Model>,
}

impl ObserveOptions {
    /// Whether anything is observed.
    pub fn is_given(&self) -> bool {
        self.activity || self.energy.is_some()
    }

    /// The file that it reads, with the argument that names it.
    pub fn input(&self) -> Option<(&'static str, &std::path::Path)> {
        Some(("--energy", named_file(self.energy.as_deref()?)?))
    }

    /// Reads the window and the figures.
    ///
    /// # Errors
    /// If either is none.
    pub fn read(&self) -> Result<Observe, Failure> {
        let window = self.activity.then(|| self.activity_window.as_deref().unwrap_or("..").parse::<WaveWindow>()).transpose();
        let window = window.map_err(at("--activity-window"))?;
        Ok(Observe { window, model: self.energy.as_deref().map(energy::model).transpose()? })
    }
}

/// What was observed of a run.
#[derive(Serialize)]
pub struct Report {
    /// The cycles in which toggles were counted, from the machine's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity_window: Option<String>,
    /// The energy figures' name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_figures: Option<String>,
    /// Why there is no energy by activity, if these figures do not give it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_energy_by_activity: Option<String>,
    /// Each layer.
    pub observed_layers: Vec<Row>,
    /// All of them.
    pub observed: Row,
}

/// What was observed of one layer, or of all.
#[derive(Clone, Default, Serialize)]
pub struct Row {
    /// The layer's name.
    pub name: String,
    /// `a4w2`; empty for all layers.
    pub precision: String,
    /// Toggles of each group of registers, and the cycles in which they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<Toggles>,
    /// Energy, external memory aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_pj: Option<Energies>,
    /// The toggles as they were counted.
    #[serde(skip)]
    pub counted: Option<Activity>,
}

/// [`Activity`] by names.
#[derive(Clone, Serialize)]
pub struct Toggles {
    /// Cycles in which toggles were counted.
    pub cycles: u64,
    /// Toggled bits, by group of registers.
    pub toggles: BTreeMap<&'static str, u64>,
}

/// Energy in pJ, estimated twice.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Energies {
    /// What was counted times what each event costs: the same for all data.
    pub by_events: Estimate,
    /// What toggled, times what a toggle costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_activity: Option<Estimate>,
}

impl Row {
    fn new(name: &str, precision: String, counted: Option<Activity>) -> Self {
        let activity = counted.map(|a| Toggles { cycles: a.cycles, toggles: a.iter().map(|(g, n)| (g.name(), n)).collect() });
        Self { name: name.to_owned(), precision, activity, energy_pj: None, counted }
    }
}

impl Observe {
    /// What was observed of a run on a machine.
    ///
    /// # Errors
    /// If energy was asked for and the machine does not count, is one that the figures are not of, or runs layers at two widths at once.
    pub fn report(&self, config: &ArrayConfig, run: &RunReport) -> Result<Report, Failure> {
        let mut report = Report {
            activity_window: self.window.map(|window| window.to_string()),
            energy_figures: self.model.as_ref().map(|model| model.name.clone()),
            no_energy_by_activity: None,
            observed_layers: Vec::new(),
            observed: Row::default(),
        };
        let (mut all, mut sum) = (self.window.map(|_| Activity::default()), Energies::default());
        sum.by_activity = self.window.map(|_| Estimate::default());
        for (index, layer) in run.reports.iter().enumerate() {
            let counted = run.activities.get(index).copied();
            let mut row = Row::new(&layer.name, layer.precision(), counted);
            if let (Some(all), Some(counted)) = (&mut all, counted) {
                *all += counted;
            }
            if let Some(model) = &self.model {
                let energies = self.energies(model, config, run, layer, counted, &mut report.no_energy_by_activity)?;
                sum.by_events += &energies.by_events;
                match (&mut sum.by_activity, &energies.by_activity) {
                    (Some(sum), Some(energy)) => *sum += energy,
                    _ => sum.by_activity = None,
                }
                row.energy_pj = Some(energies);
            }
            report.observed_layers.push(row);
        }
        report.observed = Row::new("all", String::new(), all);
        report.observed.energy_pj = self.model.as_ref().map(|_| sum);
        Ok(report)
    }

    fn energies(
        &self,
        model: &Model,
        config: &ArrayConfig,
        run: &RunReport,
        layer: &LayerReport,
        counted: Option<Activity>,
        missing: &mut Option<String>,
    ) -> Result<Energies, Failure> {
        if run.counters.is_none() {
            return Err(Message("--energy: this backend has no clock, so it counts nothing; use --backend sim".into()).into());
        }
        if layer.important.is_some() {
            let name = &layer.name;
            let text =
                format!("--energy: layer {name:?} has activations of two widths; leave its important channels out of the plan");
            return Err(Message(text).into());
        }
        let act = ActBits::try_from(layer.precision.act_bits)?;
        let weight = WeightBits::try_from(layer.precision.weight_bits)?;
        let work = Work { mode: Mode { act, weight }, counters: layer.counters, dram_bits: 0 };
        let by_events = estimate(model, config, &[work])?;
        let by_activity = counted.and_then(|activity| {
            let found = by_activity(model, config, &[Observed { work, activity }]);
            found.map_err(|error| *missing = Some(error.to_string())).ok()
        });
        Ok(Energies { by_events, by_activity })
    }
}
