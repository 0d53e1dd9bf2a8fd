//! A command as it is typed, printed and run.

use crate::failure::Failure;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the project, where every command runs.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// A program with its arguments and the variables set for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    words: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl CommandLine {
    /// From words separated by single spaces; the first is the program.
    pub fn new(line: &str) -> Self {
        Self { words: line.split(' ').map(str::to_owned).collect(), variables: Vec::new() }
    }

    /// With one more argument, which may contain spaces.
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.words.push(argument.into());
        self
    }

    /// With one more environment variable.
    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs it to its end, its output on the terminal.
    ///
    /// # Errors
    /// If it cannot be started or does not succeed.
    pub fn run(&self) -> Result<(), Failure> {
        let status = self.command().status().map_err(|source| self.not_started(source))?;
        if status.success() { Ok(()) } else { Err(Failure::Ended { command: self.to_string(), status }) }
    }

    /// Runs it to its end and returns what it writes to standard output; standard error stays on the terminal.
    ///
    /// # Errors
    /// If it cannot be started or does not succeed.
    pub fn output(&self) -> Result<String, Failure> {
        let output = self.command().stderr(Stdio::inherit()).output().map_err(|source| self.not_started(source))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(text) } else { Err(Failure::Ended { command: self.to_string(), status: output.status }) }
    }

    /// Runs it to its end; what it writes, to either stream, is returned beside whether it succeeded.
    pub fn captured(&self) -> (String, Result<(), Failure>) {
        let run = || {
            let (mut reader, writer) = std::io::pipe()?;
            let mut child = {
                // The command holds the pipe's writing ends: they must be closed before the reading end finds an end.
                let mut command = self.command();
                command.stdout(writer.try_clone()?).stderr(writer).spawn()?
            };
            let mut text = Vec::new();
            reader.read_to_end(&mut text)?;
            Ok((String::from_utf8_lossy(&text).into_owned(), child.wait()?))
        };
        match run() {
            Ok((text, status)) if status.success() => (text, Ok(())),
            Ok((text, status)) => (text, Err(Failure::Ended { command: self.to_string(), status })),
            Err(source) => (String::new(), Err(self.not_started(source))),
        }
    }

    /// Whether it starts and succeeds, in silence.
    pub fn succeeds(&self) -> bool {
        let quiet = self.command().stdout(Stdio::null()).stderr(Stdio::null()).status();
        quiet.is_ok_and(|status| status.success())
    }

    fn command(&self) -> Command {
        let (program, arguments) = self.words.split_first().map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
        let mut command = Command::new(program);
        command.args(arguments).envs(self.variables.iter().map(|(name, value)| (name, value))).current_dir(root());
        command
    }

    pub fn not_started(&self, source: std::io::Error) -> Failure {
        Failure::NotStarted { command: self.to_string(), source }
    }
}

impl fmt::Display for CommandLine {
    /// As a shell would take it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |word: &str| {
            if word.is_empty() || word.contains([' ', ';', '"', '*']) { format!("'{word}'") } else { word.to_owned() }
        };
        self.variables.iter().try_for_each(|(name, value)| write!(f, "{name}={} ", quoted(value)))?;
        f.write_str(&self.words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_a_shell_takes() {
        let line = CommandLine::new("python3 -c").arg("import venv").env("FLAGS", "-D warnings");
        assert_eq!(line.to_string(), "FLAGS='-D warnings' python3 -c 'import venv'");
    }

    #[test]
    fn failures_name_the_command() {
        assert_eq!(CommandLine::new("false").run().unwrap_err().to_string(), "`false` failed (exit status: 1)");
        let missing = CommandLine::new("no-such-program --x").run().unwrap_err().to_string();
        assert!(missing.starts_with("`no-such-program --x` could not be started: "), "{missing}");
        assert!(CommandLine::new("true").succeeds() && !CommandLine::new("no-such-program").succeeds());
        assert_eq!(CommandLine::new("echo a b").output().unwrap(), "a b\n");
    }
}
