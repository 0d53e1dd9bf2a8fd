//! `crumb-cosim`: the Verilog of Crumb as a program, for hosts that are built without Verilator.

use std::io::{self, BufReader, BufWriter, IsTerminal};
use std::process::ExitCode;

use crumb_cosim::server::{serve, with_causes};
use crumb_cosim::{VERILATOR_VERSION, available};

fn main() -> ExitCode {
    if std::env::args().len() > 1 || io::stdin().is_terminal() {
        println!("crumb-cosim: the Verilog of Crumb, compiled by {VERILATOR_VERSION}");
        println!("Configurations: {}", available().join(", "));
        println!("It is launched by `crumb` and speaks a binary protocol on standard input and output.");
        return ExitCode::SUCCESS;
    }
    match serve(&mut BufReader::new(io::stdin().lock()), &mut BufWriter::new(io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crumb-cosim: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}
