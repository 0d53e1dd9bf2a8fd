//! The reference machine: every command carried out at once, in plain loops written to be read. It has no clock.
//!
//! It shares with the other machines the commands and the value rules of `arch` (switch, requantizer, lane packing), and none of
//! their structure: a product here is a product, not bricks, offsets and crumbs.

use super::{Backend, BackendError};
use crumb_arch::command::{HEADER_WORDS, LINES_PER_BUS_WORD, LINES_PER_PARAMETER, LINES_PER_RAW_ROW, Pattern};
use crumb_arch::driver::{Batch, Beats, End, Expect, Outcome};
use crumb_arch::lanes::{pack, read_header_line, unpack};
use crumb_arch::requantizer::{ChannelScale, OutputFormat, requantize};
use crumb_arch::status::Status;
use crumb_arch::{ArrayConfig, Command, Counters, Drain, MachineError, Op, Tile};

/// Memories and error state of the reference machine.
pub struct Reference {
    config: ArrayConfig,
    /// `[line][row * depth + d]`.
    activations: Vec<Vec<u8>>,
    /// `[address * weight_bus + word][column * depth + d][t]`.
    weights: Vec<Vec<[i8; 4]>>,
    /// `[entry][column]`.
    parameters: Vec<Vec<u64>>,
    /// `[half][row][bank][column]`.
    accumulators: [Vec<[Vec<i32>; 4]>; 2],
    pattern: Pattern,
    error: Option<MachineError>,
    commands: u32,
    packet: Vec<u8>,
    output: Beats,
}

impl Reference {
    /// A machine with every memory at zero.
    ///
    /// # Errors
    /// If the configuration breaks a rule.
    pub fn new(config: &ArrayConfig) -> Result<Self, BackendError> {
        config.validate()?;
        let half = vec![std::array::from_fn(|_| vec![0; config.cols]); config.accumulator_rows];
        Ok(Self {
            activations: vec![vec![0; config.rows * config.depth]; config.activation_lines],
            weights: vec![vec![[0; 4]; config.cols * config.depth]; config.weight_words * config.weight_bus],
            parameters: vec![vec![0; config.cols]; config.parameter_entries],
            accumulators: [half.clone(), half],
            pattern: Pattern::LINEAR,
            error: None,
            commands: 0,
            packet: Vec::new(),
            output: Beats::new(config.stream_bits / 8),
            config: config.clone(),
        })
    }

    fn raise(&mut self, error: MachineError) {
        self.error.get_or_insert(error);
    }

    /// Carries out one packet of the input stream.
    fn packet(&mut self, bytes: &[u8]) {
        let line = self.config.line_bytes();
        let lines: Vec<&[u8]> = bytes.chunks_exact(line).collect();
        let ragged = !bytes.len().is_multiple_of(line);
        let Some((header, payload)) = lines.split_at_checked(self.config.header_lines()) else {
            return self.raise(MachineError::Truncated);
        };
        let mut words = [0; HEADER_WORDS];
        header.iter().enumerate().for_each(|(i, line)| read_header_line(&mut words, i, line, &self.config));
        let command = match Command::decode(&words, &self.config) {
            Ok(command) => command,
            Err(error) => return self.raise(error),
        };
        if self.error.is_some() && !matches!(command.op, Op::ReadStatus | Op::ClearError) {
            return;
        }
        let expected = command.payload_lines(&self.config);
        if expected > 0 && payload.is_empty() && !ragged {
            return self.raise(MachineError::Truncated);
        }
        if expected == 0 && (!payload.is_empty() || ragged) {
            return self.raise(MachineError::Overlong);
        }
        // A machine writes lines as they come, and finds only then that there are too few or too many.
        self.carry_out(&command.op, &payload[..payload.len().min(expected)]);
        if payload.len() < expected {
            self.raise(MachineError::Truncated);
        } else if payload.len() > expected || ragged {
            self.raise(MachineError::Overlong);
        }
        self.commands = self.commands.wrapping_add(1);
    }

    fn carry_out(&mut self, op: &Op, payload: &[&[u8]]) {
        match *op {
            Op::LoadActivations { base, .. } => {
                for (i, line) in payload.iter().enumerate() {
                    let target = &mut self.activations[usize::from(base) + i];
                    target.copy_from_slice(&line[..self.config.rows * self.config.depth]);
                }
            }
            Op::LoadWeights { base, .. } => {
                // A word at a time: of a short payload, the words that came are written.
                for (i, lines) in payload.chunks_exact(LINES_PER_BUS_WORD).enumerate() {
                    for (j, word) in self.weights[usize::from(base) * self.config.weight_bus + i].iter_mut().enumerate() {
                        *word = std::array::from_fn(|t| lines[t][j] as i8);
                    }
                }
            }
            Op::LoadParameters { base, .. } => {
                for (i, lines) in payload.chunks_exact(LINES_PER_PARAMETER).enumerate() {
                    for (c, entry) in self.parameters[usize::from(base) + i].iter_mut().enumerate() {
                        *entry = u64::from_le_bytes(std::array::from_fn(|q| lines[q][c]));
                    }
                }
            }
            Op::Compute(tile) => self.compute(&tile),
            Op::Drain(drain) => self.drain(&drain),
            Op::ReadStatus => {
                let status = Status { error: self.error, commands: self.commands.wrapping_add(1) };
                self.respond(&status.encode(&self.config));
            }
            Op::ReadCounters => {
                let words: Vec<u32> = Counters::default().0.iter().flat_map(|&v| [v as u32, (v >> 32) as u32]).collect();
                self.respond(&words);
            }
            Op::ClearError => self.error = None,
            Op::SetPattern(pattern) => self.pattern = pattern,
            Op::ClearCounters => {}
        }
    }

