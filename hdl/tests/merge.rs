//! The tidied Verilog of a toy that has one of everything: an array, flip-flops, a memory of 1024 words, a state machine,
//! a struct in a register, an interface, and a leaf written by hand. Yosys proves it equal to what rust-hdl wrote.
//!
//! These tests need Yosys (Debian package `yosys`) and fail without it.

use std::process::Command;

use crate::common::yosys::{directory, prove, report, write};
use crumb_hdl::verilog::{Direction, Netlist, VerilogError, tidy};
use rust_hdl::prelude::*;

#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
enum Phase {
    Idle,
    Load,
    Run,
}

#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Operands {
    activation: Bits<8>,
    valid: Bit,
}

/// A leaf whose Verilog is written by hand: unsigned product.
#[derive(LogicBlock, Default)]
struct Product {
    a: Signal<In, Bits<8>>,
    b: Signal<In, Bits<8>>,
    y: Signal<Out, Bits<16>>,
}

impl Logic for Product {
    fn update(&mut self) {
        let product = self.a.val().to_u64() * self.b.val().to_u64();
        self.y.next = product.to_bits();
    }
    fn connect(&mut self) {
        self.y.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom(
            "\
wire [7:0] part [0:1]; // two halves of b
wire [11:0] sum$0 = a * part[0];
wire [11:0] sum$1 = a * part[1];
genvar g;
generate
    for (g = 0; g < 2; g = g + 1) begin : halves
        assign part[g] = {4'h0, b[4*g +: 4]};
    end
endgenerate
always @(*) y = {4'h0, sum$0} + {sum$1, 4'h0};"
                .into(),
        )
    }
}

#[derive(LogicBlock, Default)]
struct Pe {
    clock: Signal<In, Clock>,
    load: Signal<In, Bit>,
    west: Signal<In, Operands>,
    east: Signal<Out, Operands>,
    north: Signal<In, Bits<16>>,
    south: Signal<Out, Bits<16>>,
    weight: DFF<Bits<8>>,
    operands: DFF<Operands>,
    sum: DFF<Bits<16>>,
    product: Product,
}

impl Logic for Pe {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, weight, operands, sum);
        if self.load.val() {
            self.weight.d.next = self.north.val().get_bits::<8>(0_usize);
        }
        self.operands.d.next = self.west.val();
        self.east.next = self.operands.q.val();
        self.product.a.next = self.west.val().activation;
        self.product.b.next = self.weight.q.val();
        self.sum.d.next = self.north.val();
        if self.west.val().valid {
            self.sum.d.next = self.north.val() + self.product.y.val();
        }
        self.south.next = self.sum.q.val();
    }
}

#[derive(LogicBlock)]
struct Array<const R: usize, const C: usize, const RC: usize> {
    clock: Signal<In, Clock>,
    load: Signal<In, Bit>,
    west: [Signal<In, Operands>; R],
    south: [Signal<Out, Bits<16>>; C],
    pe: [Pe; RC],
    zero: Constant<Bits<16>>,
}

impl<const R: usize, const C: usize, const RC: usize> Default for Array<R, C, RC> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            load: Default::default(),
            west: array_init::array_init(|_| Default::default()),
            south: array_init::array_init(|_| Default::default()),
            pe: array_init::array_init(|_| Default::default()),
            zero: Constant::new(0_usize.to_bits()),
        }
    }
}

impl<const R: usize, const C: usize, const RC: usize> Logic for Array<R, C, RC> {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..RC {
            self.pe[i].clock.next = self.clock.val();
            self.pe[i].load.next = self.load.val();
        }
        for r in 0..R {
            for w in C..(C + 1) {
                self.pe[r * w].west.next = self.west[r].val();
                for c in 1..C {
                    self.pe[r * w + c].west.next = self.pe[r * w + c - 1].east.val();
                }
            }
        }
        for c in 0..C {
            self.pe[c].north.next = self.zero.val();
            for w in C..(C + 1) {
                for r in 1..R {
                    self.pe[r * w + c].north.next = self.pe[(r - 1) * w + c].south.val();
                }
            }
            for l in RC..(RC + 1) {
                for w in C..(C + 1) {
                    self.south[c].next = self.pe[l - w + c].south.val();
                }
            }
        }
    }
}

#[derive(LogicInterface, Default)]
#[join = "ReadPort"]
struct WritePort {
    address: Signal<In, Bits<10>>,
    data: Signal<In, Bits<32>>,
    enable: Signal<In, Bit>,
}

#[derive(LogicInterface, Default)]
#[join = "WritePort"]
#[allow(dead_code)] // rust-hdl wants every interface to have a partner
struct ReadPort {
    address: Signal<Out, Bits<10>>,
    data: Signal<Out, Bits<32>>,
    enable: Signal<Out, Bit>,
}

