//! The energy file of a measurement: every figure with how it was measured, and at what activity.

use crate::energies::{Measured, Per};
use crate::library::Library;
use crate::model::{Cost, Model, SCHEMA, Sram, Standing};
use crate::power::clock_energy;
use crate::subject::{Block, Subject};
use crate::timing::{INPUT_SLEW_NS, WIRE_PF};
use crate::vocabulary::{Access, Event, Part};
use crate::workload::{Data, Mode};
use std::collections::BTreeMap;

/// The clock at which leakage becomes energy: that which gates are sized for.
const MEGAHERTZ: f64 = 100.0;
/// Horowitz, ISSCC 2014, 45 nm, 0.9 V: a 64-bit read of caches of 8 KiB, 32 KiB and 1 MiB, in pJ; the two before them follow the first step,
/// in which four times the size costs twice the energy.
const CACHE_READS: [[f64; 2]; 5] = [[0.5, 2.5], [2.0, 5.0], [8.0, 10.0], [32.0, 20.0], [1024.0, 100.0]];
/// The same source: 64 bits of DRAM cost 1300 to 2600 pJ.
const DRAM_PJ: f64 = 1950.0;
/// From 45 nm at 0.9 V: capacitance goes with length, energy with it and with the square of the supply.
const SRAM_NM: f64 = 45.0;
const SRAM_VOLTS: f64 = 0.9;
/// The feature size of the library.
const NODE_NM: f64 = 180.0;

/// Four significant digits: more would change with every run of another synthesis tool.
fn rounded(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

/// Makes the file from what was measured on `data`.
pub fn model(subjects: &[Subject], measured: &[Measured], library: &Library, data: Data, config: &str) -> Model {
    let standing = Part::ALL.map(|part| (part, standing(part, subjects, library)));
    let event = Event::ALL.map(|event| (event, cost(event, measured, library)));
    Model {
        schema: SCHEMA,
        name: data.file().into(),
        about: format!(
            "OSU 180 nm standard cells (Debian package qflow-tech-osu018), typical, {} V, mapped by Yosys and ABC; blocks of the \
             configuration {config}, driven with what its simulator was recorded at: {}. Edges from an event-driven simulation with \
             the library's delays, so glitches are in it; 1/2 C V^2 with {} fF of wire to each pin; energies inside cells from the \
             library's tables, linear in load and transition time ({INPUT_SLEW_NS} ns at inputs). Not in it: a clock tree, \
             longer wires, pads, control outside the blocks but for the clock of its registers. Made by `cargo xtask energy`.",
            library.volts,
            match data {
                Data::Digits => "the embedded network on one of its images".to_owned(),
                Data::Pruned(percent) =>
                    format!("the embedded network, {percent} % of its weights at zero, on one of its images"),
                Data::Uniform => "uniform random operands".to_owned(),
            },
            1000.0 * WIRE_PF
        ),
        node_nm: NODE_NM,
        volts: Some(library.volts),
        megahertz: MEGAHERTZ,
        standing: standing.into(),
        event: event.into(),
        memory: [(Access::Read, sram(library)), (Access::Write, sram(library))].into(),
        detail: detail(measured, library),
    }
}

const fn block_of(part: Part) -> Option<Block> {
    match part {
        Part::Pe => Some(Block::Pe),
        Part::PrecisionSwitch => Some(Block::PrecisionSwitch),
        Part::RowSum => Some(Block::RowSum),
        Part::ColumnSum => Some(Block::ColumnSum),
        Part::Combiner => Some(Block::Combiner),
        Part::AccumulatorAdder => Some(Block::AccumulatorAdder),
        Part::Requantizer => Some(Block::Requantizer),
        Part::RegisterBit => None,
    }
}

fn standing(part: Part, subjects: &[Subject], library: &Library) -> Standing {
    match block_of(part).and_then(|block| subjects.iter().find(|subject| subject.block == block)) {
        Some(subject) => {
            let s = subject.standing;
            Standing {
                area_um2: Some(rounded(s.area)),
                registers: s.registers as u64,
                clock_pj: Some(rounded(s.clock)),
                leakage_nw: Some(rounded(s.leakage)),
                how: format!("{} cells; area and leakage from the library; C V^2 and inner energy of the clock pins", s.cells),
            }
        }
        None => {
            let flop = library.cells.get(FLOP);
            Standing {
                area_um2: flop.map(|cell| cell.area),
                registers: 1,
                clock_pj: flop.map(|cell| rounded(clock_energy(cell, library.volts))),
                leakage_nw: flop.map(|cell| rounded(cell.leakage)),
                how: format!("{FLOP} of the library, its clock pin alone"),
            }
        }
    }
}

/// The register that synthesis uses.
const FLOP: &str = "DFFPOSX1";

/// The gate whose leakage stands for one gate's.
const NAND: &str = "NAND2X1";

/// The figures of one block, by mode, and in words how they were come by.
fn by_mode(measured: &[Measured], block: Block, of: impl Fn(&Measured) -> f64, key: impl Fn(Mode) -> String) -> Cost {
    let own: Vec<&Measured> = measured.iter().filter(|m| m.block == block).collect();
    let range = |pick: &dyn Fn(&Measured) -> f64| {
        let all = || own.iter().map(|m| pick(m));
        (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max))
    };
    let (quiet, lively) = range(&|m| m.edges / m.nets as f64);
    let (few, many) = range(&|m| 100.0 * m.energy.glitches / m.energy.dynamic());
    let per = match block.per() {
        Per::Busy => "busy cycle",
        Per::Word => "weight word",
    };
    let how =
        format!("gates of {}: {quiet:.2} to {lively:.2} edges a net and {per}, glitches {few:.0} to {many:.0} %", block.name());
    Cost { pj: means(&own, of, key), toggles: BTreeMap::new(), how }
}

