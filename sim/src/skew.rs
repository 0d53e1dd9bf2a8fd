//! Skew and edges: issues and tokens move along chains, so that every row, column and combiner acts in its own cycle.
//!
//! ```text
//!  issue --+--> row[0] --> row[1] ...   row[r] --> bank r ---> word[r] --^ sign mask --> act[r]
//!          |                               +-----> row_read[r] -> row_ctl[r] ---------> ctl[r]
//!          +--> col[0] --> col[1] ...   col[c] --> bank c ---> word[c] --> precision switch, bus --> weight[c]
//!                                          +-----> col_read[c] -> col_ctl[c] ----------------------> col_edge[c]
//!  token -> token[0] --> token[1] ...   combiner[c]: token1 .. token5
//! ```
//!
//! Latency: an issue in cycle t reaches the array's edge at t + 4 (+ r or + c). Invariant: a chain is a delay, so all its
//! registers are one history, read at an age: `row[r]` is the issue of age r, `row_read[r]` of age r + 1, `row_ctl[r]` of age r + 2, `ctl[r]` of age r + 3.

use crate::activation_buffer::ActivationBuffer;
use crate::datapath::{ActivationIssue, WeightIssue};
use crate::trace::{Visitor, number, wide};
use crate::weight_memory::WeightMemory;
use crumb_arch::brick::{activation_flip, bus_lane, cross_crumbs, crosses_crumbs};
use crumb_arch::{ActBits, ArrayConfig, Rounding, WeightBits, WeightFormat};

/// A delay line: what was pushed, newest first. Moves once in `SLACK` pushes.
pub struct History<T> {
    items: Vec<T>,
    head: usize,
}

const SLACK: usize = 64;

impl<T: Copy + Default> History<T> {
    /// A history of `length` default items.
    pub fn new(length: usize) -> Self {
        Self { items: vec![T::default(); length + SLACK], head: SLACK }
    }

    /// A new item of age 0.
    #[inline(always)]
    pub fn push(&mut self, item: T) {
        if self.head == 0 {
            let length = self.items.len() - SLACK;
            self.items.copy_within(..length, SLACK);
            self.head = SLACK;
        }
        self.head -= 1;
        self.items[self.head] = item;
    }

    /// The item of an age.
    #[inline(always)]
    pub fn get(&self, age: usize) -> &T {
        &self.items[self.head + age]
    }

    /// The items of an age and older.
    #[inline(always)]
    pub fn from(&self, age: usize) -> &[T] {
        &self.items[self.head + age..]
    }
}

/// What the row and column chains carry.
#[derive(Clone, Copy, Default)]
pub struct Issue {
    /// Activation side; `swap` only when valid.
    pub act: ActivationIssue,
    /// Weight side.
    pub weight: WeightIssue,
}

impl Issue {
    /// Shadow words that row `r` loads.
    #[inline(always)]
    pub fn load(&self, r: usize) -> u8 {
        if self.weight.valid && usize::from(self.weight.row) == r { self.weight.mask } else { 0 }
    }

    fn row_bits(&self) -> u64 {
        let (a, w) = (&self.act, &self.weight);
        pack(&[
            (16, a.address.into()),
            (2, a.a_code.into()),
            (1, a.act_signed.into()),
            (1, a.swap.into()),
            (1, w.valid.into()),
            (8, w.row.into()),
            (4, w.mask.into()),
        ])
    }

    fn row_control_bits(&self, r: usize) -> u64 {
        pack(&[(4, self.load(r).into()), (1, self.act.swap.into()), (1, self.act.act_signed.into()), (2, self.act.a_code.into())])
    }

    fn column_bits(&self) -> u64 {
        let (a, w) = (&self.act, &self.weight);
        pack(&[
            (1, w.valid.into()),
            (18, w.address.into()),
            (1, w.real.into()),
            (1, w.first.into()),
            (2, w.w_code.into()),
            (2, w.slice.into()),
            (2, w.rounding.into()),
            (2, w.part.into()),
            (1, a.swap.into()),
            (2, a.a_code.into()),
            (1, a.act_signed.into()),
        ])
    }

    fn column_control_bits(&self) -> u64 {
        let (a, w) = (&self.act, &self.weight);
        pack(&[(1, w.valid.into()), (1, w.first.into()), (1, a.swap.into()), (2, a.a_code.into()), (1, a.act_signed.into())])
    }
}

