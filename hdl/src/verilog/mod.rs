//! rust-hdl's Verilog, made fit to be read, linted and given away.
//!
//! `rust_hdl::generate_verilog` writes one module for each *instance*, named by its path with `$`, under headers of 1995.
//! [`tidy`] reads that text and returns the same circuit as a [`Netlist`] of distinct modules:
//!
//! ```text
//! top                        crumb_tiny
//!   top$array                  crumb_tiny_array
//!     top$array$pe$0             crumb_tiny_pe x 16
//!       top$array$pe$0$sum         crumb_tiny_dff_24
//!     top$array$pe$1  ...
//! ```
//!
//! Invariant: the circuit is the same, register for register, and [`yosys_equivalence_script`] proves it with a tool
//! that shares no code with this module.

mod equivalence;
mod error;
mod lint;
mod literal;
mod merge;
mod names;
mod netlist;
mod noun;
mod print;
mod reader;
mod source;
mod split;
mod statement;
mod token;
mod wiring;

pub use equivalence::yosys_equivalence_script;
pub use error::VerilogError;
pub use netlist::{Direction, Instance, Module, Netlist, Port};

/// Reads the output of rust-hdl's `generate_verilog` and returns its distinct modules, the outermost one named `top`.
///
/// - Modules of equal text are one. A module is named by the Rust field that holds it, with `top` before it:
///   `crumb_pe`; a flip-flop by its width, `crumb_dff_8`; a RAM by its size, `crumb_ram_1024x32`.
///   Where different modules share a noun, that of their parent comes before it: `crumb_pe_column`; where that does not
///   tell them apart either, they are numbered in order of first appearance: `crumb_fifo_1`, `crumb_fifo_2`.
/// - No name contains `$`: `pe$0$clock` becomes `pe_0_clock`.
/// - Copies inside `always @(*)` that are wires in disguise become connections; unused constants and nets go;
///   literals and casts take the width of their place where that changes no bit.
/// - The one process of a module becomes as many as are independent, and an `assign` where one statement is enough.
/// - The text of a `Verilog::Custom` stays as it is but for names, comments and indents (pragmas in comments go as well).
///   The cores of a `BlackBox` or `Wrapper` are copied verbatim, one of each, under their own names and without [`Port`]s.
///
/// # Errors
/// [`VerilogError`], with the line, what was found and what was expected, when the text is not what rust-hdl writes.
///
/// ```
/// let text = "module top(a,y); input wire  a; output reg  y; always @(*) begin y = ~a; end endmodule // top";
/// let netlist = crumb_hdl::verilog::tidy(text, "inverter")?;
/// assert!(netlist.to_verilog().starts_with("module inverter (\n    input wire a,\n    output wire y\n);"));
/// # Ok::<(), crumb_hdl::verilog::VerilogError>(())
/// ```
pub fn tidy(text: &str, top: &str) -> Result<Netlist, VerilogError> {
    let plain = top.starts_with(|c: char| c.is_ascii_alphabetic())
        && top.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !statement::is_keyword(top);
    if !plain {
        return Err(VerilogError::TopName { found: top.to_owned() });
    }
    merge::merge(reader::read(text)?, top)
}
