//! `crumb` without a command, and `crumb run`: a network on the machine.

mod estimated;
pub mod inputs;
mod main_job;
mod observed;
mod observed_tables;
mod tables;

pub use main_job::MainJob;

use super::Failure;
use super::constants::ConstantOptions;
use super::files::{OutputFile, at, read, refuse_same};
use super::options::{MachineOptions, Message};
use super::output::{print, print_json};
use super::plan::{PlanOptions, Planned};
use super::progress;
use crate::benchmark::{RunReport, watched, watched_macs};
use crate::digits;
use crate::network::importance::{ShiftingErrors, calibrate, shifting_errors};
use crate::network::machine::{MachineEngine, MachineRunError};
use crate::network::{Network, PrecisionPlan, Tensor};
use crate::npy;
use crate::refine::{self, Refined};
use crate::session::Session;
use clap::builder::RangedU64ValueParser;
use std::path::{Path, PathBuf};

/// What `--json` prints.
#[derive(serde::Serialize)]
struct RunOutput<'a> {
    #[serde(flatten)]
    report: &'a RunReport,
    /// Storage of the extra bits of important channels; empty where the plan has none.
    shifting_errors: &'a [ShiftingErrors],
    /// Whether every counter of every layer is as estimated, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_estimated: Option<bool>,
    /// Toggles and energy, if that was asked.
    #[serde(flatten)]
    observed: Option<observed::Report>,
}

/// Run a network: an ONNX file on your inputs, or the embedded digits at six precisions.
///
/// The model is a quantized ONNX file: QDQ, QOperator or dynamically quantized, as onnxruntime's quantizer writes them. Its layers run
/// at the widths you name, all from the one int8 copy of their weights, and every tensor is compared with the reference. The output is
/// the model's first output as the model defines it. `crumb inspect` lists the layers and writes a plan to edit.
#[derive(clap::Args)]
pub struct Run {
    /// The model; without it, the embedded digits network.
    #[arg(value_name = "MODEL.onnx")]
    model: Option<PathBuf>,
    /// An input of the model; repeat for models with several, in their order or by name.
    #[arg(long = "input", value_name = "[NAME=]X.npy")]
    inputs: Vec<String>,
    /// Where the model's first output goes.
    #[arg(long, value_name = "Y.npy")]
    out: Option<PathBuf>,
    #[command(flatten)]
    plan: PlanOptions,
    #[command(flatten)]
    constants: ConstantOptions,
    /// Inputs that rank the important channels of layers for which the plan gives only their number.
    #[arg(long, value_name = "[NAME=]X.npy", requires = "precision")]
    calibrate: Vec<String>,
    /// Run at the upper bits of the weights first, and again at all bits where the two largest outputs are closer than this.
    ///
    /// Weights are rounded down in both runs, whatever a plan says, so that the lower bits can be added.
    #[arg(long, value_name = "MARGIN", conflicts_with_all = ["out", "rounding"], value_parser = margin)]
    refine: Option<f32>,
    /// The right answers, for --refine: int64 or uint8, one for each image.
    #[arg(long, value_name = "Y.npy", requires = "refine")]
    labels: Option<PathBuf>,
    /// Compare every counter of every layer with what `crumb estimate` says; a difference is exit code 1.
    #[arg(long, conflicts_with = "refine")]
    check_estimate: bool,
    #[command(flatten)]
    observe: observed::ObserveOptions,
    /// Only the first N of the embedded images, 1 to 450.
    #[arg(long, value_name = "N", conflicts_with_all = ["model", "inputs"],
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=digits::IMAGES as u64))]
    images: Option<usize>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    machine: MachineOptions,
}

