//! Small circuits whose energies were computed by hand, from the liberty file to the result. `fixtures/two.lib`: 2 V, so an edge on C pF
//! costs 2 C pJ; an inverter's rise costs as many pJ inside as its input's transition takes ns, its fall 0.25.

use crate::library::Library;
use crate::netlist::Netlist;
use crate::power::{energy, standing};
use crate::simulate::{Activity, Simulator};
use crate::timing::{INPUT_SLEW_NS, Timing, WIRE_PF};
use std::path::Path;

const LIB: &str = include_str!("fixtures/two.lib");

/// A cell: its type, its pins with their nets.
type Instance<'a> = (&'a str, &'a [(&'a str, u64)]);

fn library() -> Library {
    crate::liberty::read(LIB, Path::new("two.lib")).unwrap()
}

/// A module with the cells `(type, [(pin, net)])` and one-bit ports.
fn netlist(library: &Library, inputs: &[(&str, u64)], outputs: &[(&str, u64)], cells: &[Instance<'_>]) -> Netlist {
    let port =
        |direction: &str, (name, net): &(&str, u64)| format!("\"{name}\": {{\"direction\": \"{direction}\", \"bits\": [{net}]}}");
    let ports: Vec<String> = inputs.iter().map(|p| port("input", p)).chain(outputs.iter().map(|p| port("output", p))).collect();
    let cell = |(index, (kind, pins)): (usize, &Instance<'_>)| {
        let pins: Vec<String> = pins.iter().map(|(pin, net)| format!("\"{pin}\": [{net}]")).collect();
        format!("\"g{index}\": {{\"type\": \"{kind}\", \"connections\": {{{}}}}}", pins.join(","))
    };
    let cells: Vec<String> = cells.iter().enumerate().map(cell).collect();
    let json = format!(
        "{{\"modules\": {{\"m\": {{\"ports\": {{{}}}, \"cells\": {{{}}}, \"netnames\": {{}}}}}}}}",
        ports.join(","),
        cells.join(",")
    );
    Netlist::read(&json, "m", library).unwrap()
}

/// Runs a netlist with one-bit inputs, a word of which is given for each cycle, lowest bit the first by name.
fn run(netlist: &Netlist, library: &Library, words: &[u64]) -> (Activity, Timing) {
    let timing = Timing::of(netlist, library, WIRE_PF).unwrap();
    let mut simulator = Simulator::new(netlist, &timing, library);
    for word in words {
        let ports = netlist.inputs.iter().filter(|(name, _)| *name != "clock");
        simulator.cycle(ports.enumerate().map(|(bit, (_, nets))| (nets.as_slice(), word >> bit & 1)));
    }
    (simulator.activity().clone(), timing)
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
}

#[test]
fn the_library_is_read_as_it_is_written() {
    let library = library();
    assert_eq!(library.cells.keys().collect::<Vec<_>>(), ["DFF", "INV", "NAND"], "the latch is left out");
    let inverter = &library.cells["INV"];
    assert_eq!((inverter.area, inverter.leakage, inverter.inputs[0].capacitance), (16.0, 0.5, 0.01));
    let arc = &inverter.outputs[0].arcs[0];
    // Between four points: 0.1 + load + 0.1 slew.
    near(arc.delay.at(0.5, 0.5)[1], 0.65);
    assert_eq!(arc.power.at(0.3, 0.75), [0.25, 0.75]);
    let function = inverter.outputs[0].function.unwrap();
    assert_eq!([function.value(0), function.value(1)], [true, false]);
    let register = &library.cells["DFF"];
    let flop = register.flop.unwrap();
    assert_eq!((register.inputs[flop.clock].name.as_str(), register.inputs[flop.data].name.as_str()), ("CLK", "D"));
    for (from, to) in [("\"1ns\"", "\"1ps\""), ("(1,pf)", "(1,ff)"), ("nom_voltage : 2;", ""), ("capacitance : 0.028;", "")] {
        assert!(crate::liberty::read(&LIB.replacen(from, to, 1), Path::new("x")).is_err(), "{from}");
    }
}

#[test]
fn one_inverter() {
    let library = library();
    let netlist = netlist(&library, &[("a", 2)], &[("y", 3)], &[("INV", &[("A", 2), ("Y", 3)])]);
    let (activity, timing) = run(&netlist, &library, &[1, 0, 1, 1]);
    let energy = energy(&netlist, &timing, &library, &activity);
    // Three edges at the input, on 0.01 pF and the wire; the output drives nothing. It falls twice and rises once.
    near(energy.inputs, 3.0 * 2.0 * (0.01 + WIRE_PF));
    near(energy.logic, 2.0 * 0.25 + INPUT_SLEW_NS);
    assert_eq!((energy.registers, energy.glitches), (0.0, 0.0));
    let standing = standing(&netlist, &library);
    assert_eq!((standing.area, standing.leakage, standing.clock), (16.0, 0.5, 0.0));
}

#[test]
fn one_register() {
    let library = library();
    let cells: &[Instance<'_>] = &[("DFF", &[("CLK", 2), ("D", 3), ("Q", 4)]), ("INV", &[("A", 4), ("Y", 5)])];
    let netlist = netlist(&library, &[("clock", 2), ("d", 3)], &[("y", 5)], cells);
    let (activity, timing) = run(&netlist, &library, &[1, 0, 0]);
    let energy = energy(&netlist, &timing, &library, &activity);
    // The data rises and falls, on 0.008 pF; a cycle later the output does, onto the inverter.
    near(energy.inputs, 2.0 * 2.0 * (0.008 + WIRE_PF));
    near(energy.registers, 0.125 + 0.0625 + 2.0 + 4.0 + 2.0 * 2.0 * (0.01 + WIRE_PF));
    // The register's output takes 0.1 ns, which the inverter's rise costs pJ; its output drives nothing.
    near(energy.logic, 0.25 + 0.1);
    // Each clock: both edges inside, and C V^2.
    near(standing(&netlist, &library).clock, 0.75 + 4.0 * (0.028 + WIRE_PF));
}

#[test]
fn a_glitch_runs_if_it_is_longer_than_the_gate_is_slow() {
    let library = library();
    // y = !(a & !a): the inverter's delay makes a pulse at a rising input. At no load it falls in 0.2 ns: the NAND is faster.
    let cells: &[Instance<'_>] = &[("INV", &[("A", 2), ("Y", 3)]), ("NAND", &[("A", 2), ("B", 3), ("Y", 4)])];
    let pulse = netlist(&library, &[("a", 2)], &[("y", 4)], cells);
    let (activity, timing) = run(&pulse, &library, &[1, 0, 1]);
    let y = pulse.outputs["y"][0];
    // Two rising inputs, two edges each; a falling one holds the other input of the NAND at 0 first.
    assert_eq!((activity.toggles[y], activity.settled[y]), (4, 0));
    assert!(energy(&pulse, &timing, &library, &activity).glitches >= 0.0);
    // With an inverter as fast as the NAND's inertia, the pulse does not exist.
    let fast = LIB.replace("values (\"0.2, 0.2\", \"0.2, 0.2\")", "values (\"0.05, 0.05\", \"0.05, 0.05\")");
    let library = crate::liberty::read(&fast, Path::new("x")).unwrap();
    let (activity, _) = run(&pulse, &library, &[1, 0, 1]);
    assert_eq!(activity.toggles[y], 0);
}

#[test]
fn netlists_that_cannot_be_measured_are_refused() {
    let library = library();
    let read = |json: &str| Netlist::read(json, "m", &library).unwrap_err().to_string();
    let cell = |cell: &str| format!("{{\"modules\": {{\"m\": {{\"cells\": {{\"g\": {cell}}}}}}}}}");
    assert_eq!(
        read(&cell("{\"type\": \"LATCH\", \"connections\": {}}")),
        "netlist of m: cell g is a LATCH, which the library cannot measure"
    );
    assert_eq!(read(&cell("{\"type\": \"INV\", \"connections\": {}}")), "netlist of m: pin A of g is open");
    assert_eq!(read("{\"modules\": {}}"), "netlist of m: there is none");
    assert!(read("{").starts_with("netlist of m: EOF"));
    // Two inverters in a ring.
    let ring = "{\"modules\": {\"m\": {\"cells\": {\"g\": {\"type\": \"INV\", \"connections\": {\"A\": [2], \"Y\": [3]}}, \
                \"h\": {\"type\": \"INV\", \"connections\": {\"A\": [3], \"Y\": [2]}}}}}}";
    let ring = Netlist::read(ring, "m", &library).unwrap();
    assert!(Timing::of(&ring, &library, 0.0).unwrap_err().to_string().ends_with("gates drive each other in a loop"));
}
