//! The decoder against `crumb_arch::Command`: every header, every error, every length.

use super::*;
use crate::bytes::from_bytes;
use crate::cosim::{Random, Recorder};
use crate::step::{cycle, settle};
use crumb_arch::lanes::header_lines;
use crumb_arch::status::Status;
use crumb_arch::{Command, Drain, Op, Requantize, Rounding, Tile, WeightBits, WeightFormat};

fn tiny() -> ArrayConfig {
    with_bus(1)
}

/// A weight bus of so many words, and as many header words in a line of four bytes for each; the tiles have as many addresses as those
/// of `tiny`.
fn with_bus(weight_bus: usize) -> ArrayConfig {
    ArrayConfig { weight_bus, rows: 4 * weight_bus, cols: 4 * weight_bus, ..ArrayConfig::named("tiny").unwrap() }
}

/// The header lines of these words.
fn header(words: &[u32; 4], config: &ArrayConfig) -> Vec<u128> {
    let mut bytes = Vec::new();
    header_lines(words, config, &mut bytes);
    let line = |bytes: &[u8]| bytes.iter().rev().fold(0, |line, byte| line << 8 | u128::from(*byte));
    bytes.chunks(config.line_bytes()).map(line).collect()
}

/// What the decoder makes of a header whose last line carries `last`: the error code, after the verdict.
fn verdict(decoder: &mut Decoder, header: &[u128], last: bool) -> u8 {
    for (i, line) in header.iter().enumerate() {
        decoder.line_valid.next = true;
        decoder.line_words.next = from_bytes(&line.to_le_bytes());
        decoder.line_last.next = last && i + 1 == header.len();
        cycle(decoder);
    }
    decoder.line_valid.next = false;
    cycle(decoder);
    assert_eq!(decoder.state.q.val(), State::Decide);
    cycle(decoder);
    decoder.error_out.val().to_u8()
}

fn fields_near_their_limits(random: &mut Random) -> [u32; 4] {
    let tile = Tile {
        activations: random.below(1200) as u16,
        rows: random.below(300) as u16,
        weights: random.below(2100) as u16,
        k_words: random.below(20) as u16,
        accumulator: random.below(300) as u16,
        half: random.below(2) as u8,
        accumulate: true,
        shift: random.below(8) as u8,
        act: ActBits::ALL[random.below(3) as usize],
        act_signed: random.chance(50),
        weight: WeightFormat::top(WeightBits::ALL[random.below(4) as usize], Rounding::HalfUp),
        part: random.below(2) as u8,
    };
    let value = |random: &mut Random| random.below(384) as i16 - 128;
    let requantize = Requantize {
        parameters: random.below(70) as u16,
        width: ActBits::ALL[random.below(3) as usize],
        exponent_adjust: random.below(64) as i8 - 32,
        zero_point: value(random),
        lo: value(random),
        hi: value(random),
    };
    let drain = Drain {
        rows: random.below(300) as u16,
        accumulator: random.below(300) as u16,
        half: 1,
        banks: 1 + random.below(4) as u8,
        requantize: random.chance(70).then_some(requantize),
    };
    let (base, count) = (random.below(2100) as u16, random.below(600) as u16);
    let op = match random.below(6) {
        0 => Op::LoadActivations { base, count },
        1 => Op::LoadWeights { base, count },
        2 => Op::LoadParameters { base: base / 32, count: count / 16 },
        3 | 4 => Op::Compute(tile),
        _ => Op::Drain(drain),
    };
    let mut words = Command::from(op).encode();
    if random.chance(20) {
        words[random.below(4) as usize] ^= 1 << random.below(32);
    }
    words
}

#[test]
fn verdicts_are_those_of_the_contract() {
    let mut random = Random::new(11);
    let mut seen = [0; 12];
    for i in 0..50_000 {
        let config = &ArrayConfig { drain_banks: if i % 4 == 3 { 4 } else { 1 }, ..with_bus([1, 2, 4][i % 3]) };
        let words = if random.chance(70) {
            fields_near_their_limits(&mut random)
        } else {
            let mut words: [u32; 4] = std::array::from_fn(|_| random.next() as u32 & random.next() as u32);
            words[0] = u32::from(MAGIC) << 16 | random.below(12) as u32;
            words
        };
        let last = random.chance(50);
        let expected = match Command::decode(&words, config) {
            Err(error) => error.code(),
            Ok(command) => match (command.payload_lines(config) > 0, last) {
                (true, true) => MachineError::Truncated.code(),
                (false, false) => MachineError::Overlong.code(),
                _ => 0,
            },
        };
        let mut decoder = Box::new(Decoder::new(config));
        assert_eq!(verdict(&mut decoder, &header(&words, config), last), expected, "{words:08x?}");
        let state = match (expected, last) {
            (0, _) => State::Wait,
            (_, true) => State::Header,
            (_, false) => State::Discard,
        };
        assert_eq!(decoder.state.q.val(), state);
        seen[usize::from(expected)] += 1;
    }
    assert!(seen.iter().all(|n| *n > 20), "the headers reach every verdict: {seen:?}");
}

