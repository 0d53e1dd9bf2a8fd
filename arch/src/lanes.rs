//! Lane packing: low-bit elements in bytes (lowest element in the lowest bits), and bytes in stream lines.

use crate::command::{HEADER_WORDS, LINES_PER_BUS_WORD, LINES_PER_PARAMETER, LINES_PER_RAW_ROW};
use crate::config::ArrayConfig;
use crate::precision::{ActBits, range};
use bitvec::field::BitField;
use bitvec::order::Lsb0;
use bitvec::view::BitView;

/// Packs up to `8/bits` elements into a byte, low element first; two's complement where negative.
pub fn pack(elements: &[i16], bits: ActBits) -> u8 {
    let mut byte = 0u8;
    let lanes = byte.view_bits_mut::<Lsb0>().chunks_exact_mut(bits.bits() as usize);
    for (lane, &element) in lanes.zip(elements) {
        lane.store_le(element as u8 & (u8::MAX >> (8 - bits.bits())));
    }
    byte
}

/// The elements of a byte, low element first.
pub fn unpack(byte: u8, bits: ActBits, signed: bool) -> impl Iterator<Item = i16> {
    let (_, hi) = range(bits.bits(), signed);
    (0..bits.lanes()).map(move |lane| {
        let start = lane * bits.bits() as usize;
        let code = byte.view_bits::<Lsb0>()[start..start + bits.bits() as usize].load_le::<u8>();
        if i32::from(code) > hi { i16::from(code) - (1 << bits.bits()) } else { i16::from(code) }
    })
}

/// Writes one activation vector (up to `tile_k` elements, in K order) into a line of `line_bytes` bytes.
///
/// K order: element `(r * 8/A + lane) * depth + d` is lane `lane` of word `d` of row `r`, so that `depth` weights of a weight-memory
/// address, a word of the weight bus, are those of one lane, and neighbouring words those of neighbouring lanes.
pub fn pack_activation_line(elements: &[i16], act: ActBits, config: &ArrayConfig, line: &mut [u8]) {
    line.fill(0);
    let (lanes, depth) = (act.lanes(), config.depth);
    if lanes == 1 && depth == 1 {
        line.iter_mut().zip(elements).for_each(|(byte, &e)| *byte = e as u8);
        return;
    }
    let mask = u8::MAX >> (8 - act.bits());
    for (k, &element) in elements.iter().enumerate() {
        let (word, d) = (k / depth, k % depth);
        line[word / lanes * depth + d] |= (element as u8 & mask) << ((word % lanes) as u32 * act.bits());
    }
}

/// The payload lines of a weight-memory address, four for each of its `weight_bus` words: `bank[(b * cols + c) * depth + d]` holds the
/// weights of slots t = 0..3 of column c in word b. Line `4 * b + t` carries slot t of word b.
pub fn weight_lines(bank: &[[i8; 4]], config: &ArrayConfig, lines: &mut Vec<u8>) {
    let line = config.line_bytes();
    for word in bank.chunks_exact(config.cols * config.depth) {
        for t in 0..LINES_PER_BUS_WORD {
            let start = lines.len();
            lines.resize(start + line, 0);
            lines[start..].iter_mut().zip(word).for_each(|(byte, slots)| *byte = slots[t] as u8);
        }
    }
}

/// The eight payload lines of a parameter entry: one 64-bit word for each column.
pub fn parameter_lines(entries: &[u64], config: &ArrayConfig, lines: &mut Vec<u8>) {
    let line = config.line_bytes();
    for q in 0..LINES_PER_PARAMETER {
        let start = lines.len();
        lines.resize(start + line, 0);
        lines[start..].iter_mut().zip(entries).for_each(|(byte, entry)| *byte = (entry >> (8 * q)) as u8);
    }
}

