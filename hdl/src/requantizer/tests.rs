//! The circuit against `crumb_arch::requantizer`, register by register in rust-hdl's simulation, and its Verilog under Icarus.

use std::fmt::Write as _;
use std::process::Command;

use crumb_arch::precision::ActBits;
use crumb_arch::requantizer::stages::{Input, Registers};
use crumb_arch::requantizer::{ChannelScale, LATENCY, OutputFormat, requantize};

use super::*;
use crate::step::cycle;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

fn connected() -> Box<Requantizer> {
    let mut top = Box::new(TopWrap::new(Requantizer::default()));
    top.connect_all();
    Box::new(top.uut)
}

fn verilog() -> String {
    let circuit = connected();
    check_all(circuit.as_ref()).unwrap();
    generate_verilog(circuit.as_ref())
}

/// A drain: a format, and what enters in each cycle.
type Drain = (OutputFormat, Vec<Input>);

/// A shift that brings the output near `magnitude` bits.
fn shift_for(acc: i32, magnitude: i32, format: &OutputFormat) -> u8 {
    let bits = 32 - acc.unsigned_abs().leading_zeros() as i32;
    (bits + 24 - magnitude - i32::from(format.exponent_adjust)).clamp(0, 255) as u8
}

fn formats(random: &mut Random) -> OutputFormat {
    OutputFormat {
        exponent_adjust: random.pick(&[0, -6, -4, -32, 31, 5]),
        ..OutputFormat::full_range(
            random.pick(&ActBits::ALL),
            random.below(2) == 0,
            random.pick(&[0, 1, -1, -128, 127, 128, 255, 37, -64]),
        )
    }
}

/// Random values of every magnitude; one in eight is any bits at all, normalised or not.
fn random_drains(random: &mut Random, cycles: usize) -> Vec<Drain> {
    let mut drains = Vec::new();
    for _ in 0..cycles.div_ceil(100) {
        let format = formats(random);
        let inputs = (0..100).map(|_| {
            if random.below(8) == 0 {
                let (acc, entry) = (random.next() as i32, random.next());
                return Input::new(acc, ChannelScale::from_entry(entry));
            }
            let acc = random.next() as i32 >> random.below(32);
            let bias = if random.below(2) == 0 { random.next() as i32 >> random.below(32) } else { 0 };
            let significand = (random.next() as u32) << random.below(25) >> 8 | 1 << 23;
            let shift = shift_for(acc.wrapping_add(bias), random.below(15) as i32 - 3, &format);
            Input { acc, bias, significand, shift }
        });
        drains.push((format, inputs.collect()));
    }
    drains
}

/// Products of 25 bits beside a tie of the final rounding, by half a unit of 24 bits: as in the tests of `crumb_arch::requantizer`.
fn product_ties() -> Vec<Input> {
    let mut ties = Vec::new();
    for twice in (1..256u32).step_by(2) {
        for side in [-1i64, 1] {
            let up = 24 - (31 - twice.leading_zeros());
            let product = (i64::from(twice << up) + side) as u32;
            for a in (3..5792).step_by(2).filter(|&a| product.is_multiple_of(a)) {
                let left = (product / a).leading_zeros() - 8;
                let (significand, shift) = ((product / a) << left, (up + 1 + left) as u8);
                ties.extend([a as i32, -(a as i32)].map(|acc| Input { acc, bias: 0, significand, shift }));
            }
        }
    }
    ties
}

