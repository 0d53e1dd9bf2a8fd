//! The datapath against plain dot products: tiles back to back in every mode, read back through the drain port.

use crate::common::Random;
use crumb_arch::timing::{COMBINER_LATENCY, EDGE_LATENCY, PE_LATENCY};
use crumb_arch::{ActBits, Rounding, WeightBits, WeightFormat};
use crumb_hdl::datapath::{Datapath, SmallDatapath, TinyDatapath};
use crumb_hdl::issue::{ActivationIssue, Token, WeightIssue};
use crumb_hdl::step;

/// `tiny` with a weight bus of two words, and of four.
type Tiny2Datapath = Datapath<4, 4, 16, 12, 19, 6, 11, 4, 10, 11, 6, 8, 1, 4, 6, 2, 16, 64, 6>;
type Tiny4Datapath = Datapath<4, 4, 16, 12, 19, 6, 11, 4, 10, 11, 6, 8, 1, 4, 6, 4, 32, 128, 6>;

const LINES: usize = 64;
const WORDS: usize = 256;
const ROWS: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Tile {
    act: ActBits,
    act_signed: bool,
    format: WeightFormat,
    part: usize,
    /// Words of the weight memory, as many to an address as the bus has; so `k_words`.
    weights: usize,
    k_words: usize,
    activations: usize,
    outputs: usize,
    half: bool,
    first_row: usize,
    accumulate: bool,
    shift: u32,
    /// Idle cycles before the activations.
    wait: usize,
}

/// Every format that the switch has.
fn formats() -> Vec<WeightFormat> {
    let mut all = vec![];
    for bits in WeightBits::ALL {
        for rounding in Rounding::ALL {
            all.push(WeightFormat::top(bits, rounding));
        }
        for slice in 1..bits.slices() {
            all.push(WeightFormat::new(bits, slice, Rounding::Floor).unwrap());
        }
    }
    all
}

fn random_tile(random: &mut Random, rows: usize, bus: usize, act: ActBits, format: WeightFormat) -> Tile {
    let words = rows * act.lanes();
    let activations = 4 + random.below(2 * words);
    Tile {
        act,
        act_signed: random.bit(),
        format,
        part: random.below(4 / format.bits.lanes()),
        weights: random.below(WORDS - words) / bus * bus,
        k_words: if random.bit() { words } else { (1 + random.below(words)).next_multiple_of(bus) },
        activations: activations.min(ROWS / 2),
        outputs: random.below(LINES / 2),
        half: random.bit(),
        first_row: random.below(ROWS / 2),
        accumulate: random.bit(),
        shift: if random.bit() { 0 } else { random.below(8) as u32 },
        wait: if random.bit() { 0 } else { random.below(6) },
    }
}

