//! `switchyard status`: what runs in an Envoy, without judging it.
//!
//! Invariant: everything shown was read from the admin, sorted by name; a picture without plugins is shown too.

mod counts;
mod show;
mod summary;

pub use summary::{Summary, summarize};

use crate::admin::Asked;
use crate::{Exit, Output, output};
use anyhow::Result;
use std::io::Write;

const EXAMPLES: &str = "Examples:
  switchyard status http://127.0.0.1:9901
  switchyard status localhost:15000 --output json | jq '.upstreams[] | select(.ejected > 0)'

It asks /server_info, /config_dump, /clusters and /stats, by GET, and changes nothing; `switchyard doctor` says what is wrong.
Exit codes: 0 Envoy runs plugins of ours, 1 it runs none, 2 it did not answer.";

/// What it takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// How it is shown.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs it.
///
/// # Errors
/// When the Envoy does not answer, or answers as none does.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit> {
    let summary = summarize(&arguments.asked.picture()?);
    match arguments.output {
        Output::Text => show::text(&summary, out)?,
        Output::Json => output::json(&summary, out)?,
    }
    Ok(if summary.plugins.is_empty() { Exit::Found } else { Exit::Good })
}

#[cfg(test)]
mod tests;