/// Extremes, powers of two and their neighbours, ties of all three roundings, every shift, every exponent adjustment, every zero point.
fn corner_drains(random: &mut Random) -> Vec<Drain> {
    let int8 = OutputFormat::full_range(ActBits::A8, true, 0);
    let mut accs = vec![0, i32::MIN, i32::MIN + 1, i32::MAX, i32::MAX - 1];
    for bit in 0..31 {
        for near in -2..=2 {
            accs.extend([(1 << bit) + near, -(1 << bit) + near]);
        }
    }
    accs.extend((24..31).flat_map(|bit| [-1, 1].map(|sign| sign * ((1 << bit) + 3 * (1 << (bit - 24))))));
    let mut drains = Vec::new();
    let mut inputs = Vec::new();
    for &acc in &accs {
        for significand in [1 << 23, (1 << 23) + 1, 0xc0_0000, 0xff_ffff, 0] {
            for magnitude in [-1, 0, 1, 7, 8, 9, 10] {
                inputs.push(Input { acc, bias: 0, significand, shift: shift_for(acc, magnitude, &int8) });
            }
            inputs.push(Input { acc: 0, bias: acc, significand, shift: shift_for(acc, 6, &int8) });
            inputs.push(Input { acc, bias: random.next() as i32, significand, shift: random.next() as u8 });
        }
    }
    inputs.extend((0..=255).flat_map(|shift| {
        [1, -1, 0x7fff_ffff, i32::MIN, 0x00ff_ffff].map(|acc| Input { acc, bias: 0, significand: 0x00ff_ffff, shift })
    }));
    let ties = (-259..=259)
        .step_by(2)
        .flat_map(|odd| (-1..=1).map(move |near| Input { acc: odd * 512 + near, bias: 0, significand: 1 << 23, shift: 33 }));
    inputs.extend(ties.clone());
    inputs.extend(product_ties());
    drains.push((int8, inputs));
    for zero_point in [-128, -1, 0, 1, 127, 128, 255] {
        for (lo, hi) in [(-128, 127), (0, 255), (-8, 7), (0, 15), (-2, 1), (0, 3), (5, 5), (zero_point.clamp(0, 255), 255)] {
            drains.push((OutputFormat { zero_point, lo, hi, ..int8 }, ties.clone().collect()));
        }
    }
    for exponent_adjust in -32..=31 {
        let format = OutputFormat { exponent_adjust, ..int8 };
        let inputs = (0..40).map(|i| {
            let acc = random.next() as i32 >> random.below(32);
            Input { acc, bias: 0, significand: random.next() as u32 >> 8 | 1 << 23, shift: shift_for(acc, i % 13 - 2, &format) }
        });
        drains.push((format, inputs.collect()));
    }
    drains
}

fn drive(circuit: &mut Requantizer, input: &Input, format: &OutputFormat) {
    circuit.acc.next = (u64::from(input.acc as u32)).to_bits();
    circuit.bias.next = (u64::from(input.bias as u32)).to_bits();
    circuit.significand.next = u64::from(input.significand).to_bits();
    circuit.shift.next = u64::from(input.shift).to_bits();
    circuit.exponent_adjust.next = (format.exponent_adjust as u64 & 0x3f).to_bits();
    circuit.zero_point.next = (format.zero_point as u64 & 0x1ff).to_bits();
    circuit.lo.next = (format.lo as u64 & 0x1ff).to_bits();
    circuit.hi.next = (format.hi as u64 & 0x1ff).to_bits();
}

/// Every register equals its namesake in `arch` in every cycle, formats changing in mid-flight included.
#[test]
fn registers_equal_those_of_arch() {
    let mut random = Random(1);
    let mut drains = corner_drains(&mut random);
    drains.extend(random_drains(&mut random, 20_000));
    let mut circuit = connected();
    let mut model = Registers::default();
    for (format, inputs) in &drains {
        for input in inputs {
            drive(&mut circuit, input, format);
            cycle(circuit.as_mut());
            model.step(*input, format);
            let mut expected = Vec::new();
            model.visit(|name, _, value| expected.push((name.to_owned(), value)));
            let mut at = 0;
            circuit.visit(|name, value| {
                assert_eq!((name, value), (expected[at].0.as_str(), expected[at].1), "after {input:?} {format:?}");
                at += 1;
            });
            assert_eq!(at, expected.len());
            assert_eq!(circuit.value.val().to_u64(), u64::from(model.value.value));
        }
    }
}