macro_rules! tester {
    ($module:ident, $datapath:ty, $rows:expr, $cols:expr, $bus:expr) => {
        mod $module {
            use super::*;
            pub const R: usize = $rows;
            pub const C: usize = $cols;
            pub const BUS: usize = $bus;

            pub struct Tester {
                pub circuit: Box<$datapath>,
                pub activations: Vec<[u8; R]>,
                pub weights: Vec<[[u8; 4]; C]>,
                /// `sums[half][bank][row][column]`.
                pub sums: Vec<[[[i32; C]; ROWS]; 4]>,
                pub cycle: usize,
                pub done: Vec<usize>,
            }

            impl Tester {
                pub fn new(random: &mut Random) -> Self {
                    let mut tester = Self {
                        circuit: step::build(),
                        activations: (0..LINES).map(|_| std::array::from_fn(|_| random.next() as u8)).collect(),
                        weights: (0..WORDS)
                            .map(|_| std::array::from_fn(|_| std::array::from_fn(|_| random.next() as u8)))
                            .collect(),
                        sums: vec![[[[0; C]; ROWS]; 4]; 2],
                        cycle: 0,
                        done: vec![],
                    };
                    for address in 0..LINES {
                        let line = tester.activations[address];
                        for (r, byte) in line.into_iter().enumerate() {
                            tester.circuit.line[r].next = u64::from(byte).into();
                        }
                        tester.circuit.write_address.next = (address as u64).into();
                        tester.circuit.activation_write.next = true;
                        tester.clock();
                    }
                    tester.circuit.activation_write.next = false;
                    tester.circuit.weight_write.next = true;
                    for address in 0..WORDS {
                        for t in 0..4 {
                            for c in 0..C {
                                tester.circuit.line[c].next = u64::from(tester.weights[address][c][t]).into();
                            }
                            tester.circuit.write_address.next = (address as u64).into();
                            tester.circuit.write_line.next = (t as u64).into();
                            tester.clock();
                        }
                    }
                    tester.circuit.weight_write.next = false;
                    tester
                }

                pub fn clock(&mut self) {
                    step::settle(self.circuit.as_mut());
                    if self.circuit.done.val() {
                        self.done.push(self.cycle);
                    }
                    step::pulse(self.circuit.as_mut());
                    self.cycle += 1;
                }

                fn activation(&self, tile: &Tile, line: usize, k: usize) -> i32 {
                    let (lanes, bits) = (tile.act.lanes(), tile.act.bits());
                    let byte = self.activations[line][k / lanes];
                    let field = i32::from(byte) >> (bits * (k % lanes) as u32) & ((1 << bits) - 1);
                    if tile.act_signed && field >> (bits - 1) == 1 { field - (1 << bits) } else { field }
                }

                /// What the tile adds, by plain loops.
                fn reference(&mut self, tile: &Tile) {
                    let lanes = tile.format.bits.lanes();
                    for m in 0..tile.activations {
                        for c in 0..C {
                            for bank in tile.part * lanes..(tile.part + 1) * lanes {
                                let dot: i32 = (0..tile.k_words)
                                    .map(|k| {
                                        let w = tile.format.apply(self.weights[tile.weights + k][c][bank] as i8);
                                        self.activation(tile, tile.outputs + m, k) * i32::from(w)
                                    })
                                    .sum();
                                let old = self.sums[usize::from(tile.half)][bank][tile.first_row + m][c];
                                let base = if tile.accumulate { old } else { 0 };
                                self.sums[usize::from(tile.half)][bank][tile.first_row + m][c] =
                                    base.wrapping_add(dot << (2 * tile.shift));
                            }
                        }
                    }
                }

                fn weight_issue(tile: &Tile, step: usize) -> WeightIssue {
                    let (cycles, words) = (tile.act.lanes().div_ceil(BUS), tile.act.lanes().min(BUS));
                    let masks: &[u64] = match (tile.act, BUS) {
                        (ActBits::A4, 1) => &[0b0011, 0b1100],
                        (ActBits::A2, 1) => &[0b0001, 0b0010, 0b0100, 0b1000],
                        (ActBits::A2, 2) => &[0b0101, 0b1010],
                        _ => &[0b1111],
                    };
                    WeightIssue {
                        valid: true,
                        address: ((tile.weights + step * words) as u64).into(),
                        real: step * words < tile.k_words,
                        first: step == 0,
                        row: ((step / cycles) as u64).into(),
                        mask: masks[step % cycles].into(),
                        w_code: u64::from(tile.format.bits.code()).into(),
                        slice: u64::from(tile.format.slice).into(),
                        rounding: u64::from(tile.format.rounding.code()).into(),
                        part: (tile.part as u64).into(),
                        a_code: u64::from(tile.act.code()).into(),
                    }
                }

                /// Runs tiles back to back: the next tile loads from the cycle in which its predecessor starts.
                /// Returns the cycles from the first activation issue to the last.
                pub fn run(&mut self, tiles: &[Tile]) -> usize {
                    self.done.clear();
                    let (mut expected_done, mut start, mut end) = (vec![], 0, 0);
                    let mut schedule: Vec<(Option<(usize, usize)>, Option<(usize, usize)>)> = vec![];
                    let mut at = |cycle: usize, load: Option<(usize, usize)>, stream: Option<(usize, usize)>| {
                        schedule.resize(schedule.len().max(cycle + 1), (None, None));
                        assert!(load.is_none() || schedule[cycle].0.is_none());
                        schedule[cycle].0 = schedule[cycle].0.or(load);
                        schedule[cycle].1 = schedule[cycle].1.or(stream);
                    };
                    for (i, tile) in tiles.iter().enumerate() {
                        let load = R * tile.act.lanes().div_ceil(BUS);
                        for step in 0..load {
                            at(start + step, Some((i, step)), None);
                        }
                        let before = start;
                        start = end.max(start + load) + tile.wait;
                        if let Some(last) = i.checked_sub(1).map(|last| &tiles[last]) {
                            // As the sequencer does: a sum is read three cycles after it was last issued, or later.
                            let distance = (start + last.first_row) as isize - (before + tile.first_row) as isize;
                            if tile.accumulate && tile.half == last.half && (1..3).contains(&distance) {
                                start += 2;
                            }
                        }
                        for m in 0..tile.activations {
                            at(start + m, None, Some((i, m)));
                        }
                        end = start + tile.activations;
                        expected_done.push(self.cycle + end - 1 + R + EDGE_LATENCY + PE_LATENCY + (C - 1) + COMBINER_LATENCY);
                        self.reference(tile);
                    }
                    let first = schedule.iter().position(|slot| slot.1.is_some()).unwrap();
                    let cycles = schedule.len() - first;
                    for (load, stream) in schedule {
                        self.circuit.weight_issue.next =
                            load.map_or_else(Default::default, |(i, step)| Self::weight_issue(&tiles[i], step));
                        let (activation, token) = stream.map_or_else(Default::default, |(i, m)| {
                            let tile = &tiles[i];
                            let activation = ActivationIssue {
                                valid: true,
                                address: ((tile.outputs + m) as u64).into(),
                                swap: m == 0,
                                a_code: u64::from(tile.act.code()).into(),
                                act_signed: tile.act_signed,
                            };
                            let token = Token {
                                valid: true,
                                last: m + 1 == tile.activations,
                                w_code: u64::from(tile.format.bits.code()).into(),
                                w_signed: tile.format.signed(),
                                act_signed: tile.act_signed,
                                part: (tile.part as u64).into(),
                                half: tile.half,
                                address: ((tile.first_row + m) as u64).into(),
                                accumulate: tile.accumulate,
                                shift: u64::from(tile.shift).into(),
                            };
                            (activation, token)
                        });
                        self.circuit.activation_issue.next = activation;
                        self.circuit.token.next = token;
                        self.clock();
                    }
                    self.circuit.weight_issue.next = Default::default();
                    self.circuit.activation_issue.next = Default::default();
                    self.circuit.token.next = Default::default();
                    for _ in 0..R + C + 12 {
                        self.clock();
                    }
                    assert_eq!(self.done, expected_done);
                    cycles
                }

                /// Every accumulator, through the drain port, addresses one after another.
                pub fn check(&mut self) {
                    let order: Vec<_> = (0..8).flat_map(|bank| (0..ROWS).map(move |row| (bank / 4, bank % 4, row))).collect();
                    for (i, &(half, bank, row)) in order.iter().enumerate() {
                        self.circuit.drain_half.next = half == 1;
                        self.circuit.drain_bank.next = (bank as u64).into();
                        self.circuit.drain_address.next = (row as u64).into();
                        step::settle(self.circuit.as_mut());
                        if i > 0 {
                            let (half, bank, row) = order[i - 1];
                            for c in 0..C {
                                let word = self.circuit.word[c].val().to_u32() as i32;
                                assert_eq!(word, self.sums[half][bank][row][c], "half {half} bank {bank} row {row} column {c}");
                            }
                        }
                        self.clock();
                    }
                }
            }
        }
    };
}

