//! A conversation with a machine: commands and payload in, packets out, errors named.

use crate::backend::{Backend, BackendError};
use crumb_arch::counters::COUNT;
use crumb_arch::driver::{Batch, Beats, End, Expect};
use crumb_arch::lanes::header_lines;
use crumb_arch::stall::Stall;
use crumb_arch::status::{STATUS_WORDS, Status, StatusError};
use crumb_arch::{ArrayConfig, Command, Counters, MachineError, Op};
use crumb_sim::activity::Activity;
use std::collections::VecDeque;

/// Input bytes that are gathered before they are driven: bounds the memory of a stream of any length.
const FLUSH_BYTES: usize = 4 << 20;

/// Why a conversation failed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The machine could not be driven.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The machine went into its error state.
    #[error("the machine is in error state {0}; `ClearError` brings it back")]
    Machine(MachineError),
    /// The machine reports a code that does not exist.
    #[error("the machine reports error code {0}, which does not exist: is it this version of Crumb?")]
    UnknownError(u8),
    /// The machine did not answer in time.
    #[error(
        "no answer after {cycles} cycles: {received} of {expected} packets received. This is a defect of Crumb; please report it"
    )]
    Timeout {
        /// Cycles waited.
        cycles: u64,
        /// Packets received.
        received: usize,
        /// Packets expected.
        expected: usize,
    },
    /// A packet has the wrong length.
    #[error("a packet of {found} bytes came, expected {expected}. This is a defect of Crumb; please report it")]
    Length {
        /// Bytes received.
        found: usize,
        /// Bytes expected.
        expected: usize,
    },
    /// The status does not come from this machine.
    #[error(transparent)]
    Status(#[from] StatusError),
}

/// A machine and what is on its way to and from it.
pub struct Session {
    backend: Box<dyn Backend>,
    config: ArrayConfig,
    pending: Beats,
    budget: u64,
    partial: Vec<u8>,
    packets: VecDeque<Vec<u8>>,
    awaited: usize,
    cycles: u64,
    signature: u64,
    batches: u64,
    valid_stall: Stall,
    ready_stall: Stall,
}

impl Session {
    /// Begins a conversation with a fresh machine.
    pub fn new(backend: Box<dyn Backend>) -> Self {
        let config = backend.config().clone();
        let pending = Beats::new(config.stream_bits / 8);
        Self {
            backend,
            config,
            pending,
            budget: 0,
            partial: Vec::new(),
            packets: VecDeque::new(),
            awaited: 0,
            cycles: 0,
            signature: 0,
            batches: 0,
            valid_stall: Stall::NEVER,
            ready_stall: Stall::NEVER,
        }
    }

    /// The same, with both streams held back at random: `valid` on the way in, `ready` on the way out.
    #[must_use]
    pub fn with_stalls(mut self, valid: Stall, ready: Stall) -> Self {
        (self.valid_stall, self.ready_stall) = (valid, ready);
        self
    }

    /// The machine's sizes.
    pub fn config(&self) -> &ArrayConfig {
        &self.config
    }

    /// The machine.
    pub fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// Toggles of the machine's registers in what was driven so far, if it counts them.
    pub fn activity(&self) -> Option<Activity> {
        self.backend.activity()
    }

    /// Clock cycles driven so far.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// A hash of every boundary signal in every cycle driven so far: see [`crumb_arch::driver::Outcome`].
    pub fn signature(&self) -> u64 {
        self.signature
    }

    /// Queues a command with its payload lines; `packets` will come back.
    ///
    /// # Errors
    /// If the queue is driven and the machine fails.
    pub fn send(&mut self, command: impl Into<Command>, payload: &[u8], packets: usize) -> Result<(), SessionError> {
        let command = command.into();
        let mut bytes = Vec::with_capacity(4 * self.config.line_bytes() + payload.len());
        header_lines(&command.encode(), &self.config, &mut bytes);
        bytes.extend_from_slice(payload);
        self.budget += self.bound(&command.op) + bytes.len() as u64;
        self.send_raw(&bytes, packets)
    }

    /// Queues a packet of any bytes as they are.
    ///
    /// # Errors
    /// If the queue is driven and the machine fails.
    pub fn send_raw(&mut self, packet: &[u8], packets: usize) -> Result<(), SessionError> {
        self.pending.append(&Beats::packet(self.config.stream_bits / 8, packet));
        self.budget += 1000 + packet.len() as u64;
        self.awaited += packets;
        if self.pending.as_bytes().len() >= FLUSH_BYTES { self.drive(0) } else { Ok(()) }
    }

