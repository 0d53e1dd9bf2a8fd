//! Decoder: reads commands from the lines, checks them, writes payloads to the memories and hands tiles and drains on.
//!
//! ```text
//!           all lines                     good                     load
//!  Header ---------> Check --> Decide ------------> Wait ----------------> Payload --> Header
//!    ^                           | bad, or dropped    | ReadStatus,          | too long
//!    |                           v                    v ReadCounters         v
//!    +------------------- (last) Discard           Respond --> Header     Discard
//! ```
//!
//! Latency: three cycles from the last header line to the dispatch of a tile (Check, Decide, Wait). A header line holds 1, 2 or 4 words:
//! word `i` stands in line `line_of_i`, at bit `place_of_i`. Invariant: nothing is dispatched
//! or written unless all of its header was good; after an error the lines up to `last` are dropped, and only ReadStatus
//! and ClearError do anything until the error is cleared. One adder stands between any two registers: end addresses are
//! registered (`end_*`) before they are compared.

use crate::header_check::{HeaderCheck, code, op};
use crate::preset::Preset;
use crumb_arch::command::{MAGIC, Pattern, opcode};
use crumb_arch::counters::COUNT;
use crumb_arch::status::STATUS_WORDS;
use crumb_arch::{ActBits, ArrayConfig, MachineError};
use rust_hdl::prelude::*;

mod logic;
#[cfg(test)]
mod tests;

/// What the decoder does with the next line. The register's values are the positions, from 0.
#[derive(Copy, Clone, PartialEq, Eq, Debug, LogicState)]
pub enum State {
    /// Gathers the four header words.
    Header,
    /// Header faults and end addresses are computed.
    Check,
    /// The verdict.
    Decide,
    /// Waits until the command can be carried out.
    Wait,
    /// Writes lines to a memory.
    Payload,
    /// Sends response words.
    Respond,
    /// Drops lines up to `last`.
    Discard,
}

/// The decoder; see [`Decoder::new`].
#[derive(LogicBlock)]
pub struct Decoder {
    /// The clock.
    pub clock: Signal<In, Clock>,

    /// From `stream_in`: there is a line.
    pub line_valid: Signal<In, Bit>,
    /// It ends its packet.
    pub line_last: Signal<In, Bit>,
    /// It is shorter than a line.
    pub line_ragged: Signal<In, Bit>,
    /// Its lowest 128 bits.
    pub line_words: Signal<In, Bits<128>>,
    /// Lines are taken: the state is Header, Payload or Discard.
    pub line_ready: Signal<Out, Bit>,
    /// A line is taken.
    pub take_out: Signal<Out, Bit>,

    /// The line goes to the activation buffer.
    pub activation_write: Signal<Out, Bit>,
    /// The line goes to the weight memory.
    pub weight_write: Signal<Out, Bit>,
    /// The line goes to the parameter memory.
    pub parameter_write: Signal<Out, Bit>,
    /// The register `address`; in the weight memory that of a word, `weight_bus` words to an address.
    pub write_address: Signal<Out, Bits<18>>,
    /// The register `subline`.
    pub write_line: Signal<Out, Bits<3>>,

    /// The register `word1`: fields of what is dispatched.
    pub word1_out: Signal<Out, Bits<32>>,
    /// The register `word2`.
    pub word2_out: Signal<Out, Bits<32>>,
    /// The register `word3`.
    pub word3_out: Signal<Out, Bits<32>>,
    /// The registers `jump` and `columns`: {jump: 16, columns: 16}.
    pub pattern_out: Signal<Out, Bits<32>>,
    /// The register `stride`.
    pub stride_out: Signal<Out, Bits<8>>,
    /// To the tile queue: a tile.
    pub dispatch_tile: Signal<Out, Bit>,
    /// From the tile queue: there is room for one.
    pub queue_ready: Signal<In, Bit>,
    /// From the accumulators: a tile is complete.
    pub done: Signal<In, Bit>,
    /// Its half.
    pub done_half: Signal<In, Bit>,
    /// No tile of half 0 is pending.
    pub settled0: Signal<Out, Bit>,
    /// No tile of half 1 is pending.
    pub settled1: Signal<Out, Bit>,