/// What a run did: events in order.
#[derive(Debug, PartialEq, Clone)]
enum Event {
    Tile([u32; 4], Pattern),
    Drain([u32; 4]),
    Write { memory: u8, address: u32, line: u8, word: u32 },
    Word(u32, bool),
    ClearCounters,
}

/// The decoder's contract, a packet at a time.
struct Model {
    config: ArrayConfig,
    error: u8,
    commands: u32,
    pattern: Pattern,
    events: Vec<Event>,
}

impl Model {
    fn raise(&mut self, error: MachineError) {
        if self.error == 0 {
            self.error = error.code();
        }
    }

    /// A packet: the low 16 bytes of each line, and whether the final line is ragged.
    fn packet(&mut self, lines: &[u128], ragged: bool) {
        let header_lines = [4, 2, 1][self.config.weight_bus.ilog2() as usize];
        if lines.len() < header_lines || (lines.len() == header_lines && ragged) {
            return self.raise(MachineError::Truncated);
        }
        let words: [u32; 4] = std::array::from_fn(|i| {
            let in_line = 4 / header_lines;
            (lines[i / in_line] >> (32 * (i % in_line))) as u32
        });
        let command = match Command::decode(&words, &self.config) {
            Ok(command) => command,
            Err(error) => return self.raise(error),
        };
        let (payload, length) = (&lines[header_lines..], command.payload_lines(&self.config));
        if length > 0 && payload.is_empty() {
            return self.raise(MachineError::Truncated);
        }
        if length == 0 && !payload.is_empty() {
            return self.raise(MachineError::Overlong);
        }
        if self.error != 0 && !matches!(command.op, Op::ReadStatus | Op::ClearError) {
            return;
        }
        self.commands += 1;
        let (memory, base, step) = match command.op {
            Op::LoadActivations { base, .. } => (1, u32::from(base), 1),
            // Four lines for each word, and each word an address of its own.
            Op::LoadWeights { base, .. } => (2, u32::from(base) * self.config.weight_bus as u32, 4),
            Op::LoadParameters { base, .. } => (3, base.into(), 8),
            Op::Compute(_) => return self.events.push(Event::Tile(words, self.pattern)),
            Op::Drain(_) => return self.events.push(Event::Drain(words)),
            Op::ReadStatus => {
                let error = MachineError::from_code(self.error);
                let answer = Status { error, commands: self.commands }.encode(&self.config);
                return self.events.extend((0..4).map(|i| Event::Word(answer[i], i == 3)));
            }
            Op::ReadCounters => {
                let last = 2 * COUNT as u32 - 1;
                return self.events.extend((0..=last).map(|i| Event::Word(0xC0DE_0000 | i, i == last)));
            }
            Op::ClearCounters => return self.events.push(Event::ClearCounters),
            Op::ClearError => return self.error = 0,
            Op::SetPattern(pattern) => return self.pattern = pattern,
        };
        for (i, word) in payload.iter().take(length).enumerate() {
            let is_last = i + 1 == payload.len();
            if !(is_last && ragged) {
                self.events.push(Event::Write {
                    memory,
                    address: base + (i / step) as u32,
                    line: (i % step) as u8,
                    word: *word as u32,
                });
            }
        }
        if payload.len() < length || (payload.len() == length && ragged) {
            self.raise(MachineError::Truncated);
        }
        if payload.len() > length {
            self.raise(MachineError::Overlong);
        }
    }
}

