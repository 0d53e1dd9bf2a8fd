//! Co-simulation of a block: what rust-hdl's simulation did, replayed on the generated Verilog by Icarus Verilog.
//!
//! ```text
//!  Recorder: inputs and outputs of every cycle --> testbench + vectors --> iverilog, vvp --> the first difference, or none
//! ```
//!
//! Only for tests. A missing Icarus fails the test and names the package.

use crate::step::{Clocked, edge, settle};
use rust_hdl::core::block::Block;
use rust_hdl::prelude::*;
use std::fmt::Write;
use std::process::Command;

/// A small generator of random numbers (SplitMix64), so that every run sees the same vectors.
pub struct Random(u64);

impl Random {
    /// A generator; equal seeds give equal numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True with a probability of `percent`.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// The ports of a block: name, width and value in hexadecimal.
#[derive(Default)]
struct Ports {
    depth: usize,
    inputs: Vec<(String, usize, String)>,
    outputs: Vec<(String, usize, String)>,
}

impl Probe for Ports {
    fn visit_start_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth += 1;
    }

    fn visit_atom(&mut self, name: &str, signal: &dyn Atom) {
        if self.depth != 1 || name == "clock" {
            return;
        }
        let hex = format!("{:x}", signal.verilog());
        let digits = hex.split_once('h').expect("rust-hdl writes width'hdigits").1;
        let port = (name.to_owned(), signal.bits(), format!("{digits:0>width$}", width = signal.bits().div_ceil(4)));
        match signal.kind() {
            AtomKind::InputParameter => self.inputs.push(port),
            AtomKind::OutputParameter => self.outputs.push(port),
            _ => {}
        }
    }

    fn visit_end_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth -= 1;
    }
}

/// A block under test and the vectors that it has seen.
pub struct Recorder<B: Clocked> {
    /// The block.
    pub block: Box<B>,
    name: &'static str,
    verilog: String,
    names: Option<[Vec<(String, usize)>; 2]>,
    vectors: Vec<[String; 2]>,
}

impl<B: Clocked> Recorder<B> {
    /// Makes a block, and its Verilog.
    pub fn new(name: &'static str, make: impl FnOnce() -> B) -> Self {
        let mut wrapped = Box::new(TopWrap::new(make()));
        wrapped.connect_all();
        let verilog = crate::step::verilog(&wrapped.uut);
        let mut block = Box::new(wrapped.uut);
        settle(&mut *block);
        Self { block, name, verilog, names: None, vectors: Vec::new() }
    }

    /// Lets the inputs settle, so that outputs may be read.
    pub fn settle(&mut self) {
        settle(&mut *self.block);
    }

    /// Records inputs and outputs of this cycle, then clocks.
    pub fn clock(&mut self) {
        settle(&mut *self.block);
        let mut ports = Ports::default();
        self.block.accept("top", &mut ports);
        let strip = |list: &[(String, usize, String)]| list.iter().map(|(name, width, _)| (name.clone(), *width)).collect();
        let line = |list: &[(String, usize, String)]| list.iter().map(|port| format!(" {}", port.2)).collect();
        if self.names.is_none() {
            self.names = Some([strip(&ports.inputs), strip(&ports.outputs)]);
        }
        self.vectors.push([line(&ports.inputs), line(&ports.outputs)]);
        edge(&mut *self.block);
    }

    /// Replays every vector on the Verilog.
    ///
    /// # Panics
    /// At the first cycle in which an output differs, with its name and both values; without Icarus.
    pub fn check(&self) {
        self.check_text(&self.verilog);
    }

    /// The Verilog as rust-hdl wrote it.
    pub fn verilog(&self) -> &str {
        &self.verilog
    }

    /// Replays every vector on another Verilog of the same block.
    ///
    /// # Panics
    /// As [`Recorder::check`].
    pub fn check_text(&self, verilog: &str) {
        let [inputs, outputs] = self.names.as_ref().expect("nothing was recorded");
        let folder = std::env::temp_dir().join(format!("crumb-cosim-{}-{}", self.name, std::process::id()));
        std::fs::create_dir_all(&folder).expect("temporary folder");
        std::fs::write(folder.join("block.v"), verilog).expect("block.v");
        let vectors: String = self.vectors.iter().map(|[i, o]| format!("{i}{o}\n")).collect();
        std::fs::write(folder.join("vectors.txt"), vectors).expect("vectors.txt");
        std::fs::write(folder.join("bench.v"), bench(inputs, outputs)).expect("bench.v");
        let run = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).current_dir(&folder).output();
            let output = output.unwrap_or_else(|e| panic!("{program} does not run ({e}): install the package iverilog (Debian)"));
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        run("iverilog", &["-g2005", "-s", "bench", "-o", "bench.vvp", "bench.v", "block.v"]);
        let report = run("vvp", &["-n", "bench.vvp"]);
        assert!(report.trim() == format!("equal {}", self.vectors.len()), "{}: {report}", self.name);
        std::fs::remove_dir_all(&folder).expect("temporary folder");
    }
}

fn bench(inputs: &[(String, usize)], outputs: &[(String, usize)]) -> String {
    let mut text = String::from("module bench;\nreg clock = 0;\n");
    let mut ports = String::from(".clock(clock)");
    let (mut reads, mut targets, mut checks) = (String::new(), String::new(), String::new());
    for (name, width) in inputs {
        let _ = writeln!(text, "reg [{}:0] {name} = 0;", width - 1);
    }
    for (name, width) in outputs {
        let _ = writeln!(text, "wire [{0}:0] {name}; reg [{0}:0] expected_{name};", width - 1);
        let _ = writeln!(
            checks,
            "if ({name} !== expected_{name}) begin $display(\"cycle %0d, {name}: Verilog %h, rust-hdl %h\", cycle, {name}, expected_{name}); $finish; end"
        );
    }
    for (name, _) in inputs.iter().chain(outputs) {
        let _ = write!(ports, ", .{name}({name})");
        reads += " %h";
    }
    for (name, _) in inputs {
        let _ = write!(targets, ", {name}");
    }
    for (name, _) in outputs {
        let _ = write!(targets, ", expected_{name}");
    }
    let count = inputs.len() + outputs.len();
    let _ = write!(
        text,
        "top dut({ports});\ninteger file, cycle;\ninitial begin\nfile = $fopen(\"vectors.txt\", \"r\"); cycle = 0;\n\
         while ($fscanf(file, \"{reads}\"{targets}) == {count}) begin\n#4;\n{checks}clock = 1; #4; clock = 0; #2;\ncycle = cycle + 1;\nend\n\
         $display(\"equal %0d\", cycle);\nend\nendmodule\n"
    );
    text
}
