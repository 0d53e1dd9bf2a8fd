//! Drives a whole batch of beats through a [`Boundary`], the same way for every backend.
//!
//! In each cycle, counted from 0 in every batch:
//!
//! 1. `s_tvalid` is asserted with the next beat of the input if there is one and the valid stall permits it. Once
//!    asserted it stays asserted, with the same beat, until that beat is accepted, as AXI4-Stream demands.
//! 2. `m_tready` is asserted if the ready stall permits it.
//! 3. The boundary is settled; what was accepted and received is noted; the clock ticks.
//!
//! The batch ends as soon as all beats of the input were accepted and all of the output asked for was received, or when
//! all were accepted and the machine is idle in its error state, or after `max_cycles`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::boundary::{Boundary, Data, Inputs, Outputs};
use crate::stall::Stall;

/// Beats of one stream in order, stored back to back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beats {
    beat_bytes: usize,
    data: Vec<u8>,
    last: Vec<bool>,
}

impl Beats {
    /// No beats yet, of `stream_bytes` each.
    #[must_use]
    pub const fn new(stream_bytes: usize) -> Self {
        Self { beat_bytes: stream_bytes, data: Vec::new(), last: Vec::new() }
    }

    /// One packet: `bytes` cut into beats, zeros after the end of the last one, which carries `tlast`.
    ///
    /// # Panics
    /// If `stream_bytes` is 0.
    #[must_use]
    pub fn packet(stream_bytes: usize, bytes: &[u8]) -> Self {
        let mut data = bytes.to_vec();
        data.resize(bytes.len().next_multiple_of(stream_bytes), 0);
        let mut last = vec![false; data.len() / stream_bytes];
        if let Some(last) = last.last_mut() {
            *last = true;
        }
        Self { beat_bytes: stream_bytes, data, last }
    }

    /// Appends one beat.
    ///
    /// # Panics
    /// If `data` has another width than these beats.
    pub fn push(&mut self, data: &[u8], last: bool) {
        assert_eq!(data.len(), self.beat_bytes, "a beat has another width than its stream");
        self.data.extend_from_slice(data);
        self.last.push(last);
    }

    /// Appends all beats of another list of the same width.
    ///
    /// # Panics
    /// If the other's beats have another width.
    pub fn append(&mut self, other: &Self) {
        assert_eq!(other.beat_bytes, self.beat_bytes, "the beats have another width than their stream");
        self.data.extend_from_slice(&other.data);
        self.last.extend_from_slice(&other.last);
    }

    /// How many beats.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.last.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// Width of a beat, in bytes.
    #[must_use]
    pub const fn beat_bytes(&self) -> usize {
        self.beat_bytes
    }

    /// The data of all beats, back to back.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.data
    }

    /// A beat's data and whether it is the last of its packet.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(&[u8], bool)> {
        let last = *self.last.get(index)?;
        Some((self.data.get(index * self.beat_bytes..)?.get(..self.beat_bytes)?, last))
    }

    /// All beats in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], bool)> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The data of each packet in order; beats after the last `tlast` are left out.
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> {
        let mut begin = 0;
        self.last.iter().enumerate().filter(|(_, last)| **last).map(move |(index, _)| {
            let end = (index + 1) * self.beat_bytes;
            &self.data[std::mem::replace(&mut begin, end)..end]
        })
    }

    /// Whether the three fields agree; a list that came through a pipe may lie.
    const fn is_consistent(&self) -> bool {
        match self.last.len().checked_mul(self.beat_bytes) {
            Some(bytes) => bytes == self.data.len(),
            None => false,
        }
    }
}

/// How much output a batch waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect {
    /// So many beats.
    Beats(u64),
    /// So many packets, counted by their `tlast`.
    Packets(u64),
}

/// What to drive and when to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Beats to push, in order.
    pub input: Beats,
    /// Output to wait for.
    pub expect: Expect,
    /// Cycles after which the batch ends in any case.
    pub max_cycles: u64,
    /// When the input holds back its next beat.
    pub valid_stall: Stall,
    /// When the output is not ready.
    pub ready_stall: Stall,
}

impl Batch {
    /// A batch without stalls.
    #[must_use]
    pub const fn new(input: Beats, expect: Expect, max_cycles: u64) -> Self {
        Self { input, expect, max_cycles, valid_stall: Stall::NEVER, ready_stall: Stall::NEVER }
    }

    /// Exactly `cycles` cycles without input, unless an error shows; whatever comes out is received.
    #[must_use]
    pub const fn wait(stream_bytes: usize, cycles: u64) -> Self {
        Self::new(Beats::new(stream_bytes), Expect::Beats(u64::MAX), cycles)
    }
}

/// Why a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// All beats of the input were accepted and all of the output asked for was received.
    Complete,
    /// All beats of the input were accepted and the machine is idle in its error state.
    Error,
    /// `max_cycles` have passed.
    MaxCycles,
}

/// What came of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Why it ended.
    pub end: End,
    /// Clock cycles driven.
    pub cycles: u64,
    /// Beats of the input that were accepted.
    pub accepted: u64,
    /// Beats received.
    pub output: Beats,
    /// The error code after the last cycle.
    pub error: u8,
    /// Whether the machine was idle after the last cycle.
    pub idle: bool,
    /// A hash of every boundary signal in every cycle, so that machines in different processes can be compared cycle by cycle.
    pub signature: u64,
}

