//! The targets of `fuzz/` without libFuzzer, which takes minutes to build: on their corpus, and for a few seconds each on what changes make
//! of it.
//!
//! Trade-off: they are a workspace of their own, so that nobody builds libFuzzer unasked; what they share with this one is compiled once, for
//! it goes into the same folder.

use super::counts::{Counts, counted};
use crate::workspace::{cargo, quietly, target};
use anyhow::Result;

/// The manifest of the targets, which are no part of the workspace.
pub(super) const FUZZ: &str = "fuzz/Cargo.toml";

/// Lints of the targets, and all of them on what there is.
///
/// # Errors
/// When they do not compile without warnings.
pub(super) fn fuzz() -> Result<Counts> {
    let command = |name: &str| {
        let mut command = cargo();
        command.args([name, "--manifest-path", FUZZ, "--no-default-features", "--target-dir"]).arg(target());
        command.env("CARGO_INCREMENTAL", "0");
        command
    };
    quietly("clippy of fuzz/", command("clippy").args(["--all-targets", "--", "-D", "warnings"]))?;
    let mut counts = counted(command("test").args(["--no-fail-fast", "--", "--nocapture"]))?;
    counts.add(&Counts::one());
    Ok(counts)
}
