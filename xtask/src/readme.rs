//! `cargo xtask readme`: the parts of the README that commands print, written by running the commands.
//!
//! A part stands between `<!-- generated:NAME -->` and `<!-- /generated -->`, as a code block that begins with the command.

use crate::command_line::{CommandLine, root};
use crate::failure::Failure;
use crumb_arch::document::{body, splice};
use std::fs;

/// The name of each part and the command that prints it.
const PARTS: [(&str, &str); 4] = [
    ("main-job", "cargo run --release"),
    ("verify", "cargo run --release -- verify --config tiny"),
    ("fpga", "cargo run --release -- fpga --config tiny"),
    ("fpga-small", "cargo run --release -- fpga --config small --place-only --timing-allow-fail"),
];

/// Runs the commands of the parts named, or of all, and writes what they print.
///
/// # Errors
/// If a name or marker does not exist, or a command fails.
pub fn write(only: &[String]) -> Result<(), Failure> {
    if let Some(found) = only.iter().find(|name| !PARTS.iter().any(|(part, _)| part == name)) {
        return Err(Failure::NoSuchPart { found: found.clone(), expected: PARTS.map(|(name, _)| name).join(", ") });
    }
    let path = root().join("README.md");
    for (name, command) in PARTS.into_iter().filter(|(name, _)| only.is_empty() || only.iter().any(|o| o == name)) {
        // Look for the marker before a command that may take minutes, and read anew after it.
        let read = || fs::read_to_string(&path).map_err(|source| Failure::File { action: "read", path: path.clone(), source });
        body(&read()?, name)?;
        println!("$ {command}");
        // Cargo's own messages go to standard error, and so stay out of the README.
        let output = CommandLine::new(command).output()?;
        let text = splice(&read()?, name, &block(command, &output))?;
        fs::write(&path, text).map_err(|source| Failure::File { action: "write", path: path.clone(), source })?;
        println!("README.md: {name} written");
    }
    Ok(())
}

fn block(command: &str, output: &str) -> String {
    format!("```text\n$ {command}\n{}\n```", output.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_a_place_for_every_part() {
        let readme = include_str!("../../README.md");
        for (name, command) in PARTS {
            let body = body(readme, name).unwrap();
            assert!(body.starts_with(&format!("```text\n$ {command}\n")), "{name}: stale, run `cargo xtask readme`");
        }
    }

    #[test]
    fn unknown_parts_are_refused() {
        let error = write(&["speed".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "README.md has no generated part 'speed': expected one of main-job, verify, fpga, fpga-small");
    }
}
