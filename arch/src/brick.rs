//! The brick, a 2 x 2 bit unsigned multiplier, and the fission of a PE into lanes.
//!
//! A PE owns 16 bricks. Brick (i, j) multiplies activation crumb i by crumb j of weight word i; a *brick column* j adds its four
//! bricks with the shifts of the activation width, and the four column sums of a whole array column are combined with the shifts
//! of the weight width, once, below the array.

use crate::precision::{ActBits, WeightBits};

/// Crumb `index` (0 = lowest two bits) of a byte.
pub const fn crumb(word: u8, index: usize) -> u8 {
    (word >> (2 * index)) & 3
}

/// One brick: the product of two crumbs, 0 to 9.
pub const fn brick(a: u8, w: u8) -> u8 {
    (a & 3) * (w & 3)
}

/// First adders of a brick column: bricks 0 and 1, bricks 2 and 3. At A2 the crumbs are activations of their own, else neighbours in one.
pub const fn pairs(bricks: [u8; 4], act: ActBits) -> [u8; 2] {
    let shift = if matches!(act, ActBits::A2) { 0 } else { 2 };
    [bricks[0] + (bricks[1] << shift), bricks[2] + (bricks[3] << shift)]
}

/// Second adder of a brick column: at A8 both pairs belong to one activation.
pub const fn column(pairs: [u8; 2], act: ActBits) -> u16 {
    let shift = if matches!(act, ActBits::A8) { 4 } else { 0 };
    pairs[0] as u16 + ((pairs[1] as u16) << shift)
}

/// The sum of brick column `j` of a PE: its four K-lanes' activations times crumb `j` of the four weight words.
pub const fn column_sum(activation: u8, weights: [u8; 4], j: usize, act: ActBits) -> u16 {
    let mut bricks = [0; 4];
    let mut i = 0;
    while i < 4 {
        bricks[i] = brick(crumb(activation, i), crumb(weights[i], j));
        i += 1;
    }
    column(pairs(bricks, act), act)
}

/// Bits that flip to turn a word of signed activations into offset binary: the top bit of every lane.
pub const fn activation_flip(act: ActBits, signed: bool) -> u8 {
    match (signed, act) {
        (false, _) => 0,
        (true, ActBits::A8) => 0x80,
        (true, ActBits::A4) => 0x88,
        (true, ActBits::A2) => 0xAA,
    }
}

/// `log2` of the activation offset `oa = 2^(A-1)`.
pub const fn activation_offset_log2(act: ActBits) -> u32 {
    act.bits() - 1
}

/// `log2` of what the sum of all words that a weight bus of `bus` words delivers is multiplied by, for the activation offset: where a lane's
/// word stands on the bus more than once (`bus` is wider than 8/A), its copies are summed too, and the offset is as much smaller.
pub const fn bus_offset_log2(act: ActBits, bus: usize) -> u32 {
    activation_offset_log2(act) - (bus / words_per_load(act, bus)).ilog2()
}

/// Weight words (of the four in a PE) that cycle `step` of a row's loads writes, on a weight bus of `bus` words: those of
/// `min(bus, 8/A)` lanes, each copied to every crumb it serves. Word i of the PE is written with bus word [`bus_word`].
pub const fn load_mask(act: ActBits, step: usize, bus: usize) -> u8 {
    match (act, bus) {
        (ActBits::A4, 1) => 0b0011 << (2 * step),
        (ActBits::A2, 1) => 0b0001 << step,
        (ActBits::A2, 2) => 0b0101 << step,
        _ => 0b1111,
    }
}

/// The word of the weight bus, of `bus`, that weight word `i` of a PE takes: the same in every mode, so that no multiplexer stands in a PE.
pub const fn bus_word(i: usize, bus: usize) -> usize {
    i * bus / 4
}

/// The lane whose weight word stands in word `lane_word` of the bus in cycle `step` of a row's loads: neighbouring lanes, each as often as
/// the bus is wider than they are many.
pub const fn bus_lane(act: ActBits, step: usize, bus_word: usize, bus: usize) -> usize {
    let words = words_per_load(act, bus);
    step * words + bus_word * words / bus
}

/// Weight words of a row that one weight-bus cycle delivers: `min(bus, 8/A)`.
pub const fn words_per_load(act: ActBits, bus: usize) -> usize {
    if act.lanes() < bus { act.lanes() } else { bus }
}

/// Whether crumbs 1 and 2 of an activation word change places before the array. With two bus words, word 0 reaches crumbs 0 and 1 of every
/// PE, word 1 crumbs 2 and 3 ([`bus_word`]); at A2 they are the words of neighbouring lanes, so lane 1 must meet crumb 2.
/// All four crumbs count alike there.
pub const fn crosses_crumbs(act: ActBits, bus: usize) -> bool {
    matches!(act, ActBits::A2) && bus == 2
}

/// An activation word with crumbs 1 and 2 in each other's place.
pub const fn cross_crumbs(word: u8) -> u8 {
    word & 0b1100_0011 | (word & 0b1100) << 2 | (word & 0b11_0000) >> 2
}

