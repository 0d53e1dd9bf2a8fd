//! The energy file: what each event costs in one technology. `estimate` multiplies the machine's counters by it.
//!
//! ```toml
//! schema = 1
//! name = "osu018"
//! about = "what it is and what it leaves out"
//! node_nm = 180
//! volts = 1.8
//! megahertz = 100.0                 # the clock at which leakage becomes energy
//!
//! [standing.pe]                     # what each block costs by being there
//! area_um2 = 51387.0
//! registers = 229
//! clock_pj = 50.03                  # in each cycle
//! leakage_nw = 99.1
//! how = "where the figures come from"
//!
//! [event.pe_cycle]                  # what each event costs beyond that
//! pj = { a8w8 = 33.3, a8w4 = 33.6 } # by mode, by width ("a8", "w4"), or "any"
//! toggles = { a8w8 = 21.0, a8w4 = 20.5 } # of the registers that it follows, in what was measured; left out where that is not known
//! how = "where the figures come from"
//!
//! [memory.read]                     # SRAM: pJ per bit by the size of a bank, as [KiB, pJ]
//! pj_per_bit = [[8.0, 2.5], [32.0, 5.0]]
//! how = "where the figures come from"
//! ```
//!
//! A figure that the source does not have is left out (`pj = {}`, no `clock_pj`): an estimate says so, and takes it for nothing else.
//!
//! Invariant: every block, event and memory access is there, each with a `how`; energies are finite and not negative; events have a
//! figure for each mode or for none, and toggles, where there are any, above 0 for each figure; sizes of memories rise. Figures lie within
//! [`FIGURES`], so that no sum of them leaves the finite numbers.

use super::EnergyError;
use super::mode::Mode;
use super::vocabulary::{Access, Event, Part};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

/// The version of the schema that this crate reads and writes.
pub const SCHEMA: u32 = 1;

/// Least and largest figure that is not 0, in the units of the schema: beyond these there is no technology.
pub const FIGURES: RangeInclusive<f64> = 1e-12..=1e12;
/// Most registers of a block.
const MOST_REGISTERS: u64 = 1 << 24;

/// A technology.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// What it is and what it leaves out.
    pub about: String,
    /// Feature size in nm.
    pub node_nm: f64,
    /// Supply in V, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volts: Option<f64>,
    /// Clock at which leakage becomes energy.
    pub megahertz: f64,
    /// Blocks.
    pub standing: BTreeMap<Part, Standing>,
    /// Events.
    pub event: BTreeMap<Event, Cost>,
    /// Memory accesses.
    pub memory: BTreeMap<Access, Sram>,
    /// Figures that the estimate does not add up, because they are part of others: by name.
    #[serde(default)]
    pub detail: BTreeMap<String, Cost>,
}

/// What a block costs by being there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Area in um^2, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_um2: Option<f64>,
    /// Bits of registers in it.
    #[serde(default)]
    pub registers: u64,
    /// Clock, pJ a cycle, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_pj: Option<f64>,
    /// Leakage in nW, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leakage_nw: Option<f64>,
    /// Where the figures come from.
    pub how: String,
}

/// What an event costs beyond the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// pJ, by `a8w4`, `a8`, `w4` or `any`; empty if the source has no figure, 0 if another's has it in it.
    pub pj: BTreeMap<String, f64>,
    /// Toggles of the registers whose activity it follows ([`Event::groups`]) that came with an event where `pj` was measured, by the
    /// same keys; empty where that is not known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub toggles: BTreeMap<String, f64>,
    /// Where the figures come from.
    pub how: String,
}

/// Energy of a memory's access by the size of its bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sram {
    /// KiB of a bank and pJ of a bit, sizes rising.
    pub pj_per_bit: Vec<[f64; 2]>,
    /// Where the figures come from.
    pub how: String,
}

impl Cost {
    /// pJ in a mode, if it is known: the figure of the mode itself, of one of its widths, or of any. A width without a figure has that of the lane that
    /// carries it: six bits that of eight.
    pub fn at(&self, mode: Mode) -> Option<f64> {
        nearest(&self.pj, mode)
    }

    /// Toggles that come with an event in a mode, likewise; none where they are not known.
    pub fn toggles_at(&self, mode: Mode) -> Option<f64> {
        nearest(&self.toggles, mode)
    }
}

/// Whether a figure may be of this: a mode, one of its widths, or all.
fn is_key(key: &str) -> bool {
    let of = |mode: Mode| [mode.to_string(), format!("a{}", mode.act.bits()), format!("w{}", mode.weight.bits())];
    key == "any" || Mode::all().flat_map(of).any(|known| known == key)
}

