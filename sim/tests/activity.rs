//! Toggles against those that the waveform of the same run shows, and the data that must make none.

use crate::common::{deep, named, stream};
use crumb_arch::boundary::{Data, Inputs};
use crumb_arch::driver::Beats;
use crumb_arch::lanes::header_lines;
use crumb_arch::precision::{ActBits, Rounding, WeightBits};
use crumb_arch::timing::COMBINER_LATENCY;
use crumb_arch::{ArrayConfig, Command, Op, Tile, WeightFormat};
use crumb_sim::Machine;
use crumb_sim::activity::{Activity, ActivityCounter, Group};
use crumb_sim::vcd::{VcdWriter, WaveWindow};
use std::collections::{BTreeMap, HashMap};
use vcd::{IdCode, ScopeItem, Value, VarType};

const CYCLES: u64 = 700;

/// Steps a machine through a stream with pauses, and shows it every cycle's inputs.
fn drive(machine: &mut Machine, beats: &Beats, mut step: impl FnMut(&mut Machine, &Inputs)) {
    let mut accepted = 0;
    for cycle in 0..CYCLES {
        let mut inputs = Inputs { m_tready: cycle % 7 != 2, ..Inputs::default() };
        if let Some((data, last)) = beats.get(accepted).filter(|_| cycle % 5 != 3) {
            inputs = Inputs { s_tvalid: true, s_tlast: last, s_tdata: Data::new(data), ..inputs };
        }
        accepted += usize::from(inputs.s_tvalid && machine.outputs().s_tready);
        step(machine, &inputs);
    }
}

/// The registers that a file declares, with their paths.
fn registers(items: &[ScopeItem], path: &str, found: &mut HashMap<IdCode, String>) {
    for item in items {
        match item {
            ScopeItem::Scope(scope) => registers(&scope.items, &format!("{path}{}.", scope.identifier), found),
            ScopeItem::Var(var) if var.var_type == VarType::Reg => {
                found.insert(var.code, format!("{path}{}", var.reference));
            }
            _ => {}
        }
    }
}

/// Toggles of each group in a file: an independent parser, bit by bit.
fn toggles_in(file: &[u8], config: &ArrayConfig) -> BTreeMap<Group, u64> {
    let mut parser = vcd::Parser::new(file);
    let header = parser.parse_header().unwrap();
    let mut paths = HashMap::new();
    registers(&header.items, "", &mut paths);
    let top = format!("crumb_{}.", config.name);
    let (mut values, mut toggles): (HashMap<IdCode, Vec<Value>>, _) = (HashMap::new(), BTreeMap::new());
    for command in parser {
        let (code, bits) = match command.unwrap() {
            vcd::Command::ChangeScalar(code, value) => (code, vec![value]),
            vcd::Command::ChangeVector(code, vector) => (code, vector.iter().collect()),
            _ => continue,
        };
        let Some(path) = paths.get(&code) else { continue };
        if let Some(old) = values.insert(code, bits.clone()) {
            let group = Group::of(path.strip_prefix(&top).unwrap()).unwrap();
            *toggles.entry(group).or_default() += old.iter().zip(&bits).filter(|(old, new)| old != new).count() as u64;
        }
    }
    toggles
}

#[test]
fn toggles_are_those_of_the_waveform() {
    let windows = [("..", CYCLES), ("137..412", 275), ("650..", CYCLES - 650), ("..1", 1)];
    for config in [named("tiny"), named("medium"), named("large"), deep()] {
        for (window, cycles) in windows {
            let window: WaveWindow = window.parse().unwrap();
            let mut machine = Machine::new(&config).unwrap();
            let mut counter = ActivityCounter::new(&machine, window);
            let mut file = Vec::new();
            let mut writer = VcdWriter::new(&mut file, &machine, window).unwrap();
            drive(&mut machine, &stream(&config), |machine, inputs| {
                writer.step(machine, inputs).unwrap();
                counter.stepped(machine);
            });
            writer.flush().unwrap();
            drop(writer);
            let expected = toggles_in(&file, &config);
            let found: BTreeMap<Group, u64> = counter.activity().iter().filter(|(_, toggles)| *toggles > 0).collect();
            assert_eq!(found, expected.into_iter().filter(|(_, toggles)| *toggles > 0).collect(), "{} {window}", config.name);
            assert_eq!(counter.activity().cycles, cycles, "{} {window}", config.name);
            // The whole stream leaves no group out.
            assert!(window != WaveWindow::ALL || found.len() == Group::COUNT, "{}: {found:?}", config.name);
        }
    }
}

