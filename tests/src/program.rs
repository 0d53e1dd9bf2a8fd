//! Random programs: commands in any order that the contract allows, with bad packets in between, and what they must answer.
//!
//! Small regions, so that tiles, drains and loads meet: the same accumulator rows recur after few cycles, in both halves, at every shift.
//! Whatever the order, the result is that of carrying the commands out one after the other, as the reference does. Loads are fenced, because
//! a load that overwrites what a tile still reads has no such result.

use crumb_arch::command::{Drain, LINES_PER_PARAMETER, Pattern, Requantize, Tile};
use crumb_arch::driver::{Batch, Beats, Expect};
use crumb_arch::lanes::header_lines;
use crumb_arch::stall::Stall;
use crumb_arch::{ActBits, ArrayConfig, Command, Op, Rounding, WeightBits, WeightFormat};
use fastrand::Rng;

/// Accumulator rows in use, activation lines, weight addresses beyond one tile, and parameter entries.
const ROWS: u16 = 16;
const LINES: u16 = 24;
const SPARE_WORDS: u16 = 8;
const ENTRIES: u16 = 8;

/// Beats to send and the number of packets that come back.
#[derive(Debug)]
pub struct Program {
    input: Beats,
    answers: u64,
    /// Result lines that its drains put out.
    pub result_lines: u64,
}

impl Program {
    /// The program as a batch, with stalls on both streams.
    pub fn batch(&self, stalls: (u8, u8), seed: u64) -> Batch {
        Batch {
            valid_stall: Stall { seed, percent: stalls.0 },
            ready_stall: Stall { seed: !seed, percent: stalls.1 },
            ..Batch::new(self.input.clone(), Expect::Packets(self.answers), 20_000_000)
        }
    }
}

/// A program for `config` with `length` commands after its first loads; the same for the same seed.
pub fn random(config: &ArrayConfig, seed: u64, length: usize) -> Program {
    let mut writer = Writer {
        config,
        rng: Rng::with_seed(seed),
        program: Program { input: Beats::new(config.stream_bits / 8), answers: 0, result_lines: 0 },
        in_error: false,
    };
    let words = config.tile_words(ActBits::A2) as u16 + SPARE_WORDS;
    writer.load(Op::LoadActivations { base: 0, count: LINES });
    writer.load(Op::LoadWeights { base: 0, count: words });
    writer.load(Op::LoadParameters { base: 0, count: ENTRIES });
    for half in 0..2 {
        // Accumulators hold what the program before left: the first tiles overwrite all of it.
        for part in 0..4 {
            let format = WeightFormat::top(WeightBits::W8, Rounding::Floor);
            let tile = Tile { rows: ROWS, accumulator: 0, half, accumulate: false, part, weight: format, ..writer.tile() };
            writer.command(Op::Compute(Tile { activations: 0, ..tile }).into(), &[]);
        }
    }
    for _ in 0..length {
        writer.next();
    }
    writer.clear_error();
    for half in 0..2 {
        let whole = Drain { rows: ROWS, accumulator: 0, half, banks: 4, requantize: None };
        writer.command(Op::Drain(whole).into(), &[]);
    }
    writer.program
}

struct Writer<'a> {
    config: &'a ArrayConfig,
    rng: Rng,
    program: Program,
    in_error: bool,
}