tester!(tiny, TinyDatapath, 4, 4, 1);
tester!(tiny2, Tiny2Datapath, 4, 4, 2);
tester!(tiny4, Tiny4Datapath, 4, 4, 4);
tester!(small, SmallDatapath, 8, 8, 1);

/// The tests of modes below, on a weight bus of several words; and that a tile costs the longer of its stream and the next one's load.
macro_rules! on_a_wide_bus {
    ($test:ident, $module:ident, $bus:expr) => {
        #[test]
        fn $test() {
            let mut random = Random(10 + $bus as u64);
            let mut tester = $module::Tester::new(&mut random);
            let formats = formats();
            for &format in &formats {
                for act in ActBits::ALL {
                    for part in 0..4 / format.bits.lanes() {
                        tester.run(&[Tile { part, ..random_tile(&mut random, 4, $bus, act, format) }]);
                    }
                }
                tester.check();
            }
            let any = |random: &mut Random| {
                let (act, format) = (ActBits::ALL[random.below(3)], formats[random.below(formats.len())]);
                random_tile(random, 4, $bus, act, format)
            };
            for _ in 0..20 {
                let tiles: Vec<Tile> = (0..5).map(|_| any(&mut random)).collect();
                tester.run(&tiles);
                tester.check();
            }
            let tiles: Vec<Tile> =
                (0..40).map(|i| Tile { activations: 4 + i % 7, wait: 0, first_row: 0, ..any(&mut random) }).collect();
            let load = |tile: &Tile| 4 * tile.act.lanes().div_ceil($bus);
            let costs = tiles.windows(2).map(|pair| pair[0].activations.max(load(&pair[1]))).sum::<usize>();
            assert_eq!(tester.run(&tiles), costs + tiles[39].activations);
            tester.check();
        }
    };
}

on_a_wide_bus!(every_mode_on_a_bus_of_two_words, tiny2, 2);
on_a_wide_bus!(every_mode_on_a_bus_of_four_words, tiny4, 4);

