//! The whole machine: every block, and the wires between them.
//!
//! A cycle is [`Machine::clock`]: all wires are read from the registers as they stand, then every block takes its clock edge.

use crate::counters::{CounterBank, Events};
use crate::datapath::{Datapath, DrainRead, MemoryWrite};
use crate::decoder::{Decoder, Seen, State, Write};
use crate::drain::Drain;
use crate::output_fifo::OutputFifo;
use crate::packer::Packer;
use crate::read_stage::ReadStage;
use crate::requantizer::Requantizers;
use crate::sequencer::Sequencer;
use crate::stream_in::StreamIn;
use crate::stream_out::StreamOut;
use crate::tile_queue::TileQueue;
use crate::trace::{Collector, Visitor};
use crumb_arch::boundary::{Boundary, Data, Inputs, Outputs};
use crumb_arch::config::ConfigError;
use crumb_arch::precision::macs_per_pe;
use crumb_arch::status::Status;
use crumb_arch::{ArrayConfig, Counter, Counters, MachineError, Op, Register};

/// The cycle-accurate simulator of one machine.
pub struct Machine {
    config: ArrayConfig,
    inputs: Inputs,
    cycle: u64,
    stream_in: StreamIn,
    decoder: Decoder,
    tile_queue: TileQueue,
    sequencer: Sequencer,
    datapath: Datapath,
    drain: Drain,
    read_stage: ReadStage,
    requantizers: Requantizers,
    packer: Packer,
    fifo: OutputFifo,
    stream_out: StreamOut,
    counters: CounterBank,
}

impl Machine {
    /// A machine with every register and memory at zero.
    ///
    /// # Errors
    /// If the configuration breaks a rule.
    pub fn new(config: &ArrayConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let (line, stream) = (config.line_bytes(), config.stream_bits / 8);
        Ok(Self {
            config: config.clone(),
            inputs: Inputs::default(),
            cycle: 0,
            stream_in: StreamIn::new(line, stream),
            decoder: Decoder::new(config),
            tile_queue: TileQueue::default(),
            sequencer: Sequencer::new(config),
            datapath: Datapath::new(config),
            drain: Drain::new(config),
            read_stage: ReadStage::new(config.cols * config.drain_banks),
            requantizers: Requantizers::new(config.cols * config.drain_banks),
            packer: Packer::new(config),
            fifo: OutputFifo::new(line),
            stream_out: StreamOut::new(line, stream),
            counters: CounterBank::default(),
        })
    }

    /// The machine's sizes.
    pub fn config(&self) -> &ArrayConfig {
        &self.config
    }

    /// Clock cycles since the start.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// The performance counters, read without a command.
    pub fn counters(&self) -> &Counters {
        self.counters.values()
    }

    /// The memories and the array.
    pub fn datapath(&self) -> &Datapath {
        &self.datapath
    }

    /// The boundary's outputs in this cycle: functions of registers alone.
    pub fn outputs(&self) -> Outputs {
        Outputs {
            s_tready: self.stream_in.ready(self.decoder.line_ready()),
            m_tvalid: self.stream_out.valid,
            m_tlast: self.stream_out.last(),
            m_tdata: Data::new(self.stream_out.data()),
            error: self.decoder.error.map_or(0, MachineError::code),
            idle: self.is_idle(),
        }
    }

    /// Whether nothing is under way anywhere.
    fn is_idle(&self) -> bool {
        self.decoder.is_between_commands()
            && self.stream_in.is_empty()
            && !self.decoder.any_pending()
            && !self.sequencer.load_valid()
            && self.sequencer.streaming().is_none()
            && !self.drain.valid
            && !self.has_output()
    }

    /// Whether lines wait for the output stream.
    fn has_output(&self) -> bool {
        self.packer.valid || self.fifo.count() != 0 || self.stream_out.valid
    }

    /// One clock cycle with these inputs.
    pub fn step(&mut self, inputs: &Inputs) {
        let line_ready = self.decoder.line_ready();
        let taken = self.stream_in.valid && line_ready;
        let seen = Seen {
            queue_ready: self.tile_queue.ready(),
            draining: self.drain.half(),
            credits: self.drain.has_credits(),
            done: self.datapath.done(),
        };
        let op = self.decoder.dispatch(&seen).copied();
        let response = self.decoder.response(&seen).map(|(index, last)| (self.response_word(index), last));
        let write = self.decoder.write(taken, self.stream_in.ragged);
        let pop = self.stream_out.pop(inputs.m_tready, &self.fifo);

        self.count(op.as_ref(), &seen, taken, write.as_ref());

        let settled = self.drain.half().is_some_and(|half| self.decoder.settled(half));
        let pushed_last = self.packer.valid && self.packer.last;
        self.stream_out.clock(inputs.m_tready, &self.fifo);
        self.fifo.clock(self.packer.push(), pop);
        self.packer.clock(response, &self.drain, self.read_stage.words(), self.requantizers.values());
        self.requantizers.step(self.read_stage.words(), self.datapath.parameters(), &self.drain.format());
        let read = DrainRead { parameter: self.read_stage.entry(), ..self.drain.read() };
        self.read_stage.clock(self.datapath.drain_words(), self.drain.read().parameter);

        let memory_write = memory_write(write.as_ref(), self.stream_in.line());
        self.datapath.clock(
            &self.sequencer.activation_issue(),
            &self.sequencer.weight_issue(),
            &self.sequencer.token(),
            &read,
            &memory_write,
        );

        let (tile, drain) = match op {
            Some(Op::Compute(tile)) => (Some(tile), None),
            Some(Op::Drain(drain)) => (None, Some(drain)),
            _ => (None, None),
        };
        self.drain.clock(drain, settled, response.is_some(), pop, pushed_last);
        let next = self.tile_queue.front().filter(|_| self.sequencer.loader_ready());
        self.tile_queue.clock(tile.map(|tile| (tile, self.decoder.pattern)), next.is_some());
        self.sequencer.clock(next);
        let offered = self.stream_in.valid.then_some((self.stream_in.line(), self.stream_in.last, self.stream_in.ragged));
        self.decoder.clock(offered, &seen);
        let beat = inputs.s_tvalid.then_some((inputs.s_tdata.as_bytes(), inputs.s_tlast));
        self.stream_in.clock(beat, line_ready);
        self.cycle += 1;
    }

