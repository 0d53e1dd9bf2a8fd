//! The co-simulation itself, tested with a circuit that gives back what it is sent.

mod support;

use std::time::Instant;

use crumb_cosim::boundary::{Boundary, Data, Inputs};
use crumb_cosim::driver::{Batch, Driver, End, Expect, Outcome};
use crumb_cosim::stall::Stall;
use crumb_cosim::{CosimError, PowerUp, Verilated, available};
use support::{Pair, Queue, random_beats};

const LOOPBACKS: [(&str, usize); 4] = [("loopback32", 4), ("loopback64", 8), ("loopback128", 16), ("loopback256", 32)];

#[test]
fn equals_a_queue_for_100_000_cycles_with_stalls_on_both_sides() {
    for (config, stream_bytes) in LOOPBACKS {
        for (seed, power_up) in [(1, PowerUp::Zeros), (2, PowerUp::Ones), (3, PowerUp::Random(3))] {
            let verilog = Verilated::open_with(config, power_up).unwrap();
            let mut driver = Driver::new(Pair { a: verilog, b: Queue::new(stream_bytes), cycles: 0 });
            // Each side in turn the slower one, so that the queue runs full and empty.
            let mut cycles = 0;
            for part in 0.. {
                let (valid, ready) = [(30, 30), (60, 20), (10, 50), (0, 0), (90, 90)][part % 5];
                let part_seed = seed * 1000 + part as u64;
                let batch = Batch {
                    input: random_beats(stream_bytes, 4000, part_seed),
                    expect: Expect::Beats(4000),
                    max_cycles: 1_000_000,
                    valid_stall: Stall { seed: part_seed, percent: valid },
                    ready_stall: Stall { seed: !part_seed, percent: ready },
                };
                let outcome = driver.run(&batch).unwrap();
                assert_eq!(outcome.end, End::Complete);
                assert_eq!(outcome.output, batch.input, "{config}, part {part}");
                assert!(outcome.idle);
                cycles += outcome.cycles;
                if cycles >= 100_000 {
                    break;
                }
            }
        }
    }
}

#[test]
fn every_batch_ends_the_same_way_on_both_machines() {
    for (config, stream_bytes) in LOOPBACKS {
        let mut verilog = Driver::new(Verilated::open(config).unwrap());
        let mut queue = Driver::new(Queue::new(stream_bytes));
        let mut run = |batch: &Batch| {
            let outcome = verilog.run(batch).unwrap();
            // The queue shows zeros where the circuit shows what it last held, so their signatures differ.
            let expected = Outcome { signature: outcome.signature, ..queue.run(batch).unwrap() };
            assert!(outcome == expected, "{config}: the outcomes differ");
            outcome
        };

        let input = random_beats(stream_bytes, 300, 11);
        let packets = input.packets().count() as u64;
        let whole = run(&Batch::new(input.clone(), Expect::Packets(packets), 10_000));
        assert_eq!((whole.end, whole.accepted), (End::Complete, 300));
        assert!(whole.output.packets().eq(input.packets()));

        let few = run(&Batch::new(random_beats(stream_bytes, 20, 12), Expect::Beats(1000), 40));
        assert_eq!((few.end, few.cycles), (End::MaxCycles, 40));

        let mut poisoned = random_beats(stream_bytes, 10, 13);
        poisoned.push(&vec![0xff; stream_bytes], false);
        poisoned.append(&random_beats(stream_bytes, 10, 14));
        let refused = run(&Batch::new(poisoned, Expect::Beats(1000), 10_000));
        assert_eq!((refused.end, refused.accepted, refused.error), (End::Error, 21, 5));
    }
}

