//! How long an estimate takes inside a program: seconds of the fastest of many runs, for `examples/compare/scale_sim.py`.
//!
//! ```text
//! answer_time LAYERS.csv
//! crumb 0.0012            every layer of the table on 'huge' at a8w8: cycles, all counters, traffic; nothing is kept between runs
//! scale-sim 0.0000004     the same layers by SCALE-Sim's closed form on as many PEs
//! ```

use crumb::estimate::network::Workload;
use crumb::estimate::product::Costs;
use crumb::estimate::scale_sim::{Array, Padding, network_cycles};
use crumb::estimate::topology::Topology;
use crumb::network::LayerPrecision;
use crumb_arch::ArrayConfig;
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long each is repeated.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("give a table of layers")?;
    let layers = Topology::read(Path::new(&path))?.layers;
    let config = ArrayConfig::named("huge")?;
    let crumb = fastest(|| {
        let workload = Workload::of_table(black_box(&layers), LayerPrecision::default(), &config)?;
        Ok(Costs::new(&config).network(&workload, None)?.total.cycles)
    })?;
    let array = Array { rows: config.rows as u64, columns: config.cols as u64 };
    let scale_sim = fastest(|| Ok(network_cycles(black_box(&layers), array, Padding::Ignored)?))?;
    println!("crumb {crumb:e}\nscale-sim {scale_sim:e}");
    Ok(())
}

/// Seconds of the fastest run. Short ones are timed in thousands, as reading a clock takes time.
fn fastest(work: impl Fn() -> Result<u64, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let (begun, mut best) = (Instant::now(), f64::INFINITY);
    let mut repeat = 1;
    while begun.elapsed() < PATIENCE {
        let start = Instant::now();
        for _ in 0..repeat {
            black_box(work()?);
        }
        let took = start.elapsed();
        best = best.min(took.as_secs_f64() / f64::from(repeat));
        if took < Duration::from_millis(1) {
            repeat *= 2;
        }
    }
    Ok(best)
}
