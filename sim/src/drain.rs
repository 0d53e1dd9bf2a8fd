//! Reads accumulators out, row by row and bank by bank (`drain_banks = 4`: line by line), as fast as credits for the output fifo allow.
//!
//! ```text
//! decoder --drain--> [wait for the half's tiles] -> issue -> accumulators, parameters -> requantizers -> packer
//!                                                     |                                                ^
//!                                                     +---- pipe[0 .. LATENCY+1]: token per issue -----+
//! ```

use crate::datapath::DrainRead;
use crate::trace::Visitor;
use crumb_arch::precision::ActBits;
use crumb_arch::timing::{DRAIN_LATENCY, FIFO_LINES};
use crumb_arch::{ArrayConfig, Drain as Command, Requantize};

/// What travels beside an issued row and bank.
#[derive(Clone, Copy, Default)]
pub struct Token {
    /// Something was issued.
    pub valid: bool,
    /// Its line is complete and goes out.
    pub emit: bool,
    /// It is the last of the command.
    pub last: bool,
    /// Accumulator bank, the first of those issued.
    pub bank: u8,
    /// Quarter of a raw row.
    pub quarter: u8,
}

/// The drain's registers.
pub struct Drain {
    /// A command is under way.
    pub valid: bool,
    reading: bool,
    draining_done: bool,
    rows_left: u16,
    address: u16,
    bank: u8,
    quarter: u8,
    parameter: u16,
    command: Command,
    credits: usize,
    /// Banks of one issue by the code of the output width; they end with a row.
    steps: [u8; 3],
    /// Ring of the token pipe: `pipe[(head + i) % len]` is stage i.
    pipe: [Token; DRAIN_LATENCY],
    head: usize,
}

/// The fields of a drain register file before the first command.
const NO_FORMAT: Requantize = Requantize { parameters: 0, width: ActBits::A8, exponent_adjust: 0, zero_point: 0, lo: 0, hi: 0 };

impl Drain {
    /// A drain at rest.
    pub fn new(config: &ArrayConfig) -> Self {
        let command = Command { rows: 0, accumulator: 0, half: 0, banks: 1, requantize: Some(NO_FORMAT) };
        Self {
            valid: false,
            reading: false,
            draining_done: false,
            rows_left: 0,
            address: 0,
            bank: 0,
            quarter: 0,
            parameter: 0,
            command,
            credits: FIFO_LINES,
            steps: ActBits::ALL.map(|width| config.banks_per_issue(width) as u8),
            pipe: [Token::default(); DRAIN_LATENCY],
            head: 0,
        }
    }

    /// The half being drained.
    pub fn half(&self) -> Option<u8> {
        self.valid.then_some(self.command.half)
    }

    /// Whether results are raw int32.
    pub fn raw(&self) -> bool {
        self.valid && self.command.requantize.is_none()
    }

    /// The requantization of the current command (all zero for raw).
    pub fn format(&self) -> Requantize {
        self.command.requantize.unwrap_or(NO_FORMAT)
    }

    /// Whether the output fifo may be sent another line.
    pub fn has_credits(&self) -> bool {
        self.credits != 0
    }

    /// Whether rows are being read or on their way out.
    pub fn is_reading(&self) -> bool {
        self.valid && (self.reading || self.draining_done)
    }

    /// Stage `i` of the token pipe.
    pub fn pipe(&self, i: usize) -> Token {
        self.pipe[(self.head + i) % self.pipe.len()]
    }

    /// What the accumulators and parameters are asked for in this cycle.
    pub fn read(&self) -> DrainRead {
        DrainRead { half: self.command.half, bank: self.bank, address: self.address, parameter: self.parameter }
    }

    /// Accumulator bank rows read in this cycle (a raw row takes four issues, counted once).
    pub fn rows_read(&self) -> u64 {
        if self.issue().valid && self.quarter == 0 { self.step().min(self.command.banks - self.bank).into() } else { 0 }
    }

    /// Banks of an issue that does not end with its row.
    fn step(&self) -> u8 {
        self.steps[usize::from(self.format().width.code())]
    }