/// The generated Verilog delivers `requantize` LATENCY cycles later, for all corners and 40,000 random inputs.
#[test]
fn verilog_equals_arch() {
    let mut random = Random(2);
    let mut drains = corner_drains(&mut random);
    drains.extend(random_drains(&mut random, 40_000));
    let mut vectors = String::new();
    let mut cycles = 0;
    let mut line = |input: &Input, format: &OutputFormat, expected: Option<i16>| {
        let fields = [
            (u64::from(input.acc as u32), 8),
            (u64::from(input.bias as u32), 8),
            (input.significand.into(), 6),
            (input.shift.into(), 2),
            (format.exponent_adjust as u64 & 0x3f, 2),
            (format.zero_point as u64 & 0x1ff, 3),
            (format.lo as u64 & 0x1ff, 3),
            (format.hi as u64 & 0x1ff, 3),
            (u64::from(expected.is_some()), 1),
            (expected.unwrap_or(0) as u64 & 0xff, 2),
        ];
        for (value, digits) in fields {
            write!(vectors, "{value:0digits$x}").unwrap();
        }
        vectors.push('\n');
        cycles += 1;
    };
    let mut checked = 0;
    for (format, inputs) in &drains {
        // The outputs of a drain come LATENCY lines later; the drain unit waits for the last of them.
        for t in 0..inputs.len() + LATENCY {
            let input = inputs.get(t).copied().unwrap_or_default();
            let expected = t
                .checked_sub(LATENCY)
                .and_then(|t| inputs.get(t))
                .map(|i| requantize(i.acc, ChannelScale { bias: i.bias, significand: i.significand, shift: i.shift }, format));
            checked += u32::from(expected.is_some());
            line(&input, format, expected);
        }
    }

    let folder = std::env::temp_dir().join(format!("crumb-requantizer-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let bench = format!(
        "\
`timescale 1ns/1ns
module bench;
    reg [151:0] vectors [0:{last}];
    reg [151:0] v = 0;
    reg clock = 0;
    wire [7:0] value;
    integer i, errors = 0, checked = 0;
    top dut(.clock(clock), .acc(v[151:120]), .bias(v[119:88]), .significand(v[87:64]), .shift(v[63:56]),
        .exponent_adjust(v[53:48]), .zero_point(v[44:36]), .lo(v[32:24]), .hi(v[20:12]), .value(value));
    initial begin
        $readmemh(\"{vectors}\", vectors);
        for (i = 0; i <= {last}; i = i + 1) begin
            v = vectors[i];
            #1;
            if (v[8]) begin
                checked = checked + 1;
                if (value !== v[7:0]) begin
                    errors = errors + 1;
                    if (errors <= 10) $display(\"vector %0d: value %h, expected %h\", i, value, v[7:0]);
                end
            end
            #1 clock = 1;
            #1 clock = 0;
        end
        $display(\"checked %0d errors %0d\", checked, errors);
        $finish;
    end
endmodule
",
        last = cycles - 1,
        vectors = folder.join("vectors.hex").display(),
    );
    std::fs::write(folder.join("vectors.hex"), &vectors).unwrap();
    std::fs::write(folder.join("requantizer.v"), verilog()).unwrap();
    std::fs::write(folder.join("bench.v"), bench).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(&folder).output();
        let output =
            output.unwrap_or_else(|e| panic!("cannot run {program} ({e}): install Icarus Verilog, Debian package `iverilog`"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {text}");
        text
    };
    run("iverilog", &["-g2005", "-Wall", "-Wno-timescale", "-o", "bench.vvp", "bench.v", "requantizer.v"]);
    let text = run("vvp", &["-n", "bench.vvp"]);
    assert!(text.contains(&format!("checked {checked} errors 0\n")), "in {}:\n{text}", folder.display());
    assert!(checked > 60_000, "only {checked} vectors");
    std::fs::remove_dir_all(&folder).unwrap();
}