    /// Cycles that an operation takes at the very most, stalls aside.
    fn bound(&self, op: &Op) -> u64 {
        let beats = self.config.beats_per_line() as u64;
        let pipeline = 4 * (self.config.rows + self.config.cols) as u64 + 500;
        pipeline
            + match op {
                Op::Compute(tile) => u64::from(tile.rows) + 4 * self.config.rows as u64,
                Op::Drain(drain) => drain.output_lines() as u64 * beats + u64::from(drain.rows) * 4,
                Op::ReadCounters => 2 * COUNT as u64 * beats,
                _ => 0,
            }
    }

    /// Drives everything queued and waits for every packet that is on its way.
    ///
    /// # Errors
    /// If the machine fails, or packets do not come.
    pub fn finish(&mut self) -> Result<(), SessionError> {
        let missing = self.awaited - self.packets.len();
        self.drive(missing)
    }

    /// The next packet, once [`Session::finish`] has brought it or a queue on its way was driven.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let packet = self.packets.pop_front()?;
        self.awaited -= 1;
        Some(packet)
    }

    fn drive(&mut self, packets: usize) -> Result<(), SessionError> {
        if self.pending.is_empty() && packets == 0 {
            return Ok(());
        }
        let input = std::mem::replace(&mut self.pending, Beats::new(self.config.stream_bits / 8));
        let slow = 100 / (100 - u64::from(self.valid_stall.percent.max(self.ready_stall.percent)).min(99));
        let max_cycles = 10_000 + 8 * slow * self.budget;
        // Each batch counts its cycles from 0: another seed each time keeps the stalls of batches apart.
        let seeded = |stall: Stall| Stall { seed: stall.seed.wrapping_add(self.batches), ..stall };
        let (valid_stall, ready_stall) = (seeded(self.valid_stall), seeded(self.ready_stall));
        let batch = Batch { input, expect: Expect::Packets(packets as u64), max_cycles, valid_stall, ready_stall };
        let outcome = self.backend.run(&batch)?;
        self.batches += 1;
        self.cycles += outcome.cycles;
        self.signature = self.signature.rotate_left(1) ^ outcome.signature;
        for (data, last) in outcome.output.iter() {
            self.partial.extend_from_slice(data);
            if last {
                self.packets.push_back(std::mem::take(&mut self.partial));
            }
        }
        match (outcome.error, outcome.end) {
            (0, End::MaxCycles) => {
                Err(SessionError::Timeout { cycles: outcome.cycles, received: self.packets.len(), expected: self.awaited })
            }
            (0, _) => Ok(()),
            (code, end) => {
                let error = MachineError::from_code(code).map_or(SessionError::UnknownError(code), SessionError::Machine);
                if end == End::Complete && packets > 0 { Ok(()) } else { Err(error) }
            }
        }
    }

    /// Asks a question and returns the answer's words.
    fn ask(&mut self, op: Op, words: usize) -> Result<Vec<u32>, SessionError> {
        self.send(op, &[], 1)?;
        self.finish()?;
        let line = self.config.line_bytes();
        let packet = self.packets.pop_back().unwrap_or_default();
        self.awaited -= 1;
        if packet.len() != words * line {
            return Err(SessionError::Length { found: packet.len(), expected: words * line });
        }
        Ok(packet.chunks_exact(line).map(|l| u32::from_le_bytes([l[0], l[1], l[2], l[3]])).collect())
    }

    /// The machine's status; works in the error state.
    ///
    /// # Errors
    /// If the machine does not answer, or another machine does.
    pub fn status(&mut self) -> Result<Status, SessionError> {
        let words = self.ask(Op::ReadStatus, STATUS_WORDS)?;
        Ok(Status::decode(&[words[0], words[1], words[2], words[3]], &self.config)?)
    }

    /// Every counter, read once the machine is idle.
    ///
    /// # Errors
    /// If the machine does not answer.
    pub fn counters(&mut self) -> Result<Counters, SessionError> {
        let words = self.ask(Op::ReadCounters, 2 * COUNT)?;
        Ok(Counters(std::array::from_fn(|i| u64::from(words[2 * i]) | u64::from(words[2 * i + 1]) << 32)))
    }

    /// Sets every counter to zero.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn clear_counters(&mut self) -> Result<(), SessionError> {
        self.send(Op::ClearCounters, &[], 0)?;
        self.status().map(drop)
    }

    /// Leaves the error state and returns it.
    ///
    /// # Errors
    /// If the machine does not come back.
    pub fn clear_error(&mut self) -> Result<Option<MachineError>, SessionError> {
        let before = self.status()?.error;
        self.send(Op::ClearError, &[], 0)?;
        match self.status()?.error {
            None => Ok(before),
            Some(error) => Err(SessionError::Machine(error)),
        }
    }
}