/// Whether crumb column `j` carries the top crumb of a weight lane, to which the weight offset belongs.
pub const fn is_top_crumb(weight: WeightBits, j: usize) -> bool {
    match weight {
        WeightBits::W8 | WeightBits::W6 => j == 3,
        WeightBits::W4 => j == 1 || j == 3,
        WeightBits::W2 => true,
    }
}

/// Lane that accumulator bank `bank` takes after the combiner, counted in crumb columns (the lane's lowest crumb).
pub const fn bank_lane(weight: WeightBits, bank: usize) -> usize {
    match weight {
        WeightBits::W8 | WeightBits::W6 => 0,
        WeightBits::W4 => (bank & 1) * 2,
        WeightBits::W2 => bank,
    }
}

/// Whether accumulator bank `bank` takes part in pass `part`.
pub const fn bank_takes_part(weight: WeightBits, part: u8, bank: usize) -> bool {
    match weight {
        WeightBits::W8 | WeightBits::W6 => bank == part as usize,
        WeightBits::W4 => bank >> 1 == part as usize,
        WeightBits::W2 => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::{Rounding, range};
    use crate::switch::WeightFormat;

    #[test]
    fn a_brick_is_a_product() {
        for a in 0..4 {
            for w in 0..4 {
                assert_eq!(brick(a, w), a * w);
            }
        }
    }

    /// Every operand pair of every lane of a PE, in all nine modes and all four sign combinations, against plain multiplication.
    #[test]
    fn every_lane_of_a_pe_multiplies_exactly() {
        for act in ActBits::ALL {
            for weight in WeightBits::LANE_WIDTHS {
                for (a_signed, w_signed) in [(true, true), (true, false), (false, true), (false, false)] {
                    let (a_lo, a_hi) = range(act.bits(), a_signed);
                    let (w_lo, w_hi) = range(weight.bits(), w_signed);
                    for a in a_lo..=a_hi {
                        for w in w_lo..=w_hi {
                            check_pair(act, weight, a_signed, w_signed, a, w);
                        }
                    }
                }
            }
        }
    }

    fn check_pair(act: ActBits, weight: WeightBits, a_signed: bool, w_signed: bool, a: i32, w: i32) {
        let a_mask = (1 << act.bits()) - 1;
        let w_mask = (1 << weight.bits()) - 1;
        let w_flip = if w_signed { 1 << (weight.bits() - 1) } else { 0 };
        for (k, n, bus) in (0..act.lanes()).flat_map(|k| (0..weight.lanes()).flat_map(move |n| [1, 2, 4].map(|bus| (k, n, bus))))
        {
            // Activation `a` in K-lane k and weight `w` in N-lane n; every other lane holds 0 (as offset binary does).
            let word = ((a & a_mask) << (k as u32 * act.bits())) as u8 ^ activation_flip(act, a_signed);
            let word = if crosses_crumbs(act, bus) { cross_crumbs(word) } else { word };
            let zero_lanes: i32 = (0..weight.lanes()).map(|l| w_flip << (l as u32 * weight.bits())).sum();
            let with_w = zero_lanes ^ ((w & w_mask) << (n as u32 * weight.bits()));
            let lane_word = |lane: usize| if lane == k { with_w } else { zero_lanes } as u8;
            let (mut words, mut delivered) = ([0u8; 4], Vec::new());
            for step in 0..act.lanes().div_ceil(bus) {
                let on_bus: Vec<u8> = (0..bus).map(|b| lane_word(bus_lane(act, step, b, bus))).collect();
                for (i, slot) in words.iter_mut().enumerate().filter(|(i, _)| load_mask(act, step, bus) >> i & 1 == 1) {
                    *slot = on_bus[bus_word(i, bus)];
                }
                delivered.extend(on_bus);
            }
            let oa = if a_signed { 1 << bus_offset_log2(act, bus) } else { 0 };
            let crumbs = weight.bits() as usize / 2;
            let product: i32 = (0..crumbs)
                .map(|j| {
                    let column = n * crumbs + j;
                    let s = i32::from(column_sum(word, words, column, act));
                    let u: i32 = delivered.iter().map(|&w| i32::from(crumb(w, column))).sum();
                    let top = if w_signed && is_top_crumb(weight, column) { 2 * a } else { 0 };
                    (s - oa * u - top) << (2 * j)
                })
                .sum();
            assert_eq!(product, a * w, "{act:?} {weight:?} signed {a_signed} {w_signed} a={a} w={w} k={k} n={n} bus={bus}");
        }
    }

    #[test]
    fn w6_runs_in_an_8_bit_lane() {
        let format = WeightFormat::top(WeightBits::W6, Rounding::HalfEven);
        assert_eq!(format.offset_binary(-128), (-32i8) as u8 ^ 0x80);
        assert_eq!(format.zero_word(), 0x80);
    }
}
