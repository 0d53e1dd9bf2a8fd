//! `crumb` without a command, and `crumb run`: a network on the machine.

use super::Failure;
use super::options::{MachineOptions, Message, config};
use super::progress;
use super::table::{Table, thousands};
use crate::backend::BackendKind;
use crate::benchmark::{RunReport, measure};
use crate::digits;
use crate::network::machine::MachineEngine;
use crate::network::plan_file::PlanFile;
use crate::network::{DType, LayerPrecision, Network, PrecisionPlan, Rounding, Tensor, TensorData};
use crate::npy::{self, Array, Elements};
use crate::onnx;
use crate::session::Session;
use crumb_arch::precision::{ActBits, WeightBits};
use serde::Serialize;
use std::path::PathBuf;

/// What the main job takes when no command is named.
#[derive(clap::Args)]
pub struct MainJob {
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
}

impl MainJob {
    /// Carries the main job out on the simulator.
    pub fn execute(&self) -> Result<(), Failure> {
        let machine = MachineOptions { backend: BackendKind::Sim, config: "small".into(), wave: None, wave_window: None };
        main_job(&machine, None, self.json)
    }
}

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
    /// Weight width of every layer.
    #[arg(long, value_name = "8|6|4|2")]
    weight_bits: Option<WeightBits>,
    /// Activation width of every layer.
    #[arg(long, value_name = "8|4|2")]
    act_bits: Option<ActBits>,
    /// How int8 weights are rounded to fewer bits.
    #[arg(long, value_name = "half-even|half-up|floor")]
    rounding: Option<Rounding>,
    /// Precision of each layer, and biases by weight width.
    #[arg(long, value_name = "PLAN.toml")]
    precision: Option<PathBuf>,
    /// Without a model: run only the first N images.
    #[arg(long, value_name = "N", conflicts_with = "model")]
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
        let chosen = self.weight_bits.is_some() || self.act_bits.is_some() || self.rounding.is_some() || self.precision.is_some();
        match &self.model {
            Some(path) => self.run_model(path),
            None if chosen || !self.inputs.is_empty() || self.out.is_some() => self.run_digits_once(),
            None => main_job(&self.machine, self.images, self.json),
        }
    }

    fn default_precision(&self) -> LayerPrecision {
        LayerPrecision {
            weight_bits: self.weight_bits.map_or(8, u8::from),
            act_bits: self.act_bits.map_or(8, u8::from),
            rounding: self.rounding.unwrap_or(Rounding::HalfEven),
        }
    }

    fn plan(&self, network: &mut Network) -> Result<PrecisionPlan, Failure> {
        let Some(path) = &self.precision else { return Ok(PrecisionPlan::uniform(self.default_precision())) };
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| Message(format!("{origin}: {e}")))?;
        let file = PlanFile::parse(&text, &origin)?;
        file.apply_biases(network, &origin)?;
        Ok(file.plan(self.default_precision()))
    }

    fn run_model(&self, path: &std::path::Path) -> Result<(), Failure> {
        let bytes = std::fs::read(path).map_err(|e| Message(format!("{}: {e}", path.display())))?;
        let network = onnx::import(&bytes)?;
        let inputs = self.read_inputs(&network)?;
        self.run_once(network, &inputs)
    }

    /// The embedded network on its images or on inputs of the user's.
    fn run_digits_once(&self) -> Result<(), Failure> {
        let digits = digits::load()?;
        let inputs =
            if self.inputs.is_empty() { vec![first_images(&digits, self.images)?] } else { self.read_inputs(&digits.network)? };
        self.run_once(digits.network, &inputs)
    }

    fn run_once(&self, mut network: Network, inputs: &[Tensor]) -> Result<(), Failure> {
        let plan = self.plan(&mut network)?;
        let mut session = self.machine.open()?;
        let config = session.config().clone();
        let mut engine = MachineEngine::new(&mut session, &network)?;
        let (report, execution) = measure(&mut engine, &config, &network, inputs, "plan", &plan)?;
        if let (Some(path), Some(output)) = (&self.out, execution.outputs().first()) {
            npy::write(path, &to_array(output))?;
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", layer_table(&report));
            println!(
                "{} cycles, {:.1} MACs/cycle, exact: {}",
                thousands(report.cycles),
                report.macs_per_cycle,
                yes(report.exact)
            );
        }
        fail_on_mismatch(&[report])
    }

    fn read_inputs(&self, network: &Network) -> Result<Vec<Tensor>, Failure> {
        let names: Vec<&str> = network.inputs.iter().map(|&id| network.tensor(id).name.as_str()).collect();
        let mut slots: Vec<Option<Tensor>> = vec![None; names.len()];
        for argument in &self.inputs {
            let named = argument.split_once('=').and_then(|(name, file)| Some((names.iter().position(|n| *n == name)?, file)));
            let free = slots.iter().position(Option::is_none);
            let Some((slot, file)) = named.or_else(|| Some((free?, argument.as_str()))) else {
                return Err(
                    Message(format!("--input {argument}: the model has {} input(s): {}", names.len(), names.join(", "))).into()
                );
            };
            let path = std::path::Path::new(file);
            slots[slot] = Some(to_tensor(npy::read(path)?, network.tensor(network.inputs[slot]).dtype, file)?);
        }
        let missing: Vec<&str> = names.iter().zip(&slots).filter(|(_, s)| s.is_none()).map(|(n, _)| *n).collect();
        if !missing.is_empty() {
            return Err(Message(format!("no --input for {}: give each as --input NAME=FILE.npy", missing.join(", "))).into());
        }
        Ok(slots.into_iter().flatten().collect())
    }
}

