//! Random tiles back to back leave plain dot products, and memories keep their time.

use super::*;
use crumb_arch::brick::{load_mask, words_per_load};
use crumb_arch::lanes::{pack_activation_line, weight_lines};
use crumb_arch::{ActBits, Rounding, WeightBits, WeightFormat};

/// A small generator of numbers (SplitMix64), so that a failure repeats.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ x >> 31) % n
    }
}

pub fn config(rows: usize, cols: usize, depth: usize, weight_bus: usize) -> ArrayConfig {
    let sizes = ArrayConfig {
        rows,
        cols,
        depth,
        weight_bus,
        activation_lines: 128,
        weight_words: 1024,
        accumulator_rows: 32,
        ..ArrayConfig::named("tiny").unwrap()
    };
    ArrayConfig { stream_bits: 8, ..sizes }
}

/// One tile: a Compute command.
struct Tile {
    act: ActBits,
    act_signed: bool,
    format: WeightFormat,
    part: u8,
    half: u8,
    accumulator: u16,
    activations: u16,
    weights: u16,
    k_words: u16,
    rows: u16,
    accumulate: bool,
    shift: u8,
}

impl Tile {
    fn random(config: &ArrayConfig, random: &mut Random) -> Self {
        let act = ActBits::ALL[random.below(3) as usize];
        let bits = WeightBits::ALL[random.below(4) as usize];
        let slice = random.below(u64::from(bits.slices())) as u8;
        let rounding = if slice > 0 { Rounding::Floor } else { Rounding::ALL[random.below(3) as usize] };
        let whole = config.tile_words(act) as u64;
        let most = if random.below(2) == 0 { 6 } else { config.accumulator_rows as u64 };
        let rows = 1 + random.below(most) as u16;
        Self {
            act,
            act_signed: random.below(2) == 0,
            format: WeightFormat::new(bits, slice, rounding).unwrap(),
            part: random.below(bits.passes() as u64) as u8,
            half: random.below(2) as u8,
            accumulator: random.below(config.accumulator_rows as u64 - u64::from(rows) + 1) as u16,
            activations: random.below(config.activation_lines as u64 - u64::from(rows)) as u16,
            weights: random.below(config.weight_words as u64 - whole) as u16,
            k_words: if random.below(2) == 0 { whole as u16 } else { 1 + random.below(whole) as u16 },
            rows,
            accumulate: random.below(2) == 0,
            shift: random.below(8) as u8,
        }
    }
}

/// The sequencer of the contract, driven by a list of tiles: a tile loads while the one before streams.
#[derive(Default)]
struct Sequencer {
    load: Option<(usize, usize)>,
    stream: Option<(usize, u16)>,
    next: usize,
}

impl Sequencer {
    fn issue(&mut self, tiles: &[Tile], config: &ArrayConfig) -> Option<(ActivationIssue, WeightIssue, Token)> {
        if self.load.is_none() && self.next < tiles.len() {
            (self.load, self.next) = (Some((self.next, 0)), self.next + 1);
        }
        let (mut act, mut weight, mut token) = (ActivationIssue::default(), WeightIssue::default(), Token::default());
        let stream_last = self.stream.is_none_or(|(index, row)| row + 1 == tiles[index].rows);
        if let Some((index, row)) = self.stream {
            let Tile { act: bits, format, act_signed, .. } = tiles[index];
            let tile = &tiles[index];
            act =
                ActivationIssue { valid: true, address: tile.activations + row, swap: row == 0, a_code: bits.code(), act_signed };
            token = Token {
                valid: true,
                last: stream_last,
                w_code: format.bits.code(),
                w_signed: format.signed(),
                act_signed,
                part: tile.part,
                half: tile.half,
                address: tile.accumulator + row,
                accumulate: tile.accumulate,
                shift: tile.shift,
            };
            self.stream = (!stream_last).then_some((index, row + 1));
        }
        if let Some((index, word)) = self.load {
            let tile = &tiles[index];
            // `word` counts cycles of the bus.
            let (per_row, words) = (config.row_loads(tile.act), config.load_cycles(tile.act));
            let first = word * words_per_load(tile.act, config.weight_bus);
            if word < words {
                weight = WeightIssue {
                    valid: true,
                    address: u32::from(tile.weights) * config.weight_bus as u32 + first as u32,
                    real: first < usize::from(tile.k_words) * config.weight_bus,
                    first: word == 0,
                    row: (word / per_row) as u8,
                    mask: load_mask(tile.act, word % per_row, config.weight_bus),
                    a_code: tile.act.code(),
                    w_code: tile.format.bits.code(),
                    slice: tile.format.slice,
                    rounding: tile.format.rounding.code(),
                    part: tile.part,
                };
            }
            self.load = Some((index, (word + 1).min(words)));
            if word + 1 >= words && stream_last {
                (self.stream, self.load) = (Some((index, 0)), None);
            }
        }
        (act.valid || weight.valid || self.load.is_some()).then_some((act, weight, token))
    }
}