#[derive(LogicBlock, Default)]
struct Sequencer {
    clock: Signal<In, Clock>,
    start: Signal<In, Bit>,
    load: Signal<Out, Bit>,
    address: Signal<Out, Bits<10>>,
    phase: DFF<Phase>,
    next_phase: Signal<Local, Phase>,
    count: DFF<Bits<10>>,
}

impl Logic for Sequencer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, phase, count);
        self.load.next = self.phase.q.val() == Phase::Load;
        self.address.next = self.count.q.val();
        self.count.d.next = self.count.q.val() + 1;
        self.next_phase.next = self.phase.q.val();
        match self.phase.q.val() {
            Phase::Idle => {
                self.count.d.next = 0.into();
                if self.start.val() {
                    self.next_phase.next = Phase::Load;
                }
            }
            Phase::Load => {
                if self.count.q.val() == 3 {
                    self.next_phase.next = Phase::Run;
                }
            }
            Phase::Run => {
                if self.count.q.val() == 1023 {
                    self.next_phase.next = Phase::Idle;
                }
            }
            _ => {
                self.next_phase.next = Phase::Idle;
            }
        }
        self.phase.d.next = self.next_phase.val();
    }
}

#[derive(LogicBlock, Default)]
struct Toy {
    clock: Signal<In, Clock>,
    start: Signal<In, Bit>,
    write: WritePort,
    sums: Signal<Out, Bits<16>>,
    array: Array<4, 4, 16>,
    memory: RAM<Bits<32>, 10>,
    sequencer: Sequencer,
    row: Signal<Local, Operands>,
    word: Signal<Local, Bits<32>>,
}

impl Logic for Toy {
    #[hdl_gen]
    fn update(&mut self) {
        self.array.clock.next = self.clock.val();
        self.sequencer.clock.next = self.clock.val();
        self.sequencer.start.next = self.start.val();
        self.array.load.next = self.sequencer.load.val();
        self.memory.read_clock.next = self.clock.val();
        self.memory.write_clock.next = self.clock.val();
        self.memory.write_address.next = self.write.address.val();
        self.memory.write_data.next = self.write.data.val();
        self.memory.write_enable.next = self.write.enable.val();
        self.memory.read_address.next = self.sequencer.address.val();
        self.word.next = self.memory.read_data.val();
        self.row.next.activation = self.word.val().get_bits::<8>(8_usize);
        self.row.next.valid = self.word.val().get_bit(31_usize);
        for r in 0..4 {
            self.array.west[r].next = self.row.val();
        }
        self.sums.next =
            (self.array.south[0].val() ^ self.array.south[1].val()) ^ (self.array.south[2].val() ^ self.array.south[3].val());
    }
}

fn toy_verilog() -> String {
    let mut toy = Toy::default();
    toy.connect_all();
    generate_verilog(&toy)
}

