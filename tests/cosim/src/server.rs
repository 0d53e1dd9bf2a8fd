//! The program's side of the [protocol].

use std::io::{Read, Write};

use crate::CosimError;
use crate::boundary::Boundary;
use crate::driver::{Batch, Driver};
use crate::model::{VERILATOR_VERSION, Verilated};
use crate::protocol::{self, Answer, Open, Opened};

/// Serves one conversation to its end.
///
/// # Errors
/// If the pipe broke, a frame could not be read, or no circuit could be opened; the host has been told, if it can be.
pub fn serve(reader: &mut impl Read, writer: &mut impl Write) -> Result<(), CosimError> {
    let opened = protocol::read_opening::<Open>(reader).and_then(|open| {
        let mut circuit = Verilated::open(&open.config)?;
        if let Some(path) = open.trace {
            circuit.trace(path)?;
        }
        Ok(circuit)
    });
    let answer: Answer<Opened> = match &opened {
        Ok(circuit) => Ok(Opened { stream_bytes: circuit.stream_bytes(), verilator: VERILATOR_VERSION.to_owned() }),
        Err(error) => Err(with_causes(error)),
    };
    protocol::write_opening(writer, &answer)?;

    let mut driver = Driver::new(opened?);
    loop {
        match protocol::read_frame::<Batch>(reader) {
            Ok(Some(batch)) => protocol::write_frame(writer, &driver.run(&batch).map_err(|error| error.to_string()))?,
            Ok(None) => return Ok(()),
            Err(error) => {
                protocol::write_frame(writer, &Answer::<()>::Err(with_causes(&error)))?;
                return Err(error);
            }
        }
    }
}

/// An error and what caused it, in one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
