//! What a build found: the numbers, as a table for people and as JSON for programs.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Stage;
use super::synthesis::{Cells, trellis_comb};

/// Bit operations a PE does per cycle in every mode: `MACs * A * W`, the fission law of `docs/arithmetic.md`.
const BIT_OPERATIONS_PER_PE: u32 = 64;

/// The operand widths of the machine, in bits.
const WIDTHS: [u32; 3] = [8, 4, 2];

/// How many cells of one kind are used, and how many the device has (`None`: not counted by nextpnr).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Use {
    /// Cells in the design.
    pub used: u64,
    /// Cells in the device.
    pub available: Option<u64>,
}

/// The result of [`build`](super::build).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The configuration, such as `tiny`.
    pub config: String,
    /// The board, such as `ulx3s`.
    pub board: String,
    /// The device as its package is marked.
    pub device: String,
    /// Rows of PEs.
    pub rows: u32,
    /// Columns of PEs.
    pub cols: u32,
    /// How far the design was taken.
    pub stage: Stage,
    /// Cells of the whole design: the core, the SPI bridge and the PLL.
    pub resources: Resources,
    /// Cells of the array alone, as synthesised.
    pub array: ArrayCells,
    /// The clock that the board's PLL makes, in MHz.
    pub required_mhz: f64,
    /// The clock of a design that is placed.
    #[serde(flatten)]
    pub clock: Option<ClockReport>,
    /// The versions that made these numbers.
    pub tools: Vec<String>,
    /// Wall-clock time of Yosys, in seconds.
    pub synthesis_seconds: f64,
    /// The bitstream; none if timing is not met, or the design is not routed.
    pub bitstream: Option<PathBuf>,
}

/// The clock of a design that is placed, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClockReport {
    /// The highest clock in MHz: after routing, or an estimate after placement.
    pub fmax_mhz: f64,
    /// Whether `fmax_mhz` reaches the board's.
    pub timing_met: bool,
    /// The peak of each precision pair at `fmax_mhz`.
    pub peak: Vec<Peak>,
    /// Where nextpnr's placement started; another seed gives another clock.
    pub seed: u32,
    /// Wall-clock time of nextpnr, in seconds.
    pub routing_seconds: f64,
}

/// Cells of the whole design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// Logic cells: a LUT4, or one bit of carry.
    pub trellis_comb: Use,
    /// Flip-flops.
    pub trellis_ff: Use,
    /// Two-bit carry cells; each is two of `trellis_comb`.
    pub ccu2c: Use,
    /// 18 kbit block RAMs.
    pub dp16kd: Use,
    /// 18 x 18 multipliers.
    pub mult18x18d: Use,
}

impl Resources {
    /// As Yosys maps it. nextpnr, which alone knows the device, adds logic cells that pass carries and constants on.
    pub(super) fn mapped(cells: &Cells) -> Self {
        let of = |kind: &str| Use { used: cells.get(kind).copied().unwrap_or(0), available: None };
        Self {
            trellis_comb: Use { used: trellis_comb(cells), available: None },
            trellis_ff: of("TRELLIS_FF"),
            ccu2c: of("CCU2C"),
            dp16kd: of("DP16KD"),
            mult18x18d: of("MULT18X18D"),
        }
    }
}

/// Cells of the array, as Yosys maps it with its hierarchy kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ArrayCells {
    /// Logic cells of the array.
    pub trellis_comb: u64,
    /// Flip-flops of the array.
    pub trellis_ff: u64,
    /// Multiplier blocks of the array: none, its bricks are logic.
    pub mult18x18d: u64,
    /// Logic cells of one PE.
    pub trellis_comb_per_pe: u64,
    /// Flip-flops of one PE.
    pub trellis_ff_per_pe: u64,
}

/// The peak of one precision pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Peak {
    /// Activations first: `a8w4`.
    pub precision: String,
    /// Multiply-accumulates per cycle of the whole array.
    pub macs_per_cycle: u32,
    /// 10^9 operations per second; a MAC is two operations.
    pub gops: f64,
}

/// `2 * rows * cols * 64 / (A * W) * fmax` for each pair, widest first.
pub(super) fn peak(rows: u32, cols: u32, fmax_mhz: f64) -> Vec<Peak> {
    WIDTHS
        .into_iter()
        .flat_map(|a| WIDTHS.map(|w| (a, w)))
        .map(|(a, w)| {
            let macs_per_cycle = rows * cols * (BIT_OPERATIONS_PER_PE / (a * w));
            Peak { precision: format!("a{a}w{w}"), macs_per_cycle, gops: 2.0 * f64::from(macs_per_cycle) * fmax_mhz / 1000.0 }
        })
        .collect()
}

