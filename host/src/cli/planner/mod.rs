//! `crumb plan`: the precision of each layer that loses least within a budget.

mod data;
mod report;
mod work;

use super::constants::ConstantOptions;
use super::energy;
use super::files::{OutputFile, at, read_text, refuse_same};
use super::options::{Message, config, named_file};
use super::output::{print, print_json};
use super::run::inputs;
use super::{Failure, progress};
use crate::network::Rounding;
use crate::planner::costs::EnergyModel;
use crate::planner::front::front;
use crate::planner::loss::Loss;
use crate::planner::{Budget, Choices, CostTable, Metric, Problem, Sensitivities, sensitivity, sensitivity_file};
use crumb_arch::precision::WeightBits;
use data::Data;
use std::path::{Path, PathBuf};
use work::Planner;

/// Choose the precision of each layer: the least loss within a budget.
///
/// An integer linear program chooses one activation width for each tensor and one weight width for each layer. Costs are estimated
/// to the cycle for every choice of every layer, so the cycles that are predicted are those that `crumb run` measures. Losses are measured
/// on calibration data, one layer at a time, and taken to add up; solutions, plans near them and uniform precisions are then measured on the
/// same data, and the best is run on test data. Predicted and measured losses are printed.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
crumb plan --budget cycles=0.5x -o plan.toml                       digits, in half the cycles\n  \
crumb plan --front --csv                                           every trade there is to make\n  \
crumb plan model.onnx --data X.npy --labels y.npy --budget bops=2.5G -o plan.toml\n  \
crumb run model.onnx --input x.npy --precision plan.toml\n\n\
A budget is METRIC=SHAREx of the cost of all layers at their widest, or METRIC=AMOUNT (k, M, G: thousands, millions, billions); the\n\
metrics are cycles, bops (multiply-accumulates times both widths), weight-bytes (at the width of each layer) and energy (nJ).")]
pub struct Plan {
    /// The model; without it, the embedded digits network with its own calibration and test images.
    #[arg(value_name = "MODEL.onnx")]
    model: Option<PathBuf>,
    /// What a plan may take at most.
    #[arg(long, value_name = "cycles|bops|weight-bytes|energy=0.5x", required_unless_present_any = ["front", "against_uniform"])]
    budget: Option<Budget>,
    /// Calibration data: an input of the model; repeat for models with several, in their order or by name.
    #[arg(long, value_name = "[NAME=]X.npy", requires = "model")]
    data: Vec<String>,
    /// Labels of the calibration data: one integer for each image; they give accuracies.
    #[arg(long, value_name = "Y.npy", requires = "data")]
    labels: Option<PathBuf>,
    /// Data to measure plans on; without it, the calibration data.
    #[arg(long, value_name = "[NAME=]X.npy", requires = "data")]
    test: Vec<String>,
    /// Labels of the test data.
    #[arg(long, value_name = "Y.npy", requires = "test")]
    test_labels: Option<PathBuf>,
    /// Losses or traces of Hessians by layer, instead of measuring sensitivities; implies --predicted-only.
    #[arg(long, value_name = "FILE.toml")]
    sensitivities: Option<PathBuf>,
    /// How the disturbance of the output is measured.
    #[arg(long, value_enum, default_value = "relative-error")]
    loss: Loss,
    /// Take the plan of the integer program as it is, without measuring its neighbours and uniform precisions on the calibration data.
    #[arg(long)]
    predicted_only: bool,
    /// Weight widths to choose from; 6 takes the cycles of 8.
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',', default_value = "8,4,2")]
    weight_widths: Vec<WeightBits>,
    /// How int8 weights are rounded to fewer bits.
    #[arg(long, value_name = "half-even|half-up|floor", default_value = "half-even")]
    rounding: Rounding,
    /// Images that the machine runs at once: what cycles and BOPs are of.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    batch: usize,
    /// The machine: a named configuration (tiny, small, wide, medium, large, huge) or a TOML file.
    #[arg(long, default_value = "small", value_name = "NAME|FILE.toml")]
    config: String,
    /// What events cost: osu018 (gates of this machine, 180 nm), horowitz-45nm or bitfusion-45nm (published figures), or an energy file.
    #[arg(long, default_value = "osu018", value_name = "NAME|FILE.toml")]
    energy: String,
    /// Print the Pareto front of the budget's metric, or of cycles.
    #[arg(long, conflicts_with = "against_uniform")]
    front: bool,
    /// Print for each uniform precision the plan that takes no more.
    #[arg(long)]
    against_uniform: bool,
    /// Points of the front at least, where there are so many.
    #[arg(long, value_name = "N", requires = "front", default_value_t = 12, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(2..=200))]
    points: usize,
    /// Write the plan as `crumb run --precision` takes it.
    #[arg(short, long, value_name = "PLAN.toml", requires = "budget")]
    out: Option<PathBuf>,
    #[command(flatten)]
    constants: ConstantOptions,
    /// Print JSON instead of tables.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print the table as comma-separated values.
    #[arg(long)]
    csv: bool,
}

