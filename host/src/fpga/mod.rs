//! `crumb fpga`: from the generated Verilog to a placed and routed design, and its numbers.
//!
//! ```text
//! core.v  (generated) --+-- Yosys, hierarchy kept --> cells of one PE
//!                       |
//! board.v, bridge.v ----+-- Yosys, flattened --> nextpnr --> cells, Fmax --> ecppack --> board.bit
//! board.lpf --------------------------------------^
//! ```
//!
//! Everything is written to one directory, so that each step can be repeated by hand.
//! Needs `python3` and, on first use, PyPI; a 4 x 4 array takes a few minutes.

mod board;
mod error;
mod progress;
mod report;
mod routing;
mod synthesis;
mod toolchain;

use std::fs;
use std::path::{self, PathBuf};
use std::time::Instant;

pub use board::Board;
pub use error::FpgaError;
pub use progress::{Progress, Silent, Spinner};
pub use report::{ArrayCells, ClockReport, Peak, Report, Resources, Use};
pub use toolchain::{PINS, default_tools_dir};

use toolchain::Toolchain;

/// How far a design is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Mapped to cells by Yosys: area, and no clock.
    Synthesis,
    /// Placed by nextpnr: area is final, the clock an estimate.
    Placement,
    /// Routed, with a bitstream if the board's clock is met.
    Routing,
}

/// What to build, and where.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The board.
    pub board: Board,
    /// The name of the configuration, such as `tiny`: the core is module `crumb_tiny`.
    pub config_name: String,
    /// Rows of PEs.
    pub rows: u32,
    /// Columns of PEs.
    pub cols: u32,
    /// Bits of a stream beat.
    pub stream_bits: u32,
    /// The Verilog of the core, with the modules `crumb_C`, `crumb_C_array` and `crumb_C_pe`.
    pub verilog: String,
    /// Receives every file of the build; made if absent.
    pub out_dir: PathBuf,
    /// Where the tools are installed, see [`default_tools_dir`].
    pub tools_dir: PathBuf,
    /// The seed of nextpnr's placement.
    pub seed: u32,
    /// The last stage; a bitstream comes of routing only.
    pub until: Stage,
}

/// Synthesises, places and routes `request`, as far as it asks for.
///
/// A clock below the board's is not an error: see [`ClockReport::timing_met`].
///
/// # Errors
/// A board that is not built, Verilog without the expected modules, a tool that cannot be installed
/// or fails, and a report that cannot be read; see [`FpgaError`].
pub fn build(request: &BuildRequest, progress: &mut dyn Progress) -> Result<Report, FpgaError> {
    let target = request.board.target()?;
    let config = &request.config_name;
    let names = ModuleNames::new(request)?;

    fs::create_dir_all(&request.out_dir).map_err(FpgaError::io("create", &request.out_dir))?;
    // Absolute, so that the paths of error messages hold wherever they are read.
    let work = path::absolute(&request.out_dir).map_err(FpgaError::io("read", &request.out_dir))?;
    for (file, text) in [
        ("core.v", request.verilog.as_str()),
        ("board.v", target.board_verilog),
        ("bridge.v", target.bridge_verilog),
        ("board.lpf", target.pins),
    ] {
        let file = work.join(file);
        fs::write(&file, text).map_err(FpgaError::io("write", &file))?;
    }

    let tools = Toolchain::ensure(&request.tools_dir, progress)?;

    let begun = Instant::now();
    progress.step(&format!("Yosys: array of {config}"));
    let script = synthesis::script("array", &names.array, &["core.v"], "", false);
    let statistics = synthesis::run(&tools, &work, "array", &script)?;
    let array = array_cells(request, &names, &statistics)?;

    progress.step(&format!("Yosys: {config} on {}", request.board));
    let defines = format!("-DCRUMB_CORE={} -DCRUMB_STREAM_BITS={}", names.core, request.stream_bits);
    let sources = ["core.v", "bridge.v", "board.v"];
    let script = synthesis::script("board", "crumb_board", &sources, &defines, true);
    let board = synthesis::run(&tools, &work, "board", &script)?;
    let mapped = board.cells_in("crumb_board").unwrap_or_default();
    let mut resources = Resources::mapped(&mapped);
    let synthesis_seconds = begun.elapsed().as_secs_f64();

    let clock = if request.until > Stage::Synthesis {
        let begun = Instant::now();
        progress.step(&format!("nextpnr: {config} on {}", target.device));
        let routed = routing::run(&tools, target, request.seed, request.until == Stage::Placement, &work)?;
        resources = Resources { ccu2c: resources.ccu2c, ..routed.resources() };
        let fmax_mhz = routed.clock().achieved;
        let timing_met = fmax_mhz >= target.core_clock_mhz;
        let peak = report::peak(request.rows, request.cols, fmax_mhz);
        Some(ClockReport { fmax_mhz, timing_met, peak, seed: request.seed, routing_seconds: begun.elapsed().as_secs_f64() })
    } else {
        None
    };
    let bitstream = if request.until == Stage::Routing && clock.as_ref().is_some_and(|clock| clock.timing_met) {
        progress.step("ecppack: bitstream");
        routing::pack(&tools, &work)?;
        Some(request.out_dir.join(routing::BITSTREAM))
    } else {
        None
    };

    Ok(Report {
        config: config.clone(),
        board: request.board.to_string(),
        device: target.device.to_owned(),
        rows: request.rows,
        cols: request.cols,
        stage: request.until,
        resources,
        array,
        required_mhz: target.core_clock_mhz,
        clock,
        tools: PINS[..2].iter().map(|&pin| pin.to_owned()).collect(),
        synthesis_seconds,
        bitstream,
    })
}

