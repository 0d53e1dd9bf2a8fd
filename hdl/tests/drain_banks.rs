//! The memories of a machine whose drain reads four banks at once: every word in its place, and their Verilog under Icarus.

use crate::common::{ANY, Random, cosimulate};
use crumb_hdl::accumulator::Accumulator;
use crumb_hdl::issue::Token;
use crumb_hdl::parameter_memory::ParameterMemory;
use crumb_hdl::step::{self, build, settle};

/// Four accumulators that read one bank each, and the one that reads all four: the same words in every cycle.
#[test]
fn four_banks_are_read_at_once() {
    let mut ones: [Box<Accumulator<5, 1>>; 4] = std::array::from_fn(|_| build());
    let mut four = build::<Accumulator<5, 4>>();
    let mut random = Random(31);
    let (mut token4, mut stimuli, mut shown, mut nonzero) = (0, vec![], vec![], [0; 4]);
    for _ in 0..3000 {
        let token3 = random.bits(25);
        let values: [u64; 4] = std::array::from_fn(|_| random.bits(32));
        let (half, bank, address) = (random.bits(1), random.bits(2), random.bits(5));
        for (b, one) in ones.iter_mut().enumerate() {
            set(one, [token3, token4], values, [half, b as u64, address]);
            settle(one.as_mut());
        }
        set(&mut four, [token3, token4], values, [half, bank, address]);
        settle(four.as_mut());
        let words = [&four.word, &four.word1, &four.word2, &four.word3].map(|word| word.val().to_u64());
        for b in 0..4 {
            assert_eq!(words[b], ones[b].word.val().to_u64(), "bank {b}");
            assert_eq!([&ones[b].word1, &ones[b].word2, &ones[b].word3].map(|word| word.val().to_u64()), [0; 3]);
            nonzero[b] += usize::from(words[b] != 0);
        }
        stimuli.push([&[token3, token4][..], &values, &[half, bank, address]].concat());
        shown.push(words.to_vec());
        ones.iter_mut().for_each(|one| step::edge(one.as_mut()));
        step::edge(four.as_mut());
        token4 = token3;
    }
    assert!(nonzero.iter().all(|&n| n > 1000), "{nonzero:?}");
    // Before the first clock edge the Verilog's memories show nothing.
    shown[0] = vec![ANY; 4];
    let inputs = [
        ("token3", 25),
        ("token4", 25),
        ("value0", 32),
        ("value1", 32),
        ("value2", 32),
        ("value3", 32),
        ("drain_half", 1),
        ("drain_bank", 2),
        ("drain_address", 12),
    ];
    let outputs = [("word", 32), ("word1", 32), ("word2", 32), ("word3", 32)];
    let verilog = step::verilog(&*build::<Accumulator<5, 4>>());
    cosimulate("accumulator4", &verilog, true, &inputs, &outputs, &stimuli, &shown);
}

fn set<const DB: usize>(block: &mut Accumulator<5, DB>, tokens: [u64; 2], values: [u64; 4], drain: [u64; 3]) {
    [block.token3.next, block.token4.next] = tokens.map(token);
    [block.value0.next, block.value1.next, block.value2.next, block.value3.next] = values.map(Into::into);
    block.drain_half.next = drain[0] == 1;
    block.drain_bank.next = drain[1].into();
    block.drain_address.next = drain[2].into();
}

/// A token from packed bits, lowest first.
fn token(mut packed: u64) -> Token {
    let mut take = |n: u32| {
        let field = packed & ((1 << n) - 1);
        packed >>= n;
        field
    };
    Token {
        valid: take(1) == 1,
        last: take(1) == 1,
        w_code: take(2).into(),
        w_signed: take(1) == 1,
        act_signed: take(1) == 1,
        part: take(2).into(),
        half: take(1) == 1,
        address: take(12).into(),
        accumulate: take(1) == 1,
        shift: take(3).into(),
    }
}

#[test]
fn four_entries_are_read_at_once() {
    const C: usize = 4;
    let mut memory = build::<ParameterMemory<C, 16, 5, 3, 4>>();
    let mut random = Random(32);
    let mut entries = [[0u64; C]; 32];
    let (mut stimuli, mut shown, mut read) = (vec![], vec![], 0);
    for step in 0..8 * 32 * 4 {
        // Entries in order, then at random, whole: eight lines each.
        let (entry, q) = (if step < 256 { step / 8 } else { step / 8 * 13 % 32 }, step % 8);
        let bytes: [u64; C] = std::array::from_fn(|_| random.bits(8));
        // Not the group that is written: no word is read in the cycle of its write.
        let address = (entry / 4 * 4 + 4 + random.below(28)) % 32;
        for (signal, byte) in memory.line.iter_mut().zip(bytes) {
            signal.next = byte.into();
        }
        memory.write_address.next = (entry as u64).into();
        memory.write_line.next = (q as u64).into();
        memory.write_enable.next = true;
        memory.read_address.next = (address as u64).into();
        settle(memory.as_mut());
        let outputs: Vec<u64> = memory.bias.iter().chain(&memory.scale).map(|port| port.val().to_u64()).collect();
        if step > 0 {
            for (b, entry) in entries[read / 4 * 4..][..4].iter().enumerate() {
                for c in 0..C {
                    let found = outputs[b * C + c] | outputs[16 + b * C + c] << 32;
                    assert_eq!(found, entry[c], "step {step}, entry {read}, place {b}, column {c}");
                }
            }
        }
        stimuli.push([&bytes[..], &[entry as u64, q as u64, 1, address as u64]].concat());
        shown.push(outputs);
        step::edge(memory.as_mut());
        read = address;
        for (c, byte) in bytes.into_iter().enumerate() {
            // The halves of an entry change with their last byte; a group that is read is whole.
            entries[entry][c] = entries[entry][c] & !(0xFF << (8 * q)) | byte << (8 * q);
        }
    }
    shown[0] = vec![ANY; 32];
    let lines: Vec<String> = (0..C).map(|c| format!("line${c}")).collect();
    let mut inputs: Vec<(&str, usize)> = lines.iter().map(|name| (name.as_str(), 8)).collect();
    inputs.extend([("write_address", 5), ("write_line", 3), ("write_enable", 1), ("read_address", 5)]);
    let names: Vec<String> = ["bias", "scale"].iter().flat_map(|port| (0..16).map(move |q| format!("{port}${q}"))).collect();
    let outputs: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 32)).collect();
    let verilog = step::verilog(&*build::<ParameterMemory<C, 16, 5, 3, 4>>());
    cosimulate("parameter_memory4", &verilog, true, &inputs, &outputs, &stimuli, &shown);
}
