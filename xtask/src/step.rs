//! A step of a task: a name and what it does.

use crate::command_line::CommandLine;
use crate::failure::Failure;
use crate::tools::{self, Tool};

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// In the summary.
    pub name: &'static str,
    /// What it does.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Makes sure that these tools are there.
    Tools(&'static [Tool]),
    /// Runs commands, one after the other.
    Commands(Vec<CommandLine>),
    /// Runs commands that leave cores idle, all at once; what each writes is printed when all have ended.
    Together(Vec<CommandLine>),
}

impl Step {
    /// A step that runs one command.
    pub fn command(name: &'static str, line: CommandLine) -> Self {
        Self { name, action: Action::Commands(vec![line]) }
    }

    /// Carries it out.
    ///
    /// # Errors
    /// The first thing that fails.
    pub fn run(&self) -> Result<(), Failure> {
        match &self.action {
            Action::Tools(tools) => tools::ensure(tools),
            Action::Commands(lines) => lines.iter().try_for_each(|line| {
                println!("$ {line}");
                line.run()
            }),
            Action::Together(lines) => together(lines),
        }
    }

    /// What to type to do the same.
    pub fn commands(&self) -> Vec<String> {
        match &self.action {
            Action::Tools(_) => vec!["cargo xtask setup".to_owned()],
            Action::Commands(lines) | Action::Together(lines) => lines.iter().map(ToString::to_string).collect(),
        }
    }
}

fn together(lines: &[CommandLine]) -> Result<(), Failure> {
    lines.iter().for_each(|line| println!("$ {line} &"));
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = lines.iter().map(|line| scope.spawn(|| line.captured())).collect();
        // A thread that panics has been told of; it has no outcome.
        running.into_iter().map(|thread| thread.join()).collect()
    });
    let mut results = Vec::new();
    for (line, outcome) in lines.iter().zip(outcomes) {
        let (text, result) = outcome.unwrap_or_else(|_| (String::new(), Err(line.not_started(std::io::ErrorKind::Other.into()))));
        print!("$ {line}\n{text}");
        results.push(result);
    }
    results.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_run_together_and_one_failure_fails_them() {
        // Each waits for the other: one after the other, the first would never end.
        let folder = std::env::temp_dir().join(format!("crumb-together-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let meet = |own: &str, other: &str| {
            let script = format!("touch {own}; for i in $(seq 100); do test -e {other} && exit 0; sleep 0.1; done; exit 1");
            CommandLine::new("sh -c").arg(format!("cd {} && {{ {script}; }}", folder.display()))
        };
        let step = |lines| Step { name: "both", action: Action::Together(lines) };
        assert!(step(vec![meet("a", "b"), meet("b", "a")]).run().is_ok());
        let failure = step(vec![CommandLine::new("true"), CommandLine::new("false")]).run().unwrap_err();
        assert_eq!(failure.to_string(), "`false` failed (exit status: 1)");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_a_command_writes_is_kept() {
        let (text, result) = CommandLine::new("sh -c").arg("echo out; echo err >&2; exit 3").captured();
        assert_eq!(text, "out\nerr\n");
        assert!(result.is_err());
    }
}
