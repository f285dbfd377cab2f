//! What a whole run came to, as it stands in docs/figures/mutants: when, where, on which commit, each folder's counts, and who survived.
//!
//! Invariant: a reason that somebody gave for a survivor stays with it for as long as the same change of the same file survives, wherever its line is
//! by then.

use super::listed::{Mutant, folder_of};
use super::report::{Counts, Report, Survivor};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    #[serde(rename = "crate")]
    pub(super) name: String,
    pub(super) date: String,
    pub(super) commit: String,
    machine: String,
    minutes: u64,
    pub(super) folders: BTreeMap<String, Counts>,
    pub(super) survivors: Vec<Survivor>,
    not_tried: Vec<String>,
}

impl Stored {
    /// What was stored of a crate.
    ///
    /// # Errors
    /// When nothing was, or something else.
    pub(super) fn read(root: &Path, name: &str) -> Result<Self> {
        let path = path(root, name);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("reading {}: is there a whole run of {name}?", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {name}.json"))
    }

    /// Whether it survived and nobody knows why, or one did that cannot be told from it now that lines are others: the same change in the same
    /// function of the same file.
    pub(super) fn is_open(&self, mutant: &Mutant) -> bool {
        self.survivors.iter().any(|survivor| survivor.reason.is_none() && is_change(survivor, mutant))
    }

    /// The same after its survivors were tried again, with all that cannot be told from them. Those that were not tried stay; those whose code is
    /// gone, of all mutants that there are now, count no more.
    pub(super) fn renewed(mut self, report: &Report, tried: &[&Mutant], all: &[Mutant]) -> Self {
        let is_tried = |old: &Survivor| tried.iter().any(|mutant| is_change(old, mutant));
        let is_gone = |old: &Survivor| !all.iter().any(|mutant| is_change(old, mutant));
        let before = std::mem::take(&mut self.survivors);
        for old in before.iter().filter(|old| is_gone(old)) {
            self.folders.entry(folder_of(&old.place).to_owned()).or_default().forget_a_survivor();
        }
        let mut survivors = report.survivors.clone();
        survivors.extend(before.iter().filter(|old| !is_tried(old) && !is_gone(old)).cloned());
        keep_reasons(&mut survivors, before);
        for (folder, counts) in &mut self.folders {
            counts.survive(survivors.iter().filter(|survivor| folder_of(&survivor.place) == folder).count());
        }
        Self { survivors, ..self }
    }

    /// Stores it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, root: &Path) -> Result<()> {
        let path = path(root, &self.name);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        println!("docs/figures/mutants/{}.json is written.", self.name);
        Ok(())
    }
}

/// Whether a survivor is this change of this file, wherever its line is now.
fn is_change(survivor: &Survivor, mutant: &Mutant) -> bool {
    survivor.change == mutant.change() && file_of(survivor) == mutant.file
}

fn file_of(survivor: &Survivor) -> &str {
    survivor.place.split(':').next().unwrap_or_default()
}

fn path(root: &Path, name: &str) -> PathBuf {
    root.join("docs/figures/mutants").join(format!("{name}.json"))
}

/// Whether a whole run of a crate is stored.
pub(super) fn is_there(root: &Path, name: &str) -> bool {
    path(root, name).is_file()
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
    let mut survivors = report.survivors.clone();
    if is_there(root, name) {
        keep_reasons(&mut survivors, Stored::read(root, name)?.survivors);
    }
    let Report { folders, not_tried, .. } = report.clone();
    let minutes = time.as_secs().div_ceil(60);
    let name = name.to_owned();
    Stored { name, date, commit, machine, minutes, folders, survivors, not_tried }.write(root)
}

/// Gives each survivor the reason that the same change of the same file had; the first of them has the first's.
fn keep_reasons(survivors: &mut [Survivor], mut before: Vec<Survivor>) {
    for survivor in survivors {
        let is_same = |old: &Survivor| old.change == survivor.change && file_of(old) == file_of(survivor);
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

    #[test]
    fn survivors_that_are_tried_again_are_caught_or_stay_as_do_those_that_are_not() {
        let root = tempfile::tempdir().unwrap();
        let taken = ["2026-11-30", "abc1234", "two cores"].map(str::to_owned);
        store(root.path(), "core", taken, Duration::from_secs(61), &example()).unwrap();
        let read = || Stored::read(root.path(), "core").unwrap();
        let percent = |stored: &Stored| {
            let folders = stored.folders.clone();
            Report { folders, ..Report::default() }.to_string().split(' ').next_back().map(str::to_owned)
        };
        let (mutants, none) = (super::super::report::mutants(), Report::default());
        assert!(read().is_open(&mutants[1]) && !read().is_open(&mutants[0]));
        let mut known = read();
        known.survivors[0].reason = Some("It is the same.".to_owned());
        assert!(!known.is_open(&mutants[1]), "nobody has to look at it again");
        assert_eq!(percent(&read()).as_deref(), Some("50.0"));
        let tried = mutants.each_ref();
        assert_eq!(percent(&read().renewed(&none, &tried, &mutants)).as_deref(), Some("100.0"));
        assert_eq!(percent(&read().renewed(&none, &[], &mutants)).as_deref(), Some("50.0"));
        assert_eq!(read().renewed(&example(), &tried, &mutants), read());
        let without_it = read().renewed(&none, &[], &mutants[..1]);
        assert!(without_it.survivors.is_empty() && percent(&without_it).as_deref() == Some("100.0"));
        assert!(Stored::read(root.path(), "host").is_err());
    }
}
