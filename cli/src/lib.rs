//! The `switchyard` program: what a document does before it is live, the files that bring it to Envoy, and what a running Envoy makes of
//! it.
//!
//! It has the filters' own code inside, so that what it says is what they do. A folder is a command, or what several have in common:
//! [`source`] reads files and finds the documents in them, [`finding`] is what is wrong and how it is shown, [`decision`] is what the filters
//! decide for a request, [`admin`] asks an Envoy.
//!
//! Invariant: what a command found goes to standard output, what kept it from its work to standard error; the exit code tells the two
//! apart ([`Exit`]). Nothing is written anywhere else, but by `render --into`.
//! Trade-off: the filters' code comes with their recording host, which carries more than the program needs.

#![forbid(unsafe_code)]

pub mod admin;
mod arguments;
pub mod check;
pub mod decision;
pub mod diff;
pub mod doctor;
mod exit;
pub mod explain;
pub mod finding;
mod output;
pub mod pages;
mod program;
mod reader;
pub mod render;
pub mod routing_tests;
mod shown;
pub mod source;
pub mod status;
pub mod surroundings;

pub use arguments::{Arguments, Command};
pub use exit::Exit;
pub use output::Output;
use reader::MayLeave;
use shown::Shown;
use std::io::Write as _;

/// Carries a command out; says on standard error what kept it from it.
pub fn run(arguments: Arguments) -> Exit {
    let mut out = Shown(MayLeave::new(anstream::stdout().lock()));
    let result = match arguments.command {
        Command::Check(arguments) => check::run(&arguments, &mut out),
        Command::Explain(arguments) => explain::run(&arguments, &mut out),
        Command::Test(arguments) => routing_tests::run(&arguments, &mut out),
        Command::Diff(arguments) => diff::run(&arguments, &mut out),
        Command::Render(arguments) => render::run(&arguments, &mut out),
        Command::Status(arguments) => status::run(&arguments, &mut out),
        Command::Doctor(arguments) => doctor::run(&arguments, &mut out),
        Command::Schema => program::schema(&mut out),
        Command::Completions { shell } => program::completions(shell, &mut out),
        Command::Man { command } => program::man(command.as_deref(), &mut out),
    };
    result.unwrap_or_else(|error| {
        // Where standard error is closed, nobody is there to be told.
        let _ = writeln!(Shown(anstream::stderr().lock()), "error: {error:#}");
        Exit::Failed
    })
}