/// Fills the memories with random bytes; gives the stored weights as [word][column * depth + d][slot].
fn fill(path: &mut Datapath, config: &ArrayConfig, random: &mut Random) -> Vec<Vec<[i8; 4]>> {
    let idle = (ActivationIssue::default(), WeightIssue::default(), Token::default(), DrainRead::default());
    for address in 0..config.activation_lines as u16 {
        let line: Vec<u8> = (0..config.line_bytes()).map(|_| random.below(256) as u8).collect();
        path.clock(&idle.0, &idle.1, &idle.2, &idle.3, &MemoryWrite::Activations { address, line: &line });
    }
    let mut stored = Vec::new();
    for address in 0..config.weight_words as u16 {
        let bank: Vec<[i8; 4]> =
            (0..config.cols * config.word_k()).map(|_| std::array::from_fn(|_| random.below(256) as i8)).collect();
        let mut lines = Vec::new();
        weight_lines(&bank, config, &mut lines);
        for (i, line) in lines.chunks(config.line_bytes()).enumerate() {
            let (address, subline) = (address * config.weight_bus as u16 + (i / 4) as u16, (i % 4) as u8);
            path.clock(&idle.0, &idle.1, &idle.2, &idle.3, &MemoryWrite::Weights { address: address.into(), subline, line });
        }
        stored.extend(bank.chunks(config.cols * config.depth).map(<[[i8; 4]]>::to_vec));
    }
    stored
}

/// What a tile makes of the accumulators, in plain loops.
fn expect(tile: &Tile, path: &Datapath, config: &ArrayConfig, stored: &[Vec<[i8; 4]>], sums: &mut [Vec<[i32; 4]>]) {
    let lanes = tile.format.bits.lanes();
    for row in 0..tile.rows {
        let address = usize::from(tile.activations + row);
        for c in 0..config.cols {
            for lane in 0..lanes {
                let slot = usize::from(tile.part) * lanes + lane;
                let mut dot = 0;
                for k in 0..usize::from(tile.k_words) * config.word_k() {
                    let (word, d) = (k / config.depth, k % config.depth);
                    let byte = path.activation(word / tile.act.lanes(), d, address);
                    let a = crumb_arch::lanes::unpack(byte, tile.act, tile.act_signed).nth(word % tile.act.lanes()).unwrap();
                    let w = tile
                        .format
                        .apply(stored[usize::from(tile.weights) * config.weight_bus + word][c * config.depth + d][slot]);
                    dot += i32::from(a) * i32::from(w);
                }
                let sum = &mut sums[usize::from(tile.half) * config.cols + c][usize::from(tile.accumulator + row)][slot];
                let base = if tile.accumulate { *sum } else { 0 };
                *sum = base.wrapping_add(dot << (2 * tile.shift));
            }
        }
    }
}

