//! Installs Debian packages and Rust components.

use crate::command_line::CommandLine;

/// Where a tool comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A package of Debian and Ubuntu.
    Debian(&'static str),
    /// A component of the Rust toolchain.
    Rust(&'static str),
}

/// Tries to install all of them. What goes wrong is on the terminal; the caller looks at what is there afterwards.
pub fn install(sources: &[Source]) {
    for line in command_lines(sources, is_root()) {
        println!("$ {line}");
        if let Err(failure) = line.run() {
            println!("{failure}");
        }
    }
}

/// The commands: one `apt-get update` and one `apt-get install` for all packages, one `rustup` for all components.
fn command_lines(sources: &[Source], root: bool) -> Vec<CommandLine> {
    let join = |line: String, words: &[&str]| words.iter().fold(CommandLine::new(&line), |line, &word| line.arg(word));
    let debian: Vec<_> =
        sources.iter().filter_map(|s| if let Source::Debian(package) = s { Some(*package) } else { None }).collect();
    let rust: Vec<_> =
        sources.iter().filter_map(|s| if let Source::Rust(component) = s { Some(*component) } else { None }).collect();
    let mut lines = Vec::new();
    if !debian.is_empty() {
        // sudo does not hand on variables, so `env` sets this one.
        let apt = format!("{}env DEBIAN_FRONTEND=noninteractive apt-get", if root { "" } else { "sudo " });
        lines.push(CommandLine::new(&format!("{apt} update")));
        lines.push(join(format!("{apt} install --yes --no-install-recommends"), &debian));
    }
    if !rust.is_empty() {
        lines.push(join("rustup component add".to_owned(), &rust));
    }
    lines
}

/// Whether this process may install and start everything.
pub fn is_root() -> bool {
    CommandLine::new("id -u").output().is_ok_and(|id| id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sources: &[Source], root: bool) -> Vec<String> {
        command_lines(sources, root).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn everything_of_a_kind_is_installed_at_once() {
        let sources = [Source::Debian("yosys"), Source::Rust("clippy"), Source::Debian("g++"), Source::Rust("rustfmt")];
        assert_eq!(
            text(&sources, false),
            [
                "sudo env DEBIAN_FRONTEND=noninteractive apt-get update",
                "sudo env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends yosys g++",
                "rustup component add clippy rustfmt",
            ]
        );
        assert_eq!(text(&sources[..1], true)[0], "env DEBIAN_FRONTEND=noninteractive apt-get update");
        assert!(text(&[], true).is_empty());
    }
}
