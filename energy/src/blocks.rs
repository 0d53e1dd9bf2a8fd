//! The blocks that are measured: their Verilog, and the registers of the machine that stand at their ports.
//!
//! A block's inputs are wires from other blocks' registers; its outputs are compared with its own registers, cycle by cycle, so a wrong
//! connection, a wrong gate or a wrong simulation is an error and not a wrong energy.

use crate::fixed;
use crate::tap::{Tap, field};
use crumb_arch::ArrayConfig;

/// What is at a block's ports in every cycle.
#[derive(Clone, Debug, Default)]
pub struct Stimulus {
    /// Inputs, by port.
    pub inputs: Vec<(&'static str, Vec<u64>)>,
    /// What the outputs must be.
    pub outputs: Vec<(&'static str, Vec<u64>)>,
}

/// Where in the array: a row and a column, neither the first.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Rows of the array.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Row.
    pub row: usize,
    /// Column.
    pub col: usize,
}

impl Place {
    /// Four places on the diagonal from the second row and column to the last.
    pub fn sample(config: &ArrayConfig) -> Vec<Self> {
        let (rows, cols) = (config.rows, config.cols);
        let along = |i: usize, size: usize| 1 + i * (size - 2) / 3;
        (0..4).map(|i| Self { rows, cols, row: along(i, rows), col: along(i, cols) }).collect()
    }

    fn pe(&self, row: usize, col: usize, register: &str) -> String {
        format!("array.pe_{}.{register}", row * self.cols + col)
    }

    /// The PE's psum of crumb column `j`.
    fn psum(&self, row: usize, j: usize) -> String {
        self.pe(row, self.col, &format!("psum_{j}"))
    }