fn random_packet(random: &mut Random, config: &ArrayConfig) -> (Vec<u128>, bool) {
    let bare = [Op::ReadStatus, Op::ReadCounters, Op::ClearCounters, Op::ClearError];
    let (base, count) = (random.below(60) as u16, 1 + random.below(4) as u16);
    let mut words = match random.below(11) {
        0 => Command::from(Op::LoadActivations { base, count }).encode(),
        1 => Command::from(Op::LoadWeights { base, count }).encode(),
        2 => Command::from(Op::LoadParameters { base, count }).encode(),
        3 => bare[random.below(3) as usize].opcode_words(),
        4 => bare[3].opcode_words(),
        5 => {
            let pattern =
                Pattern { columns: 1 + random.below(300) as u16, stride: random.below(256) as u8, jump: random.next() as u16 };
            Command::from(Op::SetPattern(pattern)).encode()
        }
        _ => loop {
            let words = fields_near_their_limits(random);
            if Command::decode(&words, config).is_ok_and(|c| c.payload_lines(config) < 40) {
                break words;
            }
        },
    };
    words[0] |= (random.below(4) as u32) << 8;
    if random.chance(8) {
        words[random.below(4) as usize] ^= 1 << random.below(32);
    }
    let length = Command::decode(&words, config).map_or(random.below(6) as usize, |c| c.payload_lines(config));
    let lines = match random.below(20) {
        0 => random.below((config.header_lines() + length) as u64) as usize + 1,
        1 => config.header_lines() + length + 1 + random.below(3) as usize,
        _ => config.header_lines() + length,
    };
    let mut packet = header(&words, config);
    packet.extend((packet.len()..lines).map(|_| u128::from(random.next())));
    packet.truncate(lines);
    (packet, random.chance(3))
}

trait OpcodeWords {
    fn opcode_words(self) -> [u32; 4];
}

impl OpcodeWords for Op {
    fn opcode_words(self) -> [u32; 4] {
        Command::from(self).encode()
    }
}

/// Surroundings of the decoder in a test: tiles and drains that take their time.
#[derive(Default)]
struct World {
    tiles: Vec<(u64, bool)>,
    drain: Option<(u64, bool)>,
}

fn session(bench: &mut Recorder<Decoder>, random: &mut Random, packets: &[(Vec<u128>, bool)], percent: u64) -> Vec<Event> {
    let lines: Vec<(u128, bool, bool)> = packets
        .iter()
        .flat_map(|(packet, ragged)| {
            let n = packet.len();
            packet.iter().enumerate().map(move |(i, word)| (*word, i + 1 == n, *ragged && i + 1 == n))
        })
        .collect();
    let (mut events, mut world, mut at, mut quiet, mut now) = (Vec::new(), World::default(), 0, 0, 0u64);
    while quiet < 4 {
        let b = &mut bench.block;
        let offer = at < lines.len() && random.chance(percent);
        let (word, last, ragged) = lines.get(at).copied().unwrap_or_default();
        (b.line_valid.next, b.line_last.next, b.line_ragged.next) = (offer, last, ragged);
        b.line_words.next = from_bytes(&word.to_le_bytes());
        b.queue_ready.next = random.chance(percent);
        b.credit.next = random.chance(percent);
        let done = world.tiles.first().copied().filter(|tile| tile.0 <= now);
        b.done.next = done.is_some();
        b.done_half.next = done.is_some_and(|tile| tile.1);
        b.drain_valid.next = world.drain.is_some();
        b.drain_half.next = world.drain.is_some_and(|drain| drain.1);
        bench.settle();
        let index = bench.block.counter_index.val().to_u64();
        bench.block.counter_word.next = (0xC0DE_0000 | index).into();
        bench.settle();
        if done.is_some() {
            world.tiles.remove(0);
        }
        let b = &bench.block;
        let words = [b.word0.q.val(), b.word1_out.val(), b.word2_out.val(), b.word3_out.val()].map(|w| w.to_u32());
        let half3 = words[3] >> 12 & 1 == 1;
        let idle = b.settled0.val() && b.settled1.val() && world.drain.is_none();
        let strobes = [b.activation_write.val(), b.weight_write.val(), b.parameter_write.val()];
        assert_eq!(b.take_out.val(), b.line_ready.val() && offer);
        if b.dispatch_tile.val() {
            assert!(b.queue_ready.val() && world.drain.is_none_or(|drain| drain.1 != half3));
            let pattern = b.pattern_out.val().to_u32();
            let (columns, jump) = (pattern as u16, (pattern >> 16) as u16);
            events.push(Event::Tile(words, Pattern { columns, stride: b.stride_out.val().to_u8(), jump }));
            world.tiles.push((now + 3 + random.below(9), half3));
        }
        if world.drain.is_some_and(|drain| drain.0 <= now) {
            world.drain = None;
        }
        if b.dispatch_drain.val() {
            assert!(!b.drain_valid.val());
            events.push(Event::Drain(words));
            world.drain = Some((now + 2 + random.below(30), words[2] >> 12 & 1 == 1));
        }
        if let Some(memory) = strobes.iter().position(|strobe| *strobe) {
            assert!(b.take_out.val());
            let (address, line) = (b.write_address.val().to_u32(), b.write_line.val().to_u8());
            events.push(Event::Write { memory: memory as u8 + 1, address, line, word: word as u32 });
        }
        if b.respond.val() {
            assert!(b.credit.val() && idle);
            events.push(Event::Word(b.respond_word.val().to_u32(), b.respond_last.val()));
        }
        if b.clear_counters.val() {
            assert!(idle);
            events.push(Event::ClearCounters);
        }
        quiet =
            if at == lines.len() && b.resting.val() && world.tiles.is_empty() && world.drain.is_none() { quiet + 1 } else { 0 };
        at += usize::from(b.take_out.val());
        bench.clock();
        now += 1;
        assert!(now < 5_000_000, "the decoder hangs in {:?} at line {at} of {}", bench.block.state.q.val(), lines.len());
    }
    assert!(bench.block.settled0.val() && bench.block.settled1.val());
    events
}