/// The means of a figure over the modes of each key.
fn means(own: &[&Measured], of: impl Fn(&Measured) -> f64, key: impl Fn(Mode) -> String) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for m in own {
        let sum = sums.entry(key(m.mode)).or_default();
        *sum = (sum.0 + of(m), sum.1 + 1.0);
    }
    sums.into_iter().map(|(key, (sum, n))| (key, rounded(sum / n))).collect()
}

/// What is taken of a measurement.
type Figure = fn(&Measured) -> f64;

/// The figures of an event of a block, with the toggles of registers that came with it: the whole of both, or the part of either that is
/// counted apart, or the rest.
fn with_toggles(measured: &[Measured], block: Block, share: Share, key: impl Fn(Mode) -> String + Copy) -> Cost {
    let own: Vec<&Measured> = measured.iter().filter(|m| m.block == block).collect();
    let (pj, toggles): (Figure, Figure) = match share {
        Share::Whole => (|m| m.energy.dynamic(), |m| m.toggles),
        Share::Apart => (|m| m.aside, |m| m.aside_toggles),
        Share::Rest => (Measured::without_asides, Measured::toggles_without_asides),
    };
    Cost { toggles: means(&own, toggles, key), ..by_mode(measured, block, pj, key) }
}

/// Which part of a block's energy an event is.
#[derive(Clone, Copy)]
enum Share {
    Whole,
    Apart,
    Rest,
}

fn cost(event: Event, measured: &[Measured], library: &Library) -> Cost {
    let mode = |mode: Mode| mode.to_string();
    let act = |mode: Mode| format!("a{}", mode.act.bits());
    let weight = |mode: Mode| format!("w{}", mode.weight.bits());
    let any = |_: Mode| "any".to_owned();
    let said = |mut cost: Cost, more: &str| {
        cost.how += more;
        cost
    };
    match event {
        Event::PeCycle => said(
            with_toggles(measured, Block::Pe, Share::Rest, mode),
            "; mean of four PEs; what the weights' way costs with silent activations and psums is taken off, as pe_weight",
        ),
        Event::PeWeight => said(
            with_toggles(measured, Block::Pe, Share::Apart, mode),
            "; activations and psums held at 0; a word that passes, or is loaded, and its share of the swap",
        ),
        Event::SwitchWord => with_toggles(measured, Block::PrecisionSwitch, Share::Whole, weight),
        Event::RowSumCycle => with_toggles(measured, Block::RowSum, Share::Whole, act),
        Event::ColumnSumWord => with_toggles(measured, Block::ColumnSum, Share::Whole, act),
        Event::CombineCycle => with_toggles(measured, Block::Combiner, Share::Whole, mode),
        Event::AccumulateCycle => with_toggles(measured, Block::AccumulatorAdder, Share::Whole, mode),
        Event::RequantizeValue => said(
            with_toggles(measured, Block::Requantizer, Share::Apart, any),
            "; the multiplier in gates; only sums that a drain reads enter; mean over all modes",
        ),
        Event::RequantizerCycle => said(
            with_toggles(measured, Block::Requantizer, Share::Rest, mode),
            "; what sums cost that pass the read stage on their way to be added to, beyond those that a drain reads",
        ),
        Event::StreamBit => {
            alone(0.5 * register_toggle(library), "half an edge of a register that drives one pin; no pads".into())
        }
        Event::DramBit => alone(
            DRAM_PJ / 64.0,
            "Horowitz, ISSCC 2014: 1300 to 2600 pJ for 64 bits, the middle; not scaled, as it is another chip".into(),
        ),
    }
}

