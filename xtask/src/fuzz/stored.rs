//! docs/figures/fuzz/targets.json: how often each target was run, in sum, and what of it its corpus reaches.
//!
//! Invariant: a target's runs are added as soon as it has ended, so a run of many targets that is ended by hand loses none but the one under way.
//! Trade-off: runs of code that is another by now count, too; how much a corpus reaches is of the last run.

use super::said::Said;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// One target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// In sum.
    runs: u64,
    /// In sum.
    crashes: u64,
    /// Edges of the program that its corpus reaches.
    coverage: u64,
    /// The last day that it was run.
    date: String,
    commit: String,
}

/// All targets that have run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Stored(BTreeMap<String, Row>);

impl Stored {
    /// What is stored; nothing, if nothing is.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn read(root: &Path) -> Result<Self> {
        match fs::read_to_string(path(root)) {
            Ok(text) => serde_json::from_str(&text).context("reading docs/figures/fuzz/targets.json"),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Adds a run of this day and commit.
    pub(super) fn add(&mut self, said: &Said, [date, commit]: [String; 2]) {
        let row = self.0.entry(said.target.clone()).or_default();
        let (runs, crashes) = (row.runs + said.runs, row.crashes + u64::from(said.crash.is_some()));
        *row = Row { runs, crashes, coverage: said.coverage, date, commit };
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, root: &Path) -> Result<()> {
        let path = path(root);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
            .context("writing docs/figures/fuzz/targets.json")
    }

    fn runs(&self) -> u64 {
        self.0.values().map(|row| row.runs).sum()
    }

    /// The section of docs/proof.md.
    pub(super) fn section(&self) -> String {
        let mut text = format!(
            "## Fuzzing\n\nlibFuzzer has run the targets {} times in sum. Every input that made one panic is in fuzz/regressions/.\n\n\
             | target | runs | panics | edges reached | last run | commit |\n| --- | ---: | ---: | ---: | --- | --- |\n",
            grouped(self.runs())
        );
        for (target, row) in &self.0 {
            let Row { runs, crashes, coverage, date, commit } = row;
            let runs = grouped(*runs);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| {target} | {runs} | {crashes} | {coverage} | {date} | {commit} |");
        }
        text
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let is_start = |index: usize| index > 0 && (digits.len() - index).is_multiple_of(3);
    digits
        .char_indices()
        .flat_map(|(index, digit)| is_start(index).then_some(',').into_iter().chain([digit]))
        .collect()
}

fn path(root: &Path) -> PathBuf {
    root.join("docs/figures/fuzz/targets.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(target: &str, runs: u64, crash: Option<&str>) -> Said {
        Said { target: target.into(), runs, coverage: 70, crash: crash.map(str::to_owned), ..Said::default() }
    }

    #[test]
    fn runs_of_a_target_add_up_from_run_to_run() {
        let root = tempfile::tempdir().unwrap();
        let today = || ["2026-11-30", "abc1234"].map(str::to_owned);
        for (target, runs, crash) in
            [("json", 999, None), ("json", 1, Some("crash-1")), ("board", 2_000_000, None)]
        {
            let mut stored = Stored::read(root.path()).unwrap();
            stored.add(&said(target, runs, crash), today());
            stored.write(root.path()).unwrap();
        }
        let section = Stored::read(root.path()).unwrap().section();
        assert!(section.contains("the targets 2,001,000 times in sum"), "{section}");
        assert!(section.ends_with("| json | 1,000 | 1 | 70 | 2026-11-30 | abc1234 |\n"), "{section}");
        fs::write(path(root.path()), "[]").unwrap();
        assert!(Stored::read(root.path()).is_err());
    }

    #[test]
    fn digits_stand_in_threes() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
