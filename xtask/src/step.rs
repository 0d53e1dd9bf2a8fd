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
    /// Runs lists of commands: those of a list one after the other, all lists at once, as most commands leave a core idle at times. The first list
    /// writes to the terminal, what others write is printed when all have ended.
    Commands(Vec<Vec<CommandLine>>),
}

impl Step {
    /// A step that runs one command.
    pub fn command(name: &'static str, line: CommandLine) -> Self {
        Self { name, action: Action::Commands(vec![vec![line]]) }
    }

    /// Carries it out.
    ///
    /// # Errors
    /// The first thing that fails.
    pub fn run(&self) -> Result<(), Failure> {
        match &self.action {
            Action::Tools(tools) => tools::ensure(tools),
            Action::Commands(lists) => together(lists),
        }
    }

    /// What to type to do the same.
    pub fn commands(&self) -> Vec<String> {
        match &self.action {
            Action::Tools(_) => vec!["cargo xtask setup".to_owned()],
            Action::Commands(lists) => lists.iter().flatten().map(ToString::to_string).collect(),
        }
    }
}

fn together(lists: &[Vec<CommandLine>]) -> Result<(), Failure> {
    let Some((shown, others)) = lists.split_first() else { return Ok(()) };
    others.iter().flatten().for_each(|line| println!("$ {line} &"));
    let (shown, outcomes) = std::thread::scope(|scope| {
        let running: Vec<_> = others.iter().map(|list| scope.spawn(|| captured(list))).collect();
        let shown = shown.iter().try_for_each(|line| {
            println!("$ {line}");
            line.run()
        });
        // Its panic goes on in this thread.
        let join =
            |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (shown, running.into_iter().map(join).collect::<Vec<_>>())
    });
    outcomes.iter().for_each(|(text, _)| print!("{text}"));
    std::iter::once(shown).chain(outcomes.into_iter().map(|(_, result)| result)).collect()
}

/// Runs commands up to the first that fails; what they write is returned beside that.
fn captured(list: &[CommandLine]) -> (String, Result<(), Failure>) {
    let mut all = String::new();
    let result = list.iter().try_for_each(|line| {
        let (text, result) = line.captured();
        all += &format!("$ {line}\n{text}");
        result
    });
    (all, result)
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
        let step = |lists: &[&[CommandLine]]| {
            let lists = lists.iter().map(|list| list.to_vec()).collect();
            Step { name: "both", action: Action::Commands(lists) }.run()
        };
        assert!(step(&[&[meet("a", "b")], &[meet("b", "a")]]).is_ok());
        let succeeds = [CommandLine::new("true")];
        let mark = CommandLine::new("touch").arg(folder.join("after").display().to_string());
        let fails = [CommandLine::new("false"), mark];
        for lists in [[&succeeds[..], &fails], [&fails, &succeeds]] {
            assert_eq!(step(&lists).unwrap_err().to_string(), "`false` failed (exit status: 1)");
            assert!(!folder.join("after").exists(), "a list ends at its first failure");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_a_command_writes_is_kept() {
        let (text, result) = CommandLine::new("sh -c").arg("echo out; echo err >&2; exit 3").captured();
        assert_eq!(text, "out\nerr\n");
        assert!(result.is_err());
    }
}
