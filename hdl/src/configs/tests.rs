//! The whole machine against plain arithmetic, and its Verilog against its simulation.

use super::*;
use crate::cosim::{Random, Recorder};
use crumb_arch::lanes::header_lines;
use crumb_arch::requantizer::{ChannelScale, OutputFormat, requantize};
use crumb_arch::{ActBits, Command, Drain, Op, Requantize, Rounding, Tile, WeightBits, WeightFormat, config, status::Status};

#[test]
fn every_named_configuration_is_its_circuit() {
    for name in config::NAMES.iter().take(5) {
        let mut machine = RtlMachine::open(name).expect("a circuit");
        let outputs = machine.outputs();
        assert!(outputs.idle && outputs.s_tready && !outputs.m_tvalid, "{name}");
        assert_eq!(outputs.m_tdata.as_bytes().len(), machine.config().stream_bits / 8);
    }
    let error = RtlMachine::open("giant").err().expect("no such configuration");
    assert!(error.to_string().starts_with("no configuration is named 'giant'"), "{error}");
}

/// The header lines of a command.
fn header(command: &Command, config: &ArrayConfig) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    header_lines(&command.encode(), config, &mut bytes);
    bytes.chunks(config.line_bytes()).map(<[u8]>::to_vec).collect()
}

/// A host that speaks lines.
struct Host {
    config: ArrayConfig,
    packets: Vec<Vec<Vec<u8>>>,
}

impl Host {
    fn command(&mut self, op: Op, payload: Vec<Vec<u8>>) {
        let command = Command { op, fence_compute: Some(0), fence_drain: true };
        assert_eq!(payload.len(), command.payload_lines(&self.config));
        self.packets.push(header(&command, &self.config).into_iter().chain(payload).collect());
    }

    /// The beats of every packet.
    fn beats(&self) -> Vec<(Vec<u8>, bool)> {
        let (line, beat) = (self.config.line_bytes(), self.config.stream_bits / 8);
        let whole = |packet: &Vec<Vec<u8>>| -> Vec<u8> {
            packet.iter().flat_map(|bytes| bytes.iter().copied().chain(std::iter::repeat(0)).take(line)).collect()
        };
        self.packets
            .iter()
            .flat_map(|packet| {
                let bytes = whole(packet);
                let count = bytes.len() / beat;
                bytes.chunks(beat).enumerate().map(|(i, data)| (data.to_vec(), i + 1 == count)).collect::<Vec<_>>()
            })
            .collect()
    }
}

