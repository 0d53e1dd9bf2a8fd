//! Waveforms, read back with an independent parser and compared with the machine's registers in every cycle.

use crate::common::{deep, named, stream};
use crumb_arch::boundary::{Data, Inputs, Outputs};
use crumb_arch::{ArrayConfig, Register};
use crumb_sim::Machine;
use crumb_sim::vcd::{VcdWriter, WaveWindow};
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use vcd::{IdCode, ScopeItem, SimulationCommand, TimescaleUnit, Value};

const CYCLES: u64 = 700;

/// What was seen in one cycle.
struct Seen {
    inputs: Inputs,
    outputs: Outputs,
    registers: Vec<Register>,
}

/// Steps a machine through a writer; what was seen has one entry more than there were cycles.
fn record(config: &ArrayConfig, window: WaveWindow, cycles: u64) -> (Vec<u8>, Vec<Seen>) {
    let mut machine = Machine::new(config).unwrap();
    let mut file = Vec::new();
    let mut writer = VcdWriter::new(&mut file, &machine, window).unwrap();
    let beats = stream(config);
    let (mut accepted, mut seen) = (0, Vec::new());
    for cycle in 0..=cycles {
        let offered = beats.get(accepted).filter(|_| cycle % 5 != 3);
        let mut inputs = Inputs { m_tready: cycle % 7 != 2, ..Inputs::default() };
        if let Some((data, last)) = offered {
            inputs = Inputs { s_tvalid: true, s_tlast: last, s_tdata: Data::new(data), ..inputs };
        }
        let outputs = machine.outputs();
        accepted += usize::from(inputs.s_tvalid && outputs.s_tready);
        seen.push(Seen { inputs, outputs, registers: machine.registers() });
        if cycle < cycles {
            writer.step(&mut machine, &inputs).unwrap();
        }
    }
    writer.flush().unwrap();
    drop(writer);
    (file, seen)
}

/// A VCD file being played.
struct Player {
    paths: HashMap<IdCode, (String, u32)>,
    values: HashMap<String, Vec<bool>>,
}

