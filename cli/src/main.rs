//! The program `switchyard`; all of it is in the library.

use clap::Parser as _;
use std::process::ExitCode;
use switchyard_cli::Arguments;

fn main() -> ExitCode {
    switchyard_cli::run(Arguments::parse()).into()
}