/// The header lines of a command: `words_per_header_line` words in each, the first lowest.
pub fn header_lines(words: &[u32; HEADER_WORDS], config: &ArrayConfig, lines: &mut Vec<u8>) {
    for words in words.chunks(config.words_per_header_line()) {
        let end = lines.len() + config.line_bytes();
        words.iter().for_each(|word| lines.extend(word.to_le_bytes()));
        lines.resize(end, 0);
    }
}

/// Puts the words of header line `index` where they stand in the header.
pub fn read_header_line(words: &mut [u32; HEADER_WORDS], index: usize, line: &[u8], config: &ArrayConfig) {
    let there = words.chunks_mut(config.words_per_header_line()).nth(index).unwrap_or_default();
    there.iter_mut().zip(line.as_chunks::<4>().0).for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
}

/// The int32 results in the four output lines of one row and bank: `cols` values, column order.
pub fn unpack_raw_row<'a>(lines: &'a [u8], config: &'a ArrayConfig) -> impl Iterator<Item = i32> + 'a {
    let (line, cols) = (config.line_bytes(), config.cols);
    (0..cols).map(move |c| {
        let byte = |i: usize| {
            let at = 4 * c + i;
            lines[at / cols * line + at % cols]
        };
        i32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
    })
}

const _: () = assert!(LINES_PER_RAW_ROW == 4, "an int32 for every column fills four lines of one byte a column");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::WeightBits;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_round_trips(byte: u8, which in 0usize..3, signed: bool) {
            let bits = ActBits::ALL[which];
            let elements: Vec<i16> = unpack(byte, bits, signed).collect();
            let (lo, hi) = range(bits.bits(), signed);
            prop_assert!(elements.iter().all(|&e| (lo..=hi).contains(&i32::from(e))));
            prop_assert_eq!(pack(&elements, bits), byte);
        }
    }

    #[test]
    fn activation_lines_follow_the_k_order() {
        let config = ArrayConfig { depth: 2, stream_bits: 64, ..ArrayConfig::named("tiny").unwrap() };
        for act in ActBits::ALL {
            let elements: Vec<i16> = (0..config.tile_k(act) as i16).map(|k| k % 3).collect();
            let mut line = vec![0; config.line_bytes()];
            pack_activation_line(&elements, act, &config, &mut line);
            for r in 0..config.rows {
                for d in 0..config.depth {
                    let expected: Vec<i16> =
                        (0..act.lanes()).map(|l| elements[(r * act.lanes() + l) * config.depth + d]).collect();
                    assert_eq!(line[r * config.depth + d], pack(&expected, act));
                }
            }
        }
        assert_eq!(config.tile_n(WeightBits::W2), 16);
    }

    #[test]
    fn weight_lines_are_those_of_one_word_after_another() {
        for (depth, weight_bus) in [(1, 1), (1, 4), (2, 2), (4, 4)] {
            let tiny = ArrayConfig::named("tiny").unwrap();
            let config = ArrayConfig { depth, weight_bus, cols: 5, stream_bits: 8, ..tiny };
            let bank: Vec<[i8; 4]> = (0..weight_bus * 5 * depth).map(|i| std::array::from_fn(|t| (4 * i + t) as i8)).collect();
            let mut lines = Vec::new();
            weight_lines(&bank, &config, &mut lines);
            assert_eq!(lines.len(), config.lines_per_weight_word() * config.line_bytes());
            for (i, slots) in bank.iter().enumerate() {
                let (b, byte) = (i / (5 * depth), i % (5 * depth));
                for (t, &slot) in slots.iter().enumerate() {
                    assert_eq!(lines[(4 * b + t) * config.line_bytes() + byte], slot as u8, "word {b}, slot {t}");
                }
            }
        }
    }

    #[test]
    fn raw_rows_are_little_endian_columns() {
        let config = ArrayConfig::named("tiny").unwrap();
        let values = [1, -2, i32::MIN, 0x0102_0304];
        let lines: Vec<u8> = values.iter().flat_map(|v: &i32| v.to_le_bytes()).collect();
        assert_eq!(unpack_raw_row(&lines, &config).collect::<Vec<_>>(), values);
    }
}
