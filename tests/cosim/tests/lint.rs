//! The generated Verilog under Verilator's linter, with every warning on.

use std::path::{Path, PathBuf};
use std::process::Command;

use crumb_cosim::{available, verilog_path};

/// The waivers that the project gives away.
fn waivers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../constraints/crumb.vlt")
}

#[test]
fn has_no_warning_that_is_not_waived() {
    let configs = available();
    assert!(!configs.is_empty(), "no configuration was built, so none can be linted: choose features");
    for config in configs {
        let verilog = verilog_path(config).unwrap();
        let output = Command::new("verilator_bin")
            .args(["--lint-only", "-Wall", "--top-module", &format!("crumb_{config}")])
            .arg(waivers())
            .arg(&verilog)
            .output()
            .expect("verilator_bin runs: install the Debian package `verilator`");
        let warnings = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}:\n{warnings}", verilog.display());
    }
}

#[test]
fn every_waiver_has_a_reason_and_no_line_number() {
    let path = waivers();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut reasoned = false;
    for (number, line) in text.lines().map(str::trim).enumerate() {
        let place = format!("{}:{}", path.display(), number + 1);
        if line.starts_with("lint_off") {
            assert!(reasoned || line.contains("//"), "{place}: a waiver without a comment before it that says why");
            assert!(!line.contains("-lines"), "{place}: a waiver by line number, which the next change makes wrong");
        }
        // A comment is the reason of all waivers that follow it without an empty line.
        reasoned = line.starts_with("//") || (reasoned && !line.is_empty());
    }
}
