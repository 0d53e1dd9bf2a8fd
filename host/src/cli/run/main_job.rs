//! The main job: the embedded network at every precision of [`digits::runs`].

use super::inputs::first_images;
use super::{fail_on_mismatch, tables};
use crate::backend::BackendKind;
use crate::benchmark::{RunReport, measure};
use crate::cli::options::MachineOptions;
use crate::cli::output::{print, print_json};
use crate::cli::{Failure, progress};
use crate::digits;
use crate::network::machine::MachineEngine;
use serde::Serialize;

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
        execute(&machine, None, self.json)
    }
}

#[derive(Serialize)]
struct JobReport {
    config: String,
    backend: &'static str,
    runs: Vec<RunReport>,
}

/// The main job on any machine, and on the first `images` only, if that is said.
///
/// # Errors
/// If the machine cannot be opened or fails, or what it computes differs from the reference.
pub fn execute(machine: &MachineOptions, images: Option<usize>, json: bool) -> Result<(), Failure> {
    let mut digits = digits::load()?;
    let input = first_images(&digits, images)?;
    digits.labels.truncate(input.shape()[0]);
    let runs = digits::runs(&digits.network)?;
    let mut session = machine.open()?;
    let config = session.config().clone();
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
        print_json(&JobReport { config: config.name, backend, runs: reports.clone() })?;
    } else {
        let (name, rows, cols, images) = (&config.name, config.rows, config.cols, input.shape()[0]);
        let weights = tables::weights_phrase(&reports).map(|phrase| format!(", {phrase}")).unwrap_or_default();
        let table = tables::job(&reports);
        print(&format!("digits on '{name}' ({rows} x {cols} PEs, backend {backend}), {images} images{weights}\n\n{table}"))?;
    }
    fail_on_mismatch(&reports)
}