impl Report {
    /// The report as aligned text, with a line end after the last line.
    pub fn to_table(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_table(&mut out);
        out
    }

    fn write_table(&self, out: &mut String) -> std::fmt::Result {
        let Self { config, board, device, rows, cols, .. } = self;
        writeln!(out, "crumb {config}, {rows} x {cols} PEs, on {board} ({device})\n")?;

        let stage = match self.stage {
            Stage::Synthesis => "synthesised",
            Stage::Placement => "placed",
            Stage::Routing => "routed",
        };
        writeln!(out, "{stage:<22}{:>9}{:>11}{:>9}", "used", "available", "share")?;
        for (name, cells) in [
            ("LUTs (TRELLIS_COMB)", self.resources.trellis_comb),
            ("FFs (TRELLIS_FF)", self.resources.trellis_ff),
            ("carry cells (CCU2C)", self.resources.ccu2c),
            ("block RAMs (DP16KD)", self.resources.dp16kd),
            ("DSPs (MULT18X18D)", self.resources.mult18x18d),
        ] {
            let (available, share) = match cells.available {
                Some(all) => (all.to_string(), format!("{:.1} %", 100.0 * cells.used as f64 / all as f64)),
                None => ("-".to_owned(), "-".to_owned()),
            };
            writeln!(out, "{name:<22}{:>9}{available:>11}{share:>9}", cells.used)?;
        }

        let array = &self.array;
        writeln!(out, "\n{:<22}{:>9}{:>11}", "array, synthesised", "total", "per PE")?;
        for (name, total, each) in [
            ("LUTs (TRELLIS_COMB)", array.trellis_comb, array.trellis_comb_per_pe),
            ("FFs (TRELLIS_FF)", array.trellis_ff, array.trellis_ff_per_pe),
            ("DSPs (MULT18X18D)", array.mult18x18d, array.mult18x18d / u64::from(rows * cols)),
        ] {
            writeln!(out, "{name:<22}{total:>9}{each:>11}")?;
        }

        if let Some(clock) = &self.clock {
            self.write_clock(clock, out)?;
        }
        write!(out, "\nYosys {:.0} s", self.synthesis_seconds)?;
        if let Some(ClockReport { routing_seconds, seed, .. }) = &self.clock {
            write!(out, ", nextpnr {routing_seconds:.0} s, seed {seed}")?;
        }
        writeln!(out, "; {}", self.tools.join(", "))?;
        match (&self.bitstream, self.stage) {
            (Some(path), _) => writeln!(out, "bitstream {}", path.display()),
            (None, Stage::Routing) => writeln!(out, "no bitstream: the clock of the board is not met"),
            (None, Stage::Placement) => writeln!(out, "no bitstream: not routed"),
            (None, Stage::Synthesis) => writeln!(out, "no clock, no bitstream: not placed"),
        }
    }