fn agree(bench: &mut Recorder<Decoder>, model: &mut Model, random: &mut Random, packets: &[(Vec<u128>, bool)], percent: u64) {
    for (packet, ragged) in packets {
        model.packet(packet, *ragged);
    }
    let events = session(bench, random, packets, percent);
    let expected = std::mem::take(&mut model.events);
    let differs = events.iter().zip(&expected).position(|(a, b)| a != b);
    assert!(
        differs.is_none() && events.len() == expected.len(),
        "event {differs:?}: {:?}, expected {:?}; {packets:08x?}",
        differs.map(|i| &events[i]),
        differs.map(|i| &expected[i])
    );
    assert_eq!(bench.block.error_out.val().to_u8(), model.error);
    assert_eq!(bench.block.commands.q.val().to_u32(), model.commands);
}

fn bench(name: &'static str, bus: usize) -> (Recorder<Decoder>, Model) {
    let model = Model { config: with_bus(bus), error: 0, commands: 0, pattern: Pattern::LINEAR, events: Vec::new() };
    (Recorder::new(name, move || Decoder::new(&with_bus(bus))), model)
}

#[test]
fn truncated_and_overlong_at_every_position() {
    lengths("decoder_lengths", 1);
}

#[test]
fn truncated_and_overlong_on_wider_lines_and_weight_buses() {
    lengths("decoder_lengths_2", 2);
    lengths("decoder_lengths_4", 4);
}

fn lengths(name: &'static str, bus: usize) {
    let (mut bench, mut model) = bench(name, bus);
    let mut random = Random::new(31);
    let status = (header(&Op::ReadStatus.opcode_words(), &model.config), false);
    let clear = (header(&Op::ClearError.opcode_words(), &model.config), false);
    let loads = [
        Op::LoadActivations { base: 5, count: 3 },
        Op::LoadWeights { base: 9, count: 2 },
        Op::LoadParameters { base: 1, count: 2 },
        Op::ReadStatus,
        Op::ClearCounters,
    ];
    for op in loads {
        let whole = header(&op.opcode_words(), &model.config);
        let length = whole.len() + Command::from(op).payload_lines(&model.config);
        for lines in 1..length + 3 {
            for ragged in [false, true] {
                let payload = (whole.len()..lines).map(|i| 0xABC0_0000 | i as u128);
                let packet: Vec<u128> = whole.iter().copied().chain(payload).take(lines).collect();
                // The bad packet, what a host would ask then, and the same once more in the error state.
                let packets =
                    [(packet.clone(), ragged), status.clone(), (packet, ragged), status.clone(), clear.clone(), status.clone()];
                agree(&mut bench, &mut model, &mut random, &packets, 90);
                assert_eq!(model.error, 0);
            }
        }
    }
    bench.check();
}

#[test]
fn random_sessions_do_what_the_contract_says() {
    sessions("decoder_sessions", 1);
    sessions("decoder_sessions_2", 2);
    sessions("decoder_sessions_4", 4);
}

fn sessions(name: &'static str, bus: usize) {
    let (mut bench, mut model) = bench(name, bus);
    let mut random = Random::new(37);
    for round in 0..40 {
        let packets: Vec<_> = (0..30).map(|_| random_packet(&mut random, &model.config)).collect();
        agree(&mut bench, &mut model, &mut random, &packets, [100, 60, 25][round % 3]);
        let clear = [(header(&Op::ClearError.opcode_words(), &model.config), false)];
        agree(&mut bench, &mut model, &mut random, &clear, 100);
    }
    bench.check();
}

#[test]
fn the_decoder_rests_at_first() {
    let mut decoder = Box::new(Decoder::new(&tiny()));
    settle(&mut *decoder);
    assert!(decoder.resting.val() && decoder.line_ready.val() && decoder.error_out.val() == 0);
}
