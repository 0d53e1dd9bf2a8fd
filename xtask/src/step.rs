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
        }
    }

    /// What to type to do the same.
    pub fn commands(&self) -> Vec<String> {
        match &self.action {
            Action::Tools(_) => vec!["cargo xtask setup".to_owned()],
            Action::Commands(lines) => lines.iter().map(ToString::to_string).collect(),
        }
    }
}
