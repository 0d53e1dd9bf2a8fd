//! The machine: every block and the wires between them, nothing else.
//!
//! ```text
//!  s_axis -> stream_in -> decoder -> tile_queue -> sequencer -> datapath -> requantizer[c] -> packer -> output_fifo -> stream_out -> m_axis
//!                            |                          ^                             ^
//!                            +------> drain ------------+-----------------------------+         counters watch everything
//! ```
//!
//! Latency: none of its own. Invariant (Moore): `s_axis_tready`, `m_axis_*`, `error` and `idle` are functions of registers alone,
//! so machines may be chained without a combinational path through them.

use crate::bytes::{Scale, Split};
use crate::counters::Counters;
use crate::datapath::Datapath;
use crate::decoder::Decoder;
use crate::drain::Drain;
use crate::output_fifo::OutputFifo;
use crate::packer::Packer;
use crate::read_stage::ReadStage;
use crate::requantizer::Requantizer;
use crate::sequencer::Sequencer;
use crate::stream_in::StreamIn;
use crate::stream_out::StreamOut;
use crate::tile_queue::TileQueue;
use crumb_arch::ArrayConfig;
use rust_hdl::prelude::*;
use std::array::from_fn;

/// A machine: the sizes of its [`Datapath`]; `S` stream bits, `L = 8*LB` line bits, `B = max(1, ceil(log2 (L/S)))` beat bits stand before
/// those of the weight bus.
#[derive(LogicBlock)]
pub struct Machine<
    const R: usize,
    const C: usize,
    const RC: usize,
    const PW: usize,
    const QW: usize,
    const UW: usize,
    const T: usize,
    const LB: usize,
    const AA: usize,
    const WA: usize,
    const PA: usize,
    const CA: usize,
    const DB: usize,
    const Q: usize,
    const PR: usize,
    const S: usize,
    const L: usize,
    const B: usize,
    const N: usize,
    const NB: usize,
    const NM: usize,
    const NX: usize,
> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// Commands and payloads: AXI4-Stream.
    pub s_axis_tvalid: Signal<In, Bit>,
    /// The final beat of a command.
    pub s_axis_tlast: Signal<In, Bit>,
    /// Little-endian bytes.
    pub s_axis_tdata: Signal<In, Bits<S>>,
    /// Depends on registers alone.
    pub s_axis_tready: Signal<Out, Bit>,
    /// Results and answers: AXI4-Stream.
    pub m_axis_tvalid: Signal<Out, Bit>,
    /// The final beat of a drain or answer.
    pub m_axis_tlast: Signal<Out, Bit>,
    /// Little-endian bytes.
    pub m_axis_tdata: Signal<Out, Bits<S>>,
    /// The host takes a beat.
    pub m_axis_tready: Signal<In, Bit>,
    /// Error code of `crumb_arch::MachineError`, 0 for none.
    pub error: Signal<Out, Bits<4>>,
    /// Nothing is under way.
    pub idle: Signal<Out, Bit>,
    stream_in: StreamIn<S, L, B>,
    line_bytes: Split<L, LB>,
    decoder: Decoder,
    tile_queue: TileQueue,
    sequencer: Sequencer,
    datapath: Datapath<R, C, RC, PW, QW, UW, T, LB, AA, WA, PA, CA, DB, Q, PR, N, NB, NM, NX>,
    drain: Drain<DB>,
    read_stage: ReadStage<Q>,
    scale: [Scale; Q],
    requantizer: [Requantizer; Q],
    packer: Packer<C, Q, DB, L, LB>,
    output_fifo: OutputFifo<L>,
    stream_out: StreamOut<S, L, B>,
    counters: Counters,
    moving: Signal<Local, Bit>,
    waiting: Signal<Local, Bit>,
}

impl<
    const R: usize,
    const C: usize,
    const RC: usize,
    const PW: usize,
    const QW: usize,
    const UW: usize,
    const T: usize,
    const LB: usize,
    const AA: usize,
    const WA: usize,
    const PA: usize,
    const CA: usize,
    const DB: usize,
    const Q: usize,
    const PR: usize,
    const S: usize,
    const L: usize,
    const B: usize,
    const N: usize,
    const NB: usize,
    const NM: usize,
    const NX: usize,