fn nearest(figures: &BTreeMap<String, f64>, mode: Mode) -> Option<f64> {
    let (act, weight, lane) = (mode.act.bits(), mode.weight.bits(), mode.weight.lane_bits());
    let pairs = [weight, lane].map(|weight| format!("a{act}w{weight}"));
    let widths = [format!("a{act}"), format!("w{weight}"), format!("w{lane}"), "any".to_owned()];
    pairs.iter().chain(&widths).find_map(|key| figures.get(key)).copied()
}

impl Sram {
    /// pJ per bit of a bank: between two sizes along a power law, beyond them that of the nearest, so that nothing is made up.
    pub fn at(&self, kib: f64) -> f64 {
        let after = self.pj_per_bit.iter().position(|[size, _]| *size >= kib).unwrap_or(self.pj_per_bit.len());
        match (after.checked_sub(1).and_then(|before| self.pj_per_bit.get(before)), self.pj_per_bit.get(after)) {
            (Some([size, pj]), Some([larger, more])) => pj * (kib / size).powf((more / pj).ln() / (larger / size).ln()),
            (Some([_, pj]), None) | (None, Some([_, pj])) => *pj,
            (None, None) => 0.0,
        }
    }
}

impl Model {
    /// Reads an energy file; `path` is for messages.
    ///
    /// # Errors
    /// If it breaks a rule of the schema.
    pub fn parse(text: &str, path: &Path) -> Result<Self, EnergyError> {
        let bad = |what: String| EnergyError::Model { path: path.to_owned(), what };
        let model: Self = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        model.check().map_err(bad)?;
        Ok(model)
    }

    fn check(&self) -> Result<(), String> {
        if self.schema != SCHEMA {
            return Err(format!("schema is {}, expected {SCHEMA}", self.schema));
        }
        let positive = |x: f64| FIGURES.contains(&x);
        let good = |x: f64| x == 0.0 || positive(x);
        if !(positive(self.megahertz) && self.volts.is_none_or(good) && good(self.node_nm)) {
            return Err("megahertz, volts and node_nm must be numbers from 1e-12 to 1e12, volts and node_nm may be 0".into());
        }
        for part in Part::ALL {
            let standing = self.standing.get(&part).ok_or_else(|| format!("standing {part:?} is missing"))?;
            let figures = [standing.area_um2, standing.clock_pj, standing.leakage_nw];
            if !figures.into_iter().flatten().all(good) || standing.how.is_empty() {
                return Err(format!("standing {part:?} has a figure that is neither 0 nor from 1e-12 to 1e12, or no `how`"));
            }
            if standing.registers > MOST_REGISTERS {
                return Err(format!("standing {part:?} has {} registers, expected at most {MOST_REGISTERS}", standing.registers));
            }
        }
        for event in Event::ALL {
            let cost = self.event.get(&event).ok_or_else(|| format!("event {event:?} is missing"))?;
            if let Some(mode) = Mode::all().find(|&mode| !cost.pj.is_empty() && cost.at(mode).is_none()) {
                return Err(format!("event {event:?} has no figure for {mode}"));
            }
        }
        if let Some(cost) =
            self.event.values().chain(self.detail.values()).find(|c| c.how.is_empty() || !c.pj.values().copied().all(good))
        {
            return Err(format!("an event has a figure that is neither 0 nor from 1e-12 to 1e12, or no `how`: {:?}", cost.pj));
        }
        let keys = self.event.values().chain(self.detail.values()).flat_map(|cost| cost.pj.keys());
        if let Some(key) = keys.into_iter().find(|key| !is_key(key)) {
            return Err(format!("a figure is of {key:?}: expected a mode as a8w4, a width as a8 or w4 (of 8, 4, 2), or any"));
        }
        for (event, cost) in self.event.iter().filter(|(_, cost)| !cost.toggles.is_empty()) {
            let positive = cost.toggles.values().copied().all(positive);
            if event.groups().is_empty() || !positive || !cost.toggles.keys().eq(cost.pj.keys()) {
                return Err(format!("event {event:?}: toggles are for events that follow data, above 0, one for each `pj`"));
            }
        }
        for access in [Access::Read, Access::Write] {
            let sram = self.memory.get(&access).ok_or_else(|| format!("memory {access:?} is missing"))?;
            let rising = sram.pj_per_bit.windows(2).all(|pair| pair[0][0] < pair[1][0]);
            let positive = sram.pj_per_bit.iter().flatten().copied().all(positive);
            if sram.pj_per_bit.is_empty() || !rising || !positive || sram.how.is_empty() {
                return Err(format!("memory {access:?} needs rising sizes, energies above 0, and a `how`"));
            }
        }
        Ok(())
    }

