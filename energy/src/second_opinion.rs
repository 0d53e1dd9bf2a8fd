//! The PE at a8w8 on random data, here and in OpenSTA.

use crate::blocks::Place;
use crate::energies::Sampled;
use crate::error::EnergyError;
use crate::measure::simulate;
use crate::sta::{self, Opinion};
use crate::subject::{Block, Subject};
use crate::synthesis::Technology;
use crate::timing::{INPUT_SLEW_NS, Timing};
use crate::workload::{Data, Mode, run};
use crumb_arch::ArrayConfig;
use std::fmt::Write;
use std::path::Path;

/// Compares the PE of `subjects`, whose netlist synthesis left in `work`, and says how far the two agree.
///
/// # Errors
/// If the workload or OpenSTA fails.
pub fn pe(subjects: Vec<Subject>, config: &ArrayConfig, technology: &Technology, work: &Path) -> Result<String, EnergyError> {
    let Some(subject) = subjects.into_iter().find(|subject| subject.block == Block::Pe) else { return Ok(String::new()) };
    let (Some(place), Some(mode)) = (Place::sample(config).pop(), Mode::all().next()) else { return Ok(String::new()) };
    let library = &technology.library;
    let run = run(config, Data::Uniform, mode, &Sampled::paths(&[subject.block], &[place]))?;
    let stimulus = Sampled::stimulus(subject.block, &place, &run)?;
    let activity = simulate(&subject, library, &stimulus)?;
    let timing = Timing::of(&subject.netlist, library, 0.0)?;
    let theirs = sta::power(&subject, &activity, &technology.path, work)?;
    let cycles = activity.cycles as f64;
    let mut ours = Opinion::default();
    let half_v2 = 0.5 * library.volts * library.volts;
    for (index, gate) in subject.netlist.gates.iter().enumerate() {
        let inside = activity.gates[index].iter().zip(&timing.gates[index]);
        let inside = inside.map(|(n, edge)| n[0] as f64 * edge.energy[0] + n[1] as f64 * edge.energy[1]).sum::<f64>() / cycles;
        ours.gates.internal += inside;
        ours.gates.switching += half_v2 * timing.loads[gate.output] * activity.toggles[gate.output] as f64 / cycles;
        if gate.inputs.len() == 1 {
            ours.single.internal += inside;
        }
    }
    let cells = subject.netlist.registers.iter().filter_map(|register| subject.netlist.cell(register.cell, library));
    let clock_pins = cells.filter_map(|cell| cell.inputs.get(cell.flop?.clock));
    ours.clock.internal = clock_pins.map(|pin| pin.power.at(0.0, INPUT_SLEW_NS).iter().sum::<f64>()).sum();
    let mut text = format!("{} without wires, pJ a cycle       here  OpenSTA  here/OpenSTA\n", run.name);
    let lines = [
        ("nets that gates drive", ours.gates.switching, theirs.gates.switching),
        ("inside inverters and buffers, half", ours.single.internal, theirs.single.internal / 2.0),
        ("inside registers, clock alone, half", ours.clock.internal, theirs.clock.internal / 2.0),
        ("inside all gates, half", ours.gates.internal, theirs.gates.internal / 2.0),
    ];
    for (what, here, there) in lines {
        let _ = writeln!(text, "{what:38} {here:>8.3} {there:>8.3} {:>13.3}", here / there);
    }
    Ok(text)
}