    fn compute(&mut self, tile: &Tile) {
        let (depth, cols, bus) = (self.config.depth, self.config.cols, self.config.weight_bus);
        let (k_lanes, n_lanes) = (tile.act.lanes(), tile.weight.bits.lanes());
        for m in 0..usize::from(tile.rows) {
            let address = self.pattern.address(tile.activations, m as u16);
            let line = &self.activations[usize::from(address) % self.config.activation_lines];
            for c in 0..cols {
                for n in 0..n_lanes {
                    let bank = usize::from(tile.part) * n_lanes + n;
                    let mut sum = 0i32;
                    for word in 0..usize::from(tile.k_words) * bus {
                        for d in 0..depth {
                            let byte = line[word / k_lanes * depth + d];
                            let a = unpack(byte, tile.act, tile.act_signed).nth(word % k_lanes).map_or(0, i32::from);
                            let w = self.weights[usize::from(tile.weights) * bus + word][c * depth + d][bank];
                            sum = sum.wrapping_add(a * i32::from(tile.weight.apply(w)));
                        }
                    }
                    let value = sum.wrapping_shl(2 * u32::from(tile.shift));
                    let row = usize::from(tile.accumulator) + m;
                    let acc = &mut self.accumulators[usize::from(tile.half)][row][bank][c];
                    *acc = if tile.accumulate { acc.wrapping_add(value) } else { value };
                }
            }
        }
    }

    fn drain(&mut self, drain: &Drain) {
        let (cols, line) = (self.config.cols, self.config.line_bytes());
        let mut bytes = Vec::new();
        for m in 0..usize::from(drain.rows) {
            let row = &self.accumulators[usize::from(drain.half)][usize::from(drain.accumulator) + m];
            let banks = &row[..usize::from(drain.banks)];
            match drain.requantize {
                None => {
                    for bank in banks {
                        let flat: Vec<u8> = bank.iter().flat_map(|v| v.to_le_bytes()).collect();
                        for quarter in 0..LINES_PER_RAW_ROW {
                            push_line(&mut bytes, line, &flat[quarter * cols..][..cols]);
                        }
                    }
                }
                Some(format) => {
                    for (i, together) in banks.chunks(format.width.lanes()).enumerate() {
                        let first = usize::from(format.parameters) + i * format.width.lanes();
                        let packed: Vec<u8> = (0..cols)
                            .map(|c| {
                                let values: Vec<i16> = together
                                    .iter()
                                    .enumerate()
                                    .map(|(t, bank)| {
                                        let scale = ChannelScale::from_entry(self.parameters[first + t][c]);
                                        requantize(bank[c], scale, &OutputFormat::from(&format))
                                    })
                                    .collect();
                                pack(&values, format.width)
                            })
                            .collect();
                        push_line(&mut bytes, line, &packed);
                    }
                }
            }
        }
        self.output.append(&Beats::packet(self.config.stream_bits / 8, &bytes));
    }

    fn respond(&mut self, words: &[u32]) {
        let mut bytes = Vec::new();
        words.iter().for_each(|word| push_line(&mut bytes, self.config.line_bytes(), &word.to_le_bytes()));
        self.output.append(&Beats::packet(self.config.stream_bits / 8, &bytes));
    }
}

fn push_line(bytes: &mut Vec<u8>, line: usize, content: &[u8]) {
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len() - content.len() + line, 0);
}

impl Backend for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn config(&self) -> &ArrayConfig {
        &self.config
    }

    fn run(&mut self, batch: &Batch) -> Result<Outcome, BackendError> {
        for (data, last) in batch.input.iter() {
            self.packet.extend_from_slice(data);
            if last {
                let packet = std::mem::take(&mut self.packet);
                self.packet(&packet);
            }
        }
        let output = std::mem::replace(&mut self.output, Beats::new(self.config.stream_bits / 8));
        let complete = match batch.expect {
            Expect::Beats(wanted) => output.len() as u64 >= wanted,
            Expect::Packets(wanted) => output.packets().count() as u64 >= wanted,
        };
        let error = self.error.map_or(0, MachineError::code);
        let end = match (complete, error) {
            (true, _) => End::Complete,
            (false, 0) => End::MaxCycles,
            (false, _) => End::Error,
        };
        Ok(Outcome { end, cycles: 0, accepted: batch.input.len() as u64, output, error, idle: true, signature: 0 })
    }

    fn is_clocked(&self) -> bool {
        false
    }
}
