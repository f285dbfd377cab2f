//! What a whole run came to, as it stands in docs/figures/mutants: when, where, on which commit, each folder's counts, and who survived.
//!
//! Invariant: a reason that somebody gave for a survivor stays with it for as long as the same change of the same file survives, wherever its line is
//! by then.

use super::report::{Counts, Report, Survivor};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// One file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(rename = "crate")]
    name: String,
    date: String,
    commit: String,
    machine: String,
    minutes: u64,
    folders: BTreeMap<String, Counts>,
    survivors: Vec<Survivor>,
    not_tried: Vec<String>,
}

/// Stores a run, and keeps the reasons of the one before.
///
/// # Errors
/// When what is stored is something else, or cannot be written.
pub(super) fn store(
    root: &Path,
    name: &str,
    [date, commit, machine]: [String; 3],
    time: Duration,
    report: &Report,
) -> Result<()> {
    let folder = root.join("docs/figures/mutants");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{name}.json"));
    let mut survivors = report.survivors.clone();
    if let Ok(text) = fs::read_to_string(&path) {
        let before: Stored = serde_json::from_str(&text).with_context(|| format!("reading {name}.json"))?;
        keep_reasons(&mut survivors, before.survivors);
    }
    let Report { folders, not_tried, .. } = report.clone();
    let minutes = time.as_secs().div_ceil(60);
    let stored =
        Stored { name: name.to_owned(), date, commit, machine, minutes, folders, survivors, not_tried };
    fs::write(&path, serde_json::to_string_pretty(&stored)? + "\n")?;
    println!("docs/figures/mutants/{name}.json is written.");
    Ok(())
}

/// Gives each survivor the reason that the same change of the same file had; the first of them has the first's.
fn keep_reasons(survivors: &mut [Survivor], mut before: Vec<Survivor>) {
    let file = |survivor: &Survivor| survivor.place.split(':').next().unwrap_or_default().to_owned();
    for survivor in survivors {
        let is_same = |old: &Survivor| old.change == survivor.change && file(old) == file(survivor);
        if let Some(index) = before.iter().position(is_same) {
            survivor.reason = before.remove(index).reason;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::example;
    use super::*;

    #[test]
    fn a_reason_stays_with_its_change_though_the_line_is_another() {
        let root = tempfile::tempdir().unwrap();
        let taken = || ["2026-11-30", "abc1234", "two cores"].map(str::to_owned);
        let path = root.path().join("docs/figures/mutants/core.json");
        let mut report = example();
        store(root.path(), "core", taken(), Duration::from_secs(61), &report).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"minutes\": 2") && !text.contains("reason"), "{text}");
        fs::write(&path, text.replace("\"reached\": false", "\"reached\": false, \"reason\": \"equal\""))
            .unwrap();
        report.survivors[0].place = "src/a.rs:77".into();
        store(root.path(), "core", taken(), Duration::from_secs(61), &report).unwrap();
        let stored: Stored = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(stored.survivors[0].reason.as_deref(), Some("equal"));
        assert_eq!(stored.survivors[0].place, "src/a.rs:77");
    }
}
