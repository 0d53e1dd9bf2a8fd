//! Column sum: minus the activation offset times the weight crumbs of one column; the psums of row 0 start from it.
//!
//! ```text
//!  crumbs j of the bus --> (+) --> usum[j] --swap--> hold[j] --> -(<< log2 oa) --> scaled[j] [--> wait..] --> init[j]
//!                           ^---------|
//! ```
//!
//! Latency: `init` changes three cycles after the swap reaches row 0 (+ log2 depth: `wait0`, `wait1`), with the first product
//! of the tile. Invariant: a column whose edge brings no load and no swap changes nothing, so only set bits cost here.

use crate::array::{LANES, Lanes};
use crate::skew::{Issue, ones, pack};
use crate::trace::Visitor;
use crumb_arch::brick::{bus_offset_log2, crumb};
use crumb_arch::config::ceil_log2;
use crumb_arch::{ActBits, ArrayConfig};
use std::fmt;

/// Registers of one column; crumb columns j.
#[derive(Clone, Default)]
struct Column {
    usum: [u16; 4],
    hold: [u16; 4],
    a_code: u8,
    act_signed: bool,
    scaled: [u16; 4],
    wait: [[u16; 4]; 2],
}

/// The column sums of all columns.
pub struct ColumnSum {
    columns: Vec<Column>,
    init: Vec<Lanes>,
    /// `col_edge[c].load_valid`, one bit for each column.
    load: u64,
    /// `col_edge[c].swap`, of s cycles ago.
    swap: [u64; 5],
    bus: usize,
    /// Weight words of a column at the array's edge, `weight_bus * depth`.
    words: usize,
    waits: usize,
    usum_bits: u32,
    psum_bits: u32,
}

impl ColumnSum {
    /// Column sums at rest.
    pub fn new(config: &ArrayConfig) -> Self {
        Self {
            columns: vec![Column::default(); config.cols],
            init: vec![Lanes::default(); config.cols.div_ceil(LANES)],
            load: 0,
            swap: [0; 5],
            bus: config.weight_bus,
            words: config.word_k(),
            waits: ceil_log2(config.depth) as usize,
            usum_bits: config.crumb_sum_bits(),
            psum_bits: config.psum_bits(),
        }
    }

    /// What the psums of row 0 start from.
    #[inline(always)]
    pub fn init(&self) -> &[Lanes] {
        &self.init
    }

    /// One clock edge. `weight` and `col_edge` column by column, as at the array's edge; `next` is what `col_edge[0]` loads.
    #[inline(always)]
    pub fn clock(&mut self, weight: &[u8], col_edge: &[Issue], next: &Issue) {
        let cols = self.columns.len();
        if self.swap.iter().fold(0, |any, bits| any | bits) != 0 {
            self.pass_on(col_edge);
        }
        let mask = (1 << self.usum_bits) - 1;
        for c in ones(self.load, cols) {
            let column = &mut self.columns[c];
            for (j, usum) in column.usum.iter_mut().enumerate() {
                let base = if col_edge[c].weight.first { 0 } else { *usum };
                let crumbs: u16 = weight[c * self.words..][..self.words].iter().map(|&word| u16::from(crumb(word, j))).sum();
                *usum = (base + crumbs) & mask;
            }
        }
        self.load = self.load << 1 | u64::from(next.weight.valid);
        self.swap.copy_within(..4, 1);
        self.swap[0] = self.swap[0] << 1 | u64::from(next.act.swap);
    }

    /// Moves the sums of columns that swap, or swapped in the cycles before, one register on.
    fn pass_on(&mut self, col_edge: &[Issue]) {
        let cols = self.columns.len();
        for c in ones(self.swap[2 + self.waits], cols) {
            let column = &self.columns[c];
            let last = if self.waits == 0 { column.scaled } else { column.wait[self.waits - 1] };
            for (lanes, value) in self.init[c / LANES].iter_mut().zip(last) {
                lanes[c % LANES] = value;
            }
        }
        for w in (0..self.waits).rev() {
            for c in ones(self.swap[2 + w], cols) {
                let column = &mut self.columns[c];
                column.wait[w] = if w == 0 { column.scaled } else { column.wait[w - 1] };
            }
        }
        for c in ones(self.swap[1], cols) {
            let column = &mut self.columns[c];
            let bits = ActBits::from_code(column.a_code).unwrap_or(ActBits::A2);
            let offset = if column.act_signed { 1u16 << bus_offset_log2(bits, self.bus) } else { 0 };
            column.scaled = column.hold.map(|hold| hold.wrapping_mul(offset).wrapping_neg());
        }
        for c in ones(self.swap[0], cols) {
            let column = &mut self.columns[c];
            column.hold = column.usum;
            (column.a_code, column.act_signed) = (col_edge[c].act.a_code, col_edge[c].act.act_signed);
        }
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        for (c, column) in self.columns.iter().enumerate() {
            v.scope(format_args!("column_sum_{c}"));
            let mut show = |name: fmt::Arguments<'_>, width: u32, values: [u16; 4]| {
                for (j, value) in values.into_iter().enumerate() {
                    v.register(format_args!("{name}_{j}"), width, u64::from(value) & ((1 << width) - 1));
                }
            };
            show(format_args!("usum"), self.usum_bits, column.usum);
            show(format_args!("hold"), self.usum_bits, column.hold);
            show(format_args!("scaled"), self.psum_bits, column.scaled);
            for (w, &wait) in column.wait[..self.waits].iter().enumerate() {
                show(format_args!("wait{w}"), self.psum_bits, wait);
            }
            show(format_args!("init"), self.psum_bits, self.init[c / LANES].map(|lanes| lanes[c % LANES]));
            v.register("hold_mode", 3, pack(&[(2, column.a_code.into()), (1, column.act_signed.into())]));
            v.end();
        }
    }
}
