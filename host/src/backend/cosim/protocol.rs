//! What the host and the program `crumb-cosim` say to each other through a pipe.
//!
//! ```text
//!  frame    := length (u32, little-endian)  payload (that many bytes)
//!  host     := opening(Open)    { Batch }             payloads in postcard
//!  program  := opening(Opened)  { Result<Outcome> }   in turn
//!  opening  := "CRMB"  version (u16, little-endian)  postcard
//! ```
//!
//! The opening can be read by every version, so two that differ find out. After a refusal (`Err` with a text) of a batch
//! the circuit is as it was and the next batch may follow; after a refused opening the program ends. The host ends the
//! conversation by closing the pipe.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::CosimError;

/// Version of this protocol; any change of a type in it, or of the driver's rules, is a new one.
pub const VERSION: u16 = 2;

/// The first bytes of an opening.
const MAGIC: [u8; 4] = *b"CRMB";

/// The longest frame, in bytes: a bound on what a wrong length can make a reader allocate.
pub const MAX_FRAME_BYTES: usize = 1 << 30;

/// Asks for a circuit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Name of the configuration.
    pub config: String,
    /// Where to write a VCD waveform, if anywhere.
    pub trace: Option<String>,
}

/// Answers [`Open`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Width of the stream, in bytes.
    pub stream_bytes: usize,
    /// What the circuit was compiled with.
    pub verilator: String,
}

/// An answer: what was asked for, or why not.
pub type Answer<T> = Result<T, String>;

/// Writes the first frame of either side.
///
/// # Errors
/// If the pipe broke or the frame would be too long.
pub fn write_opening<T: Serialize>(writer: &mut impl Write, value: &T) -> Result<(), CosimError> {
    let mut payload = MAGIC.to_vec();
    payload.extend(VERSION.to_le_bytes());
    write_payload(writer, &encode(payload, value)?)
}

/// Reads the first frame of the other side.
///
/// # Errors
/// If the pipe broke, the frame is no opening, or it is of another version.
pub fn read_opening<T: DeserializeOwned>(reader: &mut impl Read) -> Result<T, CosimError> {
    let payload = read_payload(reader)?.ok_or_else(|| CosimError::Protocol("it ended before its first frame".to_owned()))?;
    let Some((version, rest)) = payload.strip_prefix(&MAGIC).and_then(|rest| rest.split_first_chunk::<2>()) else {
        return Err(CosimError::Protocol("the first frame does not begin with `CRMB` and a version".to_owned()));
    };
    let found = u16::from_le_bytes(*version);
    if found != VERSION {
        return Err(CosimError::Version { found, expected: VERSION });
    }
    decode(rest)
}

/// Writes a frame.
///
/// # Errors
/// If the pipe broke or the frame would be too long.
pub fn write_frame<T: Serialize>(writer: &mut impl Write, value: &T) -> Result<(), CosimError> {
    write_payload(writer, &encode(Vec::new(), value)?)
}

/// Reads a frame; none at the end of the conversation.
///
/// # Errors
/// If the pipe broke or the frame does not hold a `T`.
pub fn read_frame<T: DeserializeOwned>(reader: &mut impl Read) -> Result<Option<T>, CosimError> {
    read_payload(reader)?.map(|payload| decode(&payload)).transpose()
}

fn encode<T: Serialize>(prefix: Vec<u8>, value: &T) -> Result<Vec<u8>, CosimError> {
    postcard::to_extend(value, prefix).map_err(|error| CosimError::Protocol(format!("cannot encode it: {error}")))
}

fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CosimError> {
    let damaged = |what: &str| CosimError::Protocol(format!("its {} bytes {what}", payload.len()));
    match postcard::take_from_bytes(payload) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(damaged("go on after their end")),
        Err(error) => Err(damaged(&format!("cannot be decoded: {error}"))),
    }
}

fn write_payload(writer: &mut impl Write, payload: &[u8]) -> Result<(), CosimError> {
    if payload.len() > MAX_FRAME_BYTES {
        let bytes = payload.len();
        return Err(CosimError::Protocol(format!("{bytes} bytes, but at most {MAX_FRAME_BYTES}: send smaller batches")));
    }
    writer.write_all(&(payload.len() as u32).to_le_bytes())?;
    writer.write_all(payload)?;
    Ok(writer.flush()?)
}

fn read_payload(reader: &mut impl Read) -> Result<Option<Vec<u8>>, CosimError> {
    let mut length = [0; 4];
    // The end is allowed before the first byte of a frame only.
    loop {
        match reader.read(&mut length[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    reader.read_exact(&mut length[1..])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_FRAME_BYTES {
        return Err(CosimError::Protocol(format!("it claims {length} bytes, more than {MAX_FRAME_BYTES}")));
    }
    let mut payload = Vec::new();
    if reader.take(length as u64).read_to_end(&mut payload)? != length {
        return Err(CosimError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(Some(payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Open {
        Open { config: "tiny".to_owned(), trace: None }
    }

    #[test]
    fn frames_are_read_as_written() {
        let mut pipe = Vec::new();
        write_opening(&mut pipe, &open()).unwrap();
        write_frame(&mut pipe, &7_u64).unwrap();
        let mut reader = pipe.as_slice();
        assert_eq!(read_opening::<Open>(&mut reader).unwrap(), open());
        assert_eq!(read_frame::<u64>(&mut reader).unwrap(), Some(7));
        assert_eq!(read_frame::<u64>(&mut reader).unwrap(), None);
    }

    #[test]
    fn another_version_is_named() {
        let mut pipe = Vec::new();
        write_opening(&mut pipe, &open()).unwrap();
        pipe[8] = 9;
        let refusal = read_opening::<Open>(&mut pipe.as_slice()).unwrap_err().to_string();
        assert!(refusal.contains("speaks version 9 ") && refusal.contains("this one version 2"), "{refusal}");
    }

    #[test]
    fn garbage_is_refused() {
        let cut = read_frame::<u64>(&mut [9, 0, 0, 0, 1].as_slice()).unwrap_err();
        assert!(matches!(cut, CosimError::Io(_)), "{cut}");
        let long = read_frame::<u64>(&mut [255; 9].as_slice()).unwrap_err().to_string();
        assert!(long.contains("claims 4294967295 bytes"), "{long}");
        let rest = read_frame::<u8>(&mut [2, 0, 0, 0, 1, 1].as_slice()).unwrap_err().to_string();
        assert!(rest.contains("go on after their end"), "{rest}");
        let text = read_opening::<Open>(&mut b"\x05\0\0\0hello".as_slice()).unwrap_err().to_string();
        assert!(text.contains("does not begin with `CRMB`"), "{text}");
    }
}