fn tidied(text: &str) -> Netlist {
    tidy(text, "toy").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn each_distinct_module_is_written_once() {
    let text = toy_verilog();
    assert_eq!(text.lines().filter(|line| line.starts_with("module ")).count(), 86);
    let netlist = tidied(&text);
    let expected = "\
toy
  toy_array
    toy_pe x 16
      toy_dff_8
      toy_dff_9
      toy_dff_16
      toy_product
  toy_ram_1024x32
  toy_sequencer
    toy_dff_2
    toy_dff_10
";
    assert_eq!(netlist.hierarchy(), expected);
    assert_eq!(netlist.module_count(), 11);
    assert_eq!(netlist.occurrences()["toy_dff_8"], 16);
    assert_eq!(netlist.occurrences().values().sum::<usize>(), 86);
}

#[test]
fn names_and_ports_are_plain() {
    let netlist = tidied(&toy_verilog());
    let verilog = netlist.to_verilog();
    assert!(!verilog.contains('$'), "a `$` remains:\n{verilog}");
    assert!(!verilog.contains("//"), "a comment remains");
    let pe = netlist.module("toy_pe").expect("toy_pe");
    let ports: Vec<_> = pe.ports.iter().map(|p| (p.name.as_str(), p.direction, p.width)).collect();
    assert_eq!(ports[2], ("west", Direction::Input, 9));
    assert_eq!(ports[5], ("south", Direction::Output, 16));
    assert!(pe.text.contains("toy_dff_9 operands (.d(west), .q(operands_q), .clock(clock));"), "{}", pe.text);
    let array = netlist.module("toy_array").expect("toy_array");
    assert_eq!((array.instances[3].name.as_str(), array.instances[3].module.as_str()), ("pe_3", "toy_pe"));
    assert!(!array.text.contains("always"), "an array is wires only:\n{}", array.text);
}

#[test]
fn tidying_is_deterministic() {
    let text = toy_verilog();
    assert_eq!(tidied(&text), tidied(&text));
}

#[test]
fn yosys_proves_the_merge() {
    let text = toy_verilog();
    let netlist = tidied(&text);
    let output = prove("toy", &text, &netlist.to_verilog(), &netlist);
    assert!(output.status.success(), "{}", report(&output));
}

#[test]
fn yosys_finds_every_mutation() {
    let text = toy_verilog();
    let netlist = tidied(&text);
    let verilog = netlist.to_verilog();
    let mutations = [
        ("operator", "north + product_y", "north - product_y"),
        ("wire", ".west(pe_14_east)", ".west(pe_13_east)"),
        ("state", "Phase_Run = 2'h2", "Phase_Run = 2'h3"),
        ("initial", "q = 8'h0", "q = 8'h1"),
        ("edge", "posedge write_clock", "negedge write_clock"),
        ("enable", "if (write_enable)", "if (!write_enable)"),
        ("words", "mem[1023:0]", "mem[511:0]"),
    ];
    for (name, from, to) in mutations {
        assert_eq!(verilog.matches(from).count(), 1, "{name}: `{from}` should occur once");
        let output = prove(&format!("toy-{name}"), &text, &verilog.replace(from, to), &netlist);
        let report = report(&output);
        assert!(!output.status.success(), "{name}: `{from}` -> `{to}` was proved equal");
        assert!(report.contains("unproven $equiv cells"), "{name}: failed for another reason:\n{report}");
    }
}

#[test]
fn verilator_has_little_to_say() {
    let netlist = tidied(&toy_verilog());
    let path = write(&directory("toy-lint").join("toy.v"), &netlist.to_verilog());
    let allowed = ["-Wno-DECLFILENAME", "-Wno-PINCONNECTEMPTY", "-Wno-UNUSEDSIGNAL"];
    let run = Command::new("verilator").args(["--lint-only", "-Wall", "--top-module", "toy"]).args(allowed).arg(path).output();
    let output =
        run.unwrap_or_else(|error| panic!("`verilator` does not start ({error}); install the Debian package `verilator`"));
    assert!(output.status.success(), "{}", report(&output));
}

#[test]
fn equal_nouns_are_numbered_and_wrapped_cores_survive() {
    let core = "(* blackbox *)\nmodule IBUF(I, O);\n    input I;\n    output O;\nendmodule\n";
    let inverter = |index: usize, operator: &str| {
        format!(
            "module top$gate${index}(a,y); input wire  a; output wire  y; IBUF #(.X(1)) u$0(.I({operator}a), .O(y)); endmodule\n"
        )
    };
    let top = "module top(a,y); input wire a; output wire [1:0] y;
        top$gate$0 gate$0(.a(a), .y(y[0])); top$gate$1 gate$1(.a(a), .y(y[1])); endmodule\n";
    let text = format!("{top}{}{}{core}{core}", inverter(0, ""), inverter(1, "~"));
    let netlist = tidied(&text);
    let names: Vec<&str> = netlist.modules.iter().map(|module| module.name.as_str()).collect();
    assert_eq!(names, ["toy", "toy_gate_1", "toy_gate_2", "IBUF"]);
    assert!(netlist.modules[1].text.contains("IBUF #(.X(1)) u_0 (.I(a), .O(y));"), "{}", netlist.modules[1].text);
    assert!(netlist.modules[3].text.starts_with("(* blackbox *)\nmodule IBUF"), "{}", netlist.modules[3].text);
}

#[test]
fn new_names_do_not_collide() {
    let text =
        "module top(a$b,a_b,y); input wire a$b; input wire a_b; output reg y; always @(*) begin y = a$b ^ a_b; end endmodule";
    let verilog = tidied(text).to_verilog();
    assert!(verilog.contains("y = a_b_ ^ a_b;"), "{verilog}");
}

#[test]
fn literals_keep_their_width_where_it_matters() {
    let body = |statement: &str| {
        let text =
            format!("module top(a,y); input wire [3:0] a; output reg [7:0] y; always @(*) begin {statement} end endmodule");
        tidied(&text).to_verilog()
    };
    assert!(body("y = a + 32'h1;").contains("y = a + 8'h1;"));
    assert!(body("y = a == 32'h3;").contains("y = a == 4'h3;"));
    // A carry, a shift, a value that does not fit, and `&` which binds more weakly than `==`.
    for kept in
        ["y = (a + 32'h1) > 32'h2;", "y = (a + 32'h1) >> 32'h1;", "y = a == 32'h10;", "y = &a == 32'h1;", "y = a + a == 32'h3;"]
    {
        assert!(body(kept).contains(kept), "{}", body(kept));
    }
}

#[test]
fn casts_are_plain_where_that_changes_no_bit() {
    let body = |statement: &str| {
        let text = format!(
            "module top(a,y); input wire [7:0] a; output reg [11:0] y; reg [3:0] x; always @(*) begin {statement} end endmodule"
        );
        tidied(&text).to_verilog()
    };
    for (cast, plain) in [
        ("y = ((a) & 12'hfff) + 32'h1;", "y = {4'h0, a} + 12'h1;"),
        ("y = ((a[32'h4+:4]) & 12'hfff);", "y = ((a[32'h4+:4]) & 12'hfff);"),
        ("y = ((a[6:4]) & 12'hfff);", "y = {9'h0, a[6:4]};"),
        ("y = ((a) & 8'hff) << 32'h2;", "y = a << 32'h2;"),
        ("y = {a, x} | 32'h1; x = ((a[6:1]) & 4'hf);", "x = a[4:1];"),
        // No mask; and a narrower value inside an expression, whose width would change.
        ("y = ((a) & 12'h7ff);", "y = ((a) & 12'h7ff);"),
        ("y = ((a) & 4'hf) + a;", "y = ((a) & 12'hf) + a;"),
    ] {
        assert!(body(cast).contains(plain), "{cast} -> {}", body(cast));
    }
}

#[test]
fn a_chain_of_copies_ends_at_its_source() {
    let text = "module top(a,y,z); input wire a; output wire y; output reg z; reg inv$x; reg pick; reg two;
        top$inv inv(.x(inv$x), .y(y));
        always @(*) begin pick = a; inv$x = pick; two = pick; z = two; end endmodule
        module top$inv(x,y); input wire x; output reg y; always @(*) begin y = ~x; end endmodule";
    let verilog = tidied(text).to_verilog();
    assert!(verilog.contains("toy_inv inv (.x(a), .y(y));"), "{verilog}");
    assert!(verilog.contains("assign z = a;") && !verilog.contains("pick"), "{verilog}");
}

#[test]
fn a_process_falls_into_independent_ones() {
    let text =
        "module top(a,b,x,y,z,k); input wire a; input wire b; output reg x; output reg y; output reg z; output reg [1:0] k;
        always @(*) begin
        x = a & b; y = 1'b0; if (x) begin y = b; end z = y; if (a) begin z = x; end k[0] = 1'b1; k[1] = 1'b0; end endmodule";
    let verilog = tidied(text).to_verilog();
    assert!(verilog.contains("assign x = a & b;"), "{verilog}");
    // `y`, `z`; what reads nothing would never run, and stays with the first that does.
    assert_eq!(verilog.matches("always @(*)").count(), 2, "{verilog}");
    // `q` reads `p` between its writes.
    let text = "module top(a,p,q,r); input wire a; output reg p; output reg q; output reg [1:0] r;
        always @(*) begin p = a; q = ~p; p = ~a; r[0] = a; end endmodule";
    let verilog = tidied(text).to_verilog();
    assert_eq!(verilog.matches("always @(*)").count(), 2, "{verilog}");
    assert!(verilog.contains("p = a;\n        q = ~p;\n        p = ~a;"), "{verilog}");
}

#[test]
fn errors_name_what_was_found_and_expected() {
    let message = |text: &str| tidy(text, "toy").map(|_| ()).expect_err(text).to_string();
    assert_eq!(
        message(""),
        "found no module at all, expected a module named `top`, the name rust-hdl gives the outermost circuit"
    );
    assert_eq!(message("wire x;"), "line 1, between modules: found `wire`, expected `module`");
    assert_eq!(message("module top(a);"), "line 1, a module: found the end of the text, expected `endmodule`");
    assert_eq!(
        message("module top(a);\nendmodule"),
        "line 1, module `top`: found the end of the text, expected a declaration of the port `a`"
    );
    assert!(message("module top();\nlocalparam signed x = 8'h-5;\nendmodule").starts_with("line 2: found \"8'h-\""));
    assert_eq!(
        message("module top();\ntop$x x();\nendmodule"),
        "module `top`: found an instance of `top$x`, expected that module in the same text"
    );
    assert_eq!(
        message("module top();\nendmodule /*"),
        "line 2: found the beginning of a comment and the end of the text, expected \"*/\""
    );
    assert_eq!(tidy("", "1x"), Err(VerilogError::TopName { found: "1x".into() }));
}

#[test]
fn no_cut_of_a_text_makes_the_reader_panic() {
    let text = toy_verilog();
    let end = text.find("endmodule // top$array\n").unwrap_or(text.len()).min(6000);
    for cut in (0..end).step_by(7).chain(text.len() - 3000..text.len()) {
        let _ = tidy(&text[..cut], "toy");
        let _ = tidy(&text[cut..], "toy");
    }
}
