//! Each block of the datapath alone: against plain arithmetic, and its Verilog under Icarus against its simulation.

use crate::common::{Random, cosimulate};
use crumb_arch::brick::{bus_lane, cross_crumbs, crosses_crumbs, load_mask};
use crumb_arch::{ActBits, Rounding, WeightBits, WeightFormat};
use crumb_hdl::accumulator::Accumulator;
use crumb_hdl::activation_buffer::ActivationBuffer;
use crumb_hdl::brick_column::{BrickColumn, Bricks};
use crumb_hdl::column_sum::ColumnSum;
use crumb_hdl::combiner::Combiner;
use crumb_hdl::datapath::Datapath;
use crumb_hdl::edge::{ColumnEdge, RowEdge};
use crumb_hdl::issue::{ActivationIssue, ColumnControl, Ctl, OffsetMode, Token, WeightIssue};
use crumb_hdl::parameter_memory::ParameterMemory;
use crumb_hdl::pe::Pe;
use crumb_hdl::precision_switch::PrecisionSwitch;
use crumb_hdl::row_offset::RowOffset;
use crumb_hdl::row_sum::RowSum;
use crumb_hdl::skew::Skew;
use crumb_hdl::step::{self, Clocked, build, cycle, settle};
use crumb_hdl::weight_bus::WeightBus;
use crumb_hdl::weight_memory::WeightMemory;
use rust_hdl::prelude::*;

/// Splits packed bits into fields, lowest first: how Verilog sees a struct.
struct Fields(u64);

impl Fields {
    fn take(&mut self, n: usize) -> u64 {
        let field = self.0 & ((1 << n) - 1);
        self.0 >>= n;
        field
    }

    fn bit(&mut self) -> bool {
        self.take(1) == 1
    }
}

fn ctl(packed: u64) -> Ctl {
    let mut f = Fields(packed);
    Ctl { load: f.take(4).into(), swap: f.bit(), a_code: f.take(2).into() }
}

fn token(packed: u64) -> Token {
    let mut f = Fields(packed);
    Token {
        valid: f.bit(),
        last: f.bit(),
        w_code: f.take(2).into(),
        w_signed: f.bit(),
        act_signed: f.bit(),
        part: f.take(2).into(),
        half: f.bit(),
        address: f.take(12).into(),
        accumulate: f.bit(),
        shift: f.take(3).into(),
    }
}

fn column_control(packed: u64) -> ColumnControl {
    let mut f = Fields(packed);
    ColumnControl { load_valid: f.bit(), first: f.bit(), swap: f.bit(), a_code: f.take(2).into(), act_signed: f.bit() }
}

fn activation_issue(packed: u64) -> ActivationIssue {
    let mut f = Fields(packed);
    ActivationIssue { valid: f.bit(), address: f.take(16).into(), swap: f.bit(), a_code: f.take(2).into(), act_signed: f.bit() }
}

fn weight_issue(packed: u64) -> WeightIssue {
    let mut f = Fields(packed);
    WeightIssue {
        valid: f.bit(),
        address: f.take(18).into(),
        real: f.bit(),
        first: f.bit(),
        row: f.take(8).into(),
        mask: f.take(4).into(),
        w_code: f.take(2).into(),
        slice: f.take(2).into(),
        rounding: f.take(2).into(),
        part: f.take(2).into(),
        a_code: f.take(2).into(),
    }
}

/// A value as the Verilog has it.
fn packed<const N: usize>(value: impl Into<Bits<N>>) -> u64 {
    let bits: Bits<N> = value.into();
    bits.to_u64()
}

/// Drives the circuit with the stimuli and returns what it shows before each clock edge.
fn simulate<B: Clocked>(
    circuit: &mut B,
    stimuli: &[Vec<u64>],
    set: impl Fn(&mut B, &[u64]),
    get: impl Fn(&B) -> Vec<u64>,
) -> Vec<Vec<u64>> {
    stimuli
        .iter()
        .map(|row| {
            set(circuit, row);
            settle(circuit);
            let shown = get(circuit);
            step::edge(circuit);
            shown
        })
        .collect()
}

