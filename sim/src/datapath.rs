//! Datapath: memories, skew, edges, array, combiners and accumulators, joined.
//!
//! ```text
//!  write --> activation_buffer --> row edges ----> +-------+
//!        +-> weight_memory ------> column edges -> | array | --> combiner[c] --> accumulator[c] --> drain_words[c]
//!        +-> parameter_memory --> parameters[c]    +-------+         ^
//!  activation and weight issue --> skew (row, col) --> edges         |
//!  token ------------------------> skew (token) ---------------------+
//! ```
//!
//! Latency: an activation issued in cycle t is accumulated at t + R + 11 + c (+ log2 depth) in column c.
//! Invariant: within one clock edge every block is evaluated before those that feed it, so that each finds the registers of
//! the cycle that ends.

use crate::accumulator::Accumulator;
use crate::activation_buffer::ActivationBuffer;
use crate::array::{Array, LANES};
use crate::column_sum::ColumnSum;
use crate::combiner::Combiner;
use crate::parameter_memory::ParameterMemory;
use crate::row_sum::RowSum;
use crate::skew::{History, Skew, pack};
use crate::trace::Visitor;
use crate::weight_memory::WeightMemory;
use crumb_arch::ArrayConfig;
use crumb_arch::timing::token_latency;

/// One activation word per row leaves the activation buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivationIssue {
    /// An activation is issued in this cycle.
    pub valid: bool,
    /// Line of the activation buffer.
    pub address: u16,
    /// First activation of a tile: the loaded weights become active (when valid).
    pub swap: bool,
    /// Activation width: 0, 1, 2 for 8, 4, 2 bits.
    pub a_code: u8,
    /// Activations are two's complement.
    pub act_signed: bool,
}

/// One weight word per column leaves the weight memory for one row of PEs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeightIssue {
    /// A weight is issued in this cycle.
    pub valid: bool,
    /// Word of the weight memory.
    pub address: u16,
    /// The word exists; otherwise weight 0 is delivered (rows beyond the end of a tile).
    pub real: bool,
    /// First weight word of a tile.
    pub first: bool,
    /// Row of PEs that loads it.
    pub row: u8,
    /// Shadow words that load it: one bit per activation crumb.
    pub mask: u8,
    /// Weight width: 0, 1, 2, 3 for 8, 4, 2, 6 bits.
    pub w_code: u8,
    /// 0 for the rounded top, 1.. for the residual bits below it.
    pub slice: u8,
    /// 0, 1, 2 for floor, half-up, half-even.
    pub rounding: u8,
    /// Which of the passes over a word: byte (W8, W6) or byte pair (W4).
    pub part: u8,
}

/// What becomes of the sums of one activation, below the array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// An accumulation happens.
    pub valid: bool,
    /// Last accumulation of a tile.
    pub last: bool,
    /// Weight width, as in [`WeightIssue`].
    pub w_code: u8,
    /// Weights are two's complement (slice 0).
    pub w_signed: bool,
    /// Activations are two's complement.
    pub act_signed: bool,
    /// Which of the passes over a word.
    pub part: u8,
    /// Half of the accumulator memory.
    pub half: u8,
    /// Row of the accumulator memory.
    pub address: u16,
    /// Add to the stored value instead of replacing it.
    pub accumulate: bool,
    /// Left shift of the sums in units of two bits.
    pub shift: u8,
}

impl Token {
    /// The token as it stands in a register, 25 bits.
    pub fn bits(&self) -> u64 {
        pack(&[
            (1, self.valid.into()),
            (1, self.last.into()),
            (2, self.w_code.into()),
            (1, self.w_signed.into()),
            (1, self.act_signed.into()),
            (2, self.part.into()),
            (1, self.half.into()),
            (12, self.address.into()),
            (1, self.accumulate.into()),
            (3, self.shift.into()),
        ])
    }
}

/// What the drain reads in this cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainRead {
    /// A drain is at work. Only for the reader: the drain has the read port of a half whenever no accumulation has it.
    pub active: bool,
    /// Half of the accumulator memory.
    pub half: u8,
    /// Bank of the accumulator memory.
    pub bank: u8,
    /// Row of the accumulator memory.
    pub address: u16,
    /// Entry of the parameter memory.
    pub parameter: u16,
}

