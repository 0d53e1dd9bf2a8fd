//! Reads commands from lines, checks them, and hands them out when nothing stands in their way.
//!
//! ```text
//!            +-----------------------------------------------+
//!            v                                               |
//! line --> Header --4 words--> Check --> Decide --good--> Wait --> (dispatch) | Payload | Respond
//!            ^                              |bad                                 |
//!            +------------ Discard <--------+------------------------------------+ (until last)
//! ```
//! Invariant: nothing is dispatched that [`Command::decode`] refuses, nor anything but `ReadStatus` and `ClearError` in the error state.

use crate::trace::Visitor;
use crumb_arch::command::{HEADER_WORDS, LINES_PER_BUS_WORD, LINES_PER_PARAMETER, Pattern, WORD_ADDRESS};
use crumb_arch::counters::COUNT;
use crumb_arch::lanes::read_header_line;
use crumb_arch::status::STATUS_WORDS;
use crumb_arch::{ArrayConfig, Command, MachineError, Op};

/// What the decoder is doing; the discriminants are the register's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Collects header words.
    Header,
    /// Adds up the ranges.
    Check,
    /// Judges the header.
    Decide,
    /// Waits until the command can be carried out.
    Wait,
    /// Receives payload lines.
    Payload,
    /// Sends an answer.
    Respond,
    /// Skips to the end of a bad packet.
    Discard,
}

/// What the decoder sees of the rest of the machine in a cycle.
pub struct Seen {
    /// The tile queue takes a tile.
    pub queue_ready: bool,
    /// The half being drained, if any.
    pub draining: Option<u8>,
    /// The drain has credits.
    pub credits: bool,
    /// A tile of this half completes.
    pub done: Option<u8>,
}

/// The decoder's registers.
pub struct Decoder {
    config: ArrayConfig,
    /// The state register.
    pub state: State,
    index: u8,
    words: [u32; HEADER_WORDS],
    framed: bool,
    ends: Ends,
    address: u32,
    subline: u8,
    lines_left: u32,
    /// The error state, if any.
    pub error: Option<MachineError>,
    commands: u32,
    pending: [u8; 2],
    /// How tiles read the activation buffer.
    pub pattern: Pattern,
    /// The header's meaning; follows from `words`, held so that it is read once.
    decoded: Result<Command, MachineError>,
}

/// The sums and the fault register of the Check state.
#[derive(Clone, Copy, Default)]
struct Ends {
    a: u32,
    b: u32,
    c: u32,
    p: u32,
    fault: u8,
}

/// A write to one of the memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// The load command's operation.
    pub op: Op,
    /// Address in that memory; in the weight memory that of a word, `weight_bus` words to an address.
    pub address: u32,
    /// Which of the address's lines this is.
    pub subline: u8,
    /// The line completes its address.
    pub completes: bool,
}

impl Decoder {
    /// A decoder that waits for its first header.
    pub fn new(config: &ArrayConfig) -> Self {
        Self {
            config: config.clone(),
            state: State::Header,
            index: 0,
            words: [0; HEADER_WORDS],
            framed: false,
            ends: Ends::default(),
            address: 0,
            subline: 0,
            lines_left: 0,
            error: None,
            commands: 0,
            pending: [0; 2],
            pattern: Pattern::LINEAR,
            decoded: Err(MachineError::BadMagic),
        }
    }

    /// Whether a line is taken in this cycle.
    pub fn line_ready(&self) -> bool {
        matches!(self.state, State::Header | State::Payload | State::Discard)
    }

    /// Whether the tiles given for `half` have all completed.
    pub fn settled(&self, half: u8) -> bool {
        self.pending[usize::from(half)] == 0
    }

    /// Whether any tile has not completed.
    pub fn any_pending(&self) -> bool {
        self.pending != [0; 2]
    }

    /// Tiles that have not completed.
    fn unfinished(&self) -> u8 {
        self.pending[0] + self.pending[1]
    }

    /// Whether no command is under way.
    pub fn is_between_commands(&self) -> bool {
        self.state == State::Header && self.index == 0
    }

    /// The operation in the states Wait, Payload and Respond.
    pub fn op(&self) -> Option<&Op> {
        match self.state {
            State::Wait | State::Payload | State::Respond => self.decoded.as_ref().ok().map(|command| &command.op),
            _ => None,
        }
    }

