//! `crumb verilog`: the machine as Verilog, with a file list and a README that names its ports.

use super::Failure;
use super::options::Message;
use crumb_arch::ArrayConfig;
use std::fmt::Write;
use std::path::PathBuf;

/// Write the Verilog of a named configuration.
///
/// DIR receives crumb_NAME.v, crumb_NAME.f (a file list for simulators and synthesis) and README.md (ports, protocol, lint).
#[derive(clap::Args)]
pub struct Verilog {
    /// tiny, small, medium, large or huge.
    #[arg(long, value_name = "NAME")]
    config: String,
    /// Folder to write to; made if absent.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Verilog {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let config = ArrayConfig::named(&self.config)?;
        let netlist = crumb_hdl::netlist_for(&self.config)?;
        let name = format!("crumb_{}", self.config);
        let write = |file: &str, text: &str| {
            let path = self.out.join(file);
            std::fs::write(&path, text).map_err(|e| Message(format!("{}: {e}", path.display())))
        };
        std::fs::create_dir_all(&self.out).map_err(|e| Message(format!("{}: {e}", self.out.display())))?;
        write(&format!("{name}.v"), &netlist.to_verilog())?;
        write(&format!("{name}.f"), &format!("{name}.v\n"))?;
        write("README.md", &readme(&config, &netlist))?;
        println!("{}: {} modules, top {name}", self.out.join(format!("{name}.v")).display(), netlist.module_count());
        Ok(())
    }
}

fn readme(config: &ArrayConfig, netlist: &crumb_hdl::verilog::Netlist) -> String {
    let mut text = format!("# crumb_{}\n\n", config.name);
    let _ = writeln!(
        text,
        "{} x {} PEs, {}-bit AXI4-Stream in and out, one clock. Registers have initial values; there is no reset input.\n",
        config.rows, config.cols, config.stream_bits
    );
    text += "| port | direction | bits | meaning |\n|---|---|---|---|\n";
    let ports = netlist.module(&netlist.top).map(|m| m.ports.as_slice()).unwrap_or_default();
    for port in ports {
        let _ = writeln!(text, "| `{}` | {} | {} | {} |", port.name, port.direction.keyword(), port.width, meaning(&port.name));
    }
    text += "\nCommands and data arrive on `s_axis`, results and answers leave on `m_axis`; every output is a register or a function of\n\
             registers. Source list: the `.f` file. Modules, top first:\n\n```\n";
    text += &netlist.hierarchy();
    text += "```\n";
    text
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