/// Folds every boundary signal of one cycle into a signature, with the multiplier and xor-shift of splitmix64.
fn sign(signature: u64, inputs: &Inputs, outputs: &Outputs) -> u64 {
    let flags =
        [inputs.s_tvalid, inputs.s_tlast, inputs.m_tready, outputs.s_tready, outputs.m_tvalid, outputs.m_tlast, outputs.idle];
    let flags = flags.iter().fold(u64::from(outputs.error), |word, &flag| word << 1 | u64::from(flag));
    let data = [inputs.s_tdata.as_bytes(), outputs.m_tdata.as_bytes()];
    let words =
        data.into_iter().flat_map(|bytes| bytes.chunks(8)).map(|chunk| chunk.iter().fold(0, |w, &b| w << 8 | u64::from(b)));
    std::iter::once(flags).chain(words).fold(signature, |hash, word| {
        let mixed = (hash ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    })
}

/// A batch that cannot be driven; nothing was driven.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DriveError {
    /// The beats have another width than the stream.
    #[error("the input has beats of {found} bytes, but the stream has {expected}: was it made for another configuration?")]
    Width {
        /// Of the beats.
        found: usize,
        /// Of the stream.
        expected: usize,
    },
    /// Data and `tlast` flags do not agree in number.
    #[error("the input is inconsistent: {bytes} bytes of data for {beats} beats")]
    Inconsistent {
        /// Of data.
        bytes: usize,
        /// By their flags.
        beats: usize,
    },
    /// AXI4-Stream forbids to take back an offer.
    #[error(
        "the batch before ended while beat {offered:?} was offered and not yet accepted: the next batch must begin with that beat"
    )]
    Withdrawn {
        /// The beat.
        offered: Data,
    },
}

/// A boundary being driven.
#[derive(Debug)]
pub struct Driver<B> {
    boundary: B,
    /// The beat that was offered in the last cycle and not accepted, with its `tlast`.
    offered: Option<(Data, bool)>,
}

impl<B: Boundary> Driver<B> {
    /// Drives a machine that has not been offered anything yet.
    pub const fn new(boundary: B) -> Self {
        Self { boundary, offered: None }
    }

    /// The machine, to look at.
    pub const fn boundary(&self) -> &B {
        &self.boundary
    }

    /// The machine.
    pub const fn boundary_mut(&mut self) -> &mut B {
        &mut self.boundary
    }

    /// Drives one batch to its end.
    ///
    /// # Errors
    /// If the batch does not fit the stream, or takes back what the batch before offered.
    pub fn run(&mut self, batch: &Batch) -> Result<Outcome, DriveError> {
        let width = self.boundary.stream_bytes();
        self.check(&batch.input, width)?;

        let beats = batch.input.len();
        let quiet = Inputs { s_tdata: Data::zeros(width), ..Inputs::default() };
        let mut output = Beats::new(width);
        let (mut accepted, mut packets, mut cycles) = (0, 0, 0);
        let mut saw_error = false;
        let mut signature = 0;
        let end = loop {
            let received = match batch.expect {
                Expect::Beats(wanted) => output.len() as u64 >= wanted,
                Expect::Packets(wanted) => packets >= wanted,
            };
            if accepted == beats && received {
                break End::Complete;
            }
            if accepted == beats && saw_error {
                break End::Error;
            }
            if cycles == batch.max_cycles {
                break End::MaxCycles;
            }

            let mut inputs = Inputs { m_tready: !batch.ready_stall.at(cycles), ..quiet };
            if let Some((data, last)) = self.offered {
                (inputs.s_tvalid, inputs.s_tdata, inputs.s_tlast) = (true, data, last);
            } else if let Some((data, last)) = batch.input.get(accepted).filter(|_| !batch.valid_stall.at(cycles)) {
                (inputs.s_tvalid, inputs.s_tdata, inputs.s_tlast) = (true, Data::new(data), last);
            }

            let outputs = self.boundary.settle(&inputs);
            signature = sign(signature, &inputs, &outputs);
            self.offered = None;
            let accepts = inputs.s_tvalid && outputs.s_tready;
            if accepts {
                accepted += 1;
            } else if inputs.s_tvalid {
                self.offered = Some((inputs.s_tdata, inputs.s_tlast));
            }
            if outputs.m_tvalid && inputs.m_tready {
                output.push(outputs.m_tdata.as_bytes(), outputs.m_tlast);
                packets += u64::from(outputs.m_tlast);
            }
            // A machine that is not idle may still answer, and what it has just accepted it has not seen yet.
            saw_error = outputs.error != 0 && outputs.idle && !accepts;
            self.boundary.clock();
            cycles += 1;
        };

        // The state after the last cycle. No clock follows, so the circuit does not see an offer pause.
        let after = self.boundary.settle(&quiet);
        Ok(Outcome { end, cycles, accepted: accepted as u64, output, error: after.error, idle: after.idle, signature })
    }

    fn check(&self, input: &Beats, width: usize) -> Result<(), DriveError> {
        if !input.is_consistent() {
            return Err(DriveError::Inconsistent { bytes: input.data.len(), beats: input.len() });
        }
        if input.beat_bytes() != width {
            return Err(DriveError::Width { found: input.beat_bytes(), expected: width });
        }
        match self.offered {
            Some((offered, last)) if input.get(0) != Some((offered.as_bytes(), last)) => Err(DriveError::Withdrawn { offered }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