impl Player {
    fn declare(&mut self, path: &str, items: &[ScopeItem]) {
        let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        for item in items {
            match item {
                ScopeItem::Scope(scope) => self.declare(&join(&scope.identifier), &scope.items),
                ScopeItem::Var(var) => {
                    let old = self.paths.insert(var.code, (join(&var.reference), var.size));
                    assert!(old.is_none(), "{} shares its code", var.reference);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// A change; lowest bit first afterwards.
    fn change(&mut self, id: IdCode, bits: Vec<bool>, forced: bool) {
        let (path, width) = &self.paths[&id];
        assert_eq!(bits.len(), *width as usize, "{path}");
        let old = self.values.insert(path.clone(), bits);
        assert!(forced || old.as_ref() != self.values.get(path), "{path} is written but has not changed");
    }

    fn bits(&self, path: &str) -> &[bool] {
        &self.values[path]
    }

    fn number(&self, path: &str) -> u64 {
        number(self.bits(path))
    }

    /// Value of a register as the machine lists it: a wide one in parts of 64 bits.
    fn register(&self, path: &str) -> (u32, u64) {
        if let Some(bits) = self.values.get(path) {
            return (bits.len() as u32, number(bits));
        }
        let (whole, part) = path.rsplit_once('_').unwrap();
        let bits = self.bits(whole).chunks(64).nth(part.parse().unwrap()).unwrap();
        (bits.len() as u32, number(bits))
    }
}

fn number(bits: &[bool]) -> u64 {
    assert!(bits.len() <= 64);
    bits.iter().rev().fold(0, |value, &bit| value << 1 | u64::from(bit))
}

fn bit(value: Value) -> bool {
    match value {
        Value::V0 => false,
        Value::V1 => true,
        other => panic!("{other} in the waveform of a machine of zeros and ones"),
    }
}

fn bytes(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8).map(|byte| number(byte) as u8).collect()
}

/// Checks a whole file against what was seen; gives the first and last time in it.
fn check(config: &ArrayConfig, file: &[u8], seen: &[Seen]) -> (u64, u64) {
    let mut parser = vcd::Parser::new(file);
    let header = parser.parse_header().unwrap();
    assert_eq!(header.timescale, Some((1, TimescaleUnit::NS)));
    let mut player = Player { paths: HashMap::new(), values: HashMap::new() };
    player.declare("", &header.items);
    let top = format!("crumb_{}", config.name);
    let declared = player.paths.len();

    let (mut times, mut dumping, mut dumped) = (Vec::new(), false, 0);
    let mut inputs = HashSet::new();
    inputs.extend(["s_axis_tvalid", "s_axis_tlast", "s_axis_tdata", "m_axis_tready"].map(|name| format!("{top}.{name}")));
    for command in parser {
        match command.unwrap() {
            vcd::Command::Timestamp(time) => {
                assert!(times.last().is_none_or(|&last| time == last + 5), "{time} after {:?}", times.last());
                if let Some(&last) = times.last() {
                    compare(&player, &top, last, seen);
                }
                times.push(time);
            }
            vcd::Command::Begin(SimulationCommand::Dumpvars) => {
                assert_eq!((times.len(), dumped), (1, 0));
                dumping = true;
            }
            vcd::Command::End(_) => {
                assert_eq!(dumped, declared, "signals without an initial value");
                dumping = false;
            }
            change => {
                let (id, bits) = match change {
                    vcd::Command::ChangeScalar(id, value) => (id, vec![bit(value)]),
                    vcd::Command::ChangeVector(id, vector) => {
                        (id, vector.iter().map(bit).collect::<Vec<_>>().into_iter().rev().collect())
                    }
                    other => panic!("{other:?}"),
                };
                let path = &player.paths[&id].0;
                if !dumping && !path.ends_with(".clock") {
                    let rising = times.last().unwrap() % 10 == 5;
                    assert_eq!(rising, !inputs.contains(path), "{path} changes at {:?}", times.last());
                }
                dumped += usize::from(dumping);
                player.change(id, bits, dumping);
            }
        }
    }
    (*times.first().unwrap_or(&0), *times.last().unwrap_or(&0))
}

/// Everything that stands in the file from `time` on, until the next change.
fn compare(player: &Player, top: &str, time: u64, seen: &[Seen]) {
    let (cycle, high) = (time / 10, time % 10 == 5);
    let path = |name: &str| format!("{top}.{name}");
    assert_eq!(player.number(&path("clock")) == 1, high, "clock at {time}");
    // The clock has risen: registers are those of the next cycle, inputs still those of this one.
    let (now, next) = (&seen[cycle as usize], &seen[cycle as usize + usize::from(high)]);
    let inputs = &now.inputs;
    for (name, value) in
        [("s_axis_tvalid", inputs.s_tvalid), ("s_axis_tlast", inputs.s_tlast), ("m_axis_tready", inputs.m_tready)]
    {
        assert_eq!(player.number(&path(name)) == 1, value, "{name} at {time}");
    }
    let data = bytes(player.bits(&path("s_axis_tdata")));
    assert_eq!(data, inputs.s_tdata.padded()[..data.len()], "s_axis_tdata at {time}");

    let outputs = &next.outputs;
    let flags = [
        ("s_axis_tready", outputs.s_tready),
        ("m_axis_tvalid", outputs.m_tvalid),
        ("m_axis_tlast", outputs.m_tlast),
        ("idle", outputs.idle),
    ];
    for (name, value) in flags {
        assert_eq!(player.number(&path(name)) == 1, value, "{name} at {time}");
    }
    assert_eq!(player.number(&path("error")), u64::from(outputs.error), "error at {time}");
    assert_eq!(bytes(player.bits(&path("m_axis_tdata"))), outputs.m_tdata.as_bytes(), "m_axis_tdata at {time}");
    for register in &next.registers {
        let found = player.register(&path(&register.path));
        assert_eq!(found, (register.width, register.value), "{} at {time}", register.path);
    }
}

#[test]
fn every_register_has_its_value_in_every_cycle() {
    for config in [named("tiny"), named("medium"), named("large"), deep()] {
        let (file, seen) = record(&config, WaveWindow::ALL, CYCLES);
        let last = seen.last().unwrap();
        assert_ne!(last.outputs.error, 0, "{}: the stream does not reach its nonsense", config.name);
        assert!(seen.iter().any(|seen| seen.outputs.m_tvalid && !seen.inputs.m_tready), "{}: no beat waits", config.name);
        assert!(seen.iter().any(|seen| seen.outputs.m_tlast), "{}: no packet ends", config.name);
        assert_eq!(check(&config, &file, &seen), (0, 10 * CYCLES), "{}", config.name);
    }
}

#[test]
fn a_wide_register_is_one_vector_and_instances_are_scopes() {
    let config = named("large");
    let (file, _) = record(&config, WaveWindow::ALL, 1);
    let header = vcd::Parser::new(&file[..]).parse_header().unwrap();
    let var = |path: &[&str]| {
        let var = header.find_var(path).unwrap_or_else(|| panic!("{path:?} is missing"));
        format!("{} {}{}", var.var_type, var.reference, var.index.map_or(String::new(), |index| index.to_string()))
    };
    assert_eq!(var(&["crumb_large", "stream_in", "line"]), "reg line[127:0]");
    assert_eq!(var(&["crumb_large", "array", "pe_255", "psum_3"]), "reg psum_3[13:0]");
    assert_eq!(var(&["crumb_large", "array", "pe_17", "column_2", "pair_0"]), "reg pair_0[5:0]");
    assert_eq!(var(&["crumb_large", "requantizer_15", "multiplier", "outer"]), "reg outer[47:0]");
    assert_eq!(var(&["crumb_large", "sequencer", "load_valid"]), "reg load_valid");
    assert_eq!(var(&["crumb_large", "m_axis_tdata"]), "wire m_axis_tdata[127:0]");
    assert_eq!(var(&["crumb_large", "error"]), "wire error[3:0]");
    assert_eq!(var(&["crumb_large", "clock"]), "wire clock");
}

#[test]
fn a_window_shows_its_cycles_and_no_others() {
    let config = named("tiny");
    for (text, times) in [
        ("0..1", (0, 10)),
        ("37..38", (370, 380)),
        ("100..200", (1000, 2000)),
        ("..50", (0, 500)),
        ("290..", (2900, 3000)),
        ("250..1000", (2500, 3000)),
        ("..", (0, 3000)),
    ] {
        let (file, seen) = record(&config, text.parse().unwrap(), 300);
        assert_eq!(check(&config, &file, &seen), times, "{text}");
    }
    let (file, seen) = record(&config, "300..".parse().unwrap(), 300);
    assert_eq!(check(&config, &file, &seen), (0, 0), "a header alone");
    assert!(file.ends_with(b"$enddefinitions $end\n"));
}

#[test]
fn flushing_in_between_leaves_no_trace() {
    let config = named("tiny");
    let run = |flushes: bool| {
        let mut machine = Machine::new(&config).unwrap();
        let mut file = Vec::new();
        let mut writer = VcdWriter::new(&mut file, &machine, WaveWindow::ALL).unwrap();
        for cycle in 0..20 {
            writer.step(&mut machine, &Inputs { m_tready: cycle % 3 == 0, ..Inputs::default() }).unwrap();
            if flushes {
                writer.flush().unwrap();
                writer.flush().unwrap();
            }
        }
        writer.flush().unwrap();
        drop(writer);
        file
    };
    assert_eq!(run(true), run(false));
}

/// A disk with room for so many bytes.
struct Disk(usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"));
        }
        let written = bytes.len().min(self.0);
        self.0 -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_reported_and_the_machine_goes_on() {
    let config = named("tiny");
    let mut machine = Machine::new(&config).unwrap();
    let error = VcdWriter::new(Disk(100), &machine, WaveWindow::ALL).err().unwrap();
    assert_eq!(error.to_string(), "the disk is full");

    let mut writer = VcdWriter::new(Disk(200_000), &machine, WaveWindow::ALL).unwrap();
    let failure = (0..100_000).find_map(|_| writer.step(&mut machine, &Inputs::default()).err()).unwrap();
    assert_eq!(failure.kind(), io::ErrorKind::StorageFull);
    let cycle = machine.cycle();
    assert!(writer.step(&mut machine, &Inputs::default()).is_err() || writer.flush().is_err());
    assert_eq!(machine.cycle(), cycle + 1);
}

#[test]
fn windows_say_what_is_wrong_with_them() {
    let error = |text: &str| text.parse::<WaveWindow>().unwrap_err().to_string();
    assert_eq!(
        error("500"),
        "window '500' is not a range: expected first..end in clock cycles, such as 1000..2000, ..500 or 100.."
    );
    assert_eq!(
        error("1k..2000"),
        "window '1k..2000': '1k' is not a cycle number; expected first..end in clock cycles, such as 1000..2000, ..500 or 100.."
    );
    assert!(error("1..=5").contains("'=5' is not a cycle number"));
    assert!(error("-1..5").contains("'-1' is not a cycle number"));
    let empty =
        |text: &str| format!("window '{text}' contains no cycle: the end, which is not included, must lie after the first cycle");
    for text in ["7..7", "20..10", "..0"] {
        assert_eq!(error(text), empty(text));
    }
}

#[test]
fn windows_are_written_as_they_are_read() {
    for text in ["1000..2000", "..500", "100..", ".."] {
        assert_eq!(text.parse::<WaveWindow>().unwrap().to_string(), text);
    }
    assert_eq!(" 3 .. 9 ".parse::<WaveWindow>().unwrap().to_string(), "3..9");
    assert_eq!("0..".parse::<WaveWindow>(), Ok(WaveWindow::default()));
    let window: WaveWindow = "3..5".parse().unwrap();
    assert_eq!([2, 3, 4, 5].map(|cycle| window.contains(cycle)), [false, true, true, false]);
}