#[test]
fn random_tiles_back_to_back_leave_plain_dot_products() {
    let sizes = [
        (4, 4, 1, 1),
        (5, 7, 1, 1),
        (8, 8, 1, 1),
        (4, 9, 2, 1),
        (7, 5, 4, 1),
        (16, 16, 4, 1),
        (64, 64, 1, 1),
        (4, 4, 1, 2),
        (6, 7, 1, 2),
        (4, 9, 4, 2),
        (4, 4, 1, 4),
        (8, 5, 1, 4),
        (16, 4, 2, 4),
    ];
    for (n, (rows, cols, depth, weight_bus)) in sizes.into_iter().enumerate() {
        let config = config(rows, cols, depth, weight_bus);
        config.validate().unwrap();
        let mut random = Random(n as u64);
        let mut path = Datapath::new(&config);
        let stored = fill(&mut path, &config, &mut random);
        // All from row 0: no sum recurs before it is written, which is the machine's sequencer's to see to.
        let tile = |_| Tile { accumulator: 0, ..Tile::random(&config, &mut random) };
        let tiles: Vec<Tile> = (0..if rows == 64 { 20 } else { 150 }).map(tile).collect();
        let mut sums = vec![vec![[0; 4]; config.accumulator_rows]; 2 * cols];
        tiles.iter().for_each(|tile| expect(tile, &path, &config, &stored, &mut sums));
        let (mut sequencer, mut done, mut cycles, mut least) = (Sequencer::default(), Vec::new(), 0, 0);
        for pair in tiles.windows(2) {
            least += usize::from(pair[0].rows).max(config.load_cycles(pair[1].act));
        }
        let mut tail = 0;
        while tail < rows + cols + 20 {
            let issue = sequencer.issue(&tiles, &config);
            if issue.is_some() {
                cycles += 1;
            } else {
                tail += 1;
            }
            let (act, weight, token) = issue.unwrap_or_default();
            // The drain reads at random beside it, and activations that no tile uses any more could be written.
            let drain = DrainRead {
                half: random.below(2) as u8,
                bank: random.below(4) as u8,
                address: random.below(32) as u16,
                ..DrainRead::default()
            };
            path.clock(&act, &weight, &token, &drain, &MemoryWrite::None);
            done.extend(path.done());
        }
        let (first, last) = (config.load_cycles(tiles[0].act), usize::from(tiles[tiles.len() - 1].rows));
        assert_eq!(cycles, first + least + last, "a tile costs max(M, L) cycles");
        assert_eq!(done, tiles.iter().map(|tile| tile.half).collect::<Vec<_>>());
        for (i, &sum) in sums.iter().flatten().flatten().enumerate() {
            let (bank, address, column) = (i % 4, i / 4 % config.accumulator_rows, i / 4 / config.accumulator_rows);
            let found = path.accumulator(column / cols, bank, column % cols, address);
            assert_eq!(found, sum, "{rows}x{cols}x{depth}, bus {weight_bus}: column {column}, row {address}, bank {bank}");
        }
    }
}

#[test]
fn every_register_has_a_path_of_its_own_and_fits_its_width() {
    for (depth, weight_bus) in [(1, 1), (2, 1), (4, 1), (1, 2), (1, 4), (4, 4)] {
        let config = config(4, 5, depth, weight_bus);
        let (mut path, mut random) = (Datapath::new(&config), Random(9));
        fill(&mut path, &config, &mut random);
        let tiles: Vec<Tile> = (0..9).map(|_| Tile::random(&config, &mut random)).collect();
        let mut sequencer = Sequencer::default();
        while let Some((act, weight, token)) = sequencer.issue(&tiles, &config) {
            path.clock(&act, &weight, &token, &DrainRead::default(), &MemoryWrite::None);
            let mut seen = crate::trace::Collector::default();
            path.visit(&mut seen);
            assert!(seen.registers.iter().all(|register| register.width == 64 || register.value >> register.width == 0));
            let count = seen.registers.len();
            let paths: std::collections::HashSet<String> = seen.registers.into_iter().map(|register| register.path).collect();
            assert_eq!(paths.len(), count);
        }
    }
}

