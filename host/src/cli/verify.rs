//! `crumb verify`: every model on the same random work.

use super::Failure;
use super::options::config;
use super::progress;
use super::table::{Table, thousands};
use crate::backend::BackendKind;
use crate::backend::verilog::verilator_version;
use crate::verify::{BOUNDARY_SIGNALS, ModelReport, cases, verify};
use serde::Serialize;

/// Run reference, simulator, rust-hdl and Verilog on the same random work in all nine modes, and compare them.
///
/// Outputs are compared with plain loops; cycle counts, counters and every boundary signal in every cycle with the simulator's. Both
/// streams stall at random. Exit code 1 if anything differs.
#[derive(clap::Args)]
pub struct Verify {
    /// tiny, small, medium, large or huge.
    #[arg(long, default_value = "tiny", value_name = "NAME")]
    config: String,
    /// Times that every mode is run.
    #[arg(long, default_value = "2")]
    rounds: usize,
    /// Seed of the random work.
    #[arg(long, default_value = "1")]
    seed: u64,
    /// Leave the Verilog out instead of failing without Verilator.
    #[arg(long)]
    without_verilator: bool,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Comparison {
    config: String,
    cases: usize,
    boundary_signals: &'static [&'static str],
    models: Vec<ModelReport>,
    equal: bool,
}

impl Verify {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let config = config(&self.config)?;
        let mut models = vec![BackendKind::Reference, BackendKind::Sim, BackendKind::Rtl];
        if !self.without_verilator {
            verilator_version()?;
            models.push(BackendKind::Verilog);
        }
        let cases = cases(&config, self.rounds, self.seed);
        let bar = progress::bar(cases.len() * models.len());
        let reports = verify(&config, &models, &cases, |model| {
            bar.set_message(model.to_owned());
            bar.inc(1);
        })?;
        bar.finish_and_clear();
        let equal = reports.iter().all(ModelReport::is_equal);
        let comparison = Comparison {
            config: config.name.clone(),
            cases: cases.len(),
            boundary_signals: &BOUNDARY_SIGNALS,
            models: reports,
            equal,
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&comparison)?);
        } else {
            print_table(&comparison, self.without_verilator);
        }
        match comparison.models.iter().find_map(|m| m.first_difference.as_ref().map(|d| (m.model, d))) {
            None => Ok(()),
            Some((model, difference)) => Err(Failure::Mismatch(format!("{model}: {difference}"))),
        }
    }
}

fn print_table(comparison: &Comparison, without_verilator: bool) {
    println!(
        "'{}': {} random products in all nine modes (and W6, lower slices), random stalls on both streams,\n{} boundary signals compared in \
         every cycle\n",
        comparison.config,
        comparison.cases,
        BOUNDARY_SIGNALS.len()
    );
    let mut table = Table::new(&["model", "cases", "cycles", "outputs", "cycle counts", "counters", "boundary"]);
    let word = |equal: bool| if equal { "equal" } else { "DIFFERENT" }.to_owned();
    let maybe = |equal: Option<bool>| equal.map_or("-".to_owned(), word);
    for m in &comparison.models {
        table.row(vec![
            m.model.into(),
            m.cases.to_string(),
            thousands(m.cycles),
            word(m.outputs_equal),
            maybe(m.cycles_equal),
            maybe(m.counters_equal),
            maybe(m.signals_equal),
        ]);
    }
    print!("{table}");
    if without_verilator {
        println!("\nThe Verilog was left out (--without-verilator).");
    }
}
