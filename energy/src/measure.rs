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
    if let Some(open) =
        netlist.inputs.keys().find(|name| !is_clock(name) && !stimulus.inputs.iter().any(|(port, _)| port == name))
    {
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

/// Toggles of values from cycle to cycle, where [`simulate`] counts.
pub fn toggles_of(values: &[u64]) -> u64 {
    let pairs = values.windows(2).skip(WARM_UP - 1);
    pairs.map(|pair| u64::from((pair[0] ^ pair[1]).count_ones())).sum()
}

/// Toggles of the registers that a block's energy is said to follow: its own, or those at both ends of a block that has none.
pub fn register_toggles(subject: &Subject, stimulus: &Stimulus, activity: &Activity) -> u64 {
    if !subject.netlist.registers.is_empty() {
        return activity.registers.iter().flatten().sum();
    }
    let ends = stimulus.inputs.iter().filter(|(port, _)| *port == "word").chain(&stimulus.outputs);
    ends.map(|(_, values)| toggles_of(values)).sum()
}

/// The stimulus with some inputs held at 0, and nothing to compare with.
pub fn silenced(stimulus: &Stimulus, ports: &[&str]) -> Stimulus {
    let hold = |(port, values): &(&'static str, Vec<u64>)| {
        (*port, if ports.contains(port) { vec![0; values.len()] } else { values.clone() })
    };
    Stimulus { inputs: stimulus.inputs.iter().map(hold).collect(), outputs: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlist::Netlist;
    use crate::power::standing;
    use crate::subject::Block;
    use crate::timing::{Timing, WIRE_PF};
    use std::path::Path;

    /// Half a register: `psum_out` is the inverse of `sum`, in the cycle of the input.
    fn inverter() -> (Subject, Library) {
        let library = crate::liberty::read(include_str!("fixtures/two.lib"), Path::new("two.lib")).unwrap();
        let json = "{\"modules\": {\"m\": {\"ports\": {\"sum\": {\"direction\": \"input\", \"bits\": [2]}, \
                    \"psum_out\": {\"direction\": \"output\", \"bits\": [3]}}, \
                    \"cells\": {\"g\": {\"type\": \"INV\", \"connections\": {\"A\": [2], \"Y\": [3]}}}}}}";
        let netlist = Netlist::read(json, "m", &library).unwrap();
        let (timing, standing) = (Timing::of(&netlist, &library, WIRE_PF).unwrap(), standing(&netlist, &library));
        (Subject { block: Block::PsumAdder, netlist, timing, standing }, library)
    }

    #[test]
    fn gates_that_differ_from_the_machine_are_an_error() {
        let (subject, library) = inverter();
        let input: Vec<u64> = (0..40).map(|t| t & 1).collect();
        let output: Vec<u64> = input.iter().map(|x| 1 - x).collect();
        let run = |output: Vec<u64>| {
            simulate(&subject, &library, &Stimulus { inputs: vec![("sum", input.clone())], outputs: vec![("psum_out", output)] })
        };
        let activity = run(output.clone()).unwrap();
        // The warm-up does not count.
        assert_eq!((activity.cycles, activity.toggles[subject.netlist.outputs["psum_out"][0]]), (16, 16));
        let mut early = output.clone();
        early[WARM_UP - 1] ^= 1;
        assert!(run(early).is_ok());
        let mut late = output;
        late[30] ^= 1;
        let error = run(late).unwrap_err().to_string();
        assert_eq!(error, "the gates of m differ from the machine in cycle 30: psum_out is 0x1, expected 0x0");
    }

    #[test]
    fn every_input_needs_a_stimulus_and_every_stimulus_a_port() {
        let (subject, library) = inverter();
        let run = |inputs| simulate(&subject, &library, &Stimulus { inputs, outputs: Vec::new() }).unwrap_err().to_string();
        assert_eq!(run(Vec::new()), "netlist of m: port sum has no stimulus");
        assert_eq!(run(vec![("sum", vec![0]), ("carry", vec![0])]), "netlist of m: there is no port carry");
    }
}
