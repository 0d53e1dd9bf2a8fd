//! With operands on chip and M = 4 * rows, the array is busy in at least 95 % of the cycles between the first and the last tile.
//!
//! One product, nine modes: the array cycles of a2w2 are a sixteenth of those of a8w8.

use crumb_arch::driver::{Batch, Beats, Driver, End, Expect};
use crumb_arch::lanes::header_lines;
use crumb_arch::precision::{ActBits, Rounding, WeightBits};
use crumb_arch::{ArrayConfig, Command, Counter, Drain, Op, Requantize, Tile, WeightFormat};
use crumb_sim::Machine;
use crumb_tests::Watched;

/// K of the product, in tiles at 2-bit activations (8-bit ones take four times as many).
const K_TILES_AT_A2: usize = 8;
/// Output blocks: the halves of the accumulators alternate.
const BLOCKS: usize = 4;

struct Figures {
    busy_share: f64,
    busy: u64,
    drain_share: f64,
    macs_per_cycle: f64,
}

/// Blocks of `rows` rows and `k_tiles` K tiles.
fn measure(config: &ArrayConfig, act: ActBits, bits: WeightBits, raw: bool, rows: usize, k_tiles: usize) -> Figures {
    let format = Requantize { parameters: 0, width: act, exponent_adjust: 0, zero_point: 0, lo: 0, hi: 3 };
    let mut stream = Beats::new(config.stream_bits / 8);
    let mut send = |op: Op| {
        let mut lines = Vec::new();
        header_lines(&Command::from(op).encode(), config, &mut lines);
        stream.append(&Beats::packet(config.stream_bits / 8, &lines));
    };
    let drain_of = |half: u8, raw: bool| {
        let requantize = (!raw).then_some(format);
        Op::Drain(Drain { rows: rows as u16, accumulator: 0, half, banks: 4, requantize })
    };
    for block in 0..BLOCKS {
        let half = (block % 2) as u8;
        for part in 0..bits.passes() as u8 {
            for k in 0..k_tiles {
                send(Op::Compute(Tile {
                    activations: (k * rows) as u16,
                    rows: rows as u16,
                    weights: (k * config.tile_words(act)) as u16,
                    k_words: config.tile_words(act) as u16,
                    accumulator: 0,
                    half,
                    accumulate: k > 0,
                    shift: 0,
                    act,
                    act_signed: false,
                    weight: WeightFormat::top(bits, Rounding::HalfEven),
                    part,
                }));
            }
        }
        send(drain_of(half, raw));
    }
    let mut driver = Driver::new(Watched::new(Machine::new(config).unwrap()));
    let outcome = driver.run(&Batch::new(stream, Expect::Packets(BLOCKS as u64), 10_000_000)).unwrap();
    assert_eq!((outcome.end, outcome.error), (End::Complete, 0));
    let watched = driver.boundary_mut();
    let (first, last) = watched.span.unwrap();
    let span = watched.at_last - watched.at_first;
    assert_eq!(span[Counter::Cycles], last - first + 1);
    assert_eq!(span.accounted_cycles(), span[Counter::Cycles], "every cycle has one reason");
    let macs = span.derived(config).unwrap().macs;
    Figures {
        busy_share: span[Counter::Busy] as f64 / span[Counter::Cycles] as f64,
        busy: span[Counter::Busy],
        drain_share: (span[Counter::StallAccumulators] + span[Counter::StallOutput]) as f64 / span[Counter::Cycles] as f64,
        macs_per_cycle: macs as f64 / span[Counter::Cycles] as f64,
    }
}

/// Prints the nine shares and checks them. Raw int32 results leave four bytes where requantized ones leave one: there the drain may
/// be the limit, and then its counter must say so.
fn nine_modes(name: &str, raw: bool) {
    let config = ArrayConfig::named(name).unwrap();
    let kind = if raw { "raw int32" } else { "requantized" };
    println!("{name}, {kind} results");
    let mut slowest = 0;
    for act in ActBits::ALL {
        for bits in WeightBits::LANE_WIDTHS {
            let f = measure(&config, act, bits, raw, 4 * config.rows, K_TILES_AT_A2 * 4 / act.lanes());
            slowest = slowest.max(f.busy);
            let ratio = slowest / f.busy;
            println!(
                "  a{act}w{bits}: array cycles 1/{ratio:<2} of a8w8, busy {:6.2} %, waiting for drains {:5.2} %, {:7.1} MACs/cycle",
                100.0 * f.busy_share,
                100.0 * f.drain_share,
                f.macs_per_cycle
            );
            assert_eq!(f.busy * ratio, slowest, "a{act}w{bits}");
            assert_eq!(ratio, u64::from(64 / (act.bits() * bits.bits())), "a{act}w{bits}");
            let share = if raw { f.busy_share + f.drain_share } else { f.busy_share };
            assert!(
                share >= 0.95,
                "a{act}w{bits} on {name}, {kind}: busy {:.4}, waiting for drains {:.4}",
                f.busy_share,
                f.drain_share
            );
        }
    }
}

