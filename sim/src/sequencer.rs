//! Runs tiles: one loads its weights while the one before streams its activations.
//!
//! ```text
//! decoder --tile--> [load_*] --start--> [stream_*]
//!                      |                   |
//!                 weight issue        activation issue, accumulate token
//! ```
//! A tile takes `max(rows, L)` cycles, `L = ArrayConfig::load_cycles`, with no bubble between tiles, unless it adds to sums that are still being written.

use crate::datapath::{ActivationIssue, Token, WeightIssue};
use crate::trace::Visitor;
use crumb_arch::brick::{load_mask, words_per_load};
use crumb_arch::command::{Pattern, WORD_ADDRESS};
use crumb_arch::{ArrayConfig, Tile};

/// The tile whose weights are loading or loaded.
#[derive(Clone, Copy)]
struct Load {
    valid: bool,
    done: bool,
    first: bool,
    address: u32,
    left: u16,
    row: u8,
    /// Cycle of the row's loads.
    lane: u8,
    tile: Tile,
    pattern: Pattern,
}

/// The tile whose activations are streaming.
#[derive(Clone, Copy)]
struct Stream {
    valid: bool,
    first: bool,
    address: u16,
    /// Vectors left in the image row.
    column: u16,
    left: u16,
    accumulator: u16,
    w_signed: bool,
    /// The last activation was issued in the cycle before.
    ended: bool,
    tile: Tile,
    pattern: Pattern,
}

/// The sequencer's registers.
pub struct Sequencer {
    rows: usize,
    bus: usize,
    load: Load,
    stream: Stream,
}

/// Fields of zero: what the registers hold before the first command.
const NO_PATTERN: Pattern = Pattern { columns: 0, stride: 0, jump: 0 };
/// A tile of such fields.
const NO_TILE: Tile = Tile { rows: 0, k_words: 0, act_signed: false, ..Tile::ONE };

impl Sequencer {
    /// An idle sequencer.
    pub fn new(config: &ArrayConfig) -> Self {
        Self {
            rows: config.rows,
            bus: config.weight_bus,
            load: Load {
                valid: false,
                done: false,
                first: false,
                address: 0,
                left: 0,
                row: 0,
                lane: 0,
                tile: NO_TILE,
                pattern: NO_PATTERN,
            },
            stream: Stream {
                valid: false,
                first: false,
                address: 0,
                column: 0,
                left: 0,
                accumulator: 0,
                w_signed: false,
                ended: false,
                tile: NO_TILE,
                pattern: NO_PATTERN,
            },
        }
    }

    fn load_issue(&self) -> bool {
        self.load.valid && !self.load.done
    }

    fn lane_wraps(&self) -> bool {
        self.load.lane as usize == self.load.tile.act.lanes().div_ceil(self.bus) - 1
    }

    fn load_last(&self) -> bool {
        self.load_issue() && self.load.row as usize == self.rows - 1 && self.lane_wraps()
    }

    fn stream_last(&self) -> bool {
        self.stream.valid && self.stream.left == 1
    }

    /// Whether the loaded tile begins to stream in the next cycle.
    pub fn start(&self) -> bool {
        let loaded = self.load.valid && (self.load.done || self.load_last());
        loaded && (!self.stream.valid || self.stream_last()) && !self.collides()
    }

    /// Whether the loaded tile, started now, would read a sum before it is written: one issued one or two cycles earlier.
    fn collides(&self) -> bool {
        let (tile, s) = (&self.load.tile, &self.stream);
        let before_last = (s.valid || s.ended) && (tile.accumulator + 1) & 0xFFF == s.accumulator;
        tile.accumulate && tile.half == s.tile.half && (before_last || s.valid && tile.accumulator == s.accumulator)
    }

    /// Whether a tile dispatched in this cycle is taken.
    pub fn loader_ready(&self) -> bool {
        !self.load.valid || self.start()
    }

    /// Whether a tile is loading or loaded.
    pub fn load_valid(&self) -> bool {
        self.load.valid
    }

    /// The tile that streams an activation vector in this cycle.
    pub fn streaming(&self) -> Option<&Tile> {
        self.stream.valid.then_some(&self.stream.tile)
    }

    /// Whether a weight-memory address is read in this cycle.
    pub fn reads_weights(&self) -> bool {
        self.load_issue() && self.load.left != 0
    }

    /// The activation issue of this cycle.
    pub fn activation_issue(&self) -> ActivationIssue {
        let s = &self.stream;
        ActivationIssue {
            valid: s.valid,
            address: s.address,
            swap: s.valid && s.first,
            a_code: s.tile.act.code(),
            act_signed: s.tile.act_signed,
        }
    }

    /// The weight issue of this cycle.
    pub fn weight_issue(&self) -> WeightIssue {
        let l = &self.load;
        WeightIssue {
            valid: self.load_issue(),
            address: l.address,
            real: l.left != 0,
            first: l.first,
            row: l.row,
            mask: load_mask(l.tile.act, l.lane as usize, self.bus),
            a_code: l.tile.act.code(),
            w_code: l.tile.weight.bits.code(),
            slice: l.tile.weight.slice,
            rounding: l.tile.weight.rounding.code(),
            part: l.tile.part,
        }
    }