/// What a session must answer: packets of lines.
fn session(config: &ArrayConfig, random: &mut Random, rounds: usize) -> (Host, Vec<Vec<u8>>) {
    let (rows, cols, bus) = (config.rows, config.cols, config.weight_bus);
    let mut host = Host { config: config.clone(), packets: Vec::new() };
    let mut answers = Vec::new();
    let bytes = |random: &mut Random, n: usize| -> Vec<u8> { (0..n).map(|_| random.next() as u8).collect() };
    let words = 4 * rows;
    let acts: Vec<Vec<u8>> = (0..12).map(|_| bytes(random, rows)).collect();
    let weights: Vec<Vec<u8>> = (0..4 * words).map(|_| bytes(random, cols)).collect();
    let scales: Vec<Vec<ChannelScale>> = (0..4)
        .map(|_| {
            (0..cols)
                .map(|_| {
                    ChannelScale::from_f32(random.below(4000) as i32 - 2000, 0.001 + random.below(900) as f32 / 9000.0).unwrap()
                })
                .collect()
        })
        .collect();
    host.command(Op::LoadActivations { base: 3, count: 12 }, acts.clone());
    host.command(Op::LoadWeights { base: 7, count: (words / bus) as u16 }, weights.clone());
    let entry_lines =
        scales.iter().flat_map(|entry| (0..8).map(|q| entry.iter().map(|s| (s.encode() >> (8 * q)) as u8).collect()));
    host.command(Op::LoadParameters { base: 4, count: 4 }, entry_lines.collect());
    for round in 0..rounds {
        let act = ActBits::ALL[round % 3];
        let bits = WeightBits::ALL[round / 3 % 4];
        let weight = WeightFormat::top(bits, [Rounding::Floor, Rounding::HalfUp, Rounding::HalfEven][random.below(3) as usize]);
        let act_signed = random.chance(50);
        let m = 1 + random.below(12) as usize;
        let k_words = 1 + random.below((rows * act.lanes() / bus) as u64) as usize;
        let (half, accumulator) = (random.below(2) as u8, random.below(40) as u16);
        let mut sums = vec![vec![0i32; 4 * cols]; m];
        for accumulate in [false, true] {
            for part in 0..bits.passes() as u8 {
                let shift = random.below(3) as u8;
                let tile = Tile {
                    activations: 3,
                    rows: m as u16,
                    weights: 7,
                    k_words: k_words as u16,
                    accumulator,
                    half,
                    accumulate,
                    shift,
                    act,
                    act_signed,
                    weight,
                    part,
                };
                host.packets.push(header(&Op::Compute(tile).into(), config));
                for (i, row) in sums.iter_mut().enumerate() {
                    for lane in 0..bits.lanes() {
                        let bank = usize::from(part) * bits.lanes() + lane;
                        for c in 0..cols {
                            let dot: i32 = (0..k_words * bus)
                                .map(|k| {
                                    let (r, l) = (k / act.lanes(), k % act.lanes());
                                    let raw = u32::from(acts[i][r]) >> (l as u32 * act.bits()) & ((1 << act.bits()) - 1);
                                    let negative = act_signed && raw >> (act.bits() - 1) == 1;
                                    let a = raw as i32 - if negative { 1 << act.bits() } else { 0 };
                                    a * i32::from(weight.apply(weights[4 * k + bank][c] as i8))
                                })
                                .sum();
                            let sum = &mut row[bank * cols + c];
                            *sum = if accumulate { *sum } else { 0 } + (dot << (2 * shift));
                        }
                    }
                }
            }
        }
        let banks = 1 + random.below(4) as usize;
        host.command(Op::Drain(Drain { rows: m as u16, accumulator, half, banks: banks as u8, requantize: None }), vec![]);
        for row in &sums {
            for bank in 0..banks {
                let flat: Vec<u8> = row[bank * cols..][..cols].iter().flat_map(|v| v.to_le_bytes()).collect();
                answers.extend(flat.chunks(cols).map(<[u8]>::to_vec));
            }
        }
        let width = ActBits::ALL[round % 3];
        let format = OutputFormat { exponent_adjust: random.below(4) as i8 - 2, ..OutputFormat::full_range(width, false, 1) };
        let requantized = Requantize {
            parameters: 4,
            width,
            exponent_adjust: format.exponent_adjust,
            zero_point: format.zero_point,
            lo: format.lo,
            hi: format.hi,
        };
        host.command(
            Op::Drain(Drain { rows: m as u16, accumulator, half, banks: banks as u8, requantize: Some(requantized) }),
            vec![],
        );
        for row in &sums {
            for first in (0..banks).step_by(width.lanes()) {
                let mut line = vec![0u8; cols];
                for (position, bank) in (first..banks.min(first + width.lanes())).enumerate() {
                    for (c, byte) in line.iter_mut().enumerate() {
                        let value = requantize(row[bank * cols + c], scales[bank][c], &format) as u8;
                        *byte |= value << (position as u32 * width.bits());
                    }
                }
                answers.push(line);
            }
        }
    }
    host.command(Op::ReadStatus, vec![]);
    let status = Status { error: None, commands: host.packets.len() as u32 }.encode(config);
    answers.extend(status.map(|word| word.to_le_bytes().to_vec()));
    let line = config.line_bytes();
    answers.iter_mut().for_each(|answer| answer.resize(line, 0));
    (host, answers)
}

/// Runs a session against any boundary; stalls both streams at random.
fn run(machine: &mut dyn FnMut(&Inputs) -> Outputs, host: &Host, random: &mut Random, percent: u64) -> Vec<u8> {
    let beats = host.beats();
    let (mut at, mut output, mut offered, mut quiet) = (0, Vec::new(), false, 0);
    for _ in 0..2_000_000u32 {
        offered = offered || (at < beats.len() && random.chance(percent));
        let (data, last) = if offered { beats[at].clone() } else { (vec![0; host.config.stream_bits / 8], false) };
        let m_tready = random.chance(percent);
        let outputs = machine(&Inputs { s_tvalid: offered, s_tlast: last, s_tdata: Data::new(&data), m_tready });
        assert_eq!(outputs.error, 0);
        if offered && outputs.s_tready {
            (offered, at) = (false, at + 1);
        }
        if outputs.m_tvalid && m_tready {
            output.extend_from_slice(outputs.m_tdata.as_bytes());
        }
        quiet = if at == beats.len() && outputs.idle { quiet + 1 } else { 0 };
        if quiet > 2 {
            return output;
        }
    }
    panic!("the machine hangs at beat {at} of {}", beats.len());
}

