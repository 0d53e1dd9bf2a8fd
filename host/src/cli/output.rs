//! Everything that a command prints goes through here, so that a closed pipe or a full disk is no panic.

use super::Failure;
use serde::Serialize;
use std::io::{self, ErrorKind, Write};

/// Standard output cannot be written to.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}; send it to a file or a pipe that takes it")]
struct StdoutError(#[source] io::Error);

/// Prints a result, to its last byte. A reader that has closed its end (`| head`) has what it wants, so that is no failure.
///
/// # Errors
/// If standard output cannot be written to.
pub fn print(text: &str) -> Result<(), Failure> {
    Ok(print_to(io::stdout().lock(), text)?)
}

/// Prints a value as JSON, as [`print`] does.
///
/// # Errors
/// If standard output cannot be written to.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Says what went wrong. Where standard error is closed or full there is nobody to tell; the exit code remains.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn print_to(mut out: impl Write, text: &str) -> Result<(), StdoutError> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(StdoutError(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is() {
        assert!(print_to(Fails(ErrorKind::BrokenPipe), "x").is_ok());
        let error = print_to(Fails(ErrorKind::StorageFull), "x").unwrap_err().to_string();
        assert!(error.starts_with("cannot write to standard output: "), "{error}");
    }
}
