//! `crumb-energy`: measures, prints the tables, and writes the energy files.

use clap::{Parser, Subcommand};
use crumb_arch::ArrayConfig;
use crumb_arch::config::NAMES;
use crumb_energy::energies::{Measured, all};
use crumb_energy::error::EnergyError;
use crumb_energy::estimate::{Work, estimate};
use crumb_energy::model::Model;
use crumb_energy::subject::{Block, Subject};
use crumb_energy::synthesis::{LIBERTY, Technology};
use crumb_energy::workload::{Data, Mode, run};
use crumb_energy::{assemble, beside, compare, report, second_opinion, zeros};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Energy of the accelerator's events, measured on the gates of a cell library.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

/// What is mapped, to which cells, and where.
#[derive(clap::Args)]
struct Gates {
    /// Configuration whose blocks are measured.
    #[arg(long, default_value = "small", value_parser = NAMES)]
    config: String,
    /// Liberty file of the cells.
    #[arg(long, default_value = LIBERTY, value_name = "FILE")]
    liberty: PathBuf,
    /// Folder for netlists, scripts and logs.
    #[arg(long, default_value = "target/energy", value_name = "DIR")]
    work: PathBuf,
}

#[derive(Subcommand)]
enum Task {
    /// Map the blocks to gates, drive them with the network and with random data in all nine modes, print the tables, write DIR/osu018.toml
    /// (the network's data) and DIR/osu018-uniform.toml
    Measure {
        #[command(flatten)]
        gates: Gates,
        /// Folder for the energy files.
        #[arg(long, default_value = "energy", value_name = "DIR")]
        out: PathBuf,
        /// Compare the PE with OpenSTA's report_power.
        #[arg(long)]
        opensta: bool,
    },
    /// Map a PE to gates, drive it with the network, the network with pruned weights and random data, and compare its energy with what an
    /// energy file says by events and by activity
    Compare {
        #[command(flatten)]
        gates: Gates,
        /// Energy file.
        #[arg(value_name = "FILE")]
        model: PathBuf,
    },
    /// Map a PE and fixed int8 PEs to gates, drive them with the network and with random data, and print pJ per MAC side by side, Bit Fusion's
    /// published unit with them
    Pe {
        #[command(flatten)]
        gates: Gates,
        /// Energy file of Bit Fusion's unit.
        #[arg(long, default_value = "energy/bitfusion-45nm.toml", value_name = "FILE")]
        published: PathBuf,
    },
    /// Zeros of the embedded network's weights at each width, and what they change: bit operations, toggles, energy
    Zeros {
        /// The machine.
        #[arg(long, default_value = "small", value_parser = NAMES)]
        config: String,
        /// Energy file.
        #[arg(value_name = "FILE")]
        model: PathBuf,
    },
    /// Estimate the embedded network's energy in all nine modes with energy files
    Estimate {
        /// The machine.
        #[arg(long, default_value = "small", value_parser = NAMES)]
        config: String,
        /// Energy files.
        #[arg(required = true, value_name = "FILE")]
        models: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Measure { gates, out, opensta } => measure_all(&gates, &out, opensta),
        Task::Compare { gates, model } => compare_pe(&gates, &model),
        Task::Pe { gates, published } => pe_beside_fixed(&gates, &published),
        Task::Zeros { config, model } => configuration(&config).and_then(|config| {
            print!("{}", zeros::report(&config, &read(&model)?)?);
            Ok(())
        }),
        Task::Estimate { config, models } => models.iter().try_for_each(|path| estimate_all(&config, path)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn configuration(name: &str) -> Result<ArrayConfig, EnergyError> {
    ArrayConfig::named(name).map_err(|error| EnergyError::Workload { name: name.to_owned(), what: error.to_string() })
}

/// Maps blocks of a configuration to gates, in a folder, which is given back as Yosys needs it.
fn map(
    name: &str,
    config: &ArrayConfig,
    technology: &Technology,
    work: &Path,
    blocks: &[Block],
) -> Result<(Vec<Subject>, PathBuf), EnergyError> {
    fs::create_dir_all(work).map_err(EnergyError::file("create", work))?;
    // Yosys runs in the folder, where a relative path would not be found.
    let work = fs::canonicalize(work).map_err(EnergyError::file("read", work))?;
    let generated = work.join(format!("crumb_{name}.v"));
    let verilog = crumb_hdl::verilog_for(name);
    let verilog = verilog.map_err(|error| EnergyError::Workload { name: name.to_owned(), what: error.to_string() })?;
    fs::write(&generated, verilog).map_err(EnergyError::file("write", &generated))?;
    let mut subjects = Vec::new();
    for &block in blocks {
        eprintln!("mapping {}", block.name());
        subjects.push(Subject::map(block, config, &work, &generated, technology)?);
    }
    Ok((subjects, work))
}

fn compare_pe(gates: &Gates, model: &Path) -> Result<(), EnergyError> {
    let (config, model) = (configuration(&gates.config)?, read(model)?);
    let technology = Technology::open(&gates.liberty)?;
    let (subjects, _) = map(&gates.config, &config, &technology, &gates.work, &[Block::Pe])?;
    for subject in &subjects {
        let lines = compare::pe(subject, &config, &technology.library, &model, |data| eprintln!("measured on {data}"))?;
        print!("{}", compare::text(&lines));
    }
    Ok(())
}

fn pe_beside_fixed(gates: &Gates, published: &Path) -> Result<(), EnergyError> {
    let (config, published) = (configuration(&gates.config)?, read(published)?);
    let technology = Technology::open(&gates.liberty)?;
    let (subjects, _) = map(&gates.config, &config, &technology, &gates.work, &beside::BLOCKS)?;
    let mut measured = Vec::new();
    for data in Data::FILES {
        measured.extend(all(&subjects, &config, &technology.library, data, |run, _| eprintln!("measured on {}", run.name))?);
    }
    let standing: Vec<_> = subjects.into_iter().map(|subject| (subject.block, subject.standing)).collect();
    print!("{}", beside::text(&standing, &measured, &published));
    Ok(())
}

fn measure_all(gates: &Gates, out: &Path, opensta: bool) -> Result<(), EnergyError> {
    let Gates { config: name, liberty, work } = gates;
    let config = configuration(name)?;
    let technology = Technology::open(liberty)?;
    let (subjects, work) = map(name, &config, &technology, work, &Block::ALL)?;
    println!("blocks of '{name}', {}\n\n{}", liberty.display(), report::blocks(&subjects, 100.0));
    for data in Data::FILES {
        let measured = all(&subjects, &config, &technology.library, data, |run, _| eprintln!("measured on {}", run.name))?;
        println!("{}\n{}", report::pes(&subjects, &measured, data), report::others(&measured, data));
        write_model(&subjects, &measured, &technology, data, name, out)?;
    }
    if opensta {
        print!("{}", second_opinion::pe(subjects, &config, &technology, &work)?);
    }
    Ok(())
}

fn write_model(
    subjects: &[Subject],
    measured: &[Measured],
    technology: &Technology,
    data: Data,
    config: &str,
    out: &Path,
) -> Result<(), EnergyError> {
    let file = out.join(format!("{}.toml", data.file()));
    let text = assemble::model(subjects, measured, &technology.library, data, config).to_toml(&file)?;
    fs::write(&file, text).map_err(EnergyError::file("write", &file))?;
    println!("{} written\n", file.display());
    Ok(())
}

fn read(path: &Path) -> Result<Model, EnergyError> {
    let text = fs::read_to_string(path).map_err(EnergyError::file("read", path))?;
    Ok(Model::parse(&text, path)?)
}

fn estimate_all(name: &str, path: &Path) -> Result<(), EnergyError> {
    let (config, model) = (configuration(name)?, read(path)?);
    println!("{} (nJ for one image on '{name}')", model.name);
    println!("mode      array     edges      sums  requant.  memories   streams     clock   leakage     total");
    for mode in Mode::all() {
        let run = run(&config, Data::Digits, mode, &[])?;
        let e = estimate(&model, &config, &[Work { mode, counters: run.counters, dram_bits: 0 }])?;
        let parts = [e.array, e.edges, e.sums, e.requantizers, e.memories(), e.streams, e.clock, e.leakage, Some(e.total())];
        // What a file has no figure for is no zero.
        let cell = |pj: Option<f64>| format!(" {:>9}", pj.map_or("-".into(), |pj| format!("{:.2}", pj / 1000.0)));
        println!("{:5}{}", mode.to_string(), parts.map(cell).concat());
    }
    Ok(())
}
