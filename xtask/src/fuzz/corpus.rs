//! The inputs that come with the checkout: the few and short ones that reach as much as all that were found.
//!
//! Invariant: a target's have no more than [`MOST`] bytes together, the longest going first. Source: libFuzzer's `-merge=1`, which keeps of
//! all inputs, the shortest first, those that reach what none before reached.

use super::Target;
use crate::setup::CargoFuzz;
use crate::workspace::{quietly, target};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The most bytes of one target.
const MOST: u64 = 60 << 10;

/// Puts those of a target into the checkout.
///
/// # Errors
/// When libFuzzer does not run, or a file cannot be written.
pub(super) fn keep(cargo_fuzz: &CargoFuzz, of: &Target) -> Result<()> {
    let merged = target().join("fuzz-merged").join(&of.0);
    let _ = fs::remove_dir_all(&merged);
    fs::create_dir_all(&merged)?;
    let mut merge = cargo_fuzz.command("run");
    merge.arg(&of.0).args([&merged, &of.corpus(), &of.found()]).args(["--", "-merge=1"]);
    quietly(&format!("{}: libFuzzer -merge", of.0), &mut merge)?;
    let corpus = of.corpus();
    fs::remove_dir_all(&corpus).with_context(|| format!("emptying {}", corpus.display()))?;
    fs::create_dir_all(&corpus)?;
    for file in within(MOST, sizes(&merged)?) {
        let name = file.file_name().unwrap_or_default();
        fs::copy(&file, corpus.join(name)).with_context(|| format!("copying {}", file.display()))?;
    }
    Ok(())
}

/// Files and how long they are.
fn sizes(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    fs::read_dir(folder)?
        .map(|entry| entry.and_then(|entry| Ok((entry.metadata()?.len(), entry.path()))).map_err(Into::into))
        .collect()
}

/// The shortest, as many as have no more bytes together.
fn within(most: u64, mut files: Vec<(u64, PathBuf)>) -> Vec<PathBuf> {
    files.sort();
    let mut sum = 0;
    let fitting = files.into_iter().take_while(|(size, _)| {
        sum += size;
        sum <= most
    });
    fitting.map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_are_kept_within_the_bound() {
        let files = [(5, "c"), (1, "a"), (3, "b"), (9, "d")];
        let files = files.map(|(size, name)| (size, PathBuf::from(name))).to_vec();
        assert_eq!(within(9, files.clone()), ["a", "b", "c"].map(PathBuf::from));
        assert_eq!(within(3, files), ["a"].map(PathBuf::from));
    }
}