/// A line that the decoder writes in this cycle.
#[derive(Clone, Copy, Debug, Default)]
pub enum MemoryWrite<'a> {
    /// No line.
    #[default]
    None,
    /// One line of activations.
    Activations {
        /// Line of the activation buffer.
        address: u16,
        /// Byte `r * depth + d` for word d of row r.
        line: &'a [u8],
    },
    /// One of the four lines of a weight-memory address.
    Weights {
        /// Address in the weight memory.
        address: u16,
        /// Which of the four.
        subline: u8,
        /// Byte `c * depth + d` for word d of column c.
        line: &'a [u8],
    },
    /// One of the eight lines of a parameter entry.
    Parameters {
        /// Entry of the parameter memory.
        address: u16,
        /// Which of the eight.
        subline: u8,
        /// Byte c for column c.
        line: &'a [u8],
    },
}

/// The datapath of a machine.
pub struct Datapath {
    activation_buffer: ActivationBuffer,
    weight_memory: WeightMemory,
    parameter_memory: ParameterMemory,
    skew: Skew,
    array: Array,
    row_sum: RowSum,
    column_sum: ColumnSum,
    /// The token chain and, from age `chain`, the tokens of the combiners: stage s of column c has age `chain - 1 + c + s`.
    tokens: History<Token>,
    /// `total` of the last row and, from age 1, of combiner c at age c + 1.
    totals: History<u16>,
    combiner: Combiner,
    accumulator: Accumulator,
    chain: usize,
    cols: usize,
    psum_bits: u32,
    /// The last parameter address read, when nothing was written since.
    parameter: Option<u16>,
}

impl Datapath {
    /// A datapath at rest, its memories zero. The configuration must be a valid one.
    pub fn new(config: &ArrayConfig) -> Self {
        let chain = token_latency(config);
        Self {
            activation_buffer: ActivationBuffer::new(config),
            weight_memory: WeightMemory::new(config),
            parameter_memory: ParameterMemory::new(config),
            skew: Skew::new(config),
            array: Array::new(config),
            row_sum: RowSum::new(config),
            column_sum: ColumnSum::new(config),
            tokens: History::new(chain + config.cols + 5),
            totals: History::new(config.cols.next_multiple_of(LANES) + 1),
            combiner: Combiner::new(config),
            accumulator: Accumulator::new(config),
            chain,
            cols: config.cols,
            psum_bits: config.psum_bits(),
            parameter: None,
        }
    }

    /// The half whose tile is complete: its last token stands in stage 5 of the last column.
    pub fn done(&self) -> Option<u8> {
        let token = self.tokens.get(self.chain + self.cols + 3);
        (token.valid && token.last).then_some(token.half)
    }

    /// Words that the accumulators deliver to the drain in this cycle, one per column: those of the half, bank and address of
    /// the cycle before.
    pub fn drain_words(&self) -> &[i32] {
        self.accumulator.words()
    }

    /// Parameter entries delivered in this cycle: `{bias 31..0, significand 55..32, shift 63..56}`, one per column.
    pub fn parameters(&self) -> &[u64] {
        self.parameter_memory.data()
    }

    /// One clock edge.
    pub fn clock(&mut self, act: &ActivationIssue, weight: &WeightIssue, token: &Token, drain: &DrainRead, write: &MemoryWrite) {
        if self.parameter != Some(drain.parameter) {
            self.parameter_memory.read(drain.parameter);
            self.parameter = Some(drain.parameter);
        }
        for (c, tokens) in self.tokens.from(self.chain - 1).windows(6).take(self.cols).enumerate() {
            let Some(tokens) = tokens.first_chunk::<6>() else { continue };
            self.accumulator.clock(c, self.combiner.value(c), tokens, drain);
        }
        self.combiner.clock(self.array.bottom(), self.totals.from(0), self.tokens.from(self.chain + 2));
        self.accumulator.select(drain);
        self.tokens.push(*token);
        self.combiner.arrive(self.tokens.get(self.chain - 1));

        self.array.clock(self.skew.act(), self.skew.ctl(), self.skew.weight(), self.column_sum.init());
        self.row_sum.clock(self.skew.act(), self.skew.ctl());
        self.totals.push(self.row_sum.total());
        self.column_sum.clock(self.skew.weight(), self.skew.ctl(), self.skew.next_col_edge());
        self.skew.clock(&mut self.activation_buffer, &mut self.weight_memory, act, weight);

        match *write {
            MemoryWrite::None => {}
            MemoryWrite::Activations { address, line } => self.activation_buffer.write(address, line),
            MemoryWrite::Weights { address, subline, line } => {
                self.weight_memory.write(address, subline, line);
                self.skew.weights_changed();
            }
            MemoryWrite::Parameters { address, subline, line } => {
                self.parameter_memory.write(address, subline, line);
                self.parameter = None;
            }
        }
    }