fn vectors(seed: u64, cycles: usize, inputs: &[(&str, usize)]) -> Vec<Vec<u64>> {
    let mut random = Random(seed);
    (0..cycles).map(|_| inputs.iter().map(|input| random.bits(input.1)).collect()).collect()
}

#[test]
fn bricks_multiply_every_pair_in_every_place() {
    let mut bricks = build::<Bricks>();
    for act in 0..256u64 {
        for word in 0..256u64 {
            bricks.act.next = act.into();
            bricks.word0.next = word.into();
            bricks.word1.next = (word ^ 0x1b).into();
            bricks.word2.next = (word ^ 0xff).into();
            bricks.word3.next = (word ^ 0xe4).into();
            settle(bricks.as_mut());
            let words = [word, word ^ 0x1b, word ^ 0xff, word ^ 0xe4];
            let products = [bricks.products0.val(), bricks.products1.val(), bricks.products2.val(), bricks.products3.val()];
            for (j, product) in products.iter().enumerate() {
                for (i, word) in words.iter().enumerate() {
                    let expected = (act >> (2 * i) & 3) * (word >> (2 * j) & 3);
                    assert_eq!(product.to_u64() >> (4 * i) & 15, expected, "act {act:x} word {word:x} brick {i},{j}");
                }
            }
        }
    }
}

#[test]
fn bricks_in_verilog_equal_the_simulation() {
    let inputs = [("act", 8), ("word0", 8), ("word1", 8), ("word2", 8), ("word3", 8)];
    let stimuli = vectors(11, 3000, &inputs);
    let expected: Vec<Vec<u64>> = stimuli
        .iter()
        .map(|v| (0..4).map(|j| (0..4).map(|i| ((v[0] >> (2 * i) & 3) * (v[1 + i] >> (2 * j) & 3)) << (4 * i)).sum()).collect())
        .collect();
    let outputs = [("products0", 16), ("products1", 16), ("products2", 16), ("products3", 16)];
    cosimulate("bricks", &step::verilog(&*build::<Bricks>()), false, &inputs, &outputs, &stimuli, &expected);
}

#[test]
fn brick_column_adds_every_mode() {
    let mut random = Random(12);
    let mut column = build::<BrickColumn>();
    for _ in 0..5000 {
        let b: [u64; 4] = std::array::from_fn(|_| random.below(10) as u64);
        let mode = random.below(3) as u64;
        column.products.next = (b[0] | b[1] << 4 | b[2] << 8 | b[3] << 12).into();
        column.pair_mode.next = mode.into();
        cycle(column.as_mut());
        column.pair_mode.next = (random.below(4) as u64).into();
        column.sum_mode.next = mode.into();
        cycle(column.as_mut());
        let expected = match mode {
            0 => b[0] + 4 * b[1] + 16 * b[2] + 64 * b[3],
            1 => b[0] + 4 * b[1] + b[2] + 4 * b[3],
            _ => b.iter().sum(),
        };
        assert_eq!(column.sum_out.val().to_u64(), expected, "{b:?} mode {mode}");
    }
}

/// One PE sees every activation word against every weight word in every activation mode. Its four crumb sums are then read at
/// every weight width and sign through the offset identity, against plain multiplication: 65,536 int8 products among them.
#[test]
fn pe_multiplies_every_operand_pair_in_every_mode() {
    multiplies_every_operand_pair::<8>();
}

#[test]
fn pe_multiplies_on_a_weight_bus_of_two_words() {
    multiplies_every_operand_pair::<16>();
}

#[test]
fn pe_multiplies_on_a_weight_bus_of_four_words() {
    multiplies_every_operand_pair::<32>();
}