#[test]
fn outputs_follow_inputs_within_a_cycle_and_registers_only_the_clock() {
    let mut circuit = Verilated::open("loopback64").unwrap();
    let offer = |byte: u8| Inputs { s_tvalid: true, s_tdata: Data::new(&[byte; 8]), ..Inputs::default() };
    for byte in 0..16 {
        assert!(circuit.settle(&offer(byte)).s_tready);
        circuit.clock();
    }
    let full = offer(16);
    assert!(!circuit.settle(&full).s_tready);
    assert!(circuit.settle(&Inputs { m_tready: true, ..full }).s_tready);
    assert!(!circuit.settle(&full).s_tready);
    assert_eq!(circuit.settle(&full).m_tdata, Data::new(&[0; 8]));
    // Two clocks without settling between them apply the same inputs twice.
    circuit.settle(&Inputs { m_tready: true, s_tdata: Data::zeros(8), ..Inputs::default() });
    circuit.clock();
    circuit.clock();
    assert_eq!(circuit.settle(&Inputs::default()).m_tdata, Data::new(&[2; 8]));
    assert_eq!(circuit.cycle(), 18);
}

#[test]
fn circuits_are_independent_on_one_thread_and_on_many() {
    let batch = |seed| Batch::new(random_beats(4, 500, seed), Expect::Beats(500), 10_000);
    let mut one = Driver::new(Verilated::open("loopback32").unwrap());
    let mut other = Driver::new(Verilated::open("loopback32").unwrap());
    for seed in 0..4 {
        assert_eq!(one.run(&batch(seed)).unwrap().output, batch(seed).input);
        assert_eq!(other.run(&batch(100 + seed)).unwrap().output, batch(100 + seed).input);
    }
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            std::thread::spawn(move || {
                for _ in 0..20 {
                    let mut driver = Driver::new(Verilated::open_with("loopback32", PowerUp::Random(1)).unwrap());
                    assert_eq!(driver.run(&batch(seed)).unwrap().output, batch(seed).input);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_configuration_that_was_not_built_is_answered_with_those_that_were() {
    let refusal = Verilated::open("gigantic").unwrap_err().to_string();
    assert!(refusal.contains("`gigantic`") && refusal.contains("--features"), "{refusal}");
    for config in available() {
        assert!(refusal.contains(&format!("`{config}`")), "{refusal}");
        Verilated::open(config).unwrap();
    }
}

#[test]
fn a_waveform_shows_every_edge_or_says_how_to_get_one() {
    let path = std::env::temp_dir().join(format!("crumb-cosim-{}.vcd", std::process::id()));
    let mut circuit = Verilated::open("loopback32").unwrap();
    if !cfg!(any(feature = "trace", feature = "loopback-trace")) {
        let refusal = circuit.trace(&path).unwrap_err();
        assert!(refusal.to_string().contains("--features trace"), "{refusal}");
        return;
    }
    let unwritable = circuit.trace("/nonexistent/folder/wave.vcd").unwrap_err();
    assert!(matches!(&unwritable, CosimError::TraceFile { source, .. } if source.kind() == std::io::ErrorKind::NotFound));
    circuit.trace(&path).unwrap();
    assert!(matches!(circuit.trace(&path), Err(CosimError::TraceTwice)));
    let mut driver = Driver::new(circuit);
    driver.run(&Batch::wait(4, 10)).unwrap();
    drop(driver);
    let vcd = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(vcd.contains("s_axis_tvalid") && vcd.contains("m_axis_tdata"), "{vcd}");
    // Edges at 5, 15, .. 95 and the settled inputs before each.
    let times: Vec<u64> = vcd.lines().filter_map(|line| line.strip_prefix('#')?.parse().ok()).collect();
    assert_eq!(times, (0..20).map(|half| 5 * half).collect::<Vec<_>>());
}

#[test]
fn says_how_fast_it_is() {
    let mut driver = Driver::new(Verilated::open("loopback64").unwrap());
    let start = Instant::now();
    driver.run(&Batch::wait(8, 1_000_000)).unwrap();
    println!("{:.2} million cycles/s", 1.0 / start.elapsed().as_secs_f64());
}