    fn response_word(&self, index: usize) -> u32 {
        if matches!(self.decoder.op(), Some(Op::ReadCounters)) {
            return self.counters.word(index);
        }
        let status = Status { error: self.decoder.error, commands: self.decoder.commands() };
        status.encode(&self.config)[index]
    }

    fn count(&mut self, op: Option<&Op>, seen: &Seen, taken: bool, write: Option<&Write>) {
        if matches!(op, Some(Op::ClearCounters)) {
            self.counters.clear();
            return;
        }
        if self.decoder.state == State::Respond && matches!(self.decoder.op(), Some(Op::ReadCounters)) {
            return;
        }
        let streaming = self.sequencer.streaming();
        let banks = streaming.map_or(0, |tile| tile.weight.bits.lanes() as u64);
        self.counters.clock(&Events {
            class: Some(self.class(seen)),
            mac_slots: streaming.map_or(0, |tile| macs_per_pe(tile.act, tile.weight.bits)),
            tile: self.sequencer.start(),
            weight_read: self.sequencer.reads_weights(),
            accumulator_writes: banks,
            accumulator_reads: if streaming.is_some_and(|tile| tile.accumulate) { banks } else { 0 },
            drain_reads: self.drain.rows_read(),
            written: write.filter(|w| w.completes).map(|w| match w.op {
                Op::LoadWeights { .. } => Counter::WeightWordsWritten,
                Op::LoadParameters { .. } => Counter::ParametersWritten,
                _ => Counter::ActivationLinesWritten,
            }),
            line_in: taken,
            result_line: self.packer.valid && self.drain.valid,
        });
    }

    /// The class of this cycle: why the array is not busy, if it is not.
    fn class(&self, seen: &Seen) -> Counter {
        let drain_class = if seen.credits { Counter::StallAccumulators } else { Counter::StallOutput };
        if self.sequencer.streaming().is_some() {
            return Counter::Busy;
        }
        if self.sequencer.load_valid() {
            return Counter::StallWeights;
        }
        match self.decoder.op().filter(|_| self.decoder.state != State::Respond) {
            Some(Op::Compute(tile)) if seen.draining == Some(tile.half) => return drain_class,
            Some(Op::Drain(_)) if seen.draining.is_some() => return drain_class,
            Some(Op::LoadActivations { .. }) => return Counter::StallActivations,
            Some(Op::LoadWeights { .. }) => return Counter::StallWeights,
            Some(Op::LoadParameters { .. }) => return Counter::StallParameters,
            _ => {}
        }
        if self.drain.is_reading() {
            drain_class
        } else if !self.decoder.is_between_commands() || self.decoder.any_pending() || self.drain.valid {
            Counter::StallCommands
        } else if self.has_output() {
            Counter::StallOutput
        } else {
            Counter::Idle
        }
    }

    /// Every register of the machine.
    pub fn visit(&self, v: &mut impl Visitor) {
        self.stream_in.visit(v);
        self.decoder.visit(v);
        self.tile_queue.visit(v);
        self.sequencer.visit(v);
        self.datapath.visit(v);
        self.drain.visit(v);
        self.read_stage.visit(v);
        self.requantizers.visit(v);
        self.packer.visit(v);
        self.fifo.visit(v);
        self.stream_out.visit(v);
        self.counters.visit(v);
    }

    /// Every register with its path and value, in this cycle.
    pub fn registers(&self) -> Vec<Register> {
        let mut collector = Collector::default();
        self.visit(&mut collector);
        collector.registers
    }
}

impl Boundary for Machine {
    fn stream_bytes(&self) -> usize {
        self.config.stream_bits / 8
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        self.inputs = *inputs;
        self.outputs()
    }

    fn clock(&mut self) {
        let inputs = self.inputs;
        self.step(&inputs);
    }
}

fn memory_write<'a>(write: Option<&Write>, line: &'a [u8]) -> MemoryWrite<'a> {
    let Some(&Write { op, address, subline, .. }) = write else { return MemoryWrite::None };
    match op {
        Op::LoadWeights { .. } => MemoryWrite::Weights { address, subline, line },
        Op::LoadParameters { .. } => MemoryWrite::Parameters { address: address as u16, subline, line },
        _ => MemoryWrite::Activations { address: address as u16, line },
    }
}