fn multiplies_every_operand_pair<const NB: usize>() {
    let (mut pe, bus) = (build::<Pe<12, NB>>(), NB / 8);
    for (a_code, act) in (0..).zip(ActBits::ALL) {
        let (a_bits, lanes) = (act.bits(), act.lanes());
        let words = |word: u64| -> Vec<i32> { (0..lanes).map(|k| (word as i32 * 37 + 91 * k as i32) & 0xff).collect() };
        // (word, activation) of the pipeline: a result comes four cycles after its activation.
        let mut pending = std::collections::VecDeque::new();
        let mut check = |pe: &Pe<12, NB>, issued: Option<(u64, i32)>| {
            pending.push_back(issued);
            if pending.len() < 4 {
                return;
            }
            let Some((word, act)) = pending.pop_front().unwrap() else { return };
            let sums =
                [pe.psum_out0.val(), pe.psum_out1.val(), pe.psum_out2.val(), pe.psum_out3.val()].map(|s| s.to_u32() as i32);
            let words = words(word);
            for act_signed in [false, true] {
                let oa = if act_signed { 1 << (a_bits - 1) } else { 0 };
                let a: Vec<i32> = (0..lanes).map(|k| ((act >> (a_bits * k as u32)) & ((1 << a_bits) - 1)) - oa).collect();
                for (w_bits, w_signed) in [(8, true), (8, false), (4, true), (4, false), (2, true), (2, false)] {
                    let ow = if w_signed { 1 << (w_bits - 1) } else { 0 };
                    for lane in 0..8 / w_bits {
                        let plain: i32 =
                            (0..lanes).map(|k| a[k] * (((words[k] >> (w_bits * lane)) & ((1 << w_bits) - 1)) - ow)).sum();
                        let crumbs: i32 = (0..w_bits / 2)
                            .map(|i| {
                                let j = w_bits / 2 * lane + i;
                                let u: i32 = words.iter().map(|word| word >> (2 * j) & 3).sum();
                                (sums[j as usize] - oa * u) << (2 * i)
                            })
                            .sum();
                        let found = crumbs - ow * a.iter().sum::<i32>();
                        assert_eq!(found, plain, "A{a_bits} W{w_bits} lane {lane} act {act:x} words {words:x?}");
                    }
                }
            }
        };
        for word in 0..256 {
            for step in 0..lanes.div_ceil(bus) {
                let on_bus = (0..bus).map(|b| (words(word)[bus_lane(act, step, b, bus)] as u64) << (8 * b)).sum::<u64>();
                pe.weight_in.next = on_bus.into();
                pe.ctl_in.next = Ctl { load: u64::from(load_mask(act, step, bus)).into(), swap: false, a_code: a_code.into() };
                step::pulse(pe.as_mut());
                check(&pe, None);
            }
            for operand in 0..=255 {
                let crossed = if crosses_crumbs(act, bus) { cross_crumbs(operand) } else { operand };
                pe.act_in.next = u64::from(crossed).into();
                pe.ctl_in.next = Ctl { load: 0.into(), swap: operand == 0, a_code: a_code.into() };
                step::pulse(pe.as_mut());
                check(&pe, Some((word, operand.into())));
            }
        }
    }
}

#[test]
fn pe_in_verilog_equals_the_simulation() {
    pe_in_verilog::<8>("pe");
    pe_in_verilog::<16>("pe_2");
    pe_in_verilog::<32>("pe_4");
}