    /// Every register, in the RTL's hierarchy: an element of an array is named with its index, `psum_3`, `pe_5`.
    pub fn visit(&self, v: &mut dyn Visitor) {
        self.weight_memory.visit(v);
        self.parameter_memory.visit(v);
        v.scope("skew");
        self.skew.visit_chains(v);
        for i in 0..self.chain {
            v.register(&format!("token_{i}"), 25, self.tokens.get(i).bits());
        }
        v.end();
        self.skew.visit(v);
        v.scope("array");
        self.array.visit(v);
        self.row_sum.visit(v);
        self.column_sum.visit(v);
        v.end();
        for c in 0..self.cols {
            v.scope(&format!("combiner_{c}"));
            v.register("total", self.psum_bits, u64::from(*self.totals.get(c + 1)) & ((1 << self.psum_bits) - 1));
            for stage in 1..5 {
                v.register(&format!("token{stage}"), 25, self.tokens.get(self.chain - 1 + c + stage).bits());
            }
            self.combiner.visit(v, c);
            v.end();
        }
        for c in 0..self.cols {
            self.accumulator.visit(v, c, self.tokens.get(self.chain + c + 4));
        }
    }

    /// One accumulator.
    pub fn accumulator(&self, half: usize, bank: usize, column: usize, address: usize) -> i32 {
        self.accumulator.sum(half, bank, column, address)
    }

    /// Word `d` of `column` in the weight memory, slot t in byte t.
    pub fn weight_word(&self, column: usize, d: usize, address: usize) -> u32 {
        self.weight_memory.word(column, d, address)
    }