    /// Commands carried out.
    pub fn commands(&self) -> u32 {
        self.commands
    }

    /// The operation that is carried out in this cycle, if any.
    pub fn dispatch(&self, seen: &Seen) -> Option<&Op> {
        let command = self.decoded.as_ref().ok().filter(|_| self.state == State::Wait)?;
        let fenced = command.fence_compute.is_some_and(|tiles| self.unfinished() > tiles)
            || (command.fence_drain && seen.draining.is_some());
        let idle = !self.any_pending() && seen.draining.is_none();
        let free = match command.op {
            Op::LoadActivations { .. } | Op::LoadWeights { .. } | Op::LoadParameters { .. } => true,
            Op::Compute(tile) => seen.queue_ready && seen.draining != Some(tile.half),
            Op::Drain(_) => seen.draining.is_none(),
            Op::SetPattern(_) => true,
            Op::ReadStatus | Op::ReadCounters | Op::ClearCounters | Op::ClearError => idle,
        };
        (free && !fenced).then_some(&command.op)
    }

    /// The memory write of this cycle, given the line that is taken, if any, and whether it is ragged.
    pub fn write(&self, taken: bool, ragged: bool) -> Option<Write> {
        if self.state != State::Payload || !taken || ragged {
            return None;
        }
        let op = *self.op()?;
        Some(Write { op, address: self.address, subline: self.subline, completes: self.subline == sublines(&op) - 1 })
    }

    /// Index of the response word that is sent in this cycle, and whether it is the final one.
    pub fn response(&self, seen: &Seen) -> Option<(usize, bool)> {
        (self.state == State::Respond && seen.credits).then(|| (usize::from(self.index), self.index + 1 == self.response_words()))
    }

    fn response_words(&self) -> u8 {
        if matches!(self.op(), Some(Op::ReadCounters)) { 2 * COUNT as u8 } else { STATUS_WORDS as u8 }
    }

    fn raise(&mut self, error: MachineError) {
        self.error.get_or_insert(error);
    }

    /// One clock edge. `line` is the line of `stream_in` if it is valid: its low word, `last` and `ragged`.
    pub fn clock(&mut self, line: Option<(&[u8], bool, bool)>, seen: &Seen) {
        let dispatched = self.dispatch(seen).copied();
        if let Some(Op::Compute(tile)) = dispatched {
            self.pending[usize::from(tile.half)] += 1;
        }
        if let Some(half) = seen.done {
            self.pending[usize::from(half)] -= 1;
        }
        match self.state {
            State::Header => self.header(line),
            State::Check => self.check(),
            State::Decide => self.decide(),
            State::Wait => {
                if let Some(op) = dispatched {
                    self.carry_out(&op);
                }
            }
            State::Payload => self.payload(line),
            State::Respond => {
                if let Some((_, last)) = self.response(seen) {
                    (self.index, self.state) = if last { (0, State::Header) } else { (self.index + 1, State::Respond) };
                }
            }
            State::Discard => {
                if matches!(line, Some((_, true, _))) {
                    self.state = State::Header;
                }
            }
        }
    }

    fn header(&mut self, line: Option<(&[u8], bool, bool)>) {
        let Some((line, last, ragged)) = line else { return };
        let index = usize::from(self.index);
        read_header_line(&mut self.words, index, line, &self.config);
        let last_line = self.config.header_lines() - 1;
        if last && (index != last_line || ragged) {
            self.raise(MachineError::Truncated);
            self.index = 0;
        } else if index == last_line {
            (self.framed, self.index, self.state) = (last, 0, State::Check);
        } else {
            self.index += 1;
        }
    }

    fn check(&mut self) {
        let w = &self.words;
        let (lo, hi) = (|word: u32| word & 0xFFFF, |word: u32| word >> 16);
        let compute = w[0] as u8 == crumb_arch::command::opcode::COMPUTE;
        let accumulator = if compute { w[3] } else { w[2] } & 0xFFF;
        self.decoded = Command::decode(w, &self.config);
        let fault = match self.decoded {
            Err(e @ (MachineError::BadMagic | MachineError::BadOpcode | MachineError::BadField)) => e.code(),
            _ => 0,
        };
        self.ends = Ends {
            a: lo(w[1]) + hi(w[1]),
            b: lo(w[2]) + hi(w[2]),
            c: accumulator + hi(w[1]),
            p: lo(w[1]) + ((w[2] >> 13) & 3) + 1,
            fault,
        };
        self.state = State::Decide;
    }