fn pe_in_verilog<const NB: usize>(name: &str) {
    let mut pe = build::<Pe<13, NB>>();
    let inputs =
        [("act_in", 8), ("ctl_in", 7), ("weight_in", NB), ("psum_in0", 13), ("psum_in1", 13), ("psum_in2", 13), ("psum_in3", 13)];
    let outputs = [
        ("act_out", 8),
        ("ctl_out", 7),
        ("weight_out", NB),
        ("psum_out0", 13),
        ("psum_out1", 13),
        ("psum_out2", 13),
        ("psum_out3", 13),
    ];
    let stimuli = vectors(13, 5000, &inputs);
    let expected = simulate(
        pe.as_mut(),
        &stimuli,
        |pe, v| {
            pe.act_in.next = v[0].into();
            pe.ctl_in.next = ctl(v[1]);
            pe.weight_in.next = v[2].into();
            pe.psum_in0.next = v[3].into();
            pe.psum_in1.next = v[4].into();
            pe.psum_in2.next = v[5].into();
            pe.psum_in3.next = v[6].into();
        },
        |pe| {
            vec![
                pe.act_out.val().to_u64(),
                packed::<7>(pe.ctl_out.val()),
                pe.weight_out.val().to_u64(),
                pe.psum_out0.val().to_u64(),
                pe.psum_out1.val().to_u64(),
                pe.psum_out2.val().to_u64(),
                pe.psum_out3.val().to_u64(),
            ]
        },
    );
    cosimulate(name, &step::verilog(&*build::<Pe<13, NB>>()), true, &inputs, &outputs, &stimuli, &expected);
}

/// Input vectors of the switch and what `crumb_arch` makes of them: all 256 weights at each byte, in every mode and part.
fn switch_vectors() -> (Vec<Vec<u64>>, Vec<Vec<u64>>) {
    let (mut stimuli, mut expected, mut random) = (vec![], vec![], Random(14));
    for (w_code, bits) in [(0, WeightBits::W8), (1, WeightBits::W4), (2, WeightBits::W2), (3, WeightBits::W6)] {
        let mut formats: Vec<(u64, WeightFormat)> = [Rounding::Floor, Rounding::HalfUp, Rounding::HalfEven]
            .into_iter()
            .zip(0..)
            .map(|(rounding, code)| (code, WeightFormat::top(bits, rounding)))
            .collect();
        formats.extend((1..bits.slices()).map(|slice| (0, WeightFormat::new(bits, slice, Rounding::Floor).unwrap())));
        for (rounding, format) in formats {
            for part in 0..4 / bits.lanes() {
                for position in 0..4 {
                    for weight in 0..=255u8 {
                        let mut bank: [u8; 4] = std::array::from_fn(|_| random.next() as u8);
                        bank[position] = weight;
                        let real = random.below(8) != 0;
                        let word = u64::from(u32::from_le_bytes(bank));
                        let slice = u64::from(format.slice);
                        stimuli.push(vec![word, w_code, slice, rounding, part as u64, u64::from(real)]);
                        let delivered = format.word(bank.map(|byte| byte as i8), part as u8);
                        expected.push(vec![u64::from(if real { delivered } else { format.zero_word() })]);
                    }
                }
            }
        }
    }
    (stimuli, expected)
}

#[test]
fn precision_switch_equals_arch_in_simulation_and_verilog() {
    let (stimuli, expected) = switch_vectors();
    let mut switch = build::<PrecisionSwitch>();
    for (v, expected) in stimuli.iter().zip(&expected) {
        switch.word.next = v[0].into();
        switch.w_code.next = v[1].into();
        switch.slice.next = v[2].into();
        switch.rounding.next = v[3].into();
        switch.part.next = v[4].into();
        switch.is_real.next = v[5] == 1;
        settle(switch.as_mut());
        assert_eq!(switch.weight.val().to_u64(), expected[0], "word, w_code, slice, rounding, part, real = {v:x?}");
    }
    let inputs = [("word", 32), ("w_code", 2), ("slice", 2), ("rounding", 2), ("part", 2), ("is_real", 1)];
    let verilog = step::verilog(&*switch);
    cosimulate("precision_switch", &verilog, false, &inputs, &[("weight", 8)], &stimuli, &expected);
}

