//! What tests share: random numbers, co-simulation with Icarus, proofs with Yosys.

pub mod yosys;

use std::fmt::Write;
use std::process::Command;

/// Marsaglia's xorshift64*: the same vectors in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn bit(&mut self) -> bool {
        self.next() & 1 == 1
    }

    pub fn bits(&mut self, n: usize) -> u64 {
        self.next() & ((1 << n) - 1)
    }
}

/// An expected value that is not compared: the Verilog knows none.
pub const ANY: u64 = u64::MAX;

/// Runs the Verilog module `top` under Icarus: per cycle the inputs are set, the outputs printed, the clock pulsed.
///
/// Compares with `expected` (same order as `outputs`); `clocked` tells whether `top` has a clock.
pub fn cosimulate(
    name: &str,
    verilog: &str,
    clocked: bool,
    inputs: &[(&str, usize)],
    outputs: &[(&str, usize)],
    stimuli: &[Vec<u64>],
    expected: &[Vec<u64>],
) {
    assert_eq!(stimuli.len(), expected.len());
    let directory = std::env::temp_dir().join(format!("crumb-icarus-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let mut bench = String::from("module bench;\nreg clock = 0;\n");
    let total: usize = inputs.iter().map(|input| input.1).sum();
    for (port, width) in inputs {
        writeln!(bench, "reg [{}:0] {port} = 0;", width - 1).unwrap();
    }
    for (port, width) in outputs {
        writeln!(bench, "wire [{}:0] {port};", width - 1).unwrap();
    }
    let mut ports: Vec<String> = inputs.iter().chain(outputs).map(|(port, _)| format!(".{port}({port})")).collect();
    if clocked {
        ports.push(".clock(clock)".into());
    }
    writeln!(bench, "top dut({});\ninteger i;", ports.join(", ")).unwrap();
    writeln!(bench, "reg [{}:0] stimuli [0:{}];", total - 1, stimuli.len() - 1).unwrap();
    let fields: Vec<&str> = inputs.iter().rev().map(|input| input.0).collect();
    let format = vec!["%h"; outputs.len()].join(" ");
    let values: Vec<&str> = outputs.iter().map(|output| output.0).collect();
    write!(
        bench,
        "initial begin\n  $readmemb(\"{}\", stimuli);\n  for (i = 0; i < {}; i = i + 1) begin\n    {{{}}} = stimuli[i];\n    #1 \
         $display(\"{format}\", {});\n    clock = 1; #1 clock = 0; #1;\n  end\n  $finish;\nend\nendmodule\n",
        directory.join("stimuli").display(),
        stimuli.len(),
        fields.join(", "),
        values.join(", "),
    )
    .unwrap();
    let mut lines = String::new();
    for row in stimuli {
        for ((_, width), value) in inputs.iter().zip(row).rev() {
            write!(lines, "{value:0width$b}").unwrap();
        }
        lines.push('\n');
    }
    std::fs::write(directory.join("stimuli"), lines).unwrap();
    std::fs::write(directory.join("bench.v"), format!("{bench}\n{verilog}")).unwrap();
    let run = |command: &mut Command, package: &str| {
        let output = command.output().unwrap_or_else(|error| {
            panic!("{:?} does not start ({error}): install the Debian package {package}", command.get_program())
        });
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let program = directory.join("program");
    run(Command::new("iverilog").args(["-g2005", "-o"]).arg(&program).arg(directory.join("bench.v")), "iverilog");
    let printed = run(Command::new("vvp").arg("-n").arg(&program), "iverilog");
    let rows: Vec<&str> = printed.lines().filter(|line| !line.starts_with("WARNING")).collect();
    assert_eq!(rows.len(), expected.len(), "Icarus printed another number of cycles: {printed}");
    for (i, (row, expected)) in rows.iter().zip(expected).enumerate() {
        for ((field, value), (port, _)) in row.split_whitespace().zip(expected).zip(outputs) {
            if *value == ANY {
                continue;
            }
            let found = u64::from_str_radix(field, 16).ok();
            assert_eq!(found, Some(*value), "{name}, cycle {i}, {port}: Icarus has {field}, rust-hdl {value:x}");
        }
    }
    std::fs::remove_dir_all(directory).unwrap();
}