/// The modules of the core that the flow refers to by name.
struct ModuleNames {
    core: String,
    array: String,
    pe: String,
}

impl ModuleNames {
    /// Names the modules, having checked that the Verilog defines them.
    fn new(request: &BuildRequest) -> Result<Self, FpgaError> {
        let config = &request.config_name;
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if config.is_empty() || !config.chars().all(legal) {
            return Err(FpgaError::BadName { name: config.clone() });
        }
        let defined = |module: String| {
            let found = request.verilog.lines().any(|line| {
                let rest = line.trim_start().strip_prefix("module ");
                rest.and_then(|rest| rest.split([' ', '(', '#', ';', '\t']).find(|w| !w.is_empty()))
                    .is_some_and(|name| name == module)
            });
            let missing = FpgaError::MissingModule { config: config.clone(), module: module.clone() };
            if found { Ok(module) } else { Err(missing) }
        };
        Ok(Self {
            core: defined(format!("crumb_{config}"))?,
            array: defined(format!("crumb_{config}_array"))?,
            pe: defined(format!("crumb_{config}_pe"))?,
        })
    }
}

/// The cells of the array and of one PE; refused if the array does not hold rows x columns PEs,
/// because every number per PE would then be wrong.
fn array_cells(request: &BuildRequest, names: &ModuleNames, statistics: &synthesis::Statistics) -> Result<ArrayCells, FpgaError> {
    let expected = u64::from(request.rows) * u64::from(request.cols);
    let found = statistics.instances(&names.pe, &names.array);
    let (Some(array), Some(pe), true) = (statistics.cells_in(&names.array), statistics.cells_in(&names.pe), found == expected)
    else {
        return Err(FpgaError::BadReport {
            tool: "Yosys",
            what: format!("expected {expected} instances of `{}` in `{}`, found {found}", names.pe, names.array),
            report: request.out_dir.join("array.stat.json"),
            pins: PINS.join(" "),
        });
    };
    let of = |cells: &synthesis::Cells, kind| cells.get(kind).copied().unwrap_or(0);
    Ok(ArrayCells {
        trellis_comb: synthesis::trellis_comb(&array),
        trellis_ff: of(&array, "TRELLIS_FF"),
        mult18x18d: of(&array, "MULT18X18D"),
        trellis_comb_per_pe: synthesis::trellis_comb(&pe),
        trellis_ff_per_pe: of(&pe, "TRELLIS_FF"),
    })
}

#[cfg(test)]
mod tests;
