//! The measurement as a table.

use crate::energies::Measured;
use crate::energies::Per;
use crate::subject::{Block, Subject};
use crate::workload::Data;
use std::fmt::Write;

/// A line for each block: what it is.
pub fn blocks(subjects: &[Subject], megahertz: f64) -> String {
    let mut text = String::from("block              area um^2   cells  registers  clock pJ/cycle  leakage nW  fJ/cycle\n");
    for Subject { block, standing: s, .. } in subjects {
        let leak = s.leakage / megahertz;
        let _ = writeln!(
            text,
            "{:17} {:>10.0} {:>7} {:>10} {:>15.2} {:>11.1} {:>9.2}",
            block.name(),
            s.area,
            s.cells,
            s.registers,
            s.clock,
            s.leakage,
            leak
        );
    }
    text
}

/// The PEs: energy per busy cycle and per MAC, beside a8w8 and the fixed PE.
pub fn pes(subjects: &[Subject], measured: &[Measured], data: Data) -> String {
    let clock = |block: Block| subjects.iter().find(|s| s.block == block).map_or(0.0, |s| s.standing.clock);
    let fixed = if data == Data::Uniform { Block::FixedPe } else { Block::FixedPeUnsigned };
    let find = |block: Block| measured.iter().find(|m| m.block == block && m.data == data && m.mode.macs() == 1);
    let sums = |m: &Measured| (m.energy.dynamic(), m.energy.dynamic() + clock(m.block));
    let (Some(base), Some(other)) = (find(Block::Pe).map(sums), find(fixed).map(sums)) else { return String::new() };
    let mut text = format!(
        "{:8}                        pJ per PE and busy cycle      |      pJ per MAC     |  to a8w8     | to {}\n\
         PE          mode   inputs  logic  registers  dynamic  of it weights  glitches  clock |  dynamic  with clock | dyn    all   | dyn    all\n",
        data.name(),
        fixed.name()
    );
    for m in measured.iter().filter(|m| m.data == data && (m.block == Block::Pe || m.block == fixed)) {
        let (dynamic, all) = sums(m);
        let macs = m.mode.macs() as f64;
        let e = &m.energy;
        let _ = writeln!(
            text,
            "{:11} {:5} {:>7.2} {:>6.2} {:>10.2} {:>8.2} {:>14.2} {:>9.2} {:>6.2} | {:>8.2} {:>11.2} | {:<6.3} {:<5.3} | {:<6.3} {:<5.3}",
            m.block.name(),
            m.mode.to_string(),
            e.inputs,
            e.logic,
            e.registers,
            dynamic,
            m.aside * m.asides,
            e.glitches,
            clock(m.block),
            dynamic / macs,
            all / macs,
            dynamic / macs / base.0,
            all / macs / base.1,
            dynamic / macs / other.0,
            all / macs / other.1,
        );
    }
    text
}

/// The other blocks: energy per event, a column for each mode.
pub fn others(measured: &[Measured], data: Data) -> String {
    let own: Vec<&Measured> = measured.iter().filter(|m| m.data == data).collect();
    let modes: Vec<_> = own.iter().filter(|m| m.block == Block::Pe).map(|m| m.mode).collect();
    let mut text = format!("{:8} pJ beyond the clock, per    ", data.name());
    for mode in &modes {
        let _ = write!(text, " {:>7}", mode.to_string());
    }
    text.push('\n');
    for block in Block::ALL.into_iter().filter(|&block| own.iter().any(|m| m.block == block && !is_pe(block))) {
        let per = match block.per() {
            Per::Busy => "busy cycle",
            Per::Word => "weight word",
        };
        let mut line = |per: &str, of: &dyn Fn(&Measured) -> f64| {
            let _ = write!(text, "{:20} {per:16}", block.name());
            for m in modes.iter().filter_map(|&mode| own.iter().find(|m| m.block == block && m.mode == mode)) {
                let _ = write!(text, " {:>7.2}", of(m));
            }
            text.push('\n');
        };
        line(per, &|m| m.without_asides());
        if block == Block::Requantizer {
            line("drained value", &|m| m.aside);
        }
    }
    text
}

fn is_pe(block: Block) -> bool {
    matches!(block, Block::Pe | Block::FixedPe | Block::FixedPeUnsigned)
}