    /// The file's text.
    ///
    /// # Errors
    /// If the model breaks a rule of the schema.
    pub fn to_toml(&self, path: &Path) -> Result<String, EnergyError> {
        let bad = |what: String| EnergyError::Model { path: path.to_owned(), what };
        self.check().map_err(bad)?;
        toml::to_string(self).map_err(|error| bad(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_arch::precision::{ActBits, WeightBits};

    const FILES: [(&str, &str); 4] = [
        ("osu018.toml", include_str!("../../../energy/osu018.toml")),
        ("osu018-uniform.toml", include_str!("../../../energy/osu018-uniform.toml")),
        ("horowitz-45nm.toml", include_str!("../../../energy/horowitz-45nm.toml")),
        ("bitfusion-45nm.toml", include_str!("../../../energy/bitfusion-45nm.toml")),
    ];

    fn read(text: &str) -> Result<Model, String> {
        Model::parse(text, Path::new("x.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn every_file_is_read_and_comes_back_as_it_was_written() {
        for (name, text) in FILES {
            let model = read(text).unwrap();
            assert_eq!(name.strip_suffix(".toml"), Some(model.name.as_str()));
            assert_eq!(read(&model.to_toml(Path::new(name)).unwrap()).unwrap(), model, "{name}");
        }
    }

    #[test]
    fn rules_are_kept() {
        let text = FILES[2].1;
        let broken = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            read(&text.replacen(from, to, 1)).unwrap_err()
        };
        assert_eq!(broken("schema = 1", "schema = 2"), "x.toml: schema is 2, expected 1");
        assert_eq!(broken("pj = { any = 0.3625 }", "pj = { a8 = 0.3 }"), "x.toml: event PeCycle has no figure for a4w8");
        for wrong in ["-1.0", "nan", "inf", "1e13", "1e-13"] {
            let said = broken("any = 0.3625", &format!("any = {wrong}"));
            assert!(said.contains("a figure that is neither 0 nor from 1e-12 to 1e12"), "{said}");
        }
        for wrong in ["typo", "a3w9", "a8W8", "w6", ""] {
            let said = broken("any = 0.3625", &format!("any = 0.3625, \"{wrong}\" = 1.0"));
            assert!(said.contains(&format!("a figure is of {wrong:?}: expected a mode as a8w4")), "{said}");
        }
        assert!(broken("[standing.pe]", "[standing.pe]\nregisters = 99999999").contains("99999999 registers, expected at most"));
        let toggles = |figures: &str| broken("pj = { any = 0.3625 }", &format!("pj = {{ any = 0.3625 }}\ntoggles = {figures}"));
        for wrong in ["{ any = 0.0 }", "{ any = -1.0 }", "{ a8 = 1.0 }", "{ any = 1.0, a8 = 1.0 }"] {
            assert_eq!(
                toggles(wrong),
                "x.toml: event PeCycle: toggles are for events that follow data, above 0, one for each `pj`"
            );
        }
        assert!(broken("[event.pe_weight]", "[event.pe_wait]").contains("pe_wait"));
        assert!(broken("[8.0, 0.1563]", "[80.0, 0.1563]").contains("rising sizes"));
        assert!(broken("megahertz = 500.0", "megahertz = 0.0").contains("from 1e-12 to 1e12"));
        assert!(broken("how = \"not in the source\"", "leakage_mw = 0.0").contains("leakage_mw"));
        assert!(broken("how = \"not in the source\"", "leakage_nw = -1.0\nhow = \"x\"").contains("neither 0 nor"));
    }

    #[test]
    fn the_nearest_figure_of_a_mode_counts() {
        let pj = [("a8w4", 1.0), ("a8", 2.0), ("w4", 3.0), ("any", 4.0)].map(|(key, pj)| (key.to_owned(), pj)).into();
        let cost = Cost { pj, toggles: BTreeMap::new(), how: "-".into() };
        let at = |act, weight| cost.at(Mode { act, weight }).unwrap();
        use {ActBits::*, WeightBits::*};
        assert_eq!([at(A8, W4), at(A8, W2), at(A2, W4), at(A2, W2)], [1.0, 2.0, 3.0, 4.0]);
        let lanes =
            Cost { pj: [("a4w8".to_owned(), 5.0), ("any".to_owned(), 6.0)].into(), toggles: BTreeMap::new(), how: "-".into() };
        assert_eq!(lanes.at(Mode { act: A4, weight: W6 }), Some(5.0));
    }

    #[test]
    fn memories_follow_a_power_law_between_their_sizes() {
        let sram = Sram { pj_per_bit: vec![[4.0, 1.0], [16.0, 2.0]], how: "-".into() };
        assert_eq!([sram.at(1.0), sram.at(4.0), sram.at(16.0), sram.at(64.0)], [1.0, 1.0, 2.0, 2.0]);
        assert!((sram.at(8.0) - 2.0_f64.sqrt()).abs() < 1e-12);
    }
}