/// Every word of an address, at every width, in every place of the bus: what is on it, and in Verilog the same.
fn weight_bus<const N: usize, const NB: usize>(name: &str) {
    let mut weight_bus = build::<WeightBus<N, NB>>();
    let names: Vec<String> = (0..N).map(|b| format!("word${b}")).collect();
    let mut inputs: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 8)).collect();
    inputs.extend([("first", 2), ("a_code", 2)]);
    let (mut stimuli, mut expected, mut random) = (vec![], vec![], Random(23));
    for value in 0..256 {
        for (a_code, lanes) in [(0, 1), (1, 2), (2, 4)] {
            for first in (0..4).step_by(lanes.min(N)) {
                let words: Vec<u64> = (0..N).map(|b| (value * [1, 77, 31, 5][b] + random.below(256)) as u64 & 0xff).collect();
                // The words of the lanes, each as often as there is room.
                let lane_words = words[first % N..].iter().take(lanes);
                let bus: Vec<u64> = lane_words.flat_map(|&word| std::iter::repeat_n(word, N / lanes.min(N))).collect();
                expected.push(vec![bus.iter().enumerate().map(|(b, word)| word << (8 * b)).sum()]);
                stimuli.push(words.into_iter().chain([first as u64, a_code]).collect::<Vec<u64>>());
            }
        }
    }
    for (v, expected) in stimuli.iter().zip(&expected) {
        for (word, &value) in weight_bus.word.iter_mut().zip(v) {
            word.next = value.into();
        }
        weight_bus.first.next = v[N].into();
        weight_bus.a_code.next = v[N + 1].into();
        settle(weight_bus.as_mut());
        assert_eq!(weight_bus.bus.val().to_u64(), expected[0], "words, first, a_code = {v:x?}");
    }
    cosimulate(name, &step::verilog(&*weight_bus), false, &inputs, &[("bus", NB)], &stimuli, &expected);
}

#[test]
fn weight_bus_carries_the_words_of_neighbouring_lanes() {
    weight_bus::<1, 8>("weight_bus_1");
    weight_bus::<2, 16>("weight_bus_2");
    weight_bus::<4, 32>("weight_bus_4");
}

#[test]
fn row_sum_adds_signed_activations() {
    let mut row_sum = build::<RowSum<13>>();
    let inputs = [("act_in", 8), ("ctl_in", 7), ("act_signed", 1), ("total_in", 13)];
    let mut random = Random(15);
    let mut stimuli = vectors(16, 3000, &inputs);
    for v in &mut stimuli {
        v[1] = (random.below(3) as u64) << 5;
    }
    let shown = simulate(
        row_sum.as_mut(),
        &stimuli,
        |row_sum, v| {
            row_sum.act_in.next = v[0].into();
            row_sum.ctl_in.next = ctl(v[1]);
            row_sum.act_signed.next = v[2] == 1;
            row_sum.total_in.next = v[3].into();
        },
        |row_sum| {
            let mode = row_sum.mode_out.val();
            vec![row_sum.total_out.val().to_u64(), mode.a_code.to_u64() | u64::from(mode.act_signed) << 2]
        },
    );
    for t in 4..stimuli.len() {
        let v = &stimuli[t - 4];
        let bits = 8 >> (v[1] >> 5);
        let sum: u64 = (0..8 / bits).map(|k| v[0] >> (bits * k) & ((1 << bits) - 1)).sum();
        assert_eq!(shown[t][0], (sum + stimuli[t - 1][3]) & 0x1fff, "cycle {t}: {v:x?}");
        assert_eq!(shown[t - 1][1], v[1] >> 5 | v[2] << 2, "mode of {v:x?}");
    }
    let outputs = [("total_out", 13), ("mode_out", 3)];
    cosimulate("row_sum", &step::verilog(&*build::<RowSum<13>>()), true, &inputs, &outputs, &stimuli, &shown);
}

