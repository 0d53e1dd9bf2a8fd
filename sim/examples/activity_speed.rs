//! What counting toggles costs: cycles a second of a machine alone, and of one that is stepped through a counter.
//!
//! ```sh
//! cargo run --release --package crumb-sim --example activity_speed
//! ```

use crumb_arch::boundary::{Data, Inputs};
use crumb_arch::driver::Beats;
use crumb_arch::lanes::header_lines;
use crumb_arch::{ActBits, ArrayConfig, Command, Counter, Op, Tile};
use crumb_sim::Machine;
use crumb_sim::activity::ActivityCounter;
use crumb_sim::vcd::WaveWindow;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

/// Random operands, and then tiles of 64 rows without end: the array is busy in nearly every cycle.
fn stream(config: &ArrayConfig, tiles: usize) -> Beats {
    let mut beats = Beats::new(config.stream_bits / 8);
    let mut state = 1u64;
    let words = config.tile_words(ActBits::A8) as u16;
    let load = [Op::LoadActivations { base: 0, count: 64 }, Op::LoadWeights { base: 0, count: words }];
    let tile = Op::Compute(Tile { rows: 64, k_words: words, ..Tile::ONE });
    for op in load.into_iter().chain(std::iter::repeat_n(tile, tiles)) {
        let command = Command { op, fence_compute: None, fence_drain: false };
        let mut bytes = Vec::new();
        header_lines(&command.encode(), config, &mut bytes);
        for _ in 0..command.payload_lines(config) * config.line_bytes() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.push((state >> 56) as u8);
        }
        beats.append(&Beats::packet(config.stream_bits / 8, &bytes));
    }
    beats
}

/// Cycles of one measurement: so few that most are not interrupted.
const CHUNK: u64 = 50;

/// Cycles a second in the fastest chunk, so that other work on the computer does not count.
fn speed(config: &ArrayConfig, cycles: u64, counted: bool) -> Result<f64, Box<dyn Error>> {
    let beats = stream(config, cycles as usize / 60);
    let mut machine = Machine::new(config)?;
    let mut counter = counted.then(|| ActivityCounter::new(&machine, WaveWindow::ALL));
    let mut accepted = 0;
    let mut least = f64::INFINITY;
    for _ in 0..cycles / CHUNK {
        let busy = machine.counters()[Counter::Busy];
        let start = Instant::now();
        for _ in 0..CHUNK {
            let mut inputs = Inputs { m_tready: true, ..Inputs::default() };
            if let Some((data, last)) = beats.get(accepted) {
                inputs = Inputs { s_tvalid: true, s_tlast: last, s_tdata: Data::new(data), ..inputs };
            }
            accepted += usize::from(inputs.s_tvalid && machine.outputs().s_tready);
            match &mut counter {
                Some(counter) => counter.step(&mut machine, &inputs),
                None => machine.step(&inputs),
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        if machine.counters()[Counter::Busy] >= busy + CHUNK / 2 {
            least = least.min(seconds);
        }
    }
    black_box(counter.map(|counter| counter.activity().total()));
    if least.is_infinite() {
        return Err(format!("'{}': the array was never busy, error {}", config.name, machine.outputs().error).into());
    }
    Ok(CHUNK as f64 / least)
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("machine  PEs      cycles/s  counted, cycles/s  times");
    for (name, cycles) in [("tiny", 50_000), ("small", 50_000), ("medium", 20_000), ("large", 20_000), ("huge", 10_000)] {
        let config = ArrayConfig::named(name)?;
        let [alone, counted] = [speed(&config, cycles, false)?, speed(&config, cycles, true)?];
        let pes = format!("{}x{}", config.rows, config.cols);
        println!("{name:8} {pes:6} {alone:>10.0} {counted:>18.0} {:>6.1}", alone / counted);
    }
    Ok(())
}