/// A figure that is the same in all modes and follows no data.
fn alone(pj: f64, how: String) -> Cost {
    Cost { pj: [("any".into(), rounded(pj))].into(), toggles: BTreeMap::new(), how }
}

/// pJ of an edge of a register's output and data, with one pin and wire to it.
fn register_toggle(library: &Library) -> f64 {
    let Some((cell, flop)) = library.cells.get(FLOP).and_then(|cell| Some((cell, cell.flop?))) else { return 0.0 };
    let Some(data) = cell.inputs.get(flop.data) else { return 0.0 };
    let load = data.capacitance + WIRE_PF;
    let arcs = cell.outputs.iter().flat_map(|output| &output.arcs).filter(|arc| arc.input == flop.clock);
    let inside: f64 = arcs.map(|arc| arc.power.at(load, INPUT_SLEW_NS).iter().sum::<f64>() / 2.0).sum();
    let at_data = data.power.at(0.0, INPUT_SLEW_NS).iter().sum::<f64>() / 2.0;
    inside + at_data + 0.5 * load * library.volts * library.volts
}

fn detail(measured: &[Measured], library: &Library) -> BTreeMap<String, Cost> {
    let mode = |mode: Mode| mode.to_string();
    let part = |block, factor: f64, more: &str| {
        let mut cost = by_mode(measured, block, |m| factor * m.energy.dynamic(), mode);
        cost.how += more;
        cost
    };
    let toggle = alone(
        register_toggle(library),
        format!("an edge of {FLOP}: its output and data, one pin and wire; the clock is standing.register_bit"),
    );
    let nand = library.cells.get(NAND).map_or(0.0, |cell| cell.leakage);
    // nW / MHz = fJ.
    let leakage = alone(
        nand / MEGAHERTZ / 1000.0,
        format!("{NAND} of the library, {nand} nW, in a cycle; blocks have their own, as standing"),
    );
    [
        ("gate_leakage_cycle".to_owned(), leakage),
        ("bricks".to_owned(), part(Block::Bricks, 0.25, "; a quarter of a PE's sixteen: those of a brick column")),
        ("brick_column".to_owned(), part(Block::BrickColumn, 1.0, "; the adders behind its bricks, with their registers")),
        ("psum_adder".to_owned(), part(Block::PsumAdder, 1.0, "; one of a PE's four, with its register")),
        ("register_bit_edge".to_owned(), toggle),
    ]
    .into()
}

fn sram(library: &Library) -> Sram {
    let scale = NODE_NM / SRAM_NM * (library.volts / SRAM_VOLTS).powi(2);
    Sram {
        pj_per_bit: CACHE_READS.map(|[kib, pj]| [kib, rounded(scale * pj / 64.0)]).to_vec(),
        how: format!(
            "not measured: the library has no memories. Horowitz, ISSCC 2014, 45 nm, 0.9 V: 64 bits of a cache of 8 KiB 10 pJ, 32 KiB \
             20, 1 MiB 100; smaller ones with the square root of the size, as from 32 to 8 KiB; times {scale}: length 180/45, supply \
             (1.8/0.9)^2. Writes are taken for reads"
        ),
    }
}