impl Writer<'_> {
    fn next(&mut self) {
        match self.rng.u8(..100) {
            0..60 => {
                let tile = self.tile();
                let command = self.fenced(Op::Compute(tile));
                self.command(command, &[]);
            }
            60..80 => {
                let drain = self.drain();
                let command = self.fenced(Op::Drain(drain));
                self.command(command, &[]);
            }
            80..85 => {
                let base = self.rng.u16(..LINES);
                let count = self.rng.u16(1..=LINES - base);
                self.load(Op::LoadActivations { base, count });
            }
            85..88 => {
                let base = self.rng.u16(..4);
                self.load(Op::LoadWeights { base, count: SPARE_WORDS });
            }
            88..90 => {
                let base = self.rng.u16(..ENTRIES);
                self.load(Op::LoadParameters { base, count: 1 });
            }
            90..92 => self.command(Op::ReadStatus.into(), &[]),
            92 => {
                let pattern = self.pattern();
                let command = self.fenced(Op::SetPattern(pattern));
                self.command(command, &[]);
            }
            93..98 => self.bad_packet(),
            _ => self.clear_error(),
        }
    }

    /// Often around the end of the buffer.
    fn pattern(&mut self) -> Pattern {
        let rng = &mut self.rng;
        Pattern { columns: rng.u16(1..=ROWS), stride: rng.u8(..5), jump: rng.u16(..) >> rng.u8(..16) }
    }

    fn tile(&mut self) -> Tile {
        let rng = &mut self.rng;
        let act = ActBits::ALL[rng.usize(..3)];
        let bits = WeightBits::ALL[rng.usize(..WeightBits::ALL.len())];
        let slice = rng.u8(..bits.slices());
        let rounding = if slice == 0 { Rounding::ALL[rng.usize(..3)] } else { Rounding::Floor };
        let weight = WeightFormat::new(bits, slice, rounding).expect("a slice of this width");
        let rows = rng.u16(1..=ROWS);
        Tile {
            activations: rng.u16(..=LINES - rows),
            rows,
            weights: rng.u16(..SPARE_WORDS),
            k_words: rng.u16(1..=self.config.tile_words(act) as u16),
            accumulator: rng.u16(..=ROWS - rows),
            half: rng.u8(..2),
            accumulate: rng.u8(..4) > 0,
            shift: rng.u8(..8),
            act,
            act_signed: rng.bool(),
            weight,
            part: rng.u8(..bits.passes() as u8),
        }
    }

    fn drain(&mut self) -> Drain {
        let rng = &mut self.rng;
        let (rows, banks) = (rng.u16(1..=ROWS), rng.u8(1..=4));
        let (a, b) = (rng.i16(-128..=255), rng.i16(-128..=255));
        let aligned = |entry: u16| entry - entry % self.config.drain_banks as u16;
        let requantize = rng.bool().then(|| Requantize {
            parameters: aligned(rng.u16(..=ENTRIES - u16::from(banks))),
            width: ActBits::ALL[rng.usize(..3)],
            exponent_adjust: rng.i8(-32..=31),
            zero_point: rng.i16(-128..=255),
            lo: a.min(b),
            hi: a.max(b),
        });
        Drain { rows, accumulator: rng.u16(..=ROWS - rows), half: rng.u8(..2), banks, requantize }
    }

    /// A drain; where entries are read four at once, half of them begin between two fours.
    fn perhaps_unaligned(&mut self) -> Drain {
        let mut drain = self.drain();
        if self.config.drain_banks > 1 && self.rng.bool() {
            drain.requantize.iter_mut().for_each(|format| format.parameters += 1);
        }
        drain
    }

    fn fenced(&mut self, op: Op) -> Command {
        Command { op, fence_compute: (self.rng.u8(..10) == 0).then(|| self.rng.u8(..4)), fence_drain: self.rng.u8(..10) == 0 }
    }

    /// A load with random payload. Significands are those of a float32, or zero.
    fn load(&mut self, op: Op) {
        let command = Command { op, fence_compute: Some(0), fence_drain: true };
        let mut payload = self.noise(command.payload_lines(self.config) * self.config.line_bytes());
        if let Op::LoadParameters { .. } = op {
            let zero = self.rng.u8(..8) == 0;
            for entry in payload.chunks_exact_mut(LINES_PER_PARAMETER * self.config.line_bytes()) {
                for (q, line) in entry.chunks_exact_mut(self.config.line_bytes()).enumerate() {
                    match (q, zero) {
                        (4..=6, true) => line.fill(0),
                        (6, false) => line.iter_mut().for_each(|byte| *byte |= 0x80),
                        // Every shift is legal; those near the middle give values between the clamps.
                        (7, _) => line.iter_mut().for_each(|byte| *byte = if *byte < 32 { *byte } else { 24 + *byte % 16 }),
                        _ => {}
                    }
                }
            }
        }
        self.command(command, &payload);
    }

    fn noise(&mut self, length: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.rng.u8(..)).take(length).collect()
    }

    fn command(&mut self, command: Command, payload: &[u8]) {
        let mut bytes = self.header(&command);
        bytes.extend_from_slice(payload);
        self.send(&bytes);
        let lines = match command.op {
            Op::Drain(drain) if !self.in_error => drain.output_lines() as u64,
            Op::ReadStatus => 0,
            _ => return,
        };
        self.program.answers += 1;
        self.program.result_lines += lines;
    }

    fn header(&self, command: &Command) -> Vec<u8> {
        let mut bytes = Vec::new();
        header_lines(&command.encode(), self.config, &mut bytes);
        bytes
    }

    fn send(&mut self, bytes: &[u8]) {
        self.program.input.append(&Beats::packet(self.config.stream_bits / 8, bytes));
    }

    fn clear_error(&mut self) {
        self.in_error = false;
        self.command(Op::ClearError.into(), &[]);
    }

    /// A packet that puts the machine in an error state: noise, a bad field, or a length that is not the command's.
    fn bad_packet(&mut self) {
        let line = self.config.line_bytes();
        let op = match self.rng.u8(..4) {
            0 => Op::Compute(self.tile()),
            1 => Op::Drain(self.perhaps_unaligned()),
            2 => Op::LoadWeights { base: self.rng.u16(..4), count: 1 },
            _ => Op::LoadActivations { base: self.rng.u16(..LINES - 2), count: 2 },
        };
        let command = Command { op, fence_compute: Some(0), fence_drain: true };
        let mut bytes = self.header(&command);
        let whole = bytes.len() + command.payload_lines(self.config) * line;
        match self.rng.u8(..4) {
            0 => {
                let length = self.rng.usize(1..6 * line);
                bytes = self.noise(length);
                bytes[0] ^= u8::from(bytes.get(2..4) == Some(&[0x42, 0xC8])) * 0x80;
            }
            1 => {
                // A number of tiles without its fence, an opcode or magic number that does not exist, a range far outside.
                // Activations are read around the end of their buffer, weights are not.
                let word = if matches!(op, Op::Compute(_)) { 2 } else { 1 };
                let in_line = self.config.words_per_header_line();
                let address = word / in_line * line + word % in_line * 4;
                let (byte, bit) = [(1, 0x81), (0, 0x40), (3, 1), (address + 1, 0xF0)][self.rng.usize(..4)];
                bytes[byte] ^= bit;
                bytes.resize(whole, 1);
            }
            2 => {
                let length = self.rng.usize(1..whole);
                bytes.resize(whole, 7);
                // At least a beat is missing: what remains of the last beat is filled with zeros.
                bytes.truncate(length.min(whole - self.config.stream_bits / 8));
            }
            _ => {
                let more = self.rng.usize(1..3 * line);
                bytes.resize(whole, 9);
                bytes.extend(self.noise(more));
            }
        }
        self.send(&bytes);
        self.in_error = true;
    }
}