    /// What row `row` of this column sees: activation, control, weight.
    pub fn operands(&self, tap: &mut Tap<'_>, row: usize) -> [Vec<u64>; 3] {
        let weight = match row.checked_sub(1) {
            Some(above) => self.pe(above, self.col, "weight"),
            None => format!("column_edge_{}.weight", self.col),
        };
        [self.pe(row, self.col - 1, "act"), self.pe(row, self.col - 1, "ctl"), weight].map(|path| tap.register(path))
    }
}

const PSUM_IN: [&str; 4] = ["psum_in0", "psum_in1", "psum_in2", "psum_in3"];
const PSUM_OUT: [&str; 4] = ["psum_out0", "psum_out1", "psum_out2", "psum_out3"];

/// A processing element.
pub fn pe(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let [act, ctl, weight] = at.operands(tap, at.row);
    let mut inputs = vec![("act_in", act), ("ctl_in", ctl), ("weight_in", weight)];
    inputs.extend((0..4).map(|j| (PSUM_IN[j], tap.register(at.psum(at.row - 1, j)))));
    let own = |tap: &mut Tap<'_>, name: &str| tap.register(at.pe(at.row, at.col, name));
    let mut outputs = vec![("act_out", own(tap, "act")), ("ctl_out", own(tap, "ctl")), ("weight_out", own(tap, "weight"))];
    outputs.extend((0..4).map(|j| (PSUM_OUT[j], tap.register(at.psum(at.row, j)))));
    Stimulus { inputs, outputs }
}

/// All registers of a PE of depth 1.
pub fn pe_registers(at: &Place) -> Vec<String> {
    let mut names = ["act", "ctl", "weight", "mode"].map(str::to_owned).to_vec();
    for i in 0..4 {
        names.extend([format!("shadow_{i}"), format!("active_{i}"), format!("psum_{i}")]);
        names.extend(["pair_0", "pair_1", "sum"].map(|name| format!("column_{i}.{name}")));
    }
    names.iter().map(|name| at.pe(at.row, at.col, name)).collect()
}

/// The fixed PE in the same place, with signed activations or unsigned ones.
pub fn fixed_pe(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let rows: Vec<_> = (0..=at.row).map(|row| at.operands(tap, row)).collect();
    // The sign of activations at A8, as the row's edge was told it with them.
    let signed = tap.bits(format!("row_edge_{}.ctl", at.row), 5, 1);
    fixed::stimulus(&rows, signed.contains(&1))
}

/// The sixteen bricks of a PE.
pub fn bricks(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let own = |tap: &mut Tap<'_>, name: &str| tap.register(at.pe(at.row, at.col, name));
    let names = [("act", "act"), ("word0", "active_0"), ("word1", "active_1"), ("word2", "active_2"), ("word3", "active_3")];
    let inputs: Vec<_> = names.iter().map(|&(port, register)| (port, own(tap, register))).collect();
    Stimulus { inputs, outputs: Vec::new() }
}

/// One brick column of a PE: the adders behind its four bricks.
pub fn brick_column(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let own = |tap: &mut Tap<'_>, name: &str| tap.register(at.pe(at.row, at.col, name));
    let act = own(tap, "act");
    let words = [0, 1, 2, 3].map(|i| own(tap, &format!("active_{i}")));
    let brick = |t: usize, i: usize| ((act[t] >> (2 * i) & 3) * (words[i][t] & 3)) << (4 * i);
    let products = (0..act.len()).map(|t| (0..4).map(|i| brick(t, i)).sum()).collect();
    let pair_mode = field(&own(tap, "ctl"), 5, 2);
    let inputs = vec![("products", products), ("pair_mode", pair_mode), ("sum_mode", own(tap, "mode"))];
    Stimulus { inputs, outputs: vec![("sum_out", own(tap, "column_0.sum"))] }
}

/// The psum adder of one crumb column, with its register.
pub fn psum_adder(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let inputs =
        vec![("sum", tap.register(at.pe(at.row, at.col, "column_0.sum"))), ("psum_in", tap.register(at.psum(at.row - 1, 0)))];
    Stimulus { inputs, outputs: vec![("psum_out", tap.register(at.psum(at.row, 0)))] }
}

/// The precision switch of one column; its output is the next value of the edge's register.
pub fn precision_switch(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let edge = |name: &str| format!("column_edge_{}.{name}", at.col);
    // `ColumnIssue`: valid 1, address 18, real 1, first 1, w_code 2, slice 2, rounding 2, part 2, ...
    let fields = [("is_real", 19, 1), ("w_code", 21, 2), ("slice", 23, 2), ("rounding", 25, 2), ("part", 27, 2)];
    let mut inputs = vec![("word", tap.register(edge("word_0")))];
    inputs.extend(fields.map(|(port, low, width)| (port, tap.bits(edge("col_ctl"), low, width))));
    Stimulus { inputs, outputs: vec![("weight", tap.next(edge("weight")))] }
}

/// The row sum of one row.
pub fn row_sum(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let edge = |name: &str| format!("row_edge_{}.{name}", at.row);
    let total = |row: usize| format!("array.row_sum_{row}.total");
    // `RowControl`: load 4, swap 1, act_signed 1, a_code 2; `Ctl` is the same without act_signed.
    let control = tap.register(edge("ctl"));
    let ctl = control.iter().map(|word| word & 31 | word >> 6 << 5).collect();
    let inputs = vec![
        ("act_in", tap.register(edge("act"))),
        ("ctl_in", ctl),
        ("act_signed", field(&control, 5, 1)),
        ("total_in", tap.register(total(at.row - 1))),
    ];
    Stimulus { inputs, outputs: vec![("total_out", tap.register(total(at.row)))] }
}

/// The column sum above one column.
pub fn column_sum(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let edge = |name: &str| format!("column_edge_{}.{name}", at.col);
    let ports = ["init_out0", "init_out1", "init_out2", "init_out3"];
    let inputs = vec![("weight_in", tap.register(edge("weight"))), ("control", tap.register(edge("col_edge")))];
    let init = |j: usize| format!("array.column_sum_{}.init_{j}", at.col);
    Stimulus { inputs, outputs: (0..4).map(|j| (ports[j], tap.register(init(j)))).collect() }
}

/// The combiner of one column.
pub fn combiner(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let left = |name: &str| format!("combiner_{}.{name}", at.col - 1);
    let psums = ["psum0", "psum1", "psum2", "psum3"];
    let values = ["value0", "value1", "value2", "value3"];
    let mut inputs: Vec<_> = (0..4).map(|j| (psums[j], tap.register(at.psum(at.rows - 1, j)))).collect();
    inputs.extend([("total_in", tap.register(left("total"))), ("token_in", tap.register(left("token1")))]);
    let outputs = (0..4).map(|b| (values[b], tap.register(format!("combiner_{}.value_{b}", at.col)))).collect();
    Stimulus { inputs, outputs }
}

/// The adders of one column's accumulator. The memories are no registers: what they deliver is what the sums say they delivered.
pub fn accumulator_adder(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let token = tap.register(format!("combiner_{}.token4", at.col));
    // `Token`: valid 1, last 1, w_code 2, w_signed 1, act_signed 1, part 2, half 1, address 12, accumulate 1, shift 3.
    let (half, accumulate) = (field(&token, 8, 1), field(&token, 21, 1));
    let mut inputs = vec![("half", half.clone()), ("accumulate", accumulate.clone())];
    let mut outputs = Vec::new();
    let ports = [
        ("value0", ["low0", "high0"], "result0"),
        ("value1", ["low1", "high1"], "result1"),
        ("value2", ["low2", "high2"], "result2"),
        ("value3", ["low3", "high3"], "result3"),
    ];
    for (b, (value_port, stored_ports, result_port)) in ports.into_iter().enumerate() {
        let value = tap.register(format!("combiner_{}.value_{b}", at.col));
        let result = tap.register(format!("accumulator_{}.result_{b}", at.col));
        for (which, port) in stored_ports.into_iter().enumerate() {
            let mut word = 0;
            let stored = (0..value.len()).map(|t| {
                if accumulate[t] == 1 && half[t] == which as u64 {
                    word = result.get(t + 1).map_or(word, |sum| sum.wrapping_sub(value[t]) & 0xFFFF_FFFF);
                }
                word
            });
            inputs.push((port, stored.collect()));
        }
        inputs.push((value_port, value));
        outputs.push((result_port, result));
    }
    Stimulus { inputs, outputs }
}

/// The requantizer of one column. The parameter memory is no register: what it delivers is what the first stage says it did.
pub fn requantizer(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let own = |name: &str| format!("requantizer_{}.{name}", at.col);
    let acc = tap.register(format!("read_stage.word_{}", at.col));
    let adjust = tap.register("drain.exponent_adjust".into());
    let sum = tap.next(own("sum1"));
    let exponent = tap.next(own("exponent1"));
    // Six bits, two's complement, to eight.
    let wide = |x: u64| if x & 32 == 0 { x } else { x | 0xC0 };
    let bias = sum.iter().zip(&acc).map(|(sum, acc)| sum.wrapping_sub(*acc) & 0xFFFF_FFFF).collect();
    let shift = exponent.iter().zip(&adjust).map(|(exponent, adjust)| exponent.wrapping_sub(wide(*adjust)) & 0xFF).collect();
    let mut inputs = vec![("acc", acc), ("bias", bias), ("shift", shift), ("significand", tap.next(own("significand1")))];
    let held = [("zero_point", "drain.zero_point"), ("lo", "drain.lo"), ("hi", "drain.hi")];
    inputs.extend(held.map(|(port, path)| (port, tap.register(path.into()))));
    inputs.push(("exponent_adjust", adjust));
    Stimulus { inputs, outputs: vec![("value", tap.register(own("value13")))] }
}

/// The same with the sums held but for those that a drain reads: what passes on its way to the accumulators' adders does not enter.
pub fn requantizer_of_drains(tap: &mut Tap<'_>, at: &Place) -> Stimulus {
    let Stimulus { mut inputs, .. } = requantizer(tap, at);
    // The drain's token that stands beside the read stage; bit 0 says that there is one.
    let drained = tap.bits("drain.pipe_1".into(), 0, 1);
    if let Some((_, acc)) = inputs.iter_mut().find(|(port, _)| *port == "acc") {
        let mut last = 0;
        for (word, valid) in acc.iter_mut().zip(drained) {
            last = if valid == 1 { *word } else { last };
            *word = last;
        }
    }
    Stimulus { inputs, outputs: Vec::new() }
}