#[test]
fn every_mode_alone() {
    let mut random = Random(1);
    let mut tester = tiny::Tester::new(&mut random);
    for format in formats() {
        for act in ActBits::ALL {
            for act_signed in [false, true] {
                for part in 0..4 / format.bits.lanes() {
                    let tile = Tile { act_signed, part, ..random_tile(&mut random, 4, 1, act, format) };
                    tester.run(&[tile]);
                }
            }
        }
        tester.check();
    }
}

#[test]
fn modes_change_between_tiles_back_to_back() {
    let mut random = Random(2);
    let mut tester = tiny::Tester::new(&mut random);
    let formats = formats();
    // Looked at often: a sum that is overwritten tells nothing.
    for _ in 0..100 {
        let tiles: Vec<Tile> = (0..5)
            .map(|_| {
                let (act, format) = (ActBits::ALL[random.below(3)], formats[random.below(formats.len())]);
                random_tile(&mut random, 4, 1, act, format)
            })
            .collect();
        tester.run(&tiles);
        tester.check();
    }
}

#[test]
fn a_tile_costs_the_longer_of_load_and_stream() {
    let mut random = Random(3);
    let mut tester = tiny::Tester::new(&mut random);
    let formats = formats();
    let tiles: Vec<Tile> = (0..40)
        .map(|i| {
            let act = ActBits::ALL[i % 3];
            Tile { activations: 16, wait: 0, first_row: 0, ..random_tile(&mut random, 4, 1, act, formats[i % formats.len()]) }
        })
        .collect();
    // Sixteen load words at most, sixteen activations: not one bubble.
    assert_eq!(tester.run(&tiles), 40 * 16);
    tester.check();
}

#[test]
fn a_half_drains_while_the_other_fills() {
    let mut random = Random(4);
    let mut tester = tiny::Tester::new(&mut random);
    let format = WeightFormat::top(WeightBits::W2, Rounding::HalfEven);
    let tile = |random: &mut Random, half| Tile {
        half,
        activations: 16,
        first_row: 0,
        accumulate: false,
        ..random_tile(random, 4, 1, ActBits::A4, format)
    };
    let first = tile(&mut random, false);
    tester.run(&[first]);
    let drained = tester.sums[0];
    let second = tile(&mut random, true);
    // The address of the drain runs along while `run` streams into the other half.
    tester.circuit.drain_half.next = false;
    tester.circuit.drain_bank.next = 2.into();
    tester.circuit.drain_address.next = 5.into();
    tester.clock();
    let before: Vec<u32> = tester.circuit.word.iter().map(|word| word.val().to_u32()).collect();
    tester.run(&[second, Tile { accumulate: true, ..second }]);
    let after: Vec<u32> = tester.circuit.word.iter().map(|word| word.val().to_u32()).collect();
    assert_eq!(before, after);
    assert_eq!(before, drained[2][5].map(|sum| sum as u32));
    tester.check();
}

#[test]
fn small_in_random_modes() {
    let mut random = Random(5);
    let mut tester = small::Tester::new(&mut random);
    let formats = formats();
    for _ in 0..8 {
        let tiles: Vec<Tile> = (0..4)
            .map(|_| {
                let (act, format) = (ActBits::ALL[random.below(3)], formats[random.below(formats.len())]);
                random_tile(&mut random, 8, 1, act, format)
            })
            .collect();
        tester.run(&tiles);
        tester.check();
    }
}

#[test]
fn parameters_come_back() {
    let mut random = Random(6);
    let mut tester = tiny::Tester::new(&mut random);
    let entries: Vec<[u64; 4]> = (0..64).map(|_| std::array::from_fn(|_| random.next() << 32 ^ random.next())).collect();
    for (address, entry) in entries.iter().enumerate() {
        for q in 0..8 {
            tester.circuit.write_address.next = (address as u64).into();
            tester.circuit.write_line.next = (q as u64).into();
            tester.circuit.parameter_write.next = true;
            for (c, word) in entry.iter().enumerate() {
                tester.circuit.line[c].next = (word >> (8 * q) & 0xff).into();
            }
            tester.clock();
        }
    }
    tester.circuit.parameter_write.next = false;
    for (address, entry) in entries.iter().enumerate() {
        tester.circuit.parameter_address.next = (address as u64).into();
        tester.clock();
        step::settle(tester.circuit.as_mut());
        for (c, word) in entry.iter().enumerate() {
            assert_eq!(u64::from(tester.circuit.bias[c].val().to_u32()), word & 0xffff_ffff);
            assert_eq!(u64::from(tester.circuit.scale[c].val().to_u32()), word >> 32);
        }
    }
}