> Machine<R, C, RC, PW, QW, UW, T, LB, AA, WA, PA, CA, DB, Q, PR, S, L, B, N, NB, NM, NX>
{
    /// A machine of this configuration, with every register and memory at its start.
    ///
    /// # Panics
    /// When the const generics are not the configuration's sizes.
    pub fn new(config: &ArrayConfig) -> Self {
        let generics = [R, C, 1, PW, LB, 1 << AA, 1 << WA, 1 << PA, 1 << CA, DB, S, L, N];
        let sizes = [
            config.rows,
            config.cols,
            config.depth,
            config.psum_bits() as usize,
            config.line_bytes(),
            config.activation_lines,
            config.weight_words,
            config.parameter_entries,
            config.accumulator_rows,
            config.drain_banks,
            config.stream_bits,
            8 * config.line_bytes(),
            config.weight_bus,
        ];
        assert_eq!(generics, sizes, "const generics and sizes of configuration '{}'", config.name);
        Self {
            clock: Default::default(),
            s_axis_tvalid: Default::default(),
            s_axis_tlast: Default::default(),
            s_axis_tdata: Default::default(),
            s_axis_tready: Default::default(),
            m_axis_tvalid: Default::default(),
            m_axis_tlast: Default::default(),
            m_axis_tdata: Default::default(),
            m_axis_tready: Default::default(),
            error: Default::default(),
            idle: Default::default(),
            stream_in: Default::default(),
            line_bytes: Default::default(),
            decoder: Decoder::new(config),
            tile_queue: Default::default(),
            sequencer: Sequencer::new(config.rows, config.weight_bus),
            datapath: Default::default(),
            drain: Default::default(),
            read_stage: Default::default(),
            scale: from_fn(|_| Default::default()),
            requantizer: from_fn(|_| Default::default()),
            packer: Default::default(),
            output_fifo: Default::default(),
            stream_out: Default::default(),
            counters: Default::default(),
            moving: Default::default(),
            waiting: Default::default(),
        }
    }

    /// The requantizers, for their registers.
    pub fn requantizers(&self) -> &[Requantizer] {
        &self.requantizer
    }
}

impl<
    const R: usize,
    const C: usize,
    const RC: usize,
    const PW: usize,
    const QW: usize,
    const UW: usize,
    const T: usize,
    const LB: usize,
    const AA: usize,
    const WA: usize,
    const PA: usize,
    const CA: usize,
    const DB: usize,
    const Q: usize,
    const PR: usize,
    const S: usize,
    const L: usize,
    const B: usize,
    const N: usize,
    const NB: usize,
    const NM: usize,
    const NX: usize,
