//! The host's side of the [protocol]: launches `crumb-cosim` and drives batches through it.

use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::error::CosimError;
use super::protocol::{self, Answer, Open, Opened};
use crumb_arch::driver::{Batch, Outcome};

/// A running co-simulation.
#[derive(Debug)]
pub struct Client {
    child: Child,
    /// Taken when the conversation ends.
    requests: Option<BufWriter<ChildStdin>>,
    answers: BufReader<ChildStdout>,
    opened: Opened,
}

impl Client {
    /// Starts the program and opens a circuit.
    ///
    /// # Errors
    /// If the program cannot be started, speaks another version, or refuses.
    pub fn launch(program: &Path, open: &Open) -> Result<Self, CosimError> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| CosimError::Launch { program: program.to_owned(), source })?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were asked for");
        };
        let opened = Opened { stream_bytes: 0, verilator: String::new() };
        let mut client = Self { child, requests: Some(BufWriter::new(stdin)), answers: BufReader::new(stdout), opened };
        client.send(|requests| protocol::write_opening(requests, open))?;
        client.opened = protocol::read_opening::<Answer<Opened>>(&mut client.answers)?.map_err(CosimError::Refused)?;
        Ok(client)
    }

    /// What was opened.
    #[must_use]
    pub const fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Drives one batch to its end, as [`Driver::run`](crumb_arch::driver::Driver::run) does.
    ///
    /// # Errors
    /// If the batch is refused or the program has ended.
    pub fn run(&mut self, batch: &Batch) -> Result<Outcome, CosimError> {
        self.send(|requests| protocol::write_frame(requests, batch))?;
        protocol::read_frame::<Answer<Outcome>>(&mut self.answers)?
            .ok_or_else(|| CosimError::Protocol("it ended before it answered".to_owned()))?
            .map_err(CosimError::Refused)
    }

    fn send(&mut self, write: impl FnOnce(&mut BufWriter<ChildStdin>) -> Result<(), CosimError>) -> Result<(), CosimError> {
        self.requests.as_mut().map_or(Ok(()), write)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Closing the pipe ends the program. It is waited for, because it may be writing out a waveform.
        self.requests = None;
        let _ = self.child.wait();
    }
}
