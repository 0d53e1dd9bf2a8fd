//! The array against a PE as the contract writes it, register for register.

use super::*;
use crate::datapath::tests::{Random, config};
use crate::trace::Collector;

/// A PE as the contract writes it, register for register.
#[derive(Clone, Default)]
struct Pe {
    act: Vec<u8>,
    ctl: (u8, bool, u8),
    weight: Vec<u8>,
    shadow: Vec<u8>,
    active: Vec<u8>,
    pair: Vec<[u8; 2]>,
    sum: Vec<u16>,
    mode: u8,
    tree: Vec<Vec<u16>>,
    psum: [u16; 4],
}

impl Pe {
    fn new(depth: usize, bus: usize) -> Self {
        let tree = (1..=ceil_log2(depth)).map(|level| vec![0; (4 * depth) >> level]).collect();
        let (byte, words) = (vec![0; depth], vec![0; 4 * depth]);
        let (pair, sum) = (vec![[0; 2]; 4 * depth], vec![0; 4 * depth]);
        Self { act: byte, weight: vec![0; bus * depth], shadow: words.clone(), active: words, pair, sum, tree, ..Self::default() }
    }

    fn edge(&self, act: &[u8], ctl: (u8, bool, u8), weight: &[u8], above: [u16; 4]) -> Self {
        let mut next = Self { act: act.to_vec(), ctl, weight: weight.to_vec(), mode: self.ctl.0, ..self.clone() };
        for n in 0..self.sum.len() {
            let (d, low) = (n / 4, n % 4);
            if ctl.2 >> low & 1 == 1 {
                // A quarter of the bus, or the word that holds it.
                let (depth, bus) = (self.act.len(), weight.len() / self.act.len());
                next.shadow[n] = weight[low * bus / 4 * depth + d];
            }
            if ctl.1 {
                next.active[n] = self.shadow[n];
            }
            let b: [u8; 4] = std::array::from_fn(|i| brick(crumb(self.act[d], i), crumb(self.active[4 * d + i], low)));
            let k = if self.ctl.0 == 2 { 1 } else { 4 };
            next.pair[n] = [b[0] + k * b[1], b[2] + k * b[3]];
            next.sum[n] = u16::from(self.pair[n][0]) + if self.mode == 0 { 16 } else { 1 } * u16::from(self.pair[n][1]);
        }
        let mut below = self.sum.clone();
        for (level, tree) in next.tree.iter_mut().enumerate() {
            *tree = below.chunks(8).flat_map(|pair| (0..4).map(|j| pair[j] + pair[j + 4]).collect::<Vec<_>>()).collect();
            below = self.tree[level].clone();
        }
        next.psum = std::array::from_fn(|j| above[j].wrapping_add(below[j]));
        next
    }

    fn registers(&self, bits: u32) -> Vec<u64> {
        let words = |words: &[u8]| words.iter().map(|&w| u64::from(w)).collect::<Vec<_>>();
        let ctl = u64::from(self.ctl.2) | u64::from(self.ctl.1) << 4 | u64::from(self.ctl.0) << 5;
        let columns = self.pair.iter().zip(&self.sum).flat_map(|(p, &s)| [p[0].into(), p[1].into(), s.into()]);
        [number(&self.act), ctl, number(&self.weight)]
            .into_iter()
            .chain(words(&self.shadow))
            .chain(words(&self.active))
            .chain(columns)
            .chain([self.mode.into()])
            .chain(self.tree.iter().flatten().map(|&sum| sum.into()))
            .chain(self.psum.iter().map(|&psum| u64::from(psum) & ((1 << bits) - 1)))
            .collect()
    }
}

#[test]
fn places_are_those_of_a_brick_column() {
    for act in 0..=255 {
        for bits in ActBits::ALL {
            for (i, place) in places(act, bits.code()).into_iter().enumerate() {
                // Brick columns are linear in the weight crumbs: one crumb of 1 picks its place.
                let weights = std::array::from_fn(|k| u8::from(k == i));
                assert_eq!(place, crumb_arch::brick::column_sum(act, weights, 0, bits), "{act:#x} at {bits:?}, crumb {i}");
            }
        }
    }
}

#[test]
fn every_register_of_every_pe_is_the_contracts_under_random_operands() {
    for (rows, cols, depth, bus) in
        [(4, 5, 1, 1), (5, 9, 2, 1), (4, 10, 4, 1), (6, 5, 1, 2), (4, 9, 4, 2), (8, 5, 1, 4), (4, 10, 2, 4)]
    {
        let config = config(rows, cols, depth, bus);
        let mut random = Random(rows as u64);
        let mut array = Array::new(&config);
        let mut pes = vec![vec![Pe::new(depth, bus); cols]; rows];
        for cycle in 0..400 {
            let act: Vec<u8> = (0..rows * depth).map(|_| random.below(256) as u8).collect();
            let weight: Vec<u8> = (0..cols * bus * depth).map(|_| random.below(256) as u8).collect();
            let mut init = vec![Lanes::default(); cols.div_ceil(LANES)];
            init.iter_mut().flatten().flatten().for_each(|x| *x = random.below(1 << 16) as u16);
            let mut ctl = vec![Issue::default(); rows];
            for (r, issue) in ctl.iter_mut().enumerate() {
                (issue.act.a_code, issue.act.swap) = (random.below(4) as u8, random.below(3) == 0);
                (issue.weight.row, issue.weight.mask) = (r as u8, random.below(16) as u8);
                issue.weight.valid = random.below(2) == 0;
            }
            let old = pes.clone();
            for r in 0..rows {
                for c in 0..cols {
                    let edge = (ctl[r].act.a_code, ctl[r].act.swap, ctl[r].load(r));
                    let (act, ctl) =
                        if c == 0 { (&act[r * depth..][..depth], edge) } else { (&old[r][c - 1].act[..], old[r][c - 1].ctl) };
                    let top = init[c / LANES].map(|lanes| lanes[c % LANES]);
                    let (weight, above) = if r == 0 {
                        (&weight[c * bus * depth..][..bus * depth], top)
                    } else {
                        (&old[r - 1][c].weight[..], old[r - 1][c].psum)
                    };
                    pes[r][c] = old[r][c].edge(act, ctl, weight, above);
                }
            }
            array.clock(&act, &ctl, &weight, &init);
            let mut seen = Collector::default();
            array.visit(&mut seen);
            let expected: Vec<u64> = pes.iter().flatten().flat_map(|pe| pe.registers(config.psum_bits())).collect();
            assert_eq!(seen.registers.len(), expected.len());
            for (register, expected) in seen.registers.iter().zip(expected) {
                assert_eq!(register.value, expected, "{} of {rows}x{cols}x{depth}, bus {bus}, in cycle {cycle}", register.path);
            }
        }
    }
}
