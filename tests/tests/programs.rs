//! Random programs on the simulator and on the reference: every answer equal, bit for bit, whatever runs beside what.

use crumb::backend::BackendKind;
use crumb_arch::command::{Drain, Tile};
use crumb_arch::driver::{Batch, Beats, Driver, End, Expect};
use crumb_arch::lanes::header_lines;
use crumb_arch::{ActBits, ArrayConfig, Command, Counter, Op};
use crumb_sim::Machine;
use crumb_tests::program::{Program, random};
use proptest::prelude::*;

fn configs() -> Vec<ArrayConfig> {
    let named = |name| ArrayConfig::named(name).unwrap();
    let deep = |depth| ArrayConfig { rows: 5, cols: 12, depth, stream_bits: 96, ..named("tiny") };
    let wide = ArrayConfig { drain_banks: 4, ..deep(2) };
    let bus = |weight_bus, depth| ArrayConfig { weight_bus, rows: 8, ..deep(depth) };
    vec![named("tiny"), named("medium"), deep(2), deep(4), wide, named("wide"), bus(2, 1), bus(2, 2), bus(4, 4)]
}

/// Runs a program on the reference and on the simulator; gives the simulator for a look at its counters.
fn check(config: &ArrayConfig, program: &Program, stalls: (u8, u8), seed: u64) -> Machine {
    let batch = program.batch(stalls, seed);
    let mut driver = Driver::new(Machine::new(config).unwrap());
    let on_sim = driver.run(&batch).unwrap();
    let on_reference = BackendKind::Reference.open(config).unwrap().run(&batch).unwrap();
    assert_eq!((on_sim.end, on_reference.end), (End::Complete, End::Complete), "sim, reference");
    let differs = on_sim.output.iter().zip(on_reference.output.iter()).position(|(a, b)| a != b);
    assert_eq!(differs, None, "beat of the answers that differs");
    assert_eq!((on_sim.output.len(), on_sim.error), (on_reference.output.len(), on_reference.error));
    std::mem::replace(driver.boundary_mut(), Machine::new(config).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_program_gives_the_answers_of_the_reference(
        which in 0usize..9, seed: u64, length in 0usize..60, stalls in prop_oneof![Just((0u8, 0u8)), (0u8..80, 0u8..80)],
    ) {
        let config = &configs()[which];
        let program = random(config, seed, length);
        let machine = check(config, &program, stalls, seed);
        let counters = machine.counters();
        prop_assert_eq!(counters.accounted_cycles(), machine.cycle());
        prop_assert_eq!(counters[Counter::Cycles], machine.cycle());
        prop_assert_eq!(counters[Counter::LinesOut], program.result_lines, "whatever the stalls");
    }
}

/// Two tiles back to back: the second adds to rows of which the first has just issued the last, the last but one, ...
/// Every distance from a sum's write to its next read occurs, including those that the sequencer must hold back.
#[test]
fn a_sum_that_recurs_at_once_is_read_after_it_is_written() {
    let config = ArrayConfig::named("tiny").unwrap();
    for rows in 1..=12u16 {
        for second in 0..=rows + 1 {
            for act in ActBits::ALL {
                let tile = Tile { rows, k_words: 4, accumulate: true, act, ..Tile::ONE };
                let tiles = [tile, Tile { accumulator: second, rows: 3, ..tile }, Tile { accumulator: 0, rows: 16, ..tile }];
                let mut input = Beats::new(config.stream_bits / 8);
                let mut send = |op: Op, payload: &[u8]| {
                    let mut bytes = Vec::new();
                    let command = Command { op, fence_compute: None, fence_drain: false };
                    header_lines(&command.encode(), &config, &mut bytes);
                    bytes.extend_from_slice(payload);
                    input.append(&Beats::packet(config.stream_bits / 8, &bytes));
                };
                send(Op::LoadActivations { base: 0, count: 16 }, &[0x11; 64]);
                send(Op::LoadWeights { base: 0, count: 4 }, &[3; 64]);
                tiles.into_iter().for_each(|tile| send(Op::Compute(tile), &[]));
                send(Op::Drain(Drain { rows: 16, accumulator: 0, half: 0, banks: 1, requantize: None }), &[]);
                let batch = Batch::new(input, Expect::Packets(1), 100_000);
                let on_sim = BackendKind::Sim.open(&config).unwrap().run(&batch).unwrap();
                let on_reference = BackendKind::Reference.open(&config).unwrap().run(&batch).unwrap();
                assert_eq!(on_sim.output, on_reference.output, "{act:?}, {rows} rows, then 3 from {second}");
            }
        }
    }
}
