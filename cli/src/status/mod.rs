//! `switchyard status`: what runs in an Envoy, without judging it.
//!
//! Invariant: everything shown was read from the admin, sorted by name; a picture without plugins is shown too.

mod counts;
mod show;
mod summary;
mod watch;

pub use summary::{Summary, summarize};

use crate::admin::{Address, Asked, Client};
use crate::shown::Screen;
use crate::{Exit, Output, output};
use anyhow::Result;
use std::time::Duration;

const EXAMPLES: &str = "Examples:
  switchyard status http://127.0.0.1:9901
  switchyard status localhost:15000 --output json | jq '.upstreams[] | select(.ejected > 0)'
  switchyard status http://127.0.0.1:9902 --watch

It asks /server_info, /config_dump, /clusters and /stats, by GET, and changes nothing; `switchyard doctor` says what is wrong. With --watch
it asks the status page, once a second.
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
    /// Shows the status page at URL, that of the listener which has it, until it is interrupted: docs/status.md.
    #[arg(long)]
    watch: bool,
    /// Looks so often, and ends.
    #[arg(long, value_name = "NUMBER", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    looks: Option<u64>,
}

/// Runs it.
///
/// # Errors
/// When the Envoy does not answer, or answers as none does.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Screen) -> Result<Exit> {
    if arguments.watch {
        let address: Address = arguments.asked.url.parse()?;
        let client = Client::new(address, Duration::from_secs(arguments.asked.timeout));
        return watch::watch(&client, arguments.looks, arguments.output, out);
    }
    let summary = summarize(&arguments.asked.picture()?);
    match arguments.output {
        Output::Text => show::text(&summary, out)?,
        Output::Json => output::json(&summary, out)?,
    }
    Ok(if summary.plugins.is_empty() { Exit::Found } else { Exit::Good })
}

#[cfg(test)]
mod tests;
