//! The board's SPI bridge under Icarus Verilog, at the stream width of every named configuration.

use crumb_arch::ArrayConfig;
use crumb_arch::config::NAMES;
use std::path::Path;
use std::process::Command;

/// Runs a program of Icarus Verilog and gives what it printed.
fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output
        .unwrap_or_else(|error| panic!("cannot run {program} ({error}): install Icarus Verilog, Debian package `iverilog`"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {text}");
    text
}

#[test]
fn beats_of_every_width_cross_the_bridge() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../constraints");
    let [bridge, bench] = ["bridge.v", "bridge_tb.v"].map(|file| sources.join(file).display().to_string());
    for name in NAMES {
        let width = format!("-Pbridge_tb.BITS={}", ArrayConfig::named(name).unwrap().stream_bits);
        let folder = std::env::temp_dir().join(format!("crumb-bridge-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        run("iverilog", &["-g2005-sv", &width, "-o", "bridge_tb.vvp", &bridge, &bench], &folder);
        let text = run("vvp", &["-n", "bridge_tb.vvp"], &folder);
        assert!(text.contains("bridge: 203 beats, all checks passed"), "{name}: {text}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