#[test]
fn every_register_has_a_group_and_every_group_its_bits() {
    for config in [named("tiny"), named("wide"), named("huge"), deep()] {
        let mut bits: BTreeMap<Group, u64> = BTreeMap::new();
        for register in Machine::new(&config).unwrap().registers() {
            let group = Group::of(&register.path).unwrap_or_else(|| panic!("{} has no group", register.path));
            *bits.entry(group).or_default() += u64::from(register.width);
        }
        let (rows, cols, depth) = (config.rows as u64, config.cols as u64, config.depth as u64);
        let (pes, bus) = (rows * cols, config.weight_bus as u64);
        let (psum, tokens) = (u64::from(config.psum_bits()), COMBINER_LATENCY as u64 - 1);
        // A depth of 2 has one level of trees, of 4 two: 4 x 2 sums of 11 bits and 4 of 12.
        let trees = [0, 0, 44, 0, 4 * (2 * 11 + 12)][config.depth];
        let expected = [
            (Group::PeActivations, pes * 8 * depth),
            (Group::PeWeights, pes * 8 * depth * (bus + 8)),
            (Group::PeProducts, pes * (4 * depth * 22 + trees)),
            (Group::PePsums, pes * 4 * psum),
            (Group::PeControl, pes * 9),
            (Group::ActivationReads, rows * 16 * depth),
            (Group::WeightReads, cols * bus * depth * 40),
            (Group::Combiners, cols * (psum + 12 * u64::from(config.lane_bits()) + 128 + 25 * tokens)),
            (Group::Accumulators, cols * 128),
            (Group::ReadStage, cols * config.drain_banks as u64 * 32),
        ];
        for (group, expected) in expected {
            assert_eq!(bits[&group], expected, "{} {}", config.name, group.name());
        }
    }
    for path in ["psum_0", "array.psum_0", "array.px_3.act", "", "array."] {
        assert_eq!(Group::of(path), None, "{path:?}");
    }
    let names: std::collections::HashSet<_> = Group::ALL.map(Group::name).into();
    assert_eq!(names.len(), Group::COUNT);
    assert!(Group::ALL.iter().enumerate().all(|(index, group)| *group as usize == index));
}

/// What a tile of `weight` everywhere toggles, loads included, with activations of all kinds.
fn tile(weight: i8, bits: WeightBits) -> (Activity, Vec<(String, u64)>) {
    let config = named("tiny");
    let mut beats = Beats::new(config.stream_bits / 8);
    let mut send = |op: Op, byte: &dyn Fn(usize) -> u8| {
        let command = Command { op, fence_compute: Some(0), fence_drain: true };
        let mut bytes = Vec::new();
        header_lines(&command.encode(), &config, &mut bytes);
        bytes.extend((0..command.payload_lines(&config) * config.line_bytes()).map(byte));
        beats.append(&Beats::packet(config.stream_bits / 8, &bytes));
    };
    send(Op::LoadActivations { base: 0, count: 40 }, &|i| (i as u8).wrapping_mul(37) ^ (i >> 2) as u8);
    send(Op::LoadWeights { base: 0, count: 4 }, &|_| weight as u8);
    let weight = WeightFormat::top(bits, Rounding::HalfEven);
    send(Op::Compute(Tile { act_signed: false, act: ActBits::A8, weight, rows: 40, k_words: 4, ..Tile::ONE }), &|_| 0);
    let mut machine = Machine::new(&config).unwrap();
    let mut counter = ActivityCounter::new(&machine, WaveWindow::ALL);
    let registers = machine.registers().into_iter().map(|register| (register.path, (register.value, 0)));
    let mut seen: BTreeMap<String, (u64, u64)> = registers.collect();
    drive(&mut machine, &beats, |machine, inputs| {
        counter.step(machine, inputs);
        for register in machine.registers() {
            let (value, toggles) = seen.entry(register.path).or_default();
            *toggles += u64::from((register.value ^ *value).count_ones());
            *value = register.value;
        }
    });
    assert_eq!(counter.activity().total(), seen.values().map(|(_, toggles)| toggles).sum::<u64>());
    (*counter.activity(), seen.into_iter().map(|(path, (_, toggles))| (path, toggles)).collect())
}

/// Weights stand in offset binary: the lowest weight is the word 0, and weight 0 the word of its top crumbs alone. So the lowest weight
/// silences every brick, and weight 0 all but those of the top crumbs.
#[test]
fn crumbs_of_zero_make_no_products_toggle() {
    let (lowest, _) = tile(-128, WeightBits::W8);
    assert_eq!(lowest[Group::PeProducts], 0);
    assert!(lowest[Group::PeActivations] > 1000 && lowest[Group::RowSums] > 1000);
    for (bits, quiet) in [(WeightBits::W8, &[0, 1, 2][..]), (WeightBits::W4, &[0, 2]), (WeightBits::W2, &[])] {
        let (zero, registers) = tile(0, bits);
        let toggles = |column: usize| -> u64 {
            let scope = format!(".column_{column}.");
            registers.iter().filter(|(path, _)| path.contains(".pe_") && path.contains(&scope)).map(|(_, toggles)| toggles).sum()
        };
        for column in 0..4 {
            assert_eq!(toggles(column) == 0, quiet.contains(&column), "column {column} at {bits:?}");
        }
        assert_eq!(zero[Group::PeProducts], (0..4).map(toggles).sum::<u64>());
    }
}

#[test]
fn activities_add_up_and_outside_the_window_nothing_is_counted() {
    let config = named("tiny");
    let counted = |window: &str| {
        let mut machine = Machine::new(&config).unwrap();
        let mut counter = ActivityCounter::new(&machine, window.parse().unwrap());
        let mut half = Activity::default();
        drive(&mut machine, &stream(&config), |machine, inputs| {
            counter.step(machine, inputs);
            if machine.cycle() == 300 {
                half = *counter.activity();
            }
        });
        (half, *counter.activity())
    };
    let (half, whole) = counted("..");
    let (_, first) = counted("..300");
    let (none, second) = counted("300..");
    assert_eq!((half, none), (first, Activity::default()));
    assert_eq!(whole - half, second);
    let mut sum = first;
    sum += second;
    assert_eq!(sum, whole);
    assert_eq!(counted("9999..").1, Activity::default());
}