impl Run {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let chosen = self.plan.is_given();
        match &self.model {
            Some(path) => self.run_model(path),
            None if chosen || self.is_one_run() => self.run_digits_once(),
            None => {
                refuse_same(&self.machine.outputs(), &self.machine.inputs())?;
                main_job::execute(&self.machine, self.images, self.json)
            }
        }
    }

    /// Whether an argument asks for what one run of the embedded network gives.
    fn is_one_run(&self) -> bool {
        let observed = self.check_estimate || self.observe.is_given();
        observed || self.refine.is_some() || !self.inputs.is_empty() || self.out.is_some()
    }

    fn run_model(&self, path: &Path) -> Result<(), Failure> {
        let network = self.constants.import(&read(path)?, path)?.network;
        let inputs = inputs::read("--input", &self.inputs, &network)?;
        let labels = self.labels.as_deref().map(inputs::labels).transpose()?;
        self.run_once(network, &inputs, labels, &path.display().to_string())
    }

    /// The embedded network on its images or on inputs of the user's.
    fn run_digits_once(&self) -> Result<(), Failure> {
        let digits = digits::load()?;
        let inputs = if self.inputs.is_empty() {
            vec![inputs::first_images(&digits, self.images)?]
        } else {
            inputs::read("--input", &self.inputs, &digits.network)?
        };
        let known = self.inputs.is_empty().then(|| digits.labels.iter().map(|&label| i64::from(label)).collect::<Vec<_>>());
        let given = self.labels.as_deref().map(inputs::labels).transpose()?;
        let images = inputs.first().and_then(|input| input.shape().first()).copied().unwrap_or(0);
        let labels = given.or_else(|| known.map(|labels| labels[..images.min(labels.len())].to_vec()));
        self.run_once(digits.network, &inputs, labels, "the embedded network")
    }

    fn run_once(&self, mut network: Network, inputs: &[Tensor], labels: Option<Vec<i64>>, origin: &str) -> Result<(), Failure> {
        let planned = self.plan.plan(&mut network)?;
        let plan = self.calibrated(&network, planned)?;
        let out = self.output_file()?;
        let observe = self.observe.read()?;
        let mut session = self.machine.open_counting(observe.window)?;
        let failed = |error| match error {
            MachineRunError::Session(_) => Failure::from(error),
            _ => at(origin)(error).into(),
        };
        if let Some(margin) = self.refine {
            let result = self.refine(&network, inputs, labels.as_deref(), &plan, margin, &mut session);
            return self.print_refined(&result.map_err(failed)?);
        }
        let config = session.config().clone();
        let bar = progress::macs(watched_macs(&network, inputs)?);
        let run = || {
            let mut engine = MachineEngine::for_plan(&mut session, &network, &plan)?;
            watched(&mut engine, &config, &network, inputs, "plan", &plan, &|macs| bar.inc(macs))
        };
        let (report, execution) = { run }().map_err(failed)?;
        bar.finish_and_clear();
        if let (Some(out), Some(output)) = (out, execution.outputs().first()) {
            out.finish(|file| npy::write_to(file, &npy::Array::from(*output)))?;
        }
        let errors = shifting_errors(&network, &execution, &plan)?;
        let compare = || estimated::compare(origin, (&network, inputs), &plan, &config, &report);
        let difference = self.check_estimate.then(compare).transpose()?;
        let observed = self.observe.is_given().then(|| observe.report(&config, &report)).transpose()?;
        if self.json {
            let as_estimated = difference.as_ref().map(Option::is_none);
            print_json(&RunOutput { report: &report, shifting_errors: &errors, as_estimated, observed })?;
        } else {
            print(&tables::layers(&report))?;
            if difference == Some(None) {
                print(&format!("as estimated: yes, in every counter of {} layers\n", report.layers.len()))?;
            }
            if !errors.is_empty() {
                print(&format!("\nstorage of shifting errors\n{}", tables::shifting_errors(&errors)))?;
            }
            if let Some(observed) = &observed {
                print(&observed_tables::text(observed))?;
            }
        }
        fail_on_mismatch(std::slice::from_ref(&report))?;
        match difference.flatten() {
            Some(text) => Err(Failure::Mismatch(text)),
            None => Ok(()),
        }
    }

    /// Anytime inference.
    fn refine(
        &self,
        network: &Network,
        inputs: &[Tensor],
        labels: Option<&[i64]>,
        plan: &PrecisionPlan,
        margin: f32,
        session: &mut Session,
    ) -> Result<Refined, MachineRunError> {
        // Without a width of the user's, the upper halves of the weights come first.
        let mut plan = plan.clone();
        if self.plan.weight_bits.is_none() && self.plan.precision.is_none() {
            plan.default.weight_bits = 4;
        }
        let config = session.config().clone();
        let mut engine = MachineEngine::for_plan(session, network, &plan)?;
        refine::run(&mut engine, &config, network, inputs, &plan, margin, labels)
    }

    fn print_refined(&self, refined: &Refined) -> Result<(), Failure> {
        if self.json { print_json(refined) } else { print(&tables::refined(refined)) }?;
        let reports: Vec<RunReport> = std::iter::once(refined.first.clone()).chain(refined.second.clone()).collect();
        fail_on_mismatch(&reports)
    }

    /// The plan, with important channels ranked by the inputs of `--calibrate`.
    fn calibrated(&self, network: &Network, planned: Planned) -> Result<PrecisionPlan, Failure> {
        let Planned { mut plan, counts, origin } = planned;
        match counts.keys().next() {
            Some(layer) if self.calibrate.is_empty() => Err(Message(format!(
                "{origin}: [[layer]] {layer:?} gives only the number of its important channels: rank them with --calibrate"
            ))
            .into()),
            None if !self.calibrate.is_empty() => {
                Err(Message("--calibrate: the plan gives no layer a number of important channels: leave it out".into()).into())
            }
            None => Ok(plan),
            Some(_) => {
                let inputs = inputs::read("--calibrate", &self.calibrate, network)?;
                calibrate(network, &inputs, &mut plan, &counts).map_err(at(&origin))?;
                Ok(plan)
            }
        }
    }

    /// Made before anything runs; the files that are read stay as they are.
    fn output_file(&self) -> Result<Option<OutputFile>, Failure> {
        let mut read: Vec<(&str, &Path)> = self.inputs.iter().map(|argument| ("--input", inputs::path_of(argument))).collect();
        read.extend(self.calibrate.iter().map(|argument| ("--calibrate", inputs::path_of(argument))));
        read.extend(self.constants.inputs());
        read.extend(self.labels.as_deref().map(|path| ("--labels", path)));
        read.extend(self.model.as_deref().map(|path| ("the model", path)));
        read.extend(self.plan.precision.as_deref().map(|path| ("--precision", path)));
        read.extend(self.observe.input());
        read.extend(self.machine.inputs());
        let mut written: Vec<(&str, &Path)> = self.out.as_deref().map(|path| ("--out", path)).into_iter().collect();
        written.extend(self.machine.outputs());
        refuse_same(&written, &read)?;
        Ok(self.out.as_deref().map(OutputFile::create).transpose()?)
    }
}

/// A margin: 0 or more.
fn margin(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(margin) if margin >= 0.0 => Ok(margin),
        Ok(margin) => Err(format!("{margin}: expected a margin of 0 or more")),
        Err(error) => Err(format!("{error}: expected a number")),
    }
}

fn fail_on_mismatch(reports: &[RunReport]) -> Result<(), Failure> {
    match reports.iter().find_map(|r| r.mismatch.as_ref().map(|m| (r, m))) {
        None => Ok(()),
        Some((r, tensor)) => Err(Failure::Mismatch(format!("at {} {tensor} differs from the reference", r.precision))),
    }
}