#[test]
fn row_offset_is_minus_the_offsets_of_all_rows() {
    let mut offset = build::<RowOffset<8, 13>>();
    for a_code in 0..3u64 {
        for act_signed in [false, true] {
            offset.mode.next = OffsetMode { a_code: a_code.into(), act_signed };
            step::settle(offset.as_mut());
            let bits = 8 >> a_code;
            let all = if act_signed { (8 * (8 / bits)) << (bits - 1) } else { 0 };
            assert_eq!(offset.start.val().to_u64(), (0x2000 - all) & 0x1fff, "A{bits}, signed {act_signed}");
        }
    }
}

#[test]
fn column_sum_starts_the_psums() {
    starts_the_psums::<8>("column_sum", [7, 3, 1]);
    // Copies of a word are counted: twice as many take one place of the shift.
    starts_the_psums::<16>("column_sum_2", [6, 3, 1]);
    starts_the_psums::<32>("column_sum_4", [5, 2, 1]);
}

fn starts_the_psums<const NB: usize>(name: &str, offset_log2: [u32; 3]) {
    let mut column_sum = build::<ColumnSum<7, 13, NB>>();
    let inputs = [("weight_in", NB), ("control", 6)];
    let mut random = Random(17);
    let mut stimuli = vectors(18, 4000, &inputs);
    for v in &mut stimuli {
        // Loads often, first and swap seldom; no illegal width.
        let (load, first, swap) = (random.below(4) != 0, random.below(12) == 0, random.below(12) == 0);
        let (load, first, swap) = (u64::from(load), u64::from(first), u64::from(swap));
        v[1] = load | first << 1 | swap << 2 | (random.below(3) as u64) << 3 | (random.bits(1)) << 5;
    }
    let shown = simulate(
        column_sum.as_mut(),
        &stimuli,
        |column_sum, v| {
            column_sum.weight_in.next = v[0].into();
            column_sum.control.next = column_control(v[1]);
        },
        |c| [&c.init_out0, &c.init_out1, &c.init_out2, &c.init_out3].map(|init| init.val().to_u64()).into(),
    );
    let (mut usum, mut history) = ([0u64; 4], vec![[0u64; 4]]);
    for v in &stimuli {
        let mut init = *history.last().unwrap();
        if v[1] >> 2 & 1 == 1 {
            let log = offset_log2[(v[1] >> 3 & 3) as usize];
            init = usum.map(|u| if v[1] >> 5 == 1 { (0x2000 - (u << log & 0x1fff)) & 0x1fff } else { 0 });
        }
        history.push(init);
        if v[1] & 1 == 1 {
            for (j, u) in usum.iter_mut().enumerate() {
                let crumbs: u64 = (0..NB / 8).map(|b| v[0] >> (8 * b + 2 * j) & 3).sum();
                *u = (if v[1] >> 1 & 1 == 1 { 0 } else { *u } + crumbs) & 0x7f;
            }
        }
    }
    for t in 3..stimuli.len() {
        // Visible three cycles after the swap, that is, with the swaps of cycles 0 .. t - 3.
        assert_eq!(shown[t], history[t - 2], "cycle {t}");
    }
    let outputs = [("init_out0", 13), ("init_out1", 13), ("init_out2", 13), ("init_out3", 13)];
    let verilog = step::verilog(&*build::<ColumnSum<7, 13, NB>>());
    cosimulate(name, &verilog, true, &inputs, &outputs, &stimuli, &shown);
}

