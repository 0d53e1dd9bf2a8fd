//! `crumb verilog`: the machine as Verilog, with a file list, lint waivers and a README that says how to drive it.

use super::Failure;
use super::files::FileError;
use super::output::{print, print_json};
use crumb_arch::ArrayConfig;
use crumb_arch::config::NAMES;
use crumb_hdl::verilog::Netlist;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// The lint waivers, which are the same for every configuration.
const WAIVERS: &str = include_str!("../../../constraints/crumb.vlt");

/// Write the Verilog of a named configuration.
///
/// DIR receives crumb_NAME.v, crumb_NAME.f (a file list for simulators and synthesis), crumb_NAME.vlt (the waivers for Verilator's
/// lint, each with its reason) and README.md (ports, protocol, lint).
#[derive(clap::Args)]
pub struct Verilog {
    /// A named configuration.
    #[arg(long, value_name = "NAME", value_parser = NAMES)]
    config: String,
    /// Folder to write to; made if absent.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print JSON instead of a sentence.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Written {
    config: String,
    top: String,
    modules: usize,
    files: Vec<PathBuf>,
}

impl Verilog {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let config = ArrayConfig::named(&self.config)?;
        let netlist = crumb_hdl::netlist_for(&self.config)?;
        let top = format!("crumb_{}", self.config);
        let files = [
            (format!("{top}.v"), netlist.to_verilog()),
            (format!("{top}.f"), format!("{top}.v\n")),
            (format!("{top}.vlt"), WAIVERS.to_owned()),
            ("README.md".to_owned(), readme(&config, &netlist, &top)),
        ];
        std::fs::create_dir_all(&self.out).map_err(FileError::new("create", &self.out))?;
        let mut written = Written { config: config.name, top, modules: netlist.module_count(), files: Vec::new() };
        for (name, text) in files {
            let path = self.out.join(name);
            std::fs::write(&path, text).map_err(FileError::new("write", &path))?;
            written.files.push(path);
        }
        if self.json {
            return print_json(&written);
        }
        print(&format!("{}: {} modules, top {}\n", written.files[0].display(), written.modules, written.top))
    }
}

fn readme(config: &ArrayConfig, netlist: &Netlist, top: &str) -> String {
    let ArrayConfig { rows, cols, stream_bits, .. } = config;
    let mut ports = String::new();
    for port in netlist.module(&netlist.top).map(|m| m.ports.as_slice()).unwrap_or_default() {
        let _ = writeln!(ports, "| `{}` | {} | {} | {} |", port.name, port.direction.keyword(), port.width, meaning(&port.name));
    }
    let (line, beats, hierarchy) = (config.line_bytes(), config.beats_per_line(), netlist.hierarchy());
    let header = match config.header_lines() {
        1 => "one header line with its four 32-bit words".to_owned(),
        n => format!("{n} header lines with {} 32-bit word{} in each", 4 / n, if n == 4 { "" } else { "s" }),
    };
    let beats = if beats == 1 { "one beat".to_owned() } else { format!("{beats} beats, lowest byte first") };
    format!(
        "# {top}

{rows} x {cols} PEs, {stream_bits}-bit AXI4-Stream in and out, one clock. Registers have initial values; there is no reset input. Every
output is a register or a function of registers.

## Ports

| port | direction | bits | meaning |
|---|---|---|---|
{ports}
## Protocol

- **Beats.** Both streams are AXI4-Stream: a beat passes at the rising edge of `clock` at which `tvalid` and `tready` are both 1. A
  sender that has set `tvalid` keeps it and its data until the beat passes; `tready` may come and go.
- **Commands.** One command is one packet on `s_axis`, closed by `s_axis_tlast`: {header}, then the payload lines that the
  header asks for. A line is {line} bytes, which is {beats} here; 32-bit words are little-endian.
- **Answers.** A command that is asked for something (`drain`, `read_status`, `read_counters`) answers with one packet on `m_axis`,
  closed by `m_axis_tlast`. Answers come in the order of their commands. An answer that is not taken holds the machine up and loses
  nothing.
- **`idle`** is 1 when no command is under way and no answer waits.
- **`error`** is 0, or the code of the first command that could not be carried out. Later commands are then taken and thrown away, except
  `read_status` and `clear_error`.

Commands, fields and answers bit by bit: `docs/commands.md` of Crumb. Error codes and the way out of each: `docs/errors.md`.

## Lint

No warning is left but those waived, with reasons, in `{top}.vlt`. With Verilator 5.006 or later, in this folder:

    verilator --lint-only -Wall --top-module {top} {top}.vlt -f {top}.f

## Files

`{top}.v` holds every module, `{top}.f` is its file list. Modules, top first:

```
{hierarchy}```
"
    )
}

fn meaning(port: &str) -> &'static str {
    match port {
        "clock" => "all registers load at its rising edge",
        "s_axis_tvalid" => "a beat is offered",
        "s_axis_tready" => "it is taken",
        "s_axis_tdata" => "commands and payload, lowest byte first",
        "s_axis_tlast" => "the final beat of a command",
        "m_axis_tvalid" => "a beat of results or of an answer is offered",
        "m_axis_tready" => "it is taken",
        "m_axis_tdata" => "results, lowest byte first",
        "m_axis_tlast" => "the final beat of a packet",
        "error" => "the error state, 0 for none",
        "idle" => "nothing is under way",
        _ => "",
    }
}