    /// To the drain unit: a drain.
    pub dispatch_drain: Signal<Out, Bit>,
    /// From the drain unit: it is at work.
    pub drain_valid: Signal<In, Bit>,
    /// On this half.
    pub drain_half: Signal<In, Bit>,
    /// The output FIFO has room for a line.
    pub credit: Signal<In, Bit>,

    /// To the packer: a response word, using a credit.
    pub respond: Signal<Out, Bit>,
    /// That word.
    pub respond_word: Signal<Out, Bits<32>>,
    /// It is the last one.
    pub respond_last: Signal<Out, Bit>,
    /// To the counters: which half counter is to be sent; the register `index`.
    pub counter_index: Signal<Out, Bits<7>>,
    /// From the counters: that half.
    pub counter_word: Signal<In, Bits<32>>,

    /// To the counters: they are being read, and must hold.
    pub freeze: Signal<Out, Bit>,
    /// They are cleared.
    pub clear_counters: Signal<Out, Bit>,
    /// A Compute or Drain waits for a drain.
    pub waits_for_drain: Signal<Out, Bit>,
    /// Activations are awaited or arrive.
    pub loads_activations: Signal<Out, Bit>,
    /// Weights are awaited or arrive.
    pub loads_weights: Signal<Out, Bit>,
    /// Parameters are awaited or arrive.
    pub loads_parameters: Signal<Out, Bit>,

    /// Between commands: the state is Header and `index` is 0.
    pub resting: Signal<Out, Bit>,
    /// The register `error`.
    pub error_out: Signal<Out, Bits<4>>,

    state: DFF<State>,
    index: DFF<Bits<7>>,
    word0: DFF<Bits<32>>,
    word1: DFF<Bits<32>>,
    word2: DFF<Bits<32>>,
    word3: DFF<Bits<32>>,
    framed: DFF<Bit>,
    fault: DFF<Bits<4>>,
    end_a: DFF<Bits<17>>,
    end_b: DFF<Bits<17>>,
    end_c: DFF<Bits<17>>,
    end_p: DFF<Bits<17>>,
    address: DFF<Bits<18>>,
    subline: DFF<Bits<3>>,
    lines_left: DFF<Bits<19>>,
    error: DFF<Bits<4>>,
    commands: DFF<Bits<32>>,
    pending0: DFF<Bits<8>>,
    pending1: DFF<Bits<8>>,
    unfinished: DFF<Bits<8>>,
    columns: Preset<16, { Pattern::LINEAR.columns as u64 }>,
    stride: Preset<8, { Pattern::LINEAR.stride as u64 }>,
    jump: Preset<16, { Pattern::LINEAR.jump as u64 }>,

    check: HeaderCheck,
    opcode: Signal<Local, Bits<8>>,
    is_activations: Signal<Local, Bit>,
    is_weights: Signal<Local, Bit>,
    is_parameters: Signal<Local, Bit>,
    is_load: Signal<Local, Bit>,
    is_compute: Signal<Local, Bit>,
    is_drain: Signal<Local, Bit>,
    is_status: Signal<Local, Bit>,
    is_counters: Signal<Local, Bit>,
    is_clear_error: Signal<Local, Bit>,
    is_pattern: Signal<Local, Bit>,
    ready: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    raised: Signal<Local, Bits<4>>,
    cleared: Signal<Local, Bit>,
    rows: Signal<Local, Bits<17>>,
    row_base: Signal<Local, Bits<17>>,
    banks: Signal<Local, Bits<17>>,
    beside: Signal<Local, Bits<32>>,
    k_words: Signal<Local, Bits<16>>,
    tile_words: Signal<Local, Bits<16>>,
    a_code: Signal<Local, Bits<2>>,
    count: Signal<Local, Bits<19>>,
    verdict: Signal<Local, Bits<4>>,
    idle0: Signal<Local, Bit>,
    idle1: Signal<Local, Bit>,
    idle_inside: Signal<Local, Bit>,
    fence_tiles: Signal<Local, Bits<8>>,
    fenced: Signal<Local, Bit>,
    half_drains: Signal<Local, Bit>,
    leave: Signal<Local, Bit>,
    dispatch: Signal<Local, Bit>,
    more0: Signal<Local, Bit>,
    more1: Signal<Local, Bit>,
    less0: Signal<Local, Bit>,
    less1: Signal<Local, Bit>,
    write: Signal<Local, Bit>,
    final_line: Signal<Local, Bit>,
    final_word: Signal<Local, Bits<7>>,
    waiting: Signal<Local, Bit>,
    loading: Signal<Local, Bit>,

