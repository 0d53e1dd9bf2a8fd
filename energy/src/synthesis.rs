//! Yosys: a module becomes a flat netlist of library cells.
//!
//! One script for every block, so that what is compared was mapped with the same care. Registers lose their initial values, for which
//! the library has no cell; the machine's begin as 0, and so do the simulation's.

use crate::error::EnergyError;
use crate::library::Library;
use crate::netlist::Netlist;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian's package `qflow-tech-osu018` puts the library of Oklahoma State University, 180 nm.
pub const LIBERTY: &str = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib";

/// The clock period that gates are sized for: 100 MHz, which blocks of one adder between registers meet with the smallest gates.
const PERIOD_PS: u32 = 10_000;
/// What drives inputs and what outputs drive, for sizing and for buffers behind nets that many pins hang on.
const CONSTRAINTS: &str = "abc.constr";
/// A small buffer, and two or three pins (fF, as ABC reads it).
const CONSTRAINTS_TEXT: &str = "set_driving_cell BUFX2\nset_load 20 [all_outputs]\n";

/// A cell library, read, and where it lies.
pub struct Technology {
    /// The file.
    pub path: PathBuf,
    /// What stands in it.
    pub library: Library,
}

impl Technology {
    /// Reads a liberty file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(path: &Path) -> Result<Self, EnergyError> {
        let text = fs::read_to_string(path).map_err(EnergyError::file("read", path))?;
        Ok(Self { path: path.to_owned(), library: crate::liberty::read(&text, path)? })
    }

    /// Maps module `top` of the Verilog file `source`, with its parameters, and leaves `name.json`, `name.v` and the log in `work`.
    ///
    /// # Errors
    /// If Yosys is missing or fails, or maps to a cell that cannot be measured.
    pub fn map(
        &self,
        work: &Path,
        source: &Path,
        [top, name]: [&str; 2],
        parameters: &[(&str, u64)],
    ) -> Result<Netlist, EnergyError> {
        let constraints = work.join(CONSTRAINTS);
        fs::write(&constraints, CONSTRAINTS_TEXT).map_err(EnergyError::file("write", &constraints))?;
        let file = work.join(format!("{name}.ys"));
        fs::write(&file, self.script(source, [top, name], parameters)).map_err(EnergyError::file("write", &file))?;
        let log = work.join(format!("{name}.log"));
        let output = File::create(&log).map_err(EnergyError::file("create", &log))?;
        let errors = output.try_clone().map_err(EnergyError::file("create", &log))?;
        let mut yosys = Command::new("yosys");
        yosys.arg("-s").arg(format!("{name}.ys")).current_dir(work);
        let status = yosys.stdin(Stdio::null()).stdout(output).stderr(errors).status();
        let status = status.map_err(|source| EnergyError::NotStarted { tool: "yosys", package: "yosys", source })?;
        if !status.success() {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let cause = text.lines().find(|line| line.starts_with("ERROR")).unwrap_or("it does not say why").to_owned();
            return Err(EnergyError::ToolFailed { tool: "yosys", status: status.to_string(), cause, log });
        }
        let json = work.join(format!("{name}.json"));
        let text = fs::read_to_string(&json).map_err(EnergyError::file("read", &json))?;
        Netlist::read(&text, name, &self.library)
    }

    fn script(&self, source: &Path, [top, name]: [&str; 2], parameters: &[(&str, u64)]) -> String {
        let (source, liberty) = (source.display(), self.path.display());
        let set: String = parameters.iter().map(|(name, value)| format!(" -chparam {name} {value}")).collect();
        format!(
            "read_verilog {source}\n\
             hierarchy -check -top {top}{set}\n\
             rename -top {name}\n\
             synth -flatten -top {name}\n\
             setattr -unset init w:*\n\
             dfflibmap -liberty {liberty}\n\
             abc -liberty {liberty} -D {PERIOD_PS} -constr {CONSTRAINTS}\n\
             opt_clean -purge\n\
             splitnets\n\
             rename -enumerate -pattern u_% w:*\n\
             rename -enumerate -pattern g_% c:*\n\
             write_json {name}.json\n\
             write_verilog -noattr {name}.v\n"
        )
    }
}
