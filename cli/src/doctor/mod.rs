//! `switchyard doctor`: what is wrong with a running Envoy, in groups of ticks and crosses, each cross with a next step.
//!
//! Invariant: a check has one code and one line if all is well, whatever the Envoy; only what is wrong makes more lines. What cannot be seen from
//! the admin is a note and never a tick.
//! Trade-off: counters count since Envoy's start, so what they tell of is a warning at most, unless a gauge or Envoy's dump says that it lasts.

mod check;
mod codes;
mod documented;
mod documents;
mod endpoints;
mod health;
mod observability;
mod page;
mod settings;
mod should_be_zero;
mod show;
mod steering;
mod versions;

pub use check::{Check, Group, Verdict};
pub use codes::CODES;

use crate::admin::{Asked, Picture};
use crate::{Exit, Output};
use anyhow::Result;
use std::io::Write;

const EXAMPLES: &str = "Examples:
  switchyard doctor http://127.0.0.1:9901
  switchyard doctor localhost:15000                   after kubectl port-forward POD 15000, on Istio
  switchyard doctor localhost:19000 --output json     after kubectl port-forward POD 19000, on Envoy Gateway
  switchyard doctor localhost:9901 --fail-on warning --timeout 30

It asks /server_info, /config_dump, /clusters and /stats, by GET, and changes nothing.
Exit codes: 0 no cross, 1 a cross (or a warning, with --fail-on warning), 2 Envoy did not answer.";

/// What it takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// How the checks are shown.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// What makes the exit code 1.
    #[arg(long, value_enum, default_value_t, value_name = "VERDICT")]
    fail_on: show::FailOn,
}

/// Runs it.
///
/// # Errors
/// When the Envoy does not answer, or answers as none does.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit> {
    let picture = arguments.asked.picture()?;
    let checks = examine(&picture);
    match arguments.output {
        Output::Text => show::text(&picture, &checks, out)?,
        Output::Json => show::json(&picture, &checks, out)?,
    }
    let is_wrong = |check: &Check| check.verdict >= arguments.fail_on.verdict();
    Ok(if checks.iter().any(is_wrong) { Exit::Found } else { Exit::Good })
}

/// Every check, in the order of its groups.
pub fn examine(picture: &Picture) -> Vec<Check> {
    let mut checks = versions::envoy(picture);
    checks.extend(versions::modules(picture));
    // Without a filter of ours there is nothing else to look for.
    if picture.filters().next().is_none() {
        return checks;
    }
    for part in [
        settings::all,
        page::all,
        documents::all,
        steering::all,
        endpoints::all,
        health::all,
        observability::all,
    ] {
        checks.extend(part(picture));
    }
    checks
}

#[cfg(test)]
mod tests;
