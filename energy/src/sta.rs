//! A second opinion: OpenSTA's `report_power` (Debian package `opensta`) of the same gates at the same activity of every net.
//!
//! The packaged version cannot be told the activity of a pin, only one of all nets; but energy is linear in it. So it is asked for the power
//! of every cell when nothing switches but the clock and when every net has one edge a cycle, and the difference is multiplied
//! here with what the simulation counted. Both sides are without wires.
//!
//! Inside cells, the packaged version adds up the energies of a rise and a fall for each one edge (later ones take their mean), and adds
//! up what each input would cause. The first is a factor of two; the second leaves gates of one input comparable, and no others.

use crate::error::EnergyError;
use crate::simulate::Activity;
use crate::subject::Subject;
use crate::timing::INPUT_SLEW_NS;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The clock that activities are per period of.
const PERIOD_NS: f64 = 10.0;

/// Energy of some cells, in pJ a cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Power {
    /// Inside cells.
    pub internal: f64,
    /// Of the nets that they drive.
    pub switching: f64,
}

/// What OpenSTA makes of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Opinion {
    /// Gates, under the activity.
    pub gates: Power,
    /// Those of them that have one input.
    pub single: Power,
    /// Registers with a clock alone.
    pub clock: Power,
}

/// Asks OpenSTA about a block under an activity.
///
/// # Errors
/// If OpenSTA is not there or fails, or its report lacks a cell.
pub fn power(subject: &Subject, activity: &Activity, liberty: &Path, work: &Path) -> Result<Opinion, EnergyError> {
    let [still, lively] = [report(subject, 0, liberty, work)?, report(subject, 1, liberty, work)?];
    let mut opinion = Opinion::default();
    let netlist = &subject.netlist;
    let singles: HashSet<_> = netlist.gates.iter().filter(|gate| gate.inputs.len() == 1).map(|gate| gate.output).collect();
    let registers: HashSet<_> = netlist.registers.iter().map(|register| register.output).collect();
    for (pin, net) in &netlist.drivers {
        let instance = pin.split('/').next().unwrap_or(pin);
        let (Some(without), Some(with)) = (still.get(instance), lively.get(instance)) else {
            let what = format!("OpenSTA says nothing of {instance}");
            return Err(EnergyError::Netlist { block: netlist.name.clone(), what });
        };
        if registers.contains(net) {
            opinion.clock.internal += without.internal;
            continue;
        }
        let rate = activity.toggles.get(*net).map_or(0.0, |&edges| edges as f64) / activity.cycles.max(1) as f64;
        let sums = [Some(&mut opinion.gates), Some(&mut opinion.single).filter(|_| singles.contains(net))];
        for sum in sums.into_iter().flatten() {
            sum.internal += rate * (with.internal - without.internal);
            sum.switching += rate * (with.switching - without.switching);
        }
    }
    Ok(opinion)
}

/// Every cell's power when all nets have this activity.
fn report(subject: &Subject, activity: u32, liberty: &Path, work: &Path) -> Result<BTreeMap<String, Power>, EnergyError> {
    let name = subject.block.name();
    let file = work.join(format!("{name}.sta{activity}.tcl"));
    fs::write(&file, script(name, activity, liberty)).map_err(EnergyError::file("write", &file))?;
    let output = Command::new("sta").args(["-no_splash", "-exit"]).arg(&file).current_dir(work).output();
    let output = output.map_err(|source| EnergyError::NotStarted { tool: "sta", package: "opensta", source })?;
    let log = file.with_extension("log");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    fs::write(&log, &text).map_err(EnergyError::file("write", &log))?;
    match text.lines().find(|line| line.starts_with("Error")) {
        None => Ok(text.lines().filter_map(cell).collect()),
        Some(cause) => {
            Err(EnergyError::ToolFailed { tool: "sta", status: output.status.to_string(), cause: cause.to_owned(), log })
        }
    }
}

/// A line `<internal> <switching> <leakage> <total> <instance>`, in W.
fn cell(line: &str) -> Option<(String, Power)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [internal, switching, _, _, instance] = words.as_slice() else { return None };
    // W * ns = 1000 pJ.
    let pj = |word: &str| word.parse::<f64>().ok().map(|watts| watts * PERIOD_NS * 1000.0);
    Some(((*instance).to_owned(), Power { internal: pj(internal)?, switching: pj(switching)? }))
}

fn script(name: &str, activity: u32, liberty: &Path) -> String {
    format!(
        "read_liberty {}\nread_verilog {name}.v\nlink_design {name}\n\
         create_clock -name clock -period {PERIOD_NS} [get_ports clock]\n\
         set_input_transition {INPUT_SLEW_NS} [all_inputs]\nset_clock_transition {INPUT_SLEW_NS} [get_clocks clock]\n\
         set_power_activity -global -activity {activity} -duty 0.5\n\
         report_power -instances [get_cells *] -digits 9\n",
        liberty.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_in_pj_a_cycle() {
        let (name, power) = cell(" 1.0e-05 2.5e-06 1.6e-10 1.25e-05 g_12").unwrap();
        assert_eq!(name, "g_12");
        assert!((power.internal - 0.1).abs() < 1e-12 && (power.switching - 0.025).abs() < 1e-12);
        assert_eq!(cell("Total  1e-3 2e-3 3e-3 4e-3 100.0%"), None);
        assert_eq!(cell("------"), None);
    }
}