fn to_tensor(array: Array, expected: DType, file: &str) -> Result<Tensor, Failure> {
    let data = match (array.elements, expected) {
        (Elements::F32(v), DType::F32) => TensorData::F32(v),
        (Elements::I8(v), DType::I8) => TensorData::I8(v),
        (Elements::U8(v), DType::U8) => TensorData::U8(v),
        (Elements::I32(v), DType::I32) => TensorData::I32(v),
        (Elements::I64(v), DType::I64) => TensorData::I64(v),
        (other, expected) => {
            let found = other.type_name();
            return Err(Message(format!(
                "{file}: element type {found}, but the model takes {expected}: convert it with .astype"
            ))
            .into());
        }
    };
    Ok(Tensor::new(array.shape, data)?)
}

fn to_array(tensor: &Tensor) -> Array {
    let elements = match tensor.data() {
        TensorData::F32(v) => Elements::F32(v.clone()),
        TensorData::I8(v) => Elements::I8(v.clone()),
        TensorData::U8(v) => Elements::U8(v.clone()),
        TensorData::I32(v) => Elements::I32(v.clone()),
        TensorData::I64(v) => Elements::I64(v.clone()),
    };
    Array { shape: tensor.shape().to_vec(), elements }
}

fn first_images(digits: &digits::Digits, images: Option<usize>) -> Result<Tensor, Failure> {
    let count = images.unwrap_or(digits.labels.len()).clamp(1, digits.labels.len());
    let pixels = digits.images.floats().unwrap_or_default()[..count * 64].to_vec();
    Ok(Tensor::new(vec![count, 1, 8, 8], TensorData::F32(pixels))?)
}

#[derive(Serialize)]
struct JobReport {
    config: String,
    backend: &'static str,
    runs: Vec<RunReport>,
}

/// The embedded network at every precision of [`digits::runs`].
fn main_job(machine: &MachineOptions, images: Option<usize>, json: bool) -> Result<(), Failure> {
    let mut digits = digits::load()?;
    let input = first_images(&digits, images)?;
    digits.labels.truncate(input.shape()[0]);
    let runs = digits::runs()?;
    let mut session: Session = machine.open()?;
    let config = config(&machine.config)?;
    let backend = session.backend().name();
    let progress = progress::bar(runs.len());
    let mut engine = MachineEngine::new(&mut session, &digits.network)?;
    let mut reports = Vec::new();
    for run in &runs {
        progress.set_message(run.name.clone());
        let (mut report, execution) =
            measure(&mut engine, &config, &digits.network, std::slice::from_ref(&input), &run.name, &run.plan)?;
        report.correct = execution.outputs().first().and_then(|output| output.floats()).map(|logits| digits.correct(logits));
        reports.push(report);
        progress.inc(1);
    }
    progress.finish_and_clear();
    if json {
        println!("{}", serde_json::to_string_pretty(&JobReport { config: config.name.clone(), backend, runs: reports.clone() })?);
    } else {
        let images = reports.first().map_or(0, |r| r.images);
        println!(
            "digits on '{}' ({} x {} PEs, backend {backend}), {images} images, one upload of int8 weights\n",
            config.name, config.rows, config.cols
        );
        print!("{}", job_table(&reports));
    }
    fail_on_mismatch(&reports)
}

const fn yes(exact: bool) -> &'static str {
    if exact { "yes" } else { "NO" }
}

fn job_table(reports: &[RunReport]) -> Table {
    let header = [
        "precision",
        "accuracy",
        "cycles/image",
        "MACs/cycle",
        "utilisation",
        "weight bits read",
        "BOPs/image",
        "weight bytes in",
        "exact",
    ];
    let mut table = Table::new(&header);
    for r in reports {
        let images = r.images.max(1) as u64;
        table.row(vec![
            r.precision.clone(),
            r.correct.map_or("-".into(), |correct| format!("{:.3}", correct as f64 / images as f64)),
            thousands(r.cycles.div_ceil(images)),
            format!("{:.1}", r.macs_per_cycle),
            format!("{:.1} %", 100.0 * r.utilisation),
            thousands(r.weight_bits_read),
            thousands(r.bops / images),
            thousands(r.weight_bytes_received),
            yes(r.exact).into(),
        ]);
    }
    table
}

fn layer_table(report: &RunReport) -> Table {
    let mut table = Table::new(&["layer", "precision", "MACs", "cycles", "busy", "utilisation", "requantized"]);
    for l in &report.layers {
        table.row(vec![
            l.name.clone(),
            l.precision.clone(),
            thousands(l.macs),
            thousands(l.cycles),
            thousands(l.busy_cycles),
            format!("{:.1} %", 100.0 * l.utilisation),
            if l.requantized_on_chip { "on chip" } else { "host" }.into(),
        ]);
    }
    table
}

fn fail_on_mismatch(reports: &[RunReport]) -> Result<(), Failure> {
    match reports.iter().find_map(|r| r.mismatch.as_ref().map(|m| (r, m))) {
        None => Ok(()),
        Some((r, tensor)) => Err(Failure::Mismatch(format!("at {} {tensor} differs from the reference", r.precision))),
    }
}