/// Fields `(width, value)` of a struct register, the first in the lowest bits.
pub fn pack(fields: &[(u32, u64)]) -> u64 {
    fields.iter().rev().fold(0, |bits, &(width, value)| bits << width | value & ((1 << width) - 1))
}

/// The word of the address that stands in word `b` of the bus: a wide bus at a wide activation takes some of them, each several times.
#[inline(always)]
fn delivered(issue: &WeightIssue, b: usize, bus: usize) -> usize {
    if bus == 1 {
        return 0;
    }
    let act = ActBits::from_code(issue.a_code).unwrap_or(ActBits::A8);
    issue.address as usize & (bus - 1) | bus_lane(act, 0, b, bus)
}

/// `activation_flip` for a code as it stands in a register (3, illegal, flips like 2).
pub fn sign_mask(a_code: u8, act_signed: bool) -> u8 {
    activation_flip(ActBits::from_code(a_code).unwrap_or(ActBits::A2), act_signed)
}

/// The chains and edge registers.
pub struct Skew {
    issues: History<Issue>,
    /// `word` of the rows and of the columns: what the memories delivered a cycle ago.
    row_words: Vec<u8>,
    col_words: Vec<u32>,
    act: Vec<u8>,
    weight: Vec<u8>,
    switch: PrecisionSwitch,
    /// Columns whose `col` differs from the cycle before, or whose memory has been written: they must read.
    fresh: u64,
    /// Columns that read in the last cycle: `word` must take what was read.
    read: u64,
    /// Columns whose `word` is that of the last cycle: it must pass the switch.
    taken: u64,
    rows: usize,
    cols: usize,
    depth: usize,
    bus: usize,
}

impl Skew {
    /// Empty chains.
    pub fn new(config: &ArrayConfig) -> Self {
        Self {
            issues: History::new(config.rows.max(config.cols) + 4),
            row_words: vec![0; config.rows * config.depth],
            col_words: vec![0; config.cols * config.word_k()],
            act: vec![0; config.rows * config.depth],
            weight: vec![0; config.cols * config.word_k()],
            switch: PrecisionSwitch::new(),
            fresh: u64::MAX,
            read: u64::MAX,
            taken: u64::MAX,
            rows: config.rows,
            cols: config.cols,
            depth: config.depth,
            bus: config.weight_bus,
        }
    }

    /// Activation words at the array's edge, `depth` bytes for each row.
    #[inline(always)]
    pub fn act(&self) -> &[u8] {
        &self.act
    }

    /// Issues beside `act`, row by row: the registers `ctl[r]`.
    #[inline(always)]
    pub fn ctl(&self) -> &[Issue] {
        self.issues.from(3)
    }

    /// Weight words at the array's edge, `weight_bus * depth` bytes for each column.
    #[inline(always)]
    pub fn weight(&self) -> &[u8] {
        &self.weight
    }

    /// Issue beside `weight` of column 0 in the *next* cycle: what `col_edge[0]` loads.
    #[inline(always)]
    pub fn next_col_edge(&self) -> &Issue {
        self.issues.get(2)
    }

    /// One clock edge, in which the memories read.
    #[inline(always)]
    pub fn clock(
        &mut self,
        activations: &mut ActivationBuffer,
        weights: &mut WeightMemory,
        act: &ActivationIssue,
        weight: &WeightIssue,
    ) {
        let controls = self.issues.from(2);
        for ((act, data), issue) in
            self.act.chunks_exact_mut(self.depth).zip(self.row_words.chunks_exact(self.depth)).zip(controls)
        {
            let mask = sign_mask(issue.act.a_code, issue.act.act_signed);
            for (act, data) in act.iter_mut().zip(data) {
                *act = data ^ mask;
            }
            if self.bus == 2 && ActBits::from_code(issue.act.a_code).is_some_and(|bits| crosses_crumbs(bits, self.bus)) {
                act.iter_mut().for_each(|act| *act = cross_crumbs(*act));
            }
        }
        self.row_words.copy_from_slice(activations.data());
        activations.read(self.issues.from(0).iter().map(|issue| issue.act.address));

        let column = self.bus * self.depth;
        for c in ones(self.taken, self.cols) {
            let issue = &self.issues.get(c + 2).weight;
            let words = &self.col_words[c * column..][..column];
            for (b, weights) in self.weight[c * column..][..column].chunks_exact_mut(self.depth).enumerate() {
                let from = delivered(issue, b, self.bus) * self.depth;
                for (weight, &word) in weights.iter_mut().zip(&words[from..]) {
                    *weight = self.switch.apply(issue, word);
                }
            }
        }
        for c in ones(self.read, self.cols) {
            self.col_words[c * column..][..column].copy_from_slice(weights.data(c));
        }
        for c in ones(self.fresh, self.cols) {
            weights.read(c, self.issues.get(c).weight.address);
        }
        self.taken = self.read;
        self.read = self.fresh;
        self.fresh = self.fresh << 1 | u64::from(*weight != self.issues.get(0).weight);
        self.issues.push(Issue { act: ActivationIssue { swap: act.swap && act.valid, ..*act }, weight: *weight });
    }

