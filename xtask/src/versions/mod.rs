//! `cargo xtask test --envoy all`: the scenarios on every supported Envoy, one after the other, and docs/compatibility.md made of what they said.
//!
//! Invariants: what stands in the page was seen in a run, and with it on which commit and day; a run of a part changes that part alone, so that the whole can be
//! had in pieces; a part that did not pass is said not to have passed. Trade-off: what a scenario is called decides which part it is of, as the
//! folders of `test-harness/tests/scenarios` do.

mod page;
mod stored;

use crate::figures::machine::{commit, today};
use crate::setup::Envoy;
use crate::test;
use anyhow::Result;
use std::path::PathBuf;
use stored::Runs;

pub(crate) use page::page;

/// What `--envoy` takes for every version.
pub(crate) const ALL: &str = "all";

/// Where the runs of each version are stored.
fn folder() -> PathBuf {
    crate::workspace::root().join("docs/compatibility")
}

/// Runs the scenarios, or those that `only` names, on these modules and every Envoy; stores what they said, where the modules are those that are shipped as one.
///
/// # Errors
/// When an Envoy cannot be set up, or what was said cannot be stored.
pub(crate) fn test(only: Option<&str>, modules: &str) -> Result<bool> {
    // What is stored of one version changes the tree that the next is run in.
    let (commit, date) = (commit()?, today()?);
    let (mut passed, mut are_built) = (true, false);
    for version in Envoy::versions() {
        println!("\n==== Envoy {version}");
        let ended = test::run(Some(only.unwrap_or("scenarios")), modules, Some(version), are_built)?;
        are_built = ended.iter().all(|step| step.outcome.is_ok());
        passed &= test::summarize(&ended);
        if modules == "chain" {
            let mut runs = Runs::of(version)?;
            ended
                .iter()
                .filter_map(|step| step.outcome.as_ref().ok())
                .for_each(|said| runs.take(said, (&commit, &date)));
            runs.store()?;
        }
    }
    let (path, text) = page()?;
    std::fs::write(path, &text)?;
    println!("\n{text}");
    Ok(passed)
}
