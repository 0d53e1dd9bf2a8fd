//! The fixed int8 PE (`verilog/fixed_pe.v`) in plain Rust: what its neighbours give it, and what it must do.

use crate::blocks::Stimulus;

/// Flips the top bit of a byte: offset binary to two's complement.
const TOP: u64 = 0x80;
/// The psum's 24 bits.
const PSUM: u64 = 0xFF_FFFF;

/// The registers of one fixed PE, products as two's complement.
#[derive(Clone, Copy, Debug, Default)]
struct Pe {
    act: u64,
    control: u64,
    weight: u64,
    shadow: u64,
    active: u64,
    halves: i64,
    product: i64,
    psum: u64,
}

impl Pe {
    /// Its registers one cycle later.
    fn clock(&mut self, [act, control, weight]: [u64; 3], psum_in: u64, signed: bool) {
        let byte = |x: u64| i64::from(x as u8 as i8);
        let a = if signed { byte(self.act) } else { self.act as i64 };
        self.psum = psum_in.wrapping_add(self.product as u64) & PSUM;
        self.product = self.halves;
        self.halves = a * byte(self.active);
        if control >> 1 & 1 == 1 {
            self.active = self.shadow;
        }
        if control & 1 == 1 {
            self.shadow = weight;
        }
        (self.act, self.control, self.weight) = (act, control, weight);
    }
}

/// What stands at the ports of the lowest of a column of PEs. `rows[r]` is what Crumb's PE of row r sees at A8 and W8: activation,
/// control, weight; offset binary becomes two's complement, and the masks of loads become one bit.
pub fn stimulus(rows: &[[Vec<u64>; 3]], signed: bool) -> Stimulus {
    let cycles = rows.iter().flatten().map(Vec::len).min().unwrap_or(0);
    let last = rows.len().saturating_sub(1);
    let mut column = vec![Pe::default(); rows.len()];
    let flip = if signed { TOP } else { 0 };
    let mut ports: [Vec<u64>; 6] = Default::default();
    for t in 0..cycles {
        let above = last.checked_sub(1).map_or(0, |row| column[row].psum);
        let inputs: Vec<[u64; 3]> = rows
            .iter()
            .map(|[act, ctl, weight]| [act[t] ^ flip, u64::from(ctl[t] & 15 != 0) | (ctl[t] >> 4 & 1) << 1, weight[t] ^ TOP])
            .collect();
        if let (Some(&[act, control, weight]), Some(pe)) = (inputs.last(), column.last()) {
            let now = [act, control & 1, control >> 1, weight, above, pe.psum];
            ports.iter_mut().zip(now).for_each(|(port, value)| port.push(value));
        }
        for row in (0..rows.len()).rev() {
            let above = row.checked_sub(1).map_or(0, |above| column[above].psum);
            column[row].clock(inputs[row], above, signed);
        }
    }
    let [act, load, swap, weight, psum_in, psum_out] = ports;
    let inputs = vec![("act_in", act), ("load_in", load), ("swap_in", swap), ("weight_in", weight), ("psum_in", psum_in)];
    Stimulus { inputs, outputs: vec![("psum_out", psum_out)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rows_multiply_what_they_were_given() {
        // Both rows load in cycle 0 and swap in cycle 1, with their first activation; the second row a cycle later.
        let row = |late: usize, act: u64, weight: u64| {
            let at =
                |t: usize, value: u64, rest: u64| (0..12).map(|i| if i == t + late { value } else { rest }).collect::<Vec<_>>();
            let control = (0..12).map(|i| if i == late { 15 } else { u64::from(i == late + 1) << 4 }).collect();
            [at(1, act ^ TOP, TOP), control, at(0, weight ^ TOP, TOP)]
        };
        let [x, y, v, w] = [-100_i64, 7, 90, -128].map(|x| x as u8 as u64);
        let done = stimulus(&[row(0, x, v), row(1, y, w)], true);
        let psum = &done.outputs[0].1;
        // In at cycle 2 (row 1), visible four cycles later; before that, the other weights were zero.
        assert_eq!(psum[6], (-100 * 90 + 7 * -128_i64) as u64 & PSUM, "{psum:?}");
        assert_eq!([psum[5], psum[7]], [0, 0]);
    }
}
