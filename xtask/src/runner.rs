//! Runs steps in order, times them, stops at the first failure, and sums up.

use crate::failure::Failure;
use crate::step::Step;
use std::time::{Duration, Instant};

/// Runs them all. The last line of the output is `N passed, 0 failed`.
///
/// # Errors
/// The first step that fails; those after it are not run.
pub fn run(steps: &[Step]) -> Result<(), Failure> {
    let mut times = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        println!("\n==> [{}/{}] {}", i + 1, steps.len(), step.name);
        let begun = Instant::now();
        let result = step.run();
        times.push(begun.elapsed());
        if let Err(cause) = result {
            print!("{}", summary(steps, &times, true));
            return Err(Failure::Step {
                step: step.name.to_owned(),
                cause: Box::new(cause),
                again: step.commands().join(" && "),
            });
        }
        println!("<== {} in {}", step.name, seconds(begun.elapsed()));
    }
    print!("{}", summary(steps, &times, false));
    Ok(())
}

/// Prints what would be run.
pub fn list(steps: &[Step]) {
    for (i, step) in steps.iter().enumerate() {
        println!("{:2}. {}", i + 1, step.name);
        step.commands().iter().for_each(|line| println!("      {line}"));
    }
}

/// A table of the steps, and the closing line; `failed` says that the last one timed did not succeed.
fn summary(steps: &[Step], times: &[Duration], failed: bool) -> String {
    let width = steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
    let mut text = String::from("\n");
    for (i, step) in steps.iter().enumerate() {
        let (state, time) = match times.get(i) {
            Some(_) if failed && i + 1 == times.len() => ("FAILED", seconds(times[i])),
            Some(&time) => ("passed", seconds(time)),
            None => ("not run", String::new()),
        };
        text += format!("  {:width$}  {state:7}  {time:>9}", step.name).trim_end();
        text += "\n";
    }
    text += &format!("  {:width$}  {:7}  {:>9}\n\n", "all", "", seconds(times.iter().sum()));
    text + &format!("{} passed, {} failed\n", times.len() - usize::from(failed), u8::from(failed))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::CommandLine;

    fn steps() -> Vec<Step> {
        ["true", "false", "echo"].map(|name| Step::command(name, CommandLine::new(name))).to_vec()
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        let failure = run(&steps()).unwrap_err();
        assert_eq!(failure.to_string(), "step 'false': `false` failed (exit status: 1)\nTo run it alone: false");
        assert!(run(&steps()[..1]).is_ok());
    }

    #[test]
    fn the_summary_tells_what_was_run() {
        let second = Duration::from_secs(1);
        let table = summary(&steps(), &[second, second], true);
        assert_eq!(
            table,
            "\n  true   passed       1.0 s\n  false  FAILED       1.0 s\n  echo   not run\n  all                 2.0 s\n\n1 passed, 1 failed\n"
        );
        assert!(summary(&steps(), &[second; 3], false).ends_with("\n3 passed, 0 failed\n"));
    }
}