/// Cycles from the first beat of a drain's header to the last of its lines, on a machine at rest whose output stream never waits.
fn drain_cycles(config: &ArrayConfig, drain: Drain) -> u64 {
    let mut lines = Vec::new();
    header_lines(&Command::from(Op::Drain(drain)).encode(), config, &mut lines);
    let input = Beats::packet(config.stream_bits / 8, &lines);
    let mut driver = Driver::new(Machine::new(config).unwrap());
    let outcome = driver.run(&Batch::new(input, Expect::Packets(1), 100_000)).unwrap();
    assert_eq!((outcome.end, outcome.error), (End::Complete, 0));
    let machine = driver.boundary_mut();
    let (counters, rows) = (machine.counters(), u64::from(drain.rows));
    assert_eq!(counters[Counter::DrainReads], rows * u64::from(drain.banks), "{drain:?}");
    assert_eq!(counters[Counter::LinesOut], drain.output_lines() as u64, "{drain:?}");
    machine.cycle()
}

/// A drain that reads one bank at a time costs a cycle for each; one that reads four, a cycle for each line. Raw rows are lines on both.
#[test]
fn a_drain_costs_its_banks_or_its_lines() {
    for (name, at_once) in [("small", 1), ("wide", 4)] {
        let config = ArrayConfig::named(name).unwrap();
        for banks in 1..=4u8 {
            let mut costs = Vec::new();
            for width in [None, Some(ActBits::A8), Some(ActBits::A4), Some(ActBits::A2)] {
                let format = |width| Requantize { parameters: 0, width, exponent_adjust: 0, zero_point: 0, lo: 0, hi: 3 };
                let drain = |rows| Drain { rows, accumulator: 0, half: 0, banks, requantize: width.map(format) };
                // More rows than the output FIFO has lines; what does not depend on rows cancels.
                let (few, many) = (drain_cycles(&config, drain(40)), drain_cycles(&config, drain(300)));
                let per_row = if at_once == 4 { drain(1).output_lines() } else { usize::from(banks) };
                let per_row = if width.is_none() { 4 * usize::from(banks) } else { per_row } as u64;
                assert_eq!(many - few, 260 * per_row, "{name}, {banks} banks, {width:?}");
                costs.push(per_row);
            }
            println!("{name}, {banks} banks: cycles of a row raw, at 8, 4, 2 bits: {costs:?}");
        }
    }
}

/// Products of one K tile: the drain of four banks at 2 bits takes four times as long as the tile, or as long if it reads them at once.
#[test]
fn short_products_of_two_bits_are_busy_on_wide() {
    let share = |name| {
        let f = measure(&ArrayConfig::named(name).unwrap(), ActBits::A2, WeightBits::W2, false, 256, 1);
        println!("{name}: busy {:.2} %, waiting for drains {:.2} %", 100.0 * f.busy_share, 100.0 * f.drain_share);
        (f.busy_share, f.drain_share)
    };
    let (small, wide) = (share("small"), share("wide"));
    assert!(small.0 < 0.45 && small.1 > 0.5, "{small:?}");
    assert!(wide.0 > 0.9 && wide.1 < 0.1, "{wide:?}");
}

#[test]
fn wide_requantized() {
    nine_modes("wide", false);
}

#[test]
fn small_raw() {
    nine_modes("small", true);
}

#[test]
fn small_requantized() {
    nine_modes("small", false);
}

#[test]
fn large_raw() {
    nine_modes("large", true);
}

#[test]
fn large_requantized() {
    nine_modes("large", false);
}

/// Back to back, a tile of M rows takes `max(M, L)` cycles, `L = R * ceil(8/A / weight_bus)`, and every cycle of a load reads an address.
#[test]
fn a_tile_costs_the_longer_of_its_rows_and_the_next_load() {
    const TILES: u64 = 12;
    for (weight_bus, loads) in [(1, [8, 16, 32]), (2, [8, 8, 16]), (4, [8, 8, 8])] {
        let config = ArrayConfig { weight_bus, ..ArrayConfig::named("small").unwrap() };
        for (act, load) in ActBits::ALL.into_iter().zip(loads) {
            for rows in [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 50] {
                let mut stream = Beats::new(config.stream_bits / 8);
                let mut send = |op: Op| {
                    let mut lines = Vec::new();
                    header_lines(&Command::from(op).encode(), &config, &mut lines);
                    stream.append(&Beats::packet(config.stream_bits / 8, &lines));
                };
                for _ in 0..TILES {
                    send(Op::Compute(Tile { rows, k_words: config.tile_words(act) as u16, act, ..Tile::ONE }));
                }
                send(Op::Drain(Drain { rows: 1, accumulator: 0, half: 0, banks: 1, requantize: None }));
                let mut driver = Driver::new(Watched::new(Machine::new(&config).unwrap()));
                let outcome = driver.run(&Batch::new(stream, Expect::Packets(1), 100_000)).unwrap();
                assert_eq!((outcome.end, outcome.error), (End::Complete, 0));
                let watched = driver.boundary_mut();
                let (first, last) = watched.span.unwrap();
                let cost = u64::from(rows).max(load);
                assert_eq!(last - first + 1, (TILES - 1) * cost + u64::from(rows), "a{act}, {rows} rows, bus {weight_bus}");
                assert_eq!(watched.machine().counters()[Counter::WeightWordsRead], TILES * load, "a{act}, bus {weight_bus}");
            }
        }
    }
}
