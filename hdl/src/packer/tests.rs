//! Lines of random tokens, words and values against the contract in plain bytes.

use super::*;
use crate::bytes::to_bytes;
use crate::cosim::{Random, Recorder};

const C: usize = 8;

fn lanes_quarters_and_responses_land_in_their_bytes<const Q: usize, const DB: usize>(name: &'static str) {
    let mut random = Random::new(17);
    let mut bench = Recorder::new(name, Packer::<C, Q, DB, 128, 16>::default);
    let (mut line, mut valid, mut last) = (vec![0u8; 16], false, false);
    for _ in 0..4000 {
        let (respond, raw, width) = (random.chance(10), random.chance(30), random.below(3));
        let lanes = 1 << width;
        let mut token = || DrainToken {
            valid: random.chance(70),
            emit: random.chance(50),
            last: random.chance(20),
            bank: random.below(4).into(),
            quarter: random.below(4).into(),
        };
        let (first, mut requantized) = (token(), token());
        if DB == 4 {
            // An issue begins with the first bank of a line.
            requantized.bank = (requantized.bank.to_u64() / lanes * lanes).into();
        }
        let bank = requantized.bank.index();
        let banks = bank + 1 + random.below(4 - bank as u64) as usize;
        let words: [u32; Q] = from_fn(|_| random.next() as u32);
        let values: [u8; Q] = from_fn(|_| random.next() as u8);
        let (word, respond_last) = (random.next() as u32, random.chance(50));
        let block = &mut bench.block;
        block.respond.next = respond;
        block.respond_word.next = u64::from(word).into();
        block.respond_last.next = respond_last;
        block.raw.next = raw;
        block.banks.next = (banks as u64 - 1).into();
        block.width.next = width.into();
        block.token_first.next = first;
        block.token_last.next = requantized;
        for q in 0..Q {
            block.word[q].next = u64::from(words[q]).into();
            block.value[q].next = u64::from(values[q]).into();
        }
        bench.settle();
        let block = &bench.block;
        assert_eq!((to_bytes(block.line_out.val()), block.valid_out.val()), (line.clone(), valid));
        assert!(!valid || block.last_out.val() == last);
        bench.clock();
        // The contract, in plain bytes.
        if respond {
            line = vec![0; 16];
            line[..4].copy_from_slice(&word.to_le_bytes());
            (valid, last) = (true, respond_last);
        } else if raw {
            (valid, last) = (first.valid, first.last);
            let words = &words[if DB == 4 { C * first.bank.index() } else { 0 }..][..C];
            let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            line = vec![0; 16];
            line[..C].copy_from_slice(&bytes[first.quarter.index() * C..][..C]);
        } else {
            (valid, last) = (requantized.valid && requantized.emit, requantized.last);
            if requantized.valid {
                let (lanes, bits) = (lanes as usize, 8 / lanes as usize);
                let end = if DB == 4 { banks.min(bank + lanes) } else { bank + 1 };
                for b in bank..end {
                    let values = &values[if DB == 4 { b * C } else { 0 }..][..C];
                    let position = b % lanes;
                    for (byte, value) in line.iter_mut().zip(values) {
                        let before = if position == 0 { 0 } else { *byte };
                        *byte = before | (value & (0xFFu16 >> (8 - bits)) as u8) << (bits * position);
                    }
                }
                line[C..].fill(0);
            }
        }
    }
    bench.check();
}

#[test]
fn lines_of_one_bank_at_a_time() {
    lanes_quarters_and_responses_land_in_their_bytes::<C, 1>("packer");
}

#[test]
fn lines_of_all_their_banks_at_once() {
    lanes_quarters_and_responses_land_in_their_bytes::<{ 4 * C }, 4>("packer4");
}