/// A machine that drains four banks at once delivers all of them, and the four entries of a group.
#[test]
fn four_banks_and_entries_come_at_once() {
    let config = ArrayConfig { drain_banks: 4, ..config(4, 5, 1, 1) };
    let (mut path, mut random) = (Datapath::new(&config), Random(4));
    let stored = fill(&mut path, &config, &mut random);
    let one =
        |part| Tile { format: WeightFormat::top(WeightBits::W8, Rounding::Floor), part, ..Tile::random(&config, &mut Random(8)) };
    let tiles: Vec<Tile> = (0..4).map(|part| Tile { accumulate: false, accumulator: 0, ..one(part) }).collect();
    let mut sums = vec![vec![[0; 4]; config.accumulator_rows]; 2 * config.cols];
    tiles.iter().for_each(|tile| expect(tile, &path, &config, &stored, &mut sums));
    let mut sequencer = Sequencer::default();
    for _ in 0..300 {
        let (act, weight, token) = sequencer.issue(&tiles, &config).unwrap_or_default();
        path.clock(&act, &weight, &token, &DrainRead::default(), &MemoryWrite::None);
    }
    let (act, weight, token) = Default::default();
    let entry = |address: u16, c: usize| u64::from_le_bytes(std::array::from_fn(|q| (7 * address) as u8 ^ (c * 8 + q) as u8));
    for address in 0..8 {
        for subline in 0..8u8 {
            let line: Vec<u8> = (0..5).map(|c| entry(address, c).to_le_bytes()[usize::from(subline)]).collect();
            let write = MemoryWrite::Parameters { address, subline, line: &line };
            path.clock(&act, &weight, &token, &DrainRead::default(), &write);
        }
    }
    assert!(sums.iter().flatten().any(|banks| banks.iter().all(|&sum| sum != 0)));
    for half in 0..2 {
        for address in 0..config.accumulator_rows as u16 {
            let (bank, parameter) = (address as u8 % 4, address % 8);
            path.clock(&act, &weight, &token, &DrainRead { half, bank, address, parameter }, &MemoryWrite::None);
            for (b, c) in (0..4).flat_map(|b| (0..5).map(move |c| (b, c))) {
                let sum = sums[usize::from(half) * 5 + c][usize::from(address)][b];
                assert_eq!(path.drain_words()[b * 5 + c], sum, "half {half}, row {address}, bank {b}, column {c}");
                assert_eq!(path.parameters()[b * 5 + c], entry(parameter / 4 * 4 + b as u16, c));
            }
        }
    }
}

#[test]
fn memories_deliver_a_cycle_later_and_what_was_there_before_a_write() {
    let config = config(4, 5, 1, 1);
    let mut path = Datapath::new(&config);
    let (act, weight, token) = Default::default();
    let drain = DrainRead { parameter: 3, ..DrainRead::default() };
    for subline in 0..8 {
        let line: Vec<u8> = (0..5).map(|c| 16 * c + subline).collect();
        path.clock(&act, &weight, &token, &drain, &MemoryWrite::Parameters { address: 3, subline, line: &line });
    }
    assert_eq!(path.parameters()[1], 0x1312_1110, "the scale is written in this very edge");
    path.clock(&act, &weight, &token, &drain, &MemoryWrite::None);
    assert_eq!(path.parameters()[1], 0x1716_1514_1312_1110);
    let mut line = vec![0; config.line_bytes()];
    pack_activation_line(&[1, -2, 3, -4], ActBits::A8, &config, &mut line);
    path.clock(&act, &weight, &token, &drain, &MemoryWrite::Activations { address: 129, line: &line });
    assert_eq!(path.activation(1, 0, 1), 0xfe, "addresses wrap at the memory's depth");
}
