//! Clock cycles per second of the three cycle-accurate simulators, on the same command streams.
//!
//! ```text
//! cargo bench -p crumb-cosim --features small,large                measures and prints the tables
//! cargo bench -p crumb-cosim --features small,large -- verilator   one simulator; the tables keep what was measured before
//! CRUMB_WRITE_DOCS=1 cargo bench ...                               writes the tables into docs/performance.md as well
//! ```
//!
//! An iteration is a tenth of a stream, and the next one goes on where it ended: the ten samples of the slowest simulator
//! see the whole stream, and the faster ones see it many times. `docs/performance.md` explains the rest.

mod table;
mod workload;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use crumb_arch::ArrayConfig;
use crumb_arch::boundary::Boundary;
use crumb_cosim::{Verilated, available};
use crumb_hdl::RtlMachine;
use crumb_sim::Machine;
use workload::{Replay, Workload};

/// Name of the group, and of its folder of results.
const GROUP: &str = "simulators";
/// Parts of a stream.
const SLICES: u64 = 10;

/// Opens a fresh machine.
type Open = fn(&ArrayConfig) -> Result<Box<dyn Boundary>, Box<dyn Error>>;

const SIMULATORS: [(&str, Open); 3] = [("sim", sim), ("rust-hdl", rust_hdl), ("verilator", verilator)];

/// The native simulator.
fn sim(config: &ArrayConfig) -> Result<Box<dyn Boundary>, Box<dyn Error>> {
    Ok(Box::new(Machine::new(config)?))
}

/// The circuit in rust-hdl's event-driven simulator.
fn rust_hdl(config: &ArrayConfig) -> Result<Box<dyn Boundary>, Box<dyn Error>> {
    Ok(Box::new(RtlMachine::open(&config.name)?))
}

/// The generated Verilog, compiled by Verilator.
fn verilator(config: &ArrayConfig) -> Result<Box<dyn Boundary>, Box<dyn Error>> {
    Ok(Box::new(Verilated::open(&config.name)?))
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let workloads = Workload::all()?;
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, &workloads);
    criterion.final_summary();
    table::publish(&workloads)
}

fn measure(criterion: &mut Criterion, workloads: &[Workload]) {
    let mut group = criterion.benchmark_group(GROUP);
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    for workload in workloads {
        let slice = workload.cycles.div_ceil(SLICES);
        group.throughput(Throughput::Elements(slice));
        for (simulator, open) in SIMULATORS {
            if simulator == "verilator" && !available().contains(&workload.config.name.as_str()) {
                continue;
            }
            // Opened by the first call, which does not come for what the command line leaves out.
            let mut replay = None;
            group.bench_function(BenchmarkId::new(simulator, workload.name()), |bencher| {
                let replay = replay.get_or_insert_with(|| match open(&workload.config) {
                    Ok(machine) => Replay::new(machine, &workload.beats),
                    Err(error) => stop(simulator, error.as_ref()),
                });
                bencher.iter(|| replay.advance(slice).unwrap_or_else(|error| stop(simulator, error.as_ref())));
            });
        }
    }
    group.finish();
}

/// Criterion has no way out of a benchmark but a panic.
fn stop(simulator: &str, error: &dyn Error) -> ! {
    eprintln!("error: {simulator}: {error}");
    std::process::exit(1)
}
