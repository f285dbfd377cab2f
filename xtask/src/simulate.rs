//! `simulate`: many runs of the simulation over all filters, in filters/switchyard/tests/simulation.
//!
//! Built by a profile of its own, nearly as quick as what ships and with everything looked at that a test looks at; what runs is a test of
//! that crate, which its environment tells what to do. Trade-off: it is compiled twice, once for the step `unit` and once for this.

use crate::workspace::{cargo, quietly};
use anyhow::{Context, Result};
use clap::Args;
use std::process::{Command, Stdio};

/// Which runs.
#[derive(Args)]
pub(crate) struct Simulation {
    /// So many runs, each of a seed.
    #[arg(long, value_name = "N", default_value_t = 20)]
    seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    from: u64,
    /// Requests of each run.
    #[arg(long, value_name = "M", default_value_t = 50_000)]
    requests: u64,
    /// What does not go wrong (`deaths,clock-steps`); a failure that was made shorter names it.
    #[arg(long, value_name = "FAULTS", default_value = "")]
    without: String,
}

/// The test and its profile.
fn test() -> Command {
    let mut test = cargo();
    test.args(["test", "--quiet", "--package", "switchyard-switchyard", "--test", "simulation"]);
    test.args(["--profile", "simulation"]);
    test
}

/// Runs them; whether nothing was broken, and everything was at stake.
///
/// # Errors
/// When it cannot be built or started.
pub(crate) fn simulate(simulation: &Simulation) -> Result<bool> {
    let Simulation { seeds, from, requests, without } = simulation;
    quietly("building the simulation", test().arg("--no-run"))?;
    let status = test()
        .args(["--", "--ignored", "--exact", "many::many", "--nocapture"])
        .env("RUST_BACKTRACE", "0")
        .env("SWITCHYARD_SIMULATE_SEEDS", seeds.to_string())
        .env("SWITCHYARD_SIMULATE_FROM", from.to_string())
        .env("SWITCHYARD_SIMULATE_REQUESTS", requests.to_string())
        .env("SWITCHYARD_SIMULATE_WITHOUT", without)
        .stdin(Stdio::null())
        .status()
        .context("the simulation did not start")?;
    Ok(status.success())
}
