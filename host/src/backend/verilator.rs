//! Which Verilator will do, and how to get it: the one rule for whoever runs or compiles the generated Verilog.
//!
//! It uses nothing but `std`, so that a build script can take this file in as a module of its own.

use std::process::Command;

/// The executable itself, not the Perl wrapper `verilator` around it.
pub const PROGRAM: &str = "verilator_bin";

/// The oldest version that will do, major and minor: that of Debian 12. Version 4 does not compile what we give it.
pub const OLDEST: (u32, u32) = (5, 6);

/// The command that installs it, on Debian 12 or later and on Ubuntu 24.04 or later.
pub const INSTALL: &str = "apt-get install verilator";

/// The version in an answer such as `Verilator 5.006 2023-01-22 rev (Debian 5.006-3)`, or `None` if there is none.
pub fn version(answer: &str) -> Option<(u32, u32)> {
    let (major, minor) = answer.trim().strip_prefix("Verilator ")?.split_whitespace().next()?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Judges an answer to `verilator_bin --version` and gives back its first line.
///
/// # Errors
/// A sentence: what was found, what is needed, and the command that installs it.
pub fn check(answer: &str) -> Result<String, String> {
    let answer = answer.lines().next().unwrap_or_default().trim();
    match version(answer) {
        Some(found) if found >= OLDEST => Ok(answer.to_owned()),
        Some(found) => Err(format!("too old: found {}, {} or later needed, {INSTALL}", dotted(found), dotted(OLDEST))),
        None => Err(format!("unknown: found '{answer}', Verilator {} or later needed, {INSTALL}", dotted(OLDEST))),
    }
}

/// Asks the Verilator in `PATH` for its version.
///
/// # Errors
/// As [`check`], or if there is none.
pub fn find() -> Result<String, String> {
    match Command::new(PROGRAM).arg("--version").output() {
        Ok(output) if output.status.success() => check(&String::from_utf8_lossy(&output.stdout)),
        Ok(output) => Err(format!("broken: `{PROGRAM} --version` ends with {}, {INSTALL}", output.status)),
        Err(error) => Err(format!("missing: `{PROGRAM}` cannot be run ({error}), {INSTALL}")),
    }
}

/// As Verilator writes its versions: the minor number in three digits.
fn dotted((major, minor): (u32, u32)) -> String {
    format!("{major}.{minor:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let debian = "Verilator 5.006 2023-01-22 rev (Debian 5.006-3)";
        assert_eq!(check(&format!("{debian}\nmore\n")), Ok(debian.to_owned()));
        for good in ["Verilator 5.020 2024-01-01", "Verilator 5.036 devel", "Verilator 6.000 2030-01-01", "Verilator 10.002 x"] {
            assert_eq!(check(good), Ok(good.to_owned()));
        }
        assert_eq!(
            check("Verilator 4.038 2020-07-11"),
            Err("too old: found 4.038, 5.006 or later needed, apt-get install verilator".into())
        );
        assert!(check("Verilator 5.004 2022-12-14").unwrap_err().starts_with("too old: found 5.004, 5.006 or later"));
        for other in ["", "Icarus Verilog version 11.0", "Verilator", "Verilator five", "Verilator 5"] {
            assert!(check(other).unwrap_err().starts_with(&format!("unknown: found '{other}'")), "{other}");
        }
    }
}