    load_activations: Constant<Bits<8>>,
    load_weights: Constant<Bits<8>>,
    load_parameters: Constant<Bits<8>>,
    compute: Constant<Bits<8>>,
    drain: Constant<Bits<8>>,
    read_status: Constant<Bits<8>>,
    read_counters: Constant<Bits<8>>,
    clear_counters_op: Constant<Bits<8>>,
    clear_error: Constant<Bits<8>>,
    set_pattern: Constant<Bits<8>>,
    truncated: Constant<Bits<4>>,
    overlong: Constant<Bits<4>>,
    activation_range: Constant<Bits<4>>,
    weight_range: Constant<Bits<4>>,
    parameter_range: Constant<Bits<4>>,
    accumulator_range: Constant<Bits<4>>,
    tile_range: Constant<Bits<4>>,
    parameter_alignment: Constant<Bits<4>>,
    activation_lines: Constant<Bits<17>>,
    weight_words: Constant<Bits<17>>,
    parameter_entries: Constant<Bits<17>>,
    accumulator_rows: Constant<Bits<17>>,
    unaligned: Constant<Bits<32>>,
    tile_words8: Constant<Bits<16>>,
    tile_words4: Constant<Bits<16>>,
    tile_words2: Constant<Bits<16>>,
    bus_log2: Constant<Bits<2>>,
    word_lines_log2: Constant<Bits<3>>,
    status_magic: Constant<Bits<32>>,
    identity_sizes: Constant<Bits<32>>,
    identity_memories: Constant<Bits<32>>,
    line_of_1: Constant<Bits<7>>,
    line_of_2: Constant<Bits<7>>,
    line_of_3: Constant<Bits<7>>,
    place_of_1: Constant<Bits<7>>,
    place_of_2: Constant<Bits<7>>,
    place_of_3: Constant<Bits<7>>,
    last_status: Constant<Bits<7>>,
    last_counter: Constant<Bits<7>>,
}