fn arithmetic(name: &str, rounds: usize, percent: u64) {
    let mut random = Random::new(101);
    let mut machine = RtlMachine::open(name).unwrap();
    let (host, answers) = session(machine.config(), &mut random, rounds);
    let output = run(
        &mut |inputs| {
            let outputs = Boundary::settle(&mut machine, inputs);
            Boundary::clock(&mut machine);
            outputs
        },
        &host,
        &mut random,
        percent,
    );
    assert_eq!(output, answers.concat(), "{name}");
}

#[test]
fn tiny_computes_every_precision() {
    arithmetic("tiny", 24, 100);
    arithmetic("tiny", 12, 40);
}

#[test]
fn small_and_medium_compute() {
    arithmetic("small", 5, 100);
    arithmetic("medium", 5, 80);
}

#[test]
fn wide_computes_with_four_banks_at_once() {
    arithmetic("wide", 12, 100);
    arithmetic("wide", 6, 50);
}

#[test]
fn registers_have_paths_and_values() {
    let mut machine = RtlMachine::open("medium").unwrap();
    let header = header(&Op::LoadActivations { base: 3, count: 1 }.into(), machine.config());
    let find =
        |machine: &RtlMachine, path: &str| machine.registers().into_iter().find(|r| r.path == path).map(|r| (r.width, r.value));
    assert_eq!(find(&machine, "drain.credits"), Some((6, 32)));
    let beats: Vec<(Vec<u8>, bool)> = header
        .iter()
        .flat_map(|line| line.chunks(8).map(|beat| (beat.to_vec(), false)))
        .chain([(vec![1, 2, 3, 4, 5, 6, 7, 8], false), (vec![9; 8], true)])
        .collect();
    for (data, last) in &beats {
        while !machine.outputs().s_tready {
            machine.clock(false, false, data, false);
        }
        machine.clock(true, *last, data, false);
    }
    for _ in 0..6 {
        machine.clock(false, false, &[0; 8], false);
    }
    machine.outputs();
    assert_eq!(find(&machine, "stream_in.line_0"), Some((64, 0x0807_0605_0403_0201)));
    assert_eq!(find(&machine, "stream_in.line_1"), Some((64, 0x0909_0909_0909_0909)));
    assert_eq!(find(&machine, "decoder.address"), Some((18, 4)));
    assert_eq!(find(&machine, "counters.lines_in"), Some((48, 2)));
    for path in ["array.pe_3.psum_0", "counters.cycles", "requantizer_0.multiplier.product", "drain.pipe_13"] {
        assert!(find(&machine, path).is_some(), "no register {path}");
    }
    let registers = machine.registers();
    let paths: std::collections::HashSet<_> = registers.iter().map(|r| &r.path).collect();
    assert_eq!(paths.len(), registers.len(), "paths are distinct");
}

/// The Verilog of a machine under Icarus, as rust-hdl writes it and tidied, against the circuit.
fn verilog_does_what_the_circuit_does<M: AnyMachine + crate::step::Clocked + 'static>(
    name: &'static str,
    rounds: usize,
    make: fn(&ArrayConfig) -> M,
) {
    // A machine by value passes over the stack.
    let body = move || {
        let mut random = Random::new(7);
        let config = ArrayConfig::named(name).unwrap();
        let (host, answers) = session(&config, &mut random, rounds);
        let mut bench = Recorder::new(name, || make(&config));
        let output = run(
            &mut |inputs| {
                let outputs = AnyMachine::settle(&mut *bench.block, inputs);
                bench.clock();
                outputs
            },
            &host,
            &mut random,
            70,
        );
        assert_eq!(output, answers.concat());
        bench.check();
        bench.check_text(&tidy(bench.verilog(), "top").expect("tidy Verilog").to_verilog());
    };
    std::thread::Builder::new().stack_size(1 << 28).spawn(body).unwrap().join().unwrap();
}

#[test]
fn the_verilog_of_tiny_does_what_the_circuit_does() {
    verilog_does_what_the_circuit_does("tiny", 12, Tiny::new);
}

#[test]
fn the_verilog_of_wide_does_what_the_circuit_does() {
    verilog_does_what_the_circuit_does("wide", 3, Wide::new);
}
