//! The PE at a8w8 on random data, here and in OpenSTA.

use crate::blocks::Place;
use crate::energies::Sampled;
use crate::error::EnergyError;
use crate::measure::simulate;
use crate::sta::{self, Power};
use crate::subject::{Block, Subject};
use crate::synthesis::Technology;
use crate::timing::{Edge, INPUT_SLEW_NS, Timing};
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
    let [gates, clock] = sta::power(&subject, &activity, &technology.path, work)?;
    let cycles = activity.cycles as f64;
    let mut ours = [Power::default(); 2];
    let mut even = 0.0;
    let half_v2 = 0.5 * library.volts * library.volts;
    for (index, gate) in subject.netlist.gates.iter().enumerate() {
        let inside = activity.gates[index].iter().zip(&timing.gates[index]);
        ours[0].internal += inside.map(|(n, edge)| n[0] as f64 * edge.energy[0] + n[1] as f64 * edge.energy[1]).sum::<f64>() / cycles;
        let arcs = timing.gates[index].iter().filter(|edge| **edge != Edge::default());
        let (sum, n) = arcs.fold((0.0, 0.0), |(sum, n), edge| (sum + edge.energy[0] + edge.energy[1], n + 2.0));
        even += if n > 0.0 { sum / n } else { 0.0 } * activity.toggles[gate.output] as f64 / cycles;
        ours[0].switching += half_v2 * timing.loads[gate.output] * activity.toggles[gate.output] as f64 / cycles;
    }
    ours[1].internal = subject.netlist.registers.iter().filter_map(|r| subject.netlist.cell(r.cell, library)).fold(0.0, |sum, cell| {
        let pin = cell.flop.and_then(|flop| cell.inputs.get(flop.clock));
        sum + pin.map_or(0.0, |pin| pin.power.at(0.0, INPUT_SLEW_NS).iter().sum())
    });
    let mut text = format!("{} without wires, pJ a cycle     here  OpenSTA  here/OpenSTA\n", run.name);
    let lines = [
        ("nets that gates drive", ours[0].switching, gates.switching),
        ("inside gates", ours[0].internal, gates.internal),
        ("... every input causing as many edges", even, gates.internal),
        ("inside registers, clock alone", ours[1].internal, clock.internal),
    ];
    for (what, here, there) in lines {
        let _ = writeln!(text, "{what:38} {here:>8.3} {there:>8.3} {:>13.3}", here / there);
    }
    Ok(text)
}