    /// The weight memory has been written: every column must read again.
    pub fn weights_changed(&mut self) {
        self.fresh = u64::MAX;
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        for r in 0..self.rows {
            v.scope(format_args!("row_edge_{r}"));
            v.register("row_read", 8, self.issues.get(r + 1).row_control_bits(r));
            v.register("row_ctl", 8, self.issues.get(r + 2).row_control_bits(r));
            v.register("word", 8 * self.depth as u32, number(&self.row_words[r * self.depth..][..self.depth]));
            v.register("act", 8 * self.depth as u32, number(&self.act[r * self.depth..][..self.depth]));
            v.register("ctl", 8, self.issues.get(r + 3).row_control_bits(r));
            v.end();
        }
        for c in 0..self.cols {
            v.scope(format_args!("column_edge_{c}"));
            v.register("col_read", 33, self.issues.get(c + 1).column_bits());
            v.register("col_ctl", 33, self.issues.get(c + 2).column_bits());
            let column = self.bus * self.depth;
            for (i, &word) in self.col_words[c * column..][..column].iter().enumerate() {
                v.register(format_args!("word_{i}"), 32, word.into());
            }
            wide(v, "weight", &self.weight[c * column..][..column]);
            v.register("col_edge", 6, self.issues.get(c + 3).column_control_bits());
            v.end();
        }
    }

    /// The chains, for the scope `skew`.
    pub fn visit_chains(&self, v: &mut impl Visitor) {
        for r in 0..self.rows {
            v.register(format_args!("row_{r}"), 33, self.issues.get(r).row_bits());
        }
        for c in 0..self.cols {
            v.register(format_args!("col_{c}"), 33, self.issues.get(c).column_bits());
        }
        // A bus of one word delivers it at every width: nobody asks for it.
        let asked = if self.bus == 1 { 0 } else { self.cols + 2 };
        for age in 0..asked {
            v.register(format_args!("load_code_{age}"), 2, self.issues.get(age).weight.a_code.into());
        }
    }
}

/// The set bits below `limit`, lowest first.
#[inline(always)]
pub fn ones(bits: u64, limit: usize) -> impl Iterator<Item = usize> {
    let mut bits = bits & (u64::MAX >> (64 - limit));
    std::iter::from_fn(move || {
        let bit = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (bit < 64).then_some(bit)
    })
}

/// The precision switches of all columns, as tables from a stored byte to its lane.
struct PrecisionSwitch {
    tables: Vec<Table>,
}

struct Table {
    lanes: [u8; 256],
    zero: u8,
}

impl PrecisionSwitch {
    fn new() -> Self {
        let table = |index: u8| {
            let bits = WeightBits::from_code(index & 3).unwrap_or(WeightBits::W8);
            // A slice that the width does not have is its last one: slice 0 at W8 and W6, slice 1 at W4.
            let slice = (index >> 2 & 3).min(bits.slices() - 1);
            let rounding = Rounding::from_code(index >> 4).filter(|_| slice == 0).unwrap_or(Rounding::Floor);
            let format = WeightFormat { bits, slice, rounding };
            Table { lanes: std::array::from_fn(|byte| format.offset_binary(byte as u8 as i8)), zero: format.zero_word() }
        };
        Self { tables: (0..64).map(table).collect() }
    }

    #[inline(always)]
    fn apply(&self, issue: &WeightIssue, word: u32) -> u8 {
        let index = issue.w_code & 3 | (issue.slice & 3) << 2 | (issue.rounding & 3) << 4;
        let table = &self.tables[usize::from(index)];
        let lane = |byte: u8| table.lanes[usize::from((word >> (8 * (byte & 3))) as u8)];
        if !issue.real {
            return table.zero;
        }
        match issue.w_code {
            1 => lane(2 * issue.part) | lane(2 * issue.part + 1) << 4,
            2 => lane(0) | lane(1) << 2 | lane(2) << 4 | lane(3) << 6,
            _ => lane(issue.part),
        }
    }
}