    fn write_clock(&self, clock: &ClockReport, out: &mut String) -> std::fmt::Result {
        let when = if self.stage == Stage::Routing { "routing" } else { "placement, an estimate" };
        let verdict = if clock.timing_met { "met" } else { "NOT met" };
        writeln!(out, "\nFmax {:.1} MHz after {when}; {:.1} MHz required: {verdict}", clock.fmax_mhz, self.required_mhz)?;
        writeln!(out, "\n{:<10}{:>10}{:>10}{:>10}", "peak GOPS", "w8", "w4", "w2")?;
        for (width, row) in WIDTHS.iter().zip(clock.peak.chunks(WIDTHS.len())) {
            write!(out, "{:<10}", format!("a{width}"))?;
            for peak in row {
                write!(out, "{:>10.2}", peak.gops)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> ClockReport {
        ClockReport { fmax_mhz: 62.5, timing_met: true, peak: peak(4, 4, 62.5), seed: 1, routing_seconds: 89.8 }
    }

    fn report() -> Report {
        let with = |used, available| Use { used, available: Some(available) };
        Report {
            config: "tiny".into(),
            board: "ulx3s".into(),
            device: "LFE5U-85F-6BG381C".into(),
            rows: 4,
            cols: 4,
            resources: Resources {
                trellis_comb: with(11261, 83640),
                trellis_ff: with(3108, 83640),
                ccu2c: Use { used: 2158, available: None },
                dp16kd: with(12, 208),
                mult18x18d: with(16, 156),
            },
            array: ArrayCells {
                trellis_comb: 10560,
                trellis_ff: 2304,
                mult18x18d: 0,
                trellis_comb_per_pe: 660,
                trellis_ff_per_pe: 144,
            },
            stage: Stage::Routing,
            required_mhz: 60.0,
            clock: Some(clock()),
            tools: vec!["yosys==1".into(), "nextpnr==2".into()],
            synthesis_seconds: 36.2,
            bitstream: Some("out/board.bit".into()),
        }
    }

    #[test]
    fn the_peak_follows_the_fission_law() {
        let peak = peak(4, 4, 62.5);
        let find = |name| peak.iter().find(|p| p.precision == name).unwrap();
        assert_eq!((find("a8w8").macs_per_cycle, find("a8w8").gops), (16, 2.0));
        assert_eq!((find("a8w4").macs_per_cycle, find("a8w4").gops), (32, 4.0));
        assert_eq!((find("a2w2").macs_per_cycle, find("a2w2").gops), (256, 32.0));
        assert_eq!(peak.len(), 9);
    }

    #[test]
    fn the_table_is_aligned() {
        let expected = "\
crumb tiny, 4 x 4 PEs, on ulx3s (LFE5U-85F-6BG381C)

routed                     used  available    share
LUTs (TRELLIS_COMB)       11261      83640   13.5 %
FFs (TRELLIS_FF)           3108      83640    3.7 %
carry cells (CCU2C)        2158          -        -
block RAMs (DP16KD)          12        208    5.8 %
DSPs (MULT18X18D)            16        156   10.3 %

array, synthesised        total     per PE
LUTs (TRELLIS_COMB)       10560        660
FFs (TRELLIS_FF)           2304        144
DSPs (MULT18X18D)             0          0

Fmax 62.5 MHz after routing; 60.0 MHz required: met

peak GOPS         w8        w4        w2
a8              2.00      4.00      8.00
a4              4.00      8.00     16.00
a2              8.00     16.00     32.00

Yosys 36 s, nextpnr 90 s, seed 1; yosys==1, nextpnr==2
bitstream out/board.bit
";
        assert_eq!(report().to_table(), expected);
    }

    #[test]
    fn a_missed_clock_is_said_in_the_table_and_in_json() {
        let placed = Report { stage: Stage::Placement, bitstream: None, ..report() }.to_table();
        assert!(placed.contains("\nplaced ") && placed.contains("after placement, an estimate;"), "{placed}");
        assert!(placed.ends_with("no bitstream: not routed\n"), "{placed}");
        let slow = ClockReport { fmax_mhz: 40.8, timing_met: false, ..clock() };
        let missed = Report { clock: Some(slow), bitstream: None, ..report() };
        let table = missed.to_table();
        assert!(table.contains("Fmax 40.8 MHz after routing; 60.0 MHz required: NOT met\n"));
        assert!(table.ends_with("no bitstream: the clock of the board is not met\n"));
        let json = serde_json::to_value(&missed).unwrap();
        assert_eq!(json["timing_met"], false);
        assert_eq!(json["resources"]["trellis_comb"]["used"], 11261);
        assert_eq!(json["peak"][1]["precision"], "a8w4");
    }

    #[test]
    fn what_is_not_placed_has_no_clock() {
        let mapped = Report { stage: Stage::Synthesis, clock: None, bitstream: None, ..report() };
        let table = mapped.to_table();
        assert!(table.contains("\nsynthesised ") && !table.contains("Fmax") && !table.contains("nextpnr 90"), "{table}");
        assert!(table.ends_with("\nYosys 36 s; yosys==1, nextpnr==2\nno clock, no bitstream: not placed\n"), "{table}");
        let json = serde_json::to_value(&mapped).unwrap();
        assert_eq!((&json["stage"], &json["fmax_mhz"]), (&"synthesis".into(), &serde_json::Value::Null));
    }

    #[test]
    fn mapped_cells_are_those_of_yosys() {
        let cells = [("LUT4", 5), ("CCU2C", 3), ("TRELLIS_FF", 7), ("DP16KD", 2)];
        let found = Resources::mapped(&cells.map(|(kind, count)| (kind.to_owned(), count)).into());
        let used = |cells: Use| (cells.used, cells.available);
        // A carry cell is two logic cells.
        assert_eq!(used(found.trellis_comb), (11, None));
        assert_eq!((used(found.trellis_ff), used(found.dp16kd), used(found.mult18x18d)), ((7, None), (2, None), (0, None)));
    }
}