    /// The accumulate token of this cycle.
    pub fn token(&self) -> Token {
        let (s, tile) = (&self.stream, &self.stream.tile);
        Token {
            valid: s.valid,
            last: self.stream_last(),
            w_code: tile.weight.bits.code(),
            w_signed: s.w_signed,
            act_signed: tile.act_signed,
            part: tile.part,
            half: tile.half,
            address: s.accumulator,
            accumulate: tile.accumulate,
            shift: tile.shift,
        }
    }

    /// One clock edge; `dispatch` only when `loader_ready`.
    pub fn clock(&mut self, dispatch: Option<(Tile, Pattern)>) {
        let (start, issue, last, wraps) = (self.start(), self.load_issue(), self.load_last(), self.lane_wraps());
        let stream_last = self.stream_last();
        let (bus, words) = (self.bus as u16, words_per_load(self.load.tile.act, self.bus) as u16);
        if start {
            let Load { tile, pattern, .. } = self.load;
            self.stream = Stream {
                valid: true,
                first: true,
                address: tile.activations,
                column: pattern.columns,
                left: tile.rows,
                accumulator: tile.accumulator,
                w_signed: tile.weight.signed(),
                ended: false,
                tile,
                pattern,
            };
        } else if self.stream.valid {
            let s = &mut self.stream;
            s.first = false;
            let row_ends = s.column == 1;
            s.address = s.address.wrapping_add(if row_ends { s.pattern.jump } else { s.pattern.stride.into() });
            s.column = if row_ends { s.pattern.columns } else { s.column.wrapping_sub(1) };
            s.accumulator = s.accumulator.wrapping_add(1) & 0xFFF;
            s.left -= 1;
            s.valid = !stream_last;
        }
        self.stream.ended = stream_last;
        let l = &mut self.load;
        if let Some((tile, pattern)) = dispatch {
            let (address, left) = (u32::from(tile.weights) * u32::from(bus), tile.k_words.wrapping_mul(bus));
            *l = Load { valid: true, done: false, first: true, address, left, row: 0, lane: 0, tile, pattern };
            return;
        }
        if start {
            l.valid = false;
        } else if issue {
            l.done = last;
        }
        if issue {
            l.first = false;
            l.address = (l.address + u32::from(words)) & WORD_ADDRESS;
            l.left = l.left.saturating_sub(words);
            l.lane = if wraps { 0 } else { l.lane + 1 };
            l.row = l.row.wrapping_add(wraps.into());
        }
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        let (l, s) = (&self.load, &self.stream);
        v.scope("sequencer");
        v.register("load_valid", 1, l.valid.into());
        v.register("load_done", 1, l.done.into());
        v.register("load_first", 1, l.first.into());
        v.register("load_address", 18, l.address.into());
        v.register("load_left", 16, l.left.into());
        v.register("load_row", 8, l.row.into());
        v.register("load_lane", 2, l.lane.into());
        v.register("load_act_address", 16, l.tile.activations.into());
        v.register("load_rows", 16, l.tile.rows.into());
        v.register("load_accumulator", 12, l.tile.accumulator.into());
        v.register("load_half", 1, l.tile.half.into());
        v.register("load_accumulate", 1, l.tile.accumulate.into());
        v.register("load_shift", 3, l.tile.shift.into());
        v.register("load_a_code", 2, l.tile.act.code().into());
        v.register("load_w_code", 2, l.tile.weight.bits.code().into());
        v.register("load_slice", 2, l.tile.weight.slice.into());
        v.register("load_rounding", 2, l.tile.weight.rounding.code().into());
        v.register("load_act_signed", 1, l.tile.act_signed.into());
        v.register("load_part", 2, l.tile.part.into());
        v.register("load_columns", 16, l.pattern.columns.into());
        v.register("load_stride", 8, l.pattern.stride.into());
        v.register("load_jump", 16, l.pattern.jump.into());
        v.register("stream_valid", 1, s.valid.into());
        v.register("stream_first", 1, s.first.into());
        v.register("stream_address", 16, s.address.into());
        v.register("stream_left", 16, s.left.into());
        v.register("stream_accumulator", 12, s.accumulator.into());
        v.register("stream_half", 1, s.tile.half.into());
        v.register("stream_accumulate", 1, s.tile.accumulate.into());
        v.register("stream_shift", 3, s.tile.shift.into());
        v.register("stream_a_code", 2, s.tile.act.code().into());
        v.register("stream_w_code", 2, s.tile.weight.bits.code().into());
        v.register("stream_w_signed", 1, s.w_signed.into());
        v.register("stream_act_signed", 1, s.tile.act_signed.into());
        v.register("stream_part", 2, s.tile.part.into());
        v.register("stream_ended", 1, s.ended.into());
        v.register("stream_columns", 16, s.pattern.columns.into());
        v.register("stream_stride", 8, s.pattern.stride.into());
        v.register("stream_jump", 16, s.pattern.jump.into());
        v.register("stream_column", 16, s.column.into());
        v.end();
    }
}
