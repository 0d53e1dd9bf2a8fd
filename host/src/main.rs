//! The `crumb` command. See `crumb --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    crumb::cli::main()
}