> Logic for Machine<R, C, RC, PW, QW, UW, T, LB, AA, WA, PA, CA, DB, Q, PR, S, L, B, N, NB, NM, NX>
{
    #[hdl_gen]
    fn update(&mut self) {
        clock!(
            self,
            clock,
            stream_in,
            decoder,
            tile_queue,
            sequencer,
            datapath,
            drain,
            read_stage,
            packer,
            output_fifo,
            stream_out,
            counters
        );

        // Stream in -> decoder, memories.
        self.stream_in.tvalid.next = self.s_axis_tvalid.val();
        self.stream_in.tlast.next = self.s_axis_tlast.val();
        self.stream_in.tdata.next = self.s_axis_tdata.val();
        self.s_axis_tready.next = self.stream_in.tready.val();
        self.stream_in.line_ready.next = self.decoder.line_ready.val();
        self.line_bytes.line.next = self.stream_in.line_out.val();
        self.decoder.line_valid.next = self.stream_in.valid_out.val();
        self.decoder.line_last.next = self.stream_in.last_out.val();
        self.decoder.line_ragged.next = self.stream_in.ragged_out.val();
        self.decoder.line_words.next = bit_cast::<128, L>(self.stream_in.line_out.val());
        for b in 0..LB {
            self.datapath.line[b].next = self.line_bytes.bytes[b].val();
        }
        self.datapath.write_address.next = self.decoder.write_address.val();
        self.datapath.write_line.next = self.decoder.write_line.val();
        self.datapath.activation_write.next = self.decoder.activation_write.val();
        self.datapath.weight_write.next = self.decoder.weight_write.val();
        self.datapath.parameter_write.next = self.decoder.parameter_write.val();

        // Decoder -> tile queue -> sequencer -> datapath.
        self.tile_queue.push.next = self.decoder.dispatch_tile.val();
        self.tile_queue.word1_in.next = self.decoder.word1_out.val();
        self.tile_queue.word2_in.next = self.decoder.word2_out.val();
        self.tile_queue.word3_in.next = self.decoder.word3_out.val();
        self.tile_queue.pattern_in.next = self.decoder.pattern_out.val();
        self.tile_queue.stride_in.next = self.decoder.stride_out.val();
        self.decoder.queue_ready.next = self.tile_queue.ready.val();
        self.tile_queue.loader_ready.next = self.sequencer.loader_ready.val();
        self.sequencer.dispatch_tile.next = self.tile_queue.give.val();
        self.sequencer.word1.next = self.tile_queue.word1_out.val();
        self.sequencer.word2.next = self.tile_queue.word2_out.val();
        self.sequencer.word3.next = self.tile_queue.word3_out.val();
        self.sequencer.pattern.next = self.tile_queue.pattern_out.val();
        self.sequencer.stride.next = self.tile_queue.stride_out.val();
        self.datapath.activation_issue.next = self.sequencer.activation_issue.val();
        self.datapath.weight_issue.next = self.sequencer.weight_issue.val();
        self.datapath.token.next = self.sequencer.token.val();
        self.decoder.done.next = self.datapath.done.val();
        self.decoder.done_half.next = self.datapath.done_half.val();

        // Decoder -> drain -> datapath, requantizers.
        self.drain.dispatch_drain.next = self.decoder.dispatch_drain.val();
        self.drain.word1.next = self.decoder.word1_out.val();
        self.drain.word2.next = self.decoder.word2_out.val();
        self.drain.word3.next = self.decoder.word3_out.val();
        self.drain.settled0.next = self.decoder.settled0.val();
        self.drain.settled1.next = self.decoder.settled1.val();
        self.drain.respond.next = self.decoder.respond.val();
        self.drain.pop.next = self.stream_out.pop.val();
        self.drain.last_pushed.next = self.packer.valid_out.val() & self.packer.last_out.val();
        self.decoder.drain_valid.next = self.drain.valid_out.val();
        self.decoder.drain_half.next = self.drain.half_out.val();
        self.decoder.credit.next = self.drain.credit.val();
        self.datapath.drain_half.next = self.drain.half_out.val();
        self.datapath.drain_bank.next = self.drain.bank_out.val();
        self.datapath.drain_address.next = self.drain.address_out.val();
        self.read_stage.entry_in.next = self.drain.entry_out.val();
        self.datapath.parameter_address.next = bit_cast::<PA, 16>(self.read_stage.entry_out.val());
        for q in 0..Q {
            self.scale[q].word.next = self.datapath.scale[q].val();
            self.requantizer[q].clock.next = self.clock.val();
            self.read_stage.word_in[q].next = self.datapath.word[q].val();
            self.requantizer[q].acc.next = self.read_stage.word_out[q].val();
            self.requantizer[q].bias.next = self.datapath.bias[q].val();
            self.requantizer[q].significand.next = self.scale[q].significand.val();
            self.requantizer[q].shift.next = self.scale[q].shift.val();
            self.requantizer[q].exponent_adjust.next = self.drain.exponent_adjust_out.val();
            self.requantizer[q].zero_point.next = self.drain.zero_point_out.val();
            self.requantizer[q].lo.next = self.drain.lo_out.val();
            self.requantizer[q].hi.next = self.drain.hi_out.val();
            self.packer.word[q].next = self.read_stage.word_out[q].val();
            self.packer.value[q].next = self.requantizer[q].value.val();
        }

        // Packer -> FIFO -> stream out.
        self.packer.respond.next = self.decoder.respond.val();
        self.packer.respond_word.next = self.decoder.respond_word.val();
        self.packer.respond_last.next = self.decoder.respond_last.val();
        self.packer.raw.next = self.drain.raw_out.val();
        self.packer.banks.next = self.drain.banks_out.val();
        self.packer.width.next = self.drain.width_out.val();
        self.packer.token_first.next = self.drain.token_first.val();
        self.packer.token_last.next = self.drain.token_last.val();
        self.output_fifo.push.next = self.packer.valid_out.val();
        self.output_fifo.line_in.next = self.packer.line_out.val();
        self.output_fifo.last_in.next = self.packer.last_out.val();
        self.output_fifo.pop.next = self.stream_out.pop.val();
        self.stream_out.available.next = self.output_fifo.available.val();
        self.stream_out.line_in.next = self.output_fifo.line_out.val();
        self.stream_out.last_in.next = self.output_fifo.last_out.val();
        self.stream_out.tready.next = self.m_axis_tready.val();
        self.m_axis_tvalid.next = self.stream_out.tvalid.val();
        self.m_axis_tlast.next = self.stream_out.tlast.val();
        self.m_axis_tdata.next = self.stream_out.tdata.val();

        // Counters.
        self.waiting.next = self.packer.valid_out.val() | self.output_fifo.available.val() | !self.stream_out.empty.val();
        self.counters.freeze.next = self.decoder.freeze.val();
        self.counters.clear.next = self.decoder.clear_counters.val();
        self.counters.index.next = self.decoder.counter_index.val();
        self.decoder.counter_word.next = self.counters.word.val();
        self.counters.stream_valid.next = self.sequencer.stream_valid_out.val();
        self.counters.load_valid.next = self.sequencer.load_valid_out.val();
        self.counters.waits_for_drain.next = self.decoder.waits_for_drain.val();
        self.counters.credit.next = self.drain.credit.val();
        self.counters.loads_activations.next = self.decoder.loads_activations.val();
        self.counters.loads_weights.next = self.decoder.loads_weights.val();
        self.counters.loads_parameters.next = self.decoder.loads_parameters.val();
        self.counters.drain_valid.next = self.drain.valid_out.val();
        self.counters.drain_started.next = self.drain.started.val();
        self.counters.resting.next = self.decoder.resting.val();
        self.counters.settled0.next = self.decoder.settled0.val();
        self.counters.settled1.next = self.decoder.settled1.val();
        self.counters.a_code.next = self.sequencer.activation_issue.val().a_code;
        self.counters.w_code.next = self.sequencer.token.val().w_code;
        self.counters.accumulate.next = self.sequencer.token.val().accumulate;
        self.counters.start.next = self.sequencer.start_out.val();
        self.counters.weight_read.next = self.sequencer.weight_issue.val().valid & self.sequencer.weight_issue.val().real;
        self.counters.weight_write.next = self.decoder.weight_write.val();
        self.counters.activation_write.next = self.decoder.activation_write.val();
        self.counters.parameter_write.next = self.decoder.parameter_write.val();
        self.counters.write_line.next = self.decoder.write_line.val();
        self.counters.drain_reads.next = self.drain.drain_reads.val();
        self.counters.take.next = self.decoder.take_out.val();
        self.counters.result_line.next = self.packer.valid_out.val() & self.drain.valid_out.val();
        self.counters.waiting.next = self.waiting.val();

        self.error.next = self.decoder.error_out.val();
        self.moving.next = !self.decoder.settled0.val()
            | !self.decoder.settled1.val()
            | self.sequencer.load_valid_out.val()
            | self.sequencer.stream_valid_out.val()
            | self.drain.valid_out.val();
        self.idle.next = self.decoder.resting.val() & self.stream_in.empty.val() & !self.moving.val() & !self.waiting.val();
    }
}

crate::clocked!(
    [const R: usize, const C: usize, const RC: usize, const PW: usize, const QW: usize, const UW: usize, const T: usize, const LB: usize, const AA: usize, const WA: usize, const PA: usize, const CA: usize, const DB: usize, const Q: usize, const PR: usize, const S: usize, const L: usize, const B: usize, const N: usize, const NB: usize, const NM: usize, const NX: usize]
    Machine<R, C, RC, PW, QW, UW, T, LB, AA, WA, PA, CA, DB, Q, PR, S, L, B, N, NB, NM, NX>
);