impl Plan {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let out = self.output_file()?;
        let config = config(&self.config)?;
        let data = Data::read(self)?;
        let widths: Vec<u8> = self.weight_widths.iter().map(|&width| width.into()).collect();
        let choices = Choices::of(&data.network, &widths, self.rounding)?;
        let bar = progress::bar(choices.layers.len());
        bar.set_message("layers counted");
        let costs = CostTable::counted(&config, &data.network, &choices, &data.batch, &|| bar.inc(1));
        bar.finish_and_clear();
        let mut costs = costs.map_err(at(&data.name))?;
        let model = energy::model(&self.energy)?;
        // Energies of deeper PEs are not known: they are asked for only where a budget needs them.
        let wanted = self.budget.is_some_and(|budget| budget.metric == Metric::Energy);
        costs.energy = (wanted || config.depth == 1).then_some(&model as &dyn EnergyModel);
        let sensitivities = self.read_or_measure(&data, &choices)?;
        // Given losses are the user's judgement: nothing measured here overrules them.
        let predicted_only = self.predicted_only || self.sensitivities.is_some();
        let planner = Planner { data: &data, choices, costs, sensitivities, loss: self.loss, predicted_only };
        let metric = self.budget.map_or(Metric::Cycles, |budget| budget.metric);
        let problem = Problem::new(&planner.choices, &planner.costs, &planner.sensitivities, metric)?;
        let mut report = planner.report(&config, metric)?;
        if let Some(budget) = self.budget {
            let (assignment, cost) = planner.within(&problem, budget, report.full)?;
            let heading = format!(
                "crumb plan {}: at most {}\npredicted: {}, {} {:.3e}",
                data.name,
                metric.show(budget.limit(report.full)),
                metric.show(cost),
                planner.sensitivities.what,
                planner.sensitivities.of(&planner.choices, &assignment).unwrap_or_default().loss
            );
            if let Some(out) = out {
                let text = planner.choices.plan_file(&assignment, &heading);
                out.finish(|file| file.write_all(text.as_bytes()))?;
            }
            report.budget = Some(budget.limit(report.full));
            report.layers = planner.layers(&assignment)?;
            report.plan = planner.rows(&[("plan".into(), assignment)])?.pop();
        }
        if self.front {
            let bar = progress::bar(self.points);
            bar.set_message("budgets solved");
            let points = front(&problem, self.points, &|| bar.inc(1));
            bar.finish_and_clear();
            let named = points?.into_iter().map(|point| (metric.show(point.cost), point.assignment));
            report.front = planner.rows(&named.collect::<Vec<_>>())?;
        }
        if self.against_uniform {
            report.against = planner.against_uniform(&problem)?;
        }
        match (self.json, self.csv) {
            (true, _) => print_json(&report),
            (_, true) => print(&report.csv()?),
            _ => print(&report.text()),
        }?;
        match report.mispredicted() {
            None => Ok(()),
            Some(row) => Err(Failure::Mismatch(format!(
                "{} cycles predicted and {} measured of {}",
                row.outcome.predicted_cycles, row.outcome.measured_cycles, row.name
            ))),
        }
    }

    fn read_or_measure(&self, data: &Data, choices: &Choices) -> Result<Sensitivities, Failure> {
        if let Some(path) = &self.sensitivities {
            return Ok(sensitivity_file::parse(&read_text(path)?, &path.display().to_string(), &data.network, choices)?);
        }
        let bar = progress::bar(sensitivity::runs(choices));
        bar.set_message("choices measured");
        let labels = data.labels.as_deref();
        let found = Sensitivities::measured(&data.network, choices, &data.calibration, labels, self.loss, &|| bar.inc(1));
        bar.finish_and_clear();
        Ok(found.map_err(at(&data.name))?)
    }

    /// Made before anything runs; the files that are read stay as they are.
    fn output_file(&self) -> Result<Option<OutputFile>, Failure> {
        let mut read: Vec<(&str, &Path)> = Vec::new();
        read.extend(self.model.as_deref().map(|path| ("the model", path)));
        read.extend(self.data.iter().map(|argument| ("--data", inputs::path_of(argument))));
        read.extend(self.test.iter().map(|argument| ("--test", inputs::path_of(argument))));
        read.extend(self.labels.as_deref().map(|path| ("--labels", path)));
        read.extend(self.test_labels.as_deref().map(|path| ("--test-labels", path)));
        read.extend(self.sensitivities.as_deref().map(|path| ("--sensitivities", path)));
        read.extend(self.constants.inputs());
        let files = [("--config", &self.config), ("--energy", &self.energy)];
        read.extend(files.into_iter().filter_map(|(option, name)| Some((option, named_file(name)?))));
        let written: Vec<(&str, &Path)> = self.out.as_deref().map(|path| ("--out", path)).into_iter().collect();
        refuse_same(&written, &read)?;
        if self.model.is_some() && self.data.is_empty() {
            let text = "no --data for the model: give calibration inputs as --data X.npy, some hundred images or rows of them";
            return Err(Message(text.into()).into());
        }
        Ok(self.out.as_deref().map(OutputFile::create).transpose()?)
    }
}