#[test]
fn combiner_equals_plain_arithmetic_in_simulation_and_verilog() {
    const PW: usize = 12;
    let mut combiner = build::<Combiner<PW, 19>>();
    let inputs = [("psum0", PW), ("psum1", PW), ("psum2", PW), ("psum3", PW), ("total_in", PW), ("token_in", 25)];
    let stimuli = vectors(19, 6000, &inputs);
    let shown = simulate(
        combiner.as_mut(),
        &stimuli,
        |combiner, v| {
            combiner.psum0.next = v[0].into();
            combiner.psum1.next = v[1].into();
            combiner.psum2.next = v[2].into();
            combiner.psum3.next = v[3].into();
            combiner.total_in.next = v[4].into();
            combiner.token_in.next = token(v[5]);
        },
        |c| {
            vec![
                c.value0.val().to_u64(),
                c.value1.val().to_u64(),
                c.value2.val().to_u64(),
                c.value3.val().to_u64(),
                c.total_out.val().to_u64(),
                packed::<25>(c.token1_out.val()),
                packed::<25>(c.token3_out.val()),
                packed::<25>(c.token4_out.val()),
            ]
        },
    );
    for t in 4..stimuli.len() {
        let v = &stimuli[t - 4];
        let token = token(v[5]);
        let wide = |x: u64| {
            let x = x as i64;
            if token.act_signed && x >> (PW - 1) == 1 { x - (1 << PW) } else { x }
        };
        let offset = if token.w_signed { 2 * wide(v[4]) } else { 0 };
        let s: Vec<i64> = v[..4].iter().map(|x| wide(*x)).collect();
        let nibbles = [s[0] + 4 * (s[1] - offset), s[2] + 4 * (s[3] - offset)];
        let values = match token.w_code.to_u64() {
            1 => [nibbles[0], nibbles[1], nibbles[0], nibbles[1]],
            2 => [s[0] - offset, s[1] - offset, s[2] - offset, s[3] - offset],
            _ => [s[0] + 4 * s[1] + 16 * (s[2] + 4 * (s[3] - offset)); 4],
        };
        let in_range = values.iter().all(|value| (-(1 << 18)..1 << 18).contains(value));
        if in_range {
            let values = values.map(|value| u64::from(((value << (2 * token.shift.to_u64())) as i32) as u32));
            assert_eq!(shown[t][..4], values, "cycle {t}: {v:x?} {token:?}");
        }
        assert_eq!(shown[t][4], stimuli[t - 1][4]);
        assert_eq!((shown[t][5], shown[t][6], shown[t][7]), (stimuli[t - 1][5], stimuli[t - 3][5], v[5]));
    }
    let outputs = [
        ("value0", 32),
        ("value1", 32),
        ("value2", 32),
        ("value3", 32),
        ("total_out", PW),
        ("token1_out", 25),
        ("token3_out", 25),
        ("token4_out", 25),
    ];
    let verilog = step::verilog(&*build::<Combiner<PW, 19>>());
    cosimulate("combiner", &verilog, true, &inputs, &outputs, &stimuli, &shown);
}

#[test]
fn the_whole_tiny_datapath_in_verilog_equals_the_simulation() {
    datapath_in_verilog::<1, 8, 32, 0>("datapath", 4000);
}

#[test]
fn a_datapath_with_a_wide_weight_bus_in_verilog_equals_the_simulation() {
    datapath_in_verilog::<2, 16, 64, 6>("datapath_2", 1200);
    datapath_in_verilog::<4, 32, 128, 6>("datapath_4", 1200);
}

/// `tiny` with a weight bus of `N` words.
type Tiny<const N: usize, const NB: usize, const NM: usize, const NX: usize> =
    Datapath<4, 4, 16, 12, 19, 6, 11, 4, 10, 11, 6, 8, 1, 4, 6, N, NB, NM, NX>;

