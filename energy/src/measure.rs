//! A block's gates driven with what the machine was recorded at.

use crate::blocks::Stimulus;
use crate::error::EnergyError;
use crate::library::Library;
use crate::netlist::Net;
use crate::power::{Energy, energy, is_clock};
use crate::simulate::{Activity, Simulator};
use crate::subject::Subject;

/// Cycles until registers that the recording does not begin with have been overwritten: more than any block's pipeline is long.
const WARM_UP: usize = 24;

/// Simulates a block under a stimulus and compares its outputs with what they must be.
///
/// # Errors
/// If an output differs, or a port has no stimulus.
pub fn simulate(subject: &Subject, library: &Library, stimulus: &Stimulus) -> Result<Activity, EnergyError> {
    let Subject { netlist, timing, .. } = subject;
    let bad = |what: String| EnergyError::Netlist { block: netlist.name.clone(), what };
    let ports = |wanted: &[(&'static str, Vec<u64>)], of: &std::collections::BTreeMap<String, Vec<Net>>| {
        let one = |(port, _): &(&'static str, _)| of.get(*port).cloned().ok_or_else(|| bad(format!("there is no port {port}")));
        wanted.iter().map(one).collect::<Result<Vec<_>, _>>()
    };
    let (inputs, outputs) = (ports(&stimulus.inputs, &netlist.inputs)?, ports(&stimulus.outputs, &netlist.outputs)?);
    if let Some(open) = netlist.inputs.keys().find(|name| !is_clock(name) && !stimulus.inputs.iter().any(|(port, _)| port == name)) {
        return Err(bad(format!("port {open} has no stimulus")));
    }
    let all = || stimulus.inputs.iter().chain(&stimulus.outputs);
    // What a register will be is not known of the last cycle, so some are one shorter.
    let cycles = all().map(|(_, values)| values.len()).min().unwrap_or(0);
    let mut simulator = Simulator::new(netlist, timing, library);
    let mut before = simulator.activity().clone();
    for t in 0..cycles {
        if t == WARM_UP {
            before = simulator.activity().clone();
        }
        simulator.cycle(inputs.iter().zip(&stimulus.inputs).map(|(nets, (_, values))| (nets.as_slice(), values[t])));
        for (nets, (port, values)) in outputs.iter().zip(&stimulus.outputs) {
            let (found, expected) = (simulator.value(nets), values[t]);
            if found != expected && t >= WARM_UP {
                let (block, port) = (netlist.name.clone(), (*port).to_owned());
                return Err(EnergyError::Differs { block, port, cycle: t, found, expected });
            }
        }
    }
    Ok(simulator.activity().since(&before))
}

/// The energy of a block under a stimulus, over all of it.
///
/// # Errors
/// As [`simulate`].
pub fn measure(subject: &Subject, library: &Library, stimulus: &Stimulus) -> Result<(Energy, Activity), EnergyError> {
    let activity = simulate(subject, library, stimulus)?;
    Ok((energy(&subject.netlist, &subject.timing, library, &activity), activity))
}

/// The stimulus with some inputs held at 0, and nothing to compare with.
pub fn silenced(stimulus: &Stimulus, ports: &[&str]) -> Stimulus {
    let hold = |(port, values): &(&'static str, Vec<u64>)| {
        (*port, if ports.contains(port) { vec![0; values.len()] } else { values.clone() })
    };
    Stimulus { inputs: stimulus.inputs.iter().map(hold).collect(), outputs: Vec::new() }
}
