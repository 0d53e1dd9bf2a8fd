//! A Yosys script that proves the tidied Verilog equal to rust-hdl's own.
//!
//! Both designs are flattened, so the proof knows nothing of how modules were merged. What makes it scale:
//!
//! - Instances are renamed in rust-hdl's text before it is flattened, and a flip-flop is named by the wire that it drives;
//!   all registers then have equal names on both sides, and each cone of logic between registers is a proof of its own.
//! - A memory stays one cell, however many words it has, and a register becomes one cell that carries its initial value.
//!   Such a cell is opaque: two of them are joined when type, parameters (width, clock edge, initial value, memory size)
//!   and name or inputs agree, and the equality of their inputs is then left to be proved.
//! - Both sides become gates of the least width, so that a mask and a concatenation are the same gates; `opt_merge` then
//!   joins equal logic, and the solver only sees what differs in form, first in cones cut at shared nodes (`-short`).
//!
//! `equiv_struct` only goes forward, from equal inputs to equal outputs. Backward it guesses, and where two designs differ
//! in form (an operand more, a wider mask) it guessed wrong: it claimed bits equal that are not, in a correct machine.
//! `equiv_induct` is not used, whose weaker notion forgives the first cycles: a proof here holds from the initial state.

use std::fmt::Write as _;

use super::netlist::{Netlist, Rename};

/// Opaque cells for registers and memories, with the parameters of Yosys' own.
const CELLS: &str = "\
read_verilog -lib <<EOT
module kept_register (CLK, D, Q);
    parameter WIDTH = 1;
    parameter CLK_POLARITY = 1;
    parameter [WIDTH-1:0] INIT = 0;
    input CLK;
    input [WIDTH-1:0] D;
    output [WIDTH-1:0] Q;
endmodule
module kept_memory (RD_CLK, RD_EN, RD_ARST, RD_SRST, RD_ADDR, RD_DATA, WR_CLK, WR_EN, WR_ADDR, WR_DATA);
    parameter MEMID = 0; parameter SIZE = 1; parameter OFFSET = 0; parameter ABITS = 1; parameter WIDTH = 1;
    parameter INIT = 0; parameter RD_PORTS = 1; parameter RD_CLK_ENABLE = 0; parameter RD_CLK_POLARITY = 0;
    parameter RD_TRANSPARENCY_MASK = 0; parameter RD_COLLISION_X_MASK = 0; parameter RD_WIDE_CONTINUATION = 0;
    parameter RD_CE_OVER_SRST = 0; parameter RD_ARST_VALUE = 0; parameter RD_SRST_VALUE = 0;
    parameter RD_INIT_VALUE = 0; parameter WR_PORTS = 1; parameter WR_CLK_ENABLE = 0; parameter WR_CLK_POLARITY = 0;
    parameter WR_PRIORITY_MASK = 0; parameter WR_WIDE_CONTINUATION = 0;
    input [RD_PORTS-1:0] RD_CLK, RD_EN, RD_ARST, RD_SRST;
    input [RD_PORTS*ABITS-1:0] RD_ADDR;
    output [RD_PORTS*WIDTH-1:0] RD_DATA;
    input [WR_PORTS-1:0] WR_CLK;
    input [WR_PORTS*ABITS-1:0] WR_ADDR;
    input [WR_PORTS*WIDTH-1:0] WR_EN, WR_DATA;
endmodule
EOT
";

/// From `$dff`, whose initial value is an attribute of a wire, to a cell that has it as a parameter.
const REGISTER_MAP: &str = "\
read_verilog <<EOT
(* techmap_celltype = \"$dff\" *)
module map_register (CLK, D, Q);
    parameter WIDTH = 1;
    parameter CLK_POLARITY = 1;
    parameter _TECHMAP_WIREINIT_Q_ = 0;
    wire [WIDTH-1:0] _TECHMAP_REMOVEINIT_Q_ = {WIDTH{1'b1}};
    input CLK;
    input [WIDTH-1:0] D;
    output [WIDTH-1:0] Q;
    kept_register #(.WIDTH(WIDTH), .CLK_POLARITY(CLK_POLARITY), .INIT(_TECHMAP_WIREINIT_Q_))
        register (.CLK(CLK), .D(D), .Q(Q));
endmodule
EOT
design -stash register_map
";

/// From a flat design to one of opaque registers and memories with logic between them.
const OPAQUE: &str = "\
memory_dff
memory_collect
chtype -set kept_memory t:$mem_v2
techmap -map %register_map
opt_expr -full
wreduce
simplemap
opt_expr -full
opt_merge
opt_clean -purge
";

/// The script that proves the file `original`, rust-hdl's own output, equal to the file `merged`, the text of `netlist`.
///
/// Run it with `yosys -q -s <script>` (Debian package `yosys`, 0.23 or later); it fails when anything is unproven,
/// and it lists what. The paths go into the script as they are, between double quotes.
pub fn yosys_equivalence_script(original: &str, merged: &str, netlist: &Netlist) -> String {
    let top = &netlist.top;
    let mut script = REGISTER_MAP.to_owned();
    let _ = writeln!(script, "read_verilog \"{original}\"\nhierarchy -check -top top");
    let mut current = "";
    let mut ports = String::new();
    for rename in &netlist.renames {
        match rename {
            Rename::Instance { module, from, to } => {
                if current != module {
                    let _ = writeln!(script, "cd {module}");
                    current = module;
                }
                let _ = writeln!(script, "rename {from} {to}");
            }
            Rename::Port { from, to } => {
                let _ = writeln!(ports, "rename {from} {to}");
            }
        }
    }
    let _ = writeln!(script, "cd\nproc\nrename -wire t:$dff\nflatten\ncd top\n{ports}cd\nrename top gold");
    let _ = writeln!(script, "{CELLS}{OPAQUE}design -stash gold");
    let _ = writeln!(
        script,
        "read_verilog \"{merged}\"\nhierarchy -check -top {top}\nproc\nrename -wire t:$dff\nflatten\nrename {top} gate"
    );
    let _ = writeln!(script, "{CELLS}{OPAQUE}design -stash gate");
    let _ = writeln!(script, "design -copy-from gold -as gold gold\ndesign -copy-from gate -as gate gate\n{CELLS}");
    script
        + "equiv_make gold gate equiv\nhierarchy -top equiv\nopt_merge\nequiv_struct -fwd\nopt_merge\nequiv_simple -short -undef\nequiv_simple -undef\nequiv_status -assert\n"
}