    /// Banks of the current command.
    pub fn banks(&self) -> u8 {
        self.command.banks
    }

    /// The issue of this cycle.
    fn issue(&self) -> Token {
        let raw = self.command.requantize.is_none();
        let lanes = self.format().width.lanes() as u8;
        let end = self.bank + self.step();
        let last_bank = end >= self.command.banks;
        Token {
            valid: self.reading && self.has_credits(),
            emit: raw || end.is_multiple_of(lanes) || last_bank,
            last: self.rows_left == 1 && last_bank && (!raw || self.quarter == 3),
            bank: self.bank,
            quarter: self.quarter,
        }
    }

    /// One clock edge. `settled`: every tile of this half has completed; `pushed_last`: the packer pushes a packet's final line.
    pub fn clock(&mut self, dispatch: Option<Command>, settled: bool, respond: bool, pop: bool, pushed_last: bool) {
        let issue = self.issue();
        // Raw rows leave at stage 1; the requantizers' tokens go on.
        let stage1 = (self.head + 1) % DRAIN_LATENCY;
        self.pipe[stage1].valid &= self.command.requantize.is_some();
        self.head = (self.head + self.pipe.len() - 1) % self.pipe.len();
        self.pipe[self.head] = issue;
        self.credits = self.credits + usize::from(pop) - usize::from(issue.valid && issue.emit) - usize::from(respond);
        if let Some(command) = dispatch {
            let parameter = command.requantize.map_or(0, |r| r.parameters);
            (self.valid, self.reading, self.draining_done) = (true, false, false);
            (self.rows_left, self.address, self.bank, self.quarter) = (command.rows, command.accumulator, 0, 0);
            (self.parameter, self.command) = (parameter, command);
            return;
        }
        if self.valid && !self.reading && !self.draining_done && settled {
            self.reading = true;
        }
        if self.valid && self.draining_done && pushed_last {
            self.valid = false;
        }
        if issue.valid {
            self.advance(&issue);
        }
    }

    fn advance(&mut self, issue: &Token) {
        if issue.last {
            (self.reading, self.draining_done) = (false, true);
        }
        if self.command.requantize.is_none() {
            self.quarter = (self.quarter + 1) % 4;
            if self.quarter != 0 {
                return;
            }
        }
        if self.bank + self.step() >= self.command.banks {
            self.bank = 0;
            self.parameter = self.format().parameters;
            self.address = self.address.wrapping_add(1) & 0xFFF;
            self.rows_left -= 1;
        } else {
            self.bank += self.step();
            self.parameter = self.parameter.wrapping_add(self.step().into());
        }
    }

    /// Every register.
    pub fn visit(&self, v: &mut impl Visitor) {
        let format = self.format();
        v.scope("drain");
        v.register("valid", 1, self.valid.into());
        v.register("reading", 1, self.reading.into());
        v.register("draining_done", 1, self.draining_done.into());
        v.register("rows_left", 16, self.rows_left.into());
        v.register("address", 12, self.address.into());
        v.register("bank", 2, self.bank.into());
        v.register("quarter", 2, self.quarter.into());
        v.register("entry", 16, self.parameter.into());
        v.register("credits", 6, self.credits as u64);
        v.register("parameters", 16, format.parameters.into());
        v.register("half", 1, self.command.half.into());
        v.register("banks", 2, u64::from(self.command.banks) - 1);
        v.register("raw", 1, self.command.requantize.is_none().into());
        v.register("width", 2, format.width.code().into());
        v.register("exponent_adjust", 6, format.exponent_adjust as u64 & 0x3F);
        v.register("zero_point", 9, format.zero_point as u64 & 0x1FF);
        v.register("lo", 9, format.lo as u64 & 0x1FF);
        v.register("hi", 9, format.hi as u64 & 0x1FF);
        for i in 0..DRAIN_LATENCY {
            let t = self.pipe(i);
            let flags = u64::from(t.valid) | u64::from(t.emit) << 1 | u64::from(t.last) << 2;
            v.register(format_args!("pipe_{i}"), 7, flags | u64::from(t.bank) << 3 | u64::from(t.quarter) << 5);
        }
        v.end();
    }
}