    /// Byte `d` of `row` in the activation buffer.
    pub fn activation(&self, row: usize, d: usize, address: usize) -> u8 {
        self.activation_buffer.word(row, d, address)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crumb_arch::brick::load_mask;
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

    pub fn config(rows: usize, cols: usize, depth: usize) -> ArrayConfig {
        let sizes = ArrayConfig {
            rows,
            cols,
            depth,
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
                act = ActivationIssue {
                    valid: true,
                    address: tile.activations + row,
                    swap: row == 0,
                    a_code: bits.code(),
                    act_signed,
                };
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
                let (lanes, words) = (tile.act.lanes(), config.tile_words(tile.act));
                if word < words {
                    weight = WeightIssue {
                        valid: true,
                        address: tile.weights + word as u16,
                        real: word < usize::from(tile.k_words),
                        first: word == 0,
                        row: (word / lanes) as u8,
                        mask: load_mask(tile.act, word % lanes),
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

    /// Fills the memories with random bytes; gives the stored weights as [address][column * depth + d][slot].
    fn fill(path: &mut Datapath, config: &ArrayConfig, random: &mut Random) -> Vec<Vec<[i8; 4]>> {
        let idle = (ActivationIssue::default(), WeightIssue::default(), Token::default(), DrainRead::default());
        for address in 0..config.activation_lines as u16 {
            let line: Vec<u8> = (0..config.line_bytes()).map(|_| random.below(256) as u8).collect();
            path.clock(&idle.0, &idle.1, &idle.2, &idle.3, &MemoryWrite::Activations { address, line: &line });
        }
        let mut stored = Vec::new();
        for address in 0..config.weight_words as u16 {
            let bank: Vec<[i8; 4]> =
                (0..config.cols * config.depth).map(|_| std::array::from_fn(|_| random.below(256) as i8)).collect();
            let mut lines = Vec::new();
            weight_lines(&bank, config, &mut lines);
            for (subline, line) in lines.chunks(config.line_bytes()).enumerate() {
                path.clock(&idle.0, &idle.1, &idle.2, &idle.3, &MemoryWrite::Weights { address, subline: subline as u8, line });
            }
            stored.push(bank);
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
                    for k in 0..usize::from(tile.k_words) * config.depth {
                        let (word, d) = (k / config.depth, k % config.depth);
                        let byte = path.activation(word / tile.act.lanes(), d, address);
                        let a = crumb_arch::lanes::unpack(byte, tile.act, tile.act_signed).nth(word % tile.act.lanes()).unwrap();
                        let w = tile.format.apply(stored[usize::from(tile.weights) + word][c * config.depth + d][slot]);
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
        for (n, (rows, cols, depth)) in
            [(4, 4, 1), (5, 7, 1), (8, 8, 1), (4, 9, 2), (7, 5, 4), (16, 16, 4), (64, 64, 1)].into_iter().enumerate()
        {
            let config = config(rows, cols, depth);
            config.validate().unwrap();
            let mut random = Random(n as u64);
            let mut path = Datapath::new(&config);
            let stored = fill(&mut path, &config, &mut random);
            let tiles: Vec<Tile> = (0..if rows == 64 { 20 } else { 150 }).map(|_| Tile::random(&config, &mut random)).collect();
            let mut sums = vec![vec![[0; 4]; config.accumulator_rows]; 2 * cols];
            tiles.iter().for_each(|tile| expect(tile, &path, &config, &stored, &mut sums));
            let (mut sequencer, mut done, mut cycles, mut least) = (Sequencer::default(), Vec::new(), 0, 0);
            for pair in tiles.windows(2) {
                least += usize::from(pair[0].rows).max(config.tile_words(pair[1].act));
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
            let (first, last) = (config.tile_words(tiles[0].act), usize::from(tiles[tiles.len() - 1].rows));
            assert_eq!(cycles, first + least + last, "a tile costs max(M, L) cycles");
            assert_eq!(done, tiles.iter().map(|tile| tile.half).collect::<Vec<_>>());
            for (i, &sum) in sums.iter().flatten().flatten().enumerate() {
                let (bank, address, column) = (i % 4, i / 4 % config.accumulator_rows, i / 4 / config.accumulator_rows);
                let found = path.accumulator(column / cols, bank, column % cols, address);
                assert_eq!(found, sum, "{rows}x{cols}x{depth}: column {column}, row {address}, bank {bank}");
            }
        }
    }

    #[test]
    fn every_register_has_a_path_of_its_own_and_fits_its_width() {
        for depth in [1, 2, 4] {
            let config = config(4, 5, depth);
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

    #[test]
    fn memories_deliver_a_cycle_later_and_what_was_there_before_a_write() {
        let config = config(4, 5, 1);
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

    /// Seconds that this thread has run, so that a busy workstation does not count; of Linux's /proc.
    fn running() -> f64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
    }

    #[test]
    #[ignore = "timing: cargo test --release -p crumb-sim -- --ignored --nocapture speed"]
    fn speed() {
        for (rows, cols) in [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64)] {
            for length in [16.max(rows as u16), 256] {
                let config = ArrayConfig { accumulator_rows: 512, activation_lines: 1024, ..config(rows, cols, 1) };
                let mut random = Random(1);
                let mut path = Datapath::new(&config);
                fill(&mut path, &config, &mut random);
                let tile = |i: usize| Tile {
                    act: ActBits::A8,
                    rows: length,
                    accumulator: 0,
                    activations: 0,
                    half: (i & 1) as u8,
                    ..Tile::random(&config, &mut Random(i as u64))
                };
                let tiles: Vec<Tile> = (0..64).map(tile).map(|t| Tile { k_words: rows as u16, ..t }).collect();
                let (mut cycles, start) = (0u32, running());
                while running() - start < 0.3 {
                    let mut sequencer = Sequencer::default();
                    while let Some((act, weight, token)) = sequencer.issue(&tiles, &config) {
                        path.clock(&act, &weight, &token, &DrainRead::default(), &MemoryWrite::None);
                        cycles += 1;
                    }
                }
                let rate = f64::from(cycles) / (running() - start);
                println!(
                    "{rows} x {cols}, tiles of {length} rows: {:.2e} cycles/s, {:.2e} PE updates/s",
                    rate,
                    rate * (rows * cols) as f64
                );
            }
        }
    }
}