fn datapath_in_verilog<const N: usize, const NB: usize, const NM: usize, const NX: usize>(name: &str, cycles: usize) {
    let mut datapath = build::<Tiny<N, NB, NM, NX>>();
    let inputs = [
        ("activation_issue", 21),
        ("weight_issue", 43),
        ("token", 25),
        ("line$0", 8),
        ("line$1", 8),
        ("line$2", 8),
        ("line$3", 8),
        ("write_address", 18),
        ("write_line", 3),
        ("activation_write", 1),
        ("weight_write", 1),
        ("parameter_write", 1),
        ("parameter_address", 6),
        ("drain_half", 1),
        ("drain_bank", 2),
        ("drain_address", 12),
    ];
    let mut stimuli = vectors(20, cycles, &inputs);
    for v in &mut stimuli {
        // Few addresses, so that what is written is read; every field otherwise random, illegal codes too.
        v[0] &= !(0xfff8 << 1);
        v[1] &= !(0xfff8 << 1) & !(0xf8 << 19);
        v[2] &= !(0xffc << 9);
        v[7] &= 7;
        v[12] &= 7;
        v[15] &= 3;
    }
    let mut shown = simulate(
        datapath.as_mut(),
        &stimuli,
        |datapath, v| {
            datapath.activation_issue.next = activation_issue(v[0]);
            datapath.weight_issue.next = weight_issue(v[1]);
            datapath.token.next = token(v[2]);
            for r in 0..4 {
                datapath.line[r].next = v[3 + r].into();
            }
            datapath.write_address.next = v[7].into();
            datapath.write_line.next = v[8].into();
            datapath.activation_write.next = v[9] == 1;
            datapath.weight_write.next = v[10] == 1;
            datapath.parameter_write.next = v[11] == 1;
            datapath.parameter_address.next = v[12].into();
            datapath.drain_half.next = v[13] == 1;
            datapath.drain_bank.next = v[14].into();
            datapath.drain_address.next = v[15].into();
        },
        |datapath| {
            let mut shown = vec![u64::from(datapath.done.val())];
            for ports in [&datapath.word, &datapath.bias, &datapath.scale] {
                shown.extend(ports.iter().map(|port| port.val().to_u64()));
            }
            shown
        },
    );
    // Before their first read the memories' output registers are unknown in Verilog (block RAM has no initial output).
    for value in &mut shown[0][1..] {
        *value = crate::common::ANY;
    }
    assert!(shown.iter().any(|row| row[0] == 1) && shown.iter().skip(1).any(|row| row[1] != 0));
    let names: Vec<String> =
        ["word", "bias", "scale"].iter().flat_map(|port| (0..4).map(move |c| format!("{port}${c}"))).collect();
    let mut outputs = vec![("done", 1)];
    outputs.extend(names.iter().map(|name| (name.as_str(), 32)));
    let verilog = step::verilog(&*build::<Tiny<N, NB, NM, NX>>());
    cosimulate(name, &verilog, true, &inputs, &outputs, &stimuli, &shown);
}

#[test]
fn every_block_passes_the_checks_and_generates_verilog() {
    for (name, text) in [
        ("brick_column", step::verilog(&*build::<BrickColumn>())),
        ("activation_buffer", step::verilog(&*build::<ActivationBuffer<4, 6>>())),
        ("weight_memory", step::verilog(&*build::<WeightMemory<4, 6, 1, 32>>())),
        ("parameter_memory", step::verilog(&*build::<ParameterMemory<4, 4, 6, 6, 1>>())),
        ("weight_memory_4", step::verilog(&*build::<WeightMemory<4, 6, 4, 128>>())),
        ("row_edge", step::verilog(&*build::<RowEdge<6, 1>>())),
        ("row_edge_2", step::verilog(&*build::<RowEdge<6, 2>>())),
        ("column_edge", step::verilog(&*build::<ColumnEdge<6, 1, 8, 32>>())),
        ("column_edge_4", step::verilog(&*build::<ColumnEdge<6, 4, 32, 128>>())),
        ("skew", step::verilog(&*build::<Skew<4, 4, 11, 0>>())),
        ("skew_4", step::verilog(&*build::<Skew<4, 4, 11, 6>>())),
        ("accumulator", step::verilog(&*build::<Accumulator<8, 1>>())),
    ] {
        assert!(text.contains("module top"), "{name}");
    }
}
