//! `switchyard explain`: what becomes of one request, and why.
//!
//! Invariant: the line `x-switchyard-explain` is what the header of that name says in front of a real Envoy with the same document,
//! but for candidates that are not known here, `?`; all else is told beside it (`account`). Exit code 1: no route is for the request.

mod account;
mod asked;
mod text;

pub use account::Account;
pub use asked::{Asked, from_access_log, from_curl, from_line};

use crate::decision::{GivenEndpoints, Prepared};
use crate::source::File;
use crate::{Exit, Output, output};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  switchyard explain switchyard.yaml --request 'GET /cart' -H 'x-user: alice'
  switchyard explain envoy.yaml --request 'POST /rpc' --body @call.json --output json
  switchyard explain switchyard.yaml --curl \"curl -H 'x-user: alice' https://shop.example/cart\"
  switchyard explain switchyard.yaml --access-log \"$(tail -1 access.log)\" -H 'x-user: alice'
  switchyard explain switchyard.yaml --request /cart --endpoints checkout=10.0.0.1:8080,10.0.0.2:8080

Exit codes: 0 a route is for the request, 1 none is, 2 the command could not do its work.";

/// What it takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A document, or an Envoy bootstrap or Kubernetes manifest that carries one; - for standard input.
    pub file: PathBuf,
    #[command(flatten)]
    pub(crate) asked: asked::Arguments,
    /// The endpoints of an upstream, in place of those that it has or where it gets them from: NAME=ip:port,ip:port. May be repeated.
    #[arg(long, value_name = "UPSTREAM=LIST")]
    pub endpoints: Vec<GivenEndpoints>,
    /// What random choices are drawn from; another one gives another draw.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Runs it.
///
/// # Errors
/// When the file or the request cannot be read, or the document is wrong.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit> {
    let asked = arguments.asked.read()?;
    let clusters = asked.request.cluster.as_deref();
    let document = Prepared::of_file(&File::read(&arguments.file)?, &arguments.endpoints, clusters)?;
    let account = Account::of(&document, &asked, arguments.seed)?;
    match arguments.output {
        Output::Text => text::write(&account, out)?,
        Output::Json => output::json(&account, out)?,
    }
    Ok(if account.explanation.is_some() { Exit::Good } else { Exit::Found })
}

#[cfg(test)]
mod tests;
