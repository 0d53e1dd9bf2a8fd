//! `crumb verify`: every model on the same random work.

use super::Failure;
use super::output::{print, print_json};
use super::progress;
use super::table::{Table, thousands};
use crate::backend::BackendKind;
use crate::backend::verilog::verilator_version;
use crate::verify::{BOUNDARY_SIGNALS, ModelReport, cases, large_cases, verify};
use crumb_arch::ArrayConfig;
use crumb_arch::config::NAMES;
use serde::Serialize;

/// Run reference, simulator, rust-hdl and Verilog on the same random work in all nine modes, and compare them.
///
/// Outputs are compared with plain loops; cycle counts, counters and every boundary signal in every cycle with the simulator's. Both
/// streams stall at random. Some of the work is larger than the machine's memories. rust-hdl takes most of the time: seconds for
/// tiny, minutes for large and huge. Exit code 1 if anything differs.
#[derive(clap::Args)]
pub struct Verify {
    /// A named configuration.
    #[arg(long, default_value = "tiny", value_name = "NAME", value_parser = NAMES)]
    config: String,
    /// Times that every mode is run, 1 to 1000.
    #[arg(long, default_value = "2", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
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
    cases_beyond_the_memories: usize,
    boundary_signals: &'static [&'static str],
    models: Vec<ModelReport>,
    equal: bool,
}

impl Verify {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let config = ArrayConfig::named(&self.config)?;
        let mut models = vec![BackendKind::Reference, BackendKind::Sim, BackendKind::Rtl];
        if !self.without_verilator {
            verilator_version()?;
            models.push(BackendKind::Verilog);
        }
        let rounds = usize::from(self.rounds);
        let mut cases = cases(&config, rounds, self.seed);
        let large = large_cases(&config, rounds, self.seed);
        let cases_beyond_the_memories = large.len();
        cases.extend(large);
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
            cases_beyond_the_memories,
            boundary_signals: &BOUNDARY_SIGNALS,
            models: reports,
            equal,
        };
        if self.json {
            print_json(&comparison)?;
        } else {
            print(&table(&comparison, self.without_verilator))?;
        }
        match comparison.models.iter().find_map(|m| m.first_difference.as_ref().map(|d| (m.model, d))) {
            None => Ok(()),
            Some((model, difference)) => Err(Failure::Mismatch(format!("{model}: {difference}"))),
        }
    }
}

fn table(comparison: &Comparison, without_verilator: bool) -> String {
    let Comparison { config, cases, cases_beyond_the_memories, .. } = comparison;
    let mut table = Table::new(&["model", "cases", "cycles", "outputs", "cycle counts", "counters", "boundary"]);
    let word = |equal: bool| if equal { "equal" } else { "DIFFERENT" }.to_owned();
    for m in &comparison.models {
        let maybe = |equal: Option<bool>| equal.map_or_else(|| if m.standard { "standard" } else { "-" }.to_owned(), word);
        table.row(vec![
            m.model.into(),
            m.cases.to_string(),
            m.cycles.map_or_else(|| "-".to_owned(), thousands),
            word(m.outputs_equal),
            maybe(m.cycles_equal),
            maybe(m.counters_equal),
            maybe(m.signals_equal),
        ]);
    }
    let left_out = if without_verilator { "\nThe Verilog was left out (--without-verilator).\n" } else { "" };
    format!(
        "'{config}': {cases} random products in all nine modes (and W6, lower slices), {cases_beyond_the_memories} of them larger than its \
         memories,\nrandom stalls on both streams, {} boundary signals compared in every cycle\n\n{table}{left_out}",
        BOUNDARY_SIGNALS.len()
    )
}
