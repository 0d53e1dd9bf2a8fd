//! `crumb` without a command, and `crumb run`: a network on the machine.

mod inputs;
mod main_job;
mod tables;

pub use main_job::MainJob;

use super::Failure;
use super::files::{OutputFile, at, read, read_text, refuse_same};
use super::options::{MachineOptions, Message};
use super::output::{print, print_json};
use crate::benchmark::{RunReport, measure};
use crate::digits;
use crate::network::machine::{MachineEngine, MachineRunError};
use crate::network::plan_file::PlanFile;
use crate::network::{LayerPrecision, Network, PrecisionPlan, Rounding, Tensor};
use crate::{npy, onnx};
use clap::builder::RangedU64ValueParser;
use crumb_arch::precision::{ActBits, WeightBits};
use std::path::{Path, PathBuf};

/// Run a network: an ONNX file on your inputs, or the embedded digits at six precisions.
///
/// The model is an ONNX QDQ file with int8 weights. Its layers run at the widths you name, all from the one int8 copy, and every
/// tensor is compared with the reference. The output is the model's first output as the model defines it.
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
    /// Weight width of every layer that the plan does not name.
    #[arg(long, value_name = "8|6|4|2")]
    weight_bits: Option<WeightBits>,
    /// Activation width of every layer that the plan does not name.
    #[arg(long, value_name = "8|4|2")]
    act_bits: Option<ActBits>,
    /// How int8 weights are rounded to fewer bits, where the plan does not say.
    #[arg(long, value_name = "half-even|half-up|floor")]
    rounding: Option<Rounding>,
    /// Precision of each layer, and biases by weight width.
    #[arg(long, value_name = "PLAN.toml")]
    precision: Option<PathBuf>,
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
        let chosen = !self.widths().is_empty() || self.precision.is_some();
        match &self.model {
            Some(path) => self.run_model(path),
            None if chosen || !self.inputs.is_empty() || self.out.is_some() => self.run_digits_once(),
            None => {
                refuse_same(&self.machine.outputs(), &self.machine.inputs())?;
                main_job::execute(&self.machine, self.images, self.json)
            }
        }
    }

    fn run_model(&self, path: &Path) -> Result<(), Failure> {
        let network = onnx::import(&read(path)?).map_err(at(path.display()))?;
        let inputs = inputs::read(&self.inputs, &network)?;
        self.run_once(network, &inputs, &path.display().to_string())
    }

    /// The embedded network on its images or on inputs of the user's.
    fn run_digits_once(&self) -> Result<(), Failure> {
        let digits = digits::load()?;
        let inputs = if self.inputs.is_empty() {
            vec![inputs::first_images(&digits, self.images)?]
        } else {
            inputs::read(&self.inputs, &digits.network)?
        };
        self.run_once(digits.network, &inputs, "the embedded network")
    }

    fn run_once(&self, mut network: Network, inputs: &[Tensor], origin: &str) -> Result<(), Failure> {
        let plan = self.plan(&mut network)?;
        let out = self.output_file()?;
        let mut session = self.machine.open()?;
        let config = session.config().clone();
        let mut run = || {
            let mut engine = MachineEngine::new(&mut session, &network)?;
            measure(&mut engine, &config, &network, inputs, "plan", &plan)
        };
        let (report, execution) = run().map_err(|error| match error {
            MachineRunError::Session(_) => Failure::from(error),
            _ => at(origin)(error).into(),
        })?;
        if let (Some(out), Some(output)) = (out, execution.outputs().first()) {
            out.finish(|file| npy::write_to(file, &npy::Array::from(*output)))?;
        }
        if self.json { print_json(&report) } else { print(&tables::layers(&report)) }?;
        fail_on_mismatch(&[report])
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

    /// The precision of each layer; the network gets the plan's biases.
    fn plan(&self, network: &mut Network) -> Result<PrecisionPlan, Failure> {
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
        let plan = file.plan_for(network, default)?;
        match (self.widths(), file.covers(network)) {
            (widths, Some(tables)) if !widths.is_empty() => Err(Message(format!(
                "{} and {origin}, which has {tables}, contradict each other: leave one out",
                widths.join(", ")
            ))
            .into()),
            _ => Ok(plan),
        }
    }

    /// Made before anything runs; the files that are read stay as they are.
    fn output_file(&self) -> Result<Option<OutputFile>, Failure> {
        let mut read: Vec<(&str, &Path)> = self.inputs.iter().map(|argument| ("--input", inputs::path_of(argument))).collect();
        read.extend(self.model.as_deref().map(|path| ("the model", path)));
        read.extend(self.precision.as_deref().map(|path| ("--precision", path)));
        read.extend(self.machine.inputs());
        let mut written: Vec<(&str, &Path)> = self.out.as_deref().map(|path| ("--out", path)).into_iter().collect();
        written.extend(self.machine.outputs());
        refuse_same(&written, &read)?;
        Ok(self.out.as_deref().map(OutputFile::create).transpose()?)
    }
}

fn fail_on_mismatch(reports: &[RunReport]) -> Result<(), Failure> {
    match reports.iter().find_map(|r| r.mismatch.as_ref().map(|m| (r, m))) {
        None => Ok(()),
        Some((r, tensor)) => Err(Failure::Mismatch(format!("at {} {tensor} differs from the reference", r.precision))),
    }
}