impl Decoder {
    /// The decoder of a machine with these sizes.
    pub fn new(config: &ArrayConfig) -> Self {
        let size = |n: usize| Constant::new((n as u64).into());
        let words = |act| Constant::new((config.tile_words(act) as u64).into());
        let line_of = |word: usize| Constant::new(((word / config.words_per_header_line()) as u64).into());
        let place_of = |word: usize| Constant::new(((word % config.words_per_header_line() * 32) as u64).into());
        let status = crumb_arch::status::Status::identity(config);
        Self {
            clock: Default::default(),
            line_valid: Default::default(),
            line_last: Default::default(),
            line_ragged: Default::default(),
            line_words: Default::default(),
            line_ready: Default::default(),
            take_out: Default::default(),
            activation_write: Default::default(),
            weight_write: Default::default(),
            parameter_write: Default::default(),
            write_address: Default::default(),
            write_line: Default::default(),
            word1_out: Default::default(),
            word2_out: Default::default(),
            word3_out: Default::default(),
            pattern_out: Default::default(),
            stride_out: Default::default(),
            dispatch_tile: Default::default(),
            queue_ready: Default::default(),
            done: Default::default(),
            done_half: Default::default(),
            settled0: Default::default(),
            settled1: Default::default(),
            dispatch_drain: Default::default(),
            drain_valid: Default::default(),
            drain_half: Default::default(),
            credit: Default::default(),
            respond: Default::default(),
            respond_word: Default::default(),
            respond_last: Default::default(),
            counter_index: Default::default(),
            counter_word: Default::default(),
            freeze: Default::default(),
            clear_counters: Default::default(),
            waits_for_drain: Default::default(),
            loads_activations: Default::default(),
            loads_weights: Default::default(),
            loads_parameters: Default::default(),
            resting: Default::default(),
            error_out: Default::default(),
            state: Default::default(),
            index: Default::default(),
            word0: Default::default(),
            word1: Default::default(),
            word2: Default::default(),
            word3: Default::default(),
            framed: Default::default(),
            fault: Default::default(),
            end_a: Default::default(),
            end_b: Default::default(),
            end_c: Default::default(),
            end_p: Default::default(),
            address: Default::default(),
            subline: Default::default(),
            lines_left: Default::default(),
            error: Default::default(),
            commands: Default::default(),
            pending0: Default::default(),
            pending1: Default::default(),
            unfinished: Default::default(),
            columns: Default::default(),
            stride: Default::default(),
            jump: Default::default(),
            check: Default::default(),
            opcode: Default::default(),
            is_activations: Default::default(),
            is_weights: Default::default(),
            is_parameters: Default::default(),
            is_load: Default::default(),
            is_compute: Default::default(),
            is_drain: Default::default(),
            is_status: Default::default(),
            is_counters: Default::default(),
            is_clear_error: Default::default(),
            is_pattern: Default::default(),
            ready: Default::default(),
            take: Default::default(),
            raised: Default::default(),
            cleared: Default::default(),
            rows: Default::default(),
            row_base: Default::default(),
            banks: Default::default(),
            beside: Default::default(),
            k_words: Default::default(),
            tile_words: Default::default(),
            a_code: Default::default(),
            count: Default::default(),
            verdict: Default::default(),
            idle0: Default::default(),
            idle1: Default::default(),
            idle_inside: Default::default(),
            fence_tiles: Default::default(),
            fenced: Default::default(),
            half_drains: Default::default(),
            leave: Default::default(),
            dispatch: Default::default(),
            more0: Default::default(),
            more1: Default::default(),
            less0: Default::default(),
            less1: Default::default(),
            write: Default::default(),
            final_line: Default::default(),
            final_word: Default::default(),
            waiting: Default::default(),
            loading: Default::default(),
            load_activations: op(opcode::LOAD_ACTIVATIONS),
            load_weights: op(opcode::LOAD_WEIGHTS),
            load_parameters: op(opcode::LOAD_PARAMETERS),
            compute: op(opcode::COMPUTE),
            drain: op(opcode::DRAIN),
            read_status: op(opcode::READ_STATUS),
            read_counters: op(opcode::READ_COUNTERS),
            clear_counters_op: op(opcode::CLEAR_COUNTERS),
            clear_error: op(opcode::CLEAR_ERROR),
            set_pattern: op(opcode::SET_PATTERN),
            truncated: code(MachineError::Truncated),
            overlong: code(MachineError::Overlong),
            activation_range: code(MachineError::ActivationRange),
            weight_range: code(MachineError::WeightRange),
            parameter_range: code(MachineError::ParameterRange),
            accumulator_range: code(MachineError::AccumulatorRange),
            tile_range: code(MachineError::TileRange),
            parameter_alignment: code(MachineError::ParameterAlignment),
            activation_lines: size(config.activation_lines),
            weight_words: size(config.weight_words),
            parameter_entries: size(config.parameter_entries),
            accumulator_rows: size(config.accumulator_rows),
            unaligned: Constant::new((config.drain_banks as u64 - 1).into()),
            tile_words8: words(ActBits::A8),
            tile_words4: words(ActBits::A4),
            tile_words2: words(ActBits::A2),
            bus_log2: Constant::new(u64::from(config.weight_bus.ilog2()).into()),
            word_lines_log2: Constant::new(u64::from(config.lines_per_weight_word().ilog2()).into()),
            status_magic: Constant::new((u64::from(MAGIC) << 16).into()),
            identity_sizes: Constant::new(u64::from(status[0]).into()),
            identity_memories: Constant::new(u64::from(status[1]).into()),
            line_of_1: line_of(1),
            line_of_2: line_of(2),
            line_of_3: line_of(3),
            place_of_1: place_of(1),
            place_of_2: place_of(2),
            place_of_3: place_of(3),
            last_status: Constant::new((STATUS_WORDS as u64 - 1).into()),
            last_counter: Constant::new((2 * COUNT as u64 - 1).into()),
        }
    }
}

crate::clocked!([] Decoder);