    fn decide(&mut self) {
        let verdict = self.decoded.and_then(|command| match (command.payload_lines(&self.config) > 0, self.framed) {
            (true, true) => Err(MachineError::Truncated),
            (false, false) => Err(MachineError::Overlong),
            _ => Ok(command.op),
        });
        let welcome = |op: &Op| self.error.is_none() || matches!(op, Op::ReadStatus | Op::ClearError);
        match verdict {
            Ok(op) if welcome(&op) => {
                self.state = State::Wait;
                return;
            }
            Ok(_) => {}
            Err(error) => self.raise(error),
        }
        self.state = if self.framed { State::Header } else { State::Discard };
    }

    fn carry_out(&mut self, op: &Op) {
        self.commands = self.commands.wrapping_add(1);
        self.state = State::Header;
        match *op {
            Op::LoadActivations { base, count } | Op::LoadWeights { base, count } | Op::LoadParameters { base, count } => {
                let words = if matches!(op, Op::LoadWeights { .. }) { self.config.weight_bus as u32 } else { 1 };
                (self.address, self.subline) = (u32::from(base) * words, 0);
                self.lines_left = u32::from(count) * words * u32::from(sublines(op));
                self.state = State::Payload;
            }
            Op::ReadStatus | Op::ReadCounters => (self.index, self.state) = (0, State::Respond),
            Op::ClearError => self.error = None,
            Op::SetPattern(pattern) => self.pattern = pattern,
            Op::Compute(_) | Op::Drain(_) | Op::ClearCounters => {}
        }
    }

    fn payload(&mut self, line: Option<(&[u8], bool, bool)>) {
        let Some((_, last, ragged)) = line else { return };
        if let Some(write) = self.write(true, ragged) {
            self.subline = if write.completes { 0 } else { self.subline + 1 };
            self.address = (self.address + u32::from(write.completes)) & WORD_ADDRESS;
        }
        let complete = self.lines_left == 1;
        self.lines_left -= 1;
        if last && (!complete || ragged) {
            self.raise(MachineError::Truncated);
            self.state = State::Header;
        } else if complete {
            if last {
                self.state = State::Header;
            } else {
                self.raise(MachineError::Overlong);
                self.state = State::Discard;
            }
        }
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        v.scope("decoder");
        v.register("state", 3, self.state as u64);
        v.register("index", 7, self.index.into());
        for (i, word) in self.words.iter().enumerate() {
            v.register(format_args!("word{i}"), 32, u64::from(*word));
        }
        v.register("framed", 1, self.framed.into());
        v.register("fault", 4, self.ends.fault.into());
        v.register("end_a", 17, self.ends.a.into());
        v.register("end_b", 17, self.ends.b.into());
        v.register("end_c", 17, self.ends.c.into());
        v.register("end_p", 17, self.ends.p.into());
        v.register("address", 18, self.address.into());
        v.register("subline", 3, self.subline.into());
        v.register("lines_left", 19, self.lines_left.into());
        v.register("error", 4, self.error.map_or(0, MachineError::code).into());
        v.register("commands", 32, self.commands.into());
        v.register("pending0", 8, self.pending[0].into());
        v.register("pending1", 8, self.pending[1].into());
        v.register("unfinished", 8, self.unfinished().into());
        v.register("columns", 16, self.pattern.columns.into());
        v.register("stride", 8, self.pattern.stride.into());
        v.register("jump", 16, self.pattern.jump.into());
        v.end();
    }
}

/// Payload lines of what a load writes at once: a line of activations, a word of the weight memory, a parameter entry.
const fn sublines(op: &Op) -> u8 {
    match op {
        Op::LoadWeights { .. } => LINES_PER_BUS_WORD as u8,
        Op::LoadParameters { .. } => LINES_PER_PARAMETER as u8,
        _ => 1,
    }
}
