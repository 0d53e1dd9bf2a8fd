//! The Verilog that Crumb gives away, proven equal to rust-hdl's own for the whole machine `tiny`, memories and all.
//!
//! Needs Yosys (Debian package `yosys`) and fails without it. About a minute and a half for the machine.

use crate::common::yosys::{prove, report};
use crumb_hdl::combiner::Combiner;
use crumb_hdl::configs::untidy_verilog_for;
use crumb_hdl::step::{self, build};
use crumb_hdl::verilog::{Netlist, tidy};

fn tiny() -> (String, Netlist) {
    let original = untidy_verilog_for("tiny").unwrap_or_else(|error| panic!("{error}"));
    let netlist = tidy(&original, "crumb_tiny").unwrap_or_else(|error| panic!("{error}"));
    (original, netlist)
}

#[test]
fn yosys_proves_the_whole_machine() {
    let (original, netlist) = tiny();
    let output = prove("tiny", &original, &netlist.to_verilog(), &netlist);
    assert!(output.status.success(), "{}", report(&output));
}

/// The error that the proof once found, in the block where it was: bank 0 of the accumulators cut off from its lane.
#[test]
fn yosys_finds_a_wire_that_is_cut() {
    let original = step::verilog(&*build::<Combiner<12, 19>>());
    let netlist = tidy(&original, "combiner").unwrap_or_else(|error| panic!("{error}"));
    let verilog = netlist.to_verilog();
    let (from, to) = ("widen_0 (.x(lane3_0_q)", "widen_0 (.x(lane3_1_q)");
    assert_eq!(verilog.matches(from).count(), 1, "`{from}` should occur once");
    let output = prove("combiner", &original, &verilog, &netlist);
    assert!(output.status.success(), "{}", report(&output));
    let output = prove("combiner-cut", &original, &verilog.replace(from, to), &netlist);
    let report = report(&output);
    assert!(!output.status.success(), "`{from}` -> `{to}` was proved equal");
    assert!(report.contains("unproven $equiv cells"), "failed for another reason:\n{report}");
}

#[test]
fn the_array_and_its_element_are_one_module_each() {
    let (_, netlist) = tiny();
    let occurrences = netlist.occurrences();
    assert_eq!((occurrences["crumb_tiny_array"], occurrences["crumb_tiny_pe"]), (1, 16));
    let names = || netlist.modules.iter().map(|module| module.name.as_str());
    assert_eq!(names().filter(|name| name.starts_with("crumb_tiny_pe_") && *name != "crumb_tiny_pe_column").count(), 0);
    // Every noun tells its module from the others: none is numbered.
    for name in ["crumb_tiny_ram_1024x8", "crumb_tiny_ram_2048x32", "crumb_tiny_weight_memory_column", "crumb_tiny_dff_6_init_32"]
    {
        assert!(names().any(|module| module == name), "{name}");
    }
}
